/* SPDX-License-Identifier: MIT */
#include "lsm/range_list.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "lsm/snapshot.h"
#include "lsm/sst_ranges.h"
#include "lsm/version.h"

void range_list_init(struct range_list *l)
{
	*l = (struct range_list){ .dels = NULL, .complete_from = TS_OLDEST };
	arena_init(&l->keys, 0);
}

void range_list_fini(struct range_list *l)
{
	range_set_free(l->set);
	free(l->dels);
	arena_fini(&l->keys);
	l->dels = NULL;
	l->set = NULL;
	l->n = l->cap = 0;
}

/* Appends without copying keys. */
static int append(struct range_list *l, const struct range_del *d)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;
		struct range_del *p = realloc(l->dels, cap * sizeof(*p));

		if (!p)
			return err_nomem("range tombstones");
		l->dels = p;
		l->cap = cap;
	}
	l->dels[l->n++] = *d;
	return 0;
}

int range_list_add(struct range_list *l, const struct range_del *d)
{
	struct range_del copy = *d;

	copy.start.data = arena_dup(&l->keys, d->start.data, d->start.len);
	if (d->end.len)
		copy.end.data = arena_dup(&l->keys, d->end.data, d->end.len);
	if (!copy.start.data || (d->end.len && !copy.end.data))
		return err_nomem("range tombstones");
	return append(l, &copy);
}

int range_list_add_table(struct range_list *l, const struct sst_ranges *r)
{
	int rc = 0;

	for (uint32_t i = 0; i < r->n && rc == 0; i++) {
		struct range_del d;

		sst_ranges_at(r, i, &d);
		rc = range_list_add(l, &d);
	}
	return rc;
}

/* ---- reducing --------------------------------------------------------- */

static int cmp_by_ts(const void *a, const void *b)
{
	const struct range_del *x = a, *y = b;

	return (x->ts > y->ts) - (x->ts < y->ts);
}

static int cmp_by_start(const void *a, const void *b)
{
	return range_del_cmp(a, b);
}

/* Appends what the skyline of the set says. */
static int take_skyline(struct range_list *l, const struct range_set *s)
{
	int r = 0;

	for (uint32_t i = 0; i < s->n && r == 0; i++) {
		const struct range_del d = {
			.start = s->edges[i].key,
			.end = i + 1 < s->n ? s->edges[i + 1].key : SLICE_EMPTY,
			.ts = s->edges[i].ts,
		};

		if (d.ts != RANGE_NONE)
			r = append(l, &d);
	}
	return r;
}

/* Those of one stretch of time. */
static int take_stretch(struct range_list *out, struct range_del *dels,
			size_t n)
{
	struct range_set *s;
	int r = range_set_build(dels, n, &s);

	if (r < 0)
		return r;
	if (!s->is_flat)
		out->complete_from = MAX_OF(out->complete_from, s->max_ts);
	r = take_skyline(out, s);
	range_set_free(s);
	return r;
}

/* Whether nobody can tell apart a time and the next later one. */
static bool is_one_stretch(const struct retained_times *times, int64_t ts,
			   int64_t later)
{
	return ts == later || !version_is_needed(times, ts, later);
}

static int take_stretches(struct range_list *out, const struct range_list *in,
			  const struct retained_times *times)
{
	size_t from = 0;
	int r = 0;

	while (from < in->n && r == 0) {
		size_t to = from + 1;

		while (to < in->n && is_one_stretch(times, in->dels[to - 1].ts,
						    in->dels[to].ts))
			to++;
		r = take_stretch(out, in->dels + from, to - from);
		from = to;
	}
	return r;
}

/* The set is made of a copy, as that gets sorted otherwise. */
static int make_set(struct range_list *l)
{
	struct range_list copy = { .dels = NULL };
	int r = 0;

	for (size_t i = 0; i < l->n && r == 0; i++)
		r = append(&copy, &l->dels[i]);
	if (r == 0)
		r = range_set_build(copy.dels, copy.n, &l->set);
	free(copy.dels);
	return r;
}

static void sort(struct range_list *l)
{
	if (l->n)
		qsort(l->dels, l->n, sizeof(*l->dels), cmp_by_start);
}

int range_list_reduce(struct range_list *l, const struct retained_times *times)
{
	struct range_list out = { .complete_from = l->complete_from };
	int r;

	assert(!l->set);
	if (l->n == 0)
		return 0;
	qsort(l->dels, l->n, sizeof(*l->dels), cmp_by_ts);
	r = take_stretches(&out, l, times);
	if (r < 0) {
		free(out.dels);
		return r;
	}
	free(l->dels);
	l->dels = out.dels;
	l->n = out.n;
	l->cap = out.cap;
	l->complete_from = out.complete_from;
	sort(l);
	return make_set(l);
}

/* ---- what is spent ------------------------------------------------------ */

/* The end of all keys of the table; empty: there is none. */
static int end_of_table(struct range_list *l, const struct table_desc *d,
			struct tt_slice *out)
{
	struct buf next = BUF_INIT;
	int r = 0;

	*out = d->max_is_open ? d->max_key : SLICE_EMPTY;
	if (d->max_is_open || key_is_largest(d->max_key))
		return 0;
	r = key_successor(d->max_key, &next);
	if (r == 0 && next.len) {
		void *p = arena_dup(&l->keys, next.data, next.len);

		*out = SLICE(p, next.len);
		r = p ? 0 : err_nomem("range tombstones");
	}
	buf_fini(&next);
	return r;
}

/* Moves *end (empty: no end; not set yet if `is_first`) to where the table ends,
 * unless it lies behind. */
static int widen(struct range_list *l, const struct table_desc *d,
		 bool is_first, struct tt_slice *end)
{
	struct tt_slice at;
	int r = end_of_table(l, d, &at);

	if (r == 0 && (is_first || range_end_cmp(at, *end) > 0))
		*end = at;
	return r;
}

/* Cuts off what lies beyond all tables that the range overlaps; *is_spent: there
 * are none. */
static int trim(struct range_list *l, const struct run *runs, uint32_t n,
		struct range_del *d, bool *is_spent)
{
	struct range_del all = { .start = KEY_LARGEST };
	int r = 0;

	*is_spent = true;
	for (uint32_t i = 0; i < n && r == 0; i++) {
		struct table **tables = runs[i].tables;
		uint32_t from, to;

		run_overlap_range(&runs[i], d->start, d->end, &from, &to);
		if (from == to)
			continue;
		if (key_cmp(tables[from]->desc.min_key, all.start) < 0)
			all.start = tables[from]->desc.min_key;
		r = widen(l, &tables[to - 1]->desc, *is_spent, &all.end);
		*is_spent = false;
	}
	if (r < 0 || *is_spent)
		return r;
	if (key_cmp(all.start, d->start) > 0)
		d->start = all.start;
	if (range_end_cmp(all.end, d->end) < 0)
		d->end = all.end;
	return 0;
}

int range_list_drop_spent(struct range_list *l,
			  const struct retained_times *times,
			  const struct run *runs, uint32_t n)
{
	int64_t oldest = retained_times_oldest(times);
	size_t n_left = 0;

	for (size_t i = 0; i < l->n; i++) {
		bool is_spent = false;
		int r = 0;

		if (l->dels[i].ts <= oldest)
			r = trim(l, runs, n, &l->dels[i], &is_spent);
		if (r < 0)
			return r;
		if (!is_spent)
			l->dels[n_left++] = l->dels[i];
	}
	l->n = n_left;
	sort(l);
	return 0;
}
