/* SPDX-License-Identifier: MIT */
#include "lsm/version.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/le.h"
#include "lsm/gc.h"
#include "lsm/old_versions.h"
#include "lsm/record.h"
#include "lsm/tombstones.h"
#include "lsm/version_values.h"

/* ---- tables ----------------------------------------------------------- */

int table_new(struct gc *gc, const struct table_desc *desc, struct table **out)
{
	bool has_end = !key_is_largest(desc->max_key);
	size_t n_values = desc->n_values * sizeof(struct value_ref);
	size_t n_min = desc->min_key.len;
	size_t n_max = has_end ? desc->max_key.len : 0;
	struct table *t = malloc(sizeof(*t) + n_values + n_min + n_max);
	uint8_t *keys;

	if (!t)
		return err_nomem("table");
	keys = (uint8_t *)(t + 1) + n_values;
	t->desc = *desc;
	if (n_values)
		memcpy(t + 1, desc->values, n_values);
	t->desc.values = (struct value_ref *)(void *)(t + 1);
	if (n_min)
		memcpy(keys, desc->min_key.data, n_min);
	if (n_max)
		memcpy(keys + n_min, desc->max_key.data, n_max);
	t->desc.min_key = SLICE(keys, n_min);
	if (has_end)
		t->desc.max_key = SLICE(keys + n_min, n_max);
	t->gc = gc;
	table_slot_init(&t->slot, desc->file_no);
	atomic_init(&t->refs, 1);
	atomic_init(&t->is_dropped, false);
	atomic_init(&t->covered_bytes, 0);
	list_init(&t->gc_link);
	t->is_moving = false;
	*out = t;
	return 0;
}

