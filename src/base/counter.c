/* SPDX-License-Identifier: MIT */
/*
 * Counter shards. A thread's shard is made when it first counts and stays
 * for the next thread of the same slot; it starts on a cache line of its
 * own. Threads without a slot, or without memory for a shard, share the
 * overflow shard by atomic addition.
 */
#include "base/counter.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

static struct counter_shard *shard_new(unsigned n)
{
	size_t bytes = ROUND_UP(n * sizeof(uint64_t), (size_t)CACHE_LINE);
	struct counter_shard *s = aligned_alloc(CACHE_LINE, bytes);

	if (s)
		memset((void *)s, 0, bytes);
	return s;
}

int counters_new(unsigned n, struct counters **out)
{
	struct counters *c = calloc(1, sizeof(*c));

	assert(n > 0);
	if (!c)
		return err_nomem("counters");
	c->n = n;
	c->overflow = shard_new(n);
	if (!c->overflow) {
		free(c);
		return err_nomem("counters");
	}
	*out = c;
	return 0;
}

void counters_free(struct counters *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < N_THREAD_SLOTS; i++)
		free(atomic_load_explicit(&c->shards[i], memory_order_acquire));
	free(c->overflow);
	free(c);
}

void counter_add_slow(struct counters *c, unsigned i, uint64_t v)
{
	int slot = thread_slot();
	struct counter_shard *s = slot >= 0 ? shard_new(c->n) : NULL;

	if (!s) {
		atomic_fetch_add_explicit(&c->overflow->v[i], v,
					  memory_order_relaxed);
		return;
	}
	atomic_store_explicit(&s->v[i], v, memory_order_relaxed);
	/* Only this slot's thread stores here; readers acquire the zeros. */
	atomic_store_explicit(&c->shards[slot], s, memory_order_release);
}

static uint64_t shard_read(const struct counter_shard *s, unsigned i)
{
	return atomic_load_explicit(&s->v[i], memory_order_relaxed);
}

uint64_t counter_read(const struct counters *c, unsigned i)
{
	uint64_t sum = shard_read(c->overflow, i);

	slow_assert(i < c->n);
	for (unsigned k = 0; k < N_THREAD_SLOTS; k++) {
		const struct counter_shard *s = atomic_load_explicit(
			&c->shards[k], memory_order_acquire);

		if (s)
			sum += shard_read(s, i);
	}
	return sum;
}

void counters_read_all(const struct counters *c, uint64_t *out)
{
	for (unsigned i = 0; i < c->n; i++)
		out[i] = shard_read(c->overflow, i);
	for (unsigned k = 0; k < N_THREAD_SLOTS; k++) {
		const struct counter_shard *s = atomic_load_explicit(
			&c->shards[k], memory_order_acquire);

		for (unsigned i = 0; s && i < c->n; i++)
			out[i] += shard_read(s, i);
	}
}
