/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "lsm/compact_level0.h"
#include "lsm/compact_pick.h"
#include "lsm/gc.h"
#include "lsm/guards.h"
#include "lsm/options.h"
#include "lsm/version_edit.h"
#include "support/check_main.h"
#include "support/pick_fixture.h"
#include "support/prng.h"

#define MIB (1024ull * 1024)

static struct pick_fixture fx;

static void setup(void)
{
	pick_fixture_init(&fx, 16 * MIB, 4 * MIB, 4);
}

static void teardown(void)
{
	pick_fixture_fini(&fx);
}

/* A table of the version under construction; returns its file number. */
static uint64_t put(unsigned level, uint64_t group, const char *min,
		    const char *max, uint64_t bytes, uint64_t n_tombstones)
{
	return pick_fixture_add(&fx, (struct table_desc){
					     .file_bytes = bytes,
					     .raw_bytes = bytes,
					     .n_records = 100,
					     .n_tombstones = n_tombstones,
					     .min_key = slice_str(min),
					     .max_key = slice_str(max),
					     .group = group,
					     .level = level,
				     });
}

/* A table of so many records, the newest of which is from `max_ts`. */
static uint64_t put_records(unsigned level, const char *min, const char *max,
			    uint64_t n_records, uint64_t n_tombstones,
			    int64_t max_ts)
{
	return pick_fixture_add(&fx, (struct table_desc){
					     .file_bytes = 4 * MIB,
					     .n_records = n_records,
					     .n_tombstones = n_tombstones,
					     .max_ts = max_ts,
					     .min_key = slice_str(min),
					     .max_key = slice_str(max),
					     .group = level ? 0 : fx.next_file,
					     .level = level,
				     });
}

/* Nobody reads at a time before this one. */
static struct past at(int64_t ts)
{
	return (struct past){ ts, ts };
}

static struct version *built(void)
{
	struct version *v;

	ck_ok(version_builder_finish(&fx.builder, &v));
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

	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 0);
	ck_assert_uint_eq(compaction_debt(&fx.picker, v), 0);
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
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 0);
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
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 1);
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

/* Three runs of level 0 of so much each, over a table of `below`. */
static struct version *at_rest(uint64_t each, uint64_t below)
{
	for (uint64_t g = 1; g <= 3; g++)
		put(0, g, "d", "m", each, 0);
	put(LAST_LEVEL, 0, "e", "f", below, 0);
	return built();
}

