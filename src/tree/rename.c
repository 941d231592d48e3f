/* SPDX-License-Identifier: MIT */
/*
 * Renaming. Every case is a function of its own; what they share is the
 * locking: both directories and both inodes, looked up, locked in order and
 * looked up again. A directory that changes its parent needs the namespace
 * to itself, because only then can be said that it does not move into itself.
 */
#include "base/err.h"
#include "tree/names.h"

/* The change must be begun anew, exclusively. */
#define NEEDS_EXCLUSIVE 101

struct rename_op {
	struct inode *old_dir, *new_dir;
	struct tt_slice old_name, new_name;
	struct inode *moved;	/* under the old name */
	struct inode *replaced; /* under the new name, or NULL */
	unsigned flags;
};

static int find_or_null(struct txn *tx, struct inode *dir, struct tt_slice name,
			struct inode **out)
{
	int r = names_check_dir(tx, dir);

	*out = NULL;
	if (r == 0)
		r = txn_find(tx, dir, name, out);
	return r == TT_NOTFOUND ? 0 : r;
}

static int find_both(struct txn *tx, const struct rename_op *op,
		     struct inode **moved, struct inode **replaced)
{
	int r = find_or_null(tx, op->old_dir, op->old_name, moved);

	if (r == 0)
		r = find_or_null(tx, op->new_dir, op->new_name, replaced);
	return r;
}

/* Looks with the directories locked alone, then locks all four. */
static int lock_all(struct txn *tx, struct rename_op *op)
{
	struct inode *dirs[2] = { op->old_dir, op->new_dir };
	int r;

	txn_lock(tx, dirs, 2);
	r = find_both(tx, op, &op->moved, &op->replaced);
	while (r == 0) {
		struct inode *moved, *replaced;

		txn_unlock(tx);
		txn_lock(tx,
			 (struct inode *[]){ op->old_dir, op->new_dir,
					     op->moved, op->replaced },
			 4);
		r = find_both(tx, op, &moved, &replaced);
		if (r < 0 || (moved == op->moved && replaced == op->replaced))
			break;
		op->moved = moved;
		op->replaced = replaced;
	}
	return r;
}

/* 1 when `dir` is `top` or below it. The namespace stands still. Damaged rows
 * may lead in a circle: one that is met a second time is `seen` by then, which
 * follows at distances that double. */
static int is_below(struct txn *tx, struct inode *dir, const struct inode *top)
{
	uint64_t ino = dir->ino, seen = 0;

	for (uint64_t n = 0, limit = 1; ino != TREE_ROOT; n++) {
		struct inode *in;
		int r;

		if (ino == top->ino)
			return 1;
		if (ino == seen)
			return err_set(TT_ECORRUPT,
				       "a directory lies in itself");
		if (n == limit) {
			seen = ino;
			limit *= 2;
		}
		r = txn_get(tx, ino, &in);
		if (r < 0)
			return r;
		ino = txn_state(tx, in)->parent;
		if (ino == 0)
			return 0; /* a removed directory hangs nowhere */
	}
	return top->ino == TREE_ROOT;
}

/* A directory must not come to lie in itself. */
static int check_no_cycle(struct txn *tx, struct inode *moved,
			  struct inode *new_dir)
{
	int r;

	if (!state_is_dir(txn_state(tx, moved)))
		return 0;
	r = is_below(tx, new_dir, moved);
	return r > 0 ? err_set(-EINVAL, "a directory cannot move into itself")
		     : r;
}

/* Puts `in` under a name: entry, home, ctime. */
static int place(struct txn *tx, struct inode *in, struct inode *dir,
		 struct tt_slice name)
{
	enum inode_home home = (enum inode_home)txn_state(tx, in)->home;
	struct inode_state *st;
	int r = 0;

	if (home == HOME_ENTRY || state_is_dir(txn_state(tx, in)))
		r = txn_set_home(tx, in, home, dir->ino, name);
	st = r == 0 ? txn_edit(tx, in) : NULL;
	if (!st)
		return r < 0 ? r : -ENOMEM;
	st->ctime_ns = tx->now_ns;
	return txn_set_entry(tx, dir, name, in);
}

/* A subdirectory goes from one directory to another. */
static int move_dir_link(struct txn *tx, struct inode *from, struct inode *to)
{
	struct inode_state *st;

	if (from == to)
		return 0;
	st = txn_edit(tx, from);
	if (!st)
		return -ENOMEM;
	st->nlink--;
	st = txn_edit(tx, to);
	if (!st)
		return -ENOMEM;
	st->nlink++;
	return 0;
}

static int touch_both(struct txn *tx, const struct rename_op *op)
{
	int r = txn_touch(tx, op->old_dir);

	return r == 0 ? txn_touch(tx, op->new_dir) : r;
}

/* The new name is free, or has just been freed. */
static int rename_plain(struct txn *tx, const struct rename_op *op)
{
	int r = txn_set_entry(tx, op->old_dir, op->old_name, NULL);

	if (r == 0)
		r = place(tx, op->moved, op->new_dir, op->new_name);
	if (r == 0 && state_is_dir(txn_state(tx, op->moved)))
		r = move_dir_link(tx, op->old_dir, op->new_dir);
	return r == 0 ? touch_both(tx, op) : r;
}

