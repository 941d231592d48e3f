/* SPDX-License-Identifier: MIT */
/*
 * The commit queue: order, visibility, back-pressure, failures, and many
 * writers at once.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lsm/write.h"
#include "tests/support/check_main.h"
#include "tests/support/fault_env.h"
#include "tests/support/tmpdir.h"

static char *dir;
static char *wal_dir;
static struct fault_env *fe;
static struct env *env;
static struct wal *w;
static struct clock clk;
static struct memtable *mem;
static struct write_queue *q;

/* What make_room does. */
static _Atomic bool is_full;
static _Atomic int n_blocked;

static int make_room(void *arg, size_t bytes, uint64_t value_bytes,
		     bool no_wait, struct memtable **out)
{
	(void)arg;
	(void)bytes;
	(void)value_bytes;
	if (atomic_load(&is_full) && no_wait)
		return -EAGAIN;
	if (atomic_load(&is_full)) {
		atomic_fetch_add(&n_blocked, 1);
		while (atomic_load(&is_full))
			(void)sched_yield();
	}
	*out = mem;
	return 0;
}

static void setup(void)
{
	static const struct wal_options options = { .segment_bytes = 64 << 10 };
	static const struct write_hooks hooks = { .make_room = make_room };
	struct wal_tail tail = { .next_segment_no = 1 };

	dir = tmpdir_new();
	wal_dir = strdup(tmpdir_path(dir, "wal"));
	ck_ok(fault_env_new(env_posix(), dir, 1, &fe));
	env = fault_env_env(fe);
	ck_ok(wal_open(env, wal_dir, &options, &tail, &w));
	clock_init(&clk, env, 0);
	ck_ok(memtable_new(&mem));
	ck_ok(write_queue_new(&hooks, w, &clk, &q));
	atomic_store(&is_full, false);
	atomic_store(&n_blocked, 0);
}

static void teardown(void)
{
	write_queue_free(q);
	(void)wal_close(w);
	memtable_unref(mem);
	fault_env_free(fe);
	free(wal_dir);
	tmpdir_free(dir);
}

static int put(const char *key, const char *value, int64_t *ts)
{
	return write_commit_one(q, RECORD_VALUE, tt_str(key), tt_str(value),
				NULL, ts);
}

START_TEST(writes_are_visible_with_rising_timestamps)
{
	struct tt_batch *b = tt_batch_new();
	int64_t t1, t2, t3;
	struct record r;

	ck_ok(put("a", "1", &t1));
	ck_assert_int_eq(clock_visible(&clk), t1);
	ck_ok(tt_batch_put(b, tt_str("b"), tt_str("2")));
	ck_ok(tt_batch_put(b, tt_str("a"), tt_str("3")));
	ck_ok(tt_batch_delete(b, tt_str("b")));
	ck_ok(write_commit(q, b, NULL, &t2));
	ck_assert_int_gt(t2, t1);
	ck_ok(write_commit_one(q, RECORD_TOMBSTONE, tt_str("a"), SLICE_EMPTY,
			       NULL, &t3));
	ck_assert_int_gt(t3, t2);
	ck_ok(memtable_get(mem, tt_str("a"), t1, &r));
	ck_assert(slice_eq(r.value, tt_str("1")));
	ck_ok(memtable_get(mem, tt_str("a"), t2, &r));
	ck_assert(slice_eq(r.value, tt_str("3")));
	ck_ok(memtable_get(mem, tt_str("b"), t2, &r));
	ck_assert_int_eq(r.kind, RECORD_TOMBSTONE);
	ck_ok(memtable_get(mem, tt_str("a"), t3, &r));
	ck_assert_int_eq(r.kind, RECORD_TOMBSTONE);
	tt_batch_clear(b);
	ck_ok(write_commit(q, b, NULL, &t1));
	ck_assert_int_eq(t1, t3);
	tt_batch_free(b);
}
END_TEST

START_TEST(bad_operations_are_refused_before_anything_happens)
{
	ck_err(put("", "v", NULL), TT_EKEY);
	ck_assert_int_eq(clock_visible(&clk), 0);
	ck_assert_uint_eq(memtable_count(mem), 0);
}
END_TEST

START_TEST(a_full_disk_fails_the_write_and_not_the_next)
{
	char *big = calloc(1, 70000);
	int64_t ts;

	ck_ok(put("a", "1", &ts));
	fault_env_limit_bytes(fe, 0);
	ck_err(write_commit_one(q, RECORD_VALUE, tt_str("big"),
				SLICE(big, 70000), NULL, NULL),
	       -ENOSPC);
	ck_assert_int_eq(clock_visible(&clk), ts);
	ck_assert_uint_eq(memtable_count(mem), 1);
	ck_ok(put("b", "2", NULL));
	fault_env_clear(fe);
	ck_ok(write_commit_one(q, RECORD_VALUE, tt_str("big"),
			       SLICE(big, 70000), NULL, NULL));
	free(big);
}
END_TEST

