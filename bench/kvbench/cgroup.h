/* SPDX-License-Identifier: MIT */
/* A cgroup (version 2) that bounds the memory of a process. */
#ifndef KVBENCH_CGROUP_H
#define KVBENCH_CGROUP_H

#include <stdint.h>

struct cgroup {
	char dir[4096];
};

/*
 * Makes a cgroup with this much memory, page cache included, and no swap
 * under `parent` ("": the root of the hierarchy). Negative, with a text that
 * says what is missing, where this machine or this user cannot.
 */
int cgroup_new(struct cgroup *c, const char *parent, uint64_t memory_bytes);

/* Puts the calling process in it. 0 or negative. */
int cgroup_enter(const struct cgroup *c);

/* Removes it; processes in it must have ended. */
void cgroup_remove(const struct cgroup *c);

#endif
