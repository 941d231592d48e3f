/* SPDX-License-Identifier: MIT */
/* Syncs of the log by turns: who leads, who is answered, who is waited for. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "lsm/wal_hold.h"
#include "lsm/wal_impl.h"
#include "lsm/wal_reader.h"
#include "lsm/wal_writer.h"
#include "tests/support/check_main.h"
#include "tests/support/tmpdir.h"

static char *dir;
static struct wal *w;
static const struct wal_options options = { .segment_bytes = 64u << 10 };

static void setup(void)
{
	dir = tmpdir_new();
	w = NULL;
}

static void teardown(void)
{
	ck_ok(wal_close(w));
	tmpdir_free(dir);
}

static int see_nothing(void *arg, uint64_t lsn, int64_t ts,
		       struct tt_slice payload)
{
	(void)arg;
	(void)lsn;
	(void)ts;
	(void)payload;
	return 0;
}

/* A new log. */
static void open_with(const struct wal_options *o)
{
	const char *path = tmpdir_path(dir, "wal");
	struct wal_tail tail;

	memset(&tail, 0, sizeof(tail));
	ck_ok(wal_replay(env_posix(), path, 0, see_nothing, NULL, &tail));
	ck_ok(wal_open(env_posix(), path, o, &tail, &w));
}

static uint64_t append(uint64_t i)
{
	static const uint8_t body[500];
	struct tt_slice part = SLICE(body, sizeof(body));
	uint64_t end;

	ck_ok(wal_append(w, (int64_t)i + 1, &part, 1, &end));
	return end;
}

/* A disk that works only when it is let. */
struct gate {
	pthread_mutex_t mu;
	pthread_cond_t change;
	bool is_reached, is_open;
};

static int pass_gate(void *arg)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->mu);
	g->is_reached = true;
	pthread_cond_broadcast(&g->change);
	while (!g->is_open)
		pthread_cond_wait(&g->change, &g->mu);
	pthread_mutex_unlock(&g->mu);
	return 0;
}

static void wait_reached(struct gate *g)
{
	pthread_mutex_lock(&g->mu);
	while (!g->is_reached)
		pthread_cond_wait(&g->change, &g->mu);
	pthread_mutex_unlock(&g->mu);
}

static void open_gate(struct gate *g)
{
	pthread_mutex_lock(&g->mu);
	g->is_open = true;
	pthread_cond_broadcast(&g->change);
	pthread_mutex_unlock(&g->mu);
}

static void *sync_to(void *arg)
{
	uint64_t *lsn = arg;

	ck_ok(wal_sync(w, *lsn));
	ck_assert_uint_ge(wal_durable(w), *lsn);
	return NULL;
}

/* Until so many wait for the sync after the one that goes on. */
static void wait_queued(uint32_t n)
{
	uint32_t is = 0;

	while (is < n) {
		sched_yield();
		mutex_lock(&w->mu);
		is = w->turns[(w->turn_no + 1) % 2].n_waiting;
		mutex_unlock(&w->mu);
	}
}

/* The first in the queue is to lead the next sync. By then a flush has made
 * its records durable: it has no need to. The second has. */
START_TEST(who_needs_no_sync_any_more_lets_another_lead)
{
	struct gate g = { .mu = PTHREAD_MUTEX_INITIALIZER,
			  .change = PTHREAD_COND_INITIALIZER };
	struct wal_options o = options;
	pthread_t threads[3];
	uint64_t ends[3];

	o.sync_before = pass_gate;
	o.sync_arg = &g;
	open_with(&o);
	for (uint32_t i = 0; i < 3; i++) {
		ends[i] = append(i);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, sync_to,
						&ends[i]),
				 0);
		wait_reached(&g);
		wait_queued(i);
	}
	wal_release_before(w, ends[1]);
	open_gate(&g);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

static uint64_t n_syncs(void)
{
	struct wal_stats s;

	wal_get_stats(w, &s);
	return s.n_syncs;
}

static bool is_gathering(void)
{
	bool is;

	mutex_lock(&w->mu);
	is = w->is_gathering;
	mutex_unlock(&w->mu);
	return is;
}

