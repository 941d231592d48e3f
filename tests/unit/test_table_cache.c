/* SPDX-License-Identifier: MIT */
/* Open tables: opened once, bounded, and never closed under a reader. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "lsm/key_hash.h"
#include "lsm/table_cache.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/sst_gen.h"
#include "support/tmpdir.h"
#include "ttrunks.h"

#define N_TABLES 12

static char *dir;
static struct sst_gen gen[N_TABLES];
static struct table_slot slots[N_TABLES];
static struct table_cache *tc;

static void setup(void)
{
	static const struct sst_gen_shape shape = {
		.n_keys = 200, .versions = 1, .key_len = 12, .value_len = 40
	};
	struct sst_writer_options o = { .bloom_bits = 10 };
	struct rng rng;

	test_rng(&rng);
	dir = tmpdir_new();
	for (unsigned i = 0; i < N_TABLES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%06u.sst", i);
		sst_gen_make(&gen[i], &rng, &shape);
		sst_gen_write(&gen[i], &o, tmpdir_path(dir, name), NULL);
		table_slot_init(&slots[i], i);
	}
}

static void teardown(void)
{
	for (unsigned i = 0; i < N_TABLES; i++)
		sst_gen_free(&gen[i]);
	tmpdir_free(dir);
}

static void open_cache(struct env *env, size_t max_bytes, unsigned max_open)
{
	struct table_cache_options o = { .env = env,
					 .dir = dir,
					 .max_bytes = max_bytes,
					 .max_open = max_open };

	ck_ok(table_cache_new(&o, &tc));
}

static void close_cache(void)
{
	for (unsigned i = 0; i < N_TABLES; i++)
		table_slot_fini(tc, &slots[i]);
	table_cache_free(tc);
}

static struct table_cache_stats stats(void)
{
	struct table_cache_stats st;

	table_cache_read_stats(tc, &st);
	return st;
}

/* Reads one record of table `i` through `r`. */
static void check_reader(struct sst_reader *r, unsigned i, size_t at)
{
	const struct record *want = &gen[i].recs[at % gen[i].n];
	struct sst_hit hit;

	ck_ok(sst_get(r, NULL, want->key, key_hash(want->key), TS_NEWEST, true,
		      &hit));
	ck_assert(slice_eq(hit.rec.value, want->value));
	sst_hit_release(&hit);
}

static void read_table(unsigned i, size_t at)
{
	struct table_guard g;
	struct sst_reader *r;

	table_guard_enter(tc, &g);
	ck_ok(table_peek(tc, &slots[i], &r));
	check_reader(r, i, at);
	table_guard_leave(tc, &g);
}

START_TEST(a_table_is_opened_once_and_stays_open)
{
	open_cache(env_posix(), (size_t)1 << 30, 100);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < N_TABLES; i++)
			read_table(i, round);
	ck_assert_uint_eq(stats().opens, N_TABLES);
	ck_assert_uint_eq(stats().open_tables, N_TABLES);
	ck_assert_uint_gt(stats().bytes, N_TABLES * 200);
	close_cache();
}
END_TEST

START_TEST(descriptors_and_bytes_are_bounded)
{
	size_t one;

	open_cache(env_posix(), (size_t)1 << 30, 3);
	for (unsigned i = 0; i < 5 * N_TABLES; i++) {
		read_table(i % N_TABLES, i);
		ck_assert_uint_le(stats().open_tables, 3);
	}
	one = stats().bytes / stats().open_tables;
	close_cache();

	open_cache(env_posix(), 4 * one, 1000);
	for (unsigned i = 0; i < 5 * N_TABLES; i++) {
		read_table(i % N_TABLES, i);
		ck_assert_uint_le(stats().bytes, 4 * one);
	}
	ck_assert_uint_ge(stats().open_tables, 2);
	close_cache();
}
END_TEST

START_TEST(tables_beyond_the_bound_borrow_from_the_block_cache)
{
	struct sst_reader *pinned[N_TABLES];
	struct block_cache_stats b;
	struct block_cache *blocks;
	size_t one;

	open_cache(env_posix(), (size_t)1 << 30, 100);
	read_table(0, 0);
	one = stats().bytes;
	close_cache();
	for (unsigned i = 0; i < N_TABLES; i++)
		table_slot_init(&slots[i], i);

	ck_ok(block_cache_new((size_t)1 << 20, &blocks));
	open_cache(env_posix(), 3 * one, 100);
	table_cache_set_lender(tc, blocks, 3 * one);
	for (unsigned i = 0; i < N_TABLES; i++) {
		read_table(i, 0);
		block_cache_read_stats(blocks, &b);
		ck_assert_uint_eq(b.borrowed, stats().bytes > 3 * one
						      ? stats().bytes - 3 * one
						      : 0);
	}
	ck_assert_uint_gt(stats().evictions, 0);
	ck_assert_uint_gt(stats().bytes, 4 * one);
	ck_assert_uint_le(stats().bytes, 6 * one);
	/* Pinned ones are beyond the bound, not beyond the account. */
	for (unsigned i = 0; i < N_TABLES; i++)
		ck_ok(table_pin(tc, &slots[i], &pinned[i]));
	ck_assert_uint_eq(stats().open_tables, N_TABLES);
	block_cache_read_stats(blocks, &b);
	ck_assert_uint_eq(b.borrowed, stats().bytes - 3 * one);
	for (unsigned i = 0; i < N_TABLES; i++)
		table_unpin(pinned[i]);
	close_cache();
	block_cache_read_stats(blocks, &b);
	ck_assert_uint_eq(b.borrowed, 0);
	block_cache_free(blocks);
}
END_TEST

