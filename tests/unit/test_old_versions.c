/* SPDX-License-Identifier: MIT */
/* Old versions go once nobody can read them, though nothing else happens. */
#include <stdio.h>
#include <unistd.h>

#include "base/mutex.h"
#include "lsm/db.h"
#include "lsm/old_versions.h"
#include "support/check_main.h"
#include "support/pick_fixture.h"
#include "support/tmpdir.h"

#define PATIENCE_NS 60000000000ull
#define SECOND 1000000
#define N_KEYS 200u

static char *dir;
static struct tt *db;

static void open_with(const char *retention)
{
	struct tt_options *o = tt_options_new();

	ck_assert_ptr_nonnull(o);
	ck_ok(tt_options_set(o, "memory", "4M"));
	ck_ok(tt_options_set(o, "separate_bytes", "1k"));
	ck_ok(tt_options_set(o, "retention", retention));
	ck_ok(tt_open(tmpdir_path(dir, "store"), o, &db));
	tt_options_free(o);
}

static void setup(void)
{
	dir = tmpdir_new();
}

static void teardown(void)
{
	ck_ok(tt_close(db));
	tmpdir_free(dir);
}

static uint64_t stat_of(const char *name)
{
	uint64_t v;

	ck_ok(tt_stat(db, name, &v));
	return v;
}

/* Writes all keys once. */
static void write_all(size_t value_bytes)
{
	static uint8_t value[4096];
	char key[32];

	for (unsigned i = 0; i < N_KEYS; i++) {
		(void)snprintf(key, sizeof(key), "key%04u", i);
		ck_ok(tt_put(db, NULL, tt_str(key), SLICE(value, value_bytes),
			     NULL));
	}
}

static void delete_all(void)
{
	char key[32];

	for (unsigned i = 0; i < N_KEYS; i++) {
		(void)snprintf(key, sizeof(key), "key%04u", i);
		ck_ok(tt_delete(db, NULL, tt_str(key), NULL));
	}
}

static void wait_for_records(uint64_t n)
{
	uint64_t until = mono_ns() + PATIENCE_NS;

	while (stat_of("engine.tables.records") > n && mono_ns() < until)
		(void)usleep(1000);
	ck_assert_uint_eq(stat_of("engine.tables.records"), n);
}

/* ---- a store at rest ------------------------------------------------------ */

START_TEST(the_window_passes_and_old_versions_go)
{
	open_with("500ms");
	for (int i = 0; i < 3; i++)
		write_all(100);
	ck_ok(tt_flush(db));
	ck_assert_uint_eq(stat_of("engine.tables.records"), 3 * N_KEYS);
	wait_for_records(N_KEYS);
	ck_assert_uint_eq(stat_of("engine.compactions"), 1);
}
END_TEST

START_TEST(so_do_those_in_the_last_level)
{
	open_with("500ms");
	for (int i = 0; i < 3; i++) {
		write_all(100);
		ck_ok(tt_compact(db, SLICE_EMPTY, SLICE_EMPTY));
	}
	ck_assert_uint_eq(stat_of("engine.tables.records"), 3 * N_KEYS);
	wait_for_records(N_KEYS);
}
END_TEST

static void put_one(unsigned i)
{
	char key[32];

	(void)snprintf(key, sizeof(key), "key%04u", i);
	ck_ok(tt_put(db, NULL, tt_str(key), tt_str("some value"), NULL));
}

START_TEST(few_of_them_go_when_that_is_asked_for)
{
	struct tt_slice all = { NULL, 0 };
	struct tt_snapshot *snap;

	open_with("0");
	write_all(1000);
	put_one(3);
	ck_ok(tt_snapshot_new(db, &snap));
	put_one(3);
	ck_ok(tt_compact(db, all, all));
	ck_assert_uint_eq(stat_of("engine.tables.old_versions"), 1);
	ck_ok(tt_compact(db, all, all));
	ck_assert_uint_eq(stat_of("engine.tables.records"), N_KEYS + 1);
	tt_snapshot_free(db, snap);
	/* Not a sixteenth of the table: it waits. */
	thread_pool_drain(db->pool);
	ck_assert_uint_eq(stat_of("engine.tables.old_versions"), 1);
	ck_ok(tt_compact(db, tt_str("key0004"), all));
	ck_assert_uint_eq(stat_of("engine.tables.old_versions"), 0);
	ck_assert_uint_eq(stat_of("engine.tables.records"), N_KEYS);
}
END_TEST

