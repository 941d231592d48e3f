/* SPDX-License-Identifier: MIT */
/*
 * Cursors over runs of real tables, alone and merged, against the sorted
 * array that the tables were written from: random walks, bounds, what is
 * opened and read, and failures in the middle.
 */
#include <errno.h>
#include <string.h>

#include "base/env.h"
#include "lsm/block_cache.h"
#include "lsm/gc.h"
#include "lsm/merge_iter.h"
#include "lsm/run_iter.h"
#include "lsm/sst_output.h"
#include "lsm/sst_reader.h"
#include "lsm/version.h"
#include "lsm/version_edit.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/sst_gen.h"
#include "support/tmpdir.h"

static char *dir;
static struct rng rng;
static struct fault_env *fault;
static struct env *env;
static struct table_cache *tables;
static struct block_cache *blocks;
static struct gc *gc;
static struct version *version;
static struct sst_gen gen;
static uint64_t next_file;

static void nothing(void *arg)
{
	(void)arg;
}

static uint64_t new_file_no(void *arg)
{
	(void)arg;
	return next_file++;
}

static void setup(void)
{
	struct table_cache_options o = { .max_bytes = 4 << 20, .max_open = 64 };
	char *sst;

	test_rng(&rng);
	dir = tmpdir_new();
	ck_ok(fault_env_new(env_posix(), dir, 1, &fault));
	env = fault_env_env(fault);
	sst = strdup(tmpdir_path(dir, "sst"));
	ck_ok(env_mkdir(env, sst));
	o.env = env;
	o.dir = sst;
	ck_ok(table_cache_new(&o, &tables));
	free(sst);
	ck_ok(block_cache_new(256 << 10, &blocks));
	ck_ok(gc_new(env, dir, tables, blocks, nothing, NULL, &gc));
	next_file = 1;
	version = NULL;
}

static void teardown(void)
{
	version_unref(version);
	gc_free(gc);
	table_cache_free(tables);
	block_cache_free(blocks);
	fault_env_free(fault);
	sst_gen_free(&gen);
	tmpdir_free(dir);
}

static void add_run(struct version_builder *b, unsigned part, unsigned n_parts,
		    size_t table_bytes)
{
	struct sst_output_options o = {
		.env = env,
		.dir = dir,
		.table = { CODEC_NONE, 512, 10 },
		.table_bytes = table_bytes,
		.level = 1 + part,
		.new_file_no = new_file_no,
	};
	struct version_edit edit;
	struct sst_output *out;

	version_edit_init(&edit);
	ck_ok(sst_output_new(&o, &edit, &out));
	for (size_t i = 0; i < gen.n; i++)
		if (i % n_parts == part)
			ck_ok(sst_output_add(out, &gen.recs[i]));
	ck_ok(sst_output_finish(out));
	sst_output_free(out);
	for (size_t i = 0; i < edit.n_added; i++) {
		struct table *t;

		ck_ok(table_new(gc, &edit.added[i], &t));
		ck_ok(version_builder_add(b, t, edit.added[i].level, 0));
		table_unref(t);
	}
	version_edit_fini(&edit);
}

/* Random records, dealt out to `n_runs` runs of many tables. */
static void make_runs(unsigned n_runs, size_t table_bytes, size_t n_keys)
{
	const struct sst_gen_shape shape = {
		.n_keys = n_keys,
		.versions = 3,
		.key_len = 20,
		.value_len = 60,
	};
	struct version_builder b;

	sst_gen_make(&gen, &rng, &shape);
	version_builder_init(&b);
	for (unsigned i = 0; i < n_runs; i++)
		add_run(&b, i, n_runs, table_bytes);
	ck_ok(version_builder_finish(&b, &version));
	ck_assert_uint_eq(version->n_runs, n_runs);
}

static struct rec_iter *open_run(unsigned i, unsigned flags)
{
	struct rec_iter *it;

	ck_ok(run_iter_new(&version->runs[i], 0, version->runs[i].n, tables,
			   blocks, flags, &it));
	return it;
}