struct table *table_ref(struct table *t)
{
	(void)atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void table_unref(struct table *t)
{
	if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
		gc_table(t->gc, t);
}

void table_free(struct table *t)
{
	free(t);
}

/* ---- runs ------------------------------------------------------------- */

static uint64_t prefix_at(struct tt_slice key, size_t skip)
{
	uint8_t b[8] = { 0 };
	size_t n = key.len > skip ? key.len - skip : 0;

	if (n >= 8)
		return be64_load(slice_bytes(key) + skip);
	if (n)
		memcpy(b, slice_bytes(key) + skip, n);
	return be64_load(b);
}

/* < 0, 0, > 0: `key` lies before, within or behind the keys that share the
 * run's first `skip` bytes. */
static int skip_cmp(const struct run *run, struct tt_slice key)
{
	struct tt_slice any = run->tables[0]->desc.max_key;
	size_t n = MIN_OF(key.len, (size_t)run->skip);
	int c = n ? memcmp(key.data, any.data, n) : 0;

	if (c)
		return c;
	return key.len < run->skip ? -1 : 0;
}

uint32_t run_find(const struct run *run, struct tt_slice key)
{
	uint32_t lo = 0, hi = run->n;
	uint64_t prefix;
	int c;

	if (run->skip) {
		c = skip_cmp(run, key);
		if (c)
			return c < 0 ? 0 : run->n;
	}
	prefix = prefix_at(key, run->skip);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		uint64_t p = run->max_prefix[mid];
		bool is_below =
			p != prefix ? p < prefix
				    : table_ends_before(&run->tables[mid]->desc,
							key);

		if (is_below)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct table *run_table(const struct run *run, struct tt_slice key)
{
	uint32_t i = run_find(run, key);
	struct table *t;

	if (i == run->n)
		return NULL;
	t = run->tables[i];
	return key_cmp(key, t->desc.min_key) < 0 ? NULL : t;
}

void run_overlap(const struct run *run, struct tt_slice lo, struct tt_slice hi,
		 uint32_t *from, uint32_t *to)
{
	uint32_t i = run_find(run, lo);

	*from = i;
	while (i < run->n && key_cmp(run->tables[i]->desc.min_key, hi) <= 0)
		i++;
	*to = i;
}

void run_overlap_range(const struct run *run, struct tt_slice lo,
		       struct tt_slice hi, uint32_t *from, uint32_t *to)
{
	uint32_t i;

	run_overlap(run, lo, hi.len ? hi : KEY_LARGEST, from, &i);
	while (hi.len && i > *from &&
	       key_cmp(run->tables[i - 1]->desc.min_key, hi) >= 0)
		i--;
	*to = i;
}

/*
 * What versions share of a run. The tables' references are the body's.
 */
struct run_body {
	_Atomic uint32_t refs;
	uint32_t n;
	uint64_t *max_prefix;
	struct table *tables[];
};

static int body_new(uint32_t n, struct run_body **out)
{
	struct run_body *b = calloc(1, sizeof(*b) + n * sizeof(struct table *));

	if (b)
		b->max_prefix = malloc(n * sizeof(*b->max_prefix));
	if (!b || !b->max_prefix) {
		free(b);
		return err_nomem("version");
	}
	atomic_init(&b->refs, 1);
	*out = b;
	return 0;
}

static void body_unref(struct run_body *b)
{
	if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; i < b->n; i++)
		table_unref(b->tables[i]);
	free(b->max_prefix);
	free(b);
}

static void note_ranges(struct run *run, const struct table_desc *d)
{
	run->newest_no = MAX_OF(run->newest_no, d->file_no);
	if (d->n_ranges == 0)
		return;
	run->n_ranged++;
	run->n_ranges += d->n_ranges;
	run->newest_ranged = MAX_OF(run->newest_ranged, d->file_no);
}

/* What follows from the tables of a run. */
static void run_index(struct run *run)
{
	struct tt_slice first = run->tables[0]->desc.min_key;
	struct tt_slice last = run->tables[run->n - 1]->desc.max_key;

	run->skip = (uint32_t)slice_common_prefix(first, last);
	for (uint32_t i = 0; i < run->n; i++) {
		const struct table_desc *d = &run->tables[i]->desc;

		run->max_prefix[i] = prefix_at(d->max_key, run->skip);
		run->bytes += d->file_bytes;
		run->weight += table_weight(d);
		run->n_records += d->n_records;
		run->n_tombstones += d->n_tombstones;
		run->n_old += d->old.n;
		note_ranges(run, d);
	}
	run->dead = run_find_dead(run);
	run->old = run_find_old(run);
}

/* ---- versions --------------------------------------------------------- */

struct version *version_new(void)
{
	struct version *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	atomic_init(&v->refs, 1);
	v->complete_from = TS_OLDEST;
	v->waits_for = TS_NEWEST;
	return v;
}

struct version *version_ref(struct version *v)
{
	(void)atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

static void version_free(struct version *v)
{
	for (uint32_t i = 0; i < v->n_runs; i++)
		body_unref(v->runs[i].body);
	free(v->runs);
	version_values_unref(v->values);
	free(v);
}

void version_unref(struct version *v)
{
	if (v &&
	    atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) == 1)
		version_free(v);
}

const struct run *version_level(const struct version *v, unsigned level)
{
	for (uint32_t i = v->n_l0; i < v->n_runs; i++)
		if (v->runs[i].level == level)
			return &v->runs[i];
	return NULL;
}

bool version_may_hold(const struct version *v, struct tt_slice key)
{
	for (uint32_t i = 0; i < v->n_runs; i++) {
		const struct run *run = &v->runs[i];
		uint32_t at = run_find(run, key);

		if (at < run->n &&
		    key_cmp(run->tables[at]->desc.min_key, key) <= 0)
			return true;
	}
	return false;
}

/* ---- the next version --------------------------------------------------- */

static int place_cmp(unsigned level, uint64_t group, unsigned other_level,
		     uint64_t other_group)
{
	if (level != other_level)
		return level < other_level ? -1 : 1;
	return (group < other_group) - (group > other_group);
}

/* By level, newest group first, then by key. */
static int placed_cmp(const void *x, const void *y)
{
	const struct table_place *a = x, *b = y;
	int c = place_cmp(a->level, a->group, b->level, b->group);

	return c ? c : key_cmp(a->t->desc.min_key, b->t->desc.min_key);
}

/* How many of the sorted places, from the first on, are in one run. */
static size_t same_run(const struct table_place *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i].level == p[0].level && p[i].group == p[0].group)
		i++;
	return i;
}

/* A change to one run: sorted tables that leave and that come. */
struct run_change {
	const struct table_place *out, *in;
	size_t n_out, n_in;
};

static int check_disjoint(const struct run *run)
{
	for (uint32_t i = 1; i < run->n; i++)
		if (!table_ends_before(&run->tables[i - 1]->desc,
				       run->tables[i]->desc.min_key))
			return err_set(TT_ECORRUPT,
				       "manifest: tables %06" PRIu64
				       " and %06" PRIu64 " of level %u overlap",
				       run->tables[i - 1]->desc.file_no,
				       run->tables[i]->desc.file_no,
				       run->level);
	return 0;
}

/* Fills `body` with the tables of `was` (none when NULL) and the change. */
static void merge_tables(const struct run *was, const struct run_change *c,
			 struct run_body *body)
{
	size_t out = 0, in = 0;

