/* SPDX-License-Identifier: MIT */
/*
 * The visible state over an internal cursor.
 *
 * Going forward the cursor stands on the current record. Its key is copied
 * before each step, since the step invalidates it, and versions of that key
 * are passed over; many of them by a search. Going back the cursor runs
 * ahead: versions come oldest first, so the newest visible one is known only
 * when the next key (or a version too new) is reached; key and value are
 * copied meanwhile.
 *
 * Merge records are gathered from the newest visible one to the value under
 * them; the cursor then goes on behind the key (going back: before it).
 *
 * A move counts the deleted keys that it passes. From the second on it asks
 * now and then for a gap (gaps.h) to jump over; at its end it tells of what
 * it passed, if that was much.
 */
#include "lsm/user_iter.h"

#include "base/assert.h"
#include "lsm/gaps.h"
#include "lsm/value_read.h"
#include "tt_errors.h"

/* Steps over versions of one key before a search is cheaper. */
#define STEPS_MAX 8
/* Deleted keys passed until a move asks for a gap, and at the latest between
 * two times that it asks; in between at powers of two. */
#define ASKS_FROM 2
#define ASKS_EVERY 64
/* Larger copies are not kept from one position to the next. */
#define KEEP_BYTES ((size_t)64 << 10)

void user_iter_init(struct user_iter *u, const struct merge_function *fn)
{
	*u = (struct user_iter){ .state = USER_ITER_NONE };
	merge_chain_init(&u->chain, fn);
}

void user_iter_set_gaps(struct user_iter *u, struct gaps *g)
{
	u->gaps = g;
}

void user_iter_set_values(struct user_iter *u, struct value_log *values)
{
	u->values = values;
}

void user_iter_set_verify(struct user_iter *u, bool on)
{
	u->verifies_values = on;
}

void user_iter_fini(struct user_iter *u)
{
	rec_iter_free(u->in);
	u->in = NULL;
	buf_fini(&u->key);
	buf_fini(&u->value);
	buf_fini(&u->edge);
	buf_fini(&u->jump);
	buf_fini(&u->lower);
	buf_fini(&u->upper);
	buf_fini(&u->separated);
	merge_chain_fini(&u->chain);
	u->state = USER_ITER_NONE;
}

int user_iter_set_bounds(struct user_iter *u, struct tt_slice lower,
			 struct tt_slice upper)
{
	int r;

	u->state = USER_ITER_NONE;
	r = buf_set(&u->lower, lower);
	return r < 0 ? r : buf_set(&u->upper, upper);
}

void user_iter_set_source(struct user_iter *u, struct rec_iter *in,
			  int64_t as_of)
{
	rec_iter_free(u->in);
	u->in = in;
	u->as_of = as_of;
	u->state = USER_ITER_NONE;
	buf_shrink(&u->value, KEEP_BYTES);
}

void user_iter_restart(struct user_iter *u, int64_t as_of)
{
	u->as_of = as_of;
	u->state = USER_ITER_NONE;
}

void user_iter_set_keys_only(struct user_iter *u, bool on)
{
	u->keys_only = on;
	u->keeps_pointers = false;
	u->state = USER_ITER_NONE;
}

void user_iter_set_pointers_only(struct user_iter *u)
{
	user_iter_set_keys_only(u, true);
	u->keeps_pointers = true;
}

/* True when a value of that kind shows. */
static ALWAYS_INLINE bool shows_value(const struct user_iter *u, uint8_t kind)
{
	return !u->keys_only || (u->keeps_pointers && kind == RECORD_POINTER);
}

void user_iter_rest(struct user_iter *u, size_t keep)
{
	u->state = USER_ITER_NONE;
	merge_chain_reset(&u->chain);
	buf_shrink(&u->key, keep);
	buf_shrink(&u->value, keep);
	buf_shrink(&u->edge, keep);
	buf_shrink(&u->jump, keep);
	buf_shrink(&u->lower, keep);
	buf_shrink(&u->upper, keep);
	buf_shrink(&u->separated, keep);
}