static struct rec_iter *open_all(void)
{
	struct rec_iter *its[8], *it;

	for (unsigned i = 0; i < version->n_runs; i++)
		its[i] = open_run(i, 0);
	ck_ok(merge_iter_new(its, version->n_runs, &it));
	return it;
}

/* The cursor must stand on record `p`, or at an end when there is none. */
static void check_at(const struct rec_iter *it, int r, size_t p)
{
	if (p >= gen.n) {
		ck_assert_int_eq(r, TT_END);
		return;
	}
	ck_ok(r);
	ck_assert_int_eq(record_cmp(&it->rec, &gen.recs[p]), 0);
	ck_assert(slice_eq(it->rec.value, gen.recs[p].value));
	ck_assert_int_eq(it->rec.kind, gen.recs[p].kind);
}

/* SIZE_MAX stands for before the first, too. */
static size_t seek_random(struct rec_iter *it)
{
	uint8_t space[64];
	struct tt_slice key = sst_gen_probe(&gen, &rng, space, sizeof(space));
	int64_t ts = rng_one_in(&rng, 2)
			     ? (rng_one_in(&rng, 2) ? TS_NEWEST : TS_OLDEST)
			     : gen.recs[rng_below(&rng, gen.n)].ts;
	size_t p = sst_gen_seek(&gen, key, ts);

	if (rng_one_in(&rng, 2)) {
		check_at(it, rec_iter_seek(it, key, ts), p);
		return p;
	}
	if (p == gen.n ||
	    record_cmp_at(gen.recs[p].key, gen.recs[p].ts, key, ts) != 0)
		p--;
	check_at(it, rec_iter_seek_for_prev(it, key, ts), p);
	return p;
}

static void walk_at_random(struct rec_iter *it)
{
	size_t p = SIZE_MAX;

	for (uint64_t i = 0; i < test_scale(4000); i++) {
		switch (rng_below(&rng, p < gen.n ? 30 : 4)) {
		case 0:
			check_at(it, rec_iter_first(it), p = 0);
			break;
		case 1:
			check_at(it, rec_iter_last(it), p = gen.n - 1);
			break;
		case 2:
		case 3:
			p = seek_random(it);
			break;
		default:
			if (rng_one_in(&rng, 3))
				check_at(it, rec_iter_prev(it), --p);
			else
				check_at(it, rec_iter_next(it), ++p);
		}
	}
}

static uint64_t tables_opened(void)
{
	struct table_cache_stats s;

	table_cache_read_stats(tables, &s);
	return s.opens;
}

START_TEST(a_run_walks_like_one_table_and_opens_lazily)
{
	struct rec_iter *it;

	make_runs(1, 3000, 500);
	ck_assert_uint_gt(version->runs[0].n, 4);
	it = open_run(0, _i ? SST_ITER_NO_FILL : 0);
	ck_assert_uint_eq(tables_opened(), 0);
	ck_ok(rec_iter_first(it));
	ck_assert_uint_eq(tables_opened(), 1);
	walk_at_random(it);
	rec_iter_free(it);
}
END_TEST

START_TEST(a_merge_of_runs_walks_like_one_table)
{
	struct rec_iter *it;

	make_runs(2 + (unsigned)_i, 3000, 800);
	it = open_all();
	walk_at_random(it);
	rec_iter_free(it);
}
END_TEST

START_TEST(part_of_a_run_ends_where_it_was_told)
{
	const struct run *run;
	struct rec_iter *it;
	size_t from, to;
	int r;

	make_runs(1, 3000, 500);
	run = &version->runs[0];
	ck_ok(run_iter_new(run, 1, 3, tables, blocks, 0, &it));
	from = sst_gen_seek(&gen, run->tables[1]->desc.min_key, TS_NEWEST);
	to = sst_gen_seek(&gen, run->tables[2]->desc.max_key, TS_OLDEST);
	check_at(it, rec_iter_seek(it, gen.recs[0].key, TS_NEWEST), from);
	ck_err(rec_iter_prev(it), TT_END);
	ck_err(rec_iter_seek(it, run->tables[3]->desc.min_key, TS_NEWEST),
	       TT_END);
	check_at(it,
		 rec_iter_seek_for_prev(it, run->tables[3]->desc.min_key,
					TS_OLDEST),
		 to - 1);
	ck_err(rec_iter_next(it), TT_END);
	for (r = rec_iter_first(it); r == 0; r = rec_iter_next(it))
		check_at(it, r, from++);
	ck_assert_uint_eq(from, to);
	rec_iter_free(it);
}
END_TEST

