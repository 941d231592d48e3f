/* SPDX-License-Identifier: MIT */
/*
 * Separated values where something is wrong: the disk full or failing, the
 * store refusing writes, files that somebody else has a name of.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/file_name.h"
#include "lsm/options.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/noise.h"
#include "support/prng.h"
#include "support/tmpdir.h"
#include "ttrunks.h"

static char *dir;
static struct tt_options *opts;
static struct fault_env *fault;
static struct tt *db;

static const char *store(void)
{
	return tmpdir_path(dir, "store");
}

static void set(const char *name, const char *value)
{
	ck_ok(tt_options_set(opts, name, value));
}

static void setup(void)
{
	dir = tmpdir_new();
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	set("memory", "4M");
	set("memtable_bytes", "64k");
	set("table_bytes", "64k");
	set("wal_segment_bytes", "64k");
	set("value_file_bytes", "256k");
	set("separate_bytes", "1k");
	set("compression", "none");
	set("sync_interval", "0");
	noise_new();
	ck_ok(fault_env_new(env_posix(), dir, test_seed(), &fault));
	options_set_env(opts, fault_env_env(fault));
	ck_ok(tt_open(store(), opts, &db));
}

static void teardown(void)
{
	(void)tt_close(db);
	fault_env_free(fault);
	tt_options_free(opts);
	noise_free();
	tmpdir_free(dir);
}

static uint64_t stat_of(const char *name)
{
	uint64_t v;

	ck_assert_msg(tt_stat(db, name, &v) == 0, "no figure %s", name);
	return v;
}

static int put(unsigned i, unsigned v, size_t len)
{
	char key[16];

	return tt_put(db, NULL, key_of(key, i), value_of(i, v, len), NULL);
}

static void check(unsigned i, unsigned v, size_t len)
{
	struct tt_pinned pin;
	char key[16];

	ck_ok(tt_get_pinned(db, NULL, key_of(key, i), &pin));
	ck_assert_uint_eq(pin.value.len, len);
	ck_assert_int_eq(memcmp(pin.value.data, value_of(i, v, len).data, len),
			 0);
	tt_unpin(&pin);
}

/* ---- writes that are refused ------------------------------------------- */

static int put_batch(unsigned n)
{
	struct tt_batch *b = tt_batch_new();
	char key[16];
	int r;

	for (unsigned i = 0; i < n; i++)
		ck_ok(tt_batch_put(b, key_of(key, i), value_of(i, 9, 3000)));
	r = tt_write(db, NULL, b, NULL);
	tt_batch_free(b);
	return r;
}

static void refused_writes_take_no_space(int code)
{
	uint64_t before = stat_of("engine.values.bytes");

	for (unsigned i = 0; i < 50; i++) {
		ck_err(put(i, 1, 100000), code);
		ck_err(put_batch(10), code);
	}
	ck_assert_uint_eq(stat_of("engine.values.bytes"), before);
}

START_TEST(a_store_that_refuses_writes_does_not_fill_the_disk)
{
	ck_ok(put(1, 0, 5000));
	fault_env_fail(fault, FAULT_SYNC, 1, EIO, FAULT_FROM_THEN_ON);
	fault_env_only(fault, "/sst/");
	ck_err(tt_flush(db), -EIO);
	refused_writes_take_no_space(-EIO);
	fault_env_clear(fault);
	ck_ok(tt_resume(db));
	ck_ok(put(2, 0, 5000));
	check(1, 0, 5000);
	check(2, 0, 5000);
}
END_TEST

START_TEST(a_poisoned_log_does_not_fill_the_disk)
{
	struct tt_write_options wo = { .sync = true };
	char key[16];

	ck_ok(put(1, 0, 5000));
	fault_env_fail(fault, FAULT_SYNC, 1, EIO, FAULT_FROM_THEN_ON);
	fault_env_only(fault, ".wal");
	ck_err(tt_put(db, &wo, key_of(key, 2), value_of(2, 0, 5000), NULL),
	       -EIO);
	fault_env_clear(fault);
	refused_writes_take_no_space(TT_EPOISONED);
	check(1, 0, 5000);
}
END_TEST

START_TEST(a_batch_that_cannot_be_logged_leaves_nothing_behind)
{
	struct tt_batch *b = tt_batch_new();
	uint64_t before;
	char key[16];

	ck_ok(put(1, 0, 5000));
	before = stat_of("engine.values.bytes");
	ck_ok(tt_batch_put(b, key_of(key, 1), value_of(1, 0, 5000)));
	/* Room for the value, but no segment for the rest: it is not logged. */
	fault_env_limit_bytes(fault, 1 << 20);
	for (unsigned i = 2; i < 30000; i++)
		ck_ok(tt_batch_put(b, key_of(key, i), value_of(i, 0, 500)));
	ck_assert_int_lt(tt_write(db, NULL, b, NULL), 0);
	ck_assert_uint_eq(stat_of("engine.values.bytes"), before);
	tt_batch_free(b);
}
END_TEST

/* Waits for the background work that is due. */
static void settle(void)
{
	int r = tt_compact(db, tt_str("~"), tt_str("~~"));

	ck_assert_msg(r == 0 || r == -ENOSPC, "%s", tt_error_text(r));
}

