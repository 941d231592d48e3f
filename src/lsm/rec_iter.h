/* SPDX-License-Identifier: MIT */
/*
 * The one internal cursor: over a memtable, a table, a level or a merge of
 * any of them, in internal order (record.h), in both directions.
 *
 * Results of every move: 0 and `rec` is the record now under the cursor,
 * TT_END when the cursor ran off either end, < 0 on failure. The slices of
 * `rec` live until the next move or the free. After TT_END or an error only
 * first, last, seek and seek_for_prev are allowed; next and prev want a valid
 * position. A new cursor has no position.
 *
 * One thread at a time uses a cursor. Implementations embed struct rec_iter
 * as their first member.
 */
#ifndef LSM_REC_ITER_H
#define LSM_REC_ITER_H

#include "base/slice.h"
#include "lsm/record.h"

struct rec_iter;

struct rec_iter_ops {
	int (*first)(struct rec_iter *it);
	int (*last)(struct rec_iter *it);
	/* The first record >= (key, ts); TS_NEWEST for the newest version. */
	int (*seek)(struct rec_iter *it, struct tt_slice key, int64_t ts);
	/* The last record <= (key, ts). */
	int (*seek_for_prev)(struct rec_iter *it, struct tt_slice key,
			     int64_t ts);
	int (*next)(struct rec_iter *it);
	int (*prev)(struct rec_iter *it);
	void (*free)(struct rec_iter *it);
	/* See rec_iter_prepare(); NULL: nothing to prepare. */
	void (*prepare)(struct rec_iter *it, struct tt_slice key, int64_t ts,
			unsigned step);
};

struct rec_iter {
	const struct rec_iter_ops *ops;
	struct record rec; /* valid after a move that returned 0 */
};

static inline int rec_iter_first(struct rec_iter *it)
{
	return it->ops->first(it);
}

static inline int rec_iter_last(struct rec_iter *it)
{
	return it->ops->last(it);
}

/* `key` must not point into the cursor's own record. */
static inline int rec_iter_seek(struct rec_iter *it, struct tt_slice key,
				int64_t ts)
{
	return it->ops->seek(it, key, ts);
}

static inline int rec_iter_seek_for_prev(struct rec_iter *it,
					 struct tt_slice key, int64_t ts)
{
	return it->ops->seek_for_prev(it, key, ts);
}

static inline int rec_iter_next(struct rec_iter *it)
{
	return it->ops->next(it);
}

static inline int rec_iter_prev(struct rec_iter *it)
{
	return it->ops->prev(it);
}

/*
 * For who searches for one place in several cursors: the waits for memory
 * that a search consists of overlap when every cursor takes step 0, then
 * every cursor step 1, and so on to REC_ITER_STEPS - 1, before each is told
 * to seek (or seek_for_prev) there. That must follow at once for every cursor
 * that was prepared. Steps read nothing from disk but the header of a table
 * that is not open, and do not fail: the search will. The position is lost.
 */
#define REC_ITER_STEPS 3

static inline void rec_iter_prepare(struct rec_iter *it, struct tt_slice key,
				    int64_t ts, unsigned step)
{
	if (it->ops->prepare)
		it->ops->prepare(it, key, ts, step);
}

/* NULL does nothing. */
static inline void rec_iter_free(struct rec_iter *it)
{
	if (it)
		it->ops->free(it);
}

#endif