START_TEST(tombstones_go_with_what_they_hide)
{
	open_with("500ms");
	write_all(100);
	delete_all();
	ck_ok(tt_compact(db, SLICE_EMPTY, SLICE_EMPTY));
	ck_assert_uint_eq(stat_of("engine.tables.records"), 2 * N_KEYS);
	wait_for_records(0);
}
END_TEST

START_TEST(a_range_tombstone_makes_old_versions_too)
{
	open_with("500ms");
	write_all(100);
	ck_ok(tt_delete_range(db, NULL, tt_str("key"), tt_str("kez"), NULL));
	ck_ok(tt_put(db, NULL, tt_str("after"), tt_str("it"), NULL));
	ck_ok(tt_flush(db));
	wait_for_records(2); /* it stays itself as long as it is in level 0 */
}
END_TEST

START_TEST(a_store_opened_again_goes_on_waiting)
{
	open_with("1s");
	write_all(100);
	write_all(100);
	ck_ok(tt_flush(db));
	ck_ok(tt_close(db));
	open_with("1s");
	ck_assert_uint_eq(stat_of("engine.tables.records"), 2 * N_KEYS);
	wait_for_records(N_KEYS);
}
END_TEST

START_TEST(the_last_snapshot_goes_and_old_versions_with_it)
{
	struct tt_snapshot *a, *b;

	open_with("0");
	write_all(100);
	ck_ok(tt_snapshot_new(db, &a));
	write_all(100);
	ck_ok(tt_snapshot_new(db, &b));
	write_all(100);
	ck_ok(tt_flush(db));
	ck_assert_uint_eq(stat_of("engine.tables.records"), 3 * N_KEYS);
	tt_snapshot_free(db, b);
	ck_assert_uint_eq(stat_of("engine.tables.records"), 3 * N_KEYS);
	tt_snapshot_free(db, a);
	wait_for_records(N_KEYS);
}
END_TEST

START_TEST(separated_values_go_with_their_records)
{
	uint64_t until = mono_ns() + PATIENCE_NS, live;

	open_with("500ms");
	for (int i = 0; i < 4; i++)
		write_all(2000);
	ck_ok(tt_close(db)); /* seals the value file */
	open_with("500ms");
	ck_ok(tt_flush(db));
	wait_for_records(N_KEYS);
	while ((live = stat_of("engine.values.live_bytes")) > N_KEYS * 2100 &&
	       mono_ns() < until)
		(void)usleep(1000);
	ck_assert_uint_le(live, N_KEYS * 2100);
}
END_TEST

/* What patches made is put together when nobody reads in between. */
START_TEST(patches_become_the_value_that_they_make)
{
	open_with("500ms");
	write_all(100);
	for (unsigned i = 0; i < 10; i++)
		ck_ok(tt_patch(db, NULL, tt_str("key0007"), i, tt_str("x"),
			       NULL));
	ck_ok(tt_flush(db));
	ck_assert_uint_eq(stat_of("engine.tables.records"), N_KEYS + 10);
	wait_for_records(N_KEYS);
}
END_TEST

START_TEST(a_store_without_old_versions_is_not_woken)
{
	open_with("1h");
	write_all(100);
	ck_ok(tt_flush(db));
	thread_pool_drain(db->pool);
	ck_assert(!thread_pool_cancel(db->pool, &db->wake_task));
	write_all(100);
	write_all(100);
	ck_ok(tt_flush(db));
	thread_pool_drain(db->pool);
	ck_assert(thread_pool_cancel(db->pool, &db->wake_task));
}
END_TEST

/* Opened without a window the store may drop all; the snapshot is what keeps
 * them, and what wakes the store. */
START_TEST(who_waits_for_a_snapshot_is_not_woken_by_time)
{
	struct tt_snapshot *snap;

	open_with("0");
	write_all(100);
	ck_ok(tt_snapshot_new(db, &snap));
	write_all(100);
	ck_ok(tt_flush(db));
	thread_pool_drain(db->pool);
	ck_assert(!thread_pool_cancel(db->pool, &db->wake_task));
	tt_snapshot_free(db, snap);
	wait_for_records(N_KEYS);
}
END_TEST

/* ---- which tables ----------------------------------------------------------- */

static int64_t wait_of(uint64_t raw_bytes, uint64_t old_bytes)
{
	struct table_desc d = {
		.raw_bytes = raw_bytes,
		.n_records = 100,
		.old = { .n = 1, .bytes = old_bytes, .until = 5 },
	};

	return old_versions_ripe_at(&d) - 5;
}

