/* SPDX-License-Identifier: MIT */
/*
 * Names: looking them up, making and removing them. Renaming has a file of
 * its own.
 */
#include <limits.h>

#include "base/err.h"
#include "tree/acl_rows.h"
#include "tree/dir.h"
#include "tree/inode_reader.h"
#include "tree/names.h"
#include "tree/txn_rows.h"

/* As Linux has it: a target ends before PATH_MAX. */
#define TARGET_MAX (PATH_MAX - 1)
#define NLINK_MAX 0x7fffffffu

int tree_name_check(struct tt_slice name)
{
	if (name.len > TREE_NAME_MAX)
		return err_set(-ENAMETOOLONG, "a name is over 255 bytes");
	if (name.len == 0 || name_is_dot(name) || name_is_dot_dot(name) ||
	    memchr(name.data, '/', name.len) || memchr(name.data, 0, name.len))
		return err_set(-EINVAL, "not a name");
	return 0;
}

/* ---- looking up ------------------------------------------------------- */

/* "." and "..": the directory itself, or its parent. */
static int lookup_dots(struct inode_reader *rd, bool is_parent,
		       struct inode **out)
{
	uint64_t ino = is_parent ? rd->in->st.parent : rd->in->ino;

	if (rd->in->st.nlink == 0)
		return -ENOENT;
	return inode_get(rd->t, ino, 1, out);
}

static int lookup_locked(struct inode_reader *rd, struct tt_slice name,
			 struct inode **out)
{
	int r;

	if (!state_is_dir(&rd->in->st))
		return -ENOTDIR;
	if (name.len > TREE_NAME_MAX)
		return -ENAMETOOLONG;
	if (name_is_dot(name) || name_is_dot_dot(name))
		return lookup_dots(rd, name.len == 2, out);
	if (name.len == 0 || rd->in->st.nlink == 0)
		return -ENOENT;
	r = dir_find(rd->t, rd->in->ino, name, 1, out);
	return r == TT_NOTFOUND ? -ENOENT : r;
}

/* The attributes of a referenced inode; drops the reference. */
static void attr_of(struct tree *t, struct inode *in, struct tree_attr *out)
	NO_THREAD_SAFETY
{
	unsigned token = ns_lock_shared(&t->ns);

	rwlock_rdlock(&in->lock);
	state_attr(&in->st, out);
	rwlock_rdunlock(&in->lock);
	ns_unlock_shared(&t->ns, token);
	inode_unref(t, in, 0);
}

int tree_lookup(struct tree *t, uint64_t parent, struct tt_slice name,
		struct tree_attr *out)
{
	struct inode_reader rd;
	struct inode *in;
	int r;

	tree_count(t, TREE_N_LOOKUPS, 1);
	r = inode_reader_begin(&rd, t, parent);
	if (r < 0)
		return r;
	r = lookup_locked(&rd, name, &in);
	/* The directory goes first: inodes are locked by rising number. */
	inode_reader_end(&rd);
	if (r == 0)
		attr_of(t, in, out);
	return r;
}

void tree_forget(struct tree *t, uint64_t ino, uint64_t n)
{
	inode_unref(t, inode_find(&t->inodes, ino, 0), n);
}

int tree_readlink(struct tree *t, uint64_t ino, char *buf, size_t cap,
		  size_t *out_len)
{
	struct tt_pinned pin = { 0 };
	struct tt_slice target;
	struct inode_reader rd;
	int r;

	r = inode_reader_begin(&rd, t, ino);
	if (r < 0)
		return r;
	if (!S_ISLNK(rd.in->st.mode))
		r = err_set(-EINVAL, "is not a symbolic link");
	else
		r = inode_tail_pin(t, rd.in, &target, &pin);
	if (r == 0) {
		size_t n = MIN_OF(target.len, cap);

		if (n)
			memcpy(buf, target.data, n);
		*out_len = n;
	}
	inode_reader_end(&rd);
	tt_unpin(&pin);
	return r;
}

/* ---- making ----------------------------------------------------------- */

