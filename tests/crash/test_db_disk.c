/* SPDX-License-Identifier: MIT */
/*
 * A disk that is full and one that fails, under a store that stays open:
 * writes fail with the disk's own error and leave nothing behind, reads go on,
 * the store opens again at any time, and writing and compaction go on once the
 * disk does: by themselves when there is room, after tt_resume() when it was
 * failing. All of it against the model of the history (tests/model/oracle.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
static struct fault_env *fault;
static struct tt *db;

/* The number of the last batch that must survive a power cut. */
static uint32_t synced;

static void open_store(const char *when)
{
	int r = tt_open(tmpdir_path(dir, "store"), opts, &db);

	ck_assert_msg(r == 0, "%s: opening: %s", when, tt_error_text(r));
}

static void store_new(void)
{
	dir = tmpdir_new();
	oracle_init(&oracle, 300, 8000);
	oracle.large_one_in = rng_one_in(&rng, 2) ? 16 : 4;
	synced = 0;
	ck_ok(tt_options_set_merge(opts, "oracle", oracle_merge, NULL));
	ck_ok(fault_env_new(env_posix(), dir, rng_next(&rng), &fault));
	options_set_env(opts, fault_env_env(fault));
	open_store("at first");
}

static void store_free(void)
{
	ck_ok(tt_close(db));
	db = NULL;
	fault_env_free(fault);
	oracle_fini(&oracle);
	tmpdir_free(dir);
}

static void setup(void)
{
	static const char *const settings[][2] = {
		{ "memory", "4M" },
		{ "memtable_bytes", "32k" },
		{ "table_bytes", "64k" },
		{ "cache_bytes", "256k" },
		{ "wal_segment_bytes", "64k" },
		{ "l0_trigger", "2" },
		{ "value_file_bytes", "48k" },
		{ "sync_interval", "0" },
	};

	test_rng(&rng);
	opts = tt_options_new();
	batch = tt_batch_new();
	ck_assert(opts && batch);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		ck_ok(tt_options_set(opts, settings[i][0], settings[i][1]));
	ck_ok(tt_options_set(opts, "separate_bytes",
			     rng_one_in(&rng, 3) ? "0" : "1k"));
}

static void teardown(void)
{
	tt_batch_free(batch);
	tt_options_free(opts);
}

/* The next batch of the history; a refused one is none of it. */
static int write_one(bool sync)
{
	struct tt_write_options wo = { .sync = sync };
	int r;

	oracle_next(&oracle, &rng, batch);
	r = oracle_write(&oracle, db, &wo, batch, NULL);
	/* Of a batch that could not be synced it is not told. */
	if (r < 0 && oracle_seq(db, NULL) < oracle.n_batches)
		oracle_truncate(&oracle, oracle.n_batches - 1);
	else if (r == 0 && sync)
		synced = oracle.n_batches;
	return r;
}

static void check_state(const char *when)
{
	uint32_t seq = oracle_seq(db, NULL);

	ck_assert_msg(seq == oracle.n_batches,
		      "%s: shows batch %u, not batch %u", when, seq,
		      oracle.n_batches);
	oracle_check(&oracle, db, NULL, seq);
}

/* After the power went: a prefix with all that must be there. */
static void check_after_cut(enum fault_cut how)
{
	uint32_t seq;

	ck_ok(fault_env_cut(fault, how));
	(void)tt_close(db); /* what it says does not matter any more */
	ck_ok(fault_env_power_on(fault));
	open_store("after the cut");
	seq = oracle_seq(db, NULL);
	ck_assert_msg(seq >= synced && seq <= oracle.n_batches,
		      "ends with batch %u, not %u to %u", seq, synced,
		      oracle.n_batches);
	oracle_truncate(&oracle, seq);
	check_state("after the cut");
	ck_ok(tt_verify(db, NULL, NULL));
}

/* ---- a full disk -------------------------------------------------------- */

/* Writes until there is no room, or enough was written. */
static bool fill(unsigned most)
{
	int r = 0;

	for (unsigned i = 0; i < most && r == 0; i++)
		r = write_one(rng_one_in(&rng, 8));
	ck_assert_msg(r == 0 || r == -ENOSPC, "%s", tt_error_text(r));
	return r < 0;
}