/* Ends a move that found nothing or failed. */
static int lose(struct user_iter *u, int r)
{
	u->state = USER_ITER_NONE;
	return r;
}

static ALWAYS_INLINE bool is_beyond(const struct user_iter *u,
				    struct tt_slice key)
{
	return u->upper.len && key_cmp(key, buf_slice(&u->upper)) >= 0;
}

static ALWAYS_INLINE bool is_under(const struct user_iter *u,
				   struct tt_slice key)
{
	return u->lower.len && key_cmp(key, buf_slice(&u->lower)) < 0;
}

static ALWAYS_INLINE int keep_key(struct user_iter *u, struct tt_slice key)
{
	if (unlikely(key.data ==
		     u->key.data)) /* the current key, kept already */
		return 0;
	buf_clear(&u->key);
	return buf_append(&u->key, key.data, key.len);
}

/* ---- merge records -------------------------------------------------------- */

/* Gathers the versions of the kept key from the cursor's record, a merge
 * record; 0, or TT_END when the cursor ran off. *has_base: the cursor stands
 * on the value under them. */
static int gather(struct user_iter *u, bool *has_base)
{
	struct rec_iter *in = u->in;
	int r;

	merge_chain_reset(&u->chain);
	do {
		r = merge_chain_push(&u->chain, in->rec.value);
		if (r == 0)
			r = rec_iter_next(in);
	} while (r == 0 && in->rec.kind == RECORD_MERGE &&
		 key_eq(in->rec.key, buf_slice(&u->key)));
	*has_base = r == 0 && !record_is_deletion(&in->rec) &&
		    key_eq(in->rec.key, buf_slice(&u->key));
	return r;
}

/* The value under the merge records; on failure the entry is shown without
 * one. */
static int read_base(struct user_iter *u, struct tt_slice *base)
{
	*base = u->in->rec.value;
	if (u->in->rec.kind != RECORD_POINTER)
		return 0;
	u->value_error = value_resolve(u->values, buf_slice(&u->key), *base,
				       u->verifies_values, &u->separated);
	*base = buf_slice(&u->separated);
	return u->value_error;
}

/* The same, into u->value and u->cur. */
static int merge_kept_key(struct user_iter *u)
{
	int64_t ts = u->in->rec.ts;
	struct tt_slice base = SLICE_EMPTY;
	bool has_base;
	int r;

	u->cur = (struct record){ buf_slice(&u->key), SLICE_EMPTY, ts,
				  RECORD_VALUE };
	if (u->keys_only)
		return 0;
	r = gather(u, &has_base);
	if (r < 0)
		return r;
	if (has_base && read_base(u, &base) < 0) {
		u->cur.kind = RECORD_MERGE;
		buf_clear(&u->value);
		return 0;
	}
	r = merge_chain_resolve(&u->chain, buf_slice(&u->key),
				has_base ? &base : NULL, &u->value);
	merge_chain_reset(&u->chain);
	u->cur = (struct record){ buf_slice(&u->key), buf_slice(&u->value), ts,
				  RECORD_VALUE };
	return r;
}

/* ---- deleted keys --------------------------------------------------------- */

/* `key` with a zero behind it, the next key there can be, in *out. */
static int set_behind(struct buf *out, struct tt_slice key)
{
	int r = buf_set(out, key);

	return r < 0 ? r : buf_append(out, "", 1);
}

/*
 * Counts the kept key as deleted, at `ts`. 1 when it lies in a gap whose end is in
 * u->jump now, 0 when not, < 0.
 */
static int count_dead(struct user_iter *u, int64_t ts, bool is_forward)
{
	uint64_t n = ++u->n_dead;
	int r = 0;

	u->n_passed++;
	u->n_fresh += ts > u->fresh_after;
	if (!u->gaps || n < ASKS_FROM || (n & (n - 1) && n % ASKS_EVERY))
		return 0;
	if (!u->has_edge)
		r = is_forward ? buf_set(&u->edge, buf_slice(&u->key))
			       : set_behind(&u->edge, buf_slice(&u->key));
	u->has_edge = true;
	if (r < 0 || !gaps_exist(u->gaps))
		return r;
	r = gaps_end(u->gaps, buf_slice(&u->key), u->as_of, is_forward,
		     &u->jump);
	u->n_jumps += r > 0;
	return r;
}

