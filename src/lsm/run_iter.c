/* SPDX-License-Identifier: MIT */
/*
 * A run as one cursor: a place in one of its tables, which stays where it is
 * until another table is needed, so that searches nearby open nothing.
 *
 * All versions of a key lie in one table of a run, yet a search may run off
 * the end of the table that has the key: it then goes on in the next.
 */
#include "lsm/run_iter.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "lsm/sst_cursor.h"
#include "lsm/sst_reader.h"
#include "lsm/version.h"
#include "tt_errors.h"

/* A resting cursor keeps a block up to this size. */
#define REST_BLOCK_BYTES ((size_t)32 << 10)

struct run_iter {
	struct rec_iter it;
	const struct run *run;
	uint32_t from, to; /* its tables */
	uint32_t at;	   /* the table that `c` is in, if in any */
	struct table_cache *tables;
	const struct key_bounds *bounds; /* NULL: none */
	struct sst_cursor c;
};

static struct run_iter *of(struct rec_iter *it)
{
	return container_of(it, struct run_iter, it);
}

/* ---- tables ---------------------------------------------------------------- */

static struct tt_slice min_key(const struct run_iter *r, uint32_t i)
{
	return r->run->tables[i]->desc.min_key;
}

static struct tt_slice max_key(const struct run_iter *r, uint32_t i)
{
	return r->run->tables[i]->desc.max_key;
}

static bool is_open(const struct run_iter *r, uint32_t i)
{
	return r->c.table && r->at == i;
}

static int open_table(struct run_iter *r, uint32_t i)
{
	struct sst_reader *reader;
	int rc;

	if (likely(is_open(r, i)))
		return 0;
	rc = table_pin(r->tables, &r->run->tables[i]->slot, &reader);
	if (rc < 0)
		return rc;
	sst_cursor_set_table(&r->c, reader);
	r->at = i;
	return 0;
}

static bool is_above(const struct run_iter *r, uint32_t i)
{
	return r->bounds && r->bounds->upper.len &&
	       key_cmp(min_key(r, i), r->bounds->upper) >= 0;
}

static bool is_below(const struct run_iter *r, uint32_t i)
{
	return r->bounds && r->bounds->lower.len &&
	       key_cmp(max_key(r, i), r->bounds->lower) < 0;
}

/* Onto the first record of table `i`, or of one behind it. */
static int first_from(struct run_iter *r, uint32_t i)
{
	int rc = TT_END;

	for (; rc == TT_END && i < r->to && !is_above(r, i); i++) {
		rc = open_table(r, i);
		if (rc == 0)
			rc = sst_cursor_first(&r->c, &r->it.rec);
	}
	return rc;
}

/* Onto the last record of table `i - 1`, or of one before it. */
static int last_before(struct run_iter *r, uint32_t i)
{
	int rc = TT_END;

	for (; rc == TT_END && i > r->from && !is_below(r, i - 1); i--) {
		rc = open_table(r, i - 1);
		if (rc == 0)
			rc = sst_cursor_last(&r->c, &r->it.rec);
	}
	return rc;
}

/* The first table whose largest key is not below `key`; r->to: none. */
static uint32_t table_from(const struct run_iter *r, struct tt_slice key)
{
	uint32_t i = run_find(r->run, key);

	return i < r->from ? r->from : MIN_OF(i, r->to);
}

/* ---- moves ----------------------------------------------------------------- */

static int run_first(struct rec_iter *it)
{
	return first_from(of(it), of(it)->from);
}

static int run_last(struct rec_iter *it)
{
	return last_before(of(it), of(it)->to);
}

static void run_prepare(struct rec_iter *it, struct tt_slice key, int64_t ts,
			unsigned step)
{
	struct run_iter *r = of(it);

	/* Before a table's first key there is little to find, and a search
	 * back goes to the table before. A failure is the search's to tell. */
	if (step == 0) {
		uint32_t i = table_from(r, key);

		if (i == r->to || is_above(r, i) ||
		    key_cmp(min_key(r, i), key) > 0 || open_table(r, i) < 0)
			return;
	}
	if (r->c.table)
		sst_cursor_prepare(&r->c, key, ts, step);
}

static int run_seek(struct rec_iter *it, struct tt_slice key, int64_t ts)
{
	struct run_iter *r = of(it);
	uint32_t i = table_from(r, key);
	int rc;

	if (i == r->to || is_above(r, i))
		return TT_END;
	rc = open_table(r, i);
	if (rc < 0)
		return rc;
	rc = sst_cursor_seek(&r->c, key, ts, &it->rec);
	return rc == TT_END ? first_from(r, i + 1) : rc;
}

static int run_seek_for_prev(struct rec_iter *it, struct tt_slice key,
			     int64_t ts)
{
	struct run_iter *r = of(it);
	uint32_t i = table_from(r, key);
	int rc;

	if (i == r->to || is_above(r, i) || key_cmp(min_key(r, i), key) > 0)
		return last_before(r, i);
	rc = open_table(r, i);
	if (rc < 0)
		return rc;
	rc = sst_cursor_seek_for_prev(&r->c, key, ts, &it->rec);
	return rc == TT_END ? last_before(r, i) : rc;
}

static int run_next(struct rec_iter *it)
{
	struct run_iter *r = of(it);
	int rc = sst_cursor_next(&r->c, &it->rec);

	return likely(rc != TT_END) ? rc : first_from(r, r->at + 1);
}

static int run_prev(struct rec_iter *it)
{
	struct run_iter *r = of(it);
	int rc = sst_cursor_prev(&r->c, &it->rec);

	return likely(rc != TT_END) ? rc : last_before(r, r->at);
}

static void run_free(struct rec_iter *it)
{
	struct run_iter *r = of(it);

	sst_cursor_fini(&r->c);
	free(r);
}

static const struct rec_iter_ops run_iter_ops = {
	.first = run_first,
	.last = run_last,
	.seek = run_seek,
	.seek_for_prev = run_seek_for_prev,
	.next = run_next,
	.prev = run_prev,
	.free = run_free,
	.prepare = run_prepare,
};

int run_iter_new(const struct run *run, uint32_t from, uint32_t to,
		 struct table_cache *tables, struct block_cache *blocks,
		 unsigned flags, struct rec_iter **out)
{
	struct run_iter *r = malloc(sizeof(*r));

	if (!r)
		return err_nomem("run cursor");
	r->it.ops = &run_iter_ops;
	r->run = run;
	r->from = from;
	r->to = to;
	r->at = 0;
	r->tables = tables;
	r->bounds = NULL;
	sst_cursor_init(&r->c, blocks, flags);
	*out = &r->it;
	return 0;
}

void run_iter_set_bounds(struct rec_iter *it, const struct key_bounds *b)
{
	of(it)->bounds = b;
}

void run_iter_set_flags(struct rec_iter *it, unsigned flags)
{
	sst_cursor_set_flags(&of(it)->c, flags);
}

void run_iter_rest(struct rec_iter *it)
{
	sst_cursor_shrink(&of(it)->c, REST_BLOCK_BYTES);
}
