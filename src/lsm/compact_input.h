/* SPDX-License-Identifier: MIT */
/*
 * Putting the inputs of a compaction together: shared by the files that
 * decide (compact_pick.c, compact_level0.c). Internal to compact_*.c.
 */
#ifndef LSM_COMPACT_INPUT_H
#define LSM_COMPACT_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "lsm/compact_pick.h"

/* An empty pick with room for all runs of level 0 and one more. 0 or
 * -ENOMEM. */
int pick_begin(struct compact_pick *pick, struct version *v, unsigned level,
	       unsigned out_level);

/* Adds tables [from, to) of a run; none is nothing. Newer runs come first. */
void pick_add(struct compact_pick *pick, const struct run *run, uint32_t from,
	      uint32_t to);

/*
 * Adds what the upper inputs overlap in the level they go to; or finds that
 * they need no rewriting (pick->is_move). `is_wide_ok`: tables may be moved
 * on top of however much.
 */
void pick_finish(const struct picker *p, struct compact_pick *pick,
		 bool is_wide_ok);

/* Tables [from, to) of a run, to be rewritten where they are: in level 0 one
 * alone, which must not grow beyond a guard. 1 with *out set, or -ENOMEM. */
int pick_in_place(struct version *v, const struct run *run, uint32_t from,
		  uint32_t to, struct compact_pick *out);

/* Bytes of the tables that overlap [lo, hi]; `run` may be NULL. */
uint64_t overlap_bytes(const struct run *run, struct tt_slice lo,
		       struct tt_slice hi);

#endif
