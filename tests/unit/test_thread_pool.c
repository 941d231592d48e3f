/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/mutex.h"
#include "base/thread_pool.h"
#include "tests/support/check_main.h"

static struct thread_pool *pool;
static sem_t started, go;
static _Atomic int n_done;
static _Atomic int order[64];

static void setup(void)
{
	n_done = 0;
	sem_init(&started, 0, 0);
	sem_init(&go, 0, 0);
}

static void teardown(void)
{
	thread_pool_free(pool);
	sem_destroy(&started);
	sem_destroy(&go);
}

static void done(void *arg)
{
	order[atomic_fetch_add(&n_done, 1)] = (int)(intptr_t)arg;
}

/* Occupies its thread until the test says go. */
static void block(void *arg)
{
	(void)arg;
	sem_post(&started);
	sem_wait(&go);
}

START_TEST(every_task_runs_once)
{
	struct pool_task t[50];

	ck_ok(thread_pool_new("test", 3, &pool));
	for (int i = 0; i < 50; i++) {
		pool_task_init(&t[i], done, NULL);
		ck_assert(thread_pool_submit(pool, &t[i],
					     i % 2 ? POOL_HIGH : POOL_LOW));
	}
	thread_pool_drain(pool);
	ck_assert_int_eq(n_done, 50);
	ck_assert_uint_eq(thread_pool_pending(pool), 0);
}
END_TEST

START_TEST(urgent_tasks_go_first)
{
	struct pool_task blocker, t[6];

	ck_ok(thread_pool_new("test", 1, &pool));
	pool_task_init(&blocker, block, NULL);
	thread_pool_submit(pool, &blocker, POOL_LOW);
	sem_wait(&started);
	for (intptr_t i = 0; i < 6; i++) {
		pool_task_init(&t[i], done, (void *)i);
		thread_pool_submit(pool, &t[i], i < 3 ? POOL_LOW : POOL_HIGH);
	}
	sem_post(&go);
	thread_pool_drain(pool);
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(order[i], (i + 3) % 6);
}
END_TEST

START_TEST(one_thread_stays_free_of_patient_tasks)
{
	struct pool_task blocker[2], urgent;

	ck_ok(thread_pool_new("test", 2, &pool));
	for (int i = 0; i < 2; i++) {
		pool_task_init(&blocker[i], block, NULL);
		thread_pool_submit(pool, &blocker[i], POOL_LOW);
	}
	sem_wait(&started);
	pool_task_init(&urgent, block, NULL);
	thread_pool_submit(pool, &urgent, POOL_HIGH);
	sem_wait(&started); /* would hang if both threads were taken */
	ck_assert_uint_eq(thread_pool_pending(pool), 3);
	for (int i = 0; i < 3; i++)
		sem_post(&go);
	thread_pool_drain(pool);
}
END_TEST

START_TEST(queued_task_is_not_queued_twice)
{
	struct pool_task blocker, t;

	ck_ok(thread_pool_new("test", 1, &pool));
	pool_task_init(&blocker, block, NULL);
	pool_task_init(&t, done, NULL);
	thread_pool_submit(pool, &blocker, POOL_LOW);
	sem_wait(&started);
	ck_assert(thread_pool_submit(pool, &t, POOL_LOW));
	ck_assert(thread_pool_submit(pool, &t, POOL_LOW));
	sem_post(&go);
	thread_pool_drain(pool);
	ck_assert_int_eq(n_done, 1);
}
END_TEST

START_TEST(cancelled_task_does_not_run)
{
	struct pool_task blocker, t;

	ck_ok(thread_pool_new("test", 1, &pool));
	pool_task_init(&blocker, block, NULL);
	pool_task_init(&t, done, NULL);
	thread_pool_submit(pool, &blocker, POOL_LOW);
	sem_wait(&started);
	thread_pool_submit(pool, &t, POOL_LOW);
	ck_assert(thread_pool_cancel(pool, &t));
	ck_assert(!thread_pool_cancel(pool, &t));
	sem_post(&go);
	thread_pool_drain(pool);
	ck_assert_int_eq(n_done, 0);
}
END_TEST

static struct pool_task again;

static void run_again(void *arg)
{
	(void)arg;
	if (atomic_fetch_add(&n_done, 1) < 99)
		thread_pool_submit(pool, &again, POOL_LOW);
}

START_TEST(task_may_submit_itself)
{
	ck_ok(thread_pool_new("test", 2, &pool));
	pool_task_init(&again, run_again, NULL);
	thread_pool_submit(pool, &again, POOL_LOW);
	thread_pool_drain(pool);
	ck_assert_int_eq(n_done, 100);
}
END_TEST

