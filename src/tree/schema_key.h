/* SPDX-License-Identifier: MIT */
/*
 * Building and taking apart the keys of schema_format.h. Keys are built in
 * the caller's storage; nothing allocates. Thread-safe.
 */
#ifndef TREE_SCHEMA_KEY_H
#define TREE_SCHEMA_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/le.h"
#include "base/slice.h"

enum schema_kind {
	KEY_FACT = 'S',
	KEY_ENTRY = 'D',
	KEY_INODE = 'I',
	KEY_BLOCK = 'B',
	KEY_XATTR = 'X',
	KEY_ORPHAN = 'O',
};

/* Longest key: kind, number, name of 255 bytes, and one for a successor. */
#define SCHEMA_KEY_MAX (1 + 8 + 255 + 1)
#define SCHEMA_NAME_MAX 255u
#define FACT_FORMAT "format"
#define FACT_INO "ino"

struct schema_key {
	size_t len;
	uint8_t b[SCHEMA_KEY_MAX];
};

static inline struct tt_slice key_slice(const struct schema_key *k)
{
	return SLICE(k->b, k->len);
}

/* Each sets *k and returns a slice over it, valid as long as *k is. Names
 * must not be longer than SCHEMA_NAME_MAX. */
struct tt_slice key_fact(struct schema_key *k, const char *name);
struct tt_slice key_entry(struct schema_key *k, uint64_t parent,
			  struct tt_slice name);
struct tt_slice key_inode(struct schema_key *k, uint64_t ino);
struct tt_slice key_block(struct schema_key *k, uint64_t ino, uint64_t block);
struct tt_slice key_xattr(struct schema_key *k, uint64_t ino,
			  struct tt_slice name);
struct tt_slice key_orphan(struct schema_key *k, uint64_t ino);

/* Just `kind` and number: the lower bound of all rows of that number. */
struct tt_slice key_prefix(struct schema_key *k, enum schema_kind kind,
			   uint64_t ino);
/* The upper bound (exclusive) of the rows of `kind` and number. */
struct tt_slice key_prefix_end(struct schema_key *k, enum schema_kind kind,
			       uint64_t ino);
/* Bounds of all rows of a kind. */
struct tt_slice key_kind(struct schema_key *k, enum schema_kind kind);
struct tt_slice key_kind_end(struct schema_key *k, enum schema_kind kind);

/*
 * Splits a key. False when its shape is not one of the above; else *kind,
 * *ino (0 for facts), *rest: the name, or the eight bytes of a block number.
 */
bool key_parse(struct tt_slice key, enum schema_kind *kind, uint64_t *ino,
	       struct tt_slice *rest);

/* A rest that is no number reads as one behind every block. */
static inline uint64_t key_rest_block(struct tt_slice rest)
{
	return rest.len == 8 ? be64_load(rest.data) : UINT64_MAX;
}

/* The name of an entry or attribute key that was stored: 0, or TT_ECORRUPT
 * when it cannot be one. */
int key_name(struct tt_slice key, struct tt_slice *name);

/* The same unchecked, to be looked at only. */
static inline struct tt_slice key_rest(struct tt_slice key)
{
	return slice_skip(key, key.len < 9 ? key.len : 9);
}

#endif
