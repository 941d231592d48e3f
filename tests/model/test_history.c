/* SPDX-License-Identifier: MIT */
/*
 * Time travel against the oracle. The clock is the test's own, so that a
 * window of history of some seconds passes many times over: reads as of random
 * moments must be what was there then, or be refused, and be refused only
 * where the window allows it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lsm/options.h"
#include "model/oracle.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/tmpdir.h"

#define SECOND 1000000ll
#define WINDOW (10 * SECOND)

static char *dir;
static struct fault_env *fault;
static struct tt_options *opts;
static struct rng rng;
static struct oracle oracle;
static struct tt_batch *batch;
static struct tt *db;

/* When each batch was written: stamps[n] is the timestamp of batch n. */
static int64_t *stamps;
static size_t cap_stamps;
/* The store was made with this clock and has kept the window since. */
static int64_t sure_from;
static int64_t retention_us;

static void set_retention(int64_t us)
{
	char text[32];

	retention_us = us;
	(void)snprintf(text, sizeof(text), "%" PRId64 "ms", us / 1000);
	ck_ok(tt_options_set(opts, "retention", text));
}

static void setup(void)
{
	static const char *const settings[][2] = {
		{ "memory", "4M" },
		{ "memtable_bytes", "64k" },
		{ "table_bytes", "64k" },
		{ "cache_bytes", "256k" },
		{ "wal_segment_bytes", "64k" },
		{ "l0_trigger", "2" },
		{ "sync_interval", "0" },
		{ "max_open_tables", "8" },
	};

	dir = tmpdir_new();
	test_rng(&rng);
	opts = tt_options_new();
	batch = tt_batch_new();
	ck_assert(opts && batch);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		ck_ok(tt_options_set(opts, settings[i][0], settings[i][1]));
	ck_ok(tt_options_set_merge(opts, "oracle", oracle_merge, NULL));
	ck_ok(fault_env_new(env_posix(), dir, rng_next(&rng), &fault));
	options_set_env(opts, fault_env_env(fault));
	oracle_init(&oracle, 60, 2000);
	stamps = NULL;
	cap_stamps = 0;
	sure_from = 0;
	set_retention(WINDOW);
}

static void teardown(void)
{
	free(stamps);
	oracle_fini(&oracle);
	tt_batch_free(batch);
	tt_options_free(opts);
	fault_env_free(fault);
	tmpdir_free(dir);
}

static void open_store(void)
{
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
}

static int64_t wall_now(void)
{
	return env_now_us(fault_env_env(fault));
}

/* The window has moved on to now. */
static void note_window(void)
{
	int64_t from = wall_now() - retention_us;

	if (from > sure_from)
		sure_from = from;
}

static void note_stamp(uint32_t n, int64_t ts)
{
	if (n >= cap_stamps) {
		cap_stamps = 2 * cap_stamps + 64;
		stamps = realloc(stamps, cap_stamps * sizeof(*stamps));
		ck_assert_ptr_nonnull(stamps);
	}
	stamps[n] = ts;
}

/* The next batch of the oracle; 0 or the failure. */
static int write_batch(const struct tt_write_options *wo)
{
	int64_t ts;
	int r;

	oracle_next(&oracle, &rng, batch);
	r = oracle_write(&oracle, db, wo, batch, &ts);
	if (r < 0)
		return r;
	if (oracle.n_batches > 1)
		ck_assert_int_gt(ts, stamps[oracle.n_batches - 1]);
	note_stamp(oracle.n_batches, ts);
	return 0;
}

static int64_t stat_of(const char *name)
{
	uint64_t v;

	ck_ok(tt_stat(db, name, &v));
	return (int64_t)v;
}

/* What was the last batch at that time? */
static uint32_t batch_at(int64_t ts)
{
	uint32_t n = oracle.n_batches;

	while (n && stamps[n] > ts)
		n--;
	return n;
}

/* A random time in the last `span` microseconds, often exactly a batch's. */
static int64_t random_time(int64_t span)
{
	int64_t now = wall_now();
	int64_t ts = now - (int64_t)rng_below(&rng, (uint64_t)span);
	uint32_t n = batch_at(ts);

	if (!n || rng_one_in(&rng, 2))
		return ts;
	return stamps[n] - (int64_t)rng_below(&rng, 2);
}

/* Reads as of `ts`: right, or refused where that is allowed. True: right. */
static bool check_moment(int64_t ts)
{
	struct tt_iter_options io = { .as_of = ts };
	struct tt_iter *it;
	int r = oracle_check_as_of(&oracle, db, ts, batch_at(ts));

	if (r == 0)
		return true;
	note_window();
	ck_assert_msg(ts < sure_from, "refused, although within the window");
	ck_err(tt_iter_new(db, &io, &it), TT_ETOOOLD);
	return false;
}