START_TEST(stop_runs_what_is_queued_and_refuses_more)
{
	struct pool_task blocker, t[10], late;

	ck_ok(thread_pool_new("test", 1, &pool));
	pool_task_init(&blocker, block, NULL);
	thread_pool_submit(pool, &blocker, POOL_HIGH);
	for (int i = 0; i < 10; i++) {
		pool_task_init(&t[i], done, NULL);
		thread_pool_submit(pool, &t[i], POOL_LOW);
	}
	sem_post(&go);
	thread_pool_stop(pool);
	ck_assert_int_eq(n_done, 10);
	pool_task_init(&late, done, NULL);
	ck_assert(!thread_pool_submit(pool, &late, POOL_HIGH));
	thread_pool_stop(pool);
}
END_TEST

static void tell(void *arg)
{
	done(arg);
	sem_post(&started);
}

START_TEST(waiting_tasks_run_in_the_order_of_their_times)
{
	uint64_t since = mono_ns();
	struct pool_task t[3];

	ck_ok(thread_pool_new("test", 1, &pool));
	for (intptr_t i = 0; i < 3; i++) {
		uint64_t due = since + (uint64_t)(3 - i) * 2000000;

		pool_task_init(&t[i], tell, (void *)i);
		ck_assert(thread_pool_submit_at(pool, &t[i], POOL_LOW, due));
	}
	ck_assert_uint_eq(thread_pool_pending(pool), 0);
	for (int i = 0; i < 3; i++)
		sem_wait(&started);
	ck_assert_uint_ge(mono_ns(), since + 6000000);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(order[i], 2 - i);
}
END_TEST

/* An hour on. */
#define LATER (mono_ns() + 3600000000000ull)

START_TEST(a_new_time_takes_the_place_of_the_old_one)
{
	struct pool_task sooner, at_once;

	ck_ok(thread_pool_new("test", 2, &pool));
	pool_task_init(&sooner, tell, NULL);
	pool_task_init(&at_once, tell, NULL);
	thread_pool_submit_at(pool, &sooner, POOL_LOW, LATER);
	thread_pool_submit_at(pool, &at_once, POOL_LOW, LATER);
	thread_pool_submit_at(pool, &sooner, POOL_LOW, mono_ns() + 1000000);
	thread_pool_submit(pool, &at_once, POOL_HIGH);
	sem_wait(&started);
	sem_wait(&started);
	thread_pool_drain(pool);
	ck_assert_int_eq(n_done, 2);
}
END_TEST

START_TEST(a_queued_task_does_not_wait_for_a_time)
{
	struct pool_task blocker, t;

	ck_ok(thread_pool_new("test", 1, &pool));
	pool_task_init(&blocker, block, NULL);
	thread_pool_submit(pool, &blocker, POOL_LOW);
	sem_wait(&started);
	pool_task_init(&t, done, NULL);
	ck_assert(thread_pool_submit(pool, &t, POOL_LOW));
	ck_assert(thread_pool_submit_at(pool, &t, POOL_LOW, LATER));
	sem_post(&go);
	thread_pool_drain(pool);
	ck_assert_int_eq(n_done, 1);
}
END_TEST

START_TEST(what_waits_for_its_time_can_be_taken_back)
{
	struct pool_task t;

	ck_ok(thread_pool_new("test", 1, &pool));
	pool_task_init(&t, done, NULL);
	thread_pool_submit_at(pool, &t, POOL_LOW, LATER);
	thread_pool_drain(pool); /* is not waited for */
	ck_assert(thread_pool_cancel(pool, &t));
	ck_assert(!thread_pool_cancel(pool, &t));
	thread_pool_submit_at(pool, &t, POOL_LOW, LATER);
	thread_pool_stop(pool); /* nor here */
	ck_assert_int_eq(n_done, 0);
	ck_assert(!thread_pool_submit_at(pool, &t, POOL_LOW, mono_ns()));
}
END_TEST

static Suite *thread_pool_suite(void)
{
	Suite *s = suite_create("thread_pool");
	TCase *t = tcase_create("thread_pool");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, every_task_runs_once);
	tcase_add_test(t, urgent_tasks_go_first);
	tcase_add_test(t, one_thread_stays_free_of_patient_tasks);
	tcase_add_test(t, queued_task_is_not_queued_twice);
	tcase_add_test(t, cancelled_task_does_not_run);
	tcase_add_test(t, task_may_submit_itself);
	tcase_add_test(t, stop_runs_what_is_queued_and_refuses_more);
	tcase_add_test(t, waiting_tasks_run_in_the_order_of_their_times);
	tcase_add_test(t, a_new_time_takes_the_place_of_the_old_one);
	tcase_add_test(t, a_queued_task_does_not_wait_for_a_time);
	tcase_add_test(t, what_waits_for_its_time_can_be_taken_back);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(thread_pool_suite)
