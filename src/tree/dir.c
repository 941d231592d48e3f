/* SPDX-License-Identifier: MIT */
#include "tree/dir.h"

#include "base/err.h"
#include "tree/schema_key.h"
#include "tree/tree_priv.h"

int dir_make_resident(struct tree *t, const struct inode_state *st,
		      uint64_t parent, struct tt_slice name, uint32_t gen,
		      uint64_t lookups, struct inode **out)
{
	struct inode *in = inode_new(st->ino);
	int r;

	if (!in)
		return err_nomem("an inode");
	in->st = *st;
	r = inode_set_name(in, name);
	if (r < 0) {
		inode_discard(in);
		return r;
	}
	tree_count(t, TREE_N_LOADS, 1);
	r = inode_insert_loaded(&t->inodes, &in, entry_hash(parent, name), gen,
				lookups);
	*out = in;
	return r;
}

/* Makes the inode of an entry row resident. */
static int load_embedded(struct tree *t, const struct tt_pinned *pin,
			 uint64_t parent, struct tt_slice name, uint32_t gen,
			 uint64_t lookups, struct inode **out)
{
	struct inode_state st;
	int r = inode_rec_decode(pin->value, pin->ts, HOME_ENTRY, parent, &st,
				 NULL);

	return r < 0 ? r
		     : dir_make_resident(t, &st, parent, name, gen, lookups,
					 out);
}

static int get_linked(struct tree *t, uint64_t ino, uint64_t lookups,
		      struct inode **out)
{
	int r = inode_get(t, ino, lookups, out);

	if (r == -ESTALE)
		r = err_set(TT_ECORRUPT, "an entry names an inode without row");
	return r;
}

/* Reads the entry's row; one attempt, INODE_RETRY for another. */
static int find_row(struct tree *t, uint64_t hash, uint64_t parent,
		    struct tt_slice name, uint64_t lookups, struct inode **out)
{
	uint32_t gen = inode_load_gen(&t->inodes, hash);
	struct tt_pinned pin = { 0 };
	struct dentry d = { 0, false, false };
	struct schema_key k;
	uint32_t type;
	int r;

	r = tt_get_pinned(t->db, &t->reads, key_entry(&k, parent, name), &pin);
	if (r < 0)
		return r;
	if (r == TT_NOTFOUND) {
		dentry_cache_put(t->names, hash, parent, name, &d);
		return TT_NOTFOUND;
	}
	if (entry_row_is_inode(pin.value)) {
		r = load_embedded(t, &pin, parent, name, gen, lookups, out);
	} else {
		d.has_own_row = true;
		r = link_rec_decode(pin.value, &d.ino, &type);
		d.is_dir = r == 0 && S_ISDIR(type);
		if (r == 0)
			r = get_linked(t, d.ino, lookups, out);
	}
	tt_unpin(&pin);
	if (r == 0) {
		d.ino = (*out)->ino;
		dentry_cache_put(t->names, hash, parent, name, &d);
	}
	return r;
}

int dir_find(struct tree *t, uint64_t parent, struct tt_slice name,
	     uint64_t lookups, struct inode **out)
{
	uint64_t hash = entry_hash(parent, name);
	struct dentry d;
	int r = INODE_RETRY;

	if (dentry_cache_get(t->names, hash, parent, name, &d)) {
		tree_count(t, TREE_N_NAME_HITS, 1);
		if (!d.ino)
			return TT_NOTFOUND;
		*out = inode_find(&t->inodes, d.ino, lookups);
		if (*out)
			return 0;
		if (d.has_own_row)
			return get_linked(t, d.ino, lookups, out);
	}
	while (r == INODE_RETRY)
		r = find_row(t, hash, parent, name, lookups, out);
	return r;
}

int dir_row_decode(struct tt_slice row, uint64_t *ino, uint32_t *mode)
{
	struct schema_inode i;

	if (!entry_row_is_inode(row))
		return link_rec_decode(row, ino, mode);
	if (row.len < sizeof(i))
		return err_set(TT_ECORRUPT, "inode row too short");
	memcpy(&i, row.data, sizeof(i));
	*ino = le64_get(i.ino);
	*mode = le32_get(i.mode);
	return 0;
}

int dir_peek(struct tree *t, uint64_t parent, struct tt_slice name,
	     uint64_t *ino, uint32_t *type)
{
	struct tt_pinned pin = { 0 };
	struct schema_key k;
	int r;

	r = tt_get_pinned(t->db, &t->reads, key_entry(&k, parent, name), &pin);
	if (r)
		return r;
	r = dir_row_decode(pin.value, ino, type);
	*type &= S_IFMT;
	tt_unpin(&pin);
	return r;
}
