/* SPDX-License-Identifier: MIT */
/*
 * Iterators of an open store: those that rest between two uses, and what they
 * may and may not hold on to meanwhile.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lsm/db.h"
#include "support/check_main.h"
#include "support/tmpdir.h"

static char *dir;
static struct tt_options *opts;
static struct tt *db;

static void open_store(void)
{
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
}

static void setup(void)
{
	dir = tmpdir_new();
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	ck_ok(tt_options_set(opts, "memory", "16M"));
	ck_ok(tt_options_set(opts, "table_bytes", "64k"));
	ck_ok(tt_options_set(opts, "compression", "none"));
	open_store();
}

static void teardown(void)
{
	ck_ok(tt_close(db));
	tt_options_free(opts);
	tmpdir_free(dir);
}

static struct tt_slice key_of(unsigned i)
{
	static _Thread_local char bufs[4][32];
	static _Thread_local unsigned at;
	char *b = bufs[at++ % 4];

	(void)snprintf(b, sizeof(bufs[0]), "key%08u", i);
	return tt_str(b);
}

/* Keys from, from + step, ... below `to`. */
static void fill(unsigned from, unsigned to, unsigned step, const char *value)
{
	for (unsigned i = from; i < to; i += step)
		ck_ok(tt_put(db, NULL, key_of(i), tt_str(value), NULL));
}

static struct tt_iter *open_iter(const struct tt_iter_options *o)
{
	struct tt_iter *it;

	ck_ok(tt_iter_new(db, o, &it));
	return it;
}

static void check_at(const struct tt_iter *it, unsigned key, const char *value)
{
	ck_assert(tt_iter_valid(it));
	ck_assert(slice_eq(tt_iter_key(it), key_of(key)));
	ck_assert(slice_eq(tt_iter_value(it), tt_str(value)));
}

static uint64_t stat_of(const char *name)
{
	uint64_t v;

	ck_ok(tt_stat(db, name, &v));
	return v;
}

/* ---- at rest ------------------------------------------------------------ */

START_TEST(an_iterator_used_again_sees_what_was_written_since)
{
	struct tt_iter *it = open_iter(NULL), *again;

	ck_err(tt_iter_first(it), TT_END);
	tt_iter_free(it);
	fill(0, 1, 1, "new");
	again = open_iter(NULL);
	ck_assert_ptr_eq(again, it);
	ck_assert(!tt_iter_valid(again));
	ck_ok(tt_iter_first(again));
	check_at(again, 0, "new");
	tt_iter_free(again);
	/* Another memtable, other tables: nothing is left of the old state. */
	ck_ok(tt_flush(db));
	fill(0, 1, 1, "newer");
	it = open_iter(NULL);
	ck_ok(tt_iter_first(it));
	check_at(it, 0, "newer");
	ck_err(tt_iter_next(it), TT_END);
	tt_iter_free(it);
}
END_TEST

START_TEST(options_of_the_last_use_are_forgotten)
{
	struct tt_iter_options o = { .lower = tt_str("key00000003"),
				     .upper = tt_str("key00000005"),
				     .no_fill = true };
	struct tt_snapshot *snap;
	struct tt_iter *it;

	fill(0, 8, 1, "old");
	ck_ok(tt_flush(db));
	ck_ok(tt_snapshot_new(db, &snap));
	fill(0, 8, 1, "new");
	o.snapshot = snap;
	it = open_iter(&o);
	ck_ok(tt_iter_first(it));
	check_at(it, 3, "old");
	ck_ok(tt_iter_last(it));
	check_at(it, 4, "old");
	tt_iter_free(it);
	it = open_iter(NULL);
	ck_ok(tt_iter_first(it));
	check_at(it, 0, "new");
	ck_ok(tt_iter_last(it));
	check_at(it, 7, "new");
	tt_iter_free(it);
	tt_snapshot_free(db, snap);
}
END_TEST

START_TEST(iterators_of_one_thread_do_not_disturb_each_other)
{
	struct tt_iter *its[4];

	fill(0, 100, 1, "v");
	ck_ok(tt_flush(db));
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 4; i++) {
			its[i] = open_iter(NULL);
			ck_ok(tt_iter_seek(its[i], key_of(10 * i + round)));
		}
		for (unsigned i = 0; i < 4; i++)
			check_at(its[i], 10 * i + round, "v");
		/* In any order. */
		for (unsigned i = 0; i < 4; i++)
			tt_iter_free(its[(i * 3 + round) % 4]);
	}
}
END_TEST

static void *free_iter(void *it)
{
	tt_iter_free(it);
	return NULL;
}

