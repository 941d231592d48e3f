/* SPDX-License-Identifier: MIT */
/*
 * Thread slots, and references cached in them.
 *
 * thread_slot() gives each live thread a small number of its own. A slot
 * cache keeps, per slot, one reference to a shared object that changes
 * rarely (the engine's current version): a reader takes the cached reference
 * with one exchange and puts it back with one compare-and-swap, touching no
 * lock and no cache line that another core writes. The writer that replaces
 * the object sweeps the cache, and every cached reference comes back to it.
 *
 * Reader:
 *	obj = slot_take(c, &t);
 *	if (!obj)
 *		obj = ref of the current object, taken under the lock;
 *	... use obj ...
 *	if (!slot_put_back(c, &t, obj))
 *		unref(obj);
 * Writer:
 *	lock; current = new; slot_sweep(c, unref, arg); unlock
 *
 * Why it is right. A slot holds NULL, a reference, or the mark of the taker
 * that has it out. slot_take() leaves a mark never used before in that slot,
 * so slot_put_back() succeeds only when nothing happened to the slot in
 * between: after a sweep, or when another user of the same slot came
 * between, the caller keeps its reference and drops it itself. A reference
 * to an old object therefore cannot be stored after the sweep that retired
 * it, provided that the writer sweeps after it published the new object. A
 * reader may still use the old object until it is done: a writer whose new
 * object must be seen by readers that start later sweeps before it lets
 * that be noticed (before it acknowledges the first write into it).
 *
 * Tokens nest (an open iterator and a get on one thread): the inner taker
 * finds a mark, gets NULL, and takes its own reference.
 */
#ifndef BASE_TOKEN_H
#define BASE_TOKEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define N_THREAD_SLOTS 256

extern _Thread_local int thread_slot_cached;

/* Slow path of thread_slot(). */
int thread_slot_assign(void);

/*
 * The calling thread's slot, 0 to N_THREAD_SLOTS - 1, the same until the
 * thread ends, and then another thread's. -1 when that many threads have one
 * already: the thread asks again next time, and meanwhile takes slow paths.
 */
static ALWAYS_INLINE int thread_slot(void)
{
	int s = thread_slot_cached;

	return likely(s >= 0) ? s : thread_slot_assign();
}

struct slot_entry {
	/* NULL, a reference, or an odd number, the mark of who has it out.
	 * Exchanged with acq_rel by takers, stored with release by
	 * slot_put_back(), exchanged with acq_rel by the sweeper. */
	_Atomic uintptr_t ref;
	/* Owned by the thread that has the slot; hand-over of a slot between
	 * threads is ordered by the lock in thread_slot_assign(). */
	uintptr_t last_mark;
} ALIGNED(CACHE_LINE);

struct slot_cache {
	struct slot_entry slots[N_THREAD_SLOTS];
};

/* What slot_put_back() must know; belongs to the taker. Any thread may put
 * back what another took. */
struct slot_token {
	uintptr_t mark;
	int slot;
};

void slot_cache_init(struct slot_cache *c);

/*
 * The cached reference of this thread's slot, now the caller's, or NULL when
 * the caller must get one itself. Sets *t either way.
 */
static ALWAYS_INLINE void *slot_take(struct slot_cache *c, struct slot_token *t)
{
	struct slot_entry *e;
	uintptr_t was;

	t->slot = thread_slot();
	if (unlikely(t->slot < 0)) {
		t->mark = 1; /* no slot ever holds it: marks begin at 3 */
		return NULL;
	}
	e = &c->slots[t->slot];
	e->last_mark += 2;
	t->mark = e->last_mark | 1;
	was = atomic_exchange_explicit(&e->ref, t->mark, memory_order_acq_rel);
	return likely(!(was & 1)) ? (void *)was : NULL;
}

/*
 * Gives the reference to the cache. True when the cache has it now; false
 * when it is still the caller's, who drops it. `p` is at least 2-aligned.
 */
static ALWAYS_INLINE bool slot_put_back(struct slot_cache *c,
					const struct slot_token *t, void *p)
{
	uintptr_t expect = t->mark;

	if (unlikely(t->slot < 0))
		return false;
	return atomic_compare_exchange_strong_explicit(&c->slots[t->slot].ref,
						       &expect, (uintptr_t)p,
						       memory_order_release,
						       memory_order_relaxed);
}

/*
 * Empties every slot, calling release(ref, arg) for each cached reference.
 * References that are out are dropped by their takers. Any thread; callers
 * are usually serialized by the lock that guards the object.
 */
void slot_sweep(struct slot_cache *c, void (*release)(void *ref, void *arg),
		void *arg);

#endif