/* Walks what lies within the bounds; returns how many tables that opened. */
static uint64_t walk_bounded(const struct key_bounds *b, bool back)
{
	size_t lo = sst_gen_seek(&gen, b->lower, TS_NEWEST);
	size_t hi = sst_gen_seek(&gen, b->upper, TS_NEWEST);
	uint64_t before = tables_opened();
	struct rec_iter *it = open_run(0, 0);
	int r;

	run_iter_set_bounds(it, b);
	if (back) {
		r = rec_iter_seek_for_prev(it, b->upper, TS_NEWEST);
		while (hi-- > lo) {
			check_at(it, r, hi);
			r = rec_iter_prev(it);
		}
		ck_assert(r == TT_END || key_cmp(it->rec.key, b->lower) < 0);
	} else {
		r = rec_iter_seek(it, b->lower, TS_NEWEST);
		for (; lo < hi; lo++) {
			check_at(it, r, lo);
			r = rec_iter_next(it);
		}
		ck_assert(r == TT_END || key_cmp(it->rec.key, b->upper) >= 0);
	}
	rec_iter_free(it);
	return tables_opened() - before;
}

START_TEST(tables_beyond_the_bounds_are_not_opened)
{
	uint8_t between[32] = { 0 };
	const struct run *run;
	struct key_bounds b;

	make_runs(1, 3000, 500);
	run = &version->runs[0];
	ck_assert_uint_gt(run->n, 5);
	b.lower = run->tables[1]->desc.min_key;
	b.upper = run->tables[3]->desc.min_key;
	ck_assert_uint_eq(walk_bounded(&b, _i), 2);
	/* Between two tables there is nothing to open. */
	memcpy(between, run->tables[4]->desc.max_key.data,
	       run->tables[4]->desc.max_key.len);
	b.lower = SLICE(between, run->tables[4]->desc.max_key.len + 1);
	b.upper = run->tables[5]->desc.min_key;
	if (key_cmp(b.lower, b.upper) < 0)
		ck_assert_uint_eq(walk_bounded(&b, _i), 0);
}
END_TEST

START_TEST(a_long_walk_reads_many_blocks_at_once_in_both_directions)
{
	struct rec_iter *it;
	struct sst_reader *reader;
	struct sst_info info;
	uint64_t before;
	size_t n = 0;
	int r;

	make_runs(1, 1 << 20, 5000);
	ck_assert_uint_eq(version->runs[0].n, 1);
	ck_ok(table_pin(tables, &version->runs[0].tables[0]->slot, &reader));
	sst_info(reader, &info);
	table_unpin(reader);
	before = fault_env_calls(fault, FAULT_READ);
	it = open_run(0, SST_ITER_NO_FILL);
	for (r = _i ? rec_iter_last(it) : rec_iter_first(it); r == 0;
	     r = _i ? rec_iter_prev(it) : rec_iter_next(it))
		check_at(it, r, _i ? gen.n - 1 - n++ : n++);
	ck_assert_uint_eq(n, gen.n);
	ck_assert_uint_gt(info.n_blocks, 400);
	ck_assert_uint_lt(fault_env_calls(fault, FAULT_READ) - before,
			  info.n_blocks / 16);
	rec_iter_free(it);
}
END_TEST

/* The first search fails half-way: what was prepared in the other runs must
 * not lead the next search astray. */
