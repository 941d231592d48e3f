/* SPDX-License-Identifier: MIT */
/* The block cache: its budget, what it keeps, who owns what. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lsm/block_cache.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "ttrunks.h"

static struct block_cache *cache;

/* A block of one record of about `len` bytes that carries its number. */
static struct block *make_block(uint64_t file_no, uint32_t block_no, size_t len)
{
	struct record r = { .key = SLICE("key", 3), .ts = (int64_t)file_no };
	struct block *b;
	char *value = calloc(1, len + 8);

	memcpy(value, &block_no, sizeof(block_no));
	r.value = SLICE(value, len + 8);
	b = block_alloc(1, (uint32_t)record_stored_len(&r));
	ck_assert_ptr_nonnull(b);
	record_encode(block_data(b), &r);
	ck_assert_int_eq(block_index(b), 0);
	free(value);
	return b;
}

static void check_block(const struct block *b, uint64_t file_no,
			uint32_t block_no)
{
	struct record r;
	uint32_t no;

	block_record(b, 0, &r);
	memcpy(&no, r.value.data, sizeof(no));
	ck_assert_uint_eq(no, block_no);
	ck_assert_int_eq(r.ts, (int64_t)file_no);
}

static void insert(uint64_t file_no, uint32_t block_no, size_t len)
{
	block_unref(block_cache_insert(
		cache, make_block(file_no, block_no, len), file_no, block_no));
}

static bool has(uint64_t file_no, uint32_t block_no)
{
	struct block *b = block_cache_get(cache, file_no, block_no);

	if (!b)
		return false;
	check_block(b, file_no, block_no);
	block_unref(b);
	return true;
}

static struct block_cache_stats stats(void)
{
	struct block_cache_stats st;

	block_cache_read_stats(cache, &st);
	return st;
}

START_TEST(what_was_inserted_is_found)
{
	ck_ok(block_cache_new((size_t)1 << 20, &cache));
	for (uint32_t i = 0; i < 20; i++)
		insert(i % 3, i, 1000);
	for (uint32_t i = 0; i < 20; i++)
		for (uint64_t f = 0; f < 3; f++)
			ck_assert_int_eq(has(f, i), f == i % 3);
	ck_assert_uint_eq(stats().hits, 20);
	ck_assert_uint_eq(stats().misses, 40);
	block_cache_free(cache);
}
END_TEST

START_TEST(charges_never_exceed_the_budget)
{
	struct block *pinned[64];
	struct rng rng;
	size_t n_pinned = 0;

	test_rng(&rng);
	ck_ok(block_cache_new((size_t)1 << 20, &cache));
	for (uint32_t i = 0; i < 20000; i++) {
		struct block *b;

		b = make_block(1, i, rng_below(&rng, 30000));
		b = block_cache_insert(cache, b, 1, i);
		if (rng_one_in(&rng, 100) && n_pinned < ARRAY_LEN(pinned))
			pinned[n_pinned++] = b;
		else
			block_unref(b);
		ck_assert_uint_le(stats().bytes, (size_t)1 << 20);
	}
	ck_assert_uint_gt(stats().bytes, (size_t)700 << 10);
	while (n_pinned)
		block_unref(pinned[--n_pinned]);
	block_cache_free(cache);
}
END_TEST

START_TEST(referenced_blocks_stay_and_then_others_find_no_room)
{
	struct block *held[4096];
	uint32_t n = 0;

	ck_ok(block_cache_new((size_t)1 << 20, &cache));
	while (stats().refused == 0 && n < ARRAY_LEN(held)) {
		held[n] =
			block_cache_insert(cache, make_block(1, n, 4000), 1, n);
		n++;
	}
	ck_assert_uint_gt(n, 100);
	ck_assert_uint_lt(n, 300);
	ck_assert(!has(1, n - 1)); /* refused, but ours to use */
	check_block(held[n - 1], 1, n - 1);
	for (uint32_t i = 0; i + 1 < n; i++)
		ck_assert(has(1, i));
	for (uint32_t i = 0; i < n; i++)
		block_unref(held[i]);
	block_cache_free(cache);
}
END_TEST

START_TEST(a_scan_does_not_push_out_what_is_read_often)
{
	uint32_t n_kept = 0, n_hot = 120;

	ck_ok(block_cache_new((size_t)1 << 20, &cache));
	for (int round = 0; round < 3; round++)
		for (uint32_t i = 0; i < n_hot; i++)
			if (!has(1, i))
				insert(1, i, 4000);
	for (uint32_t i = 0; i < 5000; i++)
		insert(2, i, 4000);
	for (uint32_t i = 0; i < n_hot; i++)
		n_kept += has(1, i);
	ck_assert_uint_eq(n_kept, n_hot);
	block_cache_free(cache);
}
END_TEST

START_TEST(what_was_evicted_and_is_wanted_again_is_kept)
{
	ck_ok(block_cache_new((size_t)1 << 20, &cache));
	insert(9, 9, 4000);
	for (uint32_t i = 0; i < 260; i++)
		insert(1, i, 4000);
	ck_assert(!has(9, 9));
	insert(9, 9, 4000); /* remembered: enters the main queue */
	for (uint32_t i = 1000; i < 1200; i++)
		insert(1, i, 4000);
	ck_assert(has(9, 9));
	block_cache_free(cache);
}
END_TEST

