/* SPDX-License-Identifier: MIT */
#include "tree/sweep_now.h"

#include "base/err.h"
#include "tree/block.h"
#include "tree/dir.h"
#include "tree/names.h"
#include "tree/schema_key.h"
#include "tree/sweeper.h"

/* ---- garbage blocks of living inodes ---------------------------------- */

/* Drops the trims that a whole pass has served. */
static void drop_trims(struct inode_state *st, uint32_t pass_gen)
{
	unsigned n = 0;

	for (unsigned i = 0; i < st->n_trims; i++)
		if (st->trims[i].gen > pass_gen)
			st->trims[n++] = st->trims[i];
	st->n_trims = (uint8_t)n;
}

/* One batch of a pass. 1 when the pass is over. The inode is locked. */
static int trim_step_locked(struct txn *tx, struct inode *in, uint64_t *from,
			    uint32_t *pass_gen)
{
	struct inode_state *st;
	size_t n;
	int r, done;

	if (in->st.n_trims == 0 || in->st.home == HOME_NONE)
		return 1;
	st = txn_edit(tx, in);
	if (!st)
		return -ENOMEM;
	if (*pass_gen == 0)
		*pass_gen = st->gen;
	done = block_sweep(tx->t->db, tx->batch, st->ino, from, UINT64_MAX, st,
			   BLOCK_SWEEP_MAX, &n);
	if (done < 0)
		return done;
	st->n_blocks -= n;
	if (done)
		drop_trims(st, *pass_gen);
	r = txn_commit(tx);
	tree_count(tx->t, TREE_N_SWEPT_BLOCKS, n);
	return r < 0 ? r : done;
}

int sweep_trims_now(struct tree *t, uint64_t ino)
{
	uint64_t from = 0;
	uint32_t pass_gen = 0;
	int r = 0;

	while (r == 0) {
		struct inode *in;
		struct txn tx;

		r = txn_begin(&tx, t, TXN_SHARED);
		if (r < 0)
			return r;
		r = txn_get(&tx, ino, &in);
		if (r == 0) {
			txn_lock(&tx, &in, 1);
			r = trim_step_locked(&tx, in, &from, &pass_gen);
		}
		txn_end(&tx);
	}
	return r < 0 ? r : 0;
}

/* Makes the inode that a trim row leads to resident; *in has a reference. */
static int load_trimmed(struct tree *t, uint64_t ino, struct tt_slice row,
			struct inode **in) NO_THREAD_SAFETY
{
	struct schema_trim trim;
	struct inode *dir = NULL;
	unsigned token;
	int r;

	if (row.len < sizeof(trim))
		return err_set(TT_ECORRUPT, "trim row too short");
	memcpy(&trim, row.data, sizeof(trim));
	if (le64_get(trim.parent) && row.len - sizeof(trim) > SCHEMA_NAME_MAX)
		return err_set(TT_ECORRUPT, "trim row too long");
	token = ns_lock_shared(&t->ns);
	if (le64_get(trim.parent) == 0) {
		r = inode_get(t, ino, 0, in);
		goto out;
	}
	r = inode_get(t, le64_get(trim.parent), 0, &dir);
	if (r < 0)
		goto out;
	rwlock_rdlock(&dir->lock);
	r = dir->st.nlink == 0 ? TT_NOTFOUND
			       : dir_find(t, dir->ino,
					  slice_skip(row, sizeof(trim)), 0, in);
	rwlock_rdunlock(&dir->lock);
out:
	ns_unlock_shared(&t->ns, token);
	inode_unref(t, dir, 0);
	return r;
}

/* ---- orphans ---------------------------------------------------------- */

