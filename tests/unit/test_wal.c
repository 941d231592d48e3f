/* SPDX-License-Identifier: MIT */
/*
 * The log, written and read back: over segments, lives, power cuts, full
 * disks, failing flushes and damage.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lsm/wal_impl.h"
#include "lsm/wal_reader.h"
#include "lsm/wal_writer.h"
#include "tests/support/check_main.h"
#include "tests/support/fault_env.h"
#include "tests/support/prng.h"
#include "tests/support/tmpdir.h"

#define SEGMENT (64u << 10)

static char *dir;
static char *wal_dir;
static struct fault_env *fe;
static struct env *env;
static struct wal *w;
static struct wal_tail tail;
static const struct wal_options options = { .segment_bytes = SEGMENT };

static void setup(void)
{
	dir = tmpdir_new();
	wal_dir = strdup(tmpdir_path(dir, "wal"));
	ck_ok(fault_env_new(env_posix(), dir, 1, &fe));
	env = fault_env_env(fe);
	w = NULL;
	memset(&tail, 0, sizeof(tail));
}

static void teardown(void)
{
	(void)wal_close(w);
	fault_env_free(fe);
	free(wal_dir);
	tmpdir_free(dir);
}

/* ---- records: record i has timestamp i + 1 and bytes made of i --------- */

static uint64_t n_seen;

static size_t body_len(uint64_t i)
{
	uint64_t state = i;
	uint64_t v = splitmix64(&state);

	return v % 50 == 0 ? 1 + v / 50 % (3 * SEGMENT) : 1 + v / 50 % 300;
}

static void body_fill(uint64_t i, uint8_t *out, size_t len)
{
	struct rng rng;

	rng_init(&rng, i);
	rng_fill(&rng, out, len);
}

static uint64_t append(uint64_t i)
{
	size_t len = body_len(i);
	uint8_t *p = malloc(len);
	struct tt_slice parts[3];
	uint64_t end;

	body_fill(i, p, len);
	parts[0] = SLICE(p, len / 3);
	parts[1] = SLICE_EMPTY;
	parts[2] = SLICE(p + len / 3, len - len / 3);
	ck_ok(wal_append(w, (int64_t)i + 1, parts, 3, &end));
	ck_assert_uint_eq(end, wal_end(w));
	free(p);
	return end;
}

static int append_code(size_t len)
{
	void *p = calloc(1, len);
	struct tt_slice part = { p, len };
	uint64_t end;
	int r = wal_append(w, 1, &part, 1, &end);

	free(p);
	return r;
}

/* Checks that records come as 0, 1, 2, … from n_seen on. */
static int expect_next(void *arg, uint64_t lsn, int64_t ts,
		       struct tt_slice payload)
{
	uint64_t i = n_seen++;
	size_t len = body_len(i);
	uint8_t *p = malloc(len);

	(void)arg;
	(void)lsn;
	ck_assert_int_eq(ts, (int64_t)i + 1);
	ck_assert_uint_eq(payload.len, len);
	body_fill(i, p, len);
	ck_assert(memcmp(payload.data, p, len) == 0);
	free(p);
	return 0;
}

static int replay(uint64_t from, uint64_t first)
{
	n_seen = first;
	return wal_replay(env, wal_dir, from, expect_next, NULL, &tail);
}

static void open_wal(void)
{
	ck_ok(wal_open(env, wal_dir, &options, &tail, &w));
}

static void close_wal(void)
{
	ck_ok(wal_close(w));
	w = NULL;
}

START_TEST(a_missing_or_empty_log_is_empty)
{
	ck_ok(replay(0, 0));
	ck_assert_uint_eq(tail.n_records, 0);
	ck_assert_uint_eq(tail.next_segment_no, 1);
	open_wal();
	close_wal();
	ck_ok(replay(0, 0));
	ck_assert_uint_eq(tail.n_records, 0);
	ck_assert(!tail.is_torn);
}
END_TEST

START_TEST(what_was_appended_comes_back_over_many_segments)
{
	ck_ok(replay(0, 0));
	open_wal();
	for (uint64_t i = 0; i < 1500; i++)
		append(i);
	ck_assert_uint_lt(wal_durable(w), wal_end(w));
	ck_ok(wal_sync(w, wal_end(w)));
	ck_assert_uint_eq(wal_durable(w), wal_end(w));
	close_wal();
	ck_ok(replay(0, 0));
	ck_assert_uint_eq(tail.n_records, 1500);
	ck_assert_int_eq(tail.last_ts, 1500);
}
END_TEST