START_TEST(a_search_after_one_that_failed_finds_its_own_place)
{
	uint64_t failed = 0;
	struct rec_iter *it;

	make_runs(3, 3000, 800);
	it = open_all();
	for (uint64_t i = 0; i < test_scale(300); i++) {
		size_t p = rng_below(&rng, gen.n);
		int r;

		fault_env_fail(fault, FAULT_READ, 1 + rng_below(&rng, 3), EIO,
			       FAULT_ONCE);
		r = rec_iter_seek(it, gen.recs[p].key, gen.recs[p].ts);
		fault_env_clear(fault);
		if (r == 0) {
			check_at(it, r, p);
			continue;
		}
		ck_assert_int_eq(r, -EIO);
		failed++;
		/* Turning round searches without preparing. */
		check_at(it, rec_iter_first(it), 0);
		check_at(it, rec_iter_next(it), 1);
		check_at(it, rec_iter_prev(it), 0);
		(void)seek_random(it);
	}
	ck_assert_uint_gt(failed, 0);
	rec_iter_free(it);
}
END_TEST

/* Neither does one that was prepared in a run that has nothing there. */
START_TEST(a_search_that_ended_nowhere_leaves_nothing_behind)
{
	struct rec_iter *it;

	make_runs(3, 1 << 20, 300);
	it = open_all();
	for (size_t p = 0; p < 20; p++) {
		const struct record *rec = &gen.recs[p];

		check_at(it, rec_iter_seek_for_prev(it, rec->key, rec->ts), p);
		check_at(it, rec_iter_first(it), 0);
		for (size_t i = 1; i < 30; i++)
			check_at(it, rec_iter_next(it), i);
		/* Turning round searches without preparing. */
		check_at(it, rec_iter_prev(it), 28);
		rec = &gen.recs[gen.n - 1 - p];
		check_at(it, rec_iter_seek(it, rec->key, rec->ts),
			 gen.n - 1 - p);
		check_at(it, rec_iter_last(it), gen.n - 1);
		for (size_t i = 2; i < 30; i++)
			check_at(it, rec_iter_prev(it), gen.n - i);
		check_at(it, rec_iter_next(it), gen.n - 28);
	}
	rec_iter_free(it);
}
END_TEST

START_TEST(a_cursor_at_rest_keeps_little_and_goes_on_with_other_bounds)
{
	struct key_bounds b = { SLICE_EMPTY, SLICE_EMPTY };
	struct rec_iter *it;
	size_t p;

	make_runs(1, 3000, 500);
	it = open_run(0, 0);
	run_iter_set_bounds(it, &b);
	for (int i = 0; i < 100; i++) {
		p = rng_below(&rng, gen.n);
		b.lower = gen.recs[p].key;
		b.upper = gen.recs[rng_range(&rng, p, gen.n - 1)].key;
		run_iter_set_flags(it, i % 2 ? SST_ITER_NO_FILL : 0);
		p = sst_gen_seek(&gen, b.lower, TS_NEWEST);
		if (key_cmp(gen.recs[p].key, b.upper) < 0)
			check_at(it, rec_iter_seek(it, b.lower, TS_NEWEST), p);
		run_iter_rest(it);
	}
	rec_iter_free(it);
}
END_TEST

static Suite *run_iter_suite(void)
{
	Suite *s = suite_create("run_iter");
	TCase *t = tcase_create("run_iter");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_run_walks_like_one_table_and_opens_lazily, 0,
			    2);
	tcase_add_loop_test(t, a_merge_of_runs_walks_like_one_table, 0, 3);
	tcase_add_test(t, part_of_a_run_ends_where_it_was_told);
	tcase_add_loop_test(t, tables_beyond_the_bounds_are_not_opened, 0, 2);
	tcase_add_loop_test(
		t, a_long_walk_reads_many_blocks_at_once_in_both_directions, 0,
		2);
	tcase_add_test(t, a_search_after_one_that_failed_finds_its_own_place);
	tcase_add_test(t, a_search_that_ended_nowhere_leaves_nothing_behind);
	tcase_add_test(
		t, a_cursor_at_rest_keeps_little_and_goes_on_with_other_bounds);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(run_iter_suite)
