/* SPDX-License-Identifier: MIT */
/*
 * Timestamps: microseconds since the epoch, made strictly rising. A hybrid
 * clock: never behind the wall clock, and when that stands still or jumps
 * back, one more than the last one given.
 *
 * Two numbers: the last timestamp given to a write, and the last one
 * published, below or at which every write is complete and readable.
 *
 * Only the leader of the write queue takes and publishes; anybody may read
 * the published one.
 */
#ifndef LSM_CLOCK_H
#define LSM_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/env.h"

struct clock {
	struct env *env; /* keeps */
	/* owned by the leader of the write queue (the opener before that) */
	int64_t last_given;
	/* stored with release by the leader after the write is in the
	 * memtable, loaded with acquire by readers, who then see it there */
	_Atomic int64_t published;
};

/* Starts above `last_ts`, the newest timestamp recovery has seen (0: none),
 * which counts as published. */
void clock_init(struct clock *c, struct env *env, int64_t last_ts);

/* The next timestamp; leader only. */
int64_t clock_next(struct clock *c);

/* Makes every write up to `ts` visible; leader only. */
static ALWAYS_INLINE void clock_publish(struct clock *c, int64_t ts)
{
	atomic_store_explicit(&c->published, ts, memory_order_release);
}

/* The newest timestamp at which readers see all there is; any thread. */
static ALWAYS_INLINE int64_t clock_visible(const struct clock *c)
{
	return atomic_load_explicit(&c->published, memory_order_acquire);
}

/* What time it is to the store: that of the wall clock, but never before a
 * write that readers see; any thread. */
int64_t clock_now(const struct clock *c);

#endif
