/* SPDX-License-Identifier: MIT */
/*
 * Mutexes, condition variables and reader-writer locks over pthreads, each
 * with a rank from lock_rank.h. Misuse (wrong order, unlocking what one does
 * not hold) is a bug: debug builds abort and name both locks, release builds
 * pay nothing. No function here fails.
 *
 * Waiting is for a condition, by cond_wait(), in a loop. Deadlines are on
 * the monotonic clock.
 */
#ifndef BASE_MUTEX_H
#define BASE_MUTEX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/lock_rank.h"

struct CAPABILITY("mutex") mutex {
	pthread_mutex_t m;
	enum lock_rank rank;
	/* debug builds only: who holds it; written by the holder */
	_Atomic uintptr_t owner;
};

struct CAPABILITY("rwlock") rwlock {
	pthread_rwlock_t rw;
	enum lock_rank rank;
	/* debug builds only: the writer that holds it */
	_Atomic uintptr_t owner;
};

struct cond {
	pthread_cond_t c;
};

void mutex_init(struct mutex *m, enum lock_rank rank);
void mutex_fini(struct mutex *m);
void mutex_lock(struct mutex *m) ACQUIRE(*m);
void mutex_unlock(struct mutex *m) RELEASE(*m);
/* True when the lock was free and is now held. */
bool mutex_trylock(struct mutex *m) TRY_ACQUIRE(true, *m);

/* For mutexes of static storage, in place of mutex_init(). */
#define MUTEX_INIT(lock_rank_)                           \
	{                                                \
		PTHREAD_MUTEX_INITIALIZER, lock_rank_, 0 \
	}

/* Opens every _locked function. Checks in debug builds. */
#if TT_DEBUG
void mutex_assert_held(struct mutex *m) ASSERT_HELD(*m);
void rwlock_assert_write_held(struct rwlock *l) ASSERT_HELD(*l);
#else
static inline void mutex_assert_held(struct mutex *m) ASSERT_HELD(*m);
static inline void mutex_assert_held(struct mutex *m)
{
	(void)m;
}
static inline void rwlock_assert_write_held(struct rwlock *l) ASSERT_HELD(*l);
static inline void rwlock_assert_write_held(struct rwlock *l)
{
	(void)l;
}
#endif

/* A waiting writer goes before readers that come later: never take one lock
 * shared twice in a thread. */
void rwlock_init(struct rwlock *l, enum lock_rank rank);
void rwlock_fini(struct rwlock *l);
void rwlock_rdlock(struct rwlock *l) ACQUIRE_SHARED(*l);
void rwlock_wrlock(struct rwlock *l) ACQUIRE(*l);
bool rwlock_tryrdlock(struct rwlock *l) TRY_ACQUIRE_SHARED(true, *l);
bool rwlock_trywrlock(struct rwlock *l) TRY_ACQUIRE(true, *l);
void rwlock_rdunlock(struct rwlock *l) RELEASE_SHARED(*l);
void rwlock_wrunlock(struct rwlock *l) RELEASE(*l);

void cond_init(struct cond *c);
void cond_fini(struct cond *c);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

/* Releases `m`, waits, takes it again. Wakes spuriously. */
void cond_wait(struct cond *c, struct mutex *m) REQUIRES(*m);

/*
 * The same until `deadline_ns` of mono_ns(). True when woken, false when the
 * deadline has passed.
 */
bool cond_wait_until(struct cond *c, struct mutex *m, uint64_t deadline_ns)
	REQUIRES(*m);

/* Nanoseconds of CLOCK_MONOTONIC, the clock of every deadline. */
uint64_t mono_ns(void);

#endif
