/* SPDX-License-Identifier: MIT */
/*
 * The engine against the oracle: random batches, flushes, compactions,
 * snapshots, iterators and reopenings, in stores small enough that everything
 * happens often; and the same with the power cut or the process killed at
 * random calls, where the store must come back as a prefix of the history
 * that has everything that was acknowledged.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lsm/options.h"
#include "model/oracle.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/tmpdir.h"

static char *dir;
static struct tt_options *opts;
static struct rng rng;
static struct oracle oracle;
static struct tt_batch *batch;

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
		{ "separate_bytes", "1k" },
		{ "value_file_bytes", "64k" },
	};

	dir = tmpdir_new();
	test_rng(&rng);
	opts = tt_options_new();
	batch = tt_batch_new();
	ck_assert(opts && batch);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		ck_ok(tt_options_set(opts, settings[i][0], settings[i][1]));
	ck_ok(tt_options_set_merge(opts, "oracle", oracle_merge, NULL));
	oracle_init(&oracle, 200, 8000);
}

static void teardown(void)
{
	oracle_fini(&oracle);
	tt_batch_free(batch);
	tt_options_free(opts);
	tmpdir_free(dir);
}

static const char *store(void)
{
	return tmpdir_path(dir, "store");
}

/* ---- without faults --------------------------------------------------- */

struct held {
	struct tt_snapshot *snap;
	uint32_t seq;
};

static void snapshot_step(struct tt *db, struct held *h)
{
	if (!h->snap) {
		ck_ok(tt_snapshot_new(db, &h->snap));
		h->seq = oracle.n_batches;
		return;
	}
	oracle_check(&oracle, db, h->snap, h->seq);
	tt_snapshot_free(db, h->snap);
	h->snap = NULL;
}

static struct tt *reopen(struct tt *db, struct held *held, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		tt_snapshot_free(db, held[i].snap);
		held[i].snap = NULL;
	}
	ck_ok(tt_close(db));
	ck_ok(tt_open(store(), opts, &db));
	oracle_check(&oracle, db, NULL, oracle.n_batches);
	return db;
}

START_TEST(random_operations_agree_with_the_oracle)
{
	static const char *const codecs[] = { "none", "lz4", "snappy", "zstd" };
	static const char *const separate[] = { "1k", "64", "0", "4k" };
	struct held held[3] = { { NULL, 0 } };
	uint64_t n_steps = test_scale(4000);
	struct tt *db;

	ck_ok(tt_options_set(opts, "compression", codecs[_i]));
	ck_ok(tt_options_set(opts, "separate_bytes", separate[_i]));
	oracle.large_one_in = _i % 2 ? 4 : 16;
	ck_ok(tt_options_set(opts, "bottom_compression",
			     _i % 2 ? "zstd" : "same"));
	ck_ok(tt_open(store(), opts, &db));
	for (uint64_t i = 0; i < n_steps; i++) {
		oracle_next(&oracle, &rng, batch);
		ck_ok(oracle_write(&oracle, db, NULL, batch, NULL));
		if (rng_one_in(&rng, 50))
			snapshot_step(db, &held[rng_below(&rng, 3)]);
		if (rng_one_in(&rng, 200))
			oracle_check(&oracle, db, NULL, oracle.n_batches);
		if (rng_one_in(&rng, 150))
			ck_ok(tt_flush(db));
		if (rng_one_in(&rng, 500))
			ck_ok(tt_compact(db, tt_str("k/00050"),
					 tt_str("k/00100")));
		if (rng_one_in(&rng, 800))
			ck_ok(tt_compact(db, tt_str(""), tt_str("")));
		if (rng_one_in(&rng, 300))
			db = reopen(db, held, 3);
	}
	db = reopen(db, held, 3);
	ck_ok(tt_verify(db, NULL, NULL));
	ck_ok(tt_close(db));
}
END_TEST

/* ---- with faults ------------------------------------------------------ */

struct life {
	uint32_t acked;	 /* the last batch whose write returned */
	uint32_t synced; /* the last one known to be durable */
};

/* Writes until something fails or the steps are done. */
static void live(struct tt *db, struct life *life, uint64_t n_steps)
{
	for (uint64_t i = 0; i < n_steps; i++) {
		struct tt_write_options wo = { .sync = rng_one_in(&rng, 20) };

		oracle_next(&oracle, &rng, batch);
		if (oracle_write(&oracle, db, &wo, batch, NULL) < 0)
			return;
		life->acked = oracle.n_batches;
		if (wo.sync)
			life->synced = oracle.n_batches;
		if (rng_one_in(&rng, 100) && tt_flush(db) < 0)
			return;
		if (rng_one_in(&rng, 300) &&
		    tt_compact(db, tt_str(""), tt_str("")) < 0)
			return;
	}
}

