/* SPDX-License-Identifier: MIT */
/*
 * Attributes: looking at them and setting them.
 */
#include "base/err.h"
#include "tree/acl_rows.h"
#include "tree/file.h"
#include "tree/inode_reader.h"
#include "tree/sweep_now.h"
#include "tree/sweeper.h"

int tree_getattr(struct tree *t, uint64_t ino, struct tree_attr *out)
{
	struct inode_reader rd;
	int r = inode_reader_begin(&rd, t, ino);

	if (r < 0)
		return r;
	state_attr(&rd.in->st, out);
	inode_reader_end(&rd);
	return 0;
}

static void set_owner_and_mode(struct inode_state *st,
			       const struct tree_attr *in, unsigned set)
{
	if (set & TREE_SET_MODE)
		st->mode = (st->mode & S_IFMT) | (in->mode & 07777);
	if (set & TREE_SET_UID)
		st->uid = in->uid;
	if (set & TREE_SET_GID)
		st->gid = in->gid;
	if ((set & TREE_SET_KILL_PRIV) && !state_is_dir(st))
		state_kill_priv(st);
}

static void set_times(struct inode_state *st, const struct tree_attr *in,
		      unsigned set, int64_t now)
{
	if (set & TREE_SET_ATIME)
		st->atime_ns = ns_from_timespec(&in->atime);
	if (set & TREE_SET_ATIME_NOW)
		st->atime_ns = now;
	if (set & TREE_SET_SIZE)
		st->mtime_ns = now;
	if (set & TREE_SET_MTIME)
		st->mtime_ns = ns_from_timespec(&in->mtime);
	if (set & TREE_SET_MTIME_NOW)
		st->mtime_ns = now;
	st->ctime_ns = now;
	if (set & TREE_SET_CTIME)
		st->ctime_ns = ns_from_timespec(&in->ctime);
}

static int set_locked(struct txn *tx, struct inode *in,
		      const struct tree_attr *attr, unsigned set, bool *lazy)
{
	struct inode_state *st;
	int r = 0;

	if (in->st.home == HOME_NONE)
		return err_set(-ESTALE, "the inode is gone");
	if (set & TREE_SET_SIZE) {
		r = state_check_file(&in->st);
		if (r == 0 && attr->size > INT64_MAX)
			r = err_set(-EFBIG, "a file ends at 8 EiB");
		if (r == 0)
			r = file_resize(tx, in, attr->size, lazy);
		if (r < 0)
			return r;
	}
	st = txn_edit(tx, in);
	if (!st)
		return -ENOMEM;
	set_owner_and_mode(st, attr, set);
	set_times(st, attr, set, tx->now_ns);
	if (set & TREE_SET_MODE)
		r = acl_chmod(tx, in);
	return r < 0 ? r : txn_commit(tx);
}

static int set_once(struct tree *t, uint64_t ino, const struct tree_attr *in,
		    unsigned set, struct tree_attr *out)
{
	struct inode *inode;
	struct txn tx;
	bool lazy = false;
	int r;

	r = txn_begin(&tx, t, TXN_SHARED);
	if (r < 0)
		return r;
	r = txn_get(&tx, ino, &inode);
	if (r == 0) {
		txn_lock(&tx, &inode, 1);
		r = set_locked(&tx, inode, in, set, &lazy);
	}
	if (r == 0 && out)
		txn_attr(&tx, inode, out);
	txn_end(&tx);
	if (r == 0 && lazy)
		sweeper_add_orphan(t->sweeper, ino);
	return r;
}

int tree_setattr(struct tree *t, uint64_t ino, const struct tree_attr *in,
		 unsigned set, struct tree_attr *out)
{
	int r = set_once(t, ino, in, set, out);

	while (r == -EAGAIN) {
		/* every trim is taken: make room before the next */
		r = sweep_trims_now(t, ino);
		if (r == 0)
			r = set_once(t, ino, in, set, out);
	}
	return r;
}