	for (uint32_t i = 0; was && i < was->n; i++) {
		struct table *t = was->tables[i];

		if (out < c->n_out && c->out[out].t == t) {
			out++;
			continue;
		}
		while (in < c->n_in &&
		       key_cmp(c->in[in].t->desc.min_key, t->desc.min_key) < 0)
			body->tables[body->n++] = table_ref(c->in[in++].t);
		body->tables[body->n++] = table_ref(t);
	}
	while (in < c->n_in)
		body->tables[body->n++] = table_ref(c->in[in++].t);
	assert(out == c->n_out);
}

/* Adds the run that a change makes of `was`; nothing when it is empty. */
static int change_run(struct version *v, const struct run *was,
		      const struct run_change *c)
{
	struct run *run = &v->runs[v->n_runs];
	size_t n = (was ? was->n : 0) + c->n_in - c->n_out;
	struct run_body *body = NULL;
	int r;

	if (n == 0)
		return 0;
	r = body_new((uint32_t)n, &body);
	if (r < 0)
		return r;
	merge_tables(was, c, body);
	*run = (struct run){
		.body = body,
		.tables = body->tables,
		.max_prefix = body->max_prefix,
		.n = body->n,
		.group = was ? was->group : c->in->group,
		.level = was ? was->level : c->in->level,
	};
	run_index(run);
	v->n_runs++;
	return check_disjoint(run);
}

static void share_run(struct version *v, const struct run *was)
{
	(void)atomic_fetch_add_explicit(&was->body->refs, 1,
					memory_order_relaxed);
	v->runs[v->n_runs++] = *was;
}

/* The runs of `base` and the changes to them, both in the order of runs. */
static int next_runs(struct version *v, const struct version *base,
		     const struct table_place *out, size_t n_out,
		     const struct table_place *in, size_t n_in)
{
	uint32_t at = 0;
	int r = 0;

	while (r == 0 && (at < base->n_runs || n_in)) {
		const struct run *was =
			at < base->n_runs ? &base->runs[at] : NULL;
		int c = was && n_in ? place_cmp(was->level, was->group,
						in->level, in->group)
				    : (was ? -1 : 1);
		struct run_change change = { out, in, 0, 0 };

		if (c > 0)
			was = NULL; /* a new run before it */
		if (c >= 0)
			change.n_in = same_run(in, n_in);
		if (was && n_out &&
		    place_cmp(was->level, was->group, out->level, out->group) ==
			    0)
			change.n_out = same_run(out, n_out);
		if (was && change.n_in + change.n_out == 0)
			share_run(v, was);
		else
			r = change_run(v, was, &change);
		at += was != NULL;
		in += change.n_in;
		n_in -= change.n_in;
		out += change.n_out;
		n_out -= change.n_out;
	}
	assert(r < 0 || n_out == 0);
	return r;
}

/* A table of the run waits for the time `ts`. */
static void note_waiting(struct version *v, int64_t ts)
{
	v->waits_for = MIN_OF(v->waits_for, ts);
}

static void note_waiting_tables(struct version *v, const struct run *run,
				bool is_oldest)
{
	if (run->dense != RUN_NONE)
		note_waiting(v, run->tables[run->dense]->desc.max_ts);
	if (is_oldest && run->dead != RUN_NONE)
		note_waiting(v, run->tables[run->dead]->desc.max_ts);
	if (run->old != RUN_NONE)
		note_waiting(v, run->tables[run->old]->desc.old.until);
}

/*
 * Sums, and where tombstones are worth a compaction. That of a run depends on
 * it and on all older ones: it is looked for again from the oldest run that
 * has changed on, upwards.
 */
static void sum_up(struct version *v, const struct version *base)
{
	uint32_t i = v->n_runs, k = base->n_runs;
	bool has_changed = false;

	while (i-- > 0) {
		struct run *run = &v->runs[i];
		uint32_t n_older = v->n_runs - 1 - i;

		has_changed = has_changed || k == 0 ||
			      base->runs[--k].body != run->body;
		if (has_changed)
			run->dense = run_find_dense(run, run + 1, n_older);
		note_waiting_tables(v, run, n_older == 0);
		v->n_l0 += run->level == 0;
		v->n_tables += run->n;
		v->n_records += run->n_records;
		v->n_tombstones += run->n_tombstones;
		v->n_old += run->n_old;
		v->n_ranged += run->n_ranged;
		v->n_ranges += run->n_ranges;
		v->newest_ranged = MAX_OF(v->newest_ranged, run->newest_ranged);
		v->newest_no = MAX_OF(v->newest_no, run->newest_no);
		v->bytes += run->bytes;
		v->level_bytes[run->level] += run->bytes;
		v->level_weight[run->level] += run->weight;
		v->level_tables[run->level] += run->n;
	}
}

