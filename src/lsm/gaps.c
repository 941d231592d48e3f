/* SPDX-License-Identifier: MIT */
/*
 * Invariants of gaps[0 .. n):
 * 1. lo < hi in each, and hi of each <= lo of the next.
 * 2. Every write with a timestamp above the published one of the moment when
 *    a piece came into being has been looked at by gaps_cut().
 */
#include "lsm/gaps.h"

#include <string.h>

#include "base/assert.h"
#include "lsm/record.h"

/* Timestamps are microseconds. The newest piece grows as long as it is younger
 * than this … */
#define GROWS_US 50000
/* … and pieces join when all readers of moments before them are probably
 * gone. */
#define JOINS_US 100000
/* How often a reader looks when the leader comes between. */
#define N_LOOKS 3

void gaps_init(struct gaps *g, void (*wake)(void *arg), void *arg)
{
	g->wake = wake;
	g->arg = arg;
	g->n = 0;
	g->evicted = 0;
	atomic_init(&g->seq, 0);
	atomic_init(&g->n_shown, 0);
	atomic_init(&g->mail, GAP_MAIL_EMPTY);
}

/* ---- keys ------------------------------------------------------------- */

static struct tt_slice slice_of(const struct gap_key *k)
{
	return SLICE(k->bytes, k->len);
}

static int cmp(const struct gap_key *a, const struct gap_key *b)
{
	return key_cmp(slice_of(a), slice_of(b));
}

/* An upper end may be cut: a prefix of it is smaller. */
static void set_hi(struct gap_key *k, struct tt_slice key)
{
	k->len = (uint32_t)MIN_OF(key.len, (size_t)GAP_KEY_MAX);
	if (k->len)
		memcpy(k->bytes, key.data, k->len);
}

static bool set_lo(struct gap_key *k, struct tt_slice key)
{
	set_hi(k, key);
	return k->len == key.len;
}

/* The least key above `key`. */
static bool set_lo_behind(struct gap_key *k, struct tt_slice key)
{
	if (key.len >= GAP_KEY_MAX)
		return false;
	set_hi(k, key);
	k->bytes[k->len++] = 0;
	return true;
}

/* ---- the copy --------------------------------------------------------- */

static void show_key(struct shown_key *to, const struct gap_key *from)
{
	uint64_t word;

	for (uint32_t at = 0; at < from->len; at += 8) {
		memcpy(&word, from->bytes + at, 8);
		atomic_store_explicit(&to->words[at / 8], word,
				      memory_order_release);
	}
	atomic_store_explicit(&to->len, from->len, memory_order_release);
}

/* After every change, before what it is for becomes visible. */
static void show(struct gaps *g)
{
	uint32_t seq = atomic_load_explicit(&g->seq, memory_order_relaxed);
	uint32_t n = 0;

	atomic_store_explicit(&g->seq, seq + 1, memory_order_relaxed);
	for (uint32_t i = 0; i < g->n; i++) {
		const struct gap *gap = &g->gaps[i];
		struct shown_gap *s = &g->shown[n];

		if (gap->from == GAP_WATCHED)
			continue;
		show_key(&s->lo, &gap->lo);
		show_key(&s->hi, &gap->hi);
		atomic_store_explicit(&s->from, gap->from,
				      memory_order_release);
		n++;
	}
	atomic_store_explicit(&g->n_shown, n, memory_order_release);
	atomic_store_explicit(&g->seq, seq + 2, memory_order_release);
}

/* Torn when the leader comes between, but never out of bounds. */
static void load_key(const struct shown_key *from, struct gap_key *to)
{
	uint64_t word;

	to->len = atomic_load_explicit(&from->len, memory_order_acquire);
	for (uint32_t at = 0; at < to->len; at += 8) {
		word = atomic_load_explicit(&from->words[at / 8],
					    memory_order_acquire);
		memcpy(to->bytes + at, &word, 8);
	}
}

static int64_t load_from(const struct shown_gap *s)
{
	return atomic_load_explicit(&s->from, memory_order_acquire);
}

