/* SPDX-License-Identifier: MIT */
/*
 * A level as one cursor. The table that holds a key is found by binary
 * search over the largest (going back: smallest) keys; the cursor over the
 * last table used is kept, so that seeks nearby open nothing.
 */
#include "lsm/level_iter.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "tt_errors.h"

struct level_iter {
	struct rec_iter it;
	struct level_source src;
	size_t at;		/* the table of `table` */
	struct rec_iter *table; /* owned; NULL: none is open */
};

static struct level_iter *of(struct rec_iter *it)
{
	return container_of(it, struct level_iter, it);
}

static int open_table(struct level_iter *l, size_t i)
{
	int r;

	if (l->table && l->at == i)
		return 0;
	rec_iter_free(l->table);
	l->table = NULL;
	r = l->src.open(l->src.arg, i, &l->table);
	if (r < 0)
		l->table = NULL;
	l->at = i;
	return r;
}

/* Shows the table's record after its move returned `r`; past its last one
 * goes on in the tables behind. */
static int forward(struct level_iter *l, int r)
{
	while (r == TT_END && l->at + 1 < l->src.n) {
		r = open_table(l, l->at + 1);
		if (r == 0)
			r = rec_iter_first(l->table);
	}
	if (r == 0)
		l->it.rec = l->table->rec;
	return r;
}

static int backward(struct level_iter *l, int r)
{
	while (r == TT_END && l->at > 0) {
		r = open_table(l, l->at - 1);
		if (r == 0)
			r = rec_iter_last(l->table);
	}
	if (r == 0)
		l->it.rec = l->table->rec;
	return r;
}

static int level_first(struct rec_iter *it)
{
	struct level_iter *l = of(it);
	int r;

	if (l->src.n == 0)
		return TT_END;
	r = open_table(l, 0);
	return r < 0 ? r : forward(l, rec_iter_first(l->table));
}

static int level_last(struct rec_iter *it)
{
	struct level_iter *l = of(it);
	int r;

	if (l->src.n == 0)
		return TT_END;
	r = open_table(l, l->src.n - 1);
	return r < 0 ? r : backward(l, rec_iter_last(l->table));
}

/* The first table whose largest key is not below `key`; n when none is. */
static size_t find_by_max(const struct level_iter *l, struct tt_slice key)
{
	size_t lo = 0, hi = l->src.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (key_cmp(l->src.max_key(l->src.arg, mid), key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* How many tables have a smallest key not above `key`. */
static size_t count_by_min(const struct level_iter *l, struct tt_slice key)
{
	size_t lo = 0, hi = l->src.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (key_cmp(l->src.min_key(l->src.arg, mid), key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The table found may hold only versions before (behind) the one sought, and
 * its neighbour others of the same key: hence the searches go on there. */
static int level_seek(struct rec_iter *it, struct tt_slice key, int64_t ts)
{
	struct level_iter *l = of(it);
	size_t i = find_by_max(l, key);
	int r = TT_END;

	for (; r == TT_END && i < l->src.n; i++) {
		r = open_table(l, i);
		if (r == 0)
			r = rec_iter_seek(l->table, key, ts);
	}
	if (r == 0)
		l->it.rec = l->table->rec;
	return r;
}

static int level_seek_for_prev(struct rec_iter *it, struct tt_slice key,
			       int64_t ts)
{
	struct level_iter *l = of(it);
	size_t n = count_by_min(l, key);
	int r = TT_END;

	for (; r == TT_END && n > 0; n--) {
		r = open_table(l, n - 1);
		if (r == 0)
			r = rec_iter_seek_for_prev(l->table, key, ts);
	}
	if (r == 0)
		l->it.rec = l->table->rec;
	return r;
}

static int level_next(struct rec_iter *it)
{
	struct level_iter *l = of(it);
	int r = rec_iter_next(l->table);

	if (likely(r == 0)) {
		l->it.rec = l->table->rec;
		return 0;
	}
	return forward(l, r);
}

static int level_prev(struct rec_iter *it)
{
	struct level_iter *l = of(it);

	return backward(l, rec_iter_prev(l->table));
}

static void level_free(struct rec_iter *it)
{
	struct level_iter *l = of(it);

	rec_iter_free(l->table);
	if (l->src.release)
		l->src.release(l->src.arg);
	free(l);
}

static const struct rec_iter_ops level_iter_ops = {
	.first = level_first,
	.last = level_last,
	.seek = level_seek,
	.seek_for_prev = level_seek_for_prev,
	.next = level_next,
	.prev = level_prev,
	.free = level_free,
};

int level_iter_new(const struct level_source *src, struct rec_iter **out)
{
	struct level_iter *l = malloc(sizeof(*l));

	if (!l)
		return err_nomem("iterator");
	l->it.ops = &level_iter_ops;
	l->src = *src;
	l->at = 0;
	l->table = NULL;
	*out = &l->it;
	return 0;
}
