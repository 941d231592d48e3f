/* SPDX-License-Identifier: MIT */
/*
 * Compactions of random histories: whatever a snapshot could read before, it
 * must read the same afterwards, and nothing that nobody can read may stay.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/env.h"
#include "lsm/compact_pick.h"
#include "lsm/compact_run.h"
#include "lsm/gc.h"
#include "lsm/merge_iter.h"
#include "lsm/options.h"
#include "lsm/run_iter.h"
#include "lsm/snapshot.h"
#include "lsm/version_edit.h"
#include "support/check_main.h"
#include "support/pick_fixture.h"
#include "support/prng.h"
#include "support/tmpdir.h"

#define N_KEYS 40
#define N_RUNS 4

static struct pick_fixture fx;

static uint64_t new_file_no(void *arg)
{
	(void)arg;
	return fx.next_file++;
}

static void setup(void)
{
	pick_fixture_init(&fx, 1, 1 << 20, 1);
}

static void teardown(void)
{
	pick_fixture_fini(&fx);
}

static struct sst_output_options output_options(unsigned level, uint64_t group,
						size_t table_bytes)
{
	return (struct sst_output_options){
		.env = env_posix(),
		.dir = fx.dir,
		.table = { CODEC_NONE, 256, 10 },
		.table_bytes = table_bytes,
		.level = level,
		.group = group,
		.new_file_no = new_file_no,
	};
}

/* ---- a history and what can be read of it ------------------------------ */

struct entry {
	int key;
	int64_t ts;
	uint8_t kind;
	unsigned place; /* 0: the deepest run; N_RUNS - 1: the newest */
};

struct history {
	struct entry e[2000];
	size_t n;
};

static void key_of(int key, char out[16])
{
	snprintf(out, 16, "key%04d", key);
}

/* In internal order. */
static int entry_cmp(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return (a->ts < b->ts) - (a->ts > b->ts);
}

/* Rising timestamps; later runs hold newer entries. */
static void make_history(struct history *h, struct rng *rng, size_t n)
{
	h->n = n;
	for (size_t i = 0; i < n; i++)
		h->e[i] = (struct entry){
			.key = (int)rng_below(rng, N_KEYS),
			.ts = (int64_t)(10 * (i + 1)),
			.kind = rng_below(rng, 3) == 0 ? RECORD_TOMBSTONE
						       : RECORD_VALUE,
			.place = (unsigned)(i * N_RUNS / n),
		};
	qsort(h->e, n, sizeof(h->e[0]), entry_cmp);
}

/* The timestamp of the value that `as_of` reads, 0: none. */
static int64_t model_read(const struct history *h, int key, int64_t as_of)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->e[i].key == key && h->e[i].ts <= as_of)
			return h->e[i].kind == RECORD_VALUE ? h->e[i].ts : 0;
	return 0;
}

static void add_tables(const struct version_edit *edit)
{
	for (size_t i = 0; i < edit->n_added; i++) {
		struct table *t;

		ck_ok(table_new(fx.gc, &edit->added[i], &t));
		ck_ok(version_builder_add(&fx.builder, t, edit->added[i].level,
					  edit->added[i].group));
		table_unref(t);
	}
}

/* Writes the entries of one place as a run. */
static void write_run(const struct history *h, unsigned place, unsigned level)
{
	struct sst_output_options o = output_options(level, place, 2000);
	struct version_edit edit;
	struct sst_output *out;

	version_edit_init(&edit);
	ck_ok(sst_output_new(&o, &edit, &out));
	for (size_t i = 0; i < h->n; i++) {
		char key[16];
		struct record rec = { .ts = h->e[i].ts, .kind = h->e[i].kind };

		if (h->e[i].place != place)
			continue;
		key_of(h->e[i].key, key);
		rec.key = slice_str(key);
		if (rec.kind == RECORD_VALUE)
			rec.value = slice_str("some value of some length");
		ck_ok(sst_output_add(out, &rec));
	}
	ck_ok(sst_output_finish(out));
	sst_output_free(out);
	add_tables(&edit);
	version_edit_fini(&edit);
}

/* Reads back all runs of a version as a history. */
static void read_all(const struct version *v, struct history *h)
{
	struct rec_iter *its[16], *it;
	int r;

	ck_assert_uint_le(v->n_runs, 16);
	h->n = 0;
	if (v->n_runs == 0)
		return;
	for (uint32_t i = 0; i < v->n_runs; i++)
		ck_ok(run_iter_new(&v->runs[i], 0, v->runs[i].n, fx.tables,
				   NULL, 0, &its[i]));
	ck_ok(merge_iter_new(its, v->n_runs, &it));
	for (r = rec_iter_first(it); r == 0; r = rec_iter_next(it)) {
		struct entry *e = &h->e[h->n++];

		e->key = (int)strtol((const char *)it->rec.key.data + 3, NULL,
				     10);
		e->ts = it->rec.ts;
		e->kind = it->rec.kind;
	}
	ck_assert_int_eq(r, TT_END);
	rec_iter_free(it);
}

