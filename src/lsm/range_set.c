/* SPDX-License-Identifier: MIT */
#include "lsm/range_set.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"

int range_del_cmp(const struct range_del *a, const struct range_del *b)
{
	return record_cmp_at(a->start, a->ts, b->start, b->ts);
}

static struct range_set *set_new(size_t n_edges)
{
	struct range_set *s =
		malloc(sizeof(*s) + n_edges * sizeof(s->edges[0]));

	if (s)
		*s = (struct range_set){ .is_flat = true };
	return s;
}

void range_set_free(struct range_set *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n_kids; i++)
		range_set_free(s->kids[i]);
	free(s);
}

/* Gives unused room back and says how much is taken. */
static struct range_set *set_done(struct range_set *s)
{
	size_t bytes = sizeof(*s) + s->n * sizeof(s->edges[0]);
	struct range_set *p = realloc(s, bytes);

	s = p ? p : s;
	s->bytes = bytes;
	for (unsigned i = 0; i < s->n_kids; i++)
		s->bytes += s->kids[i]->bytes;
	return s;
}

/* Adds an edge unless it changes nothing. */
static void put_edge(struct range_set *s, struct tt_slice key, int64_t ts)
{
	if (s->n ? s->edges[s->n - 1].ts != ts : ts != RANGE_NONE)
		s->edges[s->n++] = (struct range_edge){ key, ts };
}

/* ---- merging ---------------------------------------------------------- */

/* A sweep over the edges of several sets. */
struct sweep {
	struct range_set *const *kids;
	uint32_t at[RANGE_FANOUT]; /* edges passed */
	size_t n;
};

/* The next edge of all, NULL after the last one. */
static const struct tt_slice *next_key(const struct sweep *w)
{
	const struct tt_slice *best = NULL;

	for (size_t i = 0; i < w->n; i++) {
		const struct range_set *k = w->kids[i];

		if (w->at[i] < k->n &&
		    (!best || key_cmp(k->edges[w->at[i]].key, *best) < 0))
			best = &k->edges[w->at[i]].key;
	}
	return best;
}

/* Passes the edges at `key`; the newest timestamp from there on. */
static int64_t pass_key(struct sweep *w, struct tt_slice key, bool *overlap)
{
	int64_t newest = RANGE_NONE;

	for (size_t i = 0; i < w->n; i++) {
		const struct range_set *k = w->kids[i];
		uint32_t at = w->at[i];
		int64_t ts;

		if (at < k->n && key_cmp(k->edges[at].key, key) == 0)
			at = ++w->at[i];
		ts = at ? k->edges[at - 1].ts : RANGE_NONE;
		if (ts == RANGE_NONE)
			continue;
		if (newest != RANGE_NONE && newest != ts)
			*overlap = true;
		newest = MAX_OF(newest, ts);
	}
	return newest;
}

static void take_edges(struct range_set *s, struct range_set *const *kids,
		       size_t n)
{
	struct sweep w = { .kids = kids, .n = n };
	const struct tt_slice *p;
	bool overlap = false;

	while ((p = next_key(&w))) {
		struct tt_slice key = *p;

		put_edge(s, key, pass_key(&w, key, &overlap));
	}
	if (overlap)
		s->is_flat = false;
}

int range_set_merge(struct range_set *const *kids, size_t n, bool keep,
		    struct range_set **out)
{
	struct range_set *s;
	size_t n_edges = 0;

	assert(n >= 1 && n <= RANGE_FANOUT);
	if (n == 1) {
		*out = kids[0];
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		n_edges += kids[i]->n;
	s = set_new(n_edges);
	if (!s)
		return err_nomem("range tombstones");
	s->min_ts = kids[n - 1]->min_ts;
	s->max_ts = kids[0]->max_ts;
	for (size_t i = 0; i < n; i++)
		s->is_flat &= kids[i]->is_flat;
	take_edges(s, kids, n);
	for (size_t i = 0; i < n; i++) {
		if (s->is_flat && !keep)
			range_set_free(kids[i]);
		else
			s->kids[s->n_kids++] = kids[i];
	}
	*out = set_done(s);
	return 0;
}

/* ---- building --------------------------------------------------------- */

static int cmp_by_start(const void *a, const void *b)
{
	return range_del_cmp(a, b);
}

static int cmp_by_ts(const void *a, const void *b)
{
	const struct range_del *x = a, *y = b;

	return (x->ts > y->ts) - (x->ts < y->ts);
}

/* True when each ends before the next begins. */
static bool are_apart(const struct range_del *dels, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (range_end_cmp(dels[i - 1].end, dels[i].start) > 0)
			return false;
	return true;
}

/* Of range tombstones in key order that do not overlap. */
static int build_flat(const struct range_del *dels, size_t n,
		      struct range_set **out)
{
	struct range_set *s = set_new(2 * n);

