/* SPDX-License-Identifier: MIT */
#include "tree/acl_rows.h"

#include <stdlib.h>

#include "base/err.h"
#include "tree/acl.h"
#include "tree/schema_key.h"

enum acl_kind acl_kind_of(struct tt_slice name)
{
	if (slice_eq(name, slice_str(SCHEMA_ACL_ACCESS)))
		return ACL_ACCESS;
	if (slice_eq(name, slice_str(SCHEMA_ACL_DEFAULT)))
		return ACL_DEFAULT;
	return ACL_NONE;
}

static const char *name_of(enum acl_kind kind)
{
	return kind == ACL_ACCESS ? SCHEMA_ACL_ACCESS : SCHEMA_ACL_DEFAULT;
}

/* A copy of the stored ACL on the heap; TT_NOTFOUND. */
static int load(struct tree *t, uint64_t ino, enum acl_kind kind, uint8_t **out,
		size_t *out_len)
{
	struct tt_pinned pin = { 0 };
	struct tt_slice acl;
	struct schema_key k;
	int r;

	key_xattr(&k, ino, slice_str(name_of(kind)));
	r = tt_get_pinned(t->db, &t->reads, key_slice(&k), &pin);
	if (r)
		return r;
	acl = slice_skip(pin.value,
			 MIN_OF(pin.value.len, sizeof(struct schema_xattr)));
	if (pin.value.len < sizeof(struct schema_xattr) ||
	    slice_bytes(pin.value)[0] != SCHEMA_HEAD_XATTR ||
	    acl_check(acl) < 0) {
		r = err_set(TT_ECORRUPT, "an ACL of unknown layout");
	} else {
		*out = malloc(acl.len);
		*out_len = acl.len;
		if (*out)
			memcpy(*out, acl.data, acl.len);
		else
			r = err_nomem("an ACL");
	}
	tt_unpin(&pin);
	return r;
}

static int store(struct txn *tx, uint64_t ino, enum acl_kind kind,
		 const uint8_t *acl, size_t len)
{
	struct schema_xattr head = { .head = SCHEMA_HEAD_XATTR };
	struct tt_slice parts[2] = { SLICE(&head, sizeof(head)),
				     SLICE(acl, len) };
	struct schema_key k;

	key_xattr(&k, ino, slice_str(name_of(kind)));
	return tt_batch_putv(tx->batch, key_slice(&k), parts, 2);
}

/* Where the default ACL of `dir` is stored: under its own number, unless this
 * change makes it. 0: it has none. */
static uint64_t default_source(struct txn *tx, struct inode *dir)
{
	if (txn_is_new(tx, dir))
		return txn_acl_from(tx, dir);
	return txn_state(tx, dir)->n_xattrs ? dir->ino : 0;
}

/* The rows of an inode that inherits `acl`, which is changed. */
static int put_inherited(struct txn *tx, struct inode *in, uint64_t source,
			 uint8_t *acl, size_t len)
{
	struct inode_state *st = txn_edit(tx, in);
	int r = 0;

	if (!st)
		return -ENOMEM;
	if (state_is_dir(st)) {
		r = store(tx, in->ino, ACL_DEFAULT, acl, len);
		st->n_xattrs++;
	}
	if (r == 0)
		r = txn_set_acl_from(tx, in, source);
	st->mode = (st->mode & ~0777u) | acl_for_new(acl, len, st->mode);
	if (r < 0 || acl_is_mode(SLICE(acl, len)))
		return r;
	st->n_xattrs++;
	return store(tx, in->ino, ACL_ACCESS, acl, len);
}

int acl_inherit(struct txn *tx, struct inode *dir, struct inode *in,
		uint32_t umask)
{
	uint64_t source = default_source(tx, dir);
	struct inode_state *st = txn_edit(tx, in);
	uint8_t *acl = NULL;
	size_t len = 0;
	int r = TT_NOTFOUND;

	if (!st)
		return -ENOMEM;
	if (S_ISLNK(st->mode))
		return 0;
	if (source)
		r = load(tx->t, source, ACL_DEFAULT, &acl, &len);
	if (r == 0)
		r = put_inherited(tx, in, source, acl, len);
	else if (r == TT_NOTFOUND)
		st->mode &= ~(umask & 0777);
	free(acl);
	return r < 0 ? r : 0;
}

int acl_disinherit(struct txn *tx, struct inode *in)
{
	int r = 0;

	if (!txn_acl_from(tx, in))
		return 0;
	for (int kind = ACL_ACCESS; r == 0 && kind <= ACL_DEFAULT; kind++) {
		struct schema_key k;

		key_xattr(&k, in->ino, slice_str(name_of(kind)));
		r = tt_batch_delete(tx->batch, key_slice(&k));
	}
	return r;
}

int acl_chmod(struct txn *tx, struct inode *in)
{
	uint8_t *acl = NULL;
	size_t len;
	int r;

	if (!txn_state(tx, in)->n_xattrs)
		return 0;
	r = load(tx->t, in->ino, ACL_ACCESS, &acl, &len);
	if (r == 0) {
		acl_follow_mode(acl, len, txn_state(tx, in)->mode);
		r = store(tx, in->ino, ACL_ACCESS, acl, len);
	}
	free(acl);
	return r < 0 ? r : 0;
}

int acl_set(struct txn *tx, struct inode *in, enum acl_kind kind,
	    struct tt_slice acl, bool kills_sgid, bool *out_is_stored)
{
	bool is_empty = acl_is_empty(acl);
	struct inode_state *st;
	int r = is_empty ? 0 : acl_check(acl);

	if (r < 0)
		return r;
	*out_is_stored = !is_empty;
	if (kind == ACL_DEFAULT)
		return is_empty || state_is_dir(&in->st)
			       ? 0
			       : err_set(-EACCES, "is not a directory");
	if (is_empty)
		return 0;
	st = txn_edit(tx, in);
	if (!st)
		return -ENOMEM;
	st->mode = (st->mode & ~0777u) | acl_mode(acl);
	if (kills_sgid)
		st->mode &= ~(uint32_t)S_ISGID;
	*out_is_stored = !acl_is_mode(acl);
	return 0;
}