/* The next batch of an orphan's deletions. 1 when the O row is among them. */
static int orphan_step(struct tree *t, struct tt_batch *b,
		       const struct inode_state *st)
{
	struct schema_key k;
	size_t n;
	int r = 0;

	if (st->n_blocks)
		r = block_delete_all(b, st);
	if (r < 0)
		return r;
	r = 1;
	if (st->n_xattrs)
		r = xattr_sweep(t->db, b, st->ino, BLOCK_SWEEP_MAX, &n);
	if (r != 1)
		return r;
	r = tt_batch_delete(b, key_orphan(&k, st->ino));
	return r < 0 ? r : 1;
}

static int sweep_orphan_rows(struct tree *t, const struct inode_state *st)
{
	struct tt_batch *b = tree_batch_take(t, false);
	int done = 0, r = 0;

	if (!b)
		return err_nomem("a batch");
	while (r == 0 && !done) {
		tt_batch_clear(b);
		done = orphan_step(t, b, st);
		r = done < 0 ? done : tt_write(t->db, NULL, b, NULL);
	}
	tree_batch_give(t, b);
	if (r == 0) {
		tree_count(t, TREE_N_SWEPT_BLOCKS, st->n_blocks);
		tree_count(t, TREE_N_ORPHANS, 1);
	}
	return r;
}

/* ---- directories cut off with all they hold ---------------------------- */

/* Takes one entry from a cut-off directory, as unlink or a further cut. *ino
 * is what it was, or 0. */
static int drop_child(struct txn *tx, uint64_t dir_ino, struct tt_slice name,
		      uint64_t *ino, bool *is_dir)
{
	struct inode *dir, *in;
	int r = txn_get(tx, dir_ino, &dir);

	*ino = 0;
	if (r == 0)
		r = txn_find(tx, dir, name, &in);
	if (r)
		return r < 0 ? r : 0;
	/* Nobody adds, moves or removes entries here any more. */
	txn_lock(tx, (struct inode *[]){ dir, in }, 2);
	*ino = in->ino;
	*is_dir = state_is_dir(&in->st);
	if (*is_dir) {
		r = names_detach_dir(tx, dir, name, in);
	} else {
		r = txn_set_entry(tx, dir, name, NULL);
		if (r == 0)
			r = names_drop_link(tx, in);
	}
	return r == 0 ? txn_commit(tx) : r;
}

/* It may have other names, or be open: its link count is another now. */
static void tell_changed(struct tree *t, uint64_t ino)
{
	const struct tree_listener *l = &t->listener;

	if (l->inode_changed && inode_is_looked_up(t, ino))
		l->inode_changed(l->arg, ino);
}

static int sweep_child(struct tree *t, uint64_t dir, struct tt_slice name)
{
	bool is_dir = false;
	struct txn tx;
	uint64_t ino;
	int r = txn_begin(&tx, t, TXN_SHARED);

	if (r < 0)
		return r;
	r = drop_child(&tx, dir, name, &ino, &is_dir);
	txn_end(&tx);
	if (r < 0 || !ino)
		return r;
	if (is_dir)
		sweeper_add_orphan(t->sweeper, ino);
	tell_changed(t, ino);
	return 0;
}

/* Empties a cut-off directory. 1 when there was something in it. */
static int sweep_children(struct tree *t, uint64_t ino)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_prefix(&lo, KEY_ENTRY, ino),
		.upper = key_prefix_end(&hi, KEY_ENTRY, ino),
		.keys_only = true,
	};
	bool had_some = false;
	struct tt_iter *it;
	int r = tt_iter_new(t->db, &io, &it);

	if (r < 0)
		return r;
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		struct tt_slice name;

		had_some = true;
		r = key_name(tt_iter_key(it), &name);
		if (r == 0)
			r = sweep_child(t, ino, name);
		if (r < 0)
			break;
	}
	tt_iter_free(it);
	return r < 0 ? r : had_some;
}

