/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "lsm/compact_pick.h"
#include "lsm/gc.h"
#include "lsm/options.h"
#include "lsm/version_edit.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "support/tmpdir.h"

#define MIB (1024ull * 1024)

static char *dir;
static struct table_cache *tables;
static struct gc *gc;
static struct version_builder builder;
static struct picker picker;
static uint64_t next_file;

static void nothing(void *arg)
{
	(void)arg;
}

static void setup(void)
{
	struct table_cache_options o = { env_posix(), NULL, 1 << 20, 16 };
	struct db_config c = {
		.memtable_bytes = 16 * MIB,
		.table_bytes = 4 * MIB,
		.level_ratio = 10,
		.l0_trigger = 4,
	};

	dir = tmpdir_new();
	o.dir = dir;
	ck_ok(table_cache_new(&o, &tables));
	ck_ok(gc_new(env_posix(), dir, tables, NULL, nothing, NULL, &gc));
	version_builder_init(&builder);
	picker_init(&picker, &c);
	next_file = 1;
}

static void teardown(void)
{
	picker_fini(&picker);
	version_builder_fini(&builder);
	gc_free(gc);
	table_cache_free(tables);
	tmpdir_free(dir);
}

/* A table of the version under construction; returns its file number. */
static uint64_t put(unsigned level, uint64_t group, const char *min,
		    const char *max, uint64_t bytes, uint64_t n_tombstones)
{
	struct table_desc d = {
		.file_no = next_file++,
		.file_bytes = bytes,
		.n_records = 100,
		.n_tombstones = n_tombstones,
		.min_key = slice_str(min),
		.max_key = slice_str(max),
		.group = group,
		.level = level,
	};
	struct table *t;

	ck_ok(table_new(gc, &d, &t));
	ck_ok(version_builder_add(&builder, t, level, group));
	table_unref(t);
	return d.file_no;
}

static struct version *built(void)
{
	struct version *v;

	ck_ok(version_builder_finish(&builder, &v));
	return v;
}

static bool picked(const struct compact_pick *pick, uint64_t file_no)
{
	for (size_t i = 0; i < pick->n_parts; i++) {
		const struct run_part *part = &pick->parts[i];

		for (uint32_t k = part->from; k < part->to; k++)
			if (part->run->tables[k]->desc.file_no == file_no)
				return true;
	}
	return false;
}

START_TEST(nothing_is_picked_in_an_empty_store)
{
	struct version *v = built();
	struct compact_pick pick;

	ck_assert_int_eq(compact_pick_next(&picker, v, &pick), 0);
	ck_assert_uint_eq(compaction_debt(&picker, v), 0);
	version_unref(v);
}
END_TEST

START_TEST(level_0_waits_for_its_trigger)
{
	struct compact_pick pick;
	struct version *v;

	for (uint64_t g = 1; g <= 3; g++)
		put(0, g, "a", "z", 16 * MIB, 0);
	v = built();
	ck_assert_int_eq(compact_pick_next(&picker, v, &pick), 0);
	version_unref(v);
}
END_TEST

