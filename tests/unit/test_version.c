/* SPDX-License-Identifier: MIT */
/*
 * A version made of the one before it is the version made from nothing, and
 * shares what did not change.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/env.h"
#include "lsm/gc.h"
#include "lsm/tombstones.h"
#include "lsm/version.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "support/tmpdir.h"

/* A table fits into a slot of its level or group: nothing overlaps. */
#define N_SLOTS 40
#define N_GROUPS 4
#define N_PLACES (N_GROUPS + 3)

static char *dir;
static struct table_cache *tables;
static struct gc *gc;
static struct rng rng;
static uint64_t next_file;
/* What the version should hold; each with a reference. */
static struct table *held[N_PLACES][N_SLOTS];

static void nothing(void *arg)
{
	(void)arg;
}

static void setup(void)
{
	struct table_cache_options o = { env_posix(), NULL, 1 << 20, 16 };

	dir = tmpdir_new();
	o.dir = dir;
	ck_ok(table_cache_new(&o, &tables));
	ck_ok(gc_new(env_posix(), dir, tables, NULL, nothing, NULL, &gc));
	test_rng(&rng);
	next_file = 1;
}

static void teardown(void)
{
	for (size_t p = 0; p < N_PLACES; p++)
		for (size_t s = 0; s < N_SLOTS; s++)
			if (held[p][s])
				table_unref(held[p][s]);
	gc_free(gc);
	table_cache_free(tables);
	tmpdir_free(dir);
}

/* The first places are groups of level 0, the others levels. */
static struct table_place place_of(struct table *t, size_t p)
{
	if (p < N_GROUPS)
		return (struct table_place){ t, p + 1, 0 };
	return (struct table_place){ t, 0, (unsigned)(p - N_GROUPS) + 4 };
}

static struct table *new_table(size_t slot)
{
	char min[16], max[16];
	struct table_desc d = {
		.file_no = next_file++,
		.file_bytes = 1 + rng_below(&rng, 1000),
		.n_records = 6000,
		.n_tombstones = rng_one_in(&rng, 3) ? 3000 : 0,
		.max_ts = (int64_t)rng_below(&rng, 100),
	};
	struct table *t;

	if (rng_one_in(&rng, 3))
		d.old = (struct old_versions){ 1, 1 + rng_below(&rng, 100),
					       (int64_t)rng_below(&rng, 100) };

	d.min_key =
		SLICE(min, (size_t)snprintf(min, sizeof(min), "%03zu", slot));
	d.max_key =
		SLICE(max, (size_t)snprintf(max, sizeof(max), "%03zux", slot));
	ck_ok(table_new(gc, &d, &t));
	return t;
}

static struct version *from_nothing(void)
{
	struct version_builder b;
	struct version *v;

	version_builder_init(&b);
	for (size_t p = 0; p < N_PLACES; p++)
		for (size_t s = 0; s < N_SLOTS; s++) {
			struct table_place at = place_of(held[p][s], p);

			if (held[p][s])
				ck_ok(version_builder_add(&b, held[p][s],
							  at.level, at.group));
		}
	ck_ok(version_builder_finish(&b, &v));
	return v;
}

static void check_same(const struct version *a, const struct version *b)
{
	ck_assert_uint_eq(a->n_runs, b->n_runs);
	ck_assert_uint_eq(a->n_l0, b->n_l0);
	ck_assert_uint_eq(a->n_tables, b->n_tables);
	ck_assert_uint_eq(a->n_tombstones, b->n_tombstones);
	ck_assert_uint_eq(a->n_old, b->n_old);
	ck_assert_uint_eq(a->bytes, b->bytes);
	ck_assert_int_eq(a->waits_for, b->waits_for);
	for (unsigned l = 0; l < N_LEVELS; l++)
		ck_assert_uint_eq(a->level_bytes[l], b->level_bytes[l]);
	for (uint32_t i = 0; i < a->n_runs; i++) {
		const struct run *x = &a->runs[i], *y = &b->runs[i];

		ck_assert_uint_eq(x->n, y->n);
		ck_assert_uint_eq(x->level, y->level);
		ck_assert_uint_eq(x->group, y->group);
		ck_assert_uint_eq(x->bytes, y->bytes);
		ck_assert_uint_eq(x->dense, y->dense);
		ck_assert_uint_eq(x->dead, y->dead);
		ck_assert_uint_eq(x->old, y->old);
		for (uint32_t k = 0; k < x->n; k++) {
			ck_assert_ptr_eq(x->tables[k], y->tables[k]);
			ck_assert_uint_eq(x->max_prefix[k], y->max_prefix[k]);
		}
	}
}