START_TEST(the_less_there_is_to_gain_the_longer_it_waits)
{
	ck_assert_int_eq(wait_of(1 << 20, 1 << 20), 0);
	ck_assert_int_eq(wait_of(1 << 20, (1 << 16) + 1), 0);
	ck_assert_int_eq(wait_of(1 << 20, 1 << 16), 10 * SECOND);
	ck_assert_int_eq(wait_of(1 << 20, 1 << 15), 20 * SECOND);
	ck_assert_int_eq(wait_of(1ull << 40, 1), 3600ll * SECOND);
	ck_assert_int_eq(wait_of(UINT64_MAX, 1), 3600ll * SECOND);
}
END_TEST

START_TEST(a_table_without_old_versions_is_never_ripe)
{
	struct table_desc d = { .raw_bytes = 1000, .n_records = 100 };

	ck_assert_int_eq(old_versions_ripe_at(&d), TS_NEWEST);
	d.old = (struct old_versions){ 1, 1, TS_NEWEST - 1 };
	ck_assert_int_eq(old_versions_ripe_at(&d), TS_NEWEST);
	d.old.until = TS_OLDEST;
	ck_assert_int_eq(old_versions_ripe_at(&d),
			 TS_OLDEST + 10 * SECOND / 16 * 1000);
}
END_TEST

/* ---- what is picked --------------------------------------------------------- */

#define MIB ((uint64_t)1 << 20)

static struct pick_fixture fx;

static void setup_picker(void)
{
	pick_fixture_init(&fx, 16 * MIB, 4 * MIB, 4);
}

static void teardown_picker(void)
{
	pick_fixture_fini(&fx);
}

static uint64_t put_desc(struct table_desc d)
{
	d.file_bytes = d.raw_bytes = 4 * MIB;
	d.group = d.level ? 0 : fx.next_file;
	return pick_fixture_add(&fx, d);
}

/* A table, the newest record of which is from `max_ts`. */
static uint64_t put_table(unsigned level, const char *min, const char *max,
			  uint64_t n_tombstones, int64_t max_ts)
{
	return put_desc((struct table_desc){
		.n_records = 9000,
		.n_tombstones = n_tombstones,
		.max_ts = max_ts,
		.min_key = slice_str(min),
		.max_key = slice_str(max),
		.level = level,
	});
}

/* One of which so large a part is old. */
static uint64_t put_old(unsigned level, const char *min, const char *max,
			uint64_t part, int64_t until)
{
	return put_desc((struct table_desc){
		.n_records = 5000,
		.max_ts = until,
		.min_key = slice_str(min),
		.max_key = slice_str(max),
		.level = level,
		.old = { .n = 1, .bytes = 4 * MIB / part, .until = until },
	});
}

static struct version *built(void)
{
	struct version *v;

	ck_ok(version_builder_finish(&fx.builder, &v));
	return v;
}

/* Nobody reads at a time before this one. */
static struct past at(int64_t ts)
{
	return (struct past){ ts, ts };
}

static bool picked(const struct compact_pick *pick, uint64_t file_no)
{
	for (size_t i = 0; i < pick->n_parts; i++)
		for (uint32_t k = pick->parts[i].from; k < pick->parts[i].to;
		     k++)
			if (pick->parts[i].run->tables[k]->desc.file_no ==
			    file_no)
				return true;
	return false;
}

START_TEST(old_versions_are_removed_in_place_when_nobody_reads_them)
{
	struct compact_pick pick;
	uint64_t clean, first, second, held;
	struct version *v;

	clean = put_table(LAST_LEVEL, "a", "b", 0, 1);
	first = put_old(LAST_LEVEL, "c", "d", 2, 3);
	second = put_old(LAST_LEVEL, "e", "f", 2, 5);
	held = put_old(LAST_LEVEL, "g", "h", 2, 7);
	v = built();
	ck_assert_int_eq(v->waits_for, 3);
	ck_assert(!compaction_is_due(&fx.picker, v, at(2)));
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(2), &pick), 0);
	ck_assert(compaction_is_due(&fx.picker, v, at(6)));
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

