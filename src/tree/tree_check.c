/* SPDX-License-Identifier: MIT */
/*
 * Every rule the rows must keep, checked over one snapshot. Entries and
 * directories are sorted by the same numbers, so both are walked once, side
 * by side; what must be elsewhere is looked up. Not found, because it would
 * take memory: two entries that each hold one inode without blocks,
 * attributes or links.
 */
#include "tree/tree_check.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "tree/dir.h"

struct walk {
	struct checker *c;
	struct tt_iter *entries; /* D rows; NULL-ended by at_end */
	bool at_end;
	uint64_t parent; /* of the present entry */
	struct tt_slice name;
	uint64_t ino_mark; /* every number is below */
};

void check_wrong(struct checker *c, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	c->n_wrong++;
	va_start(ap, fmt);
	if (c->fn && buf_vprintf(&text, fmt, ap) == 0 && buf_cstr(&text))
		c->fn(c->arg, buf_cstr(&text));
	va_end(ap);
	buf_fini(&text);
}

int check_iter(struct checker *c, enum schema_kind kind, struct tt_iter **out)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.snapshot = c->snap,
		.lower = key_kind(&lo, kind),
		.upper = key_kind_end(&hi, kind),
		.no_fill = true,
	};

	return tt_iter_new(c->db, &io, out);
}

static int pin(struct checker *c, struct tt_slice key, struct tt_pinned *out)
{
	struct tt_read_options ro = { .snapshot = c->snap, .no_fill = true };

	*out = (struct tt_pinned){ 0 };
	return tt_get_pinned(c->db, &ro, key, out);
}

/* A name for people: printable, and not too long. */
static const char *show(struct tt_slice name, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < name.len && n + 5 < cap; i++) {
		uint8_t b = slice_bytes(name)[i];

		if (isprint(b))
			out[n++] = (char)b;
		else
			n += (size_t)snprintf(out + n, cap - n, "\\x%02x", b);
	}
	out[n] = 0;
	return out;
}

/* ---- single rows ------------------------------------------------------ */

/* An inode with trims has an O row that leads back to it. */
static int check_trims(struct walk *w, const struct inode_state *st)
{
	struct tt_pinned p;
	struct schema_key k;
	int r;

	if (st->n_trims == 0 || st->home == HOME_ORPHAN)
		return 0;
	r = pin(w->c, key_orphan(&k, st->ino), &p);
	if (r == TT_NOTFOUND)
		check_wrong(w->c, "inode %" PRIu64 " has trims but no O row",
			    st->ino);
	tt_unpin(&p);
	return r < 0 ? r : 0;
}

static int check_inode(struct walk *w, const struct inode_state *st)
{
	if (st->ino >= w->ino_mark)
		check_wrong(w->c, "inode %" PRIu64 " is above the mark",
			    st->ino);
	if (st->home != HOME_ORPHAN && st->nlink == 0)
		check_wrong(w->c, "inode %" PRIu64 " has a row but no links",
			    st->ino);
	return check_trims(w, st);
}

/* An entry that holds its inode. */
static int check_embedded(struct walk *w, struct tt_slice row)
{
	char text[300];
	struct inode_state st;
	struct tt_pinned p;
	struct schema_key k;
	int r;

	r = inode_rec_decode(row, 0, HOME_ENTRY, w->parent, &st, NULL);
	if (r < 0) {
		check_wrong(w->c, "entry \"%s\" of %" PRIu64 ": %s",
			    show(w->name, text, sizeof(text)), w->parent,
			    err_text());
		return 0;
	}
	if (state_is_dir(&st))
		check_wrong(w->c, "directory %" PRIu64 " is held by an entry",
			    st.ino);
	if (st.nlink != 1)
		check_wrong(w->c,
			    "inode %" PRIu64 " in an entry counts %" PRIu32
			    " links",
			    st.ino, st.nlink);
	r = pin(w->c, key_inode(&k, st.ino), &p);
	if (r == 0)
		check_wrong(w->c, "inode %" PRIu64 " is held by two rows",
			    st.ino);
	tt_unpin(&p);
	return r < 0 ? r : check_inode(w, &st);
}

