/* SPDX-License-Identifier: MIT */
/*
 * Who has which slot. Assigning is rare (once per thread) and goes through a
 * lock, which also orders the old owner's use of a slot before the new
 * one's. A pthread key's destructor gives the slot back.
 */
#include "base/token.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/mutex.h"

_Thread_local int thread_slot_cached = -1;

static struct mutex slot_mu = MUTEX_INIT(RANK_THREAD_SLOT);
static uint64_t slots_taken[N_THREAD_SLOTS / 64]; /* guarded by slot_mu */

static pthread_once_t slot_once = PTHREAD_ONCE_INIT;
static pthread_key_t slot_key;

/* The key's value is the slot plus one: NULL would not be called for. */
static void slot_release(void *arg)
{
	unsigned s = (unsigned)(uintptr_t)arg - 1;

	mutex_lock(&slot_mu);
	slots_taken[s / 64] &= ~((uint64_t)1 << (s % 64));
	thread_slot_cached = -1;
	mutex_unlock(&slot_mu);
}

static void slot_make_key(void)
{
	int r = pthread_key_create(&slot_key, slot_release);

	assert(r == 0);
}

/* Smallest free slot, now taken; -1 when there is none. */
static int slot_find_locked(void)
{
	for (unsigned i = 0; i < ARRAY_LEN(slots_taken); i++) {
		uint64_t free_bits = ~slots_taken[i];
		unsigned bit;

		if (!free_bits)
			continue;
		bit = (unsigned)__builtin_ctzll(free_bits);
		slots_taken[i] |= (uint64_t)1 << bit;
		return (int)(i * 64 + bit);
	}
	return -1;
}

int thread_slot_assign(void)
{
	int s;

	pthread_once(&slot_once, slot_make_key);
	mutex_lock(&slot_mu);
	s = slot_find_locked();
	mutex_unlock(&slot_mu);
	if (s < 0)
		return -1;
	if (pthread_setspecific(slot_key, (void *)(uintptr_t)(s + 1)) != 0) {
		slot_release((void *)(uintptr_t)(s + 1));
		return -1;
	}
	thread_slot_cached = s;
	return s;
}

void slot_cache_init(struct slot_cache *c)
{
	for (unsigned i = 0; i < N_THREAD_SLOTS; i++) {
		atomic_init(&c->slots[i].ref, 0);
		c->slots[i].last_mark = 0;
	}
}

void slot_sweep(struct slot_cache *c, void (*release)(void *ref, void *arg),
		void *arg)
{
	for (unsigned i = 0; i < N_THREAD_SLOTS; i++) {
		uintptr_t was = atomic_exchange_explicit(&c->slots[i].ref, 0,
							 memory_order_acq_rel);

		if (was && !(was & 1))
			release((void *)was, arg);
	}
}