static int rename_over_file(struct txn *tx, const struct rename_op *op)
{
	int r;

	if (state_is_dir(txn_state(tx, op->moved)))
		return err_set(-ENOTDIR, "a directory cannot replace a file");
	r = names_drop_link(tx, op->replaced);
	return r == 0 ? rename_plain(tx, op) : r;
}

static int rename_over_dir(struct txn *tx, const struct rename_op *op)
{
	int r;

	if (!state_is_dir(txn_state(tx, op->moved)))
		return err_set(-EISDIR, "a file cannot replace a directory");
	r = names_check_empty(tx, op->replaced);
	if (r == 0)
		r = names_drop_dir(tx, op->new_dir, op->new_name, op->replaced);
	return r == 0 ? rename_plain(tx, op) : r;
}

static int rename_exchange(struct txn *tx, const struct rename_op *op)
{
	bool a_is_dir = state_is_dir(txn_state(tx, op->moved));
	bool b_is_dir = state_is_dir(txn_state(tx, op->replaced));
	int r = place(tx, op->moved, op->new_dir, op->new_name);

	if (r == 0)
		r = place(tx, op->replaced, op->old_dir, op->old_name);
	if (r == 0 && a_is_dir && !b_is_dir)
		r = move_dir_link(tx, op->old_dir, op->new_dir);
	if (r == 0 && b_is_dir && !a_is_dir)
		r = move_dir_link(tx, op->new_dir, op->old_dir);
	return r == 0 ? touch_both(tx, op) : r;
}

/* What overlayfs leaves where something of a lower layer is to be hidden. */
static int leave_whiteout(struct txn *tx, const struct rename_op *op)
{
	struct new_inode ni = {
		.cred = &tx->t->cred,
		.mode = S_IFCHR,
		.no_acl = true,
	};
	struct inode *in;

	return names_make(tx, op->old_dir, op->old_name, &ni, &in);
}

/* 0 to go on, 1 when nothing is to be done, NEEDS_EXCLUSIVE, or < 0. */
static int check(struct txn *tx, const struct rename_op *op)
{
	bool is_exchange = op->flags & TREE_RENAME_EXCHANGE;
	bool moves_dir;
	int r;

	if (!op->moved || (is_exchange && !op->replaced))
		return -ENOENT;
	if (op->replaced && (op->flags & TREE_RENAME_NOREPLACE))
		return -EEXIST;
	if (op->moved == op->replaced)
		return 1; /* two names of one inode: POSIX wants both to stay */
	moves_dir = state_is_dir(txn_state(tx, op->moved)) ||
		    (is_exchange && state_is_dir(txn_state(tx, op->replaced)));
	if (!moves_dir || op->old_dir == op->new_dir)
		return 0;
	if (!tx->is_exclusive)
		return NEEDS_EXCLUSIVE;
	r = check_no_cycle(tx, op->moved, op->new_dir);
	if (r == 0 && is_exchange)
		r = check_no_cycle(tx, op->replaced, op->old_dir);
	return r;
}

static int rename_txn(struct txn *tx, struct rename_op *op, uint64_t parent,
		      uint64_t new_parent)
{
	int r = txn_get(tx, parent, &op->old_dir);

	if (r == 0)
		r = txn_get(tx, new_parent, &op->new_dir);
	if (r == 0)
		r = lock_all(tx, op);
	if (r == 0)
		r = check(tx, op);
	if (r != 0)
		return r == 1 ? 0 : r;
	if (op->flags & TREE_RENAME_EXCHANGE)
		r = rename_exchange(tx, op);
	else if (!op->replaced)
		r = rename_plain(tx, op);
	else if (state_is_dir(txn_state(tx, op->replaced)))
		r = rename_over_dir(tx, op);
	else
		r = rename_over_file(tx, op);
	if (r == 0 && (op->flags & TREE_RENAME_WHITEOUT))
		r = leave_whiteout(tx, op);
	return r == 0 ? txn_commit(tx) : r;
}

int tree_rename(struct tree *t, uint64_t parent, struct tt_slice name,
		uint64_t new_parent, struct tt_slice new_name, unsigned flags)
{
	const unsigned alone = TREE_RENAME_EXCHANGE;
	const unsigned known = TREE_RENAME_NOREPLACE | TREE_RENAME_EXCHANGE |
			       TREE_RENAME_WHITEOUT;
	struct rename_op op = {
		.old_name = name,
		.new_name = new_name,
		.flags = flags,
	};
	enum txn_mode mode = TXN_SHARED;
	struct txn tx;
	int r;

	if ((flags & ~known) || ((flags & alone) && flags != alone))
		return err_set(-EINVAL, "flags that exclude each other");
	r = tree_name_check(name);
	if (r == 0)
		r = tree_name_check(new_name);
	if (r < 0)
		return r;
	for (;;) {
		r = txn_begin(&tx, t, mode);
		if (r < 0)
			return r;
		r = rename_txn(&tx, &op, parent, new_parent);
		txn_end(&tx);
		if (r != NEEDS_EXCLUSIVE)
			return r;
		mode = TXN_EXCLUSIVE;
	}
}