/* ---- snapshots of the past ---------------------------------------------- */

struct held {
	struct tt_snapshot *snap;
	uint32_t seq;
};

static void held_step(struct held *h)
{
	int64_t ts = random_time(2 * WINDOW);
	int r;

	if (h->snap) {
		oracle_check(&oracle, db, h->snap, h->seq);
		tt_snapshot_free(db, h->snap);
		h->snap = NULL;
		return;
	}
	r = tt_snapshot_at(db, ts, &h->snap);
	if (r == 0) {
		h->seq = batch_at(ts);
		ck_assert_int_eq(h->seq, batch_at(tt_snapshot_ts(h->snap)));
		oracle_check(&oracle, db, h->snap, h->seq);
		return;
	}
	note_window();
	ck_err(r, TT_ETOOOLD);
	ck_assert_msg(ts < sure_from, "snapshot refused within the window");
	h->snap = NULL;
}

static void drop_held(struct held *held, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		tt_snapshot_free(db, held[i].snap);
		held[i].snap = NULL;
	}
}

/* ---- tests -------------------------------------------------------------- */

static void reopen(void)
{
	static const int64_t windows[] = { WINDOW, WINDOW, WINDOW / 4,
					   3 * WINDOW, 0 };

	ck_ok(tt_close(db));
	note_window();
	set_retention(windows[rng_below(&rng, 5)]);
	open_store();
}

START_TEST(the_past_reads_as_it_was)
{
	struct held held[3] = { { NULL, 0 } };
	uint64_t n_steps = test_scale(3000), n_right = 0, n_refused = 0;

	open_store();
	for (uint64_t i = 0; i < n_steps; i++) {
		ck_ok(write_batch(NULL));
		fault_env_advance_us(fault, (int64_t)rng_below(&rng, SECOND));
		note_window();
		if (rng_one_in(&rng, 10)) {
			if (check_moment(random_time(3 * WINDOW)))
				n_right++;
			else
				n_refused++;
		}
		if (rng_one_in(&rng, 20))
			held_step(&held[rng_below(&rng, 3)]);
		if (rng_one_in(&rng, 60))
			ck_ok(tt_flush(db));
		if (rng_one_in(&rng, 300))
			ck_ok(tt_compact(db, tt_str(""), tt_str("")));
		if (rng_one_in(&rng, 250)) {
			drop_held(held, 3);
			reopen();
		}
	}
	drop_held(held, 3);
	oracle_check(&oracle, db, NULL, oracle.n_batches);
	/* Both must have happened for this to mean something. */
	ck_assert_uint_gt(n_right, n_steps / 100);
	ck_assert_uint_gt(n_refused, n_steps / 200);
	ck_ok(tt_close(db));
}
END_TEST

/* Some work, until something fails or it is enough. */
static void live(uint32_t *synced)
{
	for (uint64_t n = rng_range(&rng, 1, 300); n > 0; n--) {
		struct tt_write_options wo = { .sync = rng_one_in(&rng, 10) };

		if (write_batch(&wo) < 0)
			return;
		if (wo.sync)
			*synced = oracle.n_batches;
		fault_env_advance_us(fault, (int64_t)rng_below(&rng, SECOND));
		if (rng_one_in(&rng, 40) && tt_flush(db) < 0)
			return;
		if (rng_one_in(&rng, 100) &&
		    tt_compact(db, tt_str(""), tt_str("")) < 0)
			return;
	}
}

START_TEST(the_past_survives_power_cuts)
{
	for (unsigned round = 0; round < test_scale(15); round++) {
		uint32_t synced = oracle.n_batches, seq;
		int64_t ts;

		open_store();
		if (rng_one_in(&rng, 2))
			fault_env_fail(fault, FAULT_MUTATING,
				       rng_range(&rng, 1, 80), EIO,
				       FAULT_FROM_THEN_ON);
		live(&synced);
		note_window();
		ck_ok(fault_env_cut(fault, CUT_RANDOM));
		(void)tt_close(db); /* the power is off */
		ck_ok(fault_env_power_on(fault));
		open_store();
		seq = oracle_seq(db, NULL);
		ck_assert_uint_ge(seq, synced);
		oracle_truncate(&oracle, seq);
		/* The last one may be there although it was said to fail. */
		if (seq) {
			ck_ok(tt_get(db, NULL, tt_str(ORACLE_SEQ), NULL, 0,
				     NULL, &ts));
			note_stamp(seq, ts);
		}
		for (int i = 0; i < 10; i++)
			(void)check_moment(random_time(2 * WINDOW));
		ck_ok(tt_compact(db, tt_str(""), tt_str("")));
		for (int i = 0; i < 10; i++)
			(void)check_moment(random_time(2 * WINDOW));
		ck_ok(tt_close(db));
	}
}
END_TEST