/* A random change of what is held, also as lists for version_next(). */
struct change {
	struct table_place out[16], in[16];
	size_t n_out, n_in;
	bool is_touched[N_PLACES];
	struct table *left[16];
	size_t n_left;
};

static void one_change(struct change *c)
{
	size_t p = rng_below(&rng, N_PLACES), s = rng_below(&rng, N_SLOTS);
	size_t q = rng_below(&rng, N_PLACES);
	struct table *t = held[p][s];

	if (c->is_touched[p]) /* a place changes once a round */
		return;
	c->is_touched[p] = true;
	if (!t) {
		held[p][s] = new_table(s);
		c->in[c->n_in++] = place_of(held[p][s], p);
		return;
	}
	c->out[c->n_out++] = place_of(t, p);
	held[p][s] = NULL;
	if (rng_one_in(&rng, 2) && !held[q][s] && !c->is_touched[q]) {
		c->is_touched[q] = true;
		held[q][s] = t;
		c->in[c->n_in++] = place_of(t, q);
	} else {
		c->left[c->n_left++] = t;
	}
}

/* Runs that were not touched are the same memory. */
static void check_shared(const struct version *was, const struct version *v,
			 const struct change *c)
{
	for (uint32_t i = 0; i < was->n_runs; i++)
		for (uint32_t k = 0; k < v->n_runs; k++) {
			const struct run *x = &was->runs[i], *y = &v->runs[k];
			size_t p = x->level ? x->level - 4 + N_GROUPS
					    : x->group - 1;

			if (x->level == y->level && x->group == y->group)
				ck_assert_int_eq(x->tables == y->tables,
						 !c->is_touched[p]);
		}
}

START_TEST(the_next_version_is_the_one_made_from_nothing)
{
	uint64_t n_rounds = test_scale(2000);
	struct version *v = version_new();

	ck_assert_ptr_nonnull(v);
	for (uint64_t i = 0; i < n_rounds; i++) {
		struct change c = { .n_in = 0 };
		struct version *next, *other;
		uint64_t n = 1 + rng_below(&rng, 5);

		while (n-- > 0)
			one_change(&c);
		ck_ok(version_next(v, c.out, c.n_out, c.in, c.n_in, &next));
		other = from_nothing();
		check_same(next, other);
		check_shared(v, next, &c);
		version_unref(other);
		version_unref(v);
		for (size_t k = 0; k < c.n_left; k++)
			table_unref(c.left[k]);
		v = next;
	}
	version_unref(v);
}
END_TEST

START_TEST(tables_that_overlap_are_refused)
{
	struct version *empty = version_new(), *v;
	struct table_place in[2];

	in[0] = place_of(new_table(1), N_GROUPS);
	in[1] = place_of(new_table(1), N_GROUPS);
	ck_err(version_next(empty, NULL, 0, in, 2, &v), TT_ECORRUPT);
	in[1].level++;
	ck_ok(version_next(empty, NULL, 0, in, 2, &v));
	ck_assert_uint_eq(v->n_runs, 2);
	version_unref(v);
	version_unref(empty);
	table_unref(in[0].t);
	table_unref(in[1].t);
}
END_TEST

static Suite *version_suite(void)
{
	Suite *s = suite_create("version");
	TCase *t = tcase_create("version");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_next_version_is_the_one_made_from_nothing);
	tcase_add_test(t, tables_that_overlap_are_refused);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(version_suite)
