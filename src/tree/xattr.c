/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes: a row each. The inode counts them, so that the many
 * files without any answer at once and deletion knows whether to look.
 */
#include "base/buf.h"
#include "base/err.h"
#include "tree/acl_rows.h"
#include "tree/inode_reader.h"
#include "tree/schema_key.h"
#include "tree/tree_txn.h"

/* What a listing may come to, as the kernel has it (XATTR_LIST_MAX). */
#define LIST_MAX 65536u

static int check_name(struct tt_slice name)
{
	if (name.len == 0 || memchr(name.data, 0, name.len))
		return err_set(-EINVAL, "not an attribute's name");
	if (name.len > SCHEMA_NAME_MAX)
		return err_set(-ERANGE,
			       "an attribute's name is over 255 bytes");
	return 0;
}

/* Pins the attribute's row; -ENODATA when absent. */
static int pin_row(struct tree *t, uint64_t ino, struct tt_slice name,
		   struct tt_pinned *pin, struct tt_slice *value)
{
	struct schema_key k;
	int r = tt_get_pinned(t->db, &t->reads, key_xattr(&k, ino, name), pin);

	if (r == TT_NOTFOUND)
		return -ENODATA;
	if (r < 0)
		return r;
	if (pin->value.len < 1 ||
	    slice_bytes(pin->value)[0] != SCHEMA_HEAD_XATTR) {
		tt_unpin(pin);
		return err_set(TT_ECORRUPT, "attribute of unknown layout");
	}
	*value = slice_skip(pin->value, sizeof(struct schema_xattr));
	return 0;
}

/* Copies out by the rules of getxattr(2) and listxattr(2). */
static int answer(struct tt_slice s, void *buf, size_t cap, size_t *out_len)
{
	if (cap && s.len > cap)
		return err_set(-ERANGE, "the buffer is too small");
	if (cap && s.len)
		memcpy(buf, s.data, s.len);
	*out_len = s.len;
	return 0;
}

int tree_getxattr(struct tree *t, uint64_t ino, struct tt_slice name, void *buf,
		  size_t cap, size_t *out_len)
{
	struct tt_pinned pin = { 0 };
	struct tt_slice value = SLICE_EMPTY;
	struct inode_reader rd;
	int r = check_name(name);

	if (r == 0)
		r = inode_reader_begin(&rd, t, ino);
	if (r < 0)
		return r;
	r = rd.in->st.n_xattrs ? pin_row(t, ino, name, &pin, &value) : -ENODATA;
	inode_reader_end(&rd);
	if (r == 0)
		r = answer(value, buf, cap, out_len);
	tt_unpin(&pin);
	return r;
}

static int list_names(struct tree *t, uint64_t ino, struct buf *names)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_prefix(&lo, KEY_XATTR, ino),
		.upper = key_prefix_end(&hi, KEY_XATTR, ino),
		.snapshot = t->past,
		.keys_only = true,
	};
	struct tt_iter *it;
	int r = tt_iter_new(t->db, &io, &it);

	if (r < 0)
		return r;
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		struct tt_slice name = key_rest(tt_iter_key(it));

		r = buf_append_slice(names, name);
		if (r == 0)
			r = buf_append_byte(names, 0);
		if (r == 0 && names->len > LIST_MAX)
			r = err_set(-E2BIG, "too many attributes to list");
		if (r < 0)
			break;
	}
	tt_iter_free(it);
	return r < 0 ? r : 0;
}

int tree_listxattr(struct tree *t, uint64_t ino, char *buf, size_t cap,
		   size_t *out_len)
{
	struct buf names = BUF_INIT;
	struct inode_reader rd;
	int r = inode_reader_begin(&rd, t, ino);

	if (r < 0)
		return r;
	if (rd.in->st.n_xattrs)
		r = list_names(t, ino, &names);
	inode_reader_end(&rd);
	if (r == 0)
		r = answer(buf_slice(&names), buf, cap, out_len);
	buf_fini(&names);
	return r;
}

/* ---- changing --------------------------------------------------------- */

