/* SPDX-License-Identifier: MIT */
/*
 * Every call into the operating system, one after the other, is the one at
 * which things go wrong: the n-th call of a fixed workload (open, batches,
 * syncs, flush, compaction, close, open again) fails once and the store goes
 * on, or is the last one before the process dies or the power goes. Then the
 * store must open by itself and hold a prefix of the history that has all it
 * must have, go on writing, and hold that too after the next power cut.
 *
 * tests/model has random histories and random moments; here no moment is
 * left out. TT_TEST_SCALE=10 visits each of them, 1 a random one in ten (of
 * syncs, in two).
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

/* Batches of one run, in two lives of the store. */
#define N_STEPS 90u

/* One way for things to go wrong. */
struct mishap {
	const char *name;
	unsigned mask;
	int err;
	enum fault_span span;
	bool tear;
	enum fault_cut cut;
};

static const struct mishap mishaps[] = {
	{ "killed at", FAULT_MUTATING | FAULT_OPEN | FAULT_MAP, EIO,
	  FAULT_FROM_THEN_ON, true, CUT_NOTHING_LOST },
	{ "power cut at", FAULT_MUTATING, EIO, FAULT_FROM_THEN_ON, true,
	  CUT_STRICT },
	{ "power cut with random loss at", FAULT_MUTATING, EIO,
	  FAULT_FROM_THEN_ON, true, CUT_RANDOM },
	{ "killed after one EIO at", FAULT_ANY, EIO, FAULT_ONCE, true,
	  CUT_NOTHING_LOST },
	{ "power cut after one EIO at", FAULT_ANY, EIO, FAULT_ONCE, true,
	  CUT_RANDOM },
	{ "power cut after one ENOSPC at",
	  FAULT_WRITE | FAULT_ALLOCATE | FAULT_SYNC | FAULT_OPEN, ENOSPC,
	  FAULT_ONCE, true, CUT_STRICT },
	{ "killed after one ENOSPC at",
	  FAULT_WRITE | FAULT_ALLOCATE | FAULT_RENAME | FAULT_OPEN, ENOSPC,
	  FAULT_ONCE, true, CUT_NOTHING_LOST },
	{ "killed after one failed sync at", FAULT_SYNC, EIO, FAULT_ONCE, false,
	  CUT_NOTHING_LOST },
};

static char *dir;
static struct tt_options *opts;
static struct rng rng;
static struct oracle oracle;
static struct tt_batch *batch;
static struct fault_env *fault;
static const struct mishap *mishap;
static uint64_t nth;

/* How values are separated: now and then, or most of them, and their files
 * collected as often as can be. */
static const struct {
	const char *separate_bytes, *value_file_bytes, *value_garbage;
	size_t max_value;
	unsigned large_one_in;
} kinds[] = {
	{ "1k", "48k", "25", 16000, 16 },
	{ "100", "8k", "1", 3000, 2 },
};

/* What the store has promised. */
static uint32_t acked, synced;

static void setup(void)
{
	static const char *const settings[][2] = {
		{ "memory", "4M" },
		{ "memtable_bytes", "32k" },
		{ "table_bytes", "64k" },
		{ "cache_bytes", "256k" },
		{ "wal_segment_bytes", "64k" },
		{ "l0_trigger", "2" },
		{ "sync_interval", "0" },
	};

	test_rng(&rng);
	opts = tt_options_new();
	batch = tt_batch_new();
	ck_assert(opts && batch);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		ck_ok(tt_options_set(opts, settings[i][0], settings[i][1]));
}

static void teardown(void)
{
	tt_batch_free(batch);
	tt_options_free(opts);
}

/* ---- the workload ----------------------------------------------------- */

static bool goes_on(void)
{
	return mishap->span == FAULT_ONCE;
}

/* NULL when it cannot be opened because all calls fail. */
static struct tt *open_store(void)
{
	const char *path = tmpdir_path(dir, "store");
	struct tt *db;

	if (tt_open(path, opts, &db) == 0)
		return db;
	if (!goes_on())
		return NULL;
	/* The failure is over: there must be nothing left in the way. */
	ck_assert_msg(tt_open(path, opts, &db) == 0, "%s call %llu: again: %s",
		      mishap->name, (unsigned long long)nth, err_text());
	return db;
}

/* True while writes succeed. */
static bool write_one(struct tt *db)
{
	struct tt_write_options wo = { .sync = rng_one_in(&rng, 6) };

	oracle_next(&oracle, &rng, batch);
	if (oracle_write(&oracle, db, &wo, batch, NULL) == 0) {
		acked = oracle.n_batches;
		if (wo.sync)
			synced = acked;
		return true;
	}
	if (!goes_on())
		return false;
	/* It failed before it was logged, or only its sync did. */
	if (oracle_seq(db, NULL) < oracle.n_batches)
		oracle_truncate(&oracle, oracle.n_batches - 1);
	return true;
}

static void now_and_then(struct tt *db, unsigned i)
{
	if (i % 20 == 13 && tt_flush(db) == 0)
		synced = acked;
	if (i % 40 == 33)
		(void)tt_compact(db, tt_str(""), tt_str(""));
	if (i % 10 == 7 && tt_sync(db) == 0)
		synced = acked;
}

/* The store was opened again: how far its history goes, at least up to
 * `least`, is what it has promised from now on. */