/* Locks `dir` and makes a name there, unless it is taken: -EEXIST. */
static int make_locked(struct txn *tx, uint64_t parent, struct tt_slice name,
		       const struct new_inode *ni, struct inode **out)
{
	struct inode *dir, *there;
	int r;

	r = txn_get(tx, parent, &dir);
	if (r < 0)
		return r;
	txn_lock(tx, &dir, 1);
	r = names_check_dir(tx, dir);
	if (r < 0)
		return r;
	r = txn_find(tx, dir, name, &there);
	if (r != TT_NOTFOUND)
		return r < 0 ? r : -EEXIST;
	if (S_ISDIR(ni->mode) && txn_state(tx, dir)->nlink >= NLINK_MAX)
		return -EMLINK;
	return names_make(tx, dir, name, ni, out);
}

static int make(struct tree *t, uint64_t parent, struct tt_slice name,
		const struct new_inode *ni, struct tree_attr *out)
{
	struct inode *in;
	struct txn tx;
	int r = tree_name_check(name);

	if (r == -EINVAL && (name_is_dot(name) || name_is_dot_dot(name)))
		return -EEXIST;
	if (r == 0)
		r = txn_begin(&tx, t, TXN_SHARED);
	if (r < 0)
		return r;
	r = make_locked(&tx, parent, name, ni, &in);
	if (r == 0)
		r = txn_commit(&tx);
	if (r == 0)
		txn_attr(&tx, in, out);
	txn_end(&tx);
	return r;
}

int tree_mknod(struct tree *t, uint64_t parent, struct tt_slice name,
	       const struct tree_cred *cred, uint32_t mode, uint64_t rdev,
	       struct tree_attr *out)
{
	struct new_inode ni = {
		.cred = cred,
		.mode = mode & S_IFMT ? mode : mode | S_IFREG,
		.rdev = rdev,
		.lookups = 1,
	};

	if (S_ISDIR(mode) || S_ISLNK(mode))
		return err_set(-EINVAL, "mknod makes files and nodes only");
	return make(t, parent, name, &ni, out);
}

/* O_CREAT without O_EXCL found something: open it if it is a file. */
static int open_existing(struct tree *t, uint64_t parent, struct tt_slice name,
			 struct tree_attr *out)
{
	int r = tree_lookup(t, parent, name, out);

	if (r < 0 || S_ISREG(out->mode))
		return r;
	tree_forget(t, out->ino, 1);
	return S_ISDIR(out->mode) ? -EISDIR : -EEXIST;
}

int tree_create(struct tree *t, uint64_t parent, struct tt_slice name,
		const struct tree_cred *cred, uint32_t mode, bool excl,
		bool *created, struct tree_attr *out)
{
	struct new_inode ni = {
		.cred = cred,
		.mode = S_IFREG | (mode & 07777),
		.lookups = 1,
	};

	for (;;) {
		int r = make(t, parent, name, &ni, out);

		*created = r == 0;
		if (r != -EEXIST || excl)
			return r;
		r = open_existing(t, parent, name, out);
		if (r != -ENOENT) /* else it vanished: make it again */
			return r;
	}
}

int tree_mkdir(struct tree *t, uint64_t parent, struct tt_slice name,
	       const struct tree_cred *cred, uint32_t mode,
	       struct tree_attr *out)
{
	struct new_inode ni = {
		.cred = cred,
		.mode = S_IFDIR | (mode & 07777),
		.lookups = 1,
	};

	return make(t, parent, name, &ni, out);
}

int tree_symlink(struct tree *t, uint64_t parent, struct tt_slice name,
		 const struct tree_cred *cred, struct tt_slice target,
		 struct tree_attr *out)
{
	struct new_inode ni = {
		.cred = cred,
		.mode = S_IFLNK | 0777,
		.target = target,
		.lookups = 1,
	};

	if (target.len == 0)
		return -ENOENT;
	if (target.len > TARGET_MAX)
		return -ENAMETOOLONG;
	return make(t, parent, name, &ni, out);
}

