/* SPDX-License-Identifier: MIT */
/*
 * Listings. A handle reads from a snapshot of its own. Cookies are ordinals:
 * 1 and 2 are "." and "..", then the entries in order. To go back to one, the
 * handle keeps the keys of some ordinals at even distances; the distance
 * doubles whenever they become too many.
 *
 * With attributes, an entry is looked up as it is now. The row that the
 * snapshot shows is as good as a look-up when nothing was written since.
 */
#include <stdlib.h>

#include "base/err.h"
#include "tree/dir.h"
#include "tree/inode_reader.h"
#include "tree/schema_key.h"

#define N_MARKS 64u
#define N_DOTS 2u

struct dir_mark {
	uint64_t ordinal;
	struct schema_key key;
};

struct tree_dir {
	/* constant */
	struct tree *t;
	struct inode *dir; /* holds a reference */

	/* the view; renewed by a rewind */
	struct tt_snapshot *snap;
	struct tt_iter *it; /* on the entry of `ordinal`, if is_placed */
	bool is_placed;
	bool is_at_end;
	bool was_read;
	uint64_t ordinal; /* of the entry under `it`, counted from 0 */

	struct dir_mark *marks; /* N_MARKS of them, made when first needed */
	unsigned n_marks;
	uint64_t mark_step;
};

static void drop_view(struct tree_dir *d)
{
	tt_iter_free(d->it);
	tt_snapshot_free(d->t->db, d->snap);
	d->it = NULL;
	d->snap = NULL;
	d->is_placed = false;
	d->is_at_end = false;
	d->was_read = false;
	d->n_marks = 0;
	d->mark_step = 256;
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
		r = tt_snapshot_new(t->db, &d->snap);
	else
		r = err_set(-ENOTDIR, "is not a directory");
	if (r == 0) {
		inode_ref(t, rd.in);
		d->dir = rd.in;
		d->mark_step = 256;
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
	free(d->marks);
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
		r = tt_snapshot_new(d->t->db, &d->snap);
	if (r < 0 || d->it)
		return r;
	io.snapshot = d->snap;
	return tt_iter_new(d->t->db, &io, &d->it);
}

/* Remembers where an ordinal is, if it is one of those to remember. */
static void add_mark(struct tree_dir *d)
{
	struct dir_mark *m;
	struct tt_slice key;

	if (d->ordinal % d->mark_step ||
	    (d->n_marks && d->marks[d->n_marks - 1].ordinal >= d->ordinal))
		return;
	if (!d->marks)
		d->marks = malloc(N_MARKS * sizeof(*d->marks));
	if (!d->marks)
		return; /* going back will take longer, that is all */
	if (d->n_marks == N_MARKS) {
		for (unsigned i = 0; i < N_MARKS / 2; i++)
			d->marks[i] = d->marks[2 * i + 1];
		d->n_marks = N_MARKS / 2;
		d->mark_step *= 2;
		if (d->ordinal % d->mark_step)
			return;
	}
	m = &d->marks[d->n_marks++];
	key = tt_iter_key(d->it);
	m->ordinal = d->ordinal;
	m->key.len = MIN_OF(key.len, sizeof(m->key.b));
	memcpy(m->key.b, key.data, m->key.len);
}

/* Notes the result of a move; 0, TT_END or < 0. */
static int moved(struct tree_dir *d, int r)
{
	d->is_placed = r == 0;
	d->is_at_end = r == TT_END;
	if (r == 0)
		add_mark(d);
	return r;
}

static int step(struct tree_dir *d)
{
	d->ordinal++;
	return moved(d, tt_iter_next(d->it));
}

/* Places the iterator at the last mark before `ordinal`, or the start. */
static int seek_mark(struct tree_dir *d, uint64_t ordinal)
{
	unsigned i = d->n_marks;

	while (i > 0 && d->marks[i - 1].ordinal > ordinal)
		i--;
	if (i == 0) {
		d->ordinal = 0;
		return moved(d, tt_iter_first(d->it));
	}
	d->ordinal = d->marks[i - 1].ordinal;
	return moved(d, tt_iter_seek(d->it, key_slice(&d->marks[i - 1].key)));
}

/* Places the iterator on the entry of that ordinal. 0, TT_END or < 0. */
static int seek_ordinal(struct tree_dir *d, uint64_t ordinal)
{
	int r;

	if ((d->is_placed || d->is_at_end) && d->ordinal == ordinal)
		return d->is_at_end ? TT_END : 0;
	if (d->is_placed && d->ordinal < ordinal &&
	    ordinal - d->ordinal < d->mark_step)
		r = 0;
	else
		r = seek_mark(d, ordinal);
	while (r == 0 && d->ordinal < ordinal)
		r = step(d);
	return r;
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
	struct inode *in;
	uint32_t gen;
	int r;

	if (!entry_row_is_inode(row))
		return TT_NOTFOUND;
	r = inode_rec_decode(row, tt_iter_ts(d->it), HOME_ENTRY, d->dir->ino,
			     &st, NULL);
	if (r < 0)
		return r;
	gen = inode_load_gen(&t->inodes, place);
	if (tt_last_ts(t->db) != tt_snapshot_ts(d->snap))
		return TT_NOTFOUND;
	in = inode_new(st.ino);
	if (!in)
		return err_nomem("an inode");
	in->st = st;
	r = inode_set_name(in, name);
	if (r < 0) {
		inode_discard(in);
		return r;
	}
	tree_count(t, TREE_N_LOADS, 1);
	r = inode_insert_loaded(&t->inodes, &in, place, gen, 1);
	*out = in;
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
		.cookie = d->ordinal + N_DOTS + 1,
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
	d->was_read = true;
	for (; cookie < N_DOTS; cookie++) {
		r = give_dot(d, cookie, want_attr, fn, arg);
		if (r)
			return r < 0 ? r : 0;
	}
	r = open_view(d);
	if (r == 0)
		r = seek_ordinal(d, cookie - N_DOTS);
	while (r == 0) {
		r = give_entry(d, want_attr, fn, arg);
		if (r)
			return r < 0 ? r : 0;
		r = step(d);
	}
	return r < 0 ? r : 0;
}
