/* SPDX-License-Identifier: MIT */
#include "tree/txn_rows.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/err.h"
#include "tree/held.h"
#include "tree/tree_txn.h"

struct tt_slice inode_row_key(const struct inode *in, struct schema_key *k)
{
	switch ((enum inode_home)in->st.home) {
	case HOME_ENTRY:
		return key_entry(k, in->st.parent, inode_name(in));
	case HOME_ORPHAN:
		return key_orphan(k, in->ino);
	case HOME_INODE:
	case HOME_MEMORY:
	case HOME_NONE:
		break;
	}
	return key_inode(k, in->ino);
}

int inode_tail_pin(struct tree *t, struct inode *in, struct tt_slice *tail,
		   struct tt_pinned *pin)
{
	struct inode_state st;
	struct schema_key k;
	int r;

	*tail = SLICE_EMPTY;
	if (in->st.tail_len == 0 || in->st.home == HOME_NONE)
		return 0;
	if (in->st.home == HOME_MEMORY) {
		held_pin(in->held, pin);
		*tail = pin->value;
		return 0;
	}
	r = tt_get_pinned(t->db, &t->reads, inode_row_key(in, &k), pin);
	if (r == TT_NOTFOUND)
		return err_set(TT_ECORRUPT,
			       "inode %" PRIu64 ": its row is gone", in->ino);
	if (r < 0)
		return r;
	r = inode_rec_decode(pin->value, pin->ts, (enum inode_home)in->st.home,
			     in->st.parent, &st, tail);
	if (r == 0 && (st.ino != in->ino || tail->len != in->st.tail_len))
		r = err_set(TT_ECORRUPT,
			    "inode %" PRIu64 ": its row is another's", in->ino);
	if (r < 0)
		tt_unpin(pin);
	return r;
}

static int add_entry(struct txn *tx, const struct txn_dent *d)
{
	struct schema_link l;
	struct schema_key k;

	key_entry(&k, d->parent, d->name);
	if (!d->ino)
		return tt_batch_delete(tx->batch, key_slice(&k));
	if (!d->has_own_row)
		return 0; /* the inode's row is this one */
	link_rec_encode(d->ino, d->mode, &l);
	return tt_batch_put(tx->batch, key_slice(&k), SLICE(&l, sizeof(l)));
}

static struct tt_slice new_name(const struct txn_inode *e)
{
	return e->name ? SLICE(e->name, e->name_len) : inode_name(e->in);
}

static int put_row(struct txn *tx, struct txn_inode *e, struct tt_slice key)
{
	uint8_t fixed[INODE_REC_MAX];
	struct tt_slice parts[2];
	struct tt_pinned pin = { 0 };
	int r = 0;

	parts[0] = SLICE(fixed, inode_rec_encode(&e->st, fixed));
	parts[1] = SLICE_EMPTY;
	if (state_is_dir(&e->st))
		parts[1] = new_name(e);
	else if (e->st.tail_len)
		r = txn_tail(tx, e->in, &parts[1], &pin);
	if (r < 0)
		return r;
	r = tt_batch_putv(tx->batch, key, parts, 2);
	tt_unpin(&pin);
	return r;
}

/* The O row that leads the sweeper to an inode with garbage blocks. */
static int put_trim(struct txn *tx, struct txn_inode *e)
{
	struct schema_trim trim = { .head = SCHEMA_HEAD_TRIM };
	struct tt_slice parts[2] = { SLICE(&trim, sizeof(trim)), SLICE_EMPTY };
	struct schema_key k;

	if (e->st.home == HOME_ENTRY) {
		trim.parent = le64_make(e->st.parent);
		parts[1] = new_name(e);
	}
	return tt_batch_putv(tx->batch, key_orphan(&k, e->st.ino), parts, 2);
}

/* The O row of an inode that is or was in need of one. */
static int add_orphan_row(struct txn *tx, struct txn_inode *e)
{
	const struct inode_state *old = &e->in->st;
	bool had = !e->is_new && (old->home == HOME_ORPHAN || old->n_trims);
	struct schema_key k;

	if (e->st.home == HOME_ORPHAN)
		return put_row(tx, e, key_orphan(&k, e->st.ino));
	if (e->st.home != HOME_NONE && e->st.n_trims) {
		/* it says where the row is, so a move rewrites it */
		if (old->n_trims && old->home == e->st.home &&
		    old->parent == e->st.parent && !e->name)
			return 0;
		return put_trim(tx, e);
	}
	return had ? tt_batch_delete(tx->batch, key_orphan(&k, e->st.ino)) : 0;
}

static int add_inode(struct txn *tx, struct txn_inode *e)
{
	bool had_row = !e->is_new && e->in->st.home == HOME_INODE;
	struct schema_key k;
	int r = 0;

	if (!e->is_dirty)
		return 0;
	if (e->st.home == HOME_INODE)
		r = put_row(tx, e, key_inode(&k, e->st.ino));
	else if (had_row)
		r = tt_batch_delete(tx->batch, key_inode(&k, e->st.ino));
	if (r == 0 && e->st.home == HOME_ENTRY)
		r = put_row(tx, e, key_entry(&k, e->st.parent, new_name(e)));
	if (r == 0)
		r = add_orphan_row(tx, e);
	return r;
}

int txn_rows_add(struct txn *tx)
{
	int r = 0;

	for (struct txn_dent *d = tx->dents; d && r == 0; d = d->next)
		r = add_entry(tx, d);
	for (struct txn_inode *e = tx->inodes; e && r == 0; e = e->next)
		r = add_inode(tx, e);
	return r;
}