static int tmpfile_locked(struct txn *tx, uint64_t parent,
			  const struct tree_cred *cred, uint32_t mode,
			  struct inode **out)
{
	const struct inode_state *ds;
	struct inode_state *st;
	struct inode *dir;
	int r;

	r = txn_get(tx, parent, &dir);
	if (r < 0)
		return r;
	txn_lock(tx, &dir, 1);
	r = names_check_dir(tx, dir);
	if (r == 0)
		r = txn_new_inode(tx, 1, out, &st);
	if (r < 0)
		return r;
	ds = txn_state(tx, dir);
	st->mode = S_IFREG | (mode & 07777);
	st->uid = cred->uid;
	st->gid = ds->mode & S_ISGID ? ds->gid : cred->gid;
	st->nlink = 0;
	st->is_inline = true;
	st->home = HOME_ORPHAN;
	r = acl_inherit(tx, dir, *out, cred->umask);
	return r < 0 ? r : txn_commit(tx);
}

int tree_tmpfile(struct tree *t, uint64_t parent, const struct tree_cred *cred,
		 uint32_t mode, struct tree_attr *out)
{
	struct inode *in;
	struct txn tx;
	int r;

	r = txn_begin(&tx, t, TXN_SHARED);
	if (r < 0)
		return r;
	r = tmpfile_locked(&tx, parent, cred, mode, &in);
	if (r == 0)
		txn_attr(&tx, in, out);
	txn_end(&tx);
	return r;
}

/* ---- linking ---------------------------------------------------------- */

/*
 * Gives an inode with one name a row of its own: its entry in `home_dir`
 * then only points at it.
 */
static int move_to_own_row(struct txn *tx, struct inode *in,
			   struct inode *home_dir)
{
	struct tt_slice name = inode_name(in);
	int r;

	r = txn_set_home(tx, in, HOME_INODE, 0, SLICE_EMPTY);
	if (r == 0)
		r = txn_set_entry(tx, home_dir, name, in);
	return r;
}

/* An orphan gets a name again (linkat of an unnamed file): its only one. */
static int link_orphan(struct txn *tx, struct inode *in, struct inode *dir,
		       struct tt_slice name)
{
	return txn_set_home(tx, in, HOME_ENTRY, dir->ino, name);
}

static int link_locked(struct txn *tx, struct inode *in, struct inode *dir,
		       struct inode *home_dir, struct tt_slice name)
{
	struct inode_state *st;
	struct inode *there;
	int r;

	r = txn_find(tx, dir, name, &there);
	if (r != TT_NOTFOUND)
		return r < 0 ? r : -EEXIST;
	if (state_is_dir(&in->st))
		return err_set(-EPERM, "directories have one name");
	if (in->st.nlink >= NLINK_MAX)
		return -EMLINK;
	if (in->st.home == HOME_NONE)
		return err_set(-ESTALE, "the inode is gone");
	if (in->st.home == HOME_ORPHAN || in->st.home == HOME_MEMORY)
		r = link_orphan(tx, in, dir, name);
	else if (in->st.home == HOME_ENTRY)
		r = move_to_own_row(tx, in, home_dir);
	else
		r = 0;
	if (r < 0)
		return r;
	st = txn_edit(tx, in);
	if (!st)
		return -ENOMEM;
	st->nlink++;
	st->ctime_ns = tx->now_ns;
	r = txn_set_entry(tx, dir, name, in);
	if (r == 0)
		r = txn_touch(tx, dir);
	if (r == 0)
		r = txn_add_lookup(tx, in);
	return r < 0 ? r : txn_commit(tx);
}

/* Where the inode's only name is; 0 when it has a row of its own. */
static uint64_t home_parent(struct txn *tx, struct inode *in) NO_THREAD_SAFETY
{
	uint64_t ino;

	if (!tx->is_exclusive)
		rwlock_rdlock(&in->lock);
	ino = in->st.home == HOME_ENTRY ? in->st.parent : 0;
	if (!tx->is_exclusive)
		rwlock_rdunlock(&in->lock);
	return ino;
}