/* Later than all that the tests write. */
#define HORIZON 1000000

/* The version carries complete_from, as version_set.c would have it. */
static struct version *compacted(struct version *v, struct compact_pick *pick,
				 const int64_t *snapshots, size_t n_snapshots,
				 int64_t keep_from)
{
	int64_t moments[8];
	struct retained_times times = { moments, n_snapshots, keep_from };
	struct compact_job job = {
		.pick = pick,
		.tables = fx.tables,
		.output = output_options(0, 0, 3000),
		.times = &times,
	};
	struct compact_result result;
	struct version_edit edit;
	struct version *out;

	for (size_t i = 0; i < n_snapshots; i++)
		moments[i] = snapshots[i];
	moments[times.n++] = HORIZON;
	version_edit_init(&edit);
	ck_ok(compact_run(&job, &edit, &result));
	ck_ok(version_builder_add_version(&fx.builder, v));
	for (size_t i = 0; i < edit.n_dropped; i++)
		table_unref(
			version_builder_remove(&fx.builder, edit.dropped[i]));
	add_tables(&edit);
	ck_assert_uint_le(result.records_out, result.records_in);
	/* Fails when two tables of the new run share a key. */
	ck_ok(version_builder_finish(&fx.builder, &out));
	if (edit.has_complete_from)
		out->complete_from = edit.complete_from;
	version_edit_fini(&edit);
	return out;
}

START_TEST(a_compaction_changes_nothing_that_can_be_read)
{
	struct history *before = malloc(sizeof(*before));
	struct history *after = malloc(sizeof(*after));
	struct rng rng;

	test_rng(&rng);
	for (uint64_t round = 0; round < test_scale(30); round++) {
		int64_t snapshots[4];
		size_t n_snapshots = rng_below(&rng, 5);
		size_t n = 100 + rng_below(&rng, 400);
		bool is_deep = rng_below(&rng, 2);
		struct compact_pick pick;
		struct version *v, *w;
		int64_t at = 0, keep_from;

		fx.picker.base_bytes = rng_below(&rng, 2) ? 1 : 1 << 30;
		make_history(before, &rng, n);
		for (unsigned p = 0; p < N_RUNS; p++)
			write_run(before, p,
				  p	    ? 0
				  : is_deep ? LAST_LEVEL
					    : LAST_LEVEL - 1);
		for (size_t i = 0; i < n_snapshots; i++) {
			at += (int64_t)rng_below(&rng, 10 * n / n_snapshots);
			snapshots[i] = at;
		}
		ck_ok(version_builder_finish(&fx.builder, &v));
		ck_assert_int_eq(compact_pick_range(&fx.picker, v, SLICE_EMPTY,
						    SLICE_EMPTY, &pick),
				 1);
		keep_from = rng_below(&rng, 3)
				    ? (int64_t)rng_below(&rng, 10 * n)
				    : HORIZON;
		w = compacted(v, &pick, snapshots, n_snapshots, keep_from);
		ck_assert_int_le(w->complete_from, keep_from);
		read_all(w, after);
		for (int key = 0; key < N_KEYS; key++) {
			for (size_t i = 0; i < n_snapshots; i++)
				ck_assert_int_eq(
					model_read(before, key, snapshots[i]),
					model_read(after, key, snapshots[i]));
			/* The window and what happens to be there besides. */
			for (int64_t t = MAX_OF(w->complete_from, 0);
			     t <= (int64_t)(10 * n + 10); t += 5)
				ck_assert_int_eq(model_read(before, key, t),
						 model_read(after, key, t));
		}
		compact_pick_fini(&pick);
		version_unref(v);
		version_unref(w);
	}
	free(before);
	free(after);
}
END_TEST

/* What the tables of a version are said to hold of old versions. */
static struct old_versions noted(const struct version *v)
{
	struct old_versions sum = { .n = 0 };

	for (uint32_t i = 0; i < v->n_runs; i++)
		for (uint32_t k = 0; k < v->runs[i].n; k++) {
			const struct old_versions *o =
				&v->runs[i].tables[k]->desc.old;

			sum.n += o->n;
			sum.bytes += o->bytes;
			sum.until = MAX_OF(sum.until, o->until);
		}
	return sum;
}

