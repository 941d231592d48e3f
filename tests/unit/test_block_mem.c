/* SPDX-License-Identifier: MIT */
/* Memory for blocks: distinct, aligned, reused and given back. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "lsm/block_mem.h"
#include "support/check_main.h"
#include "support/prng.h"

START_TEST(sizes_are_rounded_up_by_little)
{
	for (size_t n = 1; n <= 2 * BLOCK_MEM_MAX; n += n < 5000 ? 1 : 97) {
		size_t size = block_mem_size(n);

		ck_assert_uint_ge(size, n);
		ck_assert_uint_eq(size % CACHE_LINE, 0);
		ck_assert_uint_le(size, n <= 1024 ? 1024 : n + n / 16 + 64);
		ck_assert_uint_eq(block_mem_size(size), size);
	}
}
END_TEST

struct piece {
	uint8_t *p;
	size_t n;
	uint8_t mark;
};

static void take(struct piece *x, struct rng *rng)
{
	x->n = 1 + (rng_one_in(rng, 4) ? rng_below(rng, 2 * BLOCK_MEM_MAX)
				       : 4000 + rng_below(rng, 500));
	x->mark = (uint8_t)rng_next(rng);
	x->p = block_mem_alloc(x->n);
	if (!x->p || (uintptr_t)x->p % CACHE_LINE)
		abort();
	memset(x->p, x->mark, x->n);
}

static void give(struct piece *x)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->p[i] != x->mark)
			abort();
	block_mem_free(x->p, x->n);
	x->p = NULL;
}

static void *take_and_give(void *arg)
{
	struct piece pieces[600] = { 0 };
	struct rng rng;
	uint64_t n = test_scale(20000);

	rng_init(&rng, (uint64_t)(uintptr_t)arg);
	for (uint64_t i = 0; i < n; i++) {
		struct piece *x = &pieces[rng_below(&rng, ARRAY_LEN(pieces))];

		if (x->p)
			give(x);
		else
			take(x, &rng);
	}
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		if (pieces[i].p)
			give(&pieces[i]);
	return NULL;
}

START_TEST(pieces_never_overlap_and_all_comes_back)
{
	pthread_t t[3];

	for (uintptr_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_create(&t[i], NULL, take_and_give, (void *)(i + 1));
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_le(block_mem_mapped(), (size_t)2 << 20);
}
END_TEST

START_TEST(freed_memory_is_used_again)
{
	void *p[4000];
	size_t before;

	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		p[i] = block_mem_alloc(4300);
	before = block_mem_mapped();
	ck_assert_uint_ge(before, ARRAY_LEN(p) * 4300);
	ck_assert_uint_le(before, ARRAY_LEN(p) * 4300 * 11 / 10 + (4 << 20));
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < ARRAY_LEN(p); i += 2)
			block_mem_free(p[i], 4300);
		for (size_t i = 0; i < ARRAY_LEN(p); i += 2)
			p[i] = block_mem_alloc(4300);
	}
	ck_assert_uint_eq(block_mem_mapped(), before);
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		block_mem_free(p[i], 4300);
	ck_assert_uint_le(block_mem_mapped(), (size_t)2 << 20);
}
END_TEST

static Suite *block_mem_suite(void)
{
	Suite *s = suite_create("block_mem");
	TCase *tc = tcase_create("block_mem");

	tcase_add_test(tc, sizes_are_rounded_up_by_little);
	tcase_add_test(tc, pieces_never_overlap_and_all_comes_back);
	tcase_add_test(tc, freed_memory_is_used_again);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(block_mem_suite)
