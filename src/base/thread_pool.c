/* SPDX-License-Identifier: MIT */
/*
 * One lock, one queue per priority. Threads wait on `work`, until the first of
 * the waiting tasks is due; who waits for the pool to be idle waits on `idle`.
 */
#include "base/thread_pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mutex.h"

#define MAX_POOL_THREADS 64

struct thread_pool {
	/* set in thread_pool_new(), then constant */
	char name[12];
	unsigned n_threads;
	pthread_t threads[MAX_POOL_THREADS];

	struct mutex mu; /* RANK_POOL; not held while a task runs */
	struct cond work;
	struct cond idle;
	/* guarded by mu */
	struct list_node queue[N_POOL_PRIORITIES];
	struct list_node waiting; /* for their time, which rises */
	size_t n_queued;
	unsigned n_running;
	unsigned n_running_low;
	unsigned n_named; /* threads that have taken their number */
	bool is_stopping;
	bool is_joined;
};

/* How many patient tasks may run at once. */
static unsigned pool_low_limit(const struct thread_pool *p)
{
	return p->n_threads > 1 ? p->n_threads - 1 : 1;
}

static void pool_queue_locked(struct thread_pool *p, struct pool_task *t)
{
	mutex_assert_held(&p->mu);
	t->is_queued = true;
	t->due_ns = 0;
	list_push_back(&p->queue[t->priority], &t->link);
	p->n_queued++;
	cond_signal(&p->work);
}

/* The task that is to be queued next by itself, NULL when none waits. */
static struct pool_task *pool_first_waiting(const struct thread_pool *p)
{
	struct list_node *n = list_first(&p->waiting);

	return n ? container_of(n, struct pool_task, link) : NULL;
}

/* Queues what has waited long enough. */
static void pool_look_at_clock_locked(struct thread_pool *p)
{
	struct pool_task *t;

	mutex_assert_held(&p->mu);
	while ((t = pool_first_waiting(p)) && t->due_ns <= mono_ns()) {
		list_remove(&t->link);
		pool_queue_locked(p, t);
	}
}

/* The next task that may run now, NULL when none. */
static struct pool_task *pool_next_locked(struct thread_pool *p)
{
	struct list_node *n;

	mutex_assert_held(&p->mu);
	pool_look_at_clock_locked(p);
	n = list_pop_front(&p->queue[POOL_HIGH]);
	if (!n && p->n_running_low < pool_low_limit(p))
		n = list_pop_front(&p->queue[POOL_LOW]);
	if (!n)
		return NULL;
	p->n_queued--;
	return container_of(n, struct pool_task, link);
}

static void pool_run_locked(struct thread_pool *p, struct pool_task *t)
	REQUIRES(p->mu)
{
	/* The task may be gone once fn() has begun. */
	pool_fn fn = t->fn;
	void *arg = t->arg;
	bool is_low = t->priority == POOL_LOW;

	t->is_queued = false;
	p->n_running++;
	p->n_running_low += is_low;
	mutex_unlock(&p->mu);
	fn(arg);
	mutex_lock(&p->mu);
	p->n_running--;
	p->n_running_low -= is_low;
	/* A patient task may have waited for this one's place. */
	if (is_low && !list_is_empty(&p->queue[POOL_LOW]))
		cond_signal(&p->work);
	if (p->n_running == 0 && p->n_queued == 0) {
		cond_broadcast(&p->idle);
		cond_broadcast(&p->work); /* those waiting to stop */
	}
}

/* Until there may be something to do. */
static void pool_wait_locked(struct thread_pool *p) REQUIRES(p->mu)
{
	const struct pool_task *t = pool_first_waiting(p);

	if (t)
		(void)cond_wait_until(&p->work, &p->mu, t->due_ns);
	else
		cond_wait(&p->work, &p->mu);
}

static void *pool_thread(void *arg)
{
	struct thread_pool *p = arg;
	struct pool_task *t;
	char name[16];

	mutex_lock(&p->mu);
	snprintf(name, sizeof(name), "%s-%u", p->name, p->n_named++);
	(void)pthread_setname_np(pthread_self(), name); /* for people only */
	for (;;) {
		t = pool_next_locked(p);
		if (t)
			pool_run_locked(p, t);
		else if (p->is_stopping && p->n_queued == 0)
			break;
		else
			pool_wait_locked(p);
	}
	mutex_unlock(&p->mu);
	return NULL;
}

