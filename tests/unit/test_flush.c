/* SPDX-License-Identifier: MIT */
/* What of a memtable becomes tables, and what nobody needs any more. */
#include <stdio.h>
#include <string.h>

#include "lsm/db.h"
#include "support/check_main.h"
#include "support/tmpdir.h"

static char *dir;
static struct tt *db;

static void open_store(void)
{
	struct tt_options *o = tt_options_new();

	ck_ok(tt_options_set(o, "memory", "16M"));
	ck_ok(tt_open(tmpdir_path(dir, "store"), o, &db));
	tt_options_free(o);
}

static void setup(void)
{
	dir = tmpdir_new();
	open_store();
}

static void teardown(void)
{
	ck_ok(tt_close(db));
	tmpdir_free(dir);
}

static void reopen(void)
{
	ck_ok(tt_close(db));
	open_store();
}

static uint64_t stat_of(const char *name)
{
	uint64_t v;

	ck_ok(tt_stat(db, name, &v));
	return v;
}

static void put(const char *k, const char *v)
{
	ck_ok(tt_put(db, NULL, tt_str(k), tt_str(v), NULL));
}

static void del(const char *k)
{
	ck_ok(tt_delete(db, NULL, tt_str(k), NULL));
}

static void expect(const char *k, const struct tt_snapshot *snap, const char *v)
{
	struct tt_read_options ro = { .snapshot = snap };
	char buf[64];
	size_t n;
	int r = tt_get(db, &ro, tt_str(k), buf, sizeof(buf), &n, NULL);

	ck_assert_int_eq(r, v ? 0 : TT_NOTFOUND);
	if (v)
		ck_assert(slice_eq(SLICE(buf, n), tt_str(v)));
}

START_TEST(what_came_and_went_leaves_nothing)
{
	int64_t ts, later;

	for (int i = 0; i < 1000; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%d", i);
		put(key, "v");
		del(key);
	}
	ck_ok(tt_delete(db, NULL, tt_str("x"), &ts));
	ck_ok(tt_flush(db));
	ck_assert_uint_eq(stat_of("engine.tables.files"), 0);
	expect("7", NULL, NULL);
	/* The log is released, and time still goes on from there. */
	reopen();
	ck_assert_uint_eq(stat_of("engine.replayed_records"), 0);
	ck_assert_int_ge(tt_last_ts(db), ts);
	ck_ok(tt_put(db, NULL, tt_str("7"), tt_str("w"), &later));
	ck_assert_int_gt(later, ts);
	expect("7", NULL, "w");
}
END_TEST

START_TEST(a_deletion_stays_while_a_table_may_hold_the_key)
{
	put("a", "1");
	put("m", "2");
	ck_ok(tt_flush(db));
	del("a"); /* is there */
	del("b"); /* may be there */
	del("z"); /* is not */
	ck_ok(tt_flush(db));
	expect("a", NULL, NULL);
	expect("m", NULL, "2");
	ck_assert_uint_eq(stat_of("engine.records_dropped"), 1);
	reopen();
	expect("a", NULL, NULL);
	ck_ok(tt_compact(db, SLICE_EMPTY, SLICE_EMPTY));
	expect("a", NULL, NULL);
	expect("m", NULL, "2");
}
END_TEST

START_TEST(what_a_snapshot_reads_stays)
{
	struct tt_snapshot *snap;

	put("a", "1");
	put("a", "2");
	ck_ok(tt_snapshot_new(db, &snap));
	del("a");
	ck_ok(tt_flush(db));
	expect("a", snap, "2");
	expect("a", NULL, NULL);
	ck_assert_uint_eq(stat_of("engine.records_dropped"), 1);
	tt_snapshot_free(db, snap);
	reopen();
	expect("a", NULL, NULL);
}
END_TEST

START_TEST(a_deletion_in_an_older_memtable_hides_what_is_below_it)
{
	/* Value, deletion and value again, each in a table of its own: the
	 * last deletion finds the key in two of them. */
	put("a", "1");
	ck_ok(tt_flush(db));
	del("a");
	ck_ok(tt_flush(db));
	put("a", "2");
	del("a");
	ck_ok(tt_flush(db));
	expect("a", NULL, NULL);
	put("a", "3");
	ck_ok(tt_flush(db));
	expect("a", NULL, "3");
	reopen();
	expect("a", NULL, "3");
}
END_TEST

static Suite *flush_suite(void)
{
	Suite *s = suite_create("flush");
	TCase *t = tcase_create("flush");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_came_and_went_leaves_nothing);
	tcase_add_test(t, a_deletion_stays_while_a_table_may_hold_the_key);
	tcase_add_test(t, what_a_snapshot_reads_stays);
	tcase_add_test(t,
		       a_deletion_in_an_older_memtable_hides_what_is_below_it);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(flush_suite)
