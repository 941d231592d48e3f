/* SPDX-License-Identifier: MIT */
/*
 * Keys in memcmp order of the full path. A directory's rows come in the order
 * of names, which differs where a name continues another: "a-b" sorts before
 * "a/c", though "a" sorts before "a-b". A directory's keys stand where its
 * name followed by a slash would.
 *
 * Forward, a directory that was met is therefore pending until the siblings
 * have passed that place. All that are pending at one time are prefixes of
 * the name met last, so they are kept as lengths. Backward, the place is
 * passed before the name is met: whenever a name continues others by a byte
 * below the slash, those are looked up, and entered first if they are
 * directories.
 *
 * One iterator serves all levels; what a level needs to go on is the name it
 * met last.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "tree/dir.h"
#include "tree/schema_key.h"
#include "tree/tree_priv.h"
#include "tree/value.h"

struct pending {
	uint64_t ino;
	size_t len; /* of its name, a prefix of the level's last */
};

struct level {
	uint64_t ino;
	size_t path_len; /* of the directory's path and slash */
	uint8_t last[TREE_NAME_MAX];
	size_t last_len;
	bool has_last;	   /* some name was met, or is the bound */
	bool is_inclusive; /* `last` itself is still to be met (a bound) */
	bool is_bound;	   /* `last` is a bound, not a name that was met */
	/* forward */
	struct pending *pending;
	size_t n_pending, cap_pending;
	/* backward: `last` was met, but its prefixes come first */
	bool is_held;
	bool was_entered; /* `last` is a directory that was entered before */
	size_t next_prefix;
};

struct tree_scan {
	/* constant */
	struct tree *t;
	struct buf lower, upper;
	bool is_reverse;

	struct tt_snapshot *snap;
	struct tt_iter *it;
	bool is_on_last; /* `it` is on the top level's last name */
	bool is_done;
	struct buf path; /* of the top level, and of the item */
	struct level *levels;
	size_t n_levels, cap_levels;
	struct value value; /* of the current item */
	bool has_value;
};

void tree_scan_prefix(struct tt_slice prefix, void *buf, struct tt_slice *upper)
{
	uint8_t *b = buf;
	size_t n = prefix.len;

	if (n)
		memcpy(b, prefix.data, n);
	while (n && b[n - 1] == 0xff)
		n--;
	if (n)
		b[n - 1]++;
	*upper = SLICE(b, n);
}

/* ---- levels ----------------------------------------------------------- */

static struct level *top(struct tree_scan *s)
{
	return &s->levels[s->n_levels - 1];
}

static struct tt_slice last_name(const struct level *l)
{
	return SLICE(l->last, l->last_len);
}

static void set_last(struct level *l, struct tt_slice name)
{
	l->last_len = MIN_OF(name.len, (size_t)TREE_NAME_MAX);
	memcpy(l->last, name.data, l->last_len);
	l->has_last = true;
	l->is_inclusive = false;
	l->is_bound = false;
}

/* An entry's number, when it is a directory in the scan's state: 0, or
 * TT_NOTFOUND. */
static int find_dir(struct tree_scan *s, uint64_t parent, struct tt_slice name,
		    uint64_t *ino)
{
	struct tt_read_options ro = { .snapshot = s->snap };
	struct tt_pinned pin = { 0 };
	struct schema_key k;
	uint32_t mode;
	int r;

	r = tt_get_pinned(s->t->db, &ro, key_entry(&k, parent, name), &pin);
	if (r)
		return r;
	r = dir_row_decode(pin.value, ino, &mode);
	tt_unpin(&pin);
	if (r < 0)
		return r;
	return S_ISDIR(mode) ? 0 : TT_NOTFOUND;
}

static int add_pending(struct level *l, size_t len, uint64_t ino)
{
	if (l->n_pending == l->cap_pending) {
		size_t cap = l->cap_pending ? 2 * l->cap_pending : 4;
		struct pending *p =
			realloc(l->pending, cap * sizeof(*l->pending));

		if (!p)
			return err_nomem("a scan");
		l->pending = p;
		l->cap_pending = cap;
	}
	l->pending[l->n_pending++] = (struct pending){ ino, len };
	return 0;
}

