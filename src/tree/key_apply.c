/* SPDX-License-Identifier: MIT */
/*
 * SET and DELETE by key, several as one change. One operation whose
 * directories are all there runs beside others; anything else has the
 * namespace to itself, so that later operations see what earlier ones did
 * and nobody comes between.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "tree/file.h"
#include "tree/names.h"
#include "tree/path.h"
#include "tree/sweeper.h"

#define NEEDS_EXCLUSIVE 101
/* What the port makes, where nothing was before: as programs ask for it. */
#define FILE_MODE (S_IFREG | 0666)
#define DIR_MODE (S_IFDIR | 0777)

/* A change that others must hear of. */
struct note {
	uint64_t parent;
	struct tt_slice name; /* part of an operation's key */
	uint64_t old_ino;     /* what was there, or 0 */
	bool is_cut_off;      /* a directory for the sweeper */
};

struct apply {
	struct txn tx;
	bool must_not_tell; /* nobody would wait until it has been heard */
	struct note *notes;
	size_t n_notes, cap_notes;
};

static int add_note(struct apply *a, uint64_t parent, struct tt_slice name,
		    const struct inode *old, bool is_cut_off)
{
	if (a->n_notes == a->cap_notes) {
		size_t cap = a->cap_notes ? 2 * a->cap_notes : 8;
		struct note *p = realloc(a->notes, cap * sizeof(*p));

		if (!p)
			return err_nomem("notes of a change");
		a->notes = p;
		a->cap_notes = cap;
	}
	a->notes[a->n_notes++] = (struct note){
		.parent = parent,
		.name = name,
		.old_ino = old ? old->ino : 0,
		.is_cut_off = is_cut_off,
	};
	return 0;
}

/* Whether somebody must be told of a change in this directory, and be waited
 * for: no case for who must not wait. */
static bool must_tell(const struct apply *a, const struct inode *dir)
{
	struct tree *t = a->tx.t;

	return a->must_not_tell && t->listener.changes_told &&
	       inode_is_looked_up(t, dir->ino);
}

/* ---- the way down ----------------------------------------------------- */

static int make_parent(struct apply *a, struct inode *dir, struct tt_slice name,
		       struct inode **out)
{
	struct new_inode ni = { .cred = &a->tx.t->cred, .mode = DIR_MODE };
	int r;

	if (!a->tx.is_exclusive)
		return NEEDS_EXCLUSIVE;
	if (must_tell(a, dir))
		return -EAGAIN;
	r = names_make(&a->tx, dir, name, &ni, out);
	return r == 0 ? add_note(a, dir->ino, name, NULL, false) : r;
}

/* The directory of the key's last component, made for SET. */
static int walk_down(struct apply *a, const struct tree_op *op,
		     struct inode **dir, struct tt_slice *name)
{
	struct tt_slice rest = op->key;
	int r = txn_get(&a->tx, TREE_ROOT, dir);

	*name = path_next(&rest);
	while (r == 0 && rest.len) {
		struct inode *in;

		r = names_look(&a->tx, *dir, *name, &in);
		if (r == 0 && !in)
			r = op->kind == TREE_OP_SET
				    ? make_parent(a, *dir, *name, &in)
				    : -ENOENT;
		if (r == 0 && !in->is_dir)
			r = err_set(-ENOTDIR, "a prefix of the key is a file");
		*dir = in;
		*name = path_next(&rest);
	}
	return r;
}

static int check_cond(struct txn *tx, const struct tree_op *op,
		      struct inode *in)
{
	switch (op->cond) {
	case TREE_COND_NONE:
		return 0;
	case TREE_COND_ABSENT:
		return in ? err_set(TT_ECONFLICT, "the key exists") : 0;
	case TREE_COND_EXISTS:
		return in ? 0 : err_set(TT_ECONFLICT, "the key is absent");
	case TREE_COND_VERSION:
		break;
	}
	if (in && txn_state(tx, in)->version == op->version)
		return 0;
	return err_set(TT_ECONFLICT, "the key has another version");
}