START_TEST(level_0_at_rest_is_merged_before_its_trigger)
{
	struct version *v = at_rest(11 * MIB, 16 * MIB);
	struct compact_pick pick;

	ck_assert(!compaction_is_due(&fx.picker, v, at(INT64_MAX)));
	ck_assert(compaction_at_rest_is_due(&fx.picker, v));
	ck_assert_int_eq(compact_pick_at_rest(&fx.picker, v, &pick), 1);
	ck_assert_uint_eq(pick.n_parts, 4);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(little_at_rest_stays_where_it_is)
{
	struct version *v = at_rest(10 * MIB, 4 * MIB);

	ck_assert(!compaction_at_rest_is_due(&fx.picker, v));
	version_unref(v);
}
END_TEST

START_TEST(at_rest_nothing_is_merged_with_much)
{
	struct version *v = at_rest(11 * MIB, 17 * MIB);

	ck_assert(!compaction_at_rest_is_due(&fx.picker, v));
	version_unref(v);
}
END_TEST

START_TEST(one_run_at_rest_is_well)
{
	struct compact_pick pick;
	struct version *v;

	put(0, 1, "d", "m", 63 * MIB, 0);
	v = built();
	ck_assert(!compaction_at_rest_is_due(&fx.picker, v));
	ck_assert_int_eq(compact_pick_at_rest(&fx.picker, v, &pick), 0);
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
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 1);
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
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 1);
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
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 1);
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
	level_targets(&fx.picker, v, &t);
	ck_assert_uint_eq(t.base, LAST_LEVEL);
	version_unref(v);

	put(LAST_LEVEL, 0, "a", "z", 2000 * MIB, 0);
	v = built();
	level_targets(&fx.picker, v, &t);
	ck_assert_uint_eq(t.base, LAST_LEVEL - 1);
	ck_assert_uint_eq(t.bytes[LAST_LEVEL - 1], 200 * MIB);
	version_unref(v);

	put(LAST_LEVEL, 0, "a", "z", 30000 * MIB, 0);
	v = built();
	level_targets(&fx.picker, v, &t);
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
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 1);
	ck_assert_uint_eq(pick.level, LAST_LEVEL - 1);
	ck_assert_uint_eq(pick.n_parts, 2);
	ck_assert(picked(&pick, cheap));
	ck_assert_uint_eq(pick.bytes, 650 * MIB);
	ck_assert_uint_gt(compaction_debt(&fx.picker, v), 0);
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
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 1);
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
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 1);
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
	ck_assert_int_eq(compact_pick_range(&fx.picker, v, slice_str("y"),
					    slice_str("y"), &pick),
			 1);
	ck_assert(picked(&pick, newest));
	ck_assert(picked(&pick, oldest));
	/* Nothing of it lies over the range. */
	ck_assert(!picked(&pick, middle));
	compact_pick_fini(&pick);
	ck_assert_int_eq(compact_pick_range(&fx.picker, v, slice_str("d"),
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

	while (compact_pick_range(&fx.picker, v, lower, upper, &pick) == 1) {
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

/* ---- tombstones ------------------------------------------------------- */

START_TEST(dense_tombstones_go_down_before_their_level_is_full)
{
	struct compact_pick pick;
	uint64_t dense, hidden;
	struct version *v;

	put_records(LAST_LEVEL - 1, "a", "b", 5000, 100, 9);
	dense = put_records(LAST_LEVEL - 1, "c", "d", 5000, 4000, 9);
	hidden = put_records(LAST_LEVEL, "c", "e", 9000, 0, 5);
	v = built();
	ck_assert(compaction_is_due(&fx.picker, v, at(INT64_MAX)));
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 1);
	ck_assert_uint_eq(pick.level, LAST_LEVEL - 1);
	ck_assert_uint_eq(pick.out_level, LAST_LEVEL);
	ck_assert(picked(&pick, dense) && picked(&pick, hidden));
	ck_assert_uint_eq(pick.n_parts, 2);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(tombstones_among_many_live_keys_wait_for_their_level)
{
	struct version *v;

	put_records(0, "c", "d", 5000, 5000, 9);
	put_records(LAST_LEVEL, "c", "e", 5000000, 0, 5);
	v = built();
	ck_assert(!compaction_is_due(&fx.picker, v, at(INT64_MAX)));
	version_unref(v);
}
END_TEST

START_TEST(a_dense_run_of_level_0_takes_older_runs_along)
{
	struct compact_pick pick;
	uint64_t dense, under, beside, newer;
	struct version *v;

	under = put_records(0, "a", "k", 3000, 0, 3);
	beside = put_records(0, "x", "z", 3000, 0, 4);
	dense = put_records(0, "c", "m", 5000, 5000, 5);
	newer = put_records(0, "a", "z", 100, 0, 6);
	v = built();
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 1);
	ck_assert(picked(&pick, dense) && picked(&pick, under));
	ck_assert(!picked(&pick, beside) && !picked(&pick, newer));
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(tombstones_that_somebody_reads_before_are_left_alone)
{
	struct compact_pick pick;
	struct version *v;

	put_records(LAST_LEVEL - 1, "c", "d", 5000, 4000, 9);
	put_records(LAST_LEVEL, "m", "p", 9000, 8000, 8);
	v = built();
	ck_assert(!compaction_is_due(&fx.picker, v, at(7)));
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(7), &pick), 0);
	ck_assert(compaction_is_due(&fx.picker, v, at(8)));
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(8), &pick), 1);
	ck_assert_uint_eq(pick.level, LAST_LEVEL);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(dead_tombstones_of_the_last_level_are_removed_in_place)
{
	struct compact_pick pick;
	uint64_t clean, first, second, held;
	struct version *v;

	clean = put_records(LAST_LEVEL, "a", "b", 9000, 0, 9);
	first = put_records(LAST_LEVEL, "c", "d", 9000, 1, 3);
	second = put_records(LAST_LEVEL, "e", "f", 9000, 2, 5);
	held = put_records(LAST_LEVEL, "g", "h", 9000, 2, 7);
	v = built();
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(6), &pick), 1);
	ck_assert_uint_eq(pick.level, LAST_LEVEL);
	ck_assert_uint_eq(pick.out_level, LAST_LEVEL);
	ck_assert(!pick.is_move);
	ck_assert(picked(&pick, first) && picked(&pick, second));
	ck_assert(!picked(&pick, clean) && !picked(&pick, held));
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(a_level_twice_over_goes_before_dense_tombstones)
{
	struct compact_pick pick;
	struct version *v;

	put_records(LAST_LEVEL, "m", "p", 9000, 8000, 8);
	for (uint64_t g = 1; g <= 8; g++)
		put(0, g, "a", "z", 16 * MIB, 0);
	v = built();
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX), &pick),
			 1);
	ck_assert_uint_eq(pick.level, 0);
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