START_TEST(runs_of_level_0_shed_old_versions_each_by_itself)
{
	struct compact_pick pick;
	uint64_t older = put_old(0, "a", "b", 2, 3);
	uint64_t newer = put_old(0, "a", "b", 2, 5);
	struct version *v = built();

	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(5), &pick), 1);
	ck_assert(picked(&pick, newer) && !picked(&pick, older));
	ck_assert_uint_eq(pick.out_level, 0);
	ck_assert_uint_eq(pick.group, newer);
	compact_pick_fini(&pick);
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, at(3), &pick), 1);
	ck_assert(picked(&pick, older) && !picked(&pick, newer));
	compact_pick_fini(&pick);
	version_unref(v);
}
END_TEST

START_TEST(few_old_versions_wait_for_a_compaction_of_their_level)
{
	struct compact_pick pick;
	struct past past = at(3);
	int64_t wakes;
	struct version *v;

	put_old(LAST_LEVEL, "c", "d", 1000, 3);
	v = built();
	wakes = compaction_wakes_at(&fx.picker, v, TS_NEWEST);
	ck_assert_int_gt(wakes, 3 + 600000000);
	past.window = wakes - 1;
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, past, &pick), 0);
	past.window = wakes;
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, past, &pick), 1);
	compact_pick_fini(&pick);
	/* However long it is: not while somebody reads them. */
	past.oldest = 2;
	ck_assert_int_eq(compact_pick_next(&fx.picker, v, past, &pick), 0);
	version_unref(v);
}
END_TEST

START_TEST(time_makes_due_what_no_snapshot_keeps)
{
	struct version *v;

	put_table(LAST_LEVEL - 1, "c", "d", 4000, 9);
	put_table(LAST_LEVEL, "m", "p", 8000, 8);
	put_old(LAST_LEVEL, "x", "y", 2, 5);
	v = built();
	ck_assert_int_eq(v->waits_for, 5);
	ck_assert_int_eq(compaction_wakes_at(&fx.picker, v, TS_NEWEST), 5);
	ck_assert_int_eq(compaction_wakes_at(&fx.picker, v, 5), 5);
	ck_assert_int_eq(compaction_wakes_at(&fx.picker, v, 4), TS_NEWEST);
	version_unref(v);
	put_table(LAST_LEVEL - 1, "c", "d", 4000, 9);
	put_table(LAST_LEVEL, "m", "p", 8000, 8);
	v = built();
	ck_assert_int_eq(compaction_wakes_at(&fx.picker, v, TS_NEWEST), 8);
	version_unref(v);
	put_table(LAST_LEVEL, "m", "p", 0, 8);
	v = built();
	ck_assert_int_eq(v->waits_for, TS_NEWEST);
	ck_assert_int_eq(compaction_wakes_at(&fx.picker, v, TS_NEWEST),
			 TS_NEWEST);
	version_unref(v);
}
END_TEST

static Suite *old_versions_suite(void)
{
	Suite *s = suite_create("old_versions");
	TCase *t = tcase_create("rest");
	TCase *rule = tcase_create("rule");
	TCase *picks = tcase_create("picks");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, the_window_passes_and_old_versions_go);
	tcase_add_test(t, so_do_those_in_the_last_level);
	tcase_add_test(t, few_of_them_go_when_that_is_asked_for);
	tcase_add_test(t, tombstones_go_with_what_they_hide);
	tcase_add_test(t, a_range_tombstone_makes_old_versions_too);
	tcase_add_test(t, a_store_opened_again_goes_on_waiting);
	tcase_add_test(t, the_last_snapshot_goes_and_old_versions_with_it);
	tcase_add_test(t, separated_values_go_with_their_records);
	tcase_add_test(t, patches_become_the_value_that_they_make);
	tcase_add_test(t, a_store_without_old_versions_is_not_woken);
	tcase_add_test(t, who_waits_for_a_snapshot_is_not_woken_by_time);
	suite_add_tcase(s, t);
	tcase_add_test(rule, the_less_there_is_to_gain_the_longer_it_waits);
	tcase_add_test(rule, a_table_without_old_versions_is_never_ripe);
	suite_add_tcase(s, rule);
	tcase_add_checked_fixture(picks, setup_picker, teardown_picker);
	tcase_add_test(
		picks,
		old_versions_are_removed_in_place_when_nobody_reads_them);
	tcase_add_test(picks, runs_of_level_0_shed_old_versions_each_by_itself);
	tcase_add_test(picks,
		       few_old_versions_wait_for_a_compaction_of_their_level);
	tcase_add_test(picks, time_makes_due_what_no_snapshot_keeps);
	suite_add_tcase(s, picks);
	return s;
}

TEST_MAIN(old_versions_suite)