START_TEST(a_failed_flush_stops_writes_with_its_reason)
{
	const struct tt_write_options sync = { .sync = true };

	ck_ok(write_commit_one(q, RECORD_VALUE, tt_str("k"), tt_str("v"), &sync,
			       NULL));
	ck_assert_uint_eq(wal_durable(w), wal_end(w));
	/* Once would not do: the log also syncs segments that it prepares. */
	fault_env_fail(fe, FAULT_SYNC, 1, EIO, FAULT_FROM_THEN_ON);
	ck_err(write_commit_one(q, RECORD_VALUE, tt_str("k"), tt_str("v"),
				&sync, NULL),
	       -EIO);
	fault_env_clear(fe);
	ck_err(put("k", "v", NULL), TT_EPOISONED);
	ck_assert_ptr_nonnull(strstr(err_text(), "injected"));
}
END_TEST

START_TEST(a_poisoned_queue_refuses_all)
{
	ck_ok(put("k", "v", NULL));
	write_queue_poison(q, err_set(-EIO, "flush failed"));
	ck_err(put("k", "v", NULL), TT_EPOISONED);
	ck_assert_ptr_nonnull(strstr(err_text(), "flush failed"));
}
END_TEST

static int note(void *arg)
{
	*(int *)arg += 1;
	return 7;
}

/* Once logged it would have to fit, now and at every start. */
START_TEST(a_batch_that_no_memtable_can_hold_is_refused_before_the_log)
{
	struct tt_batch b;
	uint64_t end;

	batch_init(&b);
	ck_ok(batch_add(&b, RECORD_VALUE, tt_str("k"), tt_str("v")));
	ck_ok(write_commit(q, &b, NULL, NULL));
	end = wal_end(w);
	b.n_ops = 120u << 20;
	ck_err(write_commit(q, &b, NULL, NULL), TT_ETOOBIG);
	ck_assert_uint_eq(wal_end(w), end);
	batch_fini(&b);
}
END_TEST

START_TEST(a_poisoned_queue_does_not_switch_memtables)
{
	int n = 0;

	write_queue_poison(q, err_set(-ENOMEM, "half a batch"));
	atomic_store(&is_full, true); /* asking for room would not return */
	ck_err(put("k", "v", NULL), TT_EPOISONED);
	ck_err(write_exclusive(q, note, &n), TT_EPOISONED);
	ck_assert_int_eq(n, 0);
}
END_TEST

START_TEST(exclusive_work_runs_once_and_hands_its_result_through)
{
	int n = 0;

	ck_assert_int_eq(write_exclusive(q, note, &n), 7);
	ck_assert_int_eq(n, 1);
	ck_ok(put("k", "v", NULL));
}
END_TEST

/* ---- threads ------------------------------------------------------------ */

static void *blocked_writer(void *arg)
{
	(void)arg;
	ck_ok(put("waits", "v", NULL));
	return NULL;
}

START_TEST(who_must_not_wait_is_sent_away)
{
	const struct tt_write_options no_wait = { .no_wait = true };
	pthread_t threads[2];

	atomic_store(&is_full, true);
	ck_err(write_commit_one(q, RECORD_VALUE, tt_str("k"), tt_str("v"),
				&no_wait, NULL),
	       -EAGAIN);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						blocked_writer, NULL),
				 0);
	while (atomic_load(&n_blocked) == 0)
		(void)sched_yield();
	ck_err(write_commit_one(q, RECORD_VALUE, tt_str("k"), tt_str("v"),
				&no_wait, NULL),
	       -EAGAIN);
	atomic_store(&is_full, false);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_ok(write_commit_one(q, RECORD_VALUE, tt_str("k"), tt_str("v"),
			       &no_wait, NULL));
	ck_assert_uint_eq(memtable_count(mem), 3);
}
END_TEST

#define N_WRITERS 4
#define N_WRITES 600

/* Every batch writes one value under two keys; a reader must never see them
 * differ. */
static void *writer(void *arg)
{
	struct tt_batch *b = tt_batch_new();
	int64_t last = 0, ts;

	for (int i = 0; i < N_WRITES; i++) {
		const struct tt_write_options wo = { .sync = i % 50 == 0 };
		char value[32];

		snprintf(value, sizeof(value), "%d.%d", *(int *)arg, i);
		tt_batch_clear(b);
		ck_ok(tt_batch_put(b, tt_str("left"), tt_str(value)));
		ck_ok(tt_batch_put(b, tt_str("right"), tt_str(value)));
		ck_ok(write_commit(q, b, &wo, &ts));
		ck_assert_int_gt(ts, last);
		ck_assert_int_ge(clock_visible(&clk), ts);
		last = ts;
	}
	tt_batch_free(b);
	return NULL;
}

