/* SPDX-License-Identifier: MIT */
/*
 * Verifying what a table points to. Records are taken in the table's order,
 * so the reads of value files are anywhere.
 */
#include <stdio.h>

#include "base/err.h"
#include "lsm/sst_reader.h"
#include "lsm/value_reader.h"

static void report(struct value_check *c, const char *text)
{
	if (c->report)
		c->report(c->arg, text);
}

void value_check_fini(struct value_check *c)
{
	value_disk_fini(&c->disk);
}

static int check_pointer(struct value_check *c, const struct record *rec,
			 struct value_refs *sums)
{
	struct value_ptr p;
	int r;

	value_ptr_decode(rec->value.data, &p);
	r = value_refs_add(sums, p.file_no,
			   value_record_space(rec->key.len, p.stored_len));
	if (r == 0)
		r = value_disk_verify(&c->disk, &p, rec->key);
	if (r == TT_ECORRUPT || r == TT_EVERSION) {
		report(c, err_text());
		return 0;
	}
	if (r == 0) {
		c->n_values++;
		c->n_bytes += p.stored_len;
	}
	return r;
}

static int check_records(struct value_check *c, struct sst_reader *table,
			 struct value_refs *sums)
{
	struct rec_iter *it;
	int r = sst_iter_new(table, NULL, SST_ITER_SEQUENTIAL, &it);

	if (r < 0)
		return r;
	for (r = rec_iter_first(it); r == 0; r = rec_iter_next(it)) {
		if (it->rec.kind != RECORD_POINTER)
			continue;
		r = check_pointer(c, &it->rec, sums);
		if (r < 0)
			break;
	}
	rec_iter_free(it);
	return r == TT_END ? 0 : r;
}

static void compare(struct value_check *c, struct sst_reader *table,
		    const struct value_refs *sums, const struct value_ref *refs,
		    size_t n_refs)
{
	char text[ERR_TEXT_MAX];
	struct sst_info info;
	bool is_same = sums->n == n_refs;

	for (size_t i = 0; is_same && i < n_refs; i++)
		is_same = sums->v[i].file_no == refs[i].file_no &&
			  sums->v[i].bytes == refs[i].bytes;
	if (is_same)
		return;
	sst_info(table, &info);
	(void)snprintf(text, sizeof(text),
		       "%s: points to other value files, or parts of them, "
		       "than the manifest says",
		       info.path);
	report(c, text);
}

int value_check_table(struct value_check *c, struct sst_reader *table,
		      const struct value_ref *refs, size_t n_refs)
{
	struct value_refs sums;
	int r;

	value_refs_init(&sums);
	r = check_records(c, table, &sums);
	if (r == 0)
		compare(c, table, &sums, refs, n_refs);
	else if (r == TT_ECORRUPT) /* a block, which sst_verify() names */
		r = 0;
	value_refs_fini(&sums);
	return r;
}
