/* SPDX-License-Identifier: MIT */
/*
 * One file system, mounted: what a group of workloads works on, in a process
 * of its own. What fails here ends that process with a text.
 */
#ifndef FSBENCH_RUN_H
#define FSBENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "subject.h"

struct run {
	/* constant during the group */
	const struct subject *subject;
	const char *group;
	char dir[2048];	 /* of this run, emptied before and after */
	char back[2080]; /* what is under the mount: a store, a directory */
	char top[2080];	 /* where the work is done */
	/* while it is mounted */
	pid_t daemon;  /* 0: there is none */
	int top_fd;    /* `top` opened; -1 when not */
	unsigned port; /* of ttrunksfs; 0: none */
	/* operations that failed or answered wrongly, in all rows */
	uint64_t n_errors;
};

/* Names the places; nothing is made yet. */
void run_init(struct run *r, const struct subject *s, const char *group);

/* Makes the places and mounts, or only opens `top` where nothing is mounted. */
void run_start(struct run *r);
/* Unmounts and waits for the daemon. Does nothing where none is. */
void run_stop(struct run *r);

/*
 * Makes the next reads cold: the daemon is started anew, unless it would
 * forget all, and the kernel's caches are dropped. False, told once, where
 * this user may not drop them.
 */
bool run_cold(struct run *r);

/* Prints "fsbench: SUBJECT GROUP: TEXT" and ends the process. */
_Noreturn void run_fail(const struct run *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Calls `fn` in a child process and waits for it; removes what it left
 * mounted. Whether all went well.
 */
bool run_apart(void (*fn)(struct run *r), struct run *r);

#endif
