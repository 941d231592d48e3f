/* SPDX-License-Identifier: MIT */
/*
 * Groups of workloads. Each begins with an empty directory in a process of
 * its own. bench/README.md says what each measures.
 */
#ifndef KVBENCH_GROUPS_H
#define KVBENCH_GROUPS_H

#include <stdint.h>

struct run;

struct group {
	const char *name;
	/* Leaves the store open or closed. */
	void (*run)(struct run *r);
};

/* Group number `i`; NULL past the last. */
const struct group *group_at(unsigned i);

void group_seq(struct run *r);
void group_batch(struct run *r);
void group_sync(struct run *r);
void group_rand(struct run *r);
void group_ycsb(struct run *r);
void group_big(struct run *r);
void group_long(struct run *r);
void group_queue(struct run *r);
void group_tombstones(struct run *r);
void group_budget(struct run *r);
void group_small_memory(struct run *r);
void group_open(struct run *r);

/*
 * Puts keys `from` to n - 1 of a shuffled store in batches, with no row: the
 * rest of a fill that ran into its time limit.
 */
void load(struct run *r, uint64_t from);

#endif
