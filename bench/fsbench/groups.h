/* SPDX-License-Identifier: MIT */
/*
 * Groups of workloads. Each begins with an empty file system in a process of
 * its own. bench/README.md says what each measures.
 */
#ifndef FSBENCH_GROUPS_H
#define FSBENCH_GROUPS_H

struct run;

struct group {
	const char *name;
	/* In the child, mounted. */
	void (*run)(struct run *r);
	/* Before all, in the parent, where it needs something made; or NULL.
	 * 0 or negative. */
	int (*prepare)(void);
};

/* Group number `i`; NULL past the last. */
const struct group *group_at(unsigned i);
const char *group_name(unsigned i);

void group_meta(struct run *r);
void group_small(struct run *r);
void group_sync(struct run *r);
void group_tree(struct run *r);
int group_tree_prepare(void);
void group_stream(struct run *r);
void group_random(struct run *r);
void group_bigdir(struct run *r);
void group_space(struct run *r);

#endif