/* What one may do on a full disk. */
static void live_without_room(void)
{
	struct tt_slice all = { NULL, 0 };
	int r;

	switch (rng_below(&rng, 6)) {
	case 0: /* it opens, and shows all of it */
		(void)tt_close(db);
		open_store("without room");
		break;
	case 1:
		r = tt_compact(db, all, all);
		ck_assert_msg(r == 0 || r == -ENOSPC, "%s", tt_error_text(r));
		break;
	case 2:
		r = tt_flush(db);
		ck_assert_msg(r == 0 || r == -ENOSPC, "%s", tt_error_text(r));
		break;
	case 3:
		ck_ok(tt_sync(db));
		synced = oracle.n_batches;
		break;
	case 4:
		ck_ok(tt_resume(db));
		break;
	default:
		r = write_one(true);
		ck_assert_msg(r == 0 || r == -ENOSPC, "%s", tt_error_text(r));
	}
	check_state("without room");
	/* Poisoned by want of room would be for good. */
	ck_assert_int_le(tt_background_error(db, NULL), TT_BACKGROUND_NO_SPACE);
}

/* There is room again: nobody has to say so. */
static void expect_recovery(void)
{
	uint64_t groups = 0;
	int r;

	for (unsigned i = 0; (r = write_one(false)) == -ENOSPC && i < 500; i++)
		(void)usleep(10000); /* the pause is half a second */
	ck_assert_msg(r == 0, "with room again: %s", tt_error_text(r));
	ck_ok(tt_flush(db));
	/* So does compaction; level 0 comes down to its trigger. */
	for (unsigned i = 0; i < 500; i++) {
		ck_ok(tt_stat(db, "engine.level0.groups", &groups));
		if (groups <= 2)
			break;
		(void)usleep(10000);
	}
	ck_assert_uint_le(groups, 2);
	ck_assert_int_eq(tt_background_error(db, NULL), TT_BACKGROUND_WELL);
	check_state("with room again");
}

static void leave_room(uint64_t bytes)
{
	fault_env_limit_disk(fault, fault_env_used(fault) + bytes);
}

START_TEST(a_full_disk_stops_writes_and_nothing_else)
{
	unsigned n_full = 0, n_rounds = (unsigned)test_scale(6);

	store_new();
	for (unsigned round = 0; round < n_rounds; round++) {
		leave_room(rng_below(&rng, 100000));
		if (fill(1000)) {
			n_full++;
			for (unsigned i = 0; i < 10; i++)
				live_without_room();
			if (rng_one_in(&rng, 2))
				check_after_cut(rng_one_in(&rng, 2)
							? CUT_STRICT
							: CUT_RANDOM);
		}
		/* More than all memtables, and a compaction of it all. */
		leave_room(4000000);
		expect_recovery();
		ck_ok(tt_sync(db));
		synced = oracle.n_batches;
	}
	ck_assert_uint_gt(n_full, n_rounds / 3);
	fault_env_clear(fault);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	check_after_cut(CUT_STRICT);
	store_free();
}
END_TEST

/* Not a byte, at the worst of moments: all memtables full, the log too. */
START_TEST(a_store_opens_without_a_byte_of_room)
{
	int r = 0;

	store_new();
	for (unsigned i = 0; i < 100; i++)
		ck_ok(write_one(false));
	fault_env_limit_bytes(fault, 0);
	while (r == 0)
		r = write_one(false);
	ck_assert_int_eq(r, -ENOSPC);
	for (unsigned i = 0; i < 10; i++) {
		(void)tt_close(db);
		open_store("without a byte");
		check_state("without a byte");
		r = write_one(true);
		ck_assert_msg(r == 0 || r == -ENOSPC, "%s", tt_error_text(r));
	}
	fault_env_clear(fault);
	expect_recovery();
	store_free();
}
END_TEST

/* ---- a failing disk ----------------------------------------------------- */

struct failure {
	const char *name;
	unsigned mask;
	int err;
	bool loses_pages;
};