/* 1 when the attribute is there, 0 when not. */
static int is_there(struct tree *t, struct inode *in, struct tt_slice name)
{
	struct schema_key k;
	int r;

	if (!in->st.n_xattrs)
		return 0;
	r = tt_get(t->db, NULL, key_xattr(&k, in->ino, name), NULL, 0, NULL,
		   NULL);
	return r < 0 ? r : r == 0;
}

static int put_row(struct txn *tx, uint64_t ino, struct tt_slice name,
		   struct tt_slice value)
{
	struct schema_xattr head = { .head = SCHEMA_HEAD_XATTR };
	struct tt_slice parts[2] = { SLICE(&head, sizeof(head)), value };
	struct schema_key k;

	return tt_batch_putv(tx->batch, key_xattr(&k, ino, name), parts, 2);
}

static int delete_row(struct txn *tx, uint64_t ino, struct tt_slice name)
{
	struct schema_key k;

	return tt_batch_delete(tx->batch, key_xattr(&k, ino, name));
}

static int set_locked(struct txn *tx, struct inode *in, struct tt_slice name,
		      struct tt_slice value, int flags)
{
	int there = is_there(tx->t, in, name);
	enum acl_kind kind = acl_kind_of(name);
	bool is_stored = true;
	struct inode_state *st;
	int r = 0;

	if (there < 0)
		return there;
	if (in->st.home == HOME_NONE)
		return err_set(-ESTALE, "the inode is gone");
	if (there && (flags & TREE_XATTR_CREATE))
		return -EEXIST;
	if (!there && (flags & TREE_XATTR_REPLACE))
		return -ENODATA;
	if (kind != ACL_NONE)
		r = acl_set(tx, in, kind, value, flags & TREE_XATTR_KILL_SGID,
			    &is_stored);
	if (r < 0)
		return r;
	st = txn_edit(tx, in);
	if (!st)
		return -ENOMEM;
	st->n_xattrs = st->n_xattrs + is_stored - (uint32_t)there;
	st->ctime_ns = tx->now_ns;
	if (is_stored)
		r = put_row(tx, in->ino, name, value);
	else if (there)
		r = delete_row(tx, in->ino, name);
	return r < 0 ? r : txn_commit(tx);
}

static int remove_locked(struct txn *tx, struct inode *in, struct tt_slice name)
{
	int there = is_there(tx->t, in, name);
	struct inode_state *st;
	int r;

	if (there < 0)
		return there;
	if (!there) /* no ACL is no failure, as elsewhere */
		return acl_kind_of(name) == ACL_NONE ? -ENODATA : 0;
	st = txn_edit(tx, in);
	if (!st)
		return -ENOMEM;
	st->n_xattrs--;
	st->ctime_ns = tx->now_ns;
	r = delete_row(tx, in->ino, name);
	return r < 0 ? r : txn_commit(tx);
}

int tree_setxattr(struct tree *t, uint64_t ino, struct tt_slice name,
		  struct tt_slice value, int flags)
{
	struct inode *in;
	struct txn tx;
	int r = check_name(name);

	if (r == 0 && value.len > TREE_XATTR_MAX)
		r = err_set(-E2BIG, "an attribute's value is over 64 KiB");
	if (r == 0)
		r = txn_begin(&tx, t, TXN_SHARED);
	if (r < 0)
		return r;
	r = txn_get(&tx, ino, &in);
	if (r == 0) {
		txn_lock(&tx, &in, 1);
		r = set_locked(&tx, in, name, value, flags);
	}
	txn_end(&tx);
	return r;
}

int tree_removexattr(struct tree *t, uint64_t ino, struct tt_slice name)
{
	struct inode *in;
	struct txn tx;
	int r = check_name(name);

	if (r == 0)
		r = txn_begin(&tx, t, TXN_SHARED);
	if (r < 0)
		return r;
	r = txn_get(&tx, ino, &in);
	if (r == 0) {
		txn_lock(&tx, &in, 1);
		r = remove_locked(&tx, in, name);
	}
	txn_end(&tx);
	return r;
}
