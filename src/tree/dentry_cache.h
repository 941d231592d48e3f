/* SPDX-License-Identifier: MIT */
/*
 * Names lately used: (parent, name) to inode number, or to the knowledge that
 * there is none. Bounded by bytes; the least recently used go first, by a
 * second-chance clock per shard. What it says is true: entries change under
 * their directory's lock, held exclusively, and are added under that lock
 * held in either way. Thread-safe otherwise.
 */
#ifndef TREE_DENTRY_CACHE_H
#define TREE_DENTRY_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct dentry_cache;

struct dentry {
	uint64_t ino;	  /* 0: there is no such entry */
	bool has_own_row; /* the inode is in its I row, not in the entry's */
	bool is_dir;
};

/* 0 or -ENOMEM. */
int dentry_cache_new(size_t budget_bytes, struct dentry_cache **out);
void dentry_cache_free(struct dentry_cache *c);

/* `hash` is entry_hash(parent, name) throughout. True when known. */
bool dentry_cache_get(struct dentry_cache *c, uint64_t hash, uint64_t parent,
		      struct tt_slice name, struct dentry *out);
/* Remembers, replacing what was known. Without memory it forgets. */
void dentry_cache_put(struct dentry_cache *c, uint64_t hash, uint64_t parent,
		      struct tt_slice name, const struct dentry *d);
/* The name whose hash has `bits` in its DENTRY_HASH_BITS, to `name`
 * (TREE_NAME_MAX bytes), also when it is known to be gone. */
#define DENTRY_HASH_BITS ((uint64_t)INT64_MAX)
bool dentry_cache_name(struct dentry_cache *c, uint64_t bits, uint64_t parent,
		       char *name, size_t *len);
/* Bytes held now. */
size_t dentry_cache_bytes(struct dentry_cache *c);

#endif
