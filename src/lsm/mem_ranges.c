/* SPDX-License-Identifier: MIT */
#include "lsm/mem_ranges.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"

/* So many lie in a list before they become a set. */
#define CHUNK 8
/* Four sets of each size but the largest; 4^15 chunks fit no memory. */
#define MAX_SETS (3 * 15 + 1)

/* Range tombstones as they came. Filled by the writer, kept for ever. */
struct mem_range_chunk {
	struct mem_range_chunk *older;
	/* Stored with release by the writer, loaded with acquire: so many are
	 * there. */
	_Atomic uint32_t n;
	struct range_del dels[CHUNK];
};

struct mem_range_view {
	struct mem_range_chunk *chunk; /* the newest, not yet in a set */
	uint32_t n_sets;
	struct ranked_set {
		struct range_set *set;
		unsigned rank; /* RANGE_FANOUT^rank chunks are in it */
	} sets[];	       /* newest first */
};

void mem_ranges_init(struct mem_ranges *m)
{
	*m = (struct mem_ranges){ .newest = NULL };
	arena_init(&m->arena, 0);
}

void mem_ranges_fini(struct mem_ranges *m)
{
	const struct mem_range_view *v = mem_ranges_view(m);

	for (uint32_t i = 0; v && i < v->n_sets; i++)
		range_set_free(v->sets[i].set);
	arena_fini(&m->arena);
}

/* ---- adding ----------------------------------------------------------- */

static void count_bytes(struct mem_ranges *m)
{
	atomic_store_explicit(&m->bytes, arena_bytes(&m->arena) + m->set_bytes,
			      memory_order_relaxed);
}

/* A view of these sets, which shows an empty chunk. */
static int publish(struct mem_ranges *m, const struct ranked_set *sets,
		   uint32_t n)
{
	struct mem_range_view *v =
		arena_alloc(&m->arena, sizeof(*v) + n * sizeof(*sets));
	struct mem_range_chunk *c = arena_alloc(&m->arena, sizeof(*c));

	if (!v || !c)
		return err_nomem("range tombstones");
	c->older = m->newest;
	atomic_init(&c->n, 0);
	v->chunk = c;
	v->n_sets = n;
	if (n)
		memcpy(v->sets, sets, n * sizeof(*sets));
	m->newest = c;
	atomic_store_explicit(&m->view, v, memory_order_release);
	return 0;
}

/* Puts the RANGE_FANOUT sets at the front together as long as they are of one
 * rank. What it made before a failure is in sets[0]. */
static int carry(struct ranked_set *sets, uint32_t *n)
{
	while (*n >= RANGE_FANOUT &&
	       sets[RANGE_FANOUT - 1].rank == sets[0].rank) {
		struct range_set *kids[RANGE_FANOUT], *whole;
		int r;

		for (unsigned i = 0; i < RANGE_FANOUT; i++)
			kids[i] = sets[i].set;
		/* Readers of older views may be in them: they stay. */
		r = range_set_merge(kids, RANGE_FANOUT, true, &whole);
		if (r < 0)
			return r;
		sets[0] = (struct ranked_set){ whole, sets[0].rank + 1 };
		*n -= RANGE_FANOUT - 1;
		memmove(sets + 1, sets + RANGE_FANOUT,
			(*n - 1) * sizeof(*sets));
	}
	return 0;
}

/* Frees what was made before something failed: the sets that the view does not
 * know. */
static void take_back(const struct mem_range_view *v, struct range_set *s)
{
	for (uint32_t i = 0; i < v->n_sets; i++)
		if (v->sets[i].set == s)
			return;
	for (unsigned i = 0; i < s->n_kids; i++)
		take_back(v, s->kids[i]);
	s->n_kids = 0;
	range_set_free(s);
}