START_TEST(a_pinned_table_is_not_evicted)
{
	struct sst_reader *r;

	open_cache(env_posix(), (size_t)1 << 30, 2);
	ck_ok(table_pin(tc, &slots[0], &r));
	for (unsigned i = 0; i < 5 * N_TABLES; i++)
		read_table(1 + i % (N_TABLES - 1), i);
	check_reader(r, 0, 5);
	/* Not evicted while pinned: no second opening. */
	ck_assert_uint_eq(slots[0].file_no, 0);
	ck_assert_ptr_eq(atomic_load(&slots[0].reader), r);
	table_unpin(r);
	close_cache();
}
END_TEST

START_TEST(what_a_guard_has_seen_stays_until_it_is_left)
{
	struct table_guard outer, inner;
	struct sst_reader *r;

	open_cache(env_posix(), (size_t)1 << 30, 1);
	table_guard_enter(tc, &outer);
	ck_ok(table_peek(tc, &slots[0], &r));
	for (unsigned i = 1; i < N_TABLES; i++) {
		struct sst_reader *other;

		table_guard_enter(tc, &inner);
		ck_ok(table_peek(tc, &slots[i], &other));
		check_reader(other, i, i);
		table_guard_leave(tc, &inner);
	}
	ck_assert_ptr_null(atomic_load(&slots[0].reader));
	check_reader(r, 0, 1); /* closed memory would show under ASan */
	table_guard_leave(tc, &outer);
	close_cache();
}
END_TEST

START_TEST(a_table_that_cannot_be_opened_is_tried_again)
{
	struct fault_env *fe;
	struct sst_reader *r;
	struct table_guard g;

	ck_ok(fault_env_new(env_posix(), dir, 1, &fe));
	open_cache(fault_env_env(fe), (size_t)1 << 30, 10);
	fault_env_fail(fe, FAULT_OPEN, 1, EMFILE, FAULT_ONCE);
	table_guard_enter(tc, &g);
	ck_err(table_peek(tc, &slots[0], &r), -EMFILE);
	ck_ok(table_peek(tc, &slots[0], &r));
	check_reader(r, 0, 0);
	table_guard_leave(tc, &g);
	close_cache();
	fault_env_free(fe);
}
END_TEST

struct racer {
	pthread_barrier_t *barrier;
	struct sst_reader *got;
};

static void *race_to_open(void *arg)
{
	struct racer *x = arg;

	pthread_barrier_wait(x->barrier);
	ck_assert_int_eq(table_pin(tc, &slots[0], &x->got), 0);
	return NULL;
}

START_TEST(threads_that_want_the_same_table_open_it_once)
{
	struct racer racers[8];
	pthread_t t[8];
	pthread_barrier_t barrier;

	open_cache(env_posix(), (size_t)1 << 30, 10);
	pthread_barrier_init(&barrier, NULL, ARRAY_LEN(t));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		racers[i].barrier = &barrier;
		pthread_create(&t[i], NULL, race_to_open, &racers[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		pthread_join(t[i], NULL);
		ck_assert_ptr_eq(racers[i].got, racers[0].got);
	}
	ck_assert_uint_eq(stats().opens, 1);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		table_unpin(racers[i].got);
	pthread_barrier_destroy(&barrier);
	close_cache();
}
END_TEST

static void *read_many(void *arg)
{
	struct rng rng;
	uint64_t n = test_scale(3000);

	rng_init(&rng, (uint64_t)(uintptr_t)arg);
	for (uint64_t k = 0; k < n; k++) {
		unsigned i = (unsigned)rng_below(&rng, N_TABLES);
		struct sst_reader *r;

		if (rng_one_in(&rng, 8)) {
			if (table_pin(tc, &slots[i], &r) != 0)
				abort();
			check_reader(r, i, k);
			table_unpin(r);
		} else {
			read_table(i, k);
		}
	}
	return NULL;
}

START_TEST(readers_never_meet_a_closed_table)
{
	pthread_t t[4];

	open_cache(env_posix(), (size_t)1 << 30, 3);
	for (uintptr_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_create(&t[i], NULL, read_many, (void *)(i + 1));
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_gt(stats().evictions, 100);
	close_cache();
}
END_TEST

static Suite *table_cache_suite(void)
{
	Suite *s = suite_create("table_cache");
	TCase *tcase = tcase_create("table_cache");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_table_is_opened_once_and_stays_open);
	tcase_add_test(tcase, descriptors_and_bytes_are_bounded);
	tcase_add_test(tcase,
		       tables_beyond_the_bound_borrow_from_the_block_cache);
	tcase_add_test(tcase, a_pinned_table_is_not_evicted);
	tcase_add_test(tcase, what_a_guard_has_seen_stays_until_it_is_left);
	tcase_add_test(tcase, a_table_that_cannot_be_opened_is_tried_again);
	tcase_add_test(tcase, threads_that_want_the_same_table_open_it_once);
	tcase_add_test(tcase, readers_never_meet_a_closed_table);
	suite_add_tcase(s, tcase);
	return s;
}

TEST_MAIN(table_cache_suite)