/* How many of the pieces begin at or before `key`. */
static uint32_t shown_rank(const struct gaps *g, uint32_t n,
			   struct tt_slice key)
{
	uint32_t lo = 0, hi = n;
	struct gap_key k;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		load_key(&g->shown[mid].lo, &k);
		if (key_cmp(slice_of(&k), key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Pieces that touch are one stretch. */
static void follow_up(const struct gaps *g, uint32_t n, uint32_t i,
		      int64_t as_of, struct gap_key *end)
{
	struct gap_key lo;

	while (++i < n && load_from(&g->shown[i]) <= as_of) {
		load_key(&g->shown[i].lo, &lo);
		if (cmp(&lo, end) != 0)
			break;
		load_key(&g->shown[i].hi, end);
	}
}

static void follow_down(const struct gaps *g, uint32_t i, int64_t as_of,
			struct gap_key *end)
{
	struct gap_key hi;

	while (i-- > 0 && load_from(&g->shown[i]) <= as_of) {
		load_key(&g->shown[i].hi, &hi);
		if (cmp(&hi, end) != 0)
			break;
		load_key(&g->shown[i].lo, end);
	}
}

/* One look; what it says counts only if nothing changed meanwhile. */
static bool look(const struct gaps *g, struct tt_slice key, int64_t as_of,
		 bool is_forward, struct gap_key *end)
{
	uint32_t n = atomic_load_explicit(&g->n_shown, memory_order_acquire);
	uint32_t i = shown_rank(g, n, key);

	if (i-- == 0 || load_from(&g->shown[i]) > as_of)
		return false;
	load_key(&g->shown[i].hi, end);
	if (key_cmp(key, slice_of(end)) >= 0)
		return false;
	if (is_forward) {
		follow_up(g, n, i, as_of, end);
	} else {
		load_key(&g->shown[i].lo, end);
		follow_down(g, i, as_of, end);
	}
	return true;
}

int gaps_end(const struct gaps *g, struct tt_slice key, int64_t as_of,
	     bool is_forward, struct buf *end)
{
	struct gap_key k;

	for (int i = 0; i < N_LOOKS; i++) {
		uint32_t seq =
			atomic_load_explicit(&g->seq, memory_order_acquire);
		bool is_gap;
		int r;

		if (seq & 1)
			continue;
		is_gap = look(g, key, as_of, is_forward, &k);
		/* The loads before it are acquires: they come first. */
		if (atomic_load_explicit(&g->seq, memory_order_relaxed) != seq)
			continue;
		r = is_gap ? buf_set(end, slice_of(&k)) : 0;
		return r < 0 ? r : is_gap;
	}
	return 0;
}

/* ---- findings --------------------------------------------------------- */

void gaps_found(struct gaps *g, struct tt_slice lo, struct tt_slice hi,
		int64_t as_of, uint64_t n_keys)
{
	struct gap_finding *f = &g->finding;
	int was = GAP_MAIL_EMPTY;
	bool fits;

	if (!atomic_compare_exchange_strong_explicit(
		    &g->mail, &was, GAP_MAIL_WRITTEN, memory_order_acquire,
		    memory_order_relaxed)) {
		g->wake(g->arg); /* perhaps nobody writes any more */
		return;
	}
	fits = set_lo(&f->lo, lo);
	set_hi(&f->hi, hi);
	f->as_of = as_of;
	f->n_keys = n_keys;
	fits = fits && cmp(&f->lo, &f->hi) < 0;
	atomic_store_explicit(&g->mail, fits ? GAP_MAIL_FULL : GAP_MAIL_EMPTY,
			      memory_order_release);
	if (fits)
		g->wake(g->arg);
}

/* ---- pieces ----------------------------------------------------------- */

/* The first piece that ends behind `key`. */
static uint32_t rank(const struct gaps *g, struct tt_slice key)
{
	uint32_t lo = 0, hi = g->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (key_cmp(slice_of(&g->gaps[mid].hi), key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void drop(struct gaps *g, uint32_t i)
{
	g->n--;
	memmove(&g->gaps[i], &g->gaps[i + 1], (g->n - i) * sizeof(g->gaps[0]));
}

static void insert(struct gaps *g, uint32_t i, const struct gap *gap)
{
	assert(g->n < N_GAPS);
	memmove(&g->gaps[i + 1], &g->gaps[i], (g->n - i) * sizeof(g->gaps[0]));
	g->gaps[i] = *gap;
	g->n++;
}

/*
 * Makes room for a piece. The cheapest goes, by the rule of GreedyDual (Young,
 * On-line file caching, 1998): what it cost to find, and what the last to go
 * was worth when it came; so the dear ones go too in the end.
 */
static void evict(struct gaps *g)
{
	uint32_t least = 0;

	for (uint32_t i = 1; i < g->n; i++)
		if (g->gaps[i].value < g->gaps[least].value)
			least = i;
	g->evicted = g->gaps[least].value;
	drop(g, least);
}

static uint64_t value_of(const struct gaps *g, const struct gap *gap)
{
	return gap->from == GAP_WATCHED ? g->evicted : g->evicted + gap->n_keys;
}

void gaps_cut(struct gaps *g, struct tt_slice key)
{
	uint32_t i = rank(g, key);
	struct gap *gap = &g->gaps[i];
	struct gap right;
	bool has_right;

	if (i == g->n || key_cmp(slice_of(&gap->lo), key) > 0)
		return;
	right = *gap;
	has_right =
		set_lo_behind(&right.lo, key) && cmp(&right.lo, &right.hi) < 0;
	set_hi(&gap->hi, key);
	if (cmp(&gap->lo, &gap->hi) >= 0)
		drop(g, i);
	else
		i++;
	if (has_right && g->n < N_GAPS)
		insert(g, i, &right);
	show(g);
}

/* ---- taking up a finding ---------------------------------------------- */

/*
 * The finding meets what is watched. Watched since before it, and now found
 * again: that part is a gap, and the finding shrinks to it. False where the
 * watch is younger: a later finding will do.
 */
static bool meet_watched(struct gaps *g, struct gap_finding *f, bool *is_gap)
{
	uint32_t i = rank(g, slice_of(&f->lo));

	while (i < g->n && cmp(&g->gaps[i].lo, &f->hi) < 0) {
		const struct gap *gap = &g->gaps[i];

		if (gap->from != GAP_WATCHED) {
			i++;
			continue;
		}
		if (!*is_gap && gap->since > f->as_of)
			return false;
		if (!*is_gap && cmp(&gap->lo, &f->lo) > 0)
			f->lo = gap->lo;
		if (!*is_gap && cmp(&gap->hi, &f->hi) < 0)
			f->hi = gap->hi;
		*is_gap = true;
		drop(g, i);
	}
	return true;
}

/*
 * Takes from the ends of the finding what is known; false when nothing is
 * left. What is known in its middle gives way if it is a gap itself, with a
 * later `from`; else it ends there.
 */
static bool trim(struct gaps *g, struct gap_finding *f, bool is_gap)
{
	uint32_t i = rank(g, slice_of(&f->lo));

	for (; i < g->n && cmp(&g->gaps[i].lo, &f->lo) <= 0; i++)
		f->lo = g->gaps[i].hi;
	while (i < g->n && cmp(&g->gaps[i].lo, &f->hi) < 0) {
		if (is_gap && cmp(&g->gaps[i].hi, &f->hi) < 0)
			drop(g, i);
		else
			f->hi = g->gaps[i].lo;
	}
	return cmp(&f->lo, &f->hi) < 0;
}

static bool touch(const struct gap *a, const struct gap *b)
{
	return a->from != GAP_WATCHED && b->from != GAP_WATCHED &&
	       cmp(&a->hi, &b->lo) == 0;
}

/* b, which follows a, becomes part of it. */
static void join(struct gaps *g, uint32_t a)
{
	struct gap *x = &g->gaps[a], *y = &g->gaps[a + 1];

	x->hi = y->hi;
	x->from = MAX_OF(x->from, y->from);
	x->born = MIN_OF(x->born, y->born);
	x->n_keys += y->n_keys;
	x->value = value_of(g, x);
	drop(g, a + 1);
}

/* Joins what is old enough, and the new piece with a young one beside it. */
static void join_all(struct gaps *g, int64_t now)
{
	uint32_t i = 0;

	while (i + 1 < g->n) {
		const struct gap *a = &g->gaps[i], *b = &g->gaps[i + 1];
		bool is_old = MAX_OF(a->from, b->from) < now - JOINS_US;
		bool is_young = MIN_OF(a->born, b->born) > now - GROWS_US;

		if (touch(a, b) && (is_old || is_young))
			join(g, i);
		else
			i++;
	}
}

static void add(struct gaps *g, const struct gap_finding *f, int64_t published,
		bool is_gap)
{
	struct gap gap = {
		.lo = f->lo,
		.hi = f->hi,
		.from = is_gap ? f->as_of : GAP_WATCHED,
		.since = published,
		.born = f->as_of,
		.n_keys = f->n_keys,
	};

	if (g->n == N_GAPS)
		evict(g);
	gap.value = value_of(g, &gap);
	insert(g, rank(g, slice_of(&f->lo)), &gap);
	if (is_gap)
		join_all(g, published);
}

static void take(struct gaps *g, struct gap_finding *f, int64_t published)
{
	bool is_gap = f->as_of == published;

	/* Who reads the future does not know what it will be. */
	if (f->as_of > published || !meet_watched(g, f, &is_gap))
		return;
	if (trim(g, f, is_gap))
		add(g, f, published, is_gap);
	show(g);
}

void gaps_take(struct gaps *g, int64_t published)
{
	if (atomic_load_explicit(&g->mail, memory_order_acquire) !=
	    GAP_MAIL_FULL)
		return;
	take(g, &g->finding, published);
	atomic_store_explicit(&g->mail, GAP_MAIL_EMPTY, memory_order_release);
}
