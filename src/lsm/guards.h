/* SPDX-License-Identifier: MIT */
/*
 * Keys at which every flush cuts its tables, so that the tables of all runs
 * of level 0 lie side by side and level 0 can be compacted in pieces
 * (compact_level0.h). They divide the level that level 0 goes to into parts
 * of about equal size, and stay where they are as long as the parts are of
 * use: a guard that moves leaves tables across it in the runs before.
 *
 * Only a hint: not stored, and any set of keys is right. One user at a time.
 */
#ifndef LSM_GUARDS_H
#define LSM_GUARDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct run;

/* A flush is not cut into many more tables than this for guards. */
#define GUARDS_MAX 15

struct guards {
	struct buf keys[GUARDS_MAX]; /* ascending */
	size_t n;
};

#define GUARDS_INIT ((struct guards){ .n = 0 })

void guards_fini(struct guards *g);

/*
 * Fits the guards to the run (NULL: empty): parts of more than twice
 * `part_bytes` are divided, those of less than a quarter joined. The parts
 * are larger when there would be too many. 0 or -ENOMEM, with fewer guards.
 */
int guards_fit(struct guards *g, const struct run *run, uint64_t part_bytes);

/* The first guard, from number `i` on, above `key`; g->n when there is none.
 * The key lies in the part before it. */
size_t guards_pass(const struct guards *g, size_t i, struct tt_slice key);

#endif
