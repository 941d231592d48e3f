/* SPDX-License-Identifier: MIT */
#include "tree/dentry_cache.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/mutex.h"

#define N_SHARDS 16u

struct name_entry {
	struct hmap_node node;
	struct list_node link; /* in the clock */
	uint64_t parent;
	struct dentry d;
	uint16_t name_len;
	bool is_used; /* since the hand came by */
	char name[];
};

struct name_shard {
	struct mutex mu; /* RANK_TREE_DENTRY */
	/* guarded by mu */
	struct hmap map;
	struct list_node clock; /* the hand is at its front */
	size_t bytes;
	size_t budget;
} ALIGNED(CACHE_LINE);

struct dentry_cache {
	struct name_shard shards[N_SHARDS];
};

static struct name_shard *shard_of(struct dentry_cache *c, uint64_t hash)
{
	return &c->shards[(hash >> 56) % N_SHARDS];
}

/* What an entry costs, malloc's own share guessed at. */
static size_t entry_bytes(size_t name_len)
{
	return sizeof(struct name_entry) + name_len + 24;
}

int dentry_cache_new(size_t budget_bytes, struct dentry_cache **out)
{
	struct dentry_cache *c =
		aligned_alloc(CACHE_LINE, ROUND_UP(sizeof(*c), CACHE_LINE));
	int r = 0;

	if (!c)
		return err_nomem("the name cache");
	for (unsigned i = 0; i < N_SHARDS; i++) {
		struct name_shard *s = &c->shards[i];

		mutex_init(&s->mu, RANK_TREE_DENTRY);
		list_init(&s->clock);
		s->bytes = 0;
		s->budget = budget_bytes / N_SHARDS;
		s->map = (struct hmap){ 0 };
		if (r == 0)
			r = hmap_init(&s->map, 16);
	}
	if (r < 0) {
		dentry_cache_free(c);
		return r;
	}
	*out = c;
	return 0;
}

static void remove_locked(struct name_shard *s, struct name_entry *e)
{
	mutex_assert_held(&s->mu);
	hmap_remove(&s->map, &e->node);
	list_remove(&e->link);
	s->bytes -= entry_bytes(e->name_len);
	free(e);
}

void dentry_cache_free(struct dentry_cache *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < N_SHARDS; i++) {
		struct name_shard *s = &c->shards[i];
		struct list_node *n;

		mutex_lock(&s->mu);
		while ((n = list_first(&s->clock)) != NULL)
			remove_locked(s,
				      container_of(n, struct name_entry, link));
		mutex_unlock(&s->mu);
		hmap_fini(&s->map);
		mutex_fini(&s->mu);
	}
	free(c);
}

static struct name_entry *find_locked(struct name_shard *s, uint64_t hash,
				      uint64_t parent, struct tt_slice name)
{
	struct hmap_node *n;

	mutex_assert_held(&s->mu);
	for (n = hmap_first(&s->map, hash); n; n = hmap_next(n)) {
		struct name_entry *e = container_of(n, struct name_entry, node);

		if (e->parent == parent &&
		    slice_eq(SLICE(e->name, e->name_len), name))
			return e;
	}
	return NULL;
}

bool dentry_cache_get(struct dentry_cache *c, uint64_t hash, uint64_t parent,
		      struct tt_slice name, struct dentry *out)
{
	struct name_shard *s = shard_of(c, hash);
	struct name_entry *e;

	mutex_lock(&s->mu);
	e = find_locked(s, hash, parent, name);
	if (e) {
		e->is_used = true;
		*out = e->d;
	}
	mutex_unlock(&s->mu);
	return e != NULL;
}

/* Moves the hand until there is room again. */
static void evict_locked(struct name_shard *s)
{
	struct list_node *n;

	mutex_assert_held(&s->mu);
	while (s->bytes > s->budget && (n = list_first(&s->clock)) != NULL) {
		struct name_entry *e = container_of(n, struct name_entry, link);

		if (e->is_used) {
			e->is_used = false;
			list_remove(n);
			list_push_back(&s->clock, n);
		} else {
			remove_locked(s, e);
		}
	}
}

void dentry_cache_put(struct dentry_cache *c, uint64_t hash, uint64_t parent,
		      struct tt_slice name, const struct dentry *d)
{
	struct name_shard *s = shard_of(c, hash);
	struct name_entry *e;

	mutex_lock(&s->mu);
	e = find_locked(s, hash, parent, name);
	if (e) {
		e->d = *d;
		goto out;
	}
	e = malloc(sizeof(*e) + name.len);
	if (!e)
		goto out; /* it was not known before either */
	e->parent = parent;
	e->d = *d;
	e->is_used = false;
	e->name_len = (uint16_t)name.len;
	memcpy(e->name, name.data, name.len);
	hmap_insert(&s->map, &e->node, hash);
	list_push_back(&s->clock, &e->link);
	s->bytes += entry_bytes(name.len);
	evict_locked(s);
out:
	mutex_unlock(&s->mu);
}

static bool name_of(struct dentry_cache *c, uint64_t hash, uint64_t parent,
		    char *name, size_t *len)
{
	struct name_shard *s = shard_of(c, hash);
	struct hmap_node *n;
	bool is_known = false;

	mutex_lock(&s->mu);
	for (n = hmap_first(&s->map, hash); n && !is_known; n = hmap_next(n)) {
		struct name_entry *e = container_of(n, struct name_entry, node);

		is_known = e->parent == parent;
		if (!is_known)
			continue;
		*len = e->name_len;
		memcpy(name, e->name, e->name_len);
	}
	mutex_unlock(&s->mu);
	return is_known;
}

bool dentry_cache_name(struct dentry_cache *c, uint64_t bits, uint64_t parent,
		       char *name, size_t *len)
{
	return name_of(c, bits, parent, name, len) ||
	       name_of(c, bits | ~DENTRY_HASH_BITS, parent, name, len);
}

size_t dentry_cache_bytes(struct dentry_cache *c)
{
	size_t n = 0;

	for (unsigned i = 0; i < N_SHARDS; i++) {
		mutex_lock(&c->shards[i].mu);
		n += c->shards[i].bytes;
		mutex_unlock(&c->shards[i].mu);
	}
	return n;
}
