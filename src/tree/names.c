/* SPDX-License-Identifier: MIT */
#include "tree/names.h"

#include "base/err.h"
#include "tree/acl_rows.h"
#include "tree/block.h"
#include "tree/schema_key.h"

int names_check_dir(struct txn *tx, struct inode *dir)
{
	const struct inode_state *st = txn_state(tx, dir);

	if (!state_is_dir(st))
		return err_set(-ENOTDIR, "is not a directory");
	if (st->nlink == 0)
		return err_set(-ENOENT, "the directory was removed");
	return 0;
}

int names_look(struct txn *tx, struct inode *dir, struct tt_slice name,
	       struct inode **out) NO_THREAD_SAFETY
{
	int r;

	if (!tx->is_exclusive)
		rwlock_rdlock(&dir->lock);
	r = names_check_dir(tx, dir);
	if (r == 0)
		r = txn_find(tx, dir, name, out);
	if (!tx->is_exclusive)
		rwlock_rdunlock(&dir->lock);
	if (r == TT_NOTFOUND) {
		*out = NULL;
		r = 0;
	}
	return r;
}

int names_lock_entry(struct txn *tx, struct inode *dir, struct tt_slice name,
		     struct inode *also, struct inode **out)
{
	for (;;) {
		struct inode *seen, *now = NULL;
		int r = names_look(tx, dir, name, &seen);

		if (r < 0)
			return r;
		r = txn_lock_if_free(tx, (struct inode *[]){ dir, seen, also },
				     3);
		if (r == 0)
			r = names_check_dir(tx, dir);
		if (r == 0)
			r = txn_find(tx, dir, name, &now);
		if (r < 0)
			return r;
		if (now == seen) {
			*out = now;
			return 0;
		}
		txn_unlock(tx);
	}
}

int names_make(struct txn *tx, struct inode *dir, struct tt_slice name,
	       const struct new_inode *ni, struct inode **out)
{
	const struct inode_state *ds = txn_state(tx, dir);
	bool is_setgid = ds->mode & S_ISGID;
	bool is_dir = S_ISDIR(ni->mode);
	uint32_t gid = is_setgid ? ds->gid : ni->cred->gid;
	struct inode_state *st, *dst;
	struct inode *in;
	int r;

	r = txn_new_inode(tx, ni->lookups, &in, &st);
	if (r < 0)
		return r;
	in->is_dir = is_dir;
	st->mode = ni->mode & (S_IFMT | 07777);
	if (is_dir && is_setgid)
		st->mode |= S_ISGID;
	st->uid = ni->cred->uid;
	st->gid = gid;
	st->rdev = S_ISCHR(st->mode) || S_ISBLK(st->mode) ? ni->rdev : 0;
	st->nlink = is_dir ? 2 : 1;
	st->is_inline = S_ISREG(st->mode);
	if (S_ISLNK(st->mode)) {
		st->size = ni->target.len;
		r = txn_set_tail(tx, in, ni->target);
	}
	if (r == 0 && !ni->no_acl)
		r = acl_inherit(tx, dir, in, ni->cred->umask);
	if (r == 0)
		r = txn_set_home(tx, in, is_dir ? HOME_INODE : HOME_ENTRY,
				 dir->ino, name);
	if (r == 0)
		r = txn_set_entry(tx, dir, name, in);
	if (r == 0)
		r = txn_touch(tx, dir);
	if (r == 0 && is_dir) {
		dst = txn_edit(tx, dir);
		if (!dst)
			return -ENOMEM;
		dst->nlink++;
	}
	*out = in;
	return r;
}

/* ---- losing names ----------------------------------------------------- */

/* Puts copies of one inode's attributes under another's number, or takes such
 * copies back. */
static int each_xattr_copy(struct txn *tx, uint64_t from, uint64_t to,
			   bool is_delete)
{
	struct schema_key lo, hi, k;
	struct tt_iter_options io = {
		.lower = key_prefix(&lo, KEY_XATTR, from),
		.upper = key_prefix_end(&hi, KEY_XATTR, from),
	};
	struct tt_iter *it;
	int r = tt_iter_new(tx->t->db, &io, &it);

	if (r < 0)
		return r;
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		struct tt_slice name;

		r = key_name(tt_iter_key(it), &name);
		if (r < 0)
			break;
		key_xattr(&k, to, name);
		if (is_delete)
			r = tt_batch_delete(tx->batch, key_slice(&k));
		else
			r = tt_batch_put(tx->batch, key_slice(&k),
					 tt_iter_value(it));
		if (r < 0)
			break;
	}
	tt_iter_free(it);
	return r < 0 ? r : 0;
}