	if (!s)
		return err_nomem("range tombstones");
	s->min_ts = s->max_ts = dels[0].ts;
	for (size_t i = 0; i < n; i++) {
		bool touches =
			i + 1 < n &&
			range_end_cmp(dels[i].end, dels[i + 1].start) == 0;

		put_edge(s, dels[i].start, dels[i].ts);
		if (dels[i].end.len && !touches)
			put_edge(s, dels[i].end, RANGE_NONE);
		s->min_ts = MIN_OF(s->min_ts, dels[i].ts);
		s->max_ts = MAX_OF(s->max_ts, dels[i].ts);
	}
	*out = set_done(s);
	return 0;
}

/* Of range tombstones in the order of time, oldest first. */
static int build_by_time(const struct range_del *dels, size_t n,
			 struct range_set **out)
{
	struct range_set *kids[RANGE_FANOUT];
	size_t n_kids = 0, step = (n + RANGE_FANOUT - 1) / RANGE_FANOUT;
	size_t end = n;
	int r = 0;

	if (n == 1)
		return build_flat(dels, n, out);
	while (end > 0 && r == 0) {
		size_t from = end > step ? end - step : 0;

		r = build_by_time(dels + from, end - from, &kids[n_kids]);
		n_kids += r == 0;
		end = from;
	}
	if (r == 0)
		r = range_set_merge(kids, n_kids, false, out);
	if (r < 0)
		while (n_kids)
			range_set_free(kids[--n_kids]);
	return r;
}

int range_set_build(struct range_del *dels, size_t n, struct range_set **out)
{
	assert(n >= 1);
	qsort(dels, n, sizeof(*dels), cmp_by_start);
	if (are_apart(dels, n))
		return build_flat(dels, n, out);
	qsort(dels, n, sizeof(*dels), cmp_by_ts);
	return build_by_time(dels, n, out);
}

/* ---- asking ----------------------------------------------------------- */

/* How many edges are not behind the key: the last of them says what covers
 * it. */
static uint32_t edges_until(const struct range_set *s, struct tt_slice key)
{
	uint32_t lo = 0, hi = s->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (key_cmp(s->edges[mid].key, key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int64_t ts_until(const struct range_set *s, uint32_t n)
{
	return n ? s->edges[n - 1].ts : RANGE_NONE;
}

int64_t range_set_cover(const struct range_set *s, struct tt_slice key,
			int64_t as_of)
{
	int64_t ts;

	if (s->min_ts > as_of)
		return RANGE_NONE;
	ts = ts_until(s, edges_until(s, key));
	if (likely(ts <= as_of))
		return ts;
	if (s->is_flat)
		return RANGE_NONE;
	for (unsigned i = 0; i < s->n_kids; i++) {
		ts = range_set_cover(s->kids[i], key, as_of);
		if (ts != RANGE_NONE)
			return ts;
	}
	return RANGE_NONE;
}

int64_t range_set_deleted_at(const struct range_set *s, struct tt_slice key,
			     int64_t ts)
{
	int64_t newest;

	if (s->max_ts <= ts)
		return TS_NEWEST;
	newest = ts_until(s, edges_until(s, key));
	if (newest <= ts)
		return TS_NEWEST;
	if (s->is_flat)
		return newest;
	for (unsigned i = s->n_kids; i-- > 0;) {
		int64_t at = range_set_deleted_at(s->kids[i], key, ts);

		if (at != TS_NEWEST)
			return at;
	}
	assert(!"a kid has what the whole has");
	return newest;
}

void range_hit_clip(struct range_hit *h, struct tt_slice from,
		    struct tt_slice to)
{
	if (key_cmp(from, h->from) > 0)
		h->from = from;
	if (range_end_cmp(to, h->to) < 0)
		h->to = to;
}

void range_set_find(const struct range_set *s, struct tt_slice key,
		    int64_t as_of, struct range_hit *h)
{
	uint32_t n;
	int64_t ts;

	if (s->min_ts > as_of)
		return;
	n = edges_until(s, key);
	ts = ts_until(s, n);
	if (ts > as_of && !s->is_flat) {
		for (unsigned i = 0; i < s->n_kids && h->ts == RANGE_NONE; i++)
			range_set_find(s->kids[i], key, as_of, h);
		return;
	}
	range_hit_clip(h, n ? s->edges[n - 1].key : SLICE_EMPTY,
		       n < s->n ? s->edges[n].key : SLICE_EMPTY);
	if (ts <= as_of)
		h->ts = ts;
}
