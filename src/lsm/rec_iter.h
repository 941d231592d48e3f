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

/* NULL does nothing. */
static inline void rec_iter_free(struct rec_iter *it)
{
	if (it)
		it->ops->free(it);
}

#endif
