/* SPDX-License-Identifier: MIT */
/*
 * A workload: one operation, done by one or more threads over a range of key
 * numbers, until the range or the time is over. Each thread is a worker.
 */
#ifndef KVBENCH_JOB_H
#define KVBENCH_JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/rand.h"
#include "bench/common/latency.h"
#include "keys.h"
#include "run.h"

/* How a worker comes from its i-th turn to a key number. */
enum order {
	ORDER_RISING,	/* first + i */
	ORDER_SHUFFLED, /* a permutation: each number once */
	ORDER_RANDOM,	/* any, again and again */
};

struct worker;
struct series;

/* One operation on key `id`; < 0: it failed, which counts as an error. Wrong
 * answers are added to the worker's errors. */
typedef int (*op_fn)(struct worker *w, uint64_t id);

struct job {
	const char *name; /* in the row */
	op_fn op;
	enum order order;
	uint64_t first, count; /* turns of the first worker */
	uint64_t batch;	       /* keys an operation takes; 0: one */
	uint64_t seed;
	unsigned threads; /* 0: one */
	double limit_s;	  /* 0: cfg.max_sec */
	/* Flush and settle belong to it: what it costs includes them. */
	bool settles;
	void *arg; /* for the operation */
	/* Each second is recorded there; one thread only. May be NULL. */
	struct series *series;
	/* Set by whoever wants workers to end, read by them, relaxed. May be
	 * NULL. */
	_Atomic bool *stop;
	bool stops_others; /* sets *stop at its end */
};

/* What came of it, of one worker or of all. */
struct result {
	uint64_t done, found, errors, user_bytes;
	double elapsed_s;
	struct latency latency;
};

struct worker {
	/* set before it starts, then constant */
	struct run *run;
	const struct job *job;
	unsigned index;
	/* its own */
	pthread_t thread;
	void *tc; /* the engine's handle */
	struct rng rng;
	uint8_t key[KEY_MAX];
	uint8_t *value; /* to be written */
	uint8_t *got;	/* read; room for a little more */
	size_t got_cap;
	struct kv_op *batch_ops; /* of job->batch keys and values */
	uint8_t *batch_bytes;
	struct result result;
} ALIGNED(THREAD_ALIGN);

/* A set of workers at work. NULL never comes back: failing ends all. */
struct worker *job_start(struct run *r, const struct job *job);
/* Waits for them, adds up what they did and frees them. */
void job_join(struct worker *workers, struct result *out);

/* Both, in the calling thread; for work that no row is about. */
void job_run_quietly(struct run *r, struct job job);

#endif