static ALWAYS_INLINE bool has_finding(const struct user_iter *u)
{
	return u->n_dead >= GAP_LEAST_KEYS && u->gaps;
}

/* From the edge up to `end`, or up to the kept key and past it. */
static void tell_forward(struct user_iter *u, const struct tt_slice *end)
{
	if (!end && set_behind(&u->jump, buf_slice(&u->key)) < 0)
		return;
	gaps_found(u->gaps, buf_slice(&u->edge),
		   end ? *end : buf_slice(&u->jump), u->as_of, u->n_dead);
}

/* A move ends that passed deleted keys or looked for gaps. */
static ALWAYS_INLINE void forget_dead(struct user_iter *u)
{
	u->n_dead = 0;
	u->has_edge = false;
}

static NOINLINE void end_forward(struct user_iter *u,
				 const struct tt_slice *end)
{
	if (has_finding(u))
		tell_forward(u, end);
	forget_dead(u);
}

/* From the edge down to the kept key; `is_live`: that is the end. */
static void tell_reverse(struct user_iter *u, bool is_live)
{
	struct tt_slice low = buf_slice(&u->key);

	if (is_live) {
		if (set_behind(&u->jump, low) < 0)
			return;
		low = buf_slice(&u->jump);
	}
	gaps_found(u->gaps, low, buf_slice(&u->edge), u->as_of, u->n_dead);
}

/* ---- forward ------------------------------------------------------------ */

/* From a record of the kept key: past all its versions. */
static int skip_key(struct user_iter *u)
{
	struct tt_slice key = buf_slice(&u->key);
	int r = rec_iter_next(u->in);

	for (int i = 1; r == 0 && key_eq(u->in->rec.key, key); i++) {
		if (i == STEPS_MAX)
			return rec_iter_seek(u->in, key, TS_OLDEST);
		r = rec_iter_next(u->in);
	}
	return r;
}

/* To the newest visible version of the key under the cursor, or past all of
 * them when there is none. */
static int skip_newer(struct user_iter *u)
{
	int r = keep_key(u, u->in->rec.key);

	for (int i = 1; r == 0; i++) {
		r = i == STEPS_MAX
			    ? rec_iter_seek(u->in, buf_slice(&u->key), u->as_of)
			    : rec_iter_next(u->in);
		if (r != 0 || u->in->rec.ts <= u->as_of ||
		    !key_eq(u->in->rec.key, buf_slice(&u->key)))
			break;
	}
	return r;
}

/* Shows the merge record under the cursor as a value. Whatever lies under it,
 * the key has one. */
static NOINLINE int show_merged(struct user_iter *u)
{
	int r;

	if (u->keys_only) {
		u->cur = u->in->rec;
		u->cur.value = SLICE_EMPTY;
		u->state = USER_ITER_FORWARD;
		return 0;
	}
	r = keep_key(u, u->in->rec.key);
	if (r == 0)
		r = merge_kept_key(u);
	if (r == 0)
		r = rec_iter_seek(u->in, buf_slice(&u->key), TS_OLDEST);
	if (r < 0)
		return lose(u, r);
	u->in_at_end = r == TT_END;
	u->state = USER_ITER_PAST;
	return 0;
}

/* The cursor stands on a deletion: goes past its key, or further. */
static NOINLINE int pass_dead(struct user_iter *u)
{
	int r = keep_key(u, u->in->rec.key);

	if (r == 0)
		r = count_dead(u, u->in->rec.ts, true);
	if (r > 0)
		return rec_iter_seek(u->in, buf_slice(&u->jump), TS_NEWEST);
	return r < 0 ? r : skip_key(u);
}

/* Nothing is left to show, or the move failed. */
static NOINLINE int lose_forward(struct user_iter *u, int r)
{
	if (r == TT_END && has_finding(u))
		tell_forward(u, NULL);
	forget_dead(u);
	return lose(u, r);
}