START_TEST(replay_starts_where_it_is_told)
{
	uint64_t lsn = 0;

	ck_ok(replay(0, 0));
	open_wal();
	for (uint64_t i = 0; i < 900; i++) {
		if (i == 500)
			lsn = wal_end(w);
		append(i);
	}
	wal_release_before(w, lsn);
	close_wal();
	ck_ok(replay(lsn, 500));
	ck_assert_uint_eq(tail.n_records, 400);
}
END_TEST

START_TEST(lives_follow_each_other)
{
	uint64_t i = 0;

	ck_ok(replay(0, 0));
	for (int life = 0; life < 6; life++) {
		open_wal();
		for (int k = 0; k < life * 40; k++)
			append(i++);
		close_wal();
		ck_ok(replay(0, 0));
		ck_assert_uint_eq(tail.n_records, i);
	}
}
END_TEST

START_TEST(recycled_segments_do_not_replay_their_former_life)
{
	uint64_t keep[64] = { 0 };
	struct wal_stats st;
	uint64_t i, first = 0;

	ck_ok(replay(0, 0));
	open_wal();
	for (i = 0; i < 8000; i++) {
		append(i);
		if (i % 100 == 99)
			keep[i / 100 % 64] = wal_end(w);
		if (i % 100 == 99 && i > 500) {
			first = i - 299;
			wal_release_before(w, keep[(first - 1) / 100 % 64]);
		}
	}
	wal_get_stats(w, &st);
	ck_assert_uint_gt(st.n_recycled, 0);
	close_wal();
	ck_ok(replay(keep[(first - 1) / 100 % 64], first));
	ck_assert_uint_eq(n_seen, 8000);
}
END_TEST

/* ---- power ------------------------------------------------------------- */

/*
 * Random work in many lives, each ended by a kill or a power cut. What was
 * synced must be there, what is there must be a prefix; the next life goes
 * on from it.
 */
START_TEST(after_any_cut_the_log_is_a_prefix_with_all_that_was_synced)
{
	static const enum fault_cut cuts[] = { CUT_STRICT, CUT_RANDOM,
					       CUT_NOTHING_LOST };
	uint64_t n = 0, synced = 0, first = 0, from = 0;
	struct {
		uint64_t lsn, first;
	} marks[4] = { { 0 } };
	struct rng rng;

	test_rng(&rng);
	for (int life = 0; life < 25; life++) {
		ck_ok(replay(from, first));
		ck_assert_uint_ge(n_seen, synced);
		ck_assert_uint_le(n_seen, n);
		n = n_seen;
		open_wal();
		wal_release_before(w, from);
		for (uint64_t k = rng_below(&rng, 400); k; k--) {
			append(n++);
			if (rng_one_in(&rng, 60)) {
				ck_ok(wal_sync(w, wal_end(w)));
				synced = n;
			}
			if (rng_one_in(&rng, 150) && synced == n) {
				/* As a flush does: a manifest says that all
				 * before some place is in tables. */
				memmove(marks, marks + 1, 3 * sizeof(*marks));
				marks[3].lsn = wal_end(w);
				marks[3].first = n;
				from = marks[1].lsn;
				first = marks[1].first;
				wal_release_before(w, from);
			}
		}
		ck_ok(fault_env_cut(fe, cuts[rng_below(&rng, 3)]));
		(void)wal_close(w);
		w = NULL;
		ck_ok(fault_env_power_on(fe));
	}
}
END_TEST

START_TEST(a_release_inside_the_current_segment_does_not_pass_for_a_sync)
{
	uint64_t released;

	ck_ok(replay(0, 0));
	open_wal();
	append(1);
	append(2);
	released = wal_end(w);
	wal_release_before(w, released);
	append(3);
	ck_ok(wal_sync(w, wal_end(w)));
	ck_ok(fault_env_cut(fe, CUT_STRICT));
	(void)wal_close(w);
	w = NULL;
	ck_ok(fault_env_power_on(fe));
	ck_ok(replay(released, 3));
	ck_assert_uint_eq(tail.n_records, 1);
}
END_TEST

/* ---- damage ------------------------------------------------------------ */

static const char *segment_path(uint32_t no)
{
	char name[32];

	snprintf(name, sizeof(name), "wal/%06u.wal", no);
	return tmpdir_path(dir, name);
}

static void flip_bit(uint32_t no, uint64_t off)
{
	struct env_file *f;
	uint8_t c;

	ck_ok(env_open(env_posix(), segment_path(no), ENV_READ | ENV_WRITE,
		       &f));
	ck_ok(env_read_exact(f, off, &c, 1));
	c ^= 4;
	ck_ok(env_write(f, off, &c, 1));
	ck_ok(env_close(f));
}