/* ---- pieces of level 0 -------------------------------------------------- */

static struct tt_slice key_no(unsigned i)
{
	static char text[8][8];
	static unsigned at;
	char *t = text[at++ % 8];

	snprintf(t, sizeof(text[0]), "%05u", i);
	return slice_str(t);
}

static uint64_t put_range(unsigned level, uint64_t group, unsigned from,
			  unsigned to, uint64_t bytes)
{
	return pick_fixture_add(&fx, (struct table_desc){
					     .file_bytes = bytes,
					     .n_records = 1,
					     .min_key = key_no(from),
					     .max_key = key_no(to),
					     .group = group,
					     .level = level,
				     });
}

/* A table left in level 0 is not older than one in the pick that it
 * overlaps. */
static void check_closed(const struct version *v,
			 const struct compact_pick *pick)
{
	for (uint32_t i = 0; i < v->n_l0; i++)
		for (uint32_t k = 0; k < v->runs[i].n; k++) {
			const struct table *t = v->runs[i].tables[k];

			if (picked(pick, t->desc.file_no))
				continue;
			for (size_t a = 0; a < pick->n_parts; a++) {
				const struct run_part *part = &pick->parts[a];
				uint32_t from, to;

				if (part->run->level != 0 ||
				    part->run >= &v->runs[i])
					continue;
				run_overlap(part->run, t->desc.min_key,
					    t->desc.max_key, &from, &to);
				ck_assert(to <= part->from || from >= part->to);
			}
		}
}

/* What is left of a version when the pick's upper inputs are gone. */
static struct version *without(struct version *v,
			       const struct compact_pick *pick)
{
	struct version_builder b;
	struct version *next;

	version_builder_init(&b);
	ck_ok(version_builder_add_version(&b, v));
	for (uint32_t i = 0; i < v->n_l0; i++)
		for (uint32_t k = 0; k < v->runs[i].n; k++) {
			uint64_t no = v->runs[i].tables[k]->desc.file_no;

			if (picked(pick, no))
				table_unref(version_builder_remove(&b, no));
		}
	ck_ok(version_builder_finish(&b, &next));
	version_unref(v);
	return next;
}

START_TEST(aligned_runs_go_down_in_bounded_pieces)
{
	struct compact_pick pick;
	unsigned n_pieces = 0;
	struct version *v;

	/* Four flushes of 16 parts; a level of 256 MiB below them. */
	for (uint64_t g = 1; g <= 4; g++)
		for (unsigned i = 0; i < 16; i++)
			put_range(0, g, 100 * i + (unsigned)g,
				  100 * i + 90 + (unsigned)g, MIB);
	for (unsigned i = 0; i < 256; i++)
		put_range(LAST_LEVEL, 0, 25 * i / 4, (25 * i + 20) / 4, MIB);
	v = built();
	while (v->n_l0) {
		ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(INT64_MAX),
						   &pick),
				 v->n_l0 >= 4);
		ck_assert_uint_le(pick.bytes, 2 * 40 * MIB);
		ck_assert_uint_ge(pick.n_parts, 4);
		check_closed(v, &pick);
		v = without(v, &pick);
		compact_pick_fini(&pick);
		n_pieces++;
	}
	ck_assert_uint_ge(n_pieces, 6);
	version_unref(v);
}
END_TEST

/* Whatever lies where: pieces are closed, and level 0 gets empty. */
START_TEST(pieces_of_any_level_0_are_closed)
{
	uint64_t n_rounds = test_scale(300);
	struct rng rng;

	test_rng(&rng);
	for (uint64_t round = 0; round < n_rounds; round++) {
		unsigned n_runs = 1 + (unsigned)rng_below(&rng, 8), steps = 0;
		struct version *v;

		for (unsigned g = 1; g <= n_runs; g++) {
			unsigned at = (unsigned)rng_below(&rng, 50);

			do {
				unsigned end =
					at + (unsigned)rng_below(&rng, 40);

				put_range(0, g, at, end,
					  (1 + rng_below(&rng, 60)) * MIB);
				at = end + 1 + (unsigned)rng_below(&rng, 30);
			} while (at < 300);
		}
		v = built();
		while (v->n_l0) {
			struct compact_pick pick;
			uint64_t n = v->n_tables;
			uint32_t i = (uint32_t)rng_below(&rng, v->n_l0);
			int r;

			r = rng_one_in(&rng, 4)
				    ? level0_pick_under(&fx.picker, v,
							LAST_LEVEL, i, 0,
							v->runs[i].n, &pick)
				    : level0_pick_piece(&fx.picker, v,
							LAST_LEVEL, &pick);
			ck_assert_int_eq(r, 1);
			check_closed(v, &pick);
			for (size_t a = 1; a < pick.n_parts; a++)
				ck_assert(pick.parts[a - 1].run <
					  pick.parts[a].run);
			v = without(v, &pick);
			compact_pick_fini(&pick);
			ck_assert_uint_lt(v->n_tables, n);
			ck_assert_uint_lt(++steps, 1000);
		}
		version_unref(v);
	}
}
END_TEST

