/* SPDX-License-Identifier: MIT */
/*
 * What to take from level 0, in bounded pieces.
 *
 * The runs of level 0 overlap, and for a key the newer run must be read
 * first. A set of their tables may go down together when it is closed: for
 * every key in them, all older tables of level 0 that may hold it are in the
 * set as well. Then whatever stays behind in level 0 is newer than what went
 * down (invariant 5 of README.md), table by table: a run may lose tables in
 * its middle, and no key is ever in two places, half taken. Newer tables need
 * not come along; they should, so that what lies below is rewritten once.
 *
 * So the space that a compaction of level 0 takes for a time is that of a
 * piece: about table_bytes times level_ratio, inputs below included. It is
 * more only where one table spans more than that, in the oldest run or below.
 * Flushes cut their tables at the same keys (guards.h), which keeps the
 * tables of all runs side by side and so makes small sets closed.
 *
 * Internal to compact_*.c.
 */
#ifndef LSM_COMPACT_LEVEL0_H
#define LSM_COMPACT_LEVEL0_H

#include <stdint.h>

#include "lsm/compact_pick.h"

/*
 * The next piece of the oldest runs, which go to `out_level`: goes through
 * their keys in order, from one call to the next, and always takes a table of
 * the oldest one. 1, or -ENOMEM.
 */
int level0_pick_piece(struct picker *p, struct version *v, unsigned out_level,
		      struct compact_pick *out);

/*
 * Tables of run `i` of level 0, `from` first, at most up to `to`, and what of
 * level 0 must go down with them. 1, or -ENOMEM.
 */
int level0_pick_under(const struct picker *p, struct version *v,
		      unsigned out_level, uint32_t i, uint32_t from,
		      uint32_t to, struct compact_pick *out);

/* The bytes of what lies under the keys of level 0 (which is not empty);
 * `below` may be NULL. */
uint64_t level0_overlap(const struct version *v, const struct run *below);

#endif