/* An entry that names an I row; *is_dir tells what it is. */
static int check_link(struct walk *w, struct tt_slice row, bool *is_dir)
{
	char text[300];
	struct inode_state st;
	struct tt_slice tail;
	struct tt_pinned p;
	struct schema_key k;
	uint32_t type;
	uint64_t ino;
	int r = link_rec_decode(row, &ino, &type);

	show(w->name, text, sizeof(text));
	if (r < 0) {
		check_wrong(w->c, "entry \"%s\" of %" PRIu64 ": %s", text,
			    w->parent, err_text());
		return 0;
	}
	*is_dir = S_ISDIR(type);
	r = pin(w->c, key_inode(&k, ino), &p);
	if (r == TT_NOTFOUND)
		check_wrong(w->c,
			    "entry \"%s\" of %" PRIu64 " names inode %" PRIu64
			    ", which has no row",
			    text, w->parent, ino);
	if (r)
		return r < 0 ? r : 0;
	r = inode_rec_decode(p.value, 0, HOME_INODE, 0, &st, &tail);
	if (r == 0 && (st.mode & S_IFMT) != type)
		check_wrong(w->c,
			    "entry \"%s\" of %" PRIu64 " has another type",
			    text, w->parent);
	if (r == 0 && state_is_dir(&st) &&
	    (st.parent != w->parent || !slice_eq(tail, w->name)))
		check_wrong(w->c,
			    "directory %" PRIu64
			    " does not know \"%s\" of %" PRIu64 " as its place",
			    ino, text, w->parent);
	tt_unpin(&p);
	return 0; /* a row that does not decode is reported as inode */
}

/* ---- the walk --------------------------------------------------------- */

static int settle(struct walk *w, int r)
{
	enum schema_kind kind;

	w->at_end = r == TT_END;
	if (r)
		return r == TT_END ? 0 : r;
	if (!key_parse(tt_iter_key(w->entries), &kind, &w->parent, &w->name))
		return err_set(TT_ECORRUPT, "an entry key of unknown layout");
	return 0;
}

/* All entries of the present parent; *n_dirs of them are directories. */
static int check_entries(struct walk *w, uint32_t *n_dirs)
{
	uint64_t parent = w->parent;
	int r = 0;

	*n_dirs = 0;
	while (r == 0 && !w->at_end && w->parent == parent) {
		struct tt_slice row = tt_iter_value(w->entries);
		bool is_dir = false;

		if (entry_row_is_inode(row))
			r = check_embedded(w, row);
		else
			r = check_link(w, row, &is_dir);
		*n_dirs += is_dir;
		if (r == 0)
			r = settle(w, tt_iter_next(w->entries));
	}
	return r;
}

/* Entries whose directory has no I row: it must be a cut-off orphan. */
static int check_homeless(struct walk *w)
{
	uint64_t parent = w->parent;
	struct inode_state st;
	struct tt_pinned p;
	struct schema_key k;
	uint32_t n_dirs;
	int r = pin(w->c, key_orphan(&k, parent), &p);

	if (r < 0)
		return r;
	if (r == TT_NOTFOUND ||
	    inode_rec_decode(p.value, 0, HOME_ORPHAN, 0, &st, NULL) < 0 ||
	    !state_is_dir(&st))
		check_wrong(w->c, "entries of %" PRIu64 ", which is nowhere",
			    parent);
	tt_unpin(&p);
	return check_entries(w, &n_dirs);
}

/* A directory's own row leads to an entry that leads back. */
static int check_place(struct walk *w, const struct inode_state *st,
		       struct tt_slice name)
{
	struct tt_pinned p;
	struct schema_key k;
	uint32_t type;
	uint64_t ino = 0;
	int r;

	if (st->ino == TREE_ROOT)
		return 0;
	r = name.len ? pin(w->c, key_entry(&k, st->parent, name), &p)
		     : TT_NOTFOUND;
	if (r < 0)
		return r;
	if (r == TT_NOTFOUND || link_rec_decode(p.value, &ino, &type) < 0 ||
	    ino != st->ino)
		check_wrong(w->c, "no entry names directory %" PRIu64, st->ino);
	if (r == 0)
		tt_unpin(&p);
	return 0;
}

static int check_dir(struct walk *w, const struct inode_state *st,
		     struct tt_slice name)
{
	uint32_t n_dirs = 0;
	int r = 0;

	if (!w->at_end && w->parent == st->ino)
		r = check_entries(w, &n_dirs);
	if (st->nlink != n_dirs + 2)
		check_wrong(w->c,
			    "directory %" PRIu64 " counts %" PRIu32
			    " links, it has %" PRIu32 " subdirectories",
			    st->ino, st->nlink, n_dirs);
	return r == 0 ? check_place(w, st, name) : r;
}