/* ---- what the collector writes ----------------------------------------- */

START_TEST(a_failed_sync_of_moved_values_is_over_when_resumed)
{
	ck_ok(tt_close(db));
	set("separate_bytes", "0");
	ck_ok(tt_open(store(), opts, &db));
	for (unsigned i = 0; i < 30; i++)
		ck_ok(put(i, 0, 3000));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_ok(tt_close(db));
	set("separate_bytes", "1k");
	ck_ok(tt_open(store(), opts, &db));
	ck_ok(put(0, 1, 3000));
	ck_ok(put(29, 1, 3000));
	ck_ok(tt_sync(db));
	/* The first one is for the file when it is made. */
	fault_env_fail(fault, FAULT_SYNC, 2, EIO, FAULT_ONCE);
	fault_env_only(fault, ".val");
	ck_err(tt_compact(db, tt_str(""), tt_str("")), -EIO);
	ck_assert_uint_eq(fault_env_failed(fault), 1);
	ck_ok(put(0, 2, 3000));
	ck_ok(tt_sync(db));
	ck_ok(tt_resume(db));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 30; i++)
			check(i, i == 0 ? 2 : i == 29, 3000);
		ck_ok(tt_verify(db, NULL, NULL));
		ck_ok(tt_close(db));
		ck_ok(tt_open(store(), opts, &db));
	}
}
END_TEST

/* What is left on a nearly full disk is for what users write, not for copies of
 * values whose files cannot be freed in the end. */
START_TEST(collection_leaves_a_full_disk_alone)
{
	const unsigned n_keys = 600, n_room = 100;
	unsigned version[600] = { 0 };
	unsigned n_put = 0;
	struct rng rng;
	int r = 0;

	test_rng(&rng);
	ck_ok(tt_close(db));
	set("value_garbage", "1");
	ck_ok(tt_open(store(), opts, &db));
	for (unsigned i = 0; i < n_keys; i++)
		ck_ok(put(i, 0, 5000));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	settle();
	fault_env_limit_disk(fault, fault_env_used(fault) + n_room * 5000);
	while (r == 0) {
		unsigned i = (unsigned)rng_below(&rng, n_keys);

		r = put(i, version[i] + 1, 5000);
		version[i] += r == 0;
		n_put += r == 0;
		if (r == 0 && n_put % 10 == 0) {
			(void)tt_compact(db, tt_str(""), tt_str(""));
			settle();
		}
	}
	ck_err(r, -ENOSPC);
	ck_assert_uint_gt(n_put, n_room * 3 / 4);
	for (unsigned i = 0; i < n_keys; i++)
		check(i, version[i], 5000);
	/* With room it goes on by itself. */
	fault_env_limit_disk(fault, fault_env_used(fault) + (8 << 20));
	for (unsigned i = 0; i < 200 && (r = tt_flush(db)) == -ENOSPC; i++)
		(void)usleep(10000);
	ck_ok(r);
	for (unsigned i = 0; i < 1000; i++)
		ck_ok(put(i % n_keys, 100, 5000));
	settle();
	ck_assert_uint_gt(stat_of("engine.values.files_removed"), 0);
	for (unsigned i = 0; i < n_keys; i++)
		check(i, 100, 5000);
}
END_TEST

/* ---- lost files -------------------------------------------------------- */

static int unlink_value_file(void *arg, const char *name,
			     enum env_file_type type)
{
	struct buf path = BUF_INIT;

	(void)type;
	ck_ok(path_values(&path, store(), value_no_of_name(name)));
	ck_ok(env_unlink(env_posix(), path_of(&path)));
	++*(unsigned *)arg;
	buf_fini(&path);
	return 0;
}

START_TEST(a_lost_file_that_nobody_needs_is_forgotten)
{
	struct buf path = BUF_INIT;
	unsigned n = 0;
	char key[16];

	ck_ok(put(1, 0, 5000));
	ck_ok(tt_delete(db, NULL, key_of(key, 1), NULL));
	ck_ok(tt_close(db));
	ck_ok(path_join(&path, store(), DIR_VALUES));
	ck_ok(env_list(env_posix(), path_of(&path), unlink_value_file, &n));
	ck_assert_uint_gt(n, 0);
	ck_ok(tt_open(store(), opts, &db));
	ck_ok(put(2, 0, 5000));
	ck_ok(tt_flush(db));
	ck_ok(put(3, 0, 5000));
	ck_ok(tt_flush(db));
	check(2, 0, 5000);
	/* Nothing is missing, so there can be a copy. */
	ck_ok(tt_checkpoint(db, tmpdir_path(dir, "copy"), NULL));
	ck_ok(tt_verify(db, NULL, NULL));
	buf_fini(&path);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("value_faults");
	TCase *t = tcase_create("value_faults");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_store_that_refuses_writes_does_not_fill_the_disk);
	tcase_add_test(t, a_poisoned_log_does_not_fill_the_disk);
	tcase_add_test(t, a_batch_that_cannot_be_logged_leaves_nothing_behind);
	tcase_add_test(t, a_failed_sync_of_moved_values_is_over_when_resumed);
	tcase_add_test(t, collection_leaves_a_full_disk_alone);
	tcase_add_test(t, a_lost_file_that_nobody_needs_is_forgotten);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