/* All of one level: rewritten where it is. */
static void rewrite_level(struct version *v, unsigned level, int64_t keep_from,
			  struct version **out)
{
	struct compact_pick pick = {
		.version = version_ref(v),
		.level = level,
		.out_level = level,
		.parts = malloc(sizeof(*pick.parts)),
		.n_parts = 1,
	};
	const struct run *run = version_level(v, level);

	pick.parts[0] = (struct run_part){ run, 0, run->n };
	*out = compacted(v, &pick, NULL, 0, keep_from);
	compact_pick_fini(&pick);
}

START_TEST(old_versions_are_noted_and_go_when_they_may)
{
	struct history *h = malloc(sizeof(*h));
	int64_t keep_from = 3000, until = 0;
	struct compact_pick pick;
	struct version *v, *w, *held, *shed;
	struct old_versions old;
	struct rng rng;
	uint64_t n = 0;

	test_rng(&rng);
	fx.picker.base_bytes = 1 << 30; /* level 0 goes to the last level */
	make_history(h, &rng, 600);
	for (unsigned p = 0; p < N_RUNS; p++)
		write_run(h, p, p ? 0 : LAST_LEVEL);
	ck_ok(version_builder_finish(&fx.builder, &v));
	ck_assert_int_eq(compact_pick_range(&fx.picker, v, SLICE_EMPTY,
					    SLICE_EMPTY, &pick),
			 1);
	w = compacted(v, &pick, NULL, 0, keep_from);
	read_all(w, h);
	for (size_t i = 1; i < h->n; i++)
		if (h->e[i].key == h->e[i - 1].key) {
			n++;
			until = MAX_OF(until, h->e[i - 1].ts);
		}
	old = noted(w);
	ck_assert_uint_ge(n, N_KEYS);
	ck_assert_uint_eq(old.n, n);
	ck_assert_uint_ge(old.bytes, n * 16);
	ck_assert_int_eq(old.until, until);
	/* As long as they are needed they stay, and are noted again. */
	rewrite_level(w, LAST_LEVEL, keep_from, &held);
	ck_assert_uint_eq(noted(held).n, n);
	rewrite_level(held, LAST_LEVEL, until, &shed);
	ck_assert_uint_eq(noted(shed).n, 0);
	ck_assert_int_eq(shed->waits_for, TS_NEWEST);
	compact_pick_fini(&pick);
	version_unref(v);
	version_unref(w);
	version_unref(held);
	version_unref(shed);
	free(h);
}
END_TEST

START_TEST(nothing_stays_that_nobody_can_read)
{
	struct history *h = malloc(sizeof(*h));
	struct compact_pick pick;
	struct version *v, *w;
	struct rng rng;
	size_t live = 0;

	test_rng(&rng);
	fx.picker.base_bytes = 1 << 30; /* level 0 goes to the last level */
	make_history(h, &rng, 600);
	for (unsigned p = 0; p < N_RUNS; p++)
		write_run(h, p, p ? 0 : LAST_LEVEL);
	for (int key = 0; key < N_KEYS; key++)
		live += model_read(h, key, INT64_MAX) != 0;
	ck_ok(version_builder_finish(&fx.builder, &v));
	ck_assert_int_eq(compact_pick_range(&fx.picker, v, SLICE_EMPTY,
					    SLICE_EMPTY, &pick),
			 1);
	w = compacted(v, &pick, NULL, 0, HORIZON);
	read_all(w, h);
	ck_assert_uint_eq(h->n, live);
	compact_pick_fini(&pick);
	version_unref(v);
	version_unref(w);
	free(h);
}
END_TEST

START_TEST(a_tombstone_stays_while_something_lies_below)
{
	struct history h = { .n = 2 };
	struct history after;
	struct compact_pick pick;
	struct version *v, *w;

	h.e[0] = (struct entry){ 7, 20, RECORD_TOMBSTONE, 1 };
	h.e[1] = (struct entry){ 7, 10, RECORD_VALUE, 0 };
	write_run(&h, 0, LAST_LEVEL);
	write_run(&h, 1, LAST_LEVEL - 2);
	ck_ok(version_builder_finish(&fx.builder, &v));
	/* A hand-made pick: rewrite the upper table one level down. */
	pick = (struct compact_pick){
		.version = version_ref(v),
		.level = LAST_LEVEL - 2,
		.out_level = LAST_LEVEL - 1,
		.parts = malloc(sizeof(*pick.parts)),
		.n_parts = 1,
	};
	pick.parts[0] =
		(struct run_part){ version_level(v, LAST_LEVEL - 2), 0, 1 };
	w = compacted(v, &pick, NULL, 0, HORIZON);
	read_all(w, &after);
	ck_assert_uint_eq(after.n, 2);
	ck_assert_int_eq(model_read(&after, 7, INT64_MAX), 0);
	compact_pick_fini(&pick);
	version_unref(v);
	version_unref(w);
}
END_TEST