static const struct failure failures[] = {
	{ "EIO", FAULT_MUTATING & ~FAULT_UNLINK, EIO, false },
	{ "EIO and lost pages", FAULT_SYNC, EIO, true },
	{ "ENOSPC", FAULT_WRITE | FAULT_ALLOCATE | FAULT_RENAME, ENOSPC,
	  false },
	{ "EDQUOT", FAULT_WRITE | FAULT_ALLOCATE, EDQUOT, false },
};

static bool is_expected(const struct failure *f, int r)
{
	return r == 0 || r == -f->err || (f->err == EIO && r == TT_EPOISONED);
}

/* Some work while the disk fails. */
static void work(const struct failure *f, unsigned steps)
{
	struct tt_slice all = { NULL, 0 };
	int r;

	for (unsigned i = 0; i < steps; i++) {
		r = i % 12 == 7	   ? tt_flush(db)
		    : i % 40 == 30 ? tt_compact(db, all, all)
				   : write_one(rng_one_in(&rng, 10));
		ck_assert_msg(is_expected(f, r), "%s: %d: %s", f->name, r,
			      tt_error_text(r));
	}
}

/* The disk works again: so does the store. */
static void mend(const struct failure *f, uint64_t nth)
{
	int r;

	fault_env_clear(fault);
	check_state(f->name);
	if (tt_background_error(db, NULL) == TT_BACKGROUND_POISONED) {
		uint32_t seq;

		ck_err(tt_resume(db), TT_EPOISONED);
		(void)tt_close(db);
		open_store(f->name);
		seq = oracle_seq(db, NULL);
		ck_assert_msg(seq >= synced && seq <= oracle.n_batches,
			      "%s call %u: shows batch %u, not %u to %u",
			      f->name, (unsigned)nth, seq, synced,
			      oracle.n_batches);
		oracle_truncate(&oracle, seq);
	} else if (f->err == EIO) {
		r = tt_resume(db);
		ck_assert_msg(r == 0, "%s call %u: resuming: %s", f->name,
			      (unsigned)nth, tt_error_text(r));
	}
	check_state(f->name);
	/* Only a want of space may be told of yet. */
	for (unsigned i = 0; (r = tt_flush(db)) < 0 && i < 500; i++) {
		ck_assert_int_ne(f->err, EIO);
		(void)usleep(10000);
	}
	ck_assert_msg(r == 0, "%s call %u: again: %s", f->name, (unsigned)nth,
		      tt_error_text(r));
	synced = oracle.n_batches;
}

/* False when the work makes fewer calls than that. */
static bool run(const struct failure *f, uint64_t nth)
{
	bool has_failed;

	store_new();
	work(f, 40);
	fault_env_lose_pages(fault, f->loses_pages);
	fault_env_fail(fault, f->mask, nth, f->err, FAULT_FROM_THEN_ON);
	work(f, 90);
	has_failed = fault_env_failed(fault) > 0;
	mend(f, nth);
	for (unsigned i = 0; i < 20; i++)
		ck_ok(write_one(i % 5 == 0));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_assert_int_eq(tt_background_error(db, NULL), TT_BACKGROUND_WELL);
	check_state(f->name);
	check_after_cut(CUT_RANDOM);
	store_free();
	return has_failed;
}

START_TEST(a_disk_that_fails_for_a_while_stops_writes_for_a_while)
{
	uint64_t step = 8 / test_scale(1), nth;

	step = step ? step : 1;
	for (nth = rng_range(&rng, 1, step); run(&failures[_i], nth);
	     nth += rng_range(&rng, 1, 2 * step - 1))
		continue;
	printf("# %s from each of %llu calls on, about every %llu. visited\n",
	       failures[_i].name, (unsigned long long)nth,
	       (unsigned long long)step);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("db_disk");
	TCase *t = tcase_create("disk");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_full_disk_stops_writes_and_nothing_else);
	tcase_add_test(t, a_store_opens_without_a_byte_of_room);
	tcase_add_loop_test(
		t, a_disk_that_fails_for_a_while_stops_writes_for_a_while, 0,
		sizeof(failures) / sizeof(failures[0]));
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
