/* SPDX-License-Identifier: MIT */
/*
 * Reading a whole table to say whether it is sound. Unlike a reader on its
 * way to one key, this looks at everything that is redundant: the order
 * within and across blocks, every count and range of the header, and the
 * filter's answer for every key.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "lsm/key_hash.h"
#include "lsm/operand.h"
#include "lsm/sst_reader_impl.h"
#include "lsm/value_format.h"

/* Bytes read at once. */
#define WINDOW ((size_t)1 << 20)

struct verify {
	struct sst_reader *table;
	struct sst_direct direct;
	sst_report_fn fn;
	void *arg;
	bool is_damaged;
	bool has_gap; /* a block was skipped: sums cannot add up */

	struct buf last_key;
	int64_t last_ts;
	bool has_last;
	uint64_t n_tombstones;
	uint32_t n_ranges; /* records of range tombstones */
	uint32_t pointers; /* SST_INCOMPAT_* of those there are */
	int64_t min_ts, max_ts;
};

static void report(struct verify *v, const char *text)
{
	v->is_damaged = true;
	if (v->fn)
		v->fn(v->arg, text);
}

static void report_block(struct verify *v, uint32_t i, const char *what)
{
	struct sst_block_ref ref;
	char text[ERR_TEXT_MAX];

	sst_index_block(&v->table->index, i, &ref);
	snprintf(text, sizeof(text),
		 "%s: block %" PRIu32 " at offset %" PRIu64 " %s",
		 v->table->path, i, ref.offset, what);
	report(v, text);
}

static void report_header(struct verify *v, const char *what)
{
	char text[ERR_TEXT_MAX];

	snprintf(text, sizeof(text), "%s: header %s", v->table->path, what);
	report(v, text);
}

static void check_range(struct verify *v, const struct block *b, uint32_t i)
{
	const struct sst_index *ix = &v->table->index;
	struct record first, last;

	block_record(b, 0, &first);
	block_record(b, b->n - 1, &last);
	if (record_cmp_at(sst_index_sep_key(ix, i), sst_index_sep_ts(ix, i),
			  first.key, first.ts) > 0)
		report_block(v, i, "begins before its separator");
	if (i + 1 < ix->n_blocks &&
	    record_cmp_at(sst_index_sep_key(ix, i + 1),
			  sst_index_sep_ts(ix, i + 1), last.key, last.ts) <= 0)
		report_block(v, i, "goes beyond the next separator");
	if (v->has_last && record_cmp_at(buf_slice(&v->last_key), v->last_ts,
					 first.key, first.ts) >= 0)
		report_block(v, i, "is out of order with the one before");
	if (i == 0 && !key_eq(first.key, ix->min_key))
		report_header(v, "has another smallest key than the data");
	if (i + 1 == ix->n_blocks && !key_eq(last.key, ix->max_key))
		report_header(v, "has another largest key than the data");
}

/* The next of the list must be this record, but that it may end earlier. */
static void check_range_record(struct verify *v, uint32_t i,
			       const struct record *rec)
{
	const struct sst_ranges *list = &v->table->index.ranges;
	uint32_t no = v->n_ranges++;
	struct range_del d;

	if (no >= list->n) {
		if (no == list->n)
			report_block(v, i,
				     "has a range tombstone that is "
				     "not in the list");
		return;
	}
	sst_ranges_at(list, no, &d);
	if (!key_eq(d.start, rec->key) || d.ts != rec->ts ||
	    range_end_cmp(d.end, rec->value) > 0)
		report_block(v, i, "has another range tombstone than the list");
}

static void note_pointer(struct verify *v, const struct record *rec)
{
	struct value_ptr p;

	value_ptr_decode(rec->value.data, rec->key.len, &p);
	v->pointers |= SST_INCOMPAT_POINTERS;
	if (p.is_shared)
		v->pointers |= SST_INCOMPAT_SHARED;
}

static void check_records(struct verify *v, const struct block *b, uint32_t i)
{
	struct record rec;
	uint32_t n_hidden = 0, n_odd = 0;

	for (uint32_t j = 0; j < b->n; j++) {
		block_record(b, j, &rec);
		v->n_tombstones += rec.kind == RECORD_TOMBSTONE;
		if (rec.kind == RECORD_RANGE && !v->has_gap)
			check_range_record(v, i, &rec);
		n_odd += rec.kind == RECORD_MERGE &&
			 operands_check(rec.value) < 0;
		if (rec.kind == RECORD_POINTER)
			note_pointer(v, &rec);
		v->min_ts = MIN_OF(v->min_ts, rec.ts);
		v->max_ts = MAX_OF(v->max_ts, rec.ts);
		n_hidden +=
			!filter_may_have(&v->table->filter, key_hash(rec.key));
	}
	if (n_hidden)
		report_block(v, i, "has keys that the filter does not know");
	if (n_odd)
		report_block(v, i, "has merge records without sense");
}

static int check_block(struct verify *v, uint32_t i)
{
	struct block *b;
	struct record last;
	int r = sst_direct_block(v->table, &v->direct, i, WINDOW, &b);

	if (r == TT_ECORRUPT) {
		v->has_gap = true;
		report(v, err_text());
		return 0;
	}
	if (r < 0)
		return r;
	if (block_check_order(b) < 0)
		report_block(v, i, "holds records out of order");
	check_range(v, b, i);
	check_records(v, b, i);
	block_record(b, b->n - 1, &last);
	r = buf_set(&v->last_key, last.key);
	v->last_ts = last.ts;
	v->has_last = true;
	block_unref(b);
	return r < 0 ? err_nomem("a key") : 0;
}

static void check_sums(struct verify *v)
{
	const struct sst_index_header *h = v->table->index.header;

	if (v->n_tombstones != le64_get(h->n_tombstones))
		report_header(v, "counts other tombstones than there are");
	if (v->n_ranges < v->table->index.ranges.n)
		report_header(v, "lists range tombstones that are not there");
	if (v->min_ts != (int64_t)le64_get(h->min_ts) ||
	    v->max_ts != (int64_t)le64_get(h->max_ts))
		report_header(v, "has another range of timestamps");
	if (v->pointers & ~le32_get(h->incompat))
		report_header(v, "does not announce its pointers to values");
}

int sst_verify(struct sst_reader *r, sst_report_fn fn, void *arg)
{
	struct verify v = {
		.table = r,
		.fn = fn,
		.arg = arg,
		.min_ts = INT64_MAX,
		.max_ts = INT64_MIN,
	};
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < r->index.n_blocks; i++)
		rc = check_block(&v, i);
	if (rc == 0 && !v.has_gap)
		check_sums(&v);
	buf_fini(&v.last_key);
	sst_direct_fini(&v.direct);
	if (rc == 0 && v.is_damaged)
		return err_set(TT_ECORRUPT, "%s: table is damaged", r->path);
	return rc;
}