/* The cursor's move returned `r`: goes on to the first record to show. */
static ALWAYS_INLINE int settle_forward(struct user_iter *u, int r)
{
	bool has_passed = false;

	while (r == 0) {
		const struct record *rec = &u->in->rec;

		if (unlikely(is_beyond(u, rec->key)))
			return lose_forward(u, TT_END);
		if (unlikely(rec->ts > u->as_of)) {
			r = skip_newer(u);
			continue;
		}
		if (unlikely(rec->kind != RECORD_VALUE &&
			     record_is_deletion(rec))) {
			r = pass_dead(u);
			has_passed = true;
			continue;
		}
		if (unlikely(has_passed))
			end_forward(u, &rec->key);
		if (unlikely(rec->kind == RECORD_MERGE))
			return show_merged(u);
		u->cur = *rec;
		if (!shows_value(u, rec->kind))
			u->cur.value = SLICE_EMPTY;
		u->state = USER_ITER_FORWARD;
		return 0;
	}
	return lose_forward(u, r);
}

/* To the edge, and if that lies in a gap to the end of it. */
static int seek_edge(struct user_iter *u, int64_t ts)
{
	struct tt_slice edge = buf_slice(&u->edge);
	int r = 0;

	if (unlikely(u->gaps && gaps_exist(u->gaps)))
		r = gaps_end(u->gaps, edge, u->as_of, true, &u->jump);
	if (r == 0)
		return edge.len ? rec_iter_seek(u->in, edge, ts)
				: rec_iter_first(u->in);
	u->n_jumps++;
	return r < 0 ? r : rec_iter_seek(u->in, buf_slice(&u->jump), TS_NEWEST);
}

/* Goes on from the edge, which the caller has set (`r`: with that result). */
static int search_forward(struct user_iter *u, int r, int64_t ts)
{
	u->has_edge = true;
	r = settle_forward(u, r < 0 ? r : seek_edge(u, ts));
	u->has_edge = false;
	return r;
}

int user_iter_first(struct user_iter *u)
{
	return search_forward(u, buf_set(&u->edge, buf_slice(&u->lower)),
			      TS_NEWEST);
}

int user_iter_seek(struct user_iter *u, struct tt_slice key)
{
	/* A copy: the key may be one that this cursor has shown. */
	int r = buf_set(&u->edge,
			is_under(u, key) ? buf_slice(&u->lower) : key);

	/* Straight to the newest visible version of the key itself. */
	return search_forward(u, r, u->as_of);
}

int user_iter_next(struct user_iter *u)
{
	int r;

	assert(u->state != USER_ITER_NONE);
	if (unlikely(u->state == USER_ITER_REVERSE))
		return settle_forward(
			u, rec_iter_seek(u->in, buf_slice(&u->key), TS_OLDEST));
	if (unlikely(u->state == USER_ITER_PAST))
		return settle_forward(u, u->in_at_end ? TT_END : 0);
	r = keep_key(u, u->cur.key);
	return unlikely(r < 0) ? lose(u, r) : settle_forward(u, skip_key(u));
}

/* ---- back --------------------------------------------------------------- */

/* Keeps the version under the cursor as the current one. */
static int take_version(struct user_iter *u)
{
	const struct record *rec = &u->in->rec;

	u->cur.ts = rec->ts;
	u->cur.kind = rec->kind;
	return (rec->kind == RECORD_VALUE || rec->kind == RECORD_POINTER) &&
			       shows_value(u, rec->kind)
		       ? buf_set(&u->value, rec->value)
		       : 0;
}

/* The newest visible version of the kept key is a merge record. */
static NOINLINE int take_merged(struct user_iter *u)
{
	int r = rec_iter_seek(u->in, buf_slice(&u->key), u->as_of);

	if (r == 0)
		r = merge_kept_key(u);
	if (r == 0)
		r = rec_iter_seek_for_prev(u->in, buf_slice(&u->key),
					   TS_NEWEST);
	u->in_at_end = r == TT_END;
	return r < 0 ? r : 1;
}