int version_next(const struct version *base, struct table_place *out,
		 size_t n_out, struct table_place *in, size_t n_in,
		 struct version **next)
{
	struct version *v = version_new();
	int r;

	if (!v)
		return err_nomem("version");
	v->runs = malloc((base->n_runs + n_in + 1) * sizeof(*v->runs));
	if (!v->runs) {
		r = err_nomem("version");
		goto out;
	}
	if (n_out)
		qsort(out, n_out, sizeof(*out), placed_cmp);
	if (n_in)
		qsort(in, n_in, sizeof(*in), placed_cmp);
	r = next_runs(v, base, out, n_out, in, n_in);
	if (r < 0)
		goto out;
	sum_up(v, base);
	*next = v;
	v = NULL;
out:
	version_unref(v);
	return r;
}

/* ---- from nothing ------------------------------------------------------- */

/* Where a table is in the builder's array. */
struct builder_entry {
	struct hmap_node node; /* by file number */
	size_t at;
};

void version_builder_init(struct version_builder *b)
{
	*b = (struct version_builder){ .places = NULL };
}

void version_builder_fini(struct version_builder *b)
{
	struct hmap_node *n;
	size_t cursor = 0;

	while (b->cap && (n = hmap_pop_any(&b->by_no, &cursor)) != NULL)
		free(container_of(n, struct builder_entry, node));
	if (b->cap)
		hmap_fini(&b->by_no);
	for (size_t i = 0; i < b->n; i++)
		table_unref(b->places[i].t);
	free(b->places);
	version_builder_init(b);
}

static int builder_grow(struct version_builder *b)
{
	size_t cap = b->cap ? 2 * b->cap : 16;
	struct table_place *places;
	int r = b->cap ? 0 : hmap_init(&b->by_no, cap);

	if (r < 0)
		return err_nomem("version");
	places = realloc(b->places, cap * sizeof(*places));
	if (!places) {
		if (b->cap == 0)
			hmap_fini(&b->by_no);
		return err_nomem("version");
	}
	b->places = places;
	b->cap = cap;
	return 0;
}

int version_builder_add(struct version_builder *b, struct table *t,
			unsigned level, uint64_t group)
{
	struct builder_entry *e;
	int r = b->n == b->cap ? builder_grow(b) : 0;

	if (r < 0)
		return r;
	assert(!version_builder_has(b, t->desc.file_no));
	e = malloc(sizeof(*e));
	if (!e)
		return err_nomem("version");
	e->at = b->n;
	hmap_insert(&b->by_no, &e->node, hash_u64(t->desc.file_no));
	b->places[b->n++] = (struct table_place){
		.t = table_ref(t),
		.group = level ? 0 : group,
		.level = level,
	};
	return 0;
}

int version_builder_add_version(struct version_builder *b,
				const struct version *v)
{
	for (uint32_t i = 0; i < v->n_runs; i++) {
		const struct run *run = &v->runs[i];

		for (uint32_t k = 0; k < run->n; k++) {
			int r = version_builder_add(b, run->tables[k],
						    run->level, run->group);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static struct builder_entry *find_entry(const struct version_builder *b,
					uint64_t file_no)
{
	struct hmap_node *n =
		b->cap ? hmap_first(&b->by_no, hash_u64(file_no)) : NULL;

	/* The hash of a number is no other number's. */
	return n ? container_of(n, struct builder_entry, node) : NULL;
}

bool version_builder_has(const struct version_builder *b, uint64_t file_no)
{
	return find_entry(b, file_no) != NULL;
}

struct table *version_builder_remove(struct version_builder *b,
				     uint64_t file_no)
{
	struct builder_entry *e = find_entry(b, file_no), *last;
	struct table *t;

	if (!e)
		return NULL;
	t = b->places[e->at].t;
	last = find_entry(b, b->places[b->n - 1].t->desc.file_no);
	b->places[e->at] = b->places[--b->n];
	last->at = e->at;
	hmap_remove(&b->by_no, &e->node);
	free(e);
	return t;
}

int version_builder_finish(struct version_builder *b, struct version **out)
{
	struct version none = { .n_runs = 0 };
	int r = version_next(&none, NULL, 0, b->places, b->n, out);

	version_builder_fini(b);
	return r;
}
