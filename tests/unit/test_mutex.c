/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/futex.h"
#include "base/mutex.h"
#include "tests/support/check_main.h"

static struct mutex outer, inner;
static struct cond cond;

static void setup(void)
{
	mutex_init(&outer, RANK_DB);
	mutex_init(&inner, RANK_WAL);
	cond_init(&cond);
}

static void teardown(void)
{
	cond_fini(&cond);
	mutex_fini(&inner);
	mutex_fini(&outer);
}

static uint64_t n_shared;

static void *add(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++) {
		mutex_lock(&outer);
		n_shared++;
		mutex_unlock(&outer);
	}
	return NULL;
}

START_TEST(excludes)
{
	pthread_t th[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, add, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	ck_assert_uint_eq(n_shared, 80000);
}
END_TEST

START_TEST(order_of_ranks_is_fine)
{
	mutex_lock(&outer);
	mutex_assert_held(&outer);
	mutex_lock(&inner);
	mutex_unlock(&outer);
	mutex_unlock(&inner);
	ck_assert(mutex_trylock(&inner));
	mutex_unlock(&inner);
}
END_TEST

static void *wake(void *arg)
{
	bool *flag = arg;

	mutex_lock(&outer);
	*flag = true;
	cond_signal(&cond);
	mutex_unlock(&outer);
	return NULL;
}

START_TEST(signal_wakes_a_waiter)
{
	bool flag = false;
	pthread_t th;

	mutex_lock(&outer);
	pthread_create(&th, NULL, wake, &flag);
	while (!flag)
		cond_wait(&cond, &outer);
	mutex_assert_held(&outer);
	mutex_unlock(&outer);
	pthread_join(th, NULL);
}
END_TEST

/* ---- sleeping on a word --------------------------------------------------- */

static _Atomic uint32_t word;
static _Atomic int n_awake;

static void *sleep_until_changed(void *arg)
{
	(void)arg;
	while (atomic_load(&word) == 0)
		futex_sleep(&word, 0);
	atomic_fetch_add(&n_awake, 1);
	return NULL;
}

START_TEST(a_changed_word_wakes_all_who_sleep_on_it)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL,
						sleep_until_changed, NULL),
				 0);
	atomic_store(&word, 1);
	futex_wake(&word, FUTEX_ALL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ck_assert_int_eq(atomic_load(&n_awake), 4);
}
END_TEST

/* Either would sleep for ever else. */
START_TEST(nobody_sleeps_on_what_has_changed_or_beyond_a_deadline)
{
	uint64_t until = mono_ns() + 2000000;

	atomic_store(&word, 7);
	futex_sleep(&word, 6);
	while (mono_ns() < until)
		futex_sleep_until(&word, 7, until);
}
END_TEST

START_TEST(deadline_passes)
{
	uint64_t start = mono_ns();

	mutex_lock(&outer);
	while (cond_wait_until(&cond, &outer, start + 2000000))
		;
	mutex_unlock(&outer);
	ck_assert_uint_ge(mono_ns() - start, 2000000);
}
END_TEST

static struct rwlock rw;
static int n_readers;
static pthread_barrier_t both;

static void *read_together(void *arg)
{
	(void)arg;
	rwlock_rdlock(&rw);
	pthread_barrier_wait(&both); /* passes only if both are inside */
	rwlock_rdunlock(&rw);
	rwlock_wrlock(&rw);
	rwlock_assert_write_held(&rw);
	n_readers++;
	rwlock_wrunlock(&rw);
	return NULL;
}

START_TEST(readers_share_and_writers_exclude)
{
	pthread_t th[2];

	rwlock_init(&rw, RANK_TREE);
	pthread_barrier_init(&both, NULL, 2);
	for (int i = 0; i < 2; i++)
		pthread_create(&th[i], NULL, read_together, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	ck_assert_int_eq(n_readers, 2);
	pthread_barrier_destroy(&both);
	rwlock_fini(&rw);
}
END_TEST

#if TT_DEBUG
START_TEST(wrong_order_aborts)
{
	mutex_lock(&inner);
	mutex_lock(&outer);
}
END_TEST

START_TEST(locking_twice_aborts)
{
	mutex_lock(&inner);
	mutex_lock(&inner);
}
END_TEST

START_TEST(asserting_what_is_not_held_aborts)
{
	mutex_assert_held(&inner);
}
END_TEST

START_TEST(rank_of_many_may_be_taken_again)
{
	struct mutex a, b;

	mutex_init(&a, RANK_TREE_INODE);
	mutex_init(&b, RANK_TREE_INODE);
	mutex_lock(&a);
	mutex_lock(&b);
	mutex_unlock(&a);
	mutex_unlock(&b);
	mutex_fini(&a);
	mutex_fini(&b);
}
END_TEST

static void add_debug_tests(TCase *t)
{
	tcase_add_test_raise_signal(t, wrong_order_aborts, SIGABRT);
	tcase_add_test_raise_signal(t, locking_twice_aborts, SIGABRT);
	tcase_add_test_raise_signal(t, asserting_what_is_not_held_aborts,
				    SIGABRT);
	tcase_add_test(t, rank_of_many_may_be_taken_again);
}
#else
static void add_debug_tests(TCase *t)
{
	(void)t; /* release builds do not check ranks */
}
#endif

static Suite *mutex_suite(void)
{
	Suite *s = suite_create("mutex");
	TCase *t = tcase_create("mutex");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, excludes);
	tcase_add_test(t, order_of_ranks_is_fine);
	tcase_add_test(t, signal_wakes_a_waiter);
	tcase_add_test(t, deadline_passes);
	tcase_add_test(t, a_changed_word_wakes_all_who_sleep_on_it);
	tcase_add_test(t,
		       nobody_sleeps_on_what_has_changed_or_beyond_a_deadline);
	tcase_add_test(t, readers_share_and_writers_exclude);
	add_debug_tests(t);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(mutex_suite)