/* Locks the inode, the new name's directory and the present one's. */
static int lock_for_link(struct txn *tx, struct inode *in, struct inode *dir,
			 struct inode **home_dir)
{
	for (;;) {
		uint64_t home = home_parent(tx, in);
		int r = 0;

		*home_dir = NULL;
		if (home)
			r = txn_get(tx, home, home_dir);
		if (r == -ESTALE)
			continue; /* it moved and that directory went */
		if (r < 0)
			return r;
		txn_lock(tx, (struct inode *[]){ in, dir, *home_dir }, 3);
		if ((in->st.home == HOME_ENTRY ? in->st.parent : 0) == home)
			return 0;
		txn_unlock(tx);
	}
}

static int link_txn(struct txn *tx, uint64_t ino, uint64_t parent,
		    struct tt_slice name, struct inode **out)
{
	struct inode *in, *dir, *home_dir;
	int r;

	r = txn_get(tx, ino, &in);
	if (r == 0)
		r = txn_get(tx, parent, &dir);
	if (r < 0)
		return r;
	*out = in;
	r = lock_for_link(tx, in, dir, &home_dir);
	if (r == 0)
		r = names_check_dir(tx, dir);
	return r < 0 ? r : link_locked(tx, in, dir, home_dir, name);
}

int tree_link(struct tree *t, uint64_t ino, uint64_t parent,
	      struct tt_slice name, struct tree_attr *out)
{
	struct inode *in;
	struct txn tx;
	int r = tree_name_check(name);

	if (r == -EINVAL && (name_is_dot(name) || name_is_dot_dot(name)))
		return -EEXIST;
	if (r == 0)
		r = txn_begin(&tx, t, TXN_SHARED);
	if (r < 0)
		return r;
	r = link_txn(&tx, ino, parent, name, &in);
	if (r == 0)
		txn_attr(&tx, in, out);
	txn_end(&tx);
	return r;
}

/* ---- removing --------------------------------------------------------- */

static int unlink_txn(struct txn *tx, uint64_t parent, struct tt_slice name)
{
	struct inode *dir, *in;
	int r;

	r = txn_get(tx, parent, &dir);
	if (r == 0)
		r = names_lock_entry(tx, dir, name, NULL, &in);
	if (r < 0)
		return r;
	if (!in)
		return -ENOENT;
	if (state_is_dir(&in->st))
		return err_set(-EISDIR, "is a directory");
	r = txn_set_entry(tx, dir, name, NULL);
	if (r == 0)
		r = txn_touch(tx, dir);
	if (r == 0)
		r = names_drop_link(tx, in);
	return r < 0 ? r : txn_commit(tx);
}

int tree_unlink(struct tree *t, uint64_t parent, struct tt_slice name)
{
	struct txn tx;
	int r = tree_name_check(name);

	if (r == -EINVAL)
		return name_is_dot(name) || name_is_dot_dot(name) ? -EISDIR : r;
	if (r == 0)
		r = txn_begin(&tx, t, TXN_SHARED);
	if (r < 0)
		return r;
	r = unlink_txn(&tx, parent, name);
	txn_end(&tx);
	return r;
}

static int rmdir_txn(struct txn *tx, uint64_t parent, struct tt_slice name)
{
	struct inode *dir, *in;
	int r;

	r = txn_get(tx, parent, &dir);
	if (r == 0)
		r = names_lock_entry(tx, dir, name, NULL, &in);
	if (r < 0)
		return r;
	if (!in)
		return -ENOENT;
	r = names_check_empty(tx, in);
	if (r == 0)
		r = names_drop_dir(tx, dir, name, in);
	return r < 0 ? r : txn_commit(tx);
}

int tree_rmdir(struct tree *t, uint64_t parent, struct tt_slice name)
{
	struct txn tx;
	int r = tree_name_check(name);

	if (name_is_dot(name))
		return -EINVAL;
	if (name_is_dot_dot(name))
		return -ENOTEMPTY;
	if (r == 0)
		r = txn_begin(&tx, t, TXN_SHARED);
	if (r < 0)
		return r;
	r = rmdir_txn(&tx, parent, name);
	txn_end(&tx);
	return r;
}
