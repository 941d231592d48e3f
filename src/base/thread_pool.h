/* SPDX-License-Identifier: MIT */
/*
 * A fixed set of named threads that run tasks, urgent ones (a flush) before
 * patient ones (a compaction). Thread-safe.
 *
 * Tasks are embedded in the caller's objects, so submitting cannot fail. With
 * two threads or more, one is kept free of patient tasks: an urgent one never
 * waits for all threads to finish something long. A task may also be left to
 * be queued at a later time; few are meant to wait so at once.
 */
#ifndef BASE_THREAD_POOL_H
#define BASE_THREAD_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

enum pool_priority { POOL_HIGH, POOL_LOW };
#define N_POOL_PRIORITIES 2

typedef void (*pool_fn)(void *arg);

/*
 * One piece of work. The pool keeps it from thread_pool_submit() until just
 * before fn() is called: fn() may free it or submit it again.
 */
struct pool_task {
	struct list_node link;
	pool_fn fn;
	void *arg;
	enum pool_priority priority;
	/* guarded by the pool's lock */
	bool is_queued;
	uint64_t due_ns; /* when it is queued by itself; 0: it does not wait */
};

static inline void pool_task_init(struct pool_task *t, pool_fn fn, void *arg)
{
	list_init(&t->link);
	t->fn = fn;
	t->arg = arg;
	t->priority = POOL_LOW;
	t->is_queued = false;
	t->due_ns = 0;
}

struct thread_pool;

/*
 * Starts `n_threads` (1 to 64) threads named "NAME-0" and up (names show in
 * top and gdb; cut at 15 bytes). 0 with *out set, or negative.
 */
int thread_pool_new(const char *name, unsigned n_threads,
		    struct thread_pool **out);

/* Drains and frees; NULL does nothing. Never call it from a task. */
void thread_pool_free(struct thread_pool *p);

/*
 * Queues the task behind those of its priority. A task that is queued
 * already stays where it is. False when the pool has been stopped (the task
 * is untouched then).
 */
bool thread_pool_submit(struct thread_pool *p, struct pool_task *t,
			enum pool_priority priority);

/*
 * Queues the task once mono_ns() has come to `due_ns`, in place of any such
 * time it had. A task that is queued already stays so. False as above; what
 * waits when the pool is stopped never runs.
 */
bool thread_pool_submit_at(struct thread_pool *p, struct pool_task *t,
			   enum pool_priority priority, uint64_t due_ns);

/* Takes a task back that is queued or waits for its time. True when it will
 * not run because of that. */
bool thread_pool_cancel(struct thread_pool *p, struct pool_task *t);

/* Waits until nothing is queued and nothing runs; not for what is to be queued
 * later. */
void thread_pool_drain(struct thread_pool *p);

/*
 * Refuses new tasks, runs those queued, joins the threads. Calling it again
 * does nothing. Never call it from a task.
 */
void thread_pool_stop(struct thread_pool *p);

/* Tasks queued and running now, for gauges. */
size_t thread_pool_pending(struct thread_pool *p);

#endif
