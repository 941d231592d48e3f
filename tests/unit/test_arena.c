/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <string.h>

#include "base/arena.h"
#include "tests/support/check_main.h"
#include "tests/support/prng.h"

static struct arena a;

static void setup(void)
{
	arena_init(&a, 4096);
}

static void teardown(void)
{
	arena_fini(&a);
}

START_TEST(objects_do_not_overlap)
{
	enum { N = 2000 };
	static uint8_t *at[N];
	static size_t len[N];
	struct rng r;

	test_rng(&r);
	for (int i = 0; i < N; i++) {
		len[i] = (size_t)rng_below(&r, rng_one_in(&r, 50) ? 9000 : 60);
		at[i] = arena_alloc_bytes(&a, len[i]);
		ck_assert_ptr_nonnull(at[i]);
		memset(at[i], i & 0xff, len[i]);
	}
	for (int i = 0; i < N; i++)
		for (size_t k = 0; k < len[i]; k++)
			ck_assert_uint_eq(at[i][k], i & 0xff);
}
END_TEST

START_TEST(alignment_is_kept)
{
	for (size_t align = 1; align <= 4096; align *= 2) {
		(void)arena_alloc_bytes(&a, 1);
		ck_assert_uint_eq((uintptr_t)arena_alloc_aligned(&a, 3, align) %
					  align,
				  0);
	}
	(void)arena_alloc_bytes(&a, 1);
	ck_assert_uint_eq((uintptr_t)arena_alloc(&a, 3) % 8, 0);
}
END_TEST

START_TEST(bytes_are_counted)
{
	ck_assert_uint_eq(arena_bytes(&a), 0);
	(void)arena_alloc(&a, 10);
	ck_assert_uint_eq(arena_bytes(&a), 4096);
	(void)arena_alloc(&a, 100000);
	ck_assert_uint_ge(arena_bytes(&a), 104096);
	arena_fini(&a);
	ck_assert_uint_eq(arena_bytes(&a), 0);
}
END_TEST

START_TEST(large_object_leaves_the_chunk_in_use)
{
	uint8_t *p = arena_alloc_bytes(&a, 10);
	uint8_t *q;

	(void)arena_alloc_bytes(&a, 50000);
	q = arena_alloc_bytes(&a, 10);
	ck_assert_ptr_eq(q, p + 10);
}
END_TEST

START_TEST(no_bytes_are_not_a_failure)
{
	ck_assert_ptr_nonnull(arena_alloc_bytes(&a, 0));
	ck_assert_ptr_nonnull(arena_dup(&a, "", 0));
}
END_TEST

START_TEST(impossible_size_gives_null)
{
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 8));
}
END_TEST

START_TEST(dup_copies)
{
	char *p = arena_dup(&a, "hello", 6);

	ck_assert_str_eq(p, "hello");
}
END_TEST

static Suite *arena_suite(void)
{
	Suite *s = suite_create("arena");
	TCase *t = tcase_create("arena");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, objects_do_not_overlap);
	tcase_add_test(t, alignment_is_kept);
	tcase_add_test(t, bytes_are_counted);
	tcase_add_test(t, large_object_leaves_the_chunk_in_use);
	tcase_add_test(t, no_bytes_are_not_a_failure);
	tcase_add_test(t, impossible_size_gives_null);
	tcase_add_test(t, dup_copies);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(arena_suite)
