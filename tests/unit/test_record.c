/* SPDX-License-Identifier: MIT */
/* Order and bounds of records. */
#include <stdlib.h>

#include "lsm/record.h"
#include "tests/support/check_main.h"
#include "tests/support/prng.h"
#include "ttrunks.h"

static int sign(int c)
{
	return (c > 0) - (c < 0);
}

START_TEST(key_cmp_agrees_with_memcmp)
{
	struct rng rng;
	uint8_t a[40], b[40];

	test_rng(&rng);
	for (int i = 0; i < 100000; i++) {
		struct tt_slice x = { a, rng_below(&rng, sizeof(a)) };
		struct tt_slice y = { b, rng_below(&rng, sizeof(b)) };

		for (size_t k = 0; k < sizeof(a); k++) {
			a[k] = (uint8_t)(rng_one_in(&rng, 8) ? 0xff : 0);
			b[k] = rng_one_in(&rng, 40) ? 0x80 : a[k];
		}
		ck_assert_int_eq(sign(key_cmp(x, y)), sign(slice_cmp(x, y)));
		ck_assert(key_eq(x, y) == slice_eq(x, y));
	}
}
END_TEST

START_TEST(newer_versions_sort_first)
{
	struct tt_slice a = tt_str("a"), b = tt_str("b");

	ck_assert_int_lt(record_cmp_at(a, 2, a, 1), 0);
	ck_assert_int_gt(record_cmp_at(a, 1, a, 2), 0);
	ck_assert_int_eq(record_cmp_at(a, 1, a, 1), 0);
	ck_assert_int_lt(record_cmp_at(a, 1, b, 2), 0);
	ck_assert_int_lt(record_cmp_at(a, TS_NEWEST, a, 5), 0);
	ck_assert_int_gt(record_cmp_at(a, TS_OLDEST, a, 5), 0);
}
END_TEST

START_TEST(record_check_refuses_what_cannot_be)
{
	struct record r = { tt_str("k"), tt_str("v"), 1, RECORD_VALUE };

	ck_ok(record_check(&r));
	r.kind = RECORD_TOMBSTONE;
	ck_err(record_check(&r), TT_ECORRUPT);
	r.value.len = 0;
	ck_ok(record_check(&r));
	r.kind = 200;
	ck_err(record_check(&r), TT_ECORRUPT);
	r.kind = RECORD_RANGE;
	ck_ok(record_check(&r)); /* to the end of all keys */
	r.value = tt_str("k");
	ck_err(record_check(&r), TT_ECORRUPT);
	r.value = tt_str("k0");
	ck_ok(record_check(&r));
	r.kind = RECORD_VALUE;
	r.key.len = 0;
	ck_err(record_check(&r), TT_ECORRUPT);
	r.key.len = TT_KEY_MAX + 1;
	ck_err(record_check(&r), TT_ECORRUPT);
	r.key.len = 1;
	r.value.len = (size_t)TT_VALUE_MAX + 1;
	ck_err(record_check(&r), TT_ECORRUPT);
}
END_TEST

static Suite *record_suite(void)
{
	Suite *s = suite_create("record");
	TCase *t = tcase_create("record");

	tcase_add_test(t, key_cmp_agrees_with_memcmp);
	tcase_add_test(t, newer_versions_sort_first);
	tcase_add_test(t, record_check_refuses_what_cannot_be);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(record_suite)
