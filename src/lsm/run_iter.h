/* SPDX-License-Identifier: MIT */
/*
 * A cursor over the tables of a run, or some neighbouring ones of them. A
 * table is opened when a move reaches it and pinned until a move reaches
 * another: one at a time.
 */
#ifndef LSM_RUN_ITER_H
#define LSM_RUN_ITER_H

#include <stddef.h>
#include <stdint.h>

#include "lsm/rec_iter.h"

struct block_cache;
struct run;
struct table_cache;

/* Keys from `lower`, inclusive, to `upper`, exclusive; empty: unbounded. */
struct key_bounds {
	struct tt_slice lower, upper;
};

/*
 * Over tables [from, to) of the run, with sst_iter_new()'s flags. `run` (so
 * its version) and both caches are kept; `blocks` may be NULL.
 */
int run_iter_new(const struct run *run, uint32_t from, uint32_t to,
		 struct table_cache *tables, struct block_cache *blocks,
		 unsigned flags, struct rec_iter **out);

/*
 * Bounds that the user of the cursor keeps to: tables beyond them are not
 * opened, a move may end there. What `b` points to is kept and read by
 * every move; it may change while the cursor has no position. NULL: none.
 */
void run_iter_set_bounds(struct rec_iter *it, const struct key_bounds *b);

/* Changes the flags (not to or from SST_ITER_SEQUENTIAL). */
void run_iter_set_flags(struct rec_iter *it, unsigned flags);

/* Gives back read-ahead memory and what pins more than a usual block. The
 * position is lost. */
void run_iter_rest(struct rec_iter *it);

#endif