int thread_pool_new(const char *name, unsigned n_threads,
		    struct thread_pool **out)
{
	struct thread_pool *p;
	unsigned wanted = n_threads;
	int r;

	assert(n_threads >= 1 && n_threads <= MAX_POOL_THREADS);
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_nomem("thread pool");
	snprintf(p->name, sizeof(p->name), "%s", name);
	mutex_init(&p->mu, RANK_POOL);
	cond_init(&p->work);
	cond_init(&p->idle);
	for (int i = 0; i < N_POOL_PRIORITIES; i++)
		list_init(&p->queue[i]);
	list_init(&p->waiting);
	p->n_threads = wanted;
	for (unsigned i = 0; i < wanted; i++) {
		r = pthread_create(&p->threads[i], NULL, pool_thread, p);
		if (r == 0)
			continue;
		mutex_lock(&p->mu);
		p->n_threads = i;
		mutex_unlock(&p->mu);
		thread_pool_free(p);
		return err_errno(r, "cannot start thread %u of pool %s", i,
				 name);
	}
	*out = p;
	return 0;
}

void thread_pool_free(struct thread_pool *p)
{
	if (!p)
		return;
	thread_pool_stop(p);
	cond_fini(&p->idle);
	cond_fini(&p->work);
	mutex_fini(&p->mu);
	free(p);
}

/* Behind all that are due no later. */
static void pool_wait_for_time_locked(struct thread_pool *p,
				      struct pool_task *t)
{
	struct list_node *at = p->waiting.prev;

	mutex_assert_held(&p->mu);
	while (at != &p->waiting &&
	       container_of(at, struct pool_task, link)->due_ns > t->due_ns)
		at = at->prev;
	list_insert_after(at, &t->link);
	/* Who waits may do so for too long, or without an end. */
	if (pool_first_waiting(p) == t)
		cond_signal(&p->work);
}

/* At once, or when `due_ns` has come. */
static bool pool_submit(struct thread_pool *p, struct pool_task *t,
			enum pool_priority priority, uint64_t due_ns)
{
	bool ok;

	mutex_lock(&p->mu);
	ok = !p->is_stopping;
	if (ok && !t->is_queued) {
		if (t->due_ns)
			list_remove(&t->link);
		t->priority = priority;
		t->due_ns = due_ns;
		if (due_ns)
			pool_wait_for_time_locked(p, t);
		else
			pool_queue_locked(p, t);
	}
	mutex_unlock(&p->mu);
	return ok;
}

bool thread_pool_submit(struct thread_pool *p, struct pool_task *t,
			enum pool_priority priority)
{
	return pool_submit(p, t, priority, 0);
}

bool thread_pool_submit_at(struct thread_pool *p, struct pool_task *t,
			   enum pool_priority priority, uint64_t due_ns)
{
	return pool_submit(p, t, priority, due_ns ? due_ns : 1);
}

bool thread_pool_cancel(struct thread_pool *p, struct pool_task *t)
{
	bool was_there;

	mutex_lock(&p->mu);
	was_there = t->is_queued || t->due_ns;
	if (was_there) {
		list_remove(&t->link);
		p->n_queued -= t->is_queued;
		t->is_queued = false;
		t->due_ns = 0;
		if (p->n_running == 0 && p->n_queued == 0)
			cond_broadcast(&p->idle);
	}
	mutex_unlock(&p->mu);
	return was_there;
}

void thread_pool_drain(struct thread_pool *p)
{
	mutex_lock(&p->mu);
	while (p->n_queued || p->n_running)
		cond_wait(&p->idle, &p->mu);
	mutex_unlock(&p->mu);
}

void thread_pool_stop(struct thread_pool *p)
{
	struct pool_task *t;
	bool joined;

	mutex_lock(&p->mu);
	p->is_stopping = true;
	while ((t = pool_first_waiting(p))) {
		list_remove(&t->link);
		t->due_ns = 0;
	}
	joined = p->is_joined;
	p->is_joined = true;
	cond_broadcast(&p->work);
	mutex_unlock(&p->mu);
	if (joined)
		return;
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
}

size_t thread_pool_pending(struct thread_pool *p)
{
	size_t n;

	mutex_lock(&p->mu);
	n = p->n_queued + p->n_running;
	mutex_unlock(&p->mu);
	return n;
}