/* Ten records of 100 bytes at known places; syncs after the fifth. */
static void write_ten(uint64_t *lsns)
{
	uint8_t body[100] = { 1 };
	struct tt_slice part = { body, sizeof(body) };
	uint64_t end;

	ck_ok(replay(0, 0));
	open_wal();
	for (int i = 0; i < 10; i++) {
		body[0] = (uint8_t)i;
		ck_ok(wal_append(w, i + 1, &part, 1, &end));
		lsns[i] = end - wal_record_space(sizeof(body));
		if (i == 4)
			ck_ok(wal_sync(w, end));
	}
	/* Ended as by a kill: closing would sync. */
	ck_ok(fault_env_cut(fe, CUT_NOTHING_LOST));
	(void)wal_close(w);
	w = NULL;
	ck_ok(fault_env_power_on(fe));
}

static int count_records(void *arg, uint64_t lsn, int64_t ts,
			 struct tt_slice payload)
{
	(void)lsn;
	(void)ts;
	(void)payload;
	++*(int *)arg;
	return 0;
}

/* _i: which record; 0-4 were synced before later ones were written. */
START_TEST(damage_below_the_durable_mark_is_reported_with_its_place)
{
	uint64_t lsns[10];
	char text[64];
	int n = 0, r;

	write_ten(lsns);
	flip_bit(1, wal_lsn_offset(lsns[_i]) + 40);
	r = wal_replay(env, wal_dir, 0, count_records, &n, &tail);
	ck_assert_int_eq(n, _i);
	if (_i < 5) {
		ck_assert_int_eq(r, TT_ECORRUPT);
		snprintf(text, sizeof(text), "offset %u",
			 wal_lsn_offset(lsns[_i]));
		ck_assert_ptr_nonnull(strstr(err_text(), text));
		ck_assert_ptr_nonnull(strstr(err_text(), segment_path(1)));
	} else {
		ck_assert_int_eq(r, 0);
		ck_assert_uint_eq(tail.end_lsn, _i ? lsns[_i] : 0);
		ck_assert(tail.is_torn == (_i < 9));
	}
}
END_TEST

START_TEST(a_lost_segment_is_reported)
{
	uint32_t lost = 0;

	ck_ok(replay(0, 0));
	open_wal();
	for (uint64_t i = 0; i < 1000; i++) {
		append(i);
		if (i == 350)
			lost = wal_lsn_segment(wal_end(w));
		if (i == 700)
			ck_ok(wal_sync(w, wal_end(w)));
	}
	close_wal();
	ck_ok(env_unlink(env, segment_path(lost)));
	ck_err(replay(0, 0), TT_ECORRUPT);
}
END_TEST

START_TEST(what_a_cut_took_off_stays_off)
{
	uint64_t lsns[10];
	int n = 0;

	write_ten(lsns);
	flip_bit(1, wal_lsn_offset(lsns[7]) + 40);
	ck_ok(wal_replay(env, wal_dir, 0, count_records, &n, &tail));
	ck_assert_int_eq(n, 7);
	open_wal();
	ck_ok(append_code(10));
	close_wal();
	/* Records 8 and 9 are intact and still do not come back. */
	n = 0;
	ck_ok(wal_replay(env, wal_dir, 0, count_records, &n, &tail));
	ck_assert_int_eq(n, 8);
}
END_TEST

START_TEST(an_unknown_version_is_refused_by_number)
{
	struct wal_segment_header h;
	struct env_file *f;
	uint64_t lsns[10];
	int n = 0;

	write_ten(lsns);
	ck_ok(env_open(env_posix(), segment_path(1), ENV_READ | ENV_WRITE, &f));
	ck_ok(env_read_exact(f, 0, &h, sizeof(h)));
	h.version = le32_make(77);
	h.checksum = le64_make(wal_identity_sum(&h));
	ck_ok(env_write(f, 0, &h, sizeof(h)));
	ck_ok(env_close(f));
	ck_err(wal_replay(env, wal_dir, 0, count_records, &n, &tail),
	       TT_EVERSION);
	ck_assert_ptr_nonnull(strstr(err_text(), "version 77"));
}
END_TEST

