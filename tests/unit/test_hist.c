/* SPDX-License-Identifier: MIT */
#include <check.h>

#include "base/hist.h"
#include "tests/support/check_main.h"
#include "tests/support/prng.h"

static struct hist h;

static void setup(void)
{
	hist_init(&h);
}

START_TEST(empty_is_all_zero)
{
	ck_assert_uint_eq(hist_count(&h), 0);
	ck_assert_uint_eq(hist_min(&h), 0);
	ck_assert_uint_eq(hist_max(&h), 0);
	ck_assert_uint_eq(hist_percentile(&h, 99), 0);
	ck_assert(hist_mean(&h) == 0);
}
END_TEST

START_TEST(buckets_cover_all_values_in_order)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		uint64_t top = hist_bucket_max(i);

		ck_assert_uint_eq(hist_bucket(top), i);
		if (i + 1 < HIST_BUCKETS)
			ck_assert_uint_eq(hist_bucket(top + 1), i + 1);
	}
	ck_assert_uint_eq(hist_bucket_max(HIST_BUCKETS - 1), UINT64_MAX);
}
END_TEST

START_TEST(percentiles_are_near_the_truth)
{
	for (uint64_t v = 1; v <= 100000; v++)
		hist_record(&h, v);
	for (int p = 1; p <= 100; p++) {
		uint64_t truth = (uint64_t)p * 1000;
		uint64_t got = hist_percentile(&h, p);

		ck_assert_uint_ge(got, truth);
		ck_assert_uint_le(got, truth + truth / 16 + 1);
	}
	ck_assert_uint_eq(hist_min(&h), 1);
	ck_assert_uint_eq(hist_max(&h), 100000);
	ck_assert_uint_eq(hist_count(&h), 100000);
	ck_assert(hist_mean(&h) > 50000 && hist_mean(&h) < 50001);
}
END_TEST

START_TEST(merge_equals_recording_both)
{
	static struct hist a, b, both;
	struct rng r;

	test_rng(&r);
	hist_init(&a);
	hist_init(&b);
	hist_init(&both);
	for (int i = 0; i < 1000; i++) {
		uint64_t v = rng_next(&r) >> rng_below(&r, 60);

		hist_record(i % 3 ? &a : &b, v);
		hist_record(&both, v);
	}
	hist_merge(&a, &b);
	ck_assert_uint_eq(hist_count(&a), hist_count(&both));
	ck_assert_uint_eq(hist_sum(&a), hist_sum(&both));
	ck_assert_uint_eq(hist_min(&a), hist_min(&both));
	ck_assert_uint_eq(hist_max(&a), hist_max(&both));
	ck_assert_uint_eq(hist_percentile(&a, 50), hist_percentile(&both, 50));
}
END_TEST

START_TEST(extremes_fit)
{
	hist_record(&h, 0);
	hist_record(&h, UINT64_MAX);
	ck_assert_uint_eq(hist_percentile(&h, 0), 0);
	ck_assert_uint_eq(hist_percentile(&h, 100), UINT64_MAX);
}
END_TEST

static Suite *hist_suite(void)
{
	Suite *s = suite_create("hist");
	TCase *t = tcase_create("hist");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, empty_is_all_zero);
	tcase_add_test(t, buckets_cover_all_values_in_order);
	tcase_add_test(t, percentiles_are_near_the_truth);
	tcase_add_test(t, merge_equals_recording_both);
	tcase_add_test(t, extremes_fit);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(hist_suite)