/* So that all tables are merged with what is written here. */
static void overwrite_all(unsigned times)
{
	for (unsigned i = 0; i < times * oracle.n_keys; i++) {
		ck_ok(write_batch(NULL));
		fault_env_advance_us(fault, SECOND / 1000);
	}
}

START_TEST(history_goes_when_the_window_has_passed)
{
	int64_t first, later;

	open_store();
	overwrite_all(3);
	first = stamps[1];
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_assert_int_eq(stat_of("engine.records_dropped"), 0);
	ck_assert_int_eq(stat_of("engine.history_from"), 0);
	ck_assert(check_moment(first));
	fault_env_advance_us(fault, 2 * WINDOW);
	later = wall_now();
	overwrite_all(1);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_assert_int_gt(stat_of("engine.records_dropped"), 2 * oracle.n_keys);
	ck_assert_int_gt(stat_of("engine.history_from"), first);
	ck_assert(!check_moment(first));
	ck_assert(check_moment(later));
	/* A snapshot of a moment within it holds what the window lets go. */
	{
		struct held h = { NULL, batch_at(later) };

		ck_ok(tt_snapshot_at(db, later, &h.snap));
		fault_env_advance_us(fault, 2 * WINDOW);
		overwrite_all(2);
		ck_ok(tt_compact(db, tt_str(""), tt_str("")));
		oracle_check(&oracle, db, h.snap, h.seq);
		tt_snapshot_free(db, h.snap);
	}
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(a_longer_window_claims_nothing_that_was_dropped)
{
	int64_t old;

	set_retention(0);
	open_store();
	overwrite_all(2);
	old = stamps[oracle.n_batches / 2];
	ck_ok(tt_flush(db));
	ck_assert_int_gt(stat_of("engine.history_from"), old);
	note_window();
	ck_ok(tt_close(db));
	set_retention(1000 * WINDOW);
	for (int i = 0; i < 2; i++) {
		open_store();
		ck_assert(!check_moment(old));
		overwrite_all(1);
		ck_ok(tt_compact(db, tt_str(""), tt_str("")));
		ck_assert(!check_moment(old));
		ck_assert(check_moment(stamps[oracle.n_batches - 10]));
		ck_ok(tt_close(db));
	}
}
END_TEST

START_TEST(a_clock_set_back_keeps_history_for_longer)
{
	open_store();
	overwrite_all(1);
	fault_env_step_wall_us(fault, -100 * WINDOW);
	overwrite_all(1);
	fault_env_advance_us(fault, 50 * WINDOW);
	overwrite_all(1);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_assert_int_eq(stat_of("engine.records_dropped"), 0);
	for (uint32_t n = 1; n < oracle.n_batches; n += 7)
		ck_ok(oracle_check_as_of(&oracle, db, stamps[n], n));
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(times_beyond_the_newest_write_are_now)
{
	struct tt_snapshot *snap;
	struct tt_read_options both;
	struct tt_iter_options io;
	struct tt_iter *it;

	open_store();
	overwrite_all(1);
	ck_ok(oracle_check_as_of(&oracle, db, INT64_MAX, oracle.n_batches));
	ck_ok(oracle_check_as_of(&oracle, db, -5, 0));
	ck_ok(oracle_check_as_of(&oracle, db, stamps[1] - 1, 0));
	ck_ok(tt_snapshot_at(db, INT64_MAX, &snap));
	ck_assert_int_eq(tt_snapshot_ts(snap), tt_last_ts(db));
	both = (struct tt_read_options){ .snapshot = snap, .as_of = 7 };
	ck_err(tt_get(db, &both, tt_str("k"), NULL, 0, NULL, NULL), -EINVAL);
	io = (struct tt_iter_options){ .snapshot = snap, .as_of = 7 };
	ck_err(tt_iter_new(db, &io, &it), -EINVAL);
	tt_snapshot_free(db, snap);
	/* A refreshed iterator leaves its time. */
	io = (struct tt_iter_options){ .as_of = stamps[1] - 1 };
	ck_ok(tt_iter_new(db, &io, &it));
	ck_assert_int_eq(tt_iter_first(it), TT_END);
	ck_ok(tt_iter_refresh(it));
	ck_ok(tt_iter_first(it));
	tt_iter_free(it);
	ck_ok(tt_close(db));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("history");
	TCase *t = tcase_create("history");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_past_reads_as_it_was);
	tcase_add_test(t, the_past_survives_power_cuts);
	tcase_add_test(t, history_goes_when_the_window_has_passed);
	tcase_add_test(t, a_longer_window_claims_nothing_that_was_dropped);
	tcase_add_test(t, a_clock_set_back_keeps_history_for_longer);
	tcase_add_test(t, times_beyond_the_newest_write_are_now);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
