/* SPDX-License-Identifier: MIT */
/*
 * Locks with ranks. Debug builds keep, per thread, the list of locks held;
 * taking one whose rank does not lie below all of them aborts, so an order
 * that could deadlock is found the first time it is tried and not the first
 * time it happens.
 */
#include "base/mutex.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"

#if TT_DEBUG

#define MAX_HELD 4096 /* a transaction may lock many inodes */

static _Thread_local struct {
	const void *lock;
	enum lock_rank rank;
} held[MAX_HELD];
static _Thread_local size_t n_held;

static const char *const rank_names[] = { [RANK_NONE] = "RANK_NONE",
#define X(name, nest, what) [name] = #name,
					  LOCK_RANKS(X)
#undef X
};

enum { ONE, MANY };
static const unsigned char rank_nests[] = { [RANK_NONE] = ONE,
#define X(name, nest, what) [name] = nest,
					    LOCK_RANKS(X)
#undef X
};

static uintptr_t self(void)
{
	return (uintptr_t)&n_held;
}

NORETURN static void rank_failed(enum lock_rank rank, enum lock_rank under)
{
	fprintf(stderr, "lock order: %s taken while holding %s\n",
		rank_names[rank], rank_names[under]);
	abort();
}

/* Called before waiting for the lock, so a deadlock still reports. */
static void rank_check(const void *lock, enum lock_rank rank)
{
	assert(rank > RANK_NONE && rank < N_LOCK_RANKS);
	for (size_t i = 0; i < n_held; i++) {
		if (held[i].lock == lock || held[i].rank > rank)
			rank_failed(rank, held[i].rank);
		if (held[i].rank == rank && rank_nests[rank] != MANY)
			rank_failed(rank, held[i].rank);
	}
}

static void held_add(const void *lock, enum lock_rank rank)
{
	assert(n_held < MAX_HELD);
	held[n_held].lock = lock;
	held[n_held].rank = rank;
	n_held++;
}

static void held_remove(const void *lock)
{
	for (size_t i = n_held; i-- > 0;) {
		if (held[i].lock != lock)
			continue;
		held[i] = held[--n_held];
		return;
	}
	assert(!"unlocking a lock that this thread does not hold");
}

static void own(_Atomic uintptr_t *owner)
{
	atomic_store_explicit(owner, self(), memory_order_relaxed);
}

static void disown(_Atomic uintptr_t *owner)
{
	assert(atomic_load_explicit(owner, memory_order_relaxed) == self());
	atomic_store_explicit(owner, 0, memory_order_relaxed);
}

void mutex_assert_held(struct mutex *m)
{
	assert(atomic_load_explicit(&m->owner, memory_order_relaxed) == self());
}

void rwlock_assert_write_held(struct rwlock *l)
{
	assert(atomic_load_explicit(&l->owner, memory_order_relaxed) == self());
}

#else

static ALWAYS_INLINE void rank_check(const void *lock, enum lock_rank rank)
{
	(void)lock;
	(void)rank;
}

static ALWAYS_INLINE void held_add(const void *lock, enum lock_rank rank)
{
	(void)lock;
	(void)rank;
}

static ALWAYS_INLINE void held_remove(const void *lock)
{
	(void)lock;
}

static ALWAYS_INLINE void own(_Atomic uintptr_t *owner)
{
	(void)owner;
}

static ALWAYS_INLINE void disown(_Atomic uintptr_t *owner)
{
	(void)owner;
}

#endif

void mutex_init(struct mutex *m, enum lock_rank rank)
{
	int r = pthread_mutex_init(&m->m, NULL);

	assert(r == 0);
	m->rank = rank;
	atomic_init(&m->owner, 0);
}

void mutex_fini(struct mutex *m)
{
	int r = pthread_mutex_destroy(&m->m);

	assert(r == 0);
}

void NO_THREAD_SAFETY mutex_lock(struct mutex *m)
{
	int r;

	rank_check(m, m->rank);
	r = pthread_mutex_lock(&m->m);
	assert(r == 0);
	held_add(m, m->rank);
	own(&m->owner);
}

void NO_THREAD_SAFETY mutex_unlock(struct mutex *m)
{
	int r;

	disown(&m->owner);
	held_remove(m);
	r = pthread_mutex_unlock(&m->m);
	assert(r == 0);
}

