/* SPDX-License-Identifier: MIT */
/* What compaction does by itself in a store, and what it leaves on disk. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lsm/db.h"
#include "lsm/pace.h"
#include "support/check_main.h"
#include "support/tmpdir.h"

static char *dir;
static struct tt_options *opts;
static struct tt *db;

static void setup(void)
{
	static const char *const settings[][2] = {
		{ "memory", "16M" },
		{ "memtable_bytes", "1M" },
		{ "table_bytes", "256k" },
		{ "sync_interval", "0" },
	};

	dir = tmpdir_new();
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		ck_ok(tt_options_set(opts, settings[i][0], settings[i][1]));
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
}

static void teardown(void)
{
	ck_ok(tt_close(db));
	tt_options_free(opts);
	tmpdir_free(dir);
}

static struct tt_slice key_of(unsigned i)
{
	static char text[32];

	snprintf(text, sizeof(text), "key%08u", i);
	return tt_str(text);
}

static void put_range(unsigned from, unsigned to)
{
	static const char value[100];

	for (; from < to; from++)
		ck_ok(tt_put(db, NULL, key_of(from), SLICE(value, 100), NULL));
}

static void delete_range(unsigned from, unsigned to)
{
	for (; from < to; from++)
		ck_ok(tt_delete(db, NULL, key_of(from), NULL));
}

/* Waits until no table holds more tombstones than this. */
static void wait_for_tombstones(uint64_t most)
{
	mutex_lock(&db->mu);
	while (db->sv->version->n_tombstones > most && !db->err.code)
		cond_wait(&db->changed, &db->mu);
	mutex_unlock(&db->mu);
}

static uint64_t n_tombstones(void)
{
	uint64_t n;

	mutex_lock(&db->mu);
	n = db->sv->version->n_tombstones;
	mutex_unlock(&db->mu);
	return n;
}

static uint64_t n_compactions(void)
{
	uint64_t v[N_DB_STATS];

	counters_read_all(db->counters, v);
	return v[STAT_COMPACTIONS];
}

static void wait_until_idle(void)
{
	mutex_lock(&db->mu);
	while ((db->is_compacting || db->is_flushing) && !db->err.code)
		cond_wait(&db->changed, &db->mu);
	mutex_unlock(&db->mu);
}

START_TEST(a_range_of_tombstones_vanishes_by_itself)
{
	put_range(0, 20000);
	ck_ok(tt_flush(db));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	delete_range(0, 15000);
	ck_ok(tt_flush(db));
	wait_for_tombstones(0);
	ck_assert_int_eq(tt_get(db, NULL, key_of(14999), NULL, 0, NULL, NULL),
			 TT_NOTFOUND);
	ck_ok(tt_verify(db, NULL, NULL));
}
END_TEST

START_TEST(tombstones_wait_for_the_snapshot_that_reads_before_them)
{
	struct tt_snapshot *snap, *later;
	struct tt_read_options ro = { 0 };
	uint64_t n, compactions;

	put_range(0, 20000);
	ck_ok(tt_snapshot_new(db, &snap));
	delete_range(0, 15000);
	ck_ok(tt_snapshot_new(db, &later));
	/* Down to the last level, by hand: there nothing more is to do. */
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	wait_until_idle();
	n = n_tombstones();
	ck_assert_uint_eq(n, 15000);
	compactions = n_compactions();
	put_range(30000, 30001);
	ck_ok(tt_flush(db));
	wait_until_idle();
	ck_assert_uint_eq(n_tombstones(), n);
	/* Not again and again, for nothing. */
	ck_assert_uint_le(n_compactions(), compactions + 1);
	ro.snapshot = snap;
	ck_assert_int_ge(tt_get(db, &ro, key_of(7), NULL, 0, NULL, NULL), 0);

	tt_snapshot_free(db, snap);
	wait_for_tombstones(0);
	tt_snapshot_free(db, later);
	ck_assert_int_eq(tt_get(db, NULL, key_of(7), NULL, 0, NULL, NULL),
			 TT_NOTFOUND);
	ck_assert_int_ge(tt_get(db, NULL, key_of(17000), NULL, 0, NULL, NULL),
			 0);
}
END_TEST

/* ---- the last level's codec --------------------------------------------- */