/* Writes while another thread waits for company, and joins it if it still
 * does; false when it did not wait for so long. */
static bool join_gathering(uint64_t i)
{
	uint64_t before_it = wal_end(w), theirs = append(i), end;
	uint64_t before = n_syncs();
	pthread_t thread;
	bool has_joined = false;

	mutex_lock(&w->mu);
	w->n_expected = 2; /* as if two had just been answered */
	w->sync_ns = 1000000000;
	mutex_unlock(&w->mu);
	ck_assert_int_eq(pthread_create(&thread, NULL, sync_to, &theirs), 0);
	while (!is_gathering() && wal_durable(w) < theirs)
		(void)sched_yield();
	end = append(i + 1);
	mutex_lock(&w->mu);
	if (w->is_gathering) {
		/* One flush does for one segment. */
		has_joined = wal_lsn_segment(before_it) == wal_lsn_segment(end);
		ck_ok(wal_sync_turn_unlock(w, end));
	} else {
		mutex_unlock(&w->mu);
		ck_ok(wal_sync(w, end));
	}
	pthread_join(thread, NULL);
	if (has_joined) {
		ck_assert_uint_ge(wal_durable(w), end);
		ck_assert_uint_eq(n_syncs(), before + 1);
		ck_assert_uint_eq(w->n_expected, 2);
	}
	return has_joined;
}

START_TEST(one_flush_answers_who_comes_back_while_it_is_waited_for)
{
	uint64_t until = mono_ns() + 60000000000ull, i = 0;

	open_with(&options);
	ck_ok(wal_sync(w, append(i++))); /* the segment's first flush */
	while (!join_gathering(i)) {
		ck_assert_uint_lt(mono_ns(), until);
		i += 2;
	}
	/* Nobody else comes: from then on nobody is waited for. */
	ck_ok(wal_sync(w, append(i + 2)));
	ck_ok(wal_sync(w, append(i + 3)));
	ck_assert_uint_eq(w->n_expected, 1);
}
END_TEST

static void *seal_first(void *arg)
{
	(void)arg;
	ck_ok(wal_sync_before(w, 2));
	return NULL;
}

/* The same of one who asks for whole segments: the sync that goes on answers
 * it, though it reaches less far than was asked. */
START_TEST(who_has_its_segments_lets_another_lead)
{
	struct gate g = { .mu = PTHREAD_MUTEX_INITIALIZER,
			  .change = PTHREAD_COND_INITIALIZER };
	struct wal_options o = options;
	pthread_t threads[3];
	uint64_t ends[2];
	uint64_t i = 0;

	o.sync_before = pass_gate;
	o.sync_arg = &g;
	open_with(&o);
	ends[0] = append(i++);
	ck_assert_int_eq(pthread_create(&threads[0], NULL, sync_to, &ends[0]),
			 0);
	wait_reached(&g);
	do
		ends[1] = append(i++);
	while (wal_lsn_segment(ends[1]) < 2);
	ck_assert_int_eq(pthread_create(&threads[1], NULL, seal_first, NULL),
			 0);
	wait_queued(1);
	ck_assert_int_eq(pthread_create(&threads[2], NULL, sync_to, &ends[1]),
			 0);
	wait_queued(2);
	open_gate(&g);
	for (int t = 0; t < 3; t++)
		pthread_join(threads[t], NULL);
}
END_TEST

START_TEST(the_interval_makes_durable_what_nobody_asked_for)
{
	struct wal_options o = options;

	o.sync_interval_ms = 5;
	open_with(&o);
	append(0);
	while (wal_durable(w) != wal_end(w))
		(void)sched_yield();
}
END_TEST

static Suite *wal_sync_suite(void)
{
	Suite *s = suite_create("wal_sync");
	TCase *t = tcase_create("turns");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, who_needs_no_sync_any_more_lets_another_lead);
	tcase_add_test(t,
		       one_flush_answers_who_comes_back_while_it_is_waited_for);
	tcase_add_test(t, who_has_its_segments_lets_another_lead);
	tcase_add_test(t, the_interval_makes_durable_what_nobody_asked_for);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(wal_sync_suite)
