/* SPDX-License-Identifier: MIT */
/*
 * An intrusive hash map: objects embed a struct hmap_node, carry their own
 * key, and are chained per bucket. The caller hashes (checksum(), or
 * hash_u64() for numbers) and compares. Inserting can never fail once the
 * map exists: when memory for more buckets is out, chains grow instead.
 * Growth is incremental, a few buckets per insert, so that no
 * single call walks the whole map. Not thread-safe.
 *
 *	for (n = hmap_first(m, h); n; n = hmap_next(n)) {
 *		struct foo *f = container_of(n, struct foo, node);
 *		if (f->id == id) ...
 *	}
 */
#ifndef BASE_HMAP_H
#define BASE_HMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct hmap_node {
	struct hmap_node *chain;
	uint64_t hash;
};

struct hmap {
	struct hmap_node **buckets; /* 1 << bits of them */
	struct hmap_node **old;	    /* being emptied into buckets, or NULL */
	unsigned bits;
	unsigned old_bits;
	size_t n_moved; /* buckets of `old` emptied so far */
	size_t n;
};

/* An empty map with room for about `expect` nodes; 0 or -ENOMEM. */
int hmap_init(struct hmap *m, size_t expect);
/* Frees the buckets, not the objects. */
void hmap_fini(struct hmap *m);

static inline size_t hmap_len(const struct hmap *m)
{
	return m->n;
}

/* Adds `node` under `hash`. Duplicates are the caller's business. */
void hmap_insert(struct hmap *m, struct hmap_node *node, uint64_t hash);

/* Removes `node`, which must be in the map. */
void hmap_remove(struct hmap *m, struct hmap_node *node);

/* First node whose full hash is `hash`, NULL when none. */
struct hmap_node *hmap_first(const struct hmap *m, uint64_t hash);

/* The next one with the same full hash, NULL when none. */
struct hmap_node *hmap_next(const struct hmap_node *node);

/*
 * Walks all nodes in no order: call with prev NULL and *cursor 0 first, then
 * with the node given last; NULL at the end. Nothing may be inserted while
 * walking; a node may be removed once its successor has been fetched.
 */
struct hmap_node *hmap_walk(const struct hmap *m, struct hmap_node *prev,
			    size_t *cursor);

/* Unlinks and returns any node, NULL when empty: for tearing a map down.
 * *cursor is 0 at first; nothing may be inserted in between. */
struct hmap_node *hmap_pop_any(struct hmap *m, size_t *cursor);

/* Spreads a number over 64 bits; equal numbers give equal hashes. */
static ALWAYS_INLINE uint64_t hash_u64(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	return x;
}

#endif
