/* SPDX-License-Identifier: MIT */
/*
 * A bump allocator: many small objects with one common end. Memory comes in
 * chunks and is freed all at once; addresses never move. One thread
 * allocates at a time; others may read arena_bytes() and whatever has been
 * published to them.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct arena_chunk;

struct arena {
	/* owned by the allocating thread */
	uint8_t *next;
	uint8_t *end;
	struct arena_chunk *chunks;
	size_t chunk_bytes;
	/* stored by the allocating thread, read by any, relaxed: a gauge */
	_Atomic size_t bytes;
};

/* Chunks of `chunk_bytes` (0: 64 KiB); nothing is allocated yet. */
void arena_init(struct arena *a, size_t chunk_bytes);
/* Frees every chunk and leaves an empty arena. */
void arena_fini(struct arena *a);

/* Slow path of arena_alloc(). */
void *arena_alloc_slow(struct arena *a, size_t n, size_t align);

/*
 * `n` bytes aligned to `align`, a power of two up to 4096; NULL when memory
 * is out, and only then: no bytes have an address too. Not zeroed. Valid
 * until arena_fini(). An object larger than a quarter of a chunk gets memory
 * of its own.
 */
static ALWAYS_INLINE void *arena_alloc_aligned(struct arena *a, size_t n,
					       size_t align)
{
	uintptr_t p = ROUND_UP((uintptr_t)a->next, (uintptr_t)align);

	if (likely(p <= (uintptr_t)a->end && n <= (uintptr_t)a->end - p && p)) {
		a->next = (uint8_t *)p + n;
		return (void *)p;
	}
	return arena_alloc_slow(a, n, align);
}

/* The same, aligned to 8. */
static ALWAYS_INLINE void *arena_alloc(struct arena *a, size_t n)
{
	return arena_alloc_aligned(a, n, 8);
}

/* Unaligned, for bytes. */
static ALWAYS_INLINE void *arena_alloc_bytes(struct arena *a, size_t n)
{
	return arena_alloc_aligned(a, n, 1);
}

/* A copy of `n` bytes; NULL when memory is out. */
void *arena_dup(struct arena *a, const void *p, size_t n);

/* Bytes taken from the system, unused tails included. */
static inline size_t arena_bytes(const struct arena *a)
{
	return atomic_load_explicit(&a->bytes, memory_order_relaxed);
}

#endif
