/* SPDX-License-Identifier: MIT */
/*
 * Counters for hot paths: each thread counts in a shard of its own, a reader
 * adds the shards up. Counting is one plain load and store; reading walks
 * the shards of the threads that ever counted, at most N_THREAD_SLOTS.
 *
 * A module lists its counters once:
 *
 *	#define DB_COUNTERS(X)                       \
 *		X(GETS, "gets", "point reads")       \
 *		X(PUTS, "puts", "keys written")
 *	enum { COUNTER_ENUM(DB_COUNTERS) N_DB_COUNTERS };
 *	static const struct counter_desc descs[] = {COUNTER_DESCS(DB_COUNTERS)};
 *
 * and everything that shows counters walks the descriptions. Names are
 * written UPPER in the enum and prefixed by their list (here DB_GETS if the
 * list says DB_GETS). Thread-safe throughout; sums rise monotonically but
 * are not a cut in time across counters.
 */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/token.h"

struct counter_desc {
	const char *name;
	const char *help;
};

#define COUNTER_ENUM_ROW(id, name, help) id,
#define COUNTER_ENUM(LIST) LIST(COUNTER_ENUM_ROW)
#define COUNTER_DESC_ROW(id, name, help) { name, help },
#define COUNTER_DESCS(LIST) LIST(COUNTER_DESC_ROW)

struct counter_shard {
	/* Stored by the slot's thread alone (shared by all in the overflow
	 * shard), read by any, relaxed: sums need no order. */
	_Atomic uint64_t v[1]; /* n of them */
};

struct counters {
	/* set at birth, then constant */
	unsigned n;
	struct counter_shard *overflow;
	/* released by the thread that adds its shard, acquired by readers */
	struct counter_shard *_Atomic shards[N_THREAD_SLOTS];
};

/* `n` counters at 0. 0 with *out set, or -ENOMEM. */
int counters_new(unsigned n, struct counters **out);
void counters_free(struct counters *c);

/* Slow path of counter_add(). */
void counter_add_slow(struct counters *c, unsigned i, uint64_t v);

/* Adds `v` to counter `i`. Never fails. */
static ALWAYS_INLINE void counter_add(struct counters *c, unsigned i,
				      uint64_t v)
{
	int slot = thread_slot();
	struct counter_shard *s;

	if (likely(slot >= 0)) {
		s = atomic_load_explicit(&c->shards[slot],
					 memory_order_relaxed);
		if (likely(s)) {
			uint64_t was = atomic_load_explicit(
				&s->v[i], memory_order_relaxed);

			atomic_store_explicit(&s->v[i], was + v,
					      memory_order_relaxed);
			return;
		}
	}
	counter_add_slow(c, i, v);
}

static ALWAYS_INLINE void counter_inc(struct counters *c, unsigned i)
{
	counter_add(c, i, 1);
}

/* The sum of counter `i` over all threads. */
uint64_t counter_read(const struct counters *c, unsigned i);

/* The sums of all counters into out[0..n-1]. */
void counters_read_all(const struct counters *c, uint64_t *out);

#endif
