/* SPDX-License-Identifier: MIT */
/*
 * GET and STAT. A small file is one row, so one read is one state of it; for
 * anything in several rows a snapshot makes them one state.
 */
#include "base/err.h"
#include "tree/inode_reader.h"
#include "tree/path.h"
#include "tree/value.h"

static int get_in_snapshot(struct tree *t, uint64_t parent,
			   struct tt_slice name, uint64_t max,
			   int (*fn)(void *arg, struct tt_slice piece),
			   void *arg, struct tree_attr *attr)
{
	struct tt_read_options ro = { 0 };
	struct tt_snapshot *snap;
	struct value v;
	int r;

	r = tree_state_hold(t, &snap);
	if (r < 0)
		return r;
	ro.snapshot = snap;
	r = value_find(t->db, &ro, parent, name, &v);
	if (r == 0) {
		r = value_emit(t->db, &ro, &v, max, fn, arg);
		if (attr)
			state_attr(&v.st, attr);
		value_fini(&v);
	}
	tree_state_drop(t, snap);
	return r == TT_NOTFOUND ? -ENOENT : r;
}

int tree_key_get(struct tree *t, struct tt_slice key, uint64_t max,
		 int (*fn)(void *arg, struct tt_slice piece), void *arg,
		 struct tree_attr *attr)
{
	struct tt_slice name;
	uint64_t parent;
	struct value v;
	int r = path_check(key);

	if (r == 0)
		r = path_find_parent(t, key, &parent, &name);
	if (r < 0)
		return r;
	r = value_find(t->db, &t->reads, parent, name, &v);
	if (r < 0)
		return r;
	if (r == TT_NOTFOUND)
		return get_in_snapshot(t, parent, name, max, fn, arg, attr);
	if (!value_is_whole(&v)) {
		value_fini(&v);
		return get_in_snapshot(t, parent, name, max, fn, arg, attr);
	}
	r = value_emit(t->db, &t->reads, &v, max, fn, arg);
	if (attr)
		state_attr(&v.st, attr);
	value_fini(&v);
	return r;
}

/* A directory in memory may have newer times than its row. */
static int stat_dir(struct tree *t, uint64_t ino, struct tree_attr *out)
{
	int r = tree_getattr(t, ino, out);

	return r == -ESTALE ? -ENOENT : r;
}

/* By a snapshot if asked for: an entry may name an inode whose row goes
 * between the two reads, because the key is being replaced. */
static int stat_row(struct tree *t, const struct tt_read_options *ro,
		    uint64_t parent, struct tt_slice name,
		    struct tree_attr *out)
{
	struct value v;
	int r = value_find(t->db, ro, parent, name, &v);

	if (r)
		return r;
	state_attr(&v.st, out);
	value_fini(&v);
	return 0;
}

static int stat_in_snapshot(struct tree *t, uint64_t parent,
			    struct tt_slice name, struct tree_attr *out)
{
	struct tt_read_options ro = { 0 };
	struct tt_snapshot *snap;
	int r = tree_state_hold(t, &snap);

	if (r < 0)
		return r;
	ro.snapshot = snap;
	r = stat_row(t, &ro, parent, name, out);
	tree_state_drop(t, snap);
	return r == TT_NOTFOUND ? -ENOENT : r;
}

int tree_key_stat(struct tree *t, struct tt_slice key, struct tree_attr *out)
{
	struct tt_slice name;
	uint64_t parent;
	int r = path_check(key);

	if (r == 0)
		r = path_find_parent(t, key, &parent, &name);
	if (r < 0)
		return r;
	r = stat_row(t, &t->reads, parent, name, out);
	if (r == TT_NOTFOUND)
		r = stat_in_snapshot(t, parent, name, out);
	if (r == 0 && S_ISDIR(out->mode))
		r = stat_dir(t, out->ino, out);
	return r;
}