/* ---- guards ------------------------------------------------------------- */

START_TEST(guards_divide_a_level_and_stay)
{
	struct guards g = GUARDS_INIT;
	struct version *v;
	struct buf second = BUF_INIT;

	for (unsigned i = 0; i < 64; i++)
		put_range(LAST_LEVEL, 0, 10 * i, 10 * i + 9, 4 * MIB);
	v = built();
	ck_ok(guards_fit(&g, &v->runs[0], 32 * MIB));
	ck_assert_uint_eq(g.n, 7);
	for (size_t i = 0; i < g.n; i++)
		ck_assert(key_eq(buf_slice(&g.keys[i]),
				 key_no(80 * (unsigned)(i + 1))));
	ck_assert_uint_eq(guards_pass(&g, 0, key_no(79)), 0);
	ck_assert_uint_eq(guards_pass(&g, 0, key_no(80)), 1);
	ck_assert_uint_eq(guards_pass(&g, 1, key_no(9999)), 7);
	ck_ok(buf_set(&second, buf_slice(&g.keys[1])));
	version_unref(v);

	/* One part has grown, another is gone, others have moved a little. */
	for (unsigned i = 0; i < 64; i++)
		if (i < 48 || i >= 56)
			put_range(LAST_LEVEL, 0, 10 * i + 1, 10 * i + 8,
				  i < 8 ? 20 * MIB : 4 * MIB);
	v = built();
	ck_ok(guards_fit(&g, &v->runs[0], 32 * MIB));
	for (size_t i = 1; i < g.n; i++)
		ck_assert(key_cmp(buf_slice(&g.keys[i - 1]),
				  buf_slice(&g.keys[i])) < 0);
	ck_assert_uint_eq(guards_pass(&g, 0, key_no(79)), 3);
	ck_assert(key_eq(buf_slice(&g.keys[4]), buf_slice(&second)));
	version_unref(v);

	ck_ok(guards_fit(&g, NULL, 32 * MIB));
	ck_assert_uint_eq(g.n, 0);
	buf_fini(&second);
	guards_fini(&g);
}
END_TEST

START_TEST(there_are_never_too_many_guards)
{
	struct guards g = GUARDS_INIT;
	struct version *v;

	for (unsigned i = 0; i < 900; i++)
		put_range(LAST_LEVEL, 0, 10 * i, 10 * i + 9, 4 * MIB);
	v = built();
	ck_ok(guards_fit(&g, &v->runs[0], 1));
	ck_assert_uint_le(g.n, GUARDS_MAX);
	ck_assert_uint_ge(g.n, GUARDS_MAX / 2);
	version_unref(v);
	guards_fini(&g);
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
	tcase_add_test(t, level_0_at_rest_is_merged_before_its_trigger);
	tcase_add_test(t, little_at_rest_stays_where_it_is);
	tcase_add_test(t, at_rest_nothing_is_merged_with_much);
	tcase_add_test(t, one_run_at_rest_is_well);
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

	t = tcase_create("tombstones");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, dense_tombstones_go_down_before_their_level_is_full);
	tcase_add_test(t, tombstones_among_many_live_keys_wait_for_their_level);
	tcase_add_test(t, a_dense_run_of_level_0_takes_older_runs_along);
	tcase_add_test(t, tombstones_that_somebody_reads_before_are_left_alone);
	tcase_add_test(t,
		       dead_tombstones_of_the_last_level_are_removed_in_place);
	tcase_add_test(t, a_level_twice_over_goes_before_dense_tombstones);
	suite_add_tcase(s, t);

	t = tcase_create("pieces");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, aligned_runs_go_down_in_bounded_pieces);
	tcase_add_test(t, pieces_of_any_level_0_are_closed);
	tcase_add_test(t, guards_divide_a_level_and_stay);
	tcase_add_test(t, there_are_never_too_many_guards);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(compact_pick_suite)