/* The store must be a prefix; what came later never was. */
static void check_prefix(struct tt *db, uint32_t least)
{
	uint32_t seq = oracle_seq(db, NULL);

	ck_assert_msg(seq >= least, "batch %u lost: the store ends with %u",
		      least, seq);
	ck_assert_uint_le(seq, oracle.n_batches);
	oracle_check(&oracle, db, NULL, seq);
	oracle_truncate(&oracle, seq);
}

static void crash_rounds(enum fault_cut how, bool fail_first, unsigned rounds)
{
	struct fault_env *fault;
	struct tt *db;

	ck_ok(fault_env_new(env_posix(), dir, rng_next(&rng), &fault));
	options_set_env(opts, fault_env_env(fault));
	for (unsigned i = 0; i < rounds; i++) {
		struct life life = { oracle.n_batches, oracle.n_batches };
		uint32_t least;
		int r = tt_open(store(), opts, &db);

		ck_assert_msg(r == 0, "round %u: %s", i, tt_error_text(r));
		check_prefix(db, 0);
		ck_ok(tt_sync(db));
		life.acked = life.synced = oracle.n_batches;
		if (fail_first)
			fault_env_fail(fault, FAULT_MUTATING,
				       rng_range(&rng, 1, 60), EIO,
				       FAULT_FROM_THEN_ON);
		live(db, &life, rng_range(&rng, 1, 600));
		ck_ok(fault_env_cut(fault, how));
		(void)tt_close(db); /* nothing it says matters any more */
		ck_ok(fault_env_power_on(fault));
		least = how == CUT_NOTHING_LOST ? life.acked : life.synced;
		r = tt_open(store(), opts, &db);
		ck_assert_msg(r == 0, "round %u: after the cut: %s", i,
			      tt_error_text(r));
		check_prefix(db, least);
		ck_ok(tt_verify(db, NULL, NULL));
		ck_ok(tt_close(db));
	}
	fault_env_free(fault);
}

START_TEST(a_killed_process_loses_nothing_acknowledged)
{
	crash_rounds(CUT_NOTHING_LOST, false, (unsigned)test_scale(12));
}
END_TEST

START_TEST(after_a_strict_power_cut_a_prefix_is_there)
{
	crash_rounds(CUT_STRICT, false, (unsigned)test_scale(12));
}
END_TEST

START_TEST(after_a_random_power_cut_a_prefix_is_there)
{
	crash_rounds(CUT_RANDOM, false, (unsigned)test_scale(12));
}
END_TEST

START_TEST(a_power_cut_after_the_nth_call_leaves_a_prefix)
{
	crash_rounds(CUT_RANDOM, true, (unsigned)test_scale(20));
}
END_TEST

/* Power goes in the middle of recovery, several times over. */
START_TEST(a_crash_during_recovery_is_harmless)
{
	struct fault_env *fault;
	struct tt *db;
	uint32_t synced;

	ck_ok(fault_env_new(env_posix(), dir, rng_next(&rng), &fault));
	options_set_env(opts, fault_env_env(fault));
	for (unsigned round = 0; round < test_scale(5); round++) {
		struct life life = { 0, 0 };

		ck_ok(tt_open(store(), opts, &db));
		check_prefix(db, 0);
		live(db, &life, 300);
		ck_ok(tt_sync(db));
		synced = oracle.n_batches;
		ck_ok(fault_env_cut(fault, CUT_RANDOM));
		(void)tt_close(db);
		ck_ok(fault_env_power_on(fault));
		for (uint64_t n = 1; n < 12; n++) {
			fault_env_fail(fault, FAULT_MUTATING, n, EIO,
				       FAULT_FROM_THEN_ON);
			if (tt_open(store(), opts, &db) == 0) {
				ck_ok(fault_env_cut(fault, CUT_RANDOM));
				(void)tt_close(db);
			} else {
				ck_ok(fault_env_cut(fault, CUT_RANDOM));
			}
			ck_ok(fault_env_power_on(fault));
		}
		ck_ok(tt_open(store(), opts, &db));
		check_prefix(db, synced);
		ck_assert_uint_eq(oracle.n_batches, synced);
		ck_ok(tt_close(db));
	}
	fault_env_free(fault);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("model");
	TCase *t = tcase_create("model");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, random_operations_agree_with_the_oracle, 0, 4);
	tcase_add_test(t, a_killed_process_loses_nothing_acknowledged);
	tcase_add_test(t, after_a_strict_power_cut_a_prefix_is_there);
	tcase_add_test(t, after_a_random_power_cut_a_prefix_is_there);
	tcase_add_test(t, a_power_cut_after_the_nth_call_leaves_a_prefix);
	tcase_add_test(t, a_crash_during_recovery_is_harmless);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
