/* SPDX-License-Identifier: MIT */
/*
 * One engine with one store: what a group of workloads works on, in a process
 * of its own, so that memory, processor time and bytes written are this
 * engine's alone. What fails here ends the process with a text.
 */
#ifndef KVBENCH_RUN_H
#define KVBENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "kvbench.h"

#define MAX_THREADS 64

struct run {
	/* constant during the group */
	const struct kv_engine *engine;
	const char *group;
	char dir[4096];
	/* as the next open takes them */
	uint64_t n; /* keys, for the bound of what is mapped */
	uint64_t value_bytes;
	uint64_t cache_bytes;
	uint64_t write_buffer_bytes;
	uint64_t memory_bytes; /* 0: as cache and write buffer are */
	bool sync;
	/* the store; NULL when closed */
	void *db;
	/* operations that failed or gave a wrong answer, in all rows */
	uint64_t n_errors;
};

/* A run with the sizes of `cfg`, nothing opened. */
void run_init(struct run *r, const struct kv_engine *engine, const char *group);

void run_open(struct run *r);
/* Does nothing when closed. */
void run_close(struct run *r);
/* Closes, opens with a cache of this size and settles. */
void run_reopen(struct run *r, uint64_t cache_bytes);

/*
 * Waits until background work has gone quiet: twice in a row a quarter of a
 * second in which the process used less than 4 % of a processor and wrote
 * nothing; 90 s at most. With `flush` memory goes to disk first. Returns how
 * long the work went on, in seconds.
 */
double run_settle(struct run *r, bool flush);

/* Prints "kvbench: ENGINE GROUP: TEXT" and ends the process. */
_Noreturn void run_fail(const struct run *r, const char *text);

/*
 * Calls `fn` in a child process and waits for it. Returns its errors as exit
 * status: 0 none, 1 some; < 0 where it did not come to its end, and then says
 * so on stderr.
 */
int run_apart(void (*fn)(struct run *r), struct run *r);

#endif
