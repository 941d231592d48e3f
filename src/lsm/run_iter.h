/* SPDX-License-Identifier: MIT */
/*
 * A cursor over the tables of a run, or some neighbouring ones of them: a
 * level cursor (level_iter.h) whose tables come pinned from the table cache,
 * one at a time.
 */
#ifndef LSM_RUN_ITER_H
#define LSM_RUN_ITER_H

#include <stdint.h>

#include "lsm/rec_iter.h"

struct block_cache;
struct run;
struct table_cache;

/*
 * Over tables [from, to) of the run, with sst_iter_new()'s flags. `run` (so
 * its version) and both caches are kept; `blocks` may be NULL.
 */
int run_iter_new(const struct run *run, uint32_t from, uint32_t to,
		 struct table_cache *tables, struct block_cache *blocks,
		 unsigned flags, struct rec_iter **out);

#endif