START_TEST(needs_of_snapshots_are_told_apart)
{
	int64_t ts[] = { 10, 20, 30, HORIZON };
	struct retained_times s = { ts, 4, HORIZON };
	struct retained_times none = { ts + 3, 1, HORIZON };

	ck_assert(version_is_needed(&none, 5, TS_NEWEST));
	ck_assert(!version_is_needed(&none, 5, 6));
	ck_assert(version_is_needed(&s, 5, 11));
	ck_assert(!version_is_needed(&s, 5, 10));
	ck_assert(version_is_needed(&s, 10, 11));
	ck_assert(!version_is_needed(&s, 11, 20));
	ck_assert(version_is_needed(&s, 30, 31));
	ck_assert(!version_is_needed(&s, 31, 99));
	ck_assert_int_eq(retained_times_oldest(&s), 10);
}
END_TEST

START_TEST(a_window_needs_what_was_the_newest_within_it)
{
	int64_t ts[] = { 10, HORIZON };
	struct retained_times t = { ts, 2, 50 };

	ck_assert(version_is_needed(&t, 60, 70));
	ck_assert(version_is_needed(&t, 20, 51));
	ck_assert(!version_is_needed(&t, 20, 50));
	ck_assert(version_is_needed(&t, 5, 11)); /* for the snapshot */
	ck_assert_int_eq(retained_times_oldest(&t), 10);
	t.keep_from = 5;
	ck_assert_int_eq(retained_times_oldest(&t), 5);
}
END_TEST

static bool always(void *arg)
{
	(void)arg;
	return true;
}

START_TEST(a_stopped_compaction_leaves_no_table_behind)
{
	struct sst_output_options o = output_options(0, 1, 1 << 20);
	struct compact_pick pick;
	struct compact_result result;
	int64_t horizon = HORIZON;
	struct retained_times times = { &horizon, 1, HORIZON };
	struct version_edit edit;
	struct sst_output *out;
	struct version *v;
	uint64_t file_before;

	version_edit_init(&edit);
	ck_ok(sst_output_new(&o, &edit, &out));
	for (int i = 0; i < 9000; i++) {
		char key[16];
		struct record rec = { .ts = 1, .kind = RECORD_TOMBSTONE };

		key_of(i, key);
		rec.key = slice_str(key);
		ck_ok(sst_output_add(out, &rec));
	}
	ck_ok(sst_output_finish(out));
	sst_output_free(out);
	add_tables(&edit);
	version_edit_fini(&edit);
	ck_ok(version_builder_finish(&fx.builder, &v));
	ck_assert_int_eq(compact_pick_range(&fx.picker, v, SLICE_EMPTY,
					    SLICE_EMPTY, &pick),
			 1);
	file_before = fx.next_file;
	version_edit_init(&edit);
	ck_err(compact_run(
		       &(struct compact_job){
			       .pick = &pick,
			       .tables = fx.tables,
			       .output = output_options(0, 0, 1 << 20),
			       .times = &times,
			       .should_stop = always,
		       },
		       &edit, &result),
	       TT_ECLOSED);
	for (uint64_t no = file_before; no < fx.next_file; no++) {
		char name[32];

		snprintf(name, sizeof(name), "sst/%06u.sst", (unsigned)no);
		ck_assert_int_eq(
			env_exists(env_posix(), tmpdir_path(fx.dir, name)), 0);
	}
	version_edit_fini(&edit);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

static Suite *compact_run_suite(void)
{
	Suite *s = suite_create("compact_run");
	TCase *t = tcase_create("run");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_compaction_changes_nothing_that_can_be_read);
	tcase_add_test(t, old_versions_are_noted_and_go_when_they_may);
	tcase_add_test(t, nothing_stays_that_nobody_can_read);
	tcase_add_test(t, a_tombstone_stays_while_something_lies_below);
	tcase_add_test(t, needs_of_snapshots_are_told_apart);
	tcase_add_test(t, a_window_needs_what_was_the_newest_within_it);
	tcase_add_test(t, a_stopped_compaction_leaves_no_table_behind);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(compact_run_suite)