static int check_inode_row(struct walk *w, struct tt_slice key,
			   struct tt_slice row)
{
	struct inode_state st;
	struct tt_slice tail, rest;
	enum schema_kind kind;
	uint64_t ino;
	int r;

	if (!key_parse(key, &kind, &ino, &rest))
		return err_set(TT_ECORRUPT, "an inode key of unknown layout");
	while (!w->at_end && w->parent < ino) {
		r = check_homeless(w);
		if (r < 0)
			return r;
	}
	r = inode_rec_decode(row, 0, HOME_INODE, 0, &st, &tail);
	if (r == 0 && st.ino != ino)
		r = err_set(TT_ECORRUPT, "it holds another number");
	if (r < 0) {
		check_wrong(w->c, "row of inode %" PRIu64 ": %s", ino,
			    err_text());
		return 0;
	}
	r = check_inode(w, &st);
	if (r == 0 && state_is_dir(&st))
		r = check_dir(w, &st, tail);
	else if (r == 0 && !w->at_end && w->parent == ino)
		r = check_homeless(w);
	return r;
}

static int walk_inodes(struct walk *w)
{
	struct tt_iter *it;
	int r = check_iter(w->c, KEY_INODE, &it);

	if (r < 0)
		return r;
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		r = check_inode_row(w, tt_iter_key(it), tt_iter_value(it));
		if (r < 0)
			break;
	}
	tt_iter_free(it);
	r = r == TT_END ? 0 : r;
	while (r == 0 && !w->at_end)
		r = check_homeless(w);
	return r;
}

static void check_orphan_row(struct walk *w, struct tt_slice key,
			     struct tt_slice row)
{
	struct inode_state st;
	uint64_t ino = be64_load(slice_bytes(key) + 1);

	if (row.len && slice_bytes(row)[0] == SCHEMA_HEAD_TRIM)
		return;
	if (inode_rec_decode(row, 0, HOME_ORPHAN, 0, &st, NULL) < 0) {
		check_wrong(w->c, "O row of inode %" PRIu64 ": %s", ino,
			    err_text());
		return;
	}
	if (st.ino != ino || st.nlink != 0)
		check_wrong(w->c, "orphan %" PRIu64 " counts %" PRIu32 " links",
			    ino, st.nlink);
}

static int walk_orphans(struct walk *w)
{
	struct tt_iter *it;
	int r = check_iter(w->c, KEY_ORPHAN, &it);

	if (r < 0)
		return r;
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		if (tt_iter_key(it).len == 9)
			check_orphan_row(w, tt_iter_key(it), tt_iter_value(it));
		else
			check_wrong(w->c, "an O key of unknown layout");
	}
	tt_iter_free(it);
	return r == TT_END ? 0 : r;
}

static int read_mark(struct walk *w)
{
	struct schema_fact f = { 0 };
	struct tt_pinned p;
	struct schema_key k;
	int r = pin(w->c, key_fact(&k, FACT_INO), &p);

	if (r < 0)
		return r;
	if (r == 0 && p.value.len == sizeof(f))
		memcpy(&f, p.value.data, sizeof(f));
	else
		check_wrong(w->c, "the inode mark is missing");
	tt_unpin(&p);
	w->ino_mark = le64_get(f.value);
	r = pin(w->c, key_inode(&k, TREE_ROOT), &p);
	if (r == TT_NOTFOUND)
		check_wrong(w->c, "the root has no row");
	tt_unpin(&p);
	return r < 0 ? r : 0;
}

int tree_check(struct tt *db, void (*fn)(void *arg, const char *text),
	       void *arg)
{
	struct checker c = { .db = db, .fn = fn, .arg = arg };
	struct walk w = { .c = &c };
	int r = tt_snapshot_new(db, &c.snap);

	if (r < 0)
		return r;
	r = read_mark(&w);
	if (r == 0)
		r = check_iter(&c, KEY_ENTRY, &w.entries);
	if (r == 0)
		r = settle(&w, tt_iter_first(w.entries));
	if (r == 0)
		r = walk_inodes(&w);
	if (r == 0)
		r = walk_orphans(&w);
	tt_iter_free(w.entries);
	if (r == 0)
		r = check_counts(&c);
	tt_snapshot_free(db, c.snap);
	return r < 0 ? r : c.n_wrong;
}