static uint64_t level_bytes(unsigned level)
{
	uint64_t n;

	mutex_lock(&db->mu);
	n = db->sv->version->level_bytes[level];
	mutex_unlock(&db->mu);
	return n;
}

static void put_texts(void)
{
	char value[200];

	for (unsigned i = 0; i < 20000; i++) {
		int n = snprintf(value, sizeof(value),
				 "the heavy ledger number %u forgets slowly "
				 "what the %u buckets carry to the water",
				 i * 7919, i % 977);

		ck_ok(tt_put(db, NULL, key_of(i), SLICE(value, (size_t)n),
			     NULL));
	}
}

START_TEST(the_last_level_has_its_own_codec)
{
	uint64_t plain, dense;

	put_texts();
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	plain = level_bytes(LAST_LEVEL);
	ck_ok(tt_close(db));

	ck_ok(tt_options_set(opts, "bottom_compression", "zstd"));
	ck_ok(tt_open(tmpdir_path(dir, "dense"), opts, &db));
	put_texts();
	/* These would be moved if the codec were the same. */
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	dense = level_bytes(LAST_LEVEL);
	ck_assert_uint_gt(plain, 0);
	ck_assert_uint_lt(dense, plain * 2 / 3);
	ck_ok(tt_verify(db, NULL, NULL));
	ck_assert_int_ge(tt_get(db, NULL, key_of(777), NULL, 0, NULL, NULL), 0);
}
END_TEST

/* ---- pace --------------------------------------------------------------- */

#define MIB (1024ull * 1024)

/* Level 0 at its trigger, with 1 GiB to rewrite, memtables of 64 MiB. */
static struct pace_state calm(void)
{
	return (struct pace_state){
		.n_l0 = 4,
		.l0_trigger = 4,
		.debt_soft = 2048 * MIB,
		.work_bytes = 1000 * MIB,
		.flush_bytes = 64 * MIB,
	};
}

START_TEST(an_idle_store_takes_seconds_for_its_work)
{
	struct pace_state s = calm();

	ck_assert_uint_eq(pace_compaction_rate(&s), 100 * MIB);
	s.work_bytes = MIB; /* but no longer than worth while */
	ck_assert_uint_eq(pace_compaction_rate(&s), 32 * MIB);
}
END_TEST

START_TEST(work_is_done_before_the_brake_would_notice)
{
	struct pace_state s = calm();
	double t;

	/* At 64 MiB a second four flushes fit into four seconds. */
	s.ingest = 64 * MIB;
	t = (double)s.work_bytes / (double)pace_compaction_rate(&s);
	ck_assert(t > 0.99 && t < 1.01);
	s.ingest *= 2;
	t = (double)s.work_bytes / (double)pace_compaction_rate(&s);
	ck_assert(t > 0.49 && t < 0.51);
	/* Debt in the levels counts as level 0 does. */
	s.debt_bytes = s.debt_soft / 2 - 1;
	s.flush_bytes = 1024 * MIB;
	ck_assert_uint_gt(pace_compaction_rate(&s), 0);
}
END_TEST

START_TEST(halfway_to_the_brake_there_is_no_limit)
{
	struct pace_state s = calm();

	s.n_l0 = 6;
	ck_assert_uint_eq(pace_compaction_rate(&s), 0);
	s = calm();
	s.debt_bytes = s.debt_soft / 2;
	ck_assert_uint_eq(pace_compaction_rate(&s), 0);
	s.debt_bytes = 2 * s.debt_soft;
	ck_assert_uint_eq(pace_compaction_rate(&s), 0);
}
END_TEST

static Suite *background_suite(void)
{
	Suite *s = suite_create("background");
	TCase *t = tcase_create("tombstones");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_range_of_tombstones_vanishes_by_itself);
	tcase_add_test(t,
		       tombstones_wait_for_the_snapshot_that_reads_before_them);
	suite_add_tcase(s, t);

	t = tcase_create("codecs");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_last_level_has_its_own_codec);
	suite_add_tcase(s, t);

	t = tcase_create("pace");
	tcase_add_test(t, an_idle_store_takes_seconds_for_its_work);
	tcase_add_test(t, work_is_done_before_the_brake_would_notice);
	tcase_add_test(t, halfway_to_the_brake_there_is_no_limit);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(background_suite)
