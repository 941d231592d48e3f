/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/when.h"
#include "tests/support/check_main.h"

#define NOW 1795680000000000ll /* 2026-11-26T08:00:00Z */

static int64_t at(const char *text)
{
	int64_t us;
	int r = when_parse(text, NOW, &us);

	ck_assert_msg(r == 0, "%s: %d", text, r);
	return us;
}

START_TEST(dates_with_a_zone_are_of_that_zone)
{
	ck_assert_int_eq(at("2026-11-26T08:00:00Z"), NOW);
	ck_assert_int_eq(at("2026-11-26 08:00Z"), NOW);
	ck_assert_int_eq(at("2026-11-26T09:00:00+01:00"), NOW);
	ck_assert_int_eq(at("2026-11-26T04:30:00-0330"), NOW);
	ck_assert_int_eq(at("2026-11-26T08:00:00.25Z"), NOW + 250000);
	ck_assert_int_eq(at("2026-11-26T08:00:00.1234567Z"), NOW + 123456);
}
END_TEST

START_TEST(dates_without_a_zone_are_local)
{
	setenv("TZ", "UTC-2", 1); /* two hours east */
	tzset();
	ck_assert_int_eq(at("2026-11-26 10:00"), NOW);
	ck_assert_int_eq(at("2026-11-26T10:00:01"), NOW + 1000000);
	ck_assert_int_eq(at("2026-11-26"), NOW - 10ll * 3600 * 1000000);
}
END_TEST

START_TEST(seconds_since_the_epoch_follow_an_at_sign)
{
	ck_assert_int_eq(at("@1795680000"), NOW);
	ck_assert_int_eq(at("@1795680000.000001"), NOW + 1);
}
END_TEST

START_TEST(durations_are_that_long_ago)
{
	ck_assert_int_eq(at("90s"), NOW - 90000000);
	ck_assert_int_eq(at("1d"), NOW - 86400ll * 1000000);
}
END_TEST

START_TEST(a_number_is_a_timestamp_of_the_store)
{
	ck_assert_int_eq(at("1795680000123456"), NOW + 123456);
}
END_TEST

START_TEST(anything_else_is_refused)
{
	static const char *const bad[] = {
		"",
		"yesterday",
		"0",
		"@",
		"@-5",
		"@1.5x",
		"@99999999999999999999",
		"99999999999999999999",
		"9000000000d",
		"-1h",
		"2026-13-01",
		"2026-11-26x",
		"2026-11-26T",
		"2026-11-26T25:00",
		"2026-11-26T08:00:00+1",
		"2026-11-26T08:00:00Zulu",
		"1960-01-01",
	};
	int64_t us;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(when_parse(bad[i], NOW, &us) == -EINVAL, "%s",
			      bad[i]);
}
END_TEST

static Suite *when_suite(void)
{
	const TTest *const tests[] = {
		dates_with_a_zone_are_of_that_zone,
		dates_without_a_zone_are_local,
		seconds_since_the_epoch_follow_an_at_sign,
		durations_are_that_long_ago,
		a_number_is_a_timestamp_of_the_store,
		anything_else_is_refused,
	};
	Suite *s = suite_create("when");
	TCase *tc = tcase_create("when");

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(when_suite)
