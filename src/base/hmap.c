/* SPDX-License-Identifier: MIT */
/*
 * Chained hash map with incremental growth. While it grows there are two
 * bucket arrays, and every hash lives in exactly one of them: in the old one
 * until its old bucket has been moved. Buckets move in rising order, so
 * n_moved alone tells which.
 */
#include "base/hmap.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"

#define HMAP_MIN_BITS 3
#define HMAP_MAX_BITS 40
#define HMAP_MOVES_PER_INSERT 4

static size_t hmap_index(uint64_t hash, unsigned bits)
{
	return (size_t)(hash & (((uint64_t)1 << bits) - 1));
}

/* The chain in which nodes of `hash` are. */
static struct hmap_node **hmap_chain(const struct hmap *m, uint64_t hash)
{
	if (m->old) {
		size_t i = hmap_index(hash, m->old_bits);

		if (i >= m->n_moved)
			return &m->old[i];
	}
	return &m->buckets[hmap_index(hash, m->bits)];
}

int hmap_init(struct hmap *m, size_t expect)
{
	unsigned bits = HMAP_MIN_BITS;

	while (bits < HMAP_MAX_BITS && ((size_t)1 << bits) < expect)
		bits++;
	*m = (struct hmap){ .bits = bits };
	m->buckets = calloc((size_t)1 << bits, sizeof(struct hmap_node *));
	return m->buckets ? 0 : err_nomem("hash map");
}

void hmap_fini(struct hmap *m)
{
	free(m->buckets);
	free(m->old);
	*m = (struct hmap){ 0 };
}

static void hmap_move_bucket(struct hmap *m)
{
	struct hmap_node *n = m->old[m->n_moved];

	while (n) {
		struct hmap_node *next = n->chain;
		struct hmap_node **to =
			&m->buckets[hmap_index(n->hash, m->bits)];

		n->chain = *to;
		*to = n;
		n = next;
	}
	m->n_moved++;
	if (m->n_moved == (size_t)1 << m->old_bits) {
		free(m->old);
		m->old = NULL;
	}
}

static void hmap_start_growth(struct hmap *m)
{
	struct hmap_node **buckets;

	if (m->bits >= HMAP_MAX_BITS)
		return;
	buckets = calloc((size_t)2 << m->bits, sizeof(struct hmap_node *));
	if (!buckets)
		return; /* longer chains then; tried again next time */
	m->old = m->buckets;
	m->old_bits = m->bits;
	m->n_moved = 0;
	m->buckets = buckets;
	m->bits++;
}

void hmap_insert(struct hmap *m, struct hmap_node *node, uint64_t hash)
{
	struct hmap_node **at;

	if (m->old) {
		for (int i = 0; i < HMAP_MOVES_PER_INSERT && m->old; i++)
			hmap_move_bucket(m);
	} else if (m->n >= (size_t)1 << m->bits) {
		hmap_start_growth(m);
	}
	at = hmap_chain(m, hash);
	node->hash = hash;
	node->chain = *at;
	*at = node;
	m->n++;
}

void hmap_remove(struct hmap *m, struct hmap_node *node)
{
	struct hmap_node **at = hmap_chain(m, node->hash);

	while (*at != node) {
		assert(*at);
		at = &(*at)->chain;
	}
	*at = node->chain;
	node->chain = NULL;
	m->n--;
}

static struct hmap_node *hmap_match(struct hmap_node *n, uint64_t hash)
{
	while (n && n->hash != hash)
		n = n->chain;
	return n;
}

struct hmap_node *hmap_first(const struct hmap *m, uint64_t hash)
{
	return hmap_match(*hmap_chain(m, hash), hash);
}

struct hmap_node *hmap_next(const struct hmap_node *node)
{
	return hmap_match(node->chain, node->hash);
}

/* The i-th chain of all, counting what is left of the old array first; NULL
 * beyond the last. */
static struct hmap_node **hmap_nth_chain(const struct hmap *m, size_t i)
{
	if (m->old) {
		size_t left = ((size_t)1 << m->old_bits) - m->n_moved;

		if (i < left)
			return &m->old[m->n_moved + i];
		i -= left;
	}
	return i < (size_t)1 << m->bits ? &m->buckets[i] : NULL;
}

struct hmap_node *hmap_walk(const struct hmap *m, struct hmap_node *prev,
			    size_t *cursor)
{
	struct hmap_node **at;

	if (prev && prev->chain)
		return prev->chain;
	while ((at = hmap_nth_chain(m, *cursor))) {
		struct hmap_node *first = *at;

		++*cursor;
		if (first)
			return first;
	}
	return NULL;
}

struct hmap_node *hmap_pop_any(struct hmap *m, size_t *cursor)
{
	struct hmap_node **at;

	while ((at = hmap_nth_chain(m, *cursor))) {
		struct hmap_node *n = *at;

		if (n) {
			*at = n->chain;
			n->chain = NULL;
			m->n--;
			return n;
		}
		++*cursor;
	}
	return NULL;
}