START_TEST(the_second_of_two_equal_blocks_gives_way)
{
	struct block *a, *b;

	ck_ok(block_cache_new((size_t)1 << 20, &cache));
	a = block_cache_insert(cache, make_block(1, 1, 10), 1, 1);
	b = block_cache_insert(cache, make_block(1, 1, 10), 1, 1);
	ck_assert_ptr_eq(a, b);
	block_unref(a);
	block_unref(b);
	ck_assert_uint_eq(stats().blocks, 1);
	block_cache_free(cache);
}
END_TEST

START_TEST(a_dropped_file_leaves_nothing_behind)
{
	struct block *held;
	size_t one;

	ck_ok(block_cache_new((size_t)1 << 20, &cache));
	for (uint32_t i = 0; i < 20; i++) {
		insert(1, i, 1000);
		insert(2, i, 1000);
	}
	held = block_cache_get(cache, 1, 3);
	block_cache_drop_file(cache, 1, 20);
	for (uint32_t i = 0; i < 20; i++) {
		ck_assert(!has(1, i));
		ck_assert(has(2, i));
	}
	check_block(held, 1, 3);
	ck_assert_uint_gt(stats().bytes, 20 * held->bytes);
	one = held->bytes;
	block_unref(held);
	ck_assert_uint_eq(stats().bytes, 20 * one);
	block_cache_free(cache);
}
END_TEST

START_TEST(blocks_make_way_for_what_is_borrowed)
{
	const size_t budget = (size_t)16 << 20;
	size_t full;

	ck_ok(block_cache_new(budget, &cache));
	for (uint32_t i = 0; i < 6000; i++)
		insert(1, i, 4000);
	full = stats().bytes;
	ck_assert_uint_gt(full, budget - budget / 20);
	ck_assert(block_cache_try_borrow(cache, budget / 4));
	ck_assert_uint_eq(stats().borrowed, budget / 4);
	ck_assert_uint_le(stats().bytes, budget - budget / 4);
	/* It stays so. */
	for (uint32_t i = 0; i < 6000; i++)
		insert(2, i, 4000);
	ck_assert_uint_le(stats().bytes, budget - budget / 4);
	/* Half is the most for who can do without, but not for others. */
	ck_assert(!block_cache_try_borrow(cache, budget / 3));
	ck_assert_uint_eq(stats().borrowed, budget / 4);
	block_cache_borrow(cache, budget / 2);
	ck_assert_uint_le(stats().bytes, budget / 4);
	/* More than there is: then nothing is kept, and all goes on. */
	block_cache_borrow(cache, budget);
	ck_assert_uint_eq(stats().bytes, 0);
	insert(3, 1, 4000);
	ck_assert(!has(3, 1));
	block_cache_give_back(cache, budget + budget / 2 + budget / 4);
	for (uint32_t i = 0; i < 6000; i++)
		insert(2, i, 4000);
	ck_assert_uint_gt(stats().bytes, budget - budget / 20);
	block_cache_free(cache);
}
END_TEST

START_TEST(no_budget_keeps_nothing)
{
	ck_ok(block_cache_new(0, &cache));
	insert(1, 1, 10);
	ck_assert(!has(1, 1));
	block_cache_free(cache);
}
END_TEST

static void *hammer(void *arg)
{
	struct rng rng;
	uint64_t n = test_scale(30000);

	rng_init(&rng, (uint64_t)(uintptr_t)arg);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t f = rng_below(&rng, 4);
		uint32_t no = (uint32_t)rng_below(&rng, 300);
		struct block *b = block_cache_get(cache, f, no);

		if (!b)
			b = block_cache_insert(cache, make_block(f, no, 4000),
					       f, no);
		check_block(b, f, no);
		if (rng_one_in(&rng, 5000))
			block_cache_drop_file(cache, f, 300);
		block_unref(b);
	}
	return NULL;
}

START_TEST(threads_always_get_the_block_they_asked_for)
{
	pthread_t t[4];

	ck_ok(block_cache_new((size_t)3 << 20, &cache));
	for (uintptr_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_create(&t[i], NULL, hammer, (void *)(i + 1));
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_le(stats().bytes, (size_t)3 << 20);
	for (uint64_t f = 0; f < 4; f++)
		block_cache_drop_file(cache, f, 300);
	ck_assert_uint_eq(stats().bytes, 0);
	ck_assert_uint_eq(stats().blocks, 0);
	block_cache_free(cache);
}
END_TEST

static Suite *block_cache_suite(void)
{
	Suite *s = suite_create("block_cache");
	TCase *tc = tcase_create("block_cache");

	tcase_add_test(tc, what_was_inserted_is_found);
	tcase_add_test(tc, charges_never_exceed_the_budget);
	tcase_add_test(tc, referenced_blocks_stay_and_then_others_find_no_room);
	tcase_add_test(tc, a_scan_does_not_push_out_what_is_read_often);
	tcase_add_test(tc, what_was_evicted_and_is_wanted_again_is_kept);
	tcase_add_test(tc, the_second_of_two_equal_blocks_gives_way);
	tcase_add_test(tc, a_dropped_file_leaves_nothing_behind);
	tcase_add_test(tc, blocks_make_way_for_what_is_borrowed);
	tcase_add_test(tc, no_budget_keeps_nothing);
	tcase_add_test(tc, threads_always_get_the_block_they_asked_for);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(block_cache_suite)
