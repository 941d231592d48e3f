/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mutex.h"
#include "base/token.h"
#include "tests/support/check_main.h"

struct object {
	_Atomic int n_refs;
	_Atomic uint64_t serial;
	_Atomic bool is_dead;
};

static struct slot_cache cache;

static int n_swept;

static void setup(void)
{
	n_swept = 0;
	slot_cache_init(&cache);
}

static void object_unref(void *p, void *arg)
{
	struct object *o = p;

	(void)arg;
	if (atomic_fetch_sub(&o->n_refs, 1) == 1) {
		ck_assert(!atomic_exchange(&o->is_dead, true));
		free(o);
	}
}

static struct object *object_new(uint64_t serial)
{
	struct object *o = calloc(1, sizeof(*o));

	o->n_refs = 1;
	o->serial = serial;
	return o;
}

START_TEST(empty_slot_gives_nothing_then_caches)
{
	struct slot_token t;
	int x;

	ck_assert_ptr_null(slot_take(&cache, &t));
	ck_assert(slot_put_back(&cache, &t, &x));
	ck_assert_ptr_eq(slot_take(&cache, &t), &x);
	ck_assert(slot_put_back(&cache, &t, &x));
}
END_TEST

START_TEST(nested_take_gets_nothing_and_outer_keeps_its_own)
{
	struct slot_token outer, nested;
	int x, y;

	ck_assert_ptr_null(slot_take(&cache, &outer));
	ck_assert_ptr_null(slot_take(&cache, &nested));
	ck_assert(slot_put_back(&cache, &nested, &y));
	ck_assert(!slot_put_back(&cache, &outer, &x));
	ck_assert_ptr_eq(slot_take(&cache, &nested), &y);
}
END_TEST

static void count_swept(void *ref, void *arg)
{
	(void)ref;
	(void)arg;
	n_swept++;
}

START_TEST(sweep_returns_what_is_cached)
{
	struct slot_token t;
	int x;

	(void)slot_take(&cache, &t);
	ck_assert(slot_put_back(&cache, &t, &x));
	slot_sweep(&cache, count_swept, NULL);
	ck_assert_int_eq(n_swept, 1);
	ck_assert_ptr_null(slot_take(&cache, &t));
}
END_TEST

START_TEST(sweep_refuses_what_is_out)
{
	struct slot_token t;
	int x;

	(void)slot_take(&cache, &t);
	slot_sweep(&cache, count_swept, NULL);
	ck_assert_int_eq(n_swept, 0);
	ck_assert(!slot_put_back(&cache, &t, &x));
}
END_TEST

/* The trap of a plain "in use" mark: out, swept, taken again by a nested
 * reader, and only then the stale one comes back. */
START_TEST(stale_reference_cannot_return_under_a_later_mark)
{
	struct slot_token stale, fresh;
	int old, new;

	(void)slot_take(&cache, &stale);
	slot_sweep(&cache, count_swept, NULL);
	ck_assert_ptr_null(slot_take(&cache, &fresh));
	ck_assert(!slot_put_back(&cache, &stale, &old));
	ck_assert(slot_put_back(&cache, &fresh, &new));
}
END_TEST

static void *slot_of_thread(void *arg)
{
	*(int *)arg = thread_slot();
	return NULL;
}

START_TEST(slots_are_handed_on)
{
	int first, second;
	pthread_t th;

	pthread_create(&th, NULL, slot_of_thread, &first);
	pthread_join(th, NULL);
	pthread_create(&th, NULL, slot_of_thread, &second);
	pthread_join(th, NULL);
	ck_assert_int_eq(first, second);
	ck_assert_int_eq(thread_slot(), thread_slot());
}
END_TEST

/* The engine's use: readers hold the current object through the cache while
 * a writer replaces it. */
static struct mutex mu = MUTEX_INIT(RANK_DB);
static struct object *current;
static _Atomic uint64_t published;
static _Atomic bool stop;

static struct object *acquire(struct slot_token *t)
{
	struct object *o = slot_take(&cache, t);

	if (o)
		return o;
	mutex_lock(&mu);
	o = current;
	atomic_fetch_add(&o->n_refs, 1);
	mutex_unlock(&mu);
	return o;
}

static void *reader(void *arg)
{
	uint64_t n = 0;

	(void)arg;
	while (!atomic_load(&stop)) {
		uint64_t before = atomic_load(&published);
		struct slot_token t, t2;
		struct object *o = acquire(&t), *o2 = NULL;

		ck_assert(!o->is_dead);
		ck_assert_uint_ge(o->serial, before);
		if (++n % 7 == 0) {
			o2 = acquire(&t2);
			ck_assert_uint_ge(o2->serial, before);
			if (!slot_put_back(&cache, &t2, o2))
				object_unref(o2, NULL);
		}
		if (!slot_put_back(&cache, &t, o))
			object_unref(o, NULL);
	}
	return NULL;
}

START_TEST(readers_never_see_an_object_older_than_published)
{
	pthread_t th[3];

	current = object_new(0);
	for (int i = 0; i < 3; i++)
		pthread_create(&th[i], NULL, reader, NULL);
	for (uint64_t s = 1; s <= 3000; s++) {
		struct object *old, *new = object_new(s);

		mutex_lock(&mu);
		old = current;
		current = new;
		slot_sweep(&cache, object_unref, NULL);
		mutex_unlock(&mu);
		atomic_store(&published, s);
		object_unref(old, NULL);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(th[i], NULL);
	slot_sweep(&cache, object_unref, NULL);
	ck_assert_int_eq(current->n_refs, 1);
	object_unref(current, NULL);
}
END_TEST

static Suite *token_suite(void)
{
	Suite *s = suite_create("token");
	TCase *t = tcase_create("token");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, empty_slot_gives_nothing_then_caches);
	tcase_add_test(t, nested_take_gets_nothing_and_outer_keeps_its_own);
	tcase_add_test(t, sweep_returns_what_is_cached);
	tcase_add_test(t, sweep_refuses_what_is_out);
	tcase_add_test(t, stale_reference_cannot_return_under_a_later_mark);
	tcase_add_test(t, slots_are_handed_on);
	tcase_add_test(t, readers_never_see_an_object_older_than_published);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(token_suite)
