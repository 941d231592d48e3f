/* SPDX-License-Identifier: MIT */
/*
 * Merging cursors: the children that have a position stand in a binary heap
 * (smallest first going forward, largest first going back). The top is the
 * current one; a step moves it and lets it sink. The better of its two
 * children in the heap is remembered, so that a run of records from one
 * source, the usual case, costs one comparison each, and none once the other
 * children are exhausted.
 *
 * Turning round repositions the other children by a search.
 */
#include "lsm/merge_iter.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "tt_errors.h"

/*
 * Invariants while there is a position:
 * 1. heap[0 .. n_heap) are the children with a position, each not before
 *    (going back: not behind) heap[0] in order.
 * 2. it.rec equals heap[0]'s record.
 */
struct merge_iter {
	struct rec_iter it;
	size_t n;
	struct rec_iter **children; /* owned */
	size_t n_heap;
	size_t runner_up; /* the better of heap[1] and heap[2]; 0: unknown */
	bool is_reverse;
	struct rec_iter **heap;
	struct rec_iter *slots[];
};

static struct merge_iter *of(struct rec_iter *it)
{
	return container_of(it, struct merge_iter, it);
}

/* Whether `a` comes first in the direction of travel. */
static ALWAYS_INLINE bool is_before(const struct merge_iter *m,
				    const struct rec_iter *a,
				    const struct rec_iter *b)
{
	int c = record_cmp(&a->rec, &b->rec);

	return m->is_reverse ? c > 0 : c < 0;
}

static void sift_down(struct merge_iter *m, size_t i)
{
	struct rec_iter *x = m->heap[i];
	size_t c;

	while ((c = 2 * i + 1) < m->n_heap) {
		if (c + 1 < m->n_heap &&
		    is_before(m, m->heap[c + 1], m->heap[c]))
			c++;
		if (!is_before(m, m->heap[c], x))
			break;
		m->heap[i] = m->heap[c];
		i = c;
	}
	m->heap[i] = x;
}

/* Shows the top. */
static ALWAYS_INLINE int show(struct merge_iter *m)
{
	if (m->n_heap == 0)
		return TT_END;
	m->it.rec = m->heap[0]->rec;
	return 0;
}

/* Takes a child's move: into the heap, or out when it has ended. */
static int enlist(struct merge_iter *m, struct rec_iter *child, int r)
{
	if (r == 0)
		m->heap[m->n_heap++] = child;
	return r < 0 ? r : 0;
}

static int build(struct merge_iter *m)
{
	for (size_t i = m->n_heap / 2; i-- > 0;)
		sift_down(m, i);
	return show(m);
}

static void restart(struct merge_iter *m, bool is_reverse)
{
	m->n_heap = 0;
	m->runner_up = 0;
	m->is_reverse = is_reverse;
}

static int merge_first(struct rec_iter *it)
{
	struct merge_iter *m = of(it);

	restart(m, false);
	for (size_t i = 0; i < m->n; i++) {
		struct rec_iter *c = m->children[i];
		int r = enlist(m, c, rec_iter_first(c));

		if (r < 0)
			return r;
	}
	return build(m);
}

static int merge_last(struct rec_iter *it)
{
	struct merge_iter *m = of(it);

	restart(m, true);
	for (size_t i = 0; i < m->n; i++) {
		struct rec_iter *c = m->children[i];
		int r = enlist(m, c, rec_iter_last(c));

		if (r < 0)
			return r;
	}
	return build(m);
}

static void prepare(struct merge_iter *m, struct tt_slice key, int64_t ts)
{
	if (m->n < 2)
		return;
	for (unsigned step = 0; step < REC_ITER_STEPS; step++)
		for (size_t i = 0; i < m->n; i++)
			rec_iter_prepare(m->children[i], key, ts, step);
}

/* After a failure the others search all the same, having been prepared. */
static int merge_seek(struct rec_iter *it, struct tt_slice key, int64_t ts)
{
	struct merge_iter *m = of(it);
	int failed = 0;

	restart(m, false);
	prepare(m, key, ts);
	for (size_t i = 0; i < m->n; i++) {
		struct rec_iter *c = m->children[i];
		int r = enlist(m, c, rec_iter_seek(c, key, ts));

		if (r < 0 && failed == 0)
			failed = r;
	}
	return failed < 0 ? failed : build(m);
}

