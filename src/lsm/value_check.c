/* SPDX-License-Identifier: MIT */
/*
 * Verifying what a table, a memtable or the log points to. Records are taken
 * in their order, so the reads of value files are anywhere.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "lsm/batch.h"
#include "lsm/sst_reader.h"
#include "lsm/value_reader.h"
#include "lsm/wal_reader.h"

static void report(struct value_check *c, const char *text)
{
	if (c->report)
		c->report(c->arg, text);
}

void value_check_fini(struct value_check *c)
{
	value_disk_fini(&c->disk);
}

/* `no` other than 0: only if it points into that file. */
static int check_pointer(struct value_check *c, const struct record *rec,
			 uint64_t no, struct value_refs *sums)
{
	struct value_ptr p;
	int r;

	value_ptr_decode(rec->value.data, rec->key.len, &p);
	if (no && no != p.file_no)
		return 0;
	r = value_refs_add(sums, p.file_no, value_ptr_space(&p));
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

static int check_records(struct value_check *c, struct rec_iter *it,
			 uint64_t no, struct value_refs *sums)
{
	int r;

	for (r = rec_iter_first(it); r == 0; r = rec_iter_next(it)) {
		if (it->rec.kind != RECORD_POINTER)
			continue;
		r = check_pointer(c, &it->rec, no, sums);
		if (r < 0)
			break;
	}
	return r == TT_END ? 0 : r;
}

static int check_table(struct value_check *c, struct sst_reader *table,
		       uint64_t no, struct value_refs *sums)
{
	struct rec_iter *it;
	int r = sst_iter_new(table, NULL, SST_ITER_SEQUENTIAL, &it);

	if (r < 0)
		return r;
	r = check_records(c, it, no, sums);
	rec_iter_free(it);
	return r;
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
	r = check_table(c, table, 0, &sums);
	if (r == 0)
		compare(c, table, &sums, refs, n_refs);
	else if (r == TT_ECORRUPT) /* a block, which sst_verify() names */
		r = 0;
	value_refs_fini(&sums);
	return r;
}

int value_check_file(struct value_check *c, struct sst_reader *table,
		     uint64_t no)
{
	struct value_refs sums;
	int r;

	value_refs_init(&sums);
	r = check_table(c, table, no, &sums);
	value_refs_fini(&sums);
	return r;
}

int value_check_memtable(struct value_check *c, struct rec_iter *it)
{
	struct value_refs sums;
	int r;

	value_refs_init(&sums);
	r = check_records(c, it, 0, &sums);
	value_refs_fini(&sums);
	return r;
}

/* ---- the log ---------------------------------------------------------- */

struct log_check {
	struct value_check *c;
	const struct value_ref *files;
	size_t n_files;
	uint64_t durable; /* values of records below must be there */
};

static bool is_sealed(const struct log_check *l, uint64_t no)
{
	size_t at = value_refs_find(l->files, l->n_files, no);

	return at < l->n_files && l->files[at].file_no == no &&
	       l->files[at].bytes;
}

static bool is_named(const struct log_check *l, uint64_t no)
{
	size_t at = value_refs_find(l->files, l->n_files, no);

	return at < l->n_files && l->files[at].file_no == no;
}

static void report_unnamed(struct value_check *c, uint64_t no)
{
	char text[ERR_TEXT_MAX];

	(void)snprintf(text, sizeof(text),
		       "the log points into value file %06" PRIu64
		       ", which is no part of the store",
		       no);
	report(c, text);
}

/* 0, TT_END when the log ends before the record at `lsn`, or negative. */
static int check_logged(struct log_check *l, uint64_t lsn,
			const struct batch_op *op)
{
	struct value_ptr p;
	int r;

	value_ptr_decode(op->value.data, op->key.len, &p);
	if (!is_named(l, p.file_no)) {
		report_unnamed(l->c, p.file_no);
		return 0;
	}
	r = value_disk_verify(&l->c->disk, &p, op->key);
	if (r == 0) {
		l->c->n_values++;
		l->c->n_bytes += p.stored_len;
	}
	if (r != TT_ECORRUPT && r != TT_EVERSION)
		return r;
	if (lsn >= l->durable && !is_sealed(l, p.file_no))
		return TT_END;
	report(l->c, err_text());
	return 0;
}

static int check_batch(void *arg, uint64_t lsn, int64_t ts,
		       struct tt_slice payload)
{
	struct log_check *l = arg;
	struct batch_reader reader;
	struct batch_op op;
	int r = batch_reader_init(&reader, payload);

	(void)ts;
	while (r == 0 && (r = batch_reader_next(&reader, &op)) == 0) {
		int checked = op.kind == RECORD_POINTER
				      ? check_logged(l, lsn, &op)
				      : 0;

		if (checked != 0)
			return checked;
	}
	if (r == TT_END)
		return 0;
	if (r == TT_ECORRUPT) {
		report(l->c, err_text());
		r = 0;
	}
	return r;
}

static int accept_batch(void *arg, uint64_t lsn, int64_t ts,
			struct tt_slice payload)
{
	(void)arg;
	(void)lsn;
	(void)ts;
	(void)payload;
	return 0;
}

int value_check_log(struct value_check *c, const char *wal_dir, uint64_t from,
		    const struct value_ref *files, size_t n_files,
		    struct wal_tail *tail)
{
	struct log_check l = { c, files, n_files, 0 };
	int r = wal_replay(c->disk.env, wal_dir, from, accept_batch, NULL,
			   tail);

	if (r < 0)
		return r;
	l.durable = tail->durable;
	return wal_replay(c->disk.env, wal_dir, from, check_batch, &l, tail);
}