/* The full chunk becomes a set. */
static int close_chunk(struct mem_ranges *m, const struct mem_range_view *v)
{
	struct ranked_set sets[MAX_SETS + 1] = { { NULL, 0 } };
	struct range_del dels[CHUNK];
	uint32_t n = v->n_sets + 1;
	size_t bytes = 0;
	int r;

	assert(n <= ARRAY_LEN(sets));
	memcpy(dels, v->chunk->dels, sizeof(dels));
	if (v->n_sets)
		memcpy(sets + 1, v->sets, v->n_sets * sizeof(*sets));
	r = range_set_build(dels, CHUNK, &sets[0].set);
	if (r < 0)
		return r;
	r = carry(sets, &n);
	if (r == 0)
		r = publish(m, sets, n);
	if (r < 0) {
		take_back(v, sets[0].set);
		return r;
	}
	for (uint32_t i = 0; i < n; i++)
		bytes += sets[i].set->bytes;
	m->set_bytes = bytes;
	return 0;
}

static int copy_key(struct mem_ranges *m, struct tt_slice *key)
{
	void *p;

	if (key->len == 0)
		return 0;
	p = arena_dup(&m->arena, key->data, key->len);
	if (!p)
		return err_nomem("range tombstones");
	key->data = p;
	return 0;
}

int mem_ranges_add(struct mem_ranges *m, const struct range_del *d)
{
	const struct mem_range_view *v = mem_ranges_view(m);
	struct range_del copy = *d;
	struct mem_range_chunk *c;
	uint32_t n;
	int r = 0;

	if (!v)
		r = publish(m, NULL, 0);
	else if (atomic_load_explicit(&v->chunk->n, memory_order_relaxed) ==
		 CHUNK)
		r = close_chunk(m, v);
	if (r == 0)
		r = copy_key(m, &copy.start);
	if (r == 0)
		r = copy_key(m, &copy.end);
	count_bytes(m);
	if (r < 0)
		return r;
	c = mem_ranges_view(m)->chunk;
	n = atomic_load_explicit(&c->n, memory_order_relaxed);
	c->dels[n] = copy;
	atomic_store_explicit(&c->n, n + 1, memory_order_release);
	atomic_store_explicit(&m->n, mem_ranges_count(m) + 1,
			      memory_order_relaxed);
	return 0;
}

/* ---- asking ----------------------------------------------------------- */

int64_t mem_range_cover(const struct mem_range_view *v, struct tt_slice key,
			int64_t as_of)
{
	const struct mem_range_chunk *c = v->chunk;
	uint32_t n = atomic_load_explicit(&c->n, memory_order_acquire);
	int64_t ts;

	while (n-- > 0)
		if (c->dels[n].ts <= as_of && range_del_has(&c->dels[n], key))
			return c->dels[n].ts;
	for (uint32_t i = 0; i < v->n_sets; i++) {
		ts = range_set_cover(v->sets[i].set, key, as_of);
		if (ts != RANGE_NONE)
			return ts;
	}
	return RANGE_NONE;
}

/* One range tombstone that is not newer than the time asked about. */
static void find_in(const struct range_del *d, struct tt_slice key,
		    struct range_hit *h)
{
	if (key_cmp(key, d->start) < 0) {
		range_hit_clip(h, SLICE_EMPTY, d->start);
	} else if (d->end.len && key_cmp(key, d->end) >= 0) {
		range_hit_clip(h, d->end, SLICE_EMPTY);
	} else {
		range_hit_clip(h, d->start, d->end);
		h->ts = d->ts;
	}
}

void mem_range_find(const struct mem_range_view *v, struct tt_slice key,
		    int64_t as_of, struct range_hit *h)
{
	const struct mem_range_chunk *c = v->chunk;
	uint32_t n = atomic_load_explicit(&c->n, memory_order_acquire);

	while (n-- > 0 && h->ts == RANGE_NONE)
		if (c->dels[n].ts <= as_of)
			find_in(&c->dels[n], key, h);
	for (uint32_t i = 0; i < v->n_sets && h->ts == RANGE_NONE; i++)
		range_set_find(v->sets[i].set, key, as_of, h);
}

int mem_ranges_each(const struct mem_ranges *m,
		    int (*fn)(void *arg, const struct range_del *d), void *arg)
{
	int r = 0;

	for (const struct mem_range_chunk *c = m->newest; c; c = c->older)
		for (uint32_t n =
			     atomic_load_explicit(&c->n, memory_order_relaxed);
		     r == 0 && n > 0;)
			r = fn(arg, &c->dels[--n]);
	return r;
}
