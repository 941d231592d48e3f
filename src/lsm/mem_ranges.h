/* SPDX-License-Identifier: MIT */
/*
 * The range tombstones of a memtable: one writer adds, any number of threads
 * ask without locks. The logarithmic method: the newest few lie in a list, the
 * others in range sets whose sizes grow by RANGE_FANOUT; that many of one size
 * become one of the next. So adding costs O(log n) on average, asking
 * O(log^2 n), however many there are and however they overlap.
 *
 * Nothing is given back before the end, since a reader may be anywhere; the
 * sets that a larger one was made of are part of it (range_set.h).
 */
#ifndef LSM_MEM_RANGES_H
#define LSM_MEM_RANGES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "lsm/range_set.h"

struct mem_range_view;
struct mem_range_chunk;

struct mem_ranges {
	/* Stored with release by the writer, loaded with acquire by readers;
	 * NULL as long as there are none. */
	const struct mem_range_view *_Atomic view;
	/* stored by the writer, loaded by anybody, relaxed: gauges */
	_Atomic size_t bytes;
	_Atomic uint64_t n;
	/* owned by the writer */
	struct arena arena;		/* keys, views, chunks */
	struct mem_range_chunk *newest; /* the first of all chunks */
	size_t set_bytes;
};

void mem_ranges_init(struct mem_ranges *m);
void mem_ranges_fini(struct mem_ranges *m);

/*
 * Adds one, copying the keys; timestamps do not fall. Writer only. -ENOMEM
 * leaves everything as it was.
 */
int mem_ranges_add(struct mem_ranges *m, const struct range_del *d);

static inline size_t mem_ranges_bytes(const struct mem_ranges *m)
{
	return atomic_load_explicit(&m->bytes, memory_order_relaxed);
}

static inline uint64_t mem_ranges_count(const struct mem_ranges *m)
{
	return atomic_load_explicit(&m->n, memory_order_relaxed);
}

/* What there is now; NULL: nothing. Valid until mem_ranges_fini(). */
static ALWAYS_INLINE const struct mem_range_view *mem_ranges_view(
	const struct mem_ranges *m)
{
	return atomic_load_explicit(&m->view, memory_order_acquire);
}

/* As range_set_cover() and range_set_find(); range tombstones added since the
 * view was taken are those of newer times. */
int64_t mem_range_cover(const struct mem_range_view *v, struct tt_slice key,
			int64_t as_of);
void mem_range_find(const struct mem_range_view *v, struct tt_slice key,
		    int64_t as_of, struct range_hit *h);

/* Calls `fn` for each, newest first; its failure ends the walk. No writer. */
int mem_ranges_each(const struct mem_ranges *m,
		    int (*fn)(void *arg, const struct range_del *d), void *arg);

#endif