static uint32_t take_seq(struct tt *db, uint32_t least)
{
	uint32_t seq = oracle_seq(db, NULL);

	ck_assert_msg(seq >= least && seq <= oracle.n_batches,
		      "%s call %llu: ends with batch %u, not %u to %u",
		      mishap->name, (unsigned long long)nth, seq, least,
		      oracle.n_batches);
	return seq;
}

/* What lies unsynced when this returns false or the store is still open. */
static struct tt *live(struct tt *db)
{
	for (unsigned i = 0; i < N_STEPS && db; i++) {
		if (i == N_STEPS / 2) {
			if (tt_close(db) == 0)
				synced = acked;
			db = open_store();
			if (!db)
				break;
			if (fault_env_lost(fault)) {
				acked = take_seq(db, synced);
				oracle_truncate(&oracle, acked);
			}
		}
		if (!write_one(db))
			break;
		now_and_then(db, i);
	}
	return db;
}

/* ---- after it --------------------------------------------------------- */

static void print_damage(void *arg, const char *text)
{
	(void)arg;
	printf("# %s\n", text);
}

static struct tt *reopen_and_check(uint32_t least)
{
	struct tt *db;
	int r = tt_open(tmpdir_path(dir, "store"), opts, &db);
	uint32_t seq;

	ck_assert_msg(r == 0, "%s call %llu: opening: %s", mishap->name,
		      (unsigned long long)nth, tt_error_text(r));
	seq = take_seq(db, least);
	oracle_check(&oracle, db, NULL, seq);
	ck_assert_msg(tt_verify(db, print_damage, NULL) == 0,
		      "%s call %llu: verify", mishap->name,
		      (unsigned long long)nth);
	oracle_truncate(&oracle, seq);
	acked = synced = seq;
	return db;
}

/* The process dies while the power stays: what was not synced is there, but
 * the next power cut may still take it. */
static void die(struct tt *db)
{
	fault_env_lose_pages(fault, false);
	fault_env_fail(fault, FAULT_ANY & ~FAULT_CLOSE, 1, EIO,
		       FAULT_FROM_THEN_ON);
	(void)tt_close(db);
	fault_env_clear(fault);
}

static void cut(struct tt *db, enum fault_cut how)
{
	if (how == CUT_NOTHING_LOST) {
		die(db);
		return;
	}
	ck_ok(fault_env_cut(fault, how));
	(void)tt_close(db); /* what it says does not matter any more */
	ck_ok(fault_env_power_on(fault));
}

/* The store comes back, goes on, and survives a second cut. What a failed sync
 * has lost is gone although the power stayed. */
static void check_aftermath(void)
{
	bool is_lost = mishap->cut != CUT_NOTHING_LOST || fault_env_lost(fault);
	struct tt *db = reopen_and_check(is_lost ? synced : acked);

	for (unsigned i = 0; i < 12; i++)
		ck_assert_msg(write_one(db) && acked == oracle.n_batches,
			      "%s call %llu: writing after it: %s",
			      mishap->name, (unsigned long long)nth,
			      err_text());
	cut(db, CUT_RANDOM);
	db = reopen_and_check(synced);
	ck_ok(tt_close(db));
}

static void begin_oracle(uint64_t kind)
{
	oracle_init(&oracle, 120, kinds[kind].max_value);
	oracle.large_one_in = kinds[kind].large_one_in;
	ck_ok(tt_options_set(opts, "separate_bytes",
			     kinds[kind].separate_bytes));
	ck_ok(tt_options_set(opts, "value_file_bytes",
			     kinds[kind].value_file_bytes));
	ck_ok(tt_options_set(opts, "value_garbage", kinds[kind].value_garbage));
}

/* One run; false when the workload makes fewer calls than that. */
static bool run(void)
{
	struct tt *db;
	bool has_happened;

	dir = tmpdir_new();
	ck_ok(tt_options_set_merge(opts, "oracle", oracle_merge, NULL));
	begin_oracle(rng_below(&rng, ARRAY_LEN(kinds)));
	acked = synced = 0;
	ck_ok(fault_env_new(env_posix(), dir, rng_next(&rng), &fault));
	options_set_env(opts, fault_env_env(fault));
	fault_env_tear_writes(fault, mishap->tear);
	/* That of the dying process is no failure of the disk. */
	fault_env_lose_pages(fault, goes_on());
	fault_env_fail(fault, mishap->mask, nth, mishap->err, mishap->span);
	db = live(open_store());
	has_happened = fault_env_failed(fault) > 0;
	cut(db, mishap->cut);
	check_aftermath();
	fault_env_free(fault);
	oracle_fini(&oracle);
	tmpdir_free(dir);
	return has_happened;
}

START_TEST(no_call_is_a_bad_one_to_fail)
{
	uint64_t step = 10 / test_scale(1);

	mishap = &mishaps[_i];
	if (mishap->mask == FAULT_SYNC) /* there are few */
		step /= 5;
	step = step ? step : 1;
	for (nth = rng_range(&rng, 1, step); run();
	     nth += rng_range(&rng, 1, 2 * step - 1))
		continue;
	printf("# %s each of %llu calls, about every %llu. visited\n",
	       mishap->name, (unsigned long long)nth, (unsigned long long)step);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("db_crash_sweep");
	TCase *t = tcase_create("sweep");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, no_call_is_a_bad_one_to_fail, 0,
			    sizeof(mishaps) / sizeof(mishaps[0]));
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