/*
 * The cursor stands on the oldest version of a key: goes before all its
 * versions, keeping the newest visible one. 1 when there is one to show, 0
 * when not, < 0.
 */
static int take_versions(struct user_iter *u)
{
	struct rec_iter *in = u->in;
	bool is_live = false;
	int r = keep_key(u, in->rec.key);

	u->in_at_end = false;
	for (int i = 1; r == 0 && in->rec.ts <= u->as_of; i++) {
		if (i == STEPS_MAX) /* there is one: this one is visible */
			r = rec_iter_seek(in, buf_slice(&u->key), u->as_of);
		if (r == 0)
			r = take_version(u);
		is_live = !record_is_deletion(&u->cur);
		if (r < 0 || i == STEPS_MAX)
			break;
		r = rec_iter_prev(in);
		if (r == 0 && !key_eq(in->rec.key, buf_slice(&u->key)))
			return is_live;
	}
	/* Versions that are too new, or many, are passed by a search. */
	if (r == 0)
		r = rec_iter_seek_for_prev(in, buf_slice(&u->key), TS_NEWEST);
	u->in_at_end = r == TT_END;
	return r < 0 ? r : is_live;
}

static int take_key(struct user_iter *u)
{
	int r = take_versions(u);

	if (r > 0 && unlikely(u->cur.kind == RECORD_MERGE) && !u->keys_only)
		return take_merged(u);
	return r;
}

/* The kept key is deleted, and the cursor stands before it, or further. */
static int pass_dead_reverse(struct user_iter *u)
{
	int r = count_dead(u, u->cur.ts, false);

	if (r <= 0)
		return r < 0 ? r : u->in_at_end ? TT_END : 0;
	r = rec_iter_seek_for_prev(u->in, buf_slice(&u->jump), TS_NEWEST);
	u->in_at_end = r == TT_END;
	return r;
}

static int show_reverse(struct user_iter *u)
{
	if (unlikely(has_finding(u)))
		tell_reverse(u, true);
	forget_dead(u);
	u->cur.key = buf_slice(&u->key);
	u->cur.value = shows_value(u, u->cur.kind) ? buf_slice(&u->value)
						   : SLICE_EMPTY;
	u->state = USER_ITER_REVERSE;
	return 0;
}

static int settle_reverse(struct user_iter *u, int r)
{
	while (r == 0) {
		if (is_under(u, u->in->rec.key)) {
			r = TT_END;
			break;
		}
		r = take_key(u);
		if (r > 0)
			return show_reverse(u);
		if (r == 0)
			r = pass_dead_reverse(u);
	}
	if (r == TT_END && has_finding(u))
		tell_reverse(u, false);
	forget_dead(u);
	return lose(u, r);
}

int user_iter_last(struct user_iter *u)
{
	/* No record has the timestamp TS_NEWEST: the upper key stays out. */
	return settle_reverse(
		u, u->upper.len
			   ? rec_iter_seek_for_prev(u->in, buf_slice(&u->upper),
						    TS_NEWEST)
			   : rec_iter_last(u->in));
}

int user_iter_seek_for_prev(struct user_iter *u, struct tt_slice key)
{
	int r;

	if (is_beyond(u, key))
		return user_iter_last(u);
	r = buf_set(&u->key, key);
	if (r == 0)
		r = rec_iter_seek_for_prev(u->in, buf_slice(&u->key),
					   TS_OLDEST);
	return settle_reverse(u, r);
}

int user_iter_prev(struct user_iter *u)
{
	int r;

	assert(u->state != USER_ITER_NONE);
	if (u->state == USER_ITER_REVERSE)
		return u->in_at_end ? lose(u, TT_END) : settle_reverse(u, 0);
	r = keep_key(u, u->cur.key);
	if (r < 0)
		return lose(u, r);
	return settle_reverse(u, rec_iter_seek_for_prev(
					 u->in, buf_slice(&u->key), TS_NEWEST));
}
