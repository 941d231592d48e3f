/* SPDX-License-Identifier: MIT */
#include "tree/atime.h"

#include "tree/inode_reader.h"
#include "tree/tree_txn.h"

#define DAY_NS (86400ll * 1000000000)

void tree_set_atime(struct tree *t, enum tree_atime files, enum tree_atime dirs)
{
	t->file_atime = files;
	t->dir_atime = dirs;
}

static bool is_behind(const struct inode_state *st, int64_t now)
{
	return st->atime_ns <= st->mtime_ns || st->atime_ns <= st->ctime_ns ||
	       now - st->atime_ns >= DAY_NS;
}

bool atime_is_due(const struct tree *t, const struct inode_state *st)
{
	enum tree_atime policy =
		state_is_dir(st) ? t->dir_atime : t->file_atime;

	if (policy == TREE_ATIME_NEVER || t->past)
		return false;
	return policy == TREE_ATIME_ALWAYS || is_behind(st, tree_now_ns());
}

static int touch_locked(struct txn *tx, struct inode *in)
{
	struct inode_state *st;

	if (in->st.home == HOME_NONE || in->st.atime_ns >= tx->now_ns)
		return 0;
	st = txn_edit(tx, in);
	if (!st)
		return -ENOMEM;
	st->atime_ns = tx->now_ns;
	return txn_commit(tx);
}

void atime_touch(struct tree *t, uint64_t ino)
{
	struct inode *in;
	struct txn tx;

	if (txn_begin(&tx, t, TXN_SHARED) < 0)
		return;
	if (txn_get(&tx, ino, &in) == 0) {
		txn_lock(&tx, &in, 1);
		(void)touch_locked(&tx, in); /* the read has succeeded */
	}
	txn_end(&tx);
}

void atime_touch_dir(struct tree *t, uint64_t ino)
{
	struct inode_reader rd;
	bool is_due;

	if (t->dir_atime == TREE_ATIME_NEVER ||
	    inode_reader_begin(&rd, t, ino) < 0)
		return;
	is_due = atime_is_due(t, &rd.in->st);
	inode_reader_end(&rd);
	if (is_due)
		atime_touch(t, ino);
}
