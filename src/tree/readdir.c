/* SPDX-License-Identifier: MIT */
/*
 * Listings. A handle reads from a snapshot of its own. Cookies 1 and 2 are
 * "." and ".."; an entry's is a hash of its name, so that it means the same
 * place in every view of the directory. That matters: the kernel serves the
 * beginning of a listing from its cache, and when a change drops the cache, it
 * goes on with what another handle listed, or with a handle of ours that was
 * never read before.
 *
 * Entries come in the order of names. The place of a cookie is most often
 * where the handle stands, or a little before; else the name cache knows the
 * name, also one that was removed since; else the directory is searched.
 *
 * With attributes, an entry is looked up as it is now. The row that the
 * snapshot shows is as good as a look-up when nothing was written since.
 */
#include <stdlib.h>

#include "base/err.h"
#include "tree/atime.h"
#include "tree/dir.h"
#include "tree/inode_reader.h"
#include "tree/schema_key.h"

#define N_DOTS 2u

struct tree_dir {
	/* constant */
	struct tree *t;
	struct inode *dir; /* holds a reference */

	/* the view; renewed by a rewind */
	struct tt_snapshot *snap;
	struct tt_iter *it;
	bool is_placed; /* `it` is on an entry, whose cookie is `here` */
	bool is_at_end;
	bool was_read;
	uint64_t here;
	uint64_t before; /* cookie of the entry before, N_DOTS at the start */

	bool has_mark;
	struct schema_key mark; /* where the last call began */
};

static void drop_view(struct tree_dir *d)
{
	tt_iter_free(d->it);
	tree_state_drop(d->t, d->snap);
	d->it = NULL;
	d->snap = NULL;
	d->is_placed = false;
	d->is_at_end = false;
	d->was_read = false;
	d->has_mark = false;
}

int tree_opendir(struct tree *t, uint64_t ino, struct tree_dir **out)
{
	struct inode_reader rd;
	struct tree_dir *d;
	int r;

	d = calloc(1, sizeof(*d));
	if (!d)
		return err_nomem("a listing");
	d->t = t;
	r = inode_reader_begin(&rd, t, ino);
	if (r < 0)
		goto fail;
	if (state_is_dir(&rd.in->st))
		r = tree_state_hold(t, &d->snap);
	else
		r = err_set(-ENOTDIR, "is not a directory");
	if (r == 0) {
		inode_ref(t, rd.in);
		d->dir = rd.in;
	}
	inode_reader_end(&rd);
	if (r < 0)
		goto fail;
	*out = d;
	return 0;
fail:
	free(d);
	return r;
}

void tree_closedir(struct tree_dir *d)
{
	if (!d)
		return;
	drop_view(d);
	inode_unref(d->t, d->dir, 0);
	free(d);
}

/* ---- the view --------------------------------------------------------- */

static int open_view(struct tree_dir *d)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_prefix(&lo, KEY_ENTRY, d->dir->ino),
		.upper = key_prefix_end(&hi, KEY_ENTRY, d->dir->ino),
	};
	int r = 0;

	if (!d->snap)
		r = tree_state_hold(d->t, &d->snap);
	if (r < 0 || d->it)
		return r;
	io.snapshot = d->snap;
	return tt_iter_new(d->t->db, &io, &d->it);
}

static uint64_t cookie_of(const struct tree_dir *d, struct tt_slice name)
{
	uint64_t h = entry_hash(d->dir->ino, name) & DENTRY_HASH_BITS;

	return MAX_OF(h, (uint64_t)N_DOTS + 1);
}

/* Notes the result of a move; 0, TT_END or < 0. */
static int moved(struct tree_dir *d, int r, uint64_t before)
{
	d->is_placed = r == 0;
	d->is_at_end = r == TT_END;
	d->before = before;
	if (r == 0)
		d->here = cookie_of(d, key_rest(tt_iter_key(d->it)));
	return r;
}

static int step(struct tree_dir *d)
{
	return moved(d, tt_iter_next(d->it), d->here);
}

static int start(struct tree_dir *d)
{
	return moved(d, tt_iter_first(d->it), N_DOTS);
}

/* Places the iterator behind a name, which need not be there. */
static int go_behind(struct tree_dir *d, struct tt_slice name, uint64_t cookie)
{
	struct schema_key k;
	struct tt_slice key = key_entry(&k, d->dir->ino, name);
	int r = tt_iter_seek(d->it, key);

	if (r == 0 && slice_eq(tt_iter_key(d->it), key))
		r = tt_iter_next(d->it);
	return moved(d, r, cookie);
}

/* Goes on until the entry of that cookie has been passed; `r` is the result
 * of the move before. TT_NOTFOUND when there is none. */
static int search(struct tree_dir *d, int r, uint64_t cookie)
{
	while (r == 0 && d->here != cookie)
		r = step(d);
	if (r == 0)
		return step(d);
	return r == TT_END ? TT_NOTFOUND : r;
}

/* Places the iterator behind the entry of that cookie. 0, TT_END or < 0. */
static int seek_cookie(struct tree_dir *d, uint64_t cookie)
{
	char name[TREE_NAME_MAX];
	size_t len;
	int r;

	if ((d->is_placed || d->is_at_end) && d->before == cookie)
		return d->is_at_end ? TT_END : 0;
	if (cookie == N_DOTS)
		return start(d);
	if (d->has_mark) {
		r = tt_iter_seek(d->it, key_slice(&d->mark));
		r = search(d, moved(d, r, 0), cookie);
		if (r != TT_NOTFOUND)
			return r;
	}
	if (dentry_cache_name(d->t->names, cookie, d->dir->ino, name, &len))
		return go_behind(d, SLICE(name, len), cookie);
	r = search(d, start(d), cookie);
	/* removed, and forgotten: rather all again than one too few */
	return r == TT_NOTFOUND ? start(d) : r;
}

