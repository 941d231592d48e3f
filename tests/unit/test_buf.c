/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "base/buf.h"
#include "tests/support/check_main.h"

START_TEST(starts_empty_and_may_be_finished_twice)
{
	struct buf b = BUF_INIT;

	ck_assert(slice_is_empty(buf_slice(&b)));
	buf_fini(&b);
	buf_fini(&b);
}
END_TEST

START_TEST(append_grows_and_keeps_order)
{
	struct buf b = BUF_INIT;

	for (int i = 0; i < 10000; i++)
		ck_ok(buf_append_byte(&b, (uint8_t)i));
	ck_assert_uint_eq(b.len, 10000);
	for (int i = 0; i < 10000; i++)
		ck_assert_uint_eq(b.data[i], (uint8_t)i);
	buf_fini(&b);
}
END_TEST

START_TEST(appending_nothing_works_on_an_empty_buffer)
{
	struct buf b = BUF_INIT;

	ck_ok(buf_append(&b, NULL, 0));
	ck_ok(buf_append_fill(&b, 'x', 0));
	ck_assert_uint_eq(b.len, 0);
	buf_fini(&b);
}
END_TEST

START_TEST(impossible_size_fails_and_changes_nothing)
{
	struct buf b = BUF_INIT;

	ck_ok(buf_append_str(&b, "abc"));
	ck_err(buf_reserve(&b, SIZE_MAX - 1), -ENOMEM);
	ck_assert_str_eq(buf_cstr(&b), "abc");
	buf_fini(&b);
}
END_TEST

START_TEST(printf_appends_without_the_zero)
{
	struct buf b = BUF_INIT;

	ck_ok(buf_printf(&b, "%d-%s", 12, "ab"));
	ck_ok(buf_printf(&b, "%0200d", 3));
	ck_assert_uint_eq(b.len, 205);
	ck_assert_int_eq(b.data[204], '3');
	buf_fini(&b);
}
END_TEST

START_TEST(set_takes_a_slice_of_itself)
{
	struct buf b = BUF_INIT;

	ck_ok(buf_append_str(&b, "hello world"));
	ck_ok(buf_set(&b, slice_skip(buf_slice(&b), 6)));
	ck_assert_str_eq(buf_cstr(&b), "world");
	buf_fini(&b);
}
END_TEST

START_TEST(set_grows)
{
	struct buf b = BUF_INIT;
	char big[500] = { 'x' };

	ck_ok(buf_set(&b, SLICE(big, sizeof(big))));
	ck_assert_uint_eq(b.len, 500);
	buf_fini(&b);
}
END_TEST

START_TEST(steal_hands_over_the_memory)
{
	struct buf b = BUF_INIT;
	size_t n;
	uint8_t *p;

	ck_ok(buf_append_str(&b, "abc"));
	p = buf_steal(&b, &n);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_ptr_null(b.data);
	free(p);
}
END_TEST

/* Across the size from which a buffer is made of pages, and back. */
START_TEST(large_buffers_keep_their_contents)
{
	struct buf b = BUF_INIT;
	size_t n;
	uint8_t *p;

	for (unsigned i = 0; i < 5000; i++)
		ck_ok(buf_append_fill(&b, (uint8_t)(i % 251), 1000));
	for (unsigned i = 0; i < 5000; i++)
		ck_assert_uint_eq(b.data[1000 * (size_t)i + 999], i % 251);
	buf_truncate(&b, 3000000);
	buf_shrink(&b, 0);
	ck_assert_uint_eq(b.cap, 3000000);
	buf_truncate(&b, 2500);
	buf_shrink(&b, 0);
	ck_assert_uint_eq(b.cap, 2500);
	ck_assert_uint_eq(b.data[0], 0);
	ck_assert_uint_eq(b.data[2499], 2);
	ck_ok(buf_append_fill(&b, 'x', 2 << 20));
	p = buf_steal(&b, &n);
	ck_assert_uint_eq(n, 2500 + (2 << 20));
	ck_assert_uint_eq(p[2499], 2);
	ck_assert_uint_eq(p[n - 1], 'x');
	ck_assert_ptr_null(b.data);
	free(p);
}
END_TEST

START_TEST(shrink_keeps_the_contents)
{
	struct buf b = BUF_INIT;

	ck_ok(buf_append_fill(&b, 'x', 100000));
	buf_truncate(&b, 10);
	buf_shrink(&b, 0);
	ck_assert_uint_eq(b.cap, 10);
	ck_assert_int_eq(b.data[9], 'x');
	buf_clear(&b);
	buf_shrink(&b, 0);
	ck_assert_ptr_null(b.data);
}
END_TEST

START_TEST(truncating_beyond_the_end_aborts)
{
	struct buf b = BUF_INIT;

	buf_truncate(&b, 1);
}
END_TEST

START_TEST(slices_order_as_memcmp_then_length)
{
	ck_assert_int_lt(slice_cmp(SLICE_LIT("a"), SLICE_LIT("b")), 0);
	ck_assert_int_gt(slice_cmp(SLICE_LIT("\xff"), SLICE_LIT("a")), 0);
	ck_assert_int_lt(slice_cmp(SLICE_LIT("a"), SLICE_LIT("a\0")), 0);
	ck_assert_int_lt(slice_cmp(SLICE_EMPTY, SLICE_LIT("a")), 0);
	ck_assert_int_eq(slice_cmp(SLICE_EMPTY, SLICE_LIT("")), 0);
}
END_TEST

START_TEST(slice_prefixes)
{
	ck_assert(slice_has_prefix(SLICE_LIT("abc"), SLICE_LIT("ab")));
	ck_assert(slice_has_prefix(SLICE_LIT("abc"), SLICE_EMPTY));
	ck_assert(!slice_has_prefix(SLICE_LIT("ab"), SLICE_LIT("abc")));
	ck_assert_uint_eq(
		slice_common_prefix(SLICE_LIT("abx"), SLICE_LIT("aby")), 2);
	ck_assert(slice_eq(slice_first(SLICE_LIT("abc"), 1), SLICE_LIT("a")));
}
END_TEST

static Suite *buf_suite(void)
{
	Suite *s = suite_create("buf");
	TCase *t = tcase_create("buf");

	tcase_add_test(t, starts_empty_and_may_be_finished_twice);
	tcase_add_test(t, append_grows_and_keeps_order);
	tcase_add_test(t, appending_nothing_works_on_an_empty_buffer);
	tcase_add_test(t, impossible_size_fails_and_changes_nothing);
	tcase_add_test(t, printf_appends_without_the_zero);
	tcase_add_test(t, set_takes_a_slice_of_itself);
	tcase_add_test(t, set_grows);
	tcase_add_test(t, steal_hands_over_the_memory);
	tcase_add_test(t, large_buffers_keep_their_contents);
	tcase_add_test(t, shrink_keeps_the_contents);
	tcase_add_test_raise_signal(t, truncating_beyond_the_end_aborts,
				    SIGABRT);
	tcase_add_test(t, slices_order_as_memcmp_then_length);
	tcase_add_test(t, slice_prefixes);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(buf_suite)
