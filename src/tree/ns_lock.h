/* SPDX-License-Identifier: MIT */
/*
 * The namespace lock: shared by every ordinary operation, exclusive for the
 * few that must see the whole tree stand still (a directory moving to another
 * parent; several key operations as one). Shared acquisition touches one of
 * several locks, chosen by thread, so that readers on different cores do not
 * meet; exclusive acquisition takes them all, in order. Not recursive.
 */
#ifndef TREE_NS_LOCK_H
#define TREE_NS_LOCK_H

#include "base/compiler.h"
#include "base/mutex.h"
#include "base/token.h"

#define N_NS_SLOTS 8u

struct ns_slot {
	struct rwlock lock; /* RANK_TREE_NS */
} ALIGNED(CACHE_LINE);

struct ns_lock {
	struct ns_slot slots[N_NS_SLOTS];
};

static inline void ns_init(struct ns_lock *l)
{
	for (unsigned i = 0; i < N_NS_SLOTS; i++)
		rwlock_init(&l->slots[i].lock, RANK_TREE_NS);
}

static inline void ns_fini(struct ns_lock *l)
{
	for (unsigned i = 0; i < N_NS_SLOTS; i++)
		rwlock_fini(&l->slots[i].lock);
}

/* Returns the token for ns_unlock_shared(). */
static inline unsigned ns_lock_shared(struct ns_lock *l) NO_THREAD_SAFETY
{
	unsigned i = (unsigned)thread_slot() % N_NS_SLOTS;

	rwlock_rdlock(&l->slots[i].lock);
	return i;
}

static inline void ns_unlock_shared(struct ns_lock *l, unsigned token)
	NO_THREAD_SAFETY
{
	rwlock_rdunlock(&l->slots[token].lock);
}

static inline void ns_lock_exclusive(struct ns_lock *l) NO_THREAD_SAFETY
{
	for (unsigned i = 0; i < N_NS_SLOTS; i++)
		rwlock_wrlock(&l->slots[i].lock);
}

/* The same without waiting: false when it is taken. */
static inline bool ns_try_shared(struct ns_lock *l, unsigned *token)
	NO_THREAD_SAFETY
{
	*token = (unsigned)thread_slot() % N_NS_SLOTS;
	return rwlock_tryrdlock(&l->slots[*token].lock);
}

static inline bool ns_try_exclusive(struct ns_lock *l) NO_THREAD_SAFETY
{
	for (unsigned i = 0; i < N_NS_SLOTS; i++) {
		if (rwlock_trywrlock(&l->slots[i].lock))
			continue;
		while (i-- > 0)
			rwlock_wrunlock(&l->slots[i].lock);
		return false;
	}
	return true;
}

static inline void ns_unlock_exclusive(struct ns_lock *l) NO_THREAD_SAFETY
{
	for (unsigned i = N_NS_SLOTS; i-- > 0;)
		rwlock_wrunlock(&l->slots[i].lock);
}

#endif