/* ---- SET -------------------------------------------------------------- */

/* What a replaced file passes on to the file that takes its place. */
static int inherit(struct txn *tx, struct inode *in, struct inode *old)
{
	const struct inode_state *os = txn_state(tx, old);
	struct inode_state *st = txn_edit(tx, in);

	if (!st)
		return -ENOMEM;
	st->mode = os->mode;
	st->uid = os->uid;
	st->gid = os->gid;
	return os->n_xattrs ? names_copy_xattrs(tx, old, in) : 0;
}

/*
 * Whether `old` has something to pass on. What an earlier operation of the same
 * change has made there is what a new file would be.
 */
static bool is_heir_of(struct txn *tx, struct inode *old)
{
	return old && state_is_reg(txn_state(tx, old)) &&
	       (!txn_is_new(tx, old) || txn_xattrs_from(tx, old));
}

static int do_set(struct apply *a, struct inode *dir, struct tt_slice name,
		  struct inode *old, struct tt_slice value)
{
	struct new_inode ni = { .cred = &a->tx.t->cred, .mode = FILE_MODE };
	bool is_heir = is_heir_of(&a->tx, old);
	struct inode *in;
	int r;

	if (old && state_is_dir(txn_state(&a->tx, old)))
		return err_set(-EISDIR, "the key is a directory");
	ni.no_acl = is_heir;
	r = names_make(&a->tx, dir, name, &ni, &in);
	if (r == 0 && is_heir)
		r = inherit(&a->tx, in, old);
	if (r == 0 && old)
		r = names_drop_link(&a->tx, old);
	if (r == 0)
		r = file_put(&a->tx, in, 0, value);
	return r == 0 ? add_note(a, dir->ino, name, old, false) : r;
}

/* ---- DELETE ----------------------------------------------------------- */

static int delete_dir(struct apply *a, const struct tree_op *op,
		      struct inode *dir, struct tt_slice name, struct inode *in)
{
	int r;

	if (op->recursive) {
		r = names_detach_dir(&a->tx, dir, name, in);
		return r == 0 ? add_note(a, dir->ino, name, in, true) : r;
	}
	r = names_check_empty(&a->tx, in);
	if (r == 0)
		r = names_drop_dir(&a->tx, dir, name, in);
	return r == 0 ? add_note(a, dir->ino, name, in, false) : r;
}

static int do_delete(struct apply *a, const struct tree_op *op,
		     struct inode *dir, struct tt_slice name, struct inode *in)
{
	int r;

	if (!in)
		return -ENOENT;
	if (state_is_dir(txn_state(&a->tx, in)))
		return delete_dir(a, op, dir, name, in);
	r = txn_set_entry(&a->tx, dir, name, NULL);
	if (r == 0)
		r = txn_touch(&a->tx, dir);
	if (r == 0)
		r = names_drop_link(&a->tx, in);
	return r == 0 ? add_note(a, dir->ino, name, in, false) : r;
}

/* ---- all of it -------------------------------------------------------- */

static int do_op(struct apply *a, const struct tree_op *op)
{
	struct inode *dir, *in;
	struct tt_slice name;
	int r = path_check(op->key);

	if (r == 0)
		r = walk_down(a, op, &dir, &name);
	if (r == -ENOENT && op->kind == TREE_OP_SET && !a->tx.is_exclusive)
		return NEEDS_EXCLUSIVE; /* a directory went under our feet */
	if (r == -ENOENT &&
	    (op->cond == TREE_COND_EXISTS || op->cond == TREE_COND_VERSION))
		r = err_set(TT_ECONFLICT, "the key is absent");
	if (r == 0 && must_tell(a, dir))
		r = -EAGAIN;
	if (r == 0)
		r = names_lock_entry(&a->tx, dir, name, NULL, &in);
	if (r == -ENOENT && !a->tx.is_exclusive)
		return NEEDS_EXCLUSIVE;
	if (r)
		return r;
	r = check_cond(&a->tx, op, in);
	if (r < 0)
		return r;
	if (op->kind == TREE_OP_SET)
		return do_set(a, dir, name, in, op->value);
	return do_delete(a, op, dir, name, in);
}