static int merge_seek_for_prev(struct rec_iter *it, struct tt_slice key,
			       int64_t ts)
{
	struct merge_iter *m = of(it);
	int failed = 0;

	restart(m, true);
	prepare(m, key, ts);
	for (size_t i = 0; i < m->n; i++) {
		struct rec_iter *c = m->children[i];
		int r = enlist(m, c, rec_iter_seek_for_prev(c, key, ts));

		if (r < 0 && failed == 0)
			failed = r;
	}
	return failed < 0 ? failed : build(m);
}

static void sift_top(struct merge_iter *m)
{
	m->runner_up = 0;
	if (m->n_heap > 1)
		sift_down(m, 0);
}

static void find_runner_up(struct merge_iter *m)
{
	m->runner_up =
		m->n_heap > 2 && is_before(m, m->heap[2], m->heap[1]) ? 2 : 1;
}

/* The top has moved with result `r`. */
static ALWAYS_INLINE int settle(struct merge_iter *m, int r)
{
	if (unlikely(r != 0)) {
		if (r < 0)
			return r;
		m->heap[0] = m->heap[--m->n_heap];
		sift_top(m);
	} else if (m->n_heap > 1) {
		if (unlikely(m->runner_up == 0))
			find_runner_up(m);
		if (is_before(m, m->heap[m->runner_up], m->heap[0]))
			sift_top(m);
	}
	return show(m);
}

/*
 * Turns round at the current record: every child but the current one goes to
 * the first record behind it in the new direction.
 */
static int turn(struct merge_iter *m, bool to_reverse)
{
	struct rec_iter *top = m->heap[0];
	const struct record at = top->rec;

	restart(m, to_reverse);
	m->heap[m->n_heap++] = top;
	for (size_t i = 0; i < m->n; i++) {
		struct rec_iter *c = m->children[i];
		int r;

		if (c == top)
			continue;
		r = to_reverse ? rec_iter_seek_for_prev(c, at.key, at.ts)
			       : rec_iter_seek(c, at.key, at.ts);
		if (r == 0 && record_cmp(&c->rec, &at) == 0)
			r = to_reverse ? rec_iter_prev(c) : rec_iter_next(c);
		r = enlist(m, c, r);
		if (r < 0)
			return r;
	}
	/* The top stays on top: all others are behind it. */
	for (size_t i = m->n_heap / 2; i-- > 0;)
		sift_down(m, i);
	return 0;
}

static int merge_next(struct rec_iter *it)
{
	struct merge_iter *m = of(it);
	int r;

	assert(m->n_heap > 0);
	if (unlikely(m->is_reverse)) {
		r = turn(m, false);
		if (r < 0)
			return r;
	}
	return settle(m, rec_iter_next(m->heap[0]));
}

static int merge_prev(struct rec_iter *it)
{
	struct merge_iter *m = of(it);
	int r;

	assert(m->n_heap > 0);
	if (unlikely(!m->is_reverse)) {
		r = turn(m, true);
		if (r < 0)
			return r;
	}
	return settle(m, rec_iter_prev(m->heap[0]));
}

static void merge_free(struct rec_iter *it)
{
	struct merge_iter *m = of(it);

	for (size_t i = 0; i < m->n; i++)
		rec_iter_free(m->children[i]);
	free(m);
}

static const struct rec_iter_ops merge_iter_ops = {
	.first = merge_first,
	.last = merge_last,
	.seek = merge_seek,
	.seek_for_prev = merge_seek_for_prev,
	.next = merge_next,
	.prev = merge_prev,
	.free = merge_free,
};

int merge_iter_new(struct rec_iter *const *children, size_t n,
		   struct rec_iter **out)
{
	struct merge_iter *m;

	if (n == 1) {
		*out = children[0];
		return 0;
	}
	m = malloc(sizeof(*m) + 2 * n * sizeof(m->slots[0]));
	if (!m)
		return err_nomem("iterator");
	m->it.ops = &merge_iter_ops;
	m->n = n;
	m->children = m->slots;
	m->heap = m->slots + n;
	if (n)
		memcpy(m->children, children, n * sizeof(*children));
	restart(m, false);
	*out = &m->it;
	return 0;
}