START_TEST(mutated_segments_never_harm_the_reader)
{
	uint64_t lsns[10];
	struct rng rng;

	write_ten(lsns);
	test_rng(&rng);
	for (uint64_t i = 0; i < test_scale(150); i++) {
		struct wal_segment_info info;
		struct env_file *f;
		uint8_t bytes[3];
		uint64_t size;
		int n = 0, r;

		ck_ok(env_open(env_posix(), segment_path(1),
			       ENV_READ | ENV_WRITE, &f));
		for (int k = 0; k < 3; k++) {
			rng_fill(&rng, bytes, sizeof(bytes));
			ck_ok(env_write(f, rng_below(&rng, 1600), bytes,
					rng_range(&rng, 1, 3)));
		}
		if (rng_one_in(&rng, 10)) {
			ck_ok(env_file_size(f, &size));
			ck_ok(env_truncate(f, rng_below(&rng, size + 1)));
		}
		ck_ok(env_close(f));
		r = wal_replay(env, wal_dir, 0, count_records, &n, &tail);
		ck_assert(r == 0 || r == TT_ECORRUPT || r == TT_EVERSION);
		ck_assert_int_le(n, 10);
		r = wal_read_segment(env_posix(), segment_path(1), NULL, NULL,
				     &info);
		ck_assert(r == 0 || r == TT_ECORRUPT || r == TT_EVERSION);
	}
}
END_TEST

/* ---- failures ---------------------------------------------------------- */

START_TEST(a_full_disk_fails_appends_until_there_is_room)
{
	int r = 0, n = 0;

	ck_ok(replay(0, 0));
	open_wal();
	fault_env_limit_bytes(fe, 3 * SEGMENT + SEGMENT / 2);
	while (r == 0 && n < 1000) {
		r = append_code(1000);
		n += r == 0;
	}
	ck_assert_int_eq(r, -ENOSPC);
	ck_assert_int_gt(n, 100);
	ck_err(append_code(1000), -ENOSPC);
	ck_assert_int_eq(wal_poisoned(w), 0);
	/* What still fits the current segment goes on. */
	ck_ok(append_code(1));
	fault_env_clear(fe);
	ck_ok(append_code(1000));
	close_wal();
	r = 0;
	ck_ok(wal_replay(env, wal_dir, 0, count_records, &r, &tail));
	ck_assert_int_eq(r, n + 2);
}
END_TEST

START_TEST(a_log_opens_and_takes_writes_on_a_full_disk)
{
	struct wal_stats st;

	ck_ok(replay(0, 0));
	open_wal();
	do { /* the first segment is made in the background */
		(void)sched_yield();
		wal_get_stats(w, &st);
	} while (st.n_created == 0);
	close_wal();
	fault_env_limit_bytes(fe, 0);
	ck_ok(replay(0, 0));
	open_wal();
	ck_ok(append_code(1000));
	close_wal();
}
END_TEST

/* Zeros are written for those who sync, and cost others nothing. */
START_TEST(segments_are_raw_until_somebody_syncs)
{
	uint64_t n = 0, writes;
	struct wal_stats st;

	ck_ok(replay(0, 0));
	open_wal();
	writes = fault_env_calls(fe, FAULT_WRITE);
	do {
		append(n++);
		wal_get_stats(w, &st);
	} while (st.n_created < 4);
	ck_assert_uint_eq(fault_env_calls(fe, FAULT_WRITE), writes);
	ck_ok(wal_sync(w, wal_end(w)));
	mutex_lock(&w->mu);
	ck_assert(!w->current->is_raw);
	while (!w->ready || w->ready->is_raw)
		cond_wait(&w->ready_change, &w->mu);
	mutex_unlock(&w->mu);
	do {
		append(n++);
		wal_get_stats(w, &st);
	} while (st.n_created < 8);
	ck_assert_uint_gt(fault_env_calls(fe, FAULT_WRITE), writes);
	close_wal();
	ck_ok(replay(0, 0));
	ck_assert_uint_eq(tail.n_records, n);
}
END_TEST

START_TEST(a_failed_flush_poisons_the_log)
{
	ck_ok(replay(0, 0));
	open_wal();
	append(0);
	append(1);
	fault_env_fail(fe, FAULT_SYNC, 1, EIO, FAULT_FROM_THEN_ON);
	ck_err(wal_sync(w, wal_end(w)), -EIO);
	fault_env_clear(fe);
	ck_err(append_code(10), TT_EPOISONED);
	ck_err(wal_sync(w, wal_end(w)), TT_EPOISONED);
	ck_assert_ptr_nonnull(strstr(err_text(), "injected"));
	ck_assert_int_eq(wal_poisoned(w), -EIO);
	ck_err(wal_close(w), TT_EPOISONED);
	w = NULL;
}
END_TEST

/* The n-th call fails, for every n until none does: nothing crashes, hangs
 * or leaks, and the log stays readable. */