/* What of a bound lies in the top level's directory; empty: nothing. */
static struct tt_slice bound_here(const struct tree_scan *s,
				  const struct buf *bound)
{
	if (!slice_has_prefix(buf_slice(bound), buf_slice(&s->path)))
		return SLICE_EMPTY;
	return slice_skip(buf_slice(bound), s->path.len);
}

/* Starts the level at the lower bound. */
static int start_forward(struct tree_scan *s, struct level *l)
{
	struct tt_slice c = bound_here(s, &s->lower);
	const uint8_t *slash = c.len ? memchr(c.data, '/', c.len) : NULL;
	const uint8_t *b = c.data;

	if (slash)
		c.len = (size_t)(slash - b);
	if (c.len == 0)
		return 0;
	set_last(l, c);
	l->is_bound = true;
	l->is_inclusive = c.len <= TREE_NAME_MAX;
	/* directories before the bound whose place is behind it */
	for (size_t k = 1; k < c.len && k <= TREE_NAME_MAX; k++) {
		uint64_t ino;
		int r;

		if (b[k] >= '/')
			continue;
		r = find_dir(s, l->ino, slice_first(c, k), &ino);
		if (r == 0)
			r = add_pending(l, k, ino);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Starts the level at the upper bound. */
static void start_backward(struct tree_scan *s, struct level *l)
{
	struct tt_slice c = bound_here(s, &s->upper);

	if (c.len == 0)
		return;
	set_last(l, c);
	l->is_bound = true;
	l->is_inclusive = c.len > TREE_NAME_MAX;
}

/* Goes down into a directory; the path ends in its name and a slash. */
static int push_level(struct tree_scan *s, uint64_t ino)
{
	struct level *l;

	if (s->n_levels == s->cap_levels) {
		size_t cap = s->cap_levels ? 2 * s->cap_levels : 8;
		struct level *p = realloc(s->levels, cap * sizeof(*p));

		if (!p)
			return err_nomem("a scan");
		s->levels = p;
		s->cap_levels = cap;
	}
	l = &s->levels[s->n_levels++];
	memset(l, 0, sizeof(*l));
	l->ino = ino;
	l->path_len = s->path.len;
	s->is_on_last = false;
	if (!s->is_reverse)
		return start_forward(s, l);
	start_backward(s, l);
	return 0;
}

static void pop_level(struct tree_scan *s)
{
	free(top(s)->pending);
	s->n_levels--;
	if (s->n_levels)
		buf_truncate(&s->path, top(s)->path_len);
	s->is_on_last = false;
}

/* Whether all of a directory's keys (`full` ends in its slash) lie below the
 * lower bound, or all at or above the upper. */
static bool is_below(const struct tree_scan *s, struct tt_slice full)
{
	return slice_cmp(full, buf_slice(&s->lower)) < 0 &&
	       !slice_has_prefix(buf_slice(&s->lower), full);
}

static bool is_above(const struct tree_scan *s, struct tt_slice key)
{
	return s->upper.len && slice_cmp(key, buf_slice(&s->upper)) >= 0;
}

/* Goes down into a directory of the top level, unless the bounds exclude it. */
static int enter(struct tree_scan *s, struct tt_slice name, uint64_t ino)
{
	size_t was = s->path.len;
	struct tt_slice full;
	int r;

	r = buf_append_slice(&s->path, name);
	if (r == 0)
		r = buf_append_byte(&s->path, '/');
	if (r < 0)
		return r;
	full = buf_slice(&s->path);
	if (full.len >= TREE_KEY_MAX) { /* nothing below has a key */
		buf_truncate(&s->path, was);
		return 0;
	}
	if (!is_below(s, full) && !is_above(s, full))
		return push_level(s, ino);
	/* keys come in order, so nothing can follow on the far side */
	s->is_done = s->is_reverse ? is_below(s, full) : is_above(s, full);
	buf_truncate(&s->path, was);
	return 0;
}

/* ---- siblings --------------------------------------------------------- */

/* 0 when `it` is on an entry of the level's directory, TT_END when not. */
static int check_place(struct tree_scan *s, int r, struct tt_slice *name)
{
	enum schema_kind kind;
	uint64_t ino;

	if (r)
		return r;
	if (!key_parse(tt_iter_key(s->it), &kind, &ino, name))
		return err_set(TT_ECORRUPT, "entry key of unknown layout");
	return ino == top(s)->ino ? 0 : TT_END;
}

static int seek_next(struct tree_scan *s, struct tt_slice *name)
{
	struct level *l = top(s);
	struct schema_key k;
	int r;

	if (s->is_on_last)
		return check_place(s, tt_iter_next(s->it), name);
	r = tt_iter_seek(s->it, key_entry(&k, l->ino, last_name(l)));
	r = check_place(s, r, name);
	if (r == 0 && l->has_last && !l->is_inclusive &&
	    slice_eq(*name, last_name(l)))
		r = check_place(s, tt_iter_next(s->it), name);
	return r;
}

static int seek_prev(struct tree_scan *s, struct tt_slice *name)
{
	struct level *l = top(s);
	struct schema_key k;
	int r;

	if (s->is_on_last)
		return check_place(s, tt_iter_prev(s->it), name);
	if (l->has_last)
		key_entry(&k, l->ino, last_name(l));
	else
		key_prefix_end(&k, KEY_ENTRY, l->ino);
	r = tt_iter_seek_for_prev(s->it, key_slice(&k));
	r = check_place(s, r, name);
	if (r == 0 && l->has_last && !l->is_inclusive &&
	    slice_eq(*name, last_name(l)))
		r = check_place(s, tt_iter_prev(s->it), name);
	return r;
}

/* Back onto the last name, after a level below it was done. */
static int seek_last(struct tree_scan *s)
{
	struct schema_key k;
	int r;

	if (s->is_on_last)
		return 0;
	r = tt_iter_seek(s->it, key_entry(&k, top(s)->ino, last_name(top(s))));
	s->is_on_last = r == 0;
	return r == TT_END ? err_set(TT_ECORRUPT, "a snapshot lost a row") : r;
}

/* ---- items ------------------------------------------------------------ */

/* The entry under the iterator as an item: 0, 1 when it is none (bounds, or
 * no file), < 0. */
static int make_item(struct tree_scan *s, struct tt_slice name,
		     struct tree_scan_item *out)
{
	struct tt_read_options ro = { .snapshot = s->snap };
	struct tt_slice key;
	int r = buf_append_slice(&s->path, name);

	if (r < 0)
		return r;
	key = buf_slice(&s->path);
	if (slice_cmp(key, buf_slice(&s->lower)) < 0) {
		s->is_done = s->is_reverse;
		return 1;
	}
	if (is_above(s, key)) {
		s->is_done = !s->is_reverse;
		return 1;
	}
	r = value_from_row(s->t->db, &ro, top(s)->ino, tt_iter_value(s->it),
			   tt_iter_ts(s->it), &s->value);
	if (r < 0)
		return r;
	s->has_value = true;
	if (!state_is_reg(&s->value.st) && !S_ISLNK(s->value.st.mode))
		return 1;
	out->key = key;
	state_attr(&s->value.st, &out->attr);
	return 0;
}

static void drop_item(struct tree_scan *s)
{
	if (s->has_value)
		value_fini(&s->value);
	s->has_value = false;
	if (s->n_levels)
		buf_truncate(&s->path, top(s)->path_len);
}

/* Whether a pending directory's place is before the sibling `name`. */
static bool is_due(const struct level *l, struct tt_slice name)
{
	size_t n = l->pending[l->n_pending - 1].len;

	return name.len <= n || memcmp(name.data, l->last, n) ||
	       slice_bytes(name)[n] > '/';
}

/* One step forward: 0 an item, 1 to step again, < 0. */
static int step_forward(struct tree_scan *s, struct tree_scan_item *out)
{
	struct level *l = top(s);
	struct tt_slice name = SLICE_EMPTY;
	uint32_t mode;
	uint64_t ino;
	int r = seek_next(s, &name);
	bool is_end = r == TT_END;

	if (r < 0)
		return r;
	if (l->n_pending && (is_end || is_due(l, name))) {
		struct pending p = l->pending[--l->n_pending];

		s->is_on_last = false;
		r = enter(s, SLICE(l->last, p.len), p.ino);
		return r < 0 ? r : 1;
	}
	if (is_end) {
		pop_level(s);
		return 1;
	}
	set_last(l, name);
	s->is_on_last = true;
	r = dir_row_decode(tt_iter_value(s->it), &ino, &mode);
	if (r < 0)
		return r;
	if (!S_ISDIR(mode))
		return make_item(s, name, out);
	r = add_pending(l, name.len, ino);
	return r < 0 ? r : 1;
}

/* Meets the sibling `name` after `last`, which is greater. */
static void hold(struct level *l, struct tt_slice name)
{
	struct tt_slice prev = last_name(l);
	size_t common = slice_common_prefix(prev, name);
	bool is_first = !l->has_last || l->is_bound;

	/* Prefixes shared with the name before were served with it. */
	l->next_prefix = 1;
	l->was_entered = false;
	if (!is_first) {
		bool was_below_slash =
			prev.len > common && slice_bytes(prev)[common] < '/';

		l->next_prefix = MAX_OF(common + was_below_slash, (size_t)1);
		l->was_entered = common == name.len && was_below_slash;
	}
	set_last(l, name);
	l->is_held = true;
}

/* Enters the next directory whose place is behind the held name; 0 when
 * there is none left, 1 when something was done. */
static int enter_prefixes(struct tree_scan *s)
{
	struct level *l = top(s);

	while (l->next_prefix < l->last_len) {
		size_t k = l->next_prefix++;
		uint64_t ino;
		int r;

		if (l->last[k] >= '/')
			continue;
		r = find_dir(s, l->ino, SLICE(l->last, k), &ino);
		if (r == TT_NOTFOUND)
			continue;
		if (r == 0)
			r = enter(s, SLICE(l->last, k), ino);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* The held name's own turn. */
static int take_held(struct tree_scan *s, struct tree_scan_item *out)
{
	struct level *l = top(s);
	uint32_t mode;
	uint64_t ino;
	int r = seek_last(s);

	if (r < 0)
		return r;
	l->is_held = false;
	r = dir_row_decode(tt_iter_value(s->it), &ino, &mode);
	if (r < 0)
		return r;
	if (!S_ISDIR(mode))
		return make_item(s, last_name(l), out);
	if (!l->was_entered)
		r = enter(s, last_name(l), ino);
	return r < 0 ? r : 1;
}

static int step_backward(struct tree_scan *s, struct tree_scan_item *out)
{
	struct level *l = top(s);
	struct tt_slice name;
	int r;

	if (l->is_held) {
		r = enter_prefixes(s);
		return r ? r : take_held(s, out);
	}
	r = seek_prev(s, &name);
	if (r == TT_END) {
		pop_level(s);
		return 1;
	}
	if (r < 0)
		return r;
	hold(l, name);
	s->is_on_last = true;
	return 1;
}

/* ---- the interface ---------------------------------------------------- */

int tree_scan_new(struct tree *t, const struct tree_scan_options *o,
		  struct tree_scan **out)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_kind(&lo, KEY_ENTRY),
		.upper = key_kind_end(&hi, KEY_ENTRY),
	};
	struct tree_scan *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem("a scan");
	s->t = t;
	s->is_reverse = o->reverse;
	r = buf_set(&s->lower, o->lower);
	if (r == 0)
		r = buf_set(&s->upper, o->upper);
	if (r == 0)
		r = tree_state_hold(t, &s->snap);
	io.snapshot = s->snap;
	if (r == 0)
		r = tt_iter_new(t->db, &io, &s->it);
	if (r == 0)
		r = push_level(s, TREE_ROOT);
	if (r < 0) {
		tree_scan_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void tree_scan_free(struct tree_scan *s)
{
	if (!s)
		return;
	drop_item(s);
	while (s->n_levels)
		pop_level(s);
	tt_iter_free(s->it);
	tree_state_drop(s->t, s->snap);
	buf_fini(&s->lower);
	buf_fini(&s->upper);
	buf_fini(&s->path);
	free(s->levels);
	free(s);
}

int tree_scan_next(struct tree_scan *s, struct tree_scan_item *out)
{
	int r = 1;

	while (r == 1) {
		drop_item(s);
		if (s->is_done || s->n_levels == 0)
			return TT_END;
		r = s->is_reverse ? step_backward(s, out)
				  : step_forward(s, out);
	}
	return r;
}

int tree_scan_value(struct tree_scan *s, uint64_t max,
		    int (*fn)(void *arg, struct tt_slice piece), void *arg)
{
	struct tt_read_options ro = { .snapshot = s->snap };

	if (!s->has_value)
		return err_set(-EINVAL, "the scan is on no item");
	return value_emit(s->t->db, &ro, &s->value, max, fn, arg);
}