struct key_ops {
	const struct tree_op *ops;
	size_t n;
	bool no_wait;
	bool *is_untold; /* may be NULL */
};

static int apply_once(struct apply *a, struct tree *t, enum txn_mode mode,
		      const struct key_ops *k, int64_t *out_version,
		      size_t *failed)
{
	int r = k->no_wait ? txn_begin_no_wait(&a->tx, t, mode)
			   : txn_begin(&a->tx, t, mode);

	if (r < 0)
		return r;
	a->n_notes = 0;
	for (size_t i = 0; r == 0 && i < k->n; i++) {
		*failed = i;
		r = do_op(a, &k->ops[i]);
	}
	if (r == 0)
		r = txn_commit(&a->tx);
	if (r == 0 && out_version)
		*out_version = a->tx.ts;
	txn_end(&a->tx);
	return r;
}

/* Tells the listener and the sweeper; no lock is held. True when somebody
 * has been told. */
static bool tell(struct tree *t, const struct apply *a)
{
	const struct tree_listener *l = &t->listener;
	bool is_told = false;

	for (size_t i = 0; i < a->n_notes; i++) {
		const struct note *n = &a->notes[i];

		if (n->is_cut_off)
			sweeper_add_orphan(t->sweeper, n->old_ino);
		if (inode_is_looked_up(t, n->parent)) {
			is_told = true;
			if (l->entry_changed)
				l->entry_changed(l->arg, n->parent, n->name);
			if (l->inode_changed)
				l->inode_changed(l->arg, n->parent);
		}
		if (!l->inode_changed)
			continue;
		if (n->old_ino && inode_is_looked_up(t, n->old_ino)) {
			is_told = true;
			l->inode_changed(l->arg, n->old_ino);
		}
	}
	return is_told;
}

void tree_settle(struct tree *t)
{
	if (t->listener.changes_told)
		t->listener.changes_told(t->listener.arg);
}

static int apply(struct tree *t, const struct key_ops *k, int64_t *out_version,
		 size_t *failed)
{
	bool is_one = k->n == 1 && !k->ops[0].recursive;
	bool is_told = false;
	struct apply *a = malloc(sizeof(*a));
	size_t at = 0;
	int r = NEEDS_EXCLUSIVE;

	if (!a)
		return err_nomem("a change");
	a->must_not_tell = k->no_wait && (!k->is_untold || !is_one);
	a->notes = NULL;
	a->cap_notes = 0;
	a->n_notes = 0;
	if (is_one)
		r = apply_once(a, t, TXN_SHARED, k, out_version, &at);
	if (r == NEEDS_EXCLUSIVE)
		r = apply_once(a, t, TXN_EXCLUSIVE, k, out_version, &at);
	if (r == 0)
		is_told = tell(t, a);
	if (is_told && k->is_untold)
		*k->is_untold = true;
	else if (is_told)
		tree_settle(t);
	if (r != 0 && failed)
		*failed = at;
	free(a->notes);
	free(a);
	return r;
}

int tree_key_apply(struct tree *t, const struct tree_op *ops, size_t n,
		   int64_t *out_version, size_t *failed)
{
	struct key_ops k = { .ops = ops, .n = n };

	return apply(t, &k, out_version, failed);
}

int tree_key_try_apply(struct tree *t, const struct tree_op *ops, size_t n,
		       int64_t *out_version, size_t *failed, bool *is_untold)
{
	struct key_ops k = {
		.ops = ops, .n = n, .no_wait = true, .is_untold = is_untold
	};

	if (is_untold)
		*is_untold = false;
	return apply(t, &k, out_version, failed);
}
