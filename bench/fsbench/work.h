/* SPDX-License-Identifier: MIT */
/*
 * A workload: one operation, done by one or more clients until its turns or
 * the time are over, measured and reported as a row.
 */
#ifndef FSBENCH_WORK_H
#define FSBENCH_WORK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"
#include "bench/common/latency.h"
#include "run.h"

/* A file of contents: what is written to a small one, and read back. */
#define SMALL_BYTES 4096
#define BLOCK_BYTES ((size_t)1 << 20)

struct client;

/* One operation; negative: it failed or answered wrongly. */
typedef int (*op_fn)(struct client *c, uint64_t i);

struct work {
	const char *name;
	op_fn op;
	uint64_t first, count; /* turns, shared out among the clients */
	uint64_t weight;       /* operations that a turn is; 0: one */
	unsigned clients;      /* 0: one */
	double limit_s;	       /* 0: cfg.max_sec */
	uint64_t bytes;	       /* given to be stored, by an operation */
	bool settles;	       /* background work belongs to it */
	void *arg;	       /* for the operation */
};

struct client {
	/* set before it starts, then constant */
	struct run *run;
	const struct work *work;
	unsigned index;
	/* its own */
	pthread_t thread;
	struct rng rng;
	char *buf; /* BLOCK_BYTES */
	uint64_t done, errors;
	struct latency latency;
} ALIGNED(THREAD_ALIGN);

/* Does it and prints its row. Returns the turns done. */
uint64_t work_do(struct run *r, struct work w);

/* Where a permutation of 0 to n - 1 takes `i`. */
uint64_t shuffled(uint64_t i, uint64_t n);

#endif
