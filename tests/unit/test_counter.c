/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>

#include "base/counter.h"
#include "tests/support/check_main.h"

#define TEST_COUNTERS(X)                 \
	X(N_GETS, "gets", "point reads") \
	X(N_PUTS, "puts", "keys written")
enum { COUNTER_ENUM(TEST_COUNTERS) N_COUNTERS };
static const struct counter_desc descs[] = { COUNTER_DESCS(TEST_COUNTERS) };

static struct counters *c;

static void setup(void)
{
	ck_ok(counters_new(N_COUNTERS, &c));
}

static void teardown(void)
{
	counters_free(c);
}

START_TEST(descriptions_follow_the_list)
{
	ck_assert_uint_eq(ARRAY_LEN(descs), N_COUNTERS);
	ck_assert_str_eq(descs[N_PUTS].name, "puts");
}
END_TEST

static void *count(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10000; i++)
		counter_inc(c, N_GETS);
	counter_add(c, N_PUTS, 5);
	return NULL;
}

START_TEST(threads_add_up)
{
	pthread_t th[8];
	uint64_t all[N_COUNTERS], last = 0;

	for (int i = 0; i < 8; i++)
		pthread_create(&th[i], NULL, count, NULL);
	for (int i = 0; i < 100; i++) {
		uint64_t now = counter_read(c, N_GETS);

		ck_assert_uint_ge(now, last);
		last = now;
	}
	for (int i = 0; i < 8; i++)
		pthread_join(th[i], NULL);
	ck_assert_uint_eq(counter_read(c, N_GETS), 80000);
	counters_read_all(c, all);
	ck_assert_uint_eq(all[N_GETS], 80000);
	ck_assert_uint_eq(all[N_PUTS], 40);
}
END_TEST

/* Slots are handed on; a dead thread's counts stay. */
START_TEST(counts_of_dead_threads_stay)
{
	for (int i = 0; i < 20; i++) {
		pthread_t th;

		pthread_create(&th, NULL, count, NULL);
		pthread_join(th, NULL);
	}
	ck_assert_uint_eq(counter_read(c, N_PUTS), 100);
}
END_TEST

static pthread_barrier_t barrier;

static void *count_together(void *arg)
{
	(void)arg;
	counter_inc(c, N_GETS);
	pthread_barrier_wait(&barrier);
	counter_inc(c, N_GETS);
	pthread_barrier_wait(&barrier);
	return NULL;
}

START_TEST(more_threads_than_slots_share)
{
	enum { N = N_THREAD_SLOTS + 40 };
	static pthread_t th[N];

	pthread_barrier_init(&barrier, NULL, N);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(
			pthread_create(&th[i], NULL, count_together, NULL), 0);
	for (int i = 0; i < N; i++)
		pthread_join(th[i], NULL);
	ck_assert_uint_eq(counter_read(c, N_GETS), 2 * N);
	pthread_barrier_destroy(&barrier);
}
END_TEST

static Suite *counter_suite(void)
{
	Suite *s = suite_create("counter");
	TCase *t = tcase_create("counter");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, descriptions_follow_the_list);
	tcase_add_test(t, threads_add_up);
	tcase_add_test(t, counts_of_dead_threads_stay);
	tcase_add_test(t, more_threads_than_slots_share);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(counter_suite)
