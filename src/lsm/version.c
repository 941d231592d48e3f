/* SPDX-License-Identifier: MIT */
#include "lsm/version.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/le.h"
#include "lsm/gc.h"
#include "lsm/record.h"
#include "lsm/tombstones.h"

struct builder_place {
	uint64_t group;
	unsigned level;
};

/* ---- tables ----------------------------------------------------------- */

int table_new(struct gc *gc, const struct table_desc *desc, struct table **out)
{
	size_t n_min = desc->min_key.len, n_max = desc->max_key.len;
	struct table *t = malloc(sizeof(*t) + n_min + n_max);
	uint8_t *keys;

	if (!t)
		return err_nomem("table");
	keys = (uint8_t *)(t + 1);
	t->desc = *desc;
	if (n_min)
		memcpy(keys, desc->min_key.data, n_min);
	if (n_max)
		memcpy(keys + n_min, desc->max_key.data, n_max);
	t->desc.min_key = SLICE(keys, n_min);
	t->desc.max_key = SLICE(keys + n_min, n_max);
	t->gc = gc;
	table_slot_init(&t->slot, desc->file_no);
	atomic_init(&t->refs, 1);
	atomic_init(&t->is_dropped, false);
	list_init(&t->gc_link);
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
				    : key_cmp(run->tables[mid]->desc.max_key,
					      key) < 0;

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

static void run_index(struct run *run)
{
	struct tt_slice first = run->tables[0]->desc.min_key;
	struct tt_slice last = run->tables[run->n - 1]->desc.max_key;

	run->skip = (uint32_t)slice_common_prefix(first, last);
	for (uint32_t i = 0; i < run->n; i++)
		run->max_prefix[i] =
			prefix_at(run->tables[i]->desc.max_key, run->skip);
}

/* ---- versions --------------------------------------------------------- */

struct version *version_ref(struct version *v)
{
	(void)atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

static void version_free(struct version *v)
{
	for (uint32_t i = 0; i < v->n_runs; i++) {
		struct run *run = &v->runs[i];

		for (uint32_t k = 0; k < run->n; k++)
			table_unref(run->tables[k]);
		free(run->tables);
		free(run->max_prefix);
	}
	free(v->runs);
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

/* ---- building --------------------------------------------------------- */

void version_builder_init(struct version_builder *b)
{
	*b = (struct version_builder){ NULL, NULL, 0, 0 };
}

void version_builder_fini(struct version_builder *b)
{
	for (size_t i = 0; i < b->n; i++)
		table_unref(b->tables[i]);
	free(b->tables);
	free(b->places);
	version_builder_init(b);
}

static int builder_grow(struct version_builder *b)
{
	size_t cap = b->cap ? 2 * b->cap : 16;
	struct table **tables = realloc(b->tables, cap * sizeof(*tables));
	struct builder_place *places;

	if (!tables)
		return err_nomem("version");
	b->tables = tables;
	places = realloc(b->places, cap * sizeof(*places));
	if (!places)
		return err_nomem("version");
	b->places = places;
	b->cap = cap;
	return 0;
}

int version_builder_add(struct version_builder *b, struct table *t,
			unsigned level, uint64_t group)
{
	if (b->n == b->cap) {
		int r = builder_grow(b);

		if (r < 0)
			return r;
	}
	b->tables[b->n] = table_ref(t);
	b->places[b->n] = (struct builder_place){ level ? 0 : group, level };
	b->n++;
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

struct table *version_builder_remove(struct version_builder *b,
				     uint64_t file_no)
{
	for (size_t i = 0; i < b->n; i++) {
		struct table *t = b->tables[i];

		if (t->desc.file_no != file_no)
			continue;
		b->n--;
		b->tables[i] = b->tables[b->n];
		b->places[i] = b->places[b->n];
		return t;
	}
	return NULL;
}

struct placed {
	struct table *t;
	struct builder_place place;
};

/* By level, newest group first, then by key. */
static int placed_cmp(const void *x, const void *y)
{
	const struct placed *a = x, *b = y;

	if (a->place.level != b->place.level)
		return a->place.level < b->place.level ? -1 : 1;
	if (a->place.group != b->place.group)
		return a->place.group > b->place.group ? -1 : 1;
	return key_cmp(a->t->desc.min_key, b->t->desc.min_key);
}

static bool same_run(const struct placed *a, const struct placed *b)
{
	return a->place.level == b->place.level &&
	       a->place.group == b->place.group;
}

/* Makes a run of `n` sorted tables; takes their references when it succeeds. */
static int run_make(struct version *v, const struct placed *p, uint32_t n)
{
	struct run *run = &v->runs[v->n_runs];

	for (uint32_t i = 1; i < n; i++)
		if (key_cmp(p[i - 1].t->desc.max_key, p[i].t->desc.min_key) >=
		    0)
			return err_set(TT_ECORRUPT,
				       "manifest: tables %06" PRIu64
				       " and %06" PRIu64 " of level %u overlap",
				       p[i - 1].t->desc.file_no,
				       p[i].t->desc.file_no, p->place.level);
	*run = (struct run){ .group = p->place.group, .level = p->place.level };
	run->tables = malloc(n * sizeof(*run->tables));
	run->max_prefix = malloc(n * sizeof(*run->max_prefix));
	if (!run->tables || !run->max_prefix) {
		free(run->tables);
		free(run->max_prefix);
		return err_nomem("version");
	}
	for (uint32_t i = 0; i < n; i++) {
		run->tables[i] = table_ref(p[i].t);
		run->bytes += p[i].t->desc.file_bytes;
		v->n_tombstones += p[i].t->desc.n_tombstones;
	}
	run->n = n;
	run_index(run);
	v->n_runs++;
	v->n_l0 += run->level == 0;
	v->n_tables += n;
	v->bytes += run->bytes;
	v->level_bytes[run->level] += run->bytes;
	v->level_tables[run->level] += n;
	return 0;
}

static int make_runs(struct version *v, const struct placed *p, size_t n)
{
	size_t from = 0;
	int r = 0;

	while (from < n && r == 0) {
		size_t to = from + 1;

		while (to < n && same_run(&p[from], &p[to]))
			to++;
		r = run_make(v, &p[from], (uint32_t)(to - from));
		from = to;
	}
	return r;
}

/* Notes where tombstones are worth a compaction. */
static void find_tombstones(struct version *v)
{
	for (uint32_t i = 0; i < v->n_runs; i++) {
		struct run *run = &v->runs[i];
		uint32_t n_older = v->n_runs - 1 - i;

		run->dense = run_find_dense(run, run + 1, n_older);
		run->dead = n_older ? RUN_NONE : run_find_dead(run);
		v->has_dense |= run->dense != RUN_NONE || run->dead != RUN_NONE;
	}
}

/* Runs that the sorted tables make. */
static size_t count_runs(const struct placed *p, size_t n)
{
	size_t runs = 0;

	for (size_t i = 0; i < n; i++)
		runs += i == 0 || !same_run(&p[i - 1], &p[i]);
	return runs;
}

int version_builder_finish(struct version_builder *b, struct version **out)
{
	struct placed *p = malloc((b->n + 1) * sizeof(*p));
	struct version *v = calloc(1, sizeof(*v));
	int r;

	if (!p || !v) {
		r = err_nomem("version");
		goto out;
	}
	atomic_init(&v->refs, 1);
	for (size_t i = 0; i < b->n; i++)
		p[i] = (struct placed){ b->tables[i], b->places[i] };
	qsort(p, b->n, sizeof(*p), placed_cmp);
	v->runs = malloc((count_runs(p, b->n) + 1) * sizeof(*v->runs));
	if (!v->runs) {
		r = err_nomem("version");
		goto out;
	}
	r = make_runs(v, p, b->n);
	if (r < 0)
		goto out;
	find_tombstones(v);
	*out = v;
	v = NULL;
out:
	free(p);
	version_unref(v);
	version_builder_fini(b);
	return r;
}
