/* SPDX-License-Identifier: MIT */
/* Wire integers and varints. */
#include <check.h>
#include <string.h>

#include "base/le.h"
#include "base/varint.h"
#include "tests/support/check_main.h"
#include "tests/support/prng.h"

START_TEST(little_endian_has_the_low_byte_first)
{
	le32 x = le32_make(0x01020304);
	le16 y = le16_make(0x0102);
	le64 z = le64_make(0x0102030405060708);

	ck_assert_mem_eq(x.b, "\4\3\2\1", 4);
	ck_assert_mem_eq(y.b, "\2\1", 2);
	ck_assert_mem_eq(z.b, "\10\7\6\5\4\3\2\1", 8);
	ck_assert_uint_eq(le32_get(x), 0x01020304);
	ck_assert_uint_eq(le64_get(z), 0x0102030405060708);
}
END_TEST

START_TEST(big_endian_sorts_as_bytes)
{
	be64 a = be64_make(255), b = be64_make(256);

	ck_assert_int_lt(memcmp(a.b, b.b, 8), 0);
	ck_assert_uint_eq(be64_get(b), 256);
	ck_assert_mem_eq(be32_make(1).b, "\0\0\0\1", 4);
	ck_assert_uint_eq(be16_get(be16_make(0xabcd)), 0xabcd);
}
END_TEST

START_TEST(loads_need_no_alignment)
{
	uint8_t raw[9] = { 0, 1, 0, 0, 0, 0, 0, 0, 0 };

	ck_assert_uint_eq(le64_load(raw + 1), 1);
	le32_store(raw + 1, 0xdeadbeef);
	ck_assert_uint_eq(le32_load(raw + 1), 0xdeadbeef);
}
END_TEST

START_TEST(varints_round_trip_at_every_length)
{
	uint8_t raw[VARINT64_MAX];

	for (unsigned bit = 0; bit < 64; bit++) {
		for (int d = -1; d <= 1; d++) {
			uint64_t v = ((uint64_t)1 << bit) + (uint64_t)d, back;
			size_t n = varint_put(raw, v);

			ck_assert_uint_eq(n, varint_len(v));
			ck_assert_uint_eq(varint_get(raw, n, &back), n);
			ck_assert_uint_eq(back, v);
			ck_assert_uint_eq(varint_get(raw, n - 1, &back), 0);
		}
	}
}
END_TEST

START_TEST(varint_refuses_longer_forms_and_overflow)
{
	uint64_t v = 77;
	uint32_t w;

	ck_assert_uint_eq(varint_get((const uint8_t *)"\x80\x00", 2, &v), 0);
	ck_assert_uint_eq(varint_get((const uint8_t *)"\xff\xff\xff\xff\xff"
						      "\xff\xff\xff\xff\x02",
				     10, &v),
			  0);
	ck_assert_uint_eq(
		varint_get((const uint8_t *)"\xff\xff\xff\xff\xff"
					    "\xff\xff\xff\xff\xff\x01",
			   11, &v),
		0);
	ck_assert_uint_eq(v, 77);
	ck_assert_uint_eq(varint32_get((const uint8_t *)"\xff\xff\xff\xff\x1f",
				       5, &w),
			  0);
	ck_assert_uint_eq(varint32_get((const uint8_t *)"\xff\xff\xff\xff\x0f",
				       5, &w),
			  5);
	ck_assert_uint_eq(w, UINT32_MAX);
}
END_TEST

START_TEST(slice_take_moves_on)
{
	struct buf b = BUF_INIT;
	struct tt_slice s;
	uint64_t v;

	ck_ok(buf_append_varint(&b, 300));
	ck_ok(buf_append_varint(&b, 5));
	s = buf_slice(&b);
	ck_assert_uint_eq(slice_take_varint(&s, &v), 2);
	ck_assert_uint_eq(v, 300);
	ck_assert_uint_eq(slice_take_varint(&s, &v), 1);
	ck_assert_uint_eq(v, 5);
	ck_assert_uint_eq(slice_take_varint(&s, &v), 0);
	buf_fini(&b);
}
END_TEST

START_TEST(zigzag_folds_both_signs)
{
	static const int64_t values[] = { 0, -1, 1, INT64_MIN, INT64_MAX };

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		ck_assert_int_eq(zigzag_unfold(zigzag_fold(values[i])),
				 values[i]);
	ck_assert_uint_eq(zigzag_fold(-1), 1);
}
END_TEST

START_TEST(random_numbers_repeat_and_keep_bounds)
{
	struct rng a, b;
	uint64_t seed = test_seed();

	rng_init(&a, seed);
	rng_init(&b, seed);
	for (int i = 0; i < 1000; i++) {
		uint64_t x = rng_range(&a, 10, 20);

		ck_assert_uint_eq(x, rng_range(&b, 10, 20));
		ck_assert(x >= 10 && x <= 20);
		ck_assert(rng_double(&a) < 1.0);
		(void)rng_double(&b);
	}
}
END_TEST

static Suite *wire_suite(void)
{
	Suite *s = suite_create("wire");
	TCase *t = tcase_create("wire");

	tcase_add_test(t, little_endian_has_the_low_byte_first);
	tcase_add_test(t, big_endian_sorts_as_bytes);
	tcase_add_test(t, loads_need_no_alignment);
	tcase_add_test(t, varints_round_trip_at_every_length);
	tcase_add_test(t, varint_refuses_longer_forms_and_overflow);
	tcase_add_test(t, slice_take_moves_on);
	tcase_add_test(t, zigzag_folds_both_signs);
	tcase_add_test(t, random_numbers_repeat_and_keep_bounds);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(wire_suite)