/* The inode is not where its trim row said: has it been rewritten since? */
static int requeue_if_moved(struct tree *t, uint64_t ino, struct tt_slice row)
{
	struct tt_pinned pin = { 0 };
	struct schema_key k;
	int r = tt_get_pinned(t->db, NULL, key_orphan(&k, ino), &pin);

	if (r)
		return r < 0 ? r : 0;
	if (!slice_eq(pin.value, row))
		sweeper_add_orphan(t->sweeper, ino);
	tt_unpin(&pin);
	return 0;
}

static int sweep_trimmed(struct tree *t, uint64_t ino, struct tt_slice row)
{
	struct inode *in = NULL;
	int r = load_trimmed(t, ino, row, &in);
	bool is_there = r == 0 && in->ino == ino;

	if (is_there)
		r = sweep_trims_now(t, ino);
	inode_unref(t, in, 0);
	if (r == TT_NOTFOUND || r == -ESTALE)
		r = 0;
	return r < 0 || is_there ? r : requeue_if_moved(t, ino, row);
}

static bool is_cut_off(struct tree *t, struct inode *in) NO_THREAD_SAFETY
{
	unsigned token = ns_lock_shared(&t->ns);
	bool yes;

	rwlock_rdlock(&in->lock);
	yes = in->st.home == HOME_ORPHAN;
	rwlock_rdunlock(&in->lock);
	ns_unlock_shared(&t->ns, token);
	return yes;
}

/* The rows of an orphan; a directory's contents first. */
static int sweep_decoded(struct tree *t, const struct inode_state *st)
{
	int r = state_is_dir(st) ? sweep_children(t, st->ino) : 0;

	/* emptied: it was loaded for that, and is queued as it is dropped */
	if (r)
		return r < 0 ? r : 0;
	return sweep_orphan_rows(t, st);
}

/* An orphan in use waits; what it holds need not. */
static int sweep_in_use(struct tree *t, struct inode *in)
{
	int r = 0;

	if (!in->is_dir)
		r = sweep_trims_now(t, in->ino);
	else if (is_cut_off(t, in))
		r = sweep_children(t, in->ino);
	return r < 0 ? r : 0;
}

/* An O row whose inode is not in memory. */
static int sweep_unused(struct tree *t, uint64_t ino,
			const struct tt_pinned *pin)
{
	struct tt_slice row = pin->value;
	struct inode_state st;
	int r;

	if (row.len && slice_bytes(row)[0] == SCHEMA_HEAD_TRIM)
		return sweep_trimmed(t, ino, row);
	r = inode_rec_decode(row, pin->ts, HOME_ORPHAN, 0, &st, NULL);
	if (r == 0 && st.ino != ino)
		r = err_set(TT_ECORRUPT, "O row under another number");
	return r < 0 ? r : sweep_decoded(t, &st);
}

int sweep_orphan_now(struct tree *t, uint64_t ino)
{
	struct tt_pinned pin = { 0 };
	struct schema_key k;
	struct inode *in;
	int r;

	r = tt_get_pinned(t->db, NULL, key_orphan(&k, ino), &pin);
	if (r)
		return r < 0 ? r : 0;
	/* The row first: what was an orphan then and is not in memory now
	 * will never be again. The other way round, a file could be opened
	 * and unlinked in between. */
	in = inode_find(&t->inodes, ino, 0);
	r = in ? sweep_in_use(t, in) : sweep_unused(t, ino, &pin);
	inode_unref(t, in, 0);
	tt_unpin(&pin);
	return r;
}

/* ---- times ------------------------------------------------------------ */

int sweep_times_now(struct tree *t, struct inode *dir)
{
	struct txn tx;
	int r = txn_begin(&tx, t, TXN_SHARED);

	if (r < 0)
		return r;
	txn_lock(&tx, &dir, 1);
	if (dir->times_dirty && dir->st.nlink > 0) {
		r = txn_edit(&tx, dir) ? txn_commit(&tx) : -ENOMEM;
		tree_count(t, TREE_N_TIMES, 1);
	}
	txn_end(&tx);
	return r;
}