int names_copy_xattrs(struct txn *tx, struct inode *from, struct inode *to)
{
	/* one made by this change has its attributes in the batch only, but
	 * those are copies themselves */
	uint64_t source = txn_xattrs_from(tx, from);
	struct inode_state *st = txn_edit(tx, to);
	int r;

	if (!st)
		return -ENOMEM;
	if (!source)
		source = from->ino;
	st->n_xattrs = txn_state(tx, from)->n_xattrs;
	r = txn_set_xattrs_from(tx, to, source);
	return r < 0 ? r : each_xattr_copy(tx, source, to->ino, false);
}

/* Deletes the rows of an inode made by this very change. */
static int unmake(struct txn *tx, struct inode *in,
		  const struct inode_state *st)
{
	uint64_t n = st->n_blocks ? state_n_slots(st) : 0;
	struct schema_key k;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < n; i++)
		r = tt_batch_delete(tx->batch, key_block(&k, st->ino, i));
	if (r == 0 && txn_xattrs_from(tx, in))
		r = each_xattr_copy(tx, txn_xattrs_from(tx, in), st->ino, true);
	return r < 0 ? r : acl_disinherit(tx, in);
}

/* Adds the removal of all blocks and attributes; 0 when these are too many for
 * one batch, 1 when it was done. */
static int delete_rows(struct txn *tx, struct inode *in,
		       const struct inode_state *st)
{
	size_t n;
	int r = 0;

	if (txn_is_new(tx, in)) {
		r = unmake(tx, in, st);
		return r < 0 ? r : 1;
	}
	if (st->n_xattrs > BLOCK_SWEEP_MAX)
		return 0;
	if (st->n_blocks)
		r = block_delete_all(tx->batch, st);
	if (r < 0)
		return r;
	if (st->n_xattrs)
		return xattr_sweep(tx->t->db, tx->batch, st->ino,
				   BLOCK_SWEEP_MAX, &n);
	return 1;
}

/* One that is in use waits, with a row only if something is to be swept when
 * nobody uses it any more. */
static int drop_last(struct txn *tx, struct inode *in)
{
	const struct inode_state *st = txn_state(tx, in);
	enum inode_home home = HOME_ORPHAN;
	int r = 0;

	if (inode_lookups(tx->t, in) == 0) {
		r = delete_rows(tx, in, st);
		if (r == 1)
			home = HOME_NONE;
	} else if (!txn_is_new(tx, in) && !st->n_blocks && !st->n_xattrs &&
		   !st->n_trims) {
		r = txn_hold_tail(tx, in);
		if (r == 0)
			home = HOME_MEMORY;
	}
	return r < 0 ? r : txn_set_home(tx, in, home, 0, SLICE_EMPTY);
}

int names_drop_link(struct txn *tx, struct inode *in)
{
	struct inode_state *st = txn_edit(tx, in);

	if (!st)
		return -ENOMEM;
	st->ctime_ns = tx->now_ns;
	if (--st->nlink > 0)
		return 0;
	return drop_last(tx, in);
}

int names_check_empty(struct txn *tx, struct inode *dir)
{
	int r = names_check_dir(tx, dir);

	if (r < 0)
		return r;
	r = txn_dir_is_empty(tx, dir);
	if (r < 0)
		return r;
	return r ? 0 : err_set(-ENOTEMPTY, "directory is not empty");
}

/* The part that leaves the directory's own fate open. */
static int cut_off_dir(struct txn *tx, struct inode *parent,
		       struct tt_slice name, struct inode *dir)
{
	struct inode_state *st;
	int r = txn_set_entry(tx, parent, name, NULL);

	if (r == 0)
		r = txn_touch(tx, parent);
	if (r < 0)
		return r;
	/* a parent that is cut off itself counts no links any more */
	if (txn_state(tx, parent)->nlink > 0) {
		st = txn_edit(tx, parent);
		if (!st)
			return -ENOMEM;
		st->nlink--;
	}
	st = txn_edit(tx, dir);
	if (!st)
		return -ENOMEM;
	st->nlink = 0;
	st->ctime_ns = tx->now_ns;
	return 0;
}

int names_drop_dir(struct txn *tx, struct inode *parent, struct tt_slice name,
		   struct inode *dir)
{
	int r = cut_off_dir(tx, parent, name, dir);

	return r < 0 ? r : drop_last(tx, dir);
}

int names_detach_dir(struct txn *tx, struct inode *parent, struct tt_slice name,
		     struct inode *dir)
{
	int r = cut_off_dir(tx, parent, name, dir);

	return r < 0 ? r : txn_set_home(tx, dir, HOME_ORPHAN, 0, SLICE_EMPTY);
}
