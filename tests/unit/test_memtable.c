/* SPDX-License-Identifier: MIT */
/* Memtables: visibility by timestamp, and who keeps them alive. */
#include <stdlib.h>

#include "lsm/memtable.h"
#include "tests/support/check_main.h"
#include "ttrunks.h"

static struct memtable *m;

static void setup(void)
{
	ck_ok(memtable_new(&m));
}

static void teardown(void)
{
	memtable_unref(m);
}

static void put(const char *key, int64_t ts, const char *value)
{
	if (value)
		ck_ok(memtable_add(m, tt_str(key), ts, RECORD_VALUE,
				   tt_str(value)));
	else
		ck_ok(memtable_add(m, tt_str(key), ts, RECORD_TOMBSTONE,
				   SLICE_EMPTY));
}

START_TEST(get_sees_the_newest_version_not_after_its_time)
{
	struct record r;

	put("k", 10, "ten");
	put("k", 20, NULL);
	put("k", 30, "thirty");
	put("kk", 5, "other");
	ck_err(memtable_get(m, tt_str("k"), 9, &r), TT_NOTFOUND);
	ck_err(memtable_get(m, tt_str("absent"), TS_NEWEST, &r), TT_NOTFOUND);
	ck_ok(memtable_get(m, tt_str("k"), 19, &r));
	ck_assert(slice_eq(r.value, tt_str("ten")));
	ck_ok(memtable_get(m, tt_str("k"), 20, &r));
	ck_assert_int_eq(r.kind, RECORD_TOMBSTONE);
	ck_ok(memtable_get(m, tt_str("k"), TS_NEWEST, &r));
	ck_assert(slice_eq(r.value, tt_str("thirty")));
	ck_assert_int_eq(r.ts, 30);
	ck_assert_uint_eq(memtable_count(m), 4);
}
END_TEST

START_TEST(the_last_of_equal_timestamps_wins)
{
	struct record r;

	put("k", 10, "first");
	put("k", 10, "second");
	ck_ok(memtable_get(m, tt_str("k"), 10, &r));
	ck_assert(slice_eq(r.value, tt_str("second")));
	ck_assert_uint_eq(memtable_count(m), 1);
}
END_TEST

START_TEST(a_cursor_keeps_the_memtable_alive)
{
	struct memtable *other;
	struct rec_iter *it;

	ck_ok(memtable_new(&other));
	ck_ok(memtable_add(other, tt_str("b"), 1, 0, tt_str("x")));
	ck_ok(memtable_add(other, tt_str("a"), 1, 0, tt_str("y")));
	ck_ok(memtable_iter_new(other, &it));
	memtable_unref(other);
	ck_ok(rec_iter_first(it));
	ck_assert(slice_eq(it->rec.key, tt_str("a")));
	ck_ok(rec_iter_next(it));
	ck_assert(slice_eq(it->rec.key, tt_str("b")));
	ck_err(rec_iter_next(it), TT_END);
	ck_ok(rec_iter_last(it));
	ck_ok(rec_iter_prev(it));
	ck_err(rec_iter_prev(it), TT_END);
	ck_ok(rec_iter_seek(it, tt_str("aa"), TS_NEWEST));
	ck_assert(slice_eq(it->rec.key, tt_str("b")));
	ck_ok(rec_iter_seek_for_prev(it, tt_str("aa"), TS_NEWEST));
	ck_assert(slice_eq(it->rec.key, tt_str("a")));
	rec_iter_free(it);
}
END_TEST

static Suite *memtable_suite(void)
{
	Suite *s = suite_create("memtable");
	TCase *t = tcase_create("memtable");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, get_sees_the_newest_version_not_after_its_time);
	tcase_add_test(t, the_last_of_equal_timestamps_wins);
	tcase_add_test(t, a_cursor_keeps_the_memtable_alive);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(memtable_suite)
