/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "tree/acl.h"
#include "tree/acl_rows.h"
#include "tree/dir.h"
#include "tree/tree_check.h"

/* Inodes counted at a time. */
#define WINDOW 65536u

/* What the rows under an inode's number come to. */
struct facts {
	uint64_t ino;
	uint64_t n_blocks;
	uint64_t end_block; /* behind the last one */
	uint32_t n_xattrs;
	uint32_t n_names; /* entries that link to it */
	uint32_t nlink;	  /* of a file with a row of its own, else 0 */
	bool was_seen;	  /* a row that holds the inode */
	bool has_acl;	  /* an access ACL, and the mode that agrees with it */
	bool has_bad_acl; /* something under the name of one */
	uint32_t acl_mode;
};

/* The facts of all inodes lo..hi that have any, by rising number. */
struct window {
	uint64_t lo, hi;
	struct facts *f;
	size_t n;
};

/* A stream of rows sorted by inode number. */
struct stream {
	struct tt_iter *it;
	uint64_t ino; /* of the current row; UINT64_MAX at the end */
	struct tt_slice rest;
};

static int stream_settle(struct stream *s, int r)
{
	enum schema_kind kind;

	s->ino = UINT64_MAX;
	if (r)
		return r == TT_END ? 0 : r;
	if (!key_parse(tt_iter_key(s->it), &kind, &s->ino, &s->rest))
		return err_set(TT_ECORRUPT, "a key of unknown layout");
	return 0;
}

static int stream_next(struct stream *s)
{
	return stream_settle(s, tt_iter_next(s->it));
}

/* ---- counting --------------------------------------------------------- */

enum { BLOCKS, XATTRS, INODES, N_STREAMS };

static int count_blocks(struct stream *s, struct facts *f)
{
	int r = 0;

	while (r == 0 && s->ino == f->ino) {
		f->n_blocks++;
		f->end_block = key_rest_block(s->rest) + 1;
		r = stream_next(s);
	}
	return r;
}

static void note_acl(struct tt_slice row, enum acl_kind kind, struct facts *f)
{
	const size_t head = sizeof(struct schema_xattr);

	if (row.len < head || acl_check(slice_skip(row, head)) < 0) {
		f->has_bad_acl = true;
	} else if (kind == ACL_ACCESS) {
		f->has_acl = true;
		f->acl_mode = acl_mode(slice_skip(row, head));
	}
}

static int count_xattrs(struct stream *s, struct facts *f)
{
	int r = 0;

	while (r == 0 && s->ino == f->ino) {
		enum acl_kind kind = acl_kind_of(s->rest);

		f->n_xattrs++;
		if (kind != ACL_NONE)
			note_acl(tt_iter_value(s->it), kind, f);
		r = stream_next(s);
	}
	return r;
}

static int note_links(struct stream *s, struct facts *f)
{
	struct inode_state st;
	int r;

	if (s->ino != f->ino)
		return 0;
	r = inode_rec_decode(tt_iter_value(s->it), 0, HOME_INODE, 0, &st, NULL);
	if (r == 0 && !state_is_dir(&st))
		f->nlink = st.nlink;
	return stream_next(s);
}

static bool has_facts(const struct facts *f)
{
	return f->n_blocks || f->n_xattrs || f->nlink;
}

static int fill_window(struct stream *s, struct window *w)
{
	int r = 0;

	w->n = 0;
	w->hi = UINT64_MAX;
	while (r == 0) {
		struct facts f = { .ino = UINT64_MAX };

		for (int i = 0; i < N_STREAMS; i++)
			f.ino = MIN_OF(f.ino, s[i].ino);
		if (f.ino == UINT64_MAX)
			break;
		r = count_blocks(&s[BLOCKS], &f);
		if (r == 0)
			r = count_xattrs(&s[XATTRS], &f);
		if (r == 0)
			r = note_links(&s[INODES], &f);
		if (has_facts(&f))
			w->f[w->n++] = f;
		if (w->n == WINDOW) {
			w->hi = f.ino;
			break;
		}
	}
	return r;
}

/* ---- comparing -------------------------------------------------------- */

static struct facts *find_facts(const struct window *w, uint64_t ino)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (w->f[mid].ino < ino)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->n && w->f[lo].ino == ino ? &w->f[lo] : NULL;
}