START_TEST(overlapping_runs_of_level_0_merge_with_what_lies_under_them)
{
	struct compact_pick pick;
	uint64_t below, beside;
	struct version *v;

	for (uint64_t g = 1; g <= 4; g++)
		put(0, g, "d", "m", 16 * MIB, 0);
	below = put(LAST_LEVEL, 0, "e", "f", 4 * MIB, 0);
	beside = put(LAST_LEVEL, 0, "n", "p", 4 * MIB, 0);
	v = built();
	ck_assert_int_eq(compact_pick_next(&picker, v, &pick), 1);
	ck_assert_uint_eq(pick.out_level, LAST_LEVEL);
	ck_assert(!pick.is_move);
	ck_assert_uint_eq(pick.n_parts, 5);
	ck_assert(picked(&pick, below));
	ck_assert(!picked(&pick, beside));
	/* newest first, what lies below last */
	ck_assert_uint_eq(pick.parts[0].run->group, 4);
	ck_assert_uint_eq(pick.parts[4].run->level, LAST_LEVEL);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(runs_that_touch_nothing_are_moved)
{
	struct compact_pick pick;
	struct version_edit edit;
	struct version *v;

	put(0, 1, "a", "b", 16 * MIB, 0);
	put(0, 2, "c", "d", 16 * MIB, 0);
	put(0, 3, "e", "f", 16 * MIB, 0);
	put(0, 4, "g", "h", 16 * MIB, 0);
	put(LAST_LEVEL, 0, "A", "Z", 16 * MIB, 0);
	v = built();
	ck_assert_int_eq(compact_pick_next(&picker, v, &pick), 1);
	ck_assert(pick.is_move);
	version_edit_init(&edit);
	ck_ok(compact_pick_move(&pick, &edit));
	ck_assert_uint_eq(edit.n_added, 4);
	ck_assert_uint_eq(edit.n_dropped, 4);
	for (size_t i = 0; i < edit.n_added; i++)
		ck_assert_uint_eq(edit.added[i].level, LAST_LEVEL);
	version_edit_fini(&edit);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(runs_that_overlap_each_other_are_not_moved)
{
	struct compact_pick pick;
	struct version *v;

	put(0, 1, "a", "c", 16 * MIB, 0);
	put(0, 2, "c", "d", 16 * MIB, 0);
	put(0, 3, "e", "f", 16 * MIB, 0);
	put(0, 4, "g", "h", 16 * MIB, 0);
	v = built();
	ck_assert_int_eq(compact_pick_next(&picker, v, &pick), 1);
	ck_assert(!pick.is_move);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(tombstones_are_rewritten_at_the_bottom_not_moved)
{
	struct compact_pick pick;
	struct version *v;

	for (uint64_t g = 1; g <= 4; g++)
		put(0, g, (char[]){ (char)('a' + 2 * g), 0 },
		    (char[]){ (char)('b' + 2 * g), 0 }, 16 * MIB, g == 2);
	v = built();
	ck_assert_int_eq(compact_pick_next(&picker, v, &pick), 1);
	ck_assert(!pick.is_move);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(the_base_level_rises_as_the_last_level_grows)
{
	struct level_targets t;
	struct version *v;

	put(LAST_LEVEL, 0, "a", "z", 100 * MIB, 0);
	v = built();
	level_targets(&picker, v, &t);
	ck_assert_uint_eq(t.base, LAST_LEVEL);
	version_unref(v);

	put(LAST_LEVEL, 0, "a", "z", 2000 * MIB, 0);
	v = built();
	level_targets(&picker, v, &t);
	ck_assert_uint_eq(t.base, LAST_LEVEL - 1);
	ck_assert_uint_eq(t.bytes[LAST_LEVEL - 1], 200 * MIB);
	version_unref(v);

	put(LAST_LEVEL, 0, "a", "z", 30000 * MIB, 0);
	v = built();
	level_targets(&picker, v, &t);
	ck_assert_uint_eq(t.base, LAST_LEVEL - 3);
	version_unref(v);
}
END_TEST

START_TEST(a_level_over_its_size_gives_its_cheapest_table)
{
	struct compact_pick pick;
	uint64_t cheap;
	struct version *v;

	put(LAST_LEVEL - 1, 0, "a", "b", 150 * MIB, 0);
	cheap = put(LAST_LEVEL - 1, 0, "c", "d", 150 * MIB, 0);
	put(LAST_LEVEL, 0, "a", "b", 1000 * MIB, 0);
	put(LAST_LEVEL, 0, "c", "d", 500 * MIB, 0);
	put(LAST_LEVEL, 0, "e", "f", 500 * MIB, 0);
	v = built();
	ck_assert_int_eq(compact_pick_next(&picker, v, &pick), 1);
	ck_assert_uint_eq(pick.level, LAST_LEVEL - 1);
	ck_assert_uint_eq(pick.n_parts, 2);
	ck_assert(picked(&pick, cheap));
	ck_assert_uint_eq(pick.bytes, 650 * MIB);
	ck_assert_uint_gt(compaction_debt(&picker, v), 0);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(levels_above_the_base_are_emptied)
{
	struct compact_pick pick;
	struct version *v;

	put(3, 0, "a", "b", 1 * MIB, 0);
	v = built();
	ck_assert_int_eq(compact_pick_next(&picker, v, &pick), 1);
	ck_assert_uint_eq(pick.level, 3);
	ck_assert_uint_eq(pick.out_level, 4);
	ck_assert(pick.is_move);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(level_0_does_not_pass_older_data_above_the_base)
{
	struct compact_pick pick;
	struct version *v;

	for (uint64_t g = 1; g <= 40; g++)
		put(0, g, "a", "z", 16 * MIB, 0);
	put(4, 0, "a", "z", 1 * MIB, 0);
	v = built();
	ck_assert_int_eq(compact_pick_next(&picker, v, &pick), 1);
	ck_assert_uint_eq(pick.level, 0);
	ck_assert_uint_eq(pick.out_level, 4);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(a_requested_range_takes_older_runs_along)
{
	struct compact_pick pick;
	uint64_t newest, middle, oldest;
	struct version *v;

	oldest = put(0, 1, "x", "z", MIB, 0);
	middle = put(0, 2, "a", "c", MIB, 0);
	newest = put(0, 3, "x", "z", MIB, 0);
	v = built();
	ck_assert_int_eq(compact_pick_range(&picker, v, slice_str("b"),
					    slice_str("b"), &pick),
			 1);
	ck_assert(picked(&pick, oldest));
	ck_assert(picked(&pick, middle));
	/* It fits the bound, so it comes along. */
	ck_assert(picked(&pick, newest));
	compact_pick_fini(&pick);
	ck_assert_int_eq(compact_pick_range(&picker, v, slice_str("d"),
					    slice_str("w"), &pick),
			 0);
	version_unref(v);
}
END_TEST

/* Applies picks as moves of descriptions until there is nothing to do. */
static unsigned settle(struct version *v, struct tt_slice lower,
		       struct tt_slice upper)
{
	struct compact_pick pick;
	unsigned steps = 0;

	while (compact_pick_range(&picker, v, lower, upper, &pick) == 1) {
		struct version_builder b;

		version_builder_init(&b);
		ck_ok(version_builder_add_version(&b, v));
		for (size_t i = 0; i < pick.n_parts; i++)
			for (uint32_t k = pick.parts[i].from;
			     k < pick.parts[i].to; k++) {
				struct table *t = version_builder_remove(
					&b, pick.parts[i]
						    .run->tables[k]
						    ->desc.file_no);

				/* all of it becomes one table */
				if (i == 0 && k == pick.parts[i].from)
					ck_ok(version_builder_add(
						&b, t, pick.out_level, 0));
				table_unref(t);
			}
		compact_pick_fini(&pick);
		version_unref(v);
		ck_ok(version_builder_finish(&b, &v));
		ck_assert_uint_lt(++steps, 100);
	}
	version_unref(v);
	return steps;
}

START_TEST(compacting_everything_comes_to_an_end)
{
	for (uint64_t g = 1; g <= 9; g++)
		put(0, g, "a", "z", 16 * MIB, 1);
	put(4, 0, "a", "m", 16 * MIB, 0);
	put(5, 0, "c", "p", 16 * MIB, 0);
	ck_assert_uint_ge(settle(built(), SLICE_EMPTY, SLICE_EMPTY), 2);
}
END_TEST

static Suite *compact_pick_suite(void)
{
	Suite *s = suite_create("compact_pick");
	TCase *t = tcase_create("policy");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, nothing_is_picked_in_an_empty_store);
	tcase_add_test(t, level_0_waits_for_its_trigger);
	tcase_add_test(
		t, overlapping_runs_of_level_0_merge_with_what_lies_under_them);
	tcase_add_test(t, runs_that_touch_nothing_are_moved);
	tcase_add_test(t, runs_that_overlap_each_other_are_not_moved);
	tcase_add_test(t, tombstones_are_rewritten_at_the_bottom_not_moved);
	tcase_add_test(t, the_base_level_rises_as_the_last_level_grows);
	tcase_add_test(t, a_level_over_its_size_gives_its_cheapest_table);
	tcase_add_test(t, levels_above_the_base_are_emptied);
	tcase_add_test(t, level_0_does_not_pass_older_data_above_the_base);
	tcase_add_test(t, a_requested_range_takes_older_runs_along);
	tcase_add_test(t, compacting_everything_comes_to_an_end);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(compact_pick_suite)