bool NO_THREAD_SAFETY mutex_trylock(struct mutex *m)
{
	int r = pthread_mutex_trylock(&m->m);

	/* Not waiting, it cannot deadlock: the order does not matter. */
	assert(r == 0 || r == EBUSY);
	if (r != 0)
		return false;
	held_add(m, m->rank);
	own(&m->owner);
	return true;
}

void rwlock_init(struct rwlock *l, enum lock_rank rank)
{
	pthread_rwlockattr_t attr;
	int r;

	/* glibc's default lets readers keep a writer out for ever. */
	r = pthread_rwlockattr_init(&attr);
	assert(r == 0);
	r = pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	assert(r == 0);
	r = pthread_rwlock_init(&l->rw, &attr);
	assert(r == 0);
	(void)pthread_rwlockattr_destroy(&attr); /* frees nothing */
	l->rank = rank;
	atomic_init(&l->owner, 0);
}

void rwlock_fini(struct rwlock *l)
{
	int r = pthread_rwlock_destroy(&l->rw);

	assert(r == 0);
}

void NO_THREAD_SAFETY rwlock_rdlock(struct rwlock *l)
{
	int r;

	rank_check(l, l->rank);
	r = pthread_rwlock_rdlock(&l->rw);
	assert(r == 0);
	held_add(l, l->rank);
}

void NO_THREAD_SAFETY rwlock_wrlock(struct rwlock *l)
{
	int r;

	rank_check(l, l->rank);
	r = pthread_rwlock_wrlock(&l->rw);
	assert(r == 0);
	held_add(l, l->rank);
	own(&l->owner);
}

bool NO_THREAD_SAFETY rwlock_tryrdlock(struct rwlock *l)
{
	int r = pthread_rwlock_tryrdlock(&l->rw);

	/* As in mutex_trylock(), the order does not matter. */
	assert(r == 0 || r == EBUSY);
	if (r != 0)
		return false;
	held_add(l, l->rank);
	return true;
}

bool NO_THREAD_SAFETY rwlock_trywrlock(struct rwlock *l)
{
	int r = pthread_rwlock_trywrlock(&l->rw);

	assert(r == 0 || r == EBUSY);
	if (r != 0)
		return false;
	held_add(l, l->rank);
	own(&l->owner);
	return true;
}

void NO_THREAD_SAFETY rwlock_rdunlock(struct rwlock *l)
{
	int r;

	held_remove(l);
	r = pthread_rwlock_unlock(&l->rw);
	assert(r == 0);
}

void NO_THREAD_SAFETY rwlock_wrunlock(struct rwlock *l)
{
	int r;

	disown(&l->owner);
	held_remove(l);
	r = pthread_rwlock_unlock(&l->rw);
	assert(r == 0);
}

void cond_init(struct cond *c)
{
	pthread_condattr_t attr;
	int r = pthread_condattr_init(&attr);

	assert(r == 0);
	r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	assert(r == 0);
	r = pthread_cond_init(&c->c, &attr);
	assert(r == 0);
	pthread_condattr_destroy(&attr);
}

void cond_fini(struct cond *c)
{
	int r = pthread_cond_destroy(&c->c);

	assert(r == 0);
}

void cond_signal(struct cond *c)
{
	int r = pthread_cond_signal(&c->c);

	assert(r == 0);
}

void cond_broadcast(struct cond *c)
{
	int r = pthread_cond_broadcast(&c->c);

	assert(r == 0);
}

void cond_wait(struct cond *c, struct mutex *m)
{
	int r;

	disown(&m->owner);
	held_remove(m);
	r = pthread_cond_wait(&c->c, &m->m);
	assert(r == 0);
	held_add(m, m->rank);
	own(&m->owner);
}

bool cond_wait_until(struct cond *c, struct mutex *m, uint64_t deadline_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(deadline_ns / 1000000000u),
		.tv_nsec = (long)(deadline_ns % 1000000000u),
	};
	int r;

	disown(&m->owner);
	held_remove(m);
	r = pthread_cond_timedwait(&c->c, &m->m, &ts);
	assert(r == 0 || r == ETIMEDOUT);
	held_add(m, m->rank);
	own(&m->owner);
	return r == 0;
}

uint64_t mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