START_TEST(any_single_failure_is_survived)
{
	int n = 0;

	for (uint64_t nth = 1; nth < 60; nth++) {
		char name[32];

		snprintf(name, sizeof(name), "wal-%d", (int)nth);
		free(wal_dir);
		wal_dir = strdup(tmpdir_path(dir, name));
		ck_ok(wal_replay(env, wal_dir, 0, count_records, &n, &tail));
		fault_env_fail(fe, FAULT_ANY & ~FAULT_CLOSE, nth, EIO,
			       FAULT_ONCE);
		if (wal_open(env, wal_dir, &options, &tail, &w) == 0) {
			for (int i = 0; i < 5; i++) {
				(void)append_code(SEGMENT / 2);
				(void)wal_sync(w, wal_end(w));
			}
			wal_release_before(w, wal_end(w));
			(void)wal_close(w);
			w = NULL;
		}
		fault_env_clear(fe);
		ck_ok(wal_replay(env, wal_dir, 0, count_records, &n, &tail));
	}
}
END_TEST

/* ---- threads ----------------------------------------------------------- */

#define N_SYNCERS 3

struct syncers {
	_Atomic bool is_done;
};

static void *syncer(void *arg)
{
	struct syncers *s = arg;

	while (!atomic_load(&s->is_done)) {
		uint64_t end = wal_end(w);

		ck_ok(wal_sync(w, end));
		ck_assert_uint_ge(wal_durable(w), end);
	}
	return NULL;
}

START_TEST(syncs_run_beside_appends_and_releases)
{
	struct syncers s = { false };
	pthread_t threads[N_SYNCERS];
	uint64_t released = 0;

	ck_ok(replay(0, 0));
	open_wal();
	for (int i = 0; i < N_SYNCERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, syncer, &s),
				 0);
	for (uint64_t i = 0; i < 3000; i++) {
		append(i);
		if (i % 500 == 499) {
			released = wal_end(w);
			wal_release_before(w, released);
		}
	}
	atomic_store(&s.is_done, true);
	for (int i = 0; i < N_SYNCERS; i++)
		pthread_join(threads[i], NULL);
	close_wal();
	ck_ok(replay(released, 3000));
}
END_TEST

START_TEST(names_of_segments_are_recognised)
{
	ck_assert_uint_eq(wal_segment_no_of_name("000001.wal"), 1);
	ck_assert_uint_eq(wal_segment_no_of_name("1234567.wal"), 1234567);
	ck_assert_uint_eq(wal_segment_no_of_name("4294967295.wal"), UINT32_MAX);
	ck_assert_uint_eq(wal_segment_no_of_name("4294967296.wal"), 0);
	ck_assert_uint_eq(wal_segment_no_of_name("1.wal"), 0);
	ck_assert_uint_eq(wal_segment_no_of_name("0000001.wal"), 0);
	ck_assert_uint_eq(wal_segment_no_of_name("000000.wal"), 0);
	ck_assert_uint_eq(wal_segment_no_of_name("000001.wal~"), 0);
	ck_assert_uint_eq(wal_segment_no_of_name(".wal"), 0);
}
END_TEST

static Suite *wal_suite(void)
{
	Suite *s = suite_create("wal");
	TCase *t = tcase_create("wal");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_missing_or_empty_log_is_empty);
	tcase_add_test(t, what_was_appended_comes_back_over_many_segments);
	tcase_add_test(t, replay_starts_where_it_is_told);
	tcase_add_test(t, lives_follow_each_other);
	tcase_add_test(t, recycled_segments_do_not_replay_their_former_life);
	tcase_add_loop_test(
		t, after_any_cut_the_log_is_a_prefix_with_all_that_was_synced,
		0, 2);
	tcase_add_test(
		t,
		a_release_inside_the_current_segment_does_not_pass_for_a_sync);
	tcase_add_loop_test(
		t, damage_below_the_durable_mark_is_reported_with_its_place, 0,
		10);
	tcase_add_test(t, a_lost_segment_is_reported);
	tcase_add_test(t, what_a_cut_took_off_stays_off);
	tcase_add_test(t, an_unknown_version_is_refused_by_number);
	tcase_add_test(t, mutated_segments_never_harm_the_reader);
	tcase_add_test(t, a_full_disk_fails_appends_until_there_is_room);
	tcase_add_test(t, a_log_opens_and_takes_writes_on_a_full_disk);
	tcase_add_test(t, segments_are_raw_until_somebody_syncs);
	tcase_add_test(t, a_failed_flush_poisons_the_log);
	tcase_add_test(t, any_single_failure_is_survived);
	tcase_add_test(t, syncs_run_beside_appends_and_releases);
	tcase_add_test(t, names_of_segments_are_recognised);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(wal_suite)
