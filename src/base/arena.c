/* SPDX-License-Identifier: MIT */
/*
 * Bump allocation. Chunks form a list; a large object gets a chunk of its
 * own behind the current one, whose room stays in use.
 */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define ARENA_DEFAULT_CHUNK (64u << 10)
#define ARENA_MIN_CHUNK 1024u

struct arena_chunk {
	struct arena_chunk *next;
	size_t bytes;
};

void arena_init(struct arena *a, size_t chunk_bytes)
{
	if (chunk_bytes == 0)
		chunk_bytes = ARENA_DEFAULT_CHUNK;
	*a = (struct arena){
		.chunk_bytes = MAX_OF(chunk_bytes, ARENA_MIN_CHUNK),
	};
}

void arena_fini(struct arena *a)
{
	struct arena_chunk *c = a->chunks;

	while (c) {
		struct arena_chunk *next = c->next;

		free(c);
		c = next;
	}
	a->next = NULL;
	a->end = NULL;
	a->chunks = NULL;
	atomic_store_explicit(&a->bytes, 0, memory_order_relaxed);
}

/* A new chunk of `bytes` in all, linked in. */
static struct arena_chunk *arena_add_chunk(struct arena *a, size_t bytes)
{
	struct arena_chunk *c = malloc(bytes);

	if (!c)
		return NULL;
	c->bytes = bytes;
	c->next = a->chunks;
	a->chunks = c;
	atomic_store_explicit(&a->bytes, arena_bytes(a) + bytes,
			      memory_order_relaxed);
	return c;
}

void *arena_alloc_slow(struct arena *a, size_t n, size_t align)
{
	struct arena_chunk *c;
	size_t overhead = sizeof(struct arena_chunk) + align;

	assert(align <= 4096 && (align & (align - 1)) == 0);
	if (n > SIZE_MAX / 2)
		return NULL;
	if (n + overhead > a->chunk_bytes / 4) {
		c = arena_add_chunk(a, n + overhead);
		if (!c)
			return NULL;
		return (void *)ROUND_UP((uintptr_t)(c + 1), (uintptr_t)align);
	}
	c = arena_add_chunk(a, a->chunk_bytes);
	if (!c)
		return NULL;
	a->next = (uint8_t *)(c + 1);
	a->end = (uint8_t *)c + c->bytes;
	return arena_alloc_aligned(a, n, align);
}

void *arena_dup(struct arena *a, const void *p, size_t n)
{
	void *copy = arena_alloc_bytes(a, n);

	if (copy && n)
		memcpy(copy, p, n);
	return copy;
}
