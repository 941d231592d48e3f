/* SPDX-License-Identifier: MIT */
#include "tree/schema_key.h"

#include "base/assert.h"
#include "base/err.h"

static struct tt_slice build(struct schema_key *k, enum schema_kind kind,
			     uint64_t ino, struct tt_slice name)
{
	assert(name.len <= SCHEMA_NAME_MAX);
	k->b[0] = (uint8_t)kind;
	be64_store(k->b + 1, ino);
	if (name.len)
		memcpy(k->b + 9, name.data, name.len);
	k->len = 9 + name.len;
	return key_slice(k);
}

struct tt_slice key_fact(struct schema_key *k, const char *name)
{
	size_t n = strlen(name);

	assert(n <= SCHEMA_NAME_MAX);
	k->b[0] = KEY_FACT;
	memcpy(k->b + 1, name, n);
	k->len = 1 + n;
	return key_slice(k);
}

struct tt_slice key_entry(struct schema_key *k, uint64_t parent,
			  struct tt_slice name)
{
	return build(k, KEY_ENTRY, parent, name);
}

struct tt_slice key_inode(struct schema_key *k, uint64_t ino)
{
	return build(k, KEY_INODE, ino, SLICE_EMPTY);
}

struct tt_slice key_block(struct schema_key *k, uint64_t ino, uint64_t block)
{
	be64 b = be64_make(block);

	return build(k, KEY_BLOCK, ino, SLICE(b.b, sizeof(b)));
}

struct tt_slice key_xattr(struct schema_key *k, uint64_t ino,
			  struct tt_slice name)
{
	return build(k, KEY_XATTR, ino, name);
}

struct tt_slice key_orphan(struct schema_key *k, uint64_t ino)
{
	return build(k, KEY_ORPHAN, ino, SLICE_EMPTY);
}

struct tt_slice key_prefix(struct schema_key *k, enum schema_kind kind,
			   uint64_t ino)
{
	return build(k, kind, ino, SLICE_EMPTY);
}

struct tt_slice key_prefix_end(struct schema_key *k, enum schema_kind kind,
			       uint64_t ino)
{
	if (ino == UINT64_MAX)
		return key_kind_end(k, kind);
	return build(k, kind, ino + 1, SLICE_EMPTY);
}

struct tt_slice key_kind(struct schema_key *k, enum schema_kind kind)
{
	k->b[0] = (uint8_t)kind;
	k->len = 1;
	return key_slice(k);
}

struct tt_slice key_kind_end(struct schema_key *k, enum schema_kind kind)
{
	k->b[0] = (uint8_t)(kind + 1);
	k->len = 1;
	return key_slice(k);
}

static bool shape_fits(enum schema_kind kind, size_t rest_len)
{
	switch (kind) {
	case KEY_ENTRY:
	case KEY_XATTR:
		return rest_len >= 1 && rest_len <= SCHEMA_NAME_MAX;
	case KEY_INODE:
	case KEY_ORPHAN:
		return rest_len == 0;
	case KEY_BLOCK:
		return rest_len == 8;
	case KEY_FACT:
		break;
	}
	return false;
}

bool key_parse(struct tt_slice key, enum schema_kind *kind, uint64_t *ino,
	       struct tt_slice *rest)
{
	const uint8_t *b = key.data;

	if (key.len < 2)
		return false;
	*kind = (enum schema_kind)b[0];
	if (b[0] == KEY_FACT) {
		*ino = 0;
		*rest = slice_skip(key, 1);
		return true;
	}
	if (key.len < 9)
		return false;
	*ino = be64_load(b + 1);
	*rest = slice_skip(key, 9);
	return shape_fits(*kind, rest->len);
}

int key_name(struct tt_slice key, struct tt_slice *name)
{
	enum schema_kind kind;
	uint64_t ino;

	if (!key_parse(key, &kind, &ino, name) ||
	    (kind == KEY_ENTRY && memchr(name->data, '/', name->len)) ||
	    memchr(name->data, 0, name->len))
		return err_set(TT_ECORRUPT, "a key holds no name");
	return 0;
}