static _Atomic bool is_done;

static void *reader(void *arg)
{
	struct record l, r;

	(void)arg;
	while (!atomic_load(&is_done)) {
		int64_t as_of = clock_visible(&clk);

		if (as_of == 0)
			continue;
		ck_ok(memtable_get(mem, tt_str("left"), as_of, &l));
		ck_ok(memtable_get(mem, tt_str("right"), as_of, &r));
		ck_assert_int_eq(l.ts, r.ts);
		ck_assert(slice_eq(l.value, r.value));
	}
	return NULL;
}

static int count_record(void *arg, uint64_t lsn, int64_t ts,
			struct tt_slice payload)
{
	int64_t *last = arg;

	(void)lsn;
	ck_assert_int_gt(ts, *last);
	*last = ts;
	return batch_verify(payload);
}

START_TEST(many_writers_commit_whole_batches_in_one_order)
{
	pthread_t writers[N_WRITERS], rd;
	int ids[N_WRITERS];
	struct write_stats st;
	struct wal_tail tail;
	int64_t last = 0;

	atomic_store(&is_done, false);
	ck_assert_int_eq(pthread_create(&rd, NULL, reader, NULL), 0);
	for (int i = 0; i < N_WRITERS; i++) {
		ids[i] = i;
		ck_assert_int_eq(
			pthread_create(&writers[i], NULL, writer, &ids[i]), 0);
	}
	for (int i = 0; i < 50; i++) {
		int n = 0;

		ck_assert_int_eq(write_exclusive(q, note, &n), 7);
	}
	for (int i = 0; i < N_WRITERS; i++)
		pthread_join(writers[i], NULL);
	atomic_store(&is_done, true);
	pthread_join(rd, NULL);
	write_queue_get_stats(q, &st);
	ck_assert_uint_eq(st.n_writes, N_WRITERS * N_WRITES);
	ck_assert_uint_eq(memtable_count(mem), 2 * N_WRITERS * N_WRITES);
	ck_ok(wal_close(w));
	w = NULL;
	ck_ok(wal_replay(env, wal_dir, 0, count_record, &last, &tail));
	ck_assert_uint_eq(tail.n_records, N_WRITERS * N_WRITES);
}
END_TEST

/* Counted by leaders, who are alone. */
static unsigned n_leads;

static void count_lead(void *arg)
{
	(void)arg;
	n_leads++;
}

START_TEST(who_leads_an_idle_queue_stands_in_nobodys_way)
{
	pthread_t writers[N_WRITERS];
	int ids[N_WRITERS];
	struct write_stats st;

	n_leads = 0;
	write_if_idle(q, count_lead, NULL);
	ck_assert_uint_eq(n_leads, 1);
	for (int i = 0; i < N_WRITERS; i++) {
		ids[i] = i;
		ck_assert_int_eq(
			pthread_create(&writers[i], NULL, writer, &ids[i]), 0);
	}
	do {
		write_if_idle(q, count_lead, NULL);
		write_queue_get_stats(q, &st);
	} while (st.n_writes < N_WRITERS * N_WRITES);
	for (int i = 0; i < N_WRITERS; i++)
		pthread_join(writers[i], NULL);
	ck_assert_uint_eq(memtable_count(mem), 2 * N_WRITERS * N_WRITES);
}
END_TEST

static Suite *write_suite(void)
{
	Suite *s = suite_create("write");
	TCase *t = tcase_create("write");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, writes_are_visible_with_rising_timestamps);
	tcase_add_test(t, bad_operations_are_refused_before_anything_happens);
	tcase_add_test(t, a_full_disk_fails_the_write_and_not_the_next);
	tcase_add_test(t, a_failed_flush_stops_writes_with_its_reason);
	tcase_add_test(t, a_poisoned_queue_refuses_all);
	tcase_add_test(t, a_poisoned_queue_does_not_switch_memtables);
	tcase_add_test(
		t, a_batch_that_no_memtable_can_hold_is_refused_before_the_log);
	tcase_add_test(t,
		       exclusive_work_runs_once_and_hands_its_result_through);
	tcase_add_test(t, who_must_not_wait_is_sent_away);
	tcase_add_test(t, many_writers_commit_whole_batches_in_one_order);
	tcase_add_test(t, who_leads_an_idle_queue_stands_in_nobodys_way);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(write_suite)