static void set_mark(struct tree_dir *d)
{
	struct tt_slice key = tt_iter_key(d->it);

	d->mark.len = MIN_OF(key.len, sizeof(d->mark.b));
	memcpy(d->mark.b, key.data, d->mark.len);
	d->has_mark = true;
}

/* ---- entries ---------------------------------------------------------- */

/* Inserts the inode of the snapshot's own row; TT_NOTFOUND when the row may
 * be old and a look-up is needed. The directory is locked. */
static int load_from_view(struct tree_dir *d, struct tt_slice name,
			  struct inode **out)
{
	struct tree *t = d->t;
	uint64_t place = entry_hash(d->dir->ino, name);
	struct tt_slice row = tt_iter_value(d->it);
	struct inode_state st;
	uint32_t gen;
	int r;

	if (!entry_row_is_inode(row))
		return TT_NOTFOUND;
	r = inode_rec_decode(row, tt_iter_ts(d->it), HOME_ENTRY, d->dir->ino,
			     &st, NULL);
	if (r < 0)
		return r;
	gen = inode_load_gen(&t->inodes, place);
	if (!t->past && tt_last_ts(t->db) != tt_snapshot_ts(d->snap))
		return TT_NOTFOUND;
	r = dir_make_resident(t, &st, d->dir->ino, name, gen, 1, out);
	return r == INODE_RETRY ? TT_NOTFOUND : r;
}

static int find_current(struct tree_dir *d, struct tt_slice name,
			struct inode **out)
{
	int r = load_from_view(d, name, out);

	if (r == TT_NOTFOUND && d->dir->st.nlink > 0)
		r = dir_find(d->t, d->dir->ino, name, 1, out);
	return r;
}

/* The entry's inode as it is now, with one lookup; TT_NOTFOUND: gone. */
static int current_attr(struct tree_dir *d, struct tt_slice name,
			struct tree_attr *attr) NO_THREAD_SAFETY
{
	struct tree *t = d->t;
	unsigned token = ns_lock_shared(&t->ns);
	struct inode *in;
	int r;

	rwlock_rdlock(&d->dir->lock);
	r = find_current(d, name, &in);
	rwlock_rdunlock(&d->dir->lock);
	if (r == 0) {
		rwlock_rdlock(&in->lock);
		state_attr(&in->st, attr);
		rwlock_rdunlock(&in->lock);
	}
	ns_unlock_shared(&t->ns, token);
	if (r == 0)
		inode_unref(t, in, 0);
	return r;
}

/* "." or ".."; ordinals count from 0 here. */
static int give_dot(struct tree_dir *d, uint64_t ordinal, bool want_attr,
		    int (*fn)(void *arg, const struct tree_dirent *e),
		    void *arg)
{
	struct tree_attr attr;
	struct tree_dirent e = {
		.name = ordinal == 0 ? SLICE_LIT(".") : SLICE_LIT(".."),
		.cookie = ordinal + 1,
		.mode = S_IFDIR,
	};
	struct inode_reader rd;
	uint64_t parent;
	int r;

	r = inode_reader_begin(&rd, d->t, d->dir->ino);
	if (r < 0)
		return r;
	state_attr(&rd.in->st, &attr);
	parent = rd.in->st.parent;
	inode_reader_end(&rd);
	if (ordinal == 1 && parent && parent != attr.ino) {
		r = tree_getattr(d->t, parent, &attr);
		if (r < 0)
			return r;
	}
	e.ino = attr.ino;
	e.mode = attr.mode;
	e.attr = want_attr ? &attr : NULL;
	return fn(arg, &e);
}

/* The entry under the iterator. 0 went on, 1 did not fit, < 0. */
static int give_entry(struct tree_dir *d, bool want_attr,
		      int (*fn)(void *arg, const struct tree_dirent *e),
		      void *arg)
{
	struct tree_attr attr;
	struct tree_dirent e = {
		.cookie = d->here,
	};
	int r = key_name(tt_iter_key(d->it), &e.name);

	if (r == 0)
		r = dir_row_decode(tt_iter_value(d->it), &e.ino, &e.mode);
	if (r < 0 || !want_attr)
		return r < 0 ? r : fn(arg, &e);
	r = current_attr(d, e.name, &attr);
	if (r == TT_NOTFOUND)
		return 0; /* gone meanwhile */
	if (r < 0)
		return r;
	e.ino = attr.ino;
	e.mode = attr.mode;
	e.attr = &attr;
	r = fn(arg, &e);
	if (r != 0)
		tree_forget(d->t, attr.ino, 1);
	return r;
}

int tree_readdir(struct tree_dir *d, uint64_t cookie, bool want_attr,
		 int (*fn)(void *arg, const struct tree_dirent *e), void *arg)
{
	int r = 0;

	if (cookie == 0 && d->was_read)
		drop_view(d);
	if (cookie == 0)
		atime_touch_dir(d->t, d->dir->ino);
	d->was_read = true;
	for (; cookie < N_DOTS; cookie++) {
		r = give_dot(d, cookie, want_attr, fn, arg);
		if (r)
			return r < 0 ? r : 0;
	}
	r = open_view(d);
	if (r == 0)
		r = seek_cookie(d, cookie);
	if (r == 0)
		set_mark(d);
	while (r == 0) {
		r = give_entry(d, want_attr, fn, arg);
		if (r)
			return r < 0 ? r : 0;
		r = step(d);
	}
	return r < 0 ? r : 0;
}