START_TEST(an_iterator_may_be_freed_by_another_thread)
{
	for (unsigned i = 0; i < 20; i++) {
		struct tt_iter *it = open_iter(NULL);
		pthread_t t;

		fill(0, i, 1, "v");
		if (i % 3 == 0)
			ck_ok(tt_flush(db));
		ck_assert_int_eq(pthread_create(&t, NULL, free_iter, it), 0);
		ck_assert_int_eq(pthread_join(t, NULL), 0);
	}
}
END_TEST

START_TEST(a_resting_iterator_keeps_no_dropped_table)
{
	struct tt_iter *it;
	uint64_t files;

	/* Overlapping, so that a compaction rewrites them. */
	for (unsigned i = 0; i < 2; i++) {
		fill(i, 2000, 2, "some value");
		ck_ok(tt_flush(db));
	}
	it = open_iter(NULL);
	ck_ok(tt_iter_first(it));
	tt_iter_free(it);
	files = stat_of("engine.tables.files");
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	/* gc works in the background. */
	while (stat_of("engine.files_removed") < files)
		;
}
END_TEST

#define N_RESTING 16
static pthread_barrier_t all_are_there;

/* Each thread leaves an iterator that pins another table; at the barrier, so
 * that none gets the slot of one that has ended. */
static void *seek_once(void *key)
{
	struct tt_iter *it = open_iter(NULL);

	ck_ok(tt_iter_seek(it, key_of((unsigned)(uintptr_t)key)));
	tt_iter_free(it);
	(void)pthread_barrier_wait(&all_are_there);
	return NULL;
}

static void leave_resting_iterators(unsigned keys_apart)
{
	pthread_t t[N_RESTING];
	int r;

	r = pthread_barrier_init(&all_are_there, NULL, N_RESTING);
	ck_assert_int_eq(r, 0);
	for (unsigned i = 0; i < N_RESTING; i++) {
		r = pthread_create(&t[i], NULL, seek_once,
				   (void *)(uintptr_t)(keys_apart * i));
		ck_assert_int_eq(r, 0);
	}
	for (unsigned i = 0; i < N_RESTING; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	pthread_barrier_destroy(&all_are_there);
}

START_TEST(resting_iterators_make_room_for_tables_that_are_wanted)
{
	char buf[16];

	ck_ok(tt_close(db));
	ck_ok(tt_options_set(opts, "max_open_tables", "8"));
	open_store();
	fill(0, 40000, 1, "a value that fills tables");
	ck_ok(tt_flush(db));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_assert_uint_gt(stat_of("engine.tables.files"), 20);
	leave_resting_iterators(40000 / N_RESTING);
	ck_assert_uint_gt(stat_of("engine.tables.open"), 1);
	for (unsigned i = 0; i < 40000; i += 500)
		ck_ok(tt_get(db, NULL, key_of(i), buf, sizeof(buf), NULL,
			     NULL));
	ck_assert_uint_le(stat_of("engine.tables.open"), 8);
}
END_TEST

START_TEST(a_refresh_without_changes_keeps_everything_but_the_place)
{
	struct tt_iter *it;
	uint64_t opens;

	fill(0, 2000, 1, "v");
	ck_ok(tt_flush(db));
	it = open_iter(NULL);
	ck_ok(tt_iter_seek(it, key_of(1000)));
	opens = stat_of("engine.tables.opens");
	fill(1000, 1001, 1, "w");
	check_at(it, 1000, "v");
	ck_ok(tt_iter_refresh(it));
	ck_assert(!tt_iter_valid(it));
	ck_ok(tt_iter_seek(it, key_of(1000)));
	check_at(it, 1000, "w");
	ck_assert_uint_eq(stat_of("engine.tables.opens"), opens);
	tt_iter_free(it);
}
END_TEST

static Suite *db_iter_suite(void)
{
	Suite *s = suite_create("db_iter");
	TCase *t = tcase_create("rest");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_iterator_used_again_sees_what_was_written_since);
	tcase_add_test(t, options_of_the_last_use_are_forgotten);
	tcase_add_test(t, iterators_of_one_thread_do_not_disturb_each_other);
	tcase_add_test(t, an_iterator_may_be_freed_by_another_thread);
	tcase_add_test(t, a_resting_iterator_keeps_no_dropped_table);
	tcase_add_test(t,
		       resting_iterators_make_room_for_tables_that_are_wanted);
	tcase_add_test(
		t, a_refresh_without_changes_keeps_everything_but_the_place);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(db_iter_suite)
