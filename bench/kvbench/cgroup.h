/* SPDX-License-Identifier: MIT */
/* A cgroup, of version 1 or 2, that bounds the memory of a process. */
#ifndef KVBENCH_CGROUP_H
#define KVBENCH_CGROUP_H

#include <stdint.h>

struct cgroup_files;

struct cgroup {
	char dir[4096];
	const struct cgroup_files *files; /* as its version calls them */
};

/*
 * Makes a cgroup with this much memory, page cache included, and no swap
 * under `parent` ("": the root of the hierarchy that bounds memory on this
 * machine, be it of version 2 or 1). Negative, with a text that says what is
 * missing, where this machine or this user cannot.
 */
int cgroup_new(struct cgroup *c, const char *parent, uint64_t memory_bytes);

/* Puts the calling process in it. 0 or negative. What it touches first from
 * now on counts, a file's pages too. */
int cgroup_enter(const struct cgroup *c);

/* The most memory it has used, page cache included; 0 where the kernel does
 * not tell. */
uint64_t cgroup_peak_bytes(const struct cgroup *c);

/* Removes it; processes in it must have ended. */
void cgroup_remove(const struct cgroup *c);

#endif
