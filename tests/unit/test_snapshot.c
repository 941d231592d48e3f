/* SPDX-License-Identifier: MIT */
/* Which moments stay readable. */
#include "lsm/clock.h"
#include "lsm/record.h"
#include "lsm/snapshot.h"
#include "support/check_main.h"

#define SECOND 1000000

/* An environment that knows nothing but the time. */
static int64_t now_us;

static int64_t tell_time(struct env *e)
{
	(void)e;
	return now_us;
}

static const struct env_ops ops = { .now_us = tell_time };
static struct env env = { .ops = &ops };
static struct clock clk;
static struct snapshots snaps;

static void setup(void)
{
	now_us = 1000 * SECOND;
	clock_init(&clk, &env, now_us);
	snapshots_init(&snaps, 10 * SECOND);
}

static void teardown(void)
{
	snapshots_fini(&snaps);
}

static struct retained_times collected(void)
{
	struct retained_times t;

	ck_ok(snapshots_collect(&snaps, &clk, &t));
	return t;
}

static void write_now(void)
{
	clock_publish(&clk, clock_next(&clk));
}

START_TEST(the_window_ends_now_and_begins_so_long_before)
{
	struct retained_times t = collected();

	ck_assert_int_eq(t.keep_from, now_us - 10 * SECOND);
	ck_assert_int_eq(snapshots_oldest(&snaps, &clk), t.keep_from);
	ck_assert_uint_eq(t.n, 1);
	ck_assert_int_eq(t.ts[0], now_us);
	retained_times_fini(&t);
	now_us += 4 * SECOND; /* nothing is written, time passes */
	t = collected();
	ck_assert_int_eq(t.keep_from, now_us - 10 * SECOND);
	retained_times_fini(&t);
}
END_TEST

START_TEST(the_window_begins_at_the_newest_write_at_the_latest)
{
	struct retained_times t;
	int64_t last = clock_visible(&clk);

	now_us += 100 * SECOND;
	t = collected();
	ck_assert_int_eq(t.keep_from, last);
	retained_times_fini(&t);
}
END_TEST

START_TEST(without_retention_only_the_present_and_snapshots_count)
{
	struct tt_snapshot *snap;
	struct retained_times t;

	snaps.retention_us = 0;
	ck_ok(snapshots_add(&snaps, &clk, &snap));
	now_us += SECOND;
	write_now();
	t = collected();
	ck_assert_int_eq(t.keep_from, now_us);
	ck_assert_uint_eq(t.n, 2);
	ck_assert_int_eq(retained_times_oldest(&t), snap->ts);
	ck_assert_int_eq(snapshots_oldest(&snaps, &clk), snap->ts);
	ck_assert(!version_is_needed(&t, 1, snap->ts));
	ck_assert(version_is_needed(&t, 1, snap->ts + 1));
	ck_assert(!version_is_needed(&t, snap->ts + 1, now_us));
	ck_assert(version_is_needed(&t, now_us, TS_NEWEST));
	retained_times_fini(&t);
	snapshots_remove(&snaps, snap);
}
END_TEST

START_TEST(a_clock_set_back_stops_the_window)
{
	struct retained_times t;
	int64_t last;

	now_us += 5 * SECOND;
	write_now();
	last = now_us;
	now_us -= 3600ll * SECOND;
	for (int i = 1; i <= 3; i++) {
		now_us += 60 * SECOND;
		write_now();
		ck_assert_int_eq(clock_visible(&clk), last + i);
		t = collected();
		ck_assert_int_eq(t.keep_from, last + i - 10 * SECOND);
		retained_times_fini(&t);
	}
}
END_TEST

START_TEST(a_snapshot_of_the_past_takes_its_place_in_order)
{
	static const int back[] = { 3, 1, 9, 3, 0 };
	static const int order[] = { 9, 3, 1, 0 };
	struct tt_snapshot *s[5], *present;
	struct retained_times t;
	int64_t oldest;

	for (int i = 0; i < 5; i++) {
		ck_ok(snapshots_add_at(&snaps, &clk, now_us - back[i] * SECOND,
				       &s[i]));
		ck_assert_int_eq(s[i]->ts, now_us - back[i] * SECOND);
	}
	ck_ok(snapshots_add_at(&snaps, &clk, INT64_MAX, &present));
	ck_assert_int_eq(present->ts, now_us);
	ck_assert_uint_eq(snapshots_count(&snaps, &oldest), 6);
	ck_assert_int_eq(oldest, now_us - 9 * SECOND);
	t = collected();
	ck_assert_uint_eq(t.n, 4);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(t.ts[i], now_us - order[i] * SECOND);
	retained_times_fini(&t);
	for (int i = 0; i < 5; i++)
		snapshots_remove(&snaps, s[i]);
	snapshots_remove(&snaps, present);
	ck_assert_uint_eq(snapshots_count(&snaps, &oldest), 0);
	ck_assert_int_eq(oldest, 0);
}
END_TEST

START_TEST(no_snapshot_is_older_than_what_work_under_way_keeps)
{
	struct tt_snapshot *snap;
	struct retained_times t;
	int64_t from;

	now_us += 5 * SECOND;
	write_now();
	t = collected();
	from = t.keep_from;
	ck_err(snapshots_add_at(&snaps, &clk, from - 1, &snap), TT_ETOOOLD);
	ck_ok(snapshots_add_at(&snaps, &clk, from, &snap));
	snapshots_remove(&snaps, snap);
	retained_times_fini(&t);
	/* Not afterwards either: it may have dropped what it did not keep. */
	ck_err(snapshots_add_at(&snaps, &clk, from - 1, &snap), TT_ETOOOLD);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("snapshot");
	TCase *t = tcase_create("snapshot");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_window_ends_now_and_begins_so_long_before);
	tcase_add_test(t, the_window_begins_at_the_newest_write_at_the_latest);
	tcase_add_test(t,
		       without_retention_only_the_present_and_snapshots_count);
	tcase_add_test(t, a_clock_set_back_stops_the_window);
	tcase_add_test(t, a_snapshot_of_the_past_takes_its_place_in_order);
	tcase_add_test(t, no_snapshot_is_older_than_what_work_under_way_keeps);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
