/* SPDX-License-Identifier: MIT */
#include "lsm/compact_ranges.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "lsm/snapshot.h"
#include "lsm/sst_ranges.h"
#include "lsm/sst_reader.h"
#include "lsm/version.h"
#include "lsm/version_edit.h"

/* Tables dropped in one edit. */
#define DROP_MOST 512
/* Looks at all tables with range tombstones are this many new tables apart,
 * and as many as there are of those. */
#define LOOK_PERIOD 16

struct look {
	struct range_watch *watch;
	const struct version *v;
	struct table_cache *tables;
	const struct retained_times *times;
	struct buf dead;       /* uint64_t, file numbers, perhaps repeated */
	int64_t held_until;    /* the least; 0: none */
	int64_t complete_from; /* who reads before it misses some of them */
	uint64_t covered;      /* bytes, by the table looked at */
};

static size_t n_dead(const struct look *l)
{
	return l->dead.len / sizeof(uint64_t);
}

/* True when the range covers all of the table's keys. */
static bool contains(const struct range_del *d, const struct table_desc *t)
{
	return key_cmp(d->start, t->min_key) <= 0 &&
	       (d->end.len == 0 || table_ends_before(t, d->end));
}

/* How many bytes of a table lie in the range. */
static int measure(struct look *l, struct table *t, const struct range_del *d)
{
	struct sst_reader *reader;
	int r = table_pin(l->tables, &t->slot, &reader);

	if (r < 0)
		return r;
	l->covered += sst_bytes_between(reader, d->start, d->end);
	table_unpin(reader);
	return 0;
}

/* One range tombstone and one table of an older run that it overlaps. */
static int meet(struct look *l, const struct range_del *d, struct table *t)
{
	const struct table_desc *desc = &t->desc;

	if (desc->min_ts >= d->ts)
		return 0;
	if (version_is_needed(l->times, desc->min_ts, d->ts)) {
		if (l->held_until == 0 || d->ts < l->held_until)
			l->held_until = d->ts;
		return 0;
	}
	if (!contains(d, desc) || desc->max_ts >= d->ts)
		return measure(l, t, d);
	if (buf_append(&l->dead, &desc->file_no, sizeof(desc->file_no)) < 0)
		return err_nomem("compaction");
	l->complete_from = MAX_OF(l->complete_from, d->ts);
	return 0;
}

static int follow(struct look *l, const struct range_del *d, uint32_t run)
{
	int r = 0;

	for (uint32_t i = run + 1; i < l->v->n_runs && r == 0; i++) {
		const struct run *older = &l->v->runs[i];
		uint32_t from, to;

		run_overlap_range(older, d->start, d->end, &from, &to);
		for (; from < to && r == 0 && n_dead(l) < DROP_MOST; from++)
			r = meet(l, d, older->tables[from]);
	}
	return r;
}

/* Looks at all range tombstones of a table of the run. */
static int look_at(struct look *l, uint32_t run, struct table *t)
{
	const struct sst_ranges *ranges;
	struct sst_reader *reader;
	int r = table_pin(l->tables, &t->slot, &reader);

	if (r < 0)
		return r;
	l->covered = 0;
	ranges = sst_ranges_of(reader);
	for (uint32_t i = 0; i < ranges->n && r == 0; i++) {
		struct range_del d;

		sst_ranges_at(ranges, i, &d);
		r = follow(l, &d, run);
	}
	table_unpin(reader);
	atomic_store_explicit(&t->covered_bytes, l->covered,
			      memory_order_relaxed);
	return r;
}

static bool is_worth(const struct table *t, uint64_t table_bytes)
{
	uint64_t covered =
		atomic_load_explicit(&t->covered_bytes, memory_order_relaxed);

	return covered >= table_bytes / 2 && covered >= t->desc.file_bytes;
}

static int look_at_all(struct look *l, uint64_t seen, uint64_t table_bytes)
{
	struct range_watch *w = l->watch;
	bool has_wide =
		atomic_load_explicit(&w->has_wide, memory_order_relaxed);
	int r = 0;

	for (uint32_t i = 0; i + 1 < l->v->n_runs && r == 0; i++) {
		const struct run *run = &l->v->runs[i];

		for (uint32_t k = 0; run->n_ranged && k < run->n && r == 0 &&
				     n_dead(l) < DROP_MOST;
		     k++) {
			struct table *t = run->tables[k];

			if (t->desc.n_ranges == 0 ||
			    (t->desc.file_no <= seen && !w->sees_all))
				continue;
			r = look_at(l, i, t);
			has_wide |= is_worth(t, table_bytes);
		}
	}
	atomic_store_explicit(&w->has_wide, has_wide, memory_order_relaxed);
	return r;
}

static int no_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The tables found, each once. */
static int drop_dead(struct look *l, struct version_edit *edit)
{
	uint64_t *no = (void *)l->dead.data;
	size_t n = n_dead(l);
	int r = 0;

	version_edit_set_complete_from(edit, l->complete_from);
	if (n)
		qsort(no, n, sizeof(*no), no_cmp);
	for (size_t i = 0; i < n && r == 0; i++)
		if (i == 0 || no[i] != no[i - 1])
			r = version_edit_drop(edit, no[i]);
	return r;
}

int range_watch_look(struct range_watch *w, const struct version *v,
		     struct table_cache *tables,
		     const struct retained_times *times, uint64_t table_bytes,
		     struct version_edit *edit)
{
	struct look l = {
		.watch = w,
		.v = v,
		.tables = tables,
		.times = times,
		.complete_from = TS_OLDEST,
	};
	uint64_t seen = atomic_load_explicit(&w->seen, memory_order_relaxed);
	int64_t held =
		atomic_load_explicit(&w->held_until, memory_order_relaxed);
	int r;

	if ((held && held <= retained_times_oldest(times)) ||
	    v->newest_no >= w->all_seen_at + LOOK_PERIOD + v->n_ranged)
		w->sees_all = true;
	if (v->newest_ranged <= seen && !w->sees_all)
		return 0;
	if (!w->sees_all)
		l.held_until = held;
	r = look_at_all(&l, seen, table_bytes);
	if (r == 0)
		r = drop_dead(&l, edit);
	/* Whatever came of it: what fails is not tried again and again. */
	if (r < 0 || n_dead(&l) < DROP_MOST) {
		if (w->sees_all)
			w->all_seen_at = v->newest_no;
		w->sees_all = false;
		atomic_store_explicit(&w->held_until, l.held_until,
				      memory_order_relaxed);
		atomic_store_explicit(&w->seen, v->newest_ranged,
				      memory_order_relaxed);
	}
	buf_fini(&l.dead);
	return r;
}

bool range_watch_widest(struct range_watch *w, const struct version *v,
			uint64_t table_bytes, uint32_t *run, uint32_t *at)
{
	uint64_t best = 0;

	if (!atomic_load_explicit(&w->has_wide, memory_order_relaxed))
		return false;
	/* Under the last run there is nothing to cover any more. */
	for (uint32_t i = 0; i + 1 < v->n_runs; i++)
		for (uint32_t k = 0; v->runs[i].n_ranged && k < v->runs[i].n;
		     k++) {
			struct table *t = v->runs[i].tables[k];
			uint64_t covered = atomic_load_explicit(
				&t->covered_bytes, memory_order_relaxed);

			if (t->desc.n_ranges == 0 || covered <= best ||
			    !is_worth(t, table_bytes))
				continue;
			best = covered;
			*run = i;
			*at = k;
		}
	if (best == 0)
		atomic_store_explicit(&w->has_wide, false,
				      memory_order_relaxed);
	return best != 0;
}