static void compare(struct checker *c, const struct window *w,
		    const struct inode_state *st)
{
	static const struct facts none;
	struct facts *f = find_facts(w, st->ino);
	const struct facts *is = f ? f : &none;

	if (st->ino < w->lo || st->ino > w->hi)
		return;
	if (f && f->was_seen)
		check_wrong(c, "inode %" PRIu64 " is held by two rows",
			    st->ino);
	if (f)
		f->was_seen = true;
	/* an orphan may be half removed: its row goes last */
	if (st->home == HOME_ORPHAN && is->n_blocks <= st->n_blocks &&
	    is->n_xattrs <= st->n_xattrs)
		return;
	if (st->n_blocks != is->n_blocks)
		check_wrong(c,
			    "inode %" PRIu64 " counts %" PRIu64
			    " blocks, %" PRIu64 " are stored",
			    st->ino, st->n_blocks, is->n_blocks);
	if (st->n_xattrs != is->n_xattrs)
		check_wrong(c,
			    "inode %" PRIu64 " counts %" PRIu32
			    " attributes, %" PRIu32 " are stored",
			    st->ino, st->n_xattrs, is->n_xattrs);
	if (is->has_bad_acl)
		check_wrong(c, "inode %" PRIu64 " has an ACL that is none",
			    st->ino);
	if (is->has_acl && is->acl_mode != (st->mode & 0777))
		check_wrong(c,
			    "inode %" PRIu64
			    " has mode %03o, its ACL says %03o",
			    st->ino, st->mode & 0777, is->acl_mode);
	if (!st->n_trims && is->end_block > state_n_slots(st))
		check_wrong(c, "inode %" PRIu64 " has blocks behind its end",
			    st->ino);
}

/* Compares every inode that the rows of a kind hold, and counts links. */
static int compare_kind(struct checker *c, struct window *w,
			enum schema_kind kind, enum inode_home home)
{
	struct stream s;
	int r = check_iter(c, kind, &s.it);

	if (r < 0)
		return r;
	r = stream_settle(&s, tt_iter_first(s.it));
	while (r == 0 && s.ino != UINT64_MAX) {
		struct tt_slice row = tt_iter_value(s.it);
		struct inode_state st;
		struct facts *f;
		uint32_t type;
		uint64_t ino;

		/* rows that do not decode were reported by the walk */
		if (entry_row_is_inode(row)) {
			if (inode_rec_decode(row, 0, home, s.ino, &st, NULL) ==
			    0)
				compare(c, w, &st);
		} else if (kind == KEY_ENTRY &&
			   link_rec_decode(row, &ino, &type) == 0) {
			f = find_facts(w, ino);
			if (f)
				f->n_names++;
		}
		r = stream_next(&s);
	}
	tt_iter_free(s.it);
	return r;
}

static void report_rest(struct checker *c, const struct window *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct facts *f = &w->f[i];

		if (!f->was_seen)
			check_wrong(c,
				    "%" PRIu64 " blocks and %" PRIu32
				    " attributes belong to inode %" PRIu64
				    ", which is nowhere",
				    f->n_blocks, f->n_xattrs, f->ino);
		else if (f->nlink && f->nlink != f->n_names)
			check_wrong(c,
				    "inode %" PRIu64 " counts %" PRIu32
				    " links, %" PRIu32 " entries name it",
				    f->ino, f->nlink, f->n_names);
	}
}

static int compare_all(struct checker *c, struct window *w)
{
	int r = compare_kind(c, w, KEY_ENTRY, HOME_ENTRY);

	if (r == 0)
		r = compare_kind(c, w, KEY_INODE, HOME_INODE);
	if (r == 0)
		r = compare_kind(c, w, KEY_ORPHAN, HOME_ORPHAN);
	if (r == 0)
		report_rest(c, w);
	return r;
}

static int open_streams(struct checker *c, struct stream *s)
{
	static const enum schema_kind kinds[N_STREAMS] = {
		[BLOCKS] = KEY_BLOCK,
		[XATTRS] = KEY_XATTR,
		[INODES] = KEY_INODE,
	};
	int r = 0;

	for (int i = 0; r == 0 && i < N_STREAMS; i++) {
		r = check_iter(c, kinds[i], &s[i].it);
		if (r == 0)
			r = stream_settle(&s[i], tt_iter_first(s[i].it));
	}
	return r;
}

int check_counts(struct checker *c)
{
	struct stream s[N_STREAMS] = { 0 };
	struct window w = { .hi = 0 };
	int r = open_streams(c, s);

	w.f = malloc(WINDOW * sizeof(*w.f));
	if (!w.f)
		r = err_nomem("a check");
	while (r == 0 && w.hi != UINT64_MAX) {
		w.lo = w.n ? w.hi + 1 : 0;
		r = fill_window(s, &w);
		if (r == 0)
			r = compare_all(c, &w);
	}
	for (int i = 0; i < N_STREAMS; i++)
		tt_iter_free(s[i].it);
	free(w.f);
	return r;
}
