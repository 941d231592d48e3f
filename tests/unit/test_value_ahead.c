/* SPDX-License-Identifier: MIT */
/*
 * Reading ahead over separated values: what is asked of a disk that is slow,
 * and what is not.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/mutex.h"
#include "lsm/options.h"
#include "lsm/value_ahead.h"
#include "support/check_main.h"
#include "support/noise.h"
#include "support/prng.h"
#include "support/tmpdir.h"
#include "ttrunks.h"

#define N_KEYS 300u
#define LEN 3000u
/* The least window, and the value that goes beyond it. */
#define AHEAD_MOST ((64u << 10) + LEN)

static char *dir;
static struct tt_options *opts;
static struct tt *db;
static struct rng rng;

/* ---- a disk that is slow, and notes what it is asked ---------------------- */

struct place {
	uint64_t off, len;
};

static struct {
	struct env env;
	const struct env_ops *real;
	struct env_ops ops;
	_Atomic bool is_watched;
	struct place asked[4 * N_KEYS], read[4 * N_KEYS];
	unsigned n_asked, n_read;
	uint64_t n_known; /* bytes that were read after they were asked for */
	uint64_t most;	  /* bytes asked for and not yet read */
} disk;

static bool is_asked(uint64_t off)
{
	for (unsigned i = 0; i < disk.n_asked; i++)
		if (disk.asked[i].off == off)
			return true;
	return false;
}

static uint64_t asked_bytes(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < disk.n_asked; i++)
		n += disk.asked[i].len;
	return n;
}

static int watched_advise(struct env_file *f, uint64_t off, uint64_t len,
			  enum env_advice advice)
{
	if (atomic_load(&disk.is_watched) && advice == ENV_ADVICE_WILLNEED) {
		ck_assert(!is_asked(off));
		disk.asked[disk.n_asked++] = (struct place){ off, len };
		disk.most = MAX_OF(disk.most, asked_bytes() - disk.n_known);
	}
	return disk.real->advise(f, off, len, advice);
}

static int watched_read(struct env_file *f, uint64_t off, void *dst, size_t len,
			size_t *out_len)
{
	uint64_t until = mono_ns() + 200000;

	if (atomic_load(&disk.is_watched)) {
		disk.read[disk.n_read++] = (struct place){ off, len };
		if (is_asked(off))
			disk.n_known += len;
		while (mono_ns() < until)
			continue;
	}
	return disk.real->read(f, off, dst, len, out_len);
}

/* There is one value file. */
static int watched_open(struct env *e, const char *path, unsigned flags,
			struct env_file **out)
{
	int r = disk.real->open(e, path, flags, out);

	if (r == 0 && strstr(path, "/val/"))
		(*out)->ops = &disk.ops;
	return r;
}

static void watch(void)
{
	disk.n_asked = disk.n_read = 0;
	disk.n_known = disk.most = 0;
	atomic_store(&disk.is_watched, true);
}

static void look_away(void)
{
	atomic_store(&disk.is_watched, false);
}

/* ---- the store ------------------------------------------------------------ */

static void setup(void)
{
	dir = tmpdir_new();
	test_rng(&rng);
	noise_new();
	disk.real = env_posix()->ops;
	disk.ops = *disk.real;
	disk.ops.open = watched_open;
	disk.ops.advise = watched_advise;
	disk.ops.read = watched_read;
	disk.env.ops = &disk.ops;
	look_away();
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	ck_ok(tt_options_set(opts, "memory", "2M"));
	ck_ok(tt_options_set(opts, "memtable_bytes", "64k"));
	ck_ok(tt_options_set(opts, "separate_bytes", "1k"));
	ck_ok(tt_options_set(opts, "value_file_bytes", "16M")); /* one */
	ck_ok(tt_options_set(opts, "compression", "none"));
	options_set_env(opts, &disk.env);
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
}

static void teardown(void)
{
	ck_ok(tt_close(db));
	tt_options_free(opts);
	noise_free();
	tmpdir_free(dir);
}

static void put(unsigned i, unsigned v, size_t len)
{
	char key[16];

	ck_ok(tt_put(db, NULL, key_of(key, i), value_of(i, v, len), NULL));
}

/* All keys in no order, in several runs: their values lie anywhere. */
static void fill(void)
{
	unsigned order[N_KEYS];

	for (unsigned i = 0; i < N_KEYS; i++)
		order[i] = i;
	for (unsigned i = N_KEYS - 1; i > 0; i--) {
		unsigned k = (unsigned)rng_below(&rng, i + 1), t = order[i];

		order[i] = order[k];
		order[k] = t;
	}
	for (unsigned i = 0; i < N_KEYS; i++) {
		put(order[i], 0, LEN);
		if (i % 100 == 99)
			ck_ok(tt_flush(db));
	}
}

static struct tt_iter *iter(const struct tt_iter_options *o)
{
	struct tt_iter *it;

	ck_ok(tt_iter_new(db, o, &it));
	return it;
}

/* The iterator shows key `i` with version `v`. */
static void shows(const struct tt_iter *it, unsigned i, unsigned v, size_t len)
{
	struct tt_slice want = value_of(i, v, len), got = tt_iter_value(it);
	char key[16];

	ck_assert(slice_eq(tt_iter_key(it), key_of(key, i)));
	ck_assert(slice_eq(got, want));
}

/* After a scan: the disk was asked for all but the first few, each once and
 * before it was read, and for nothing else. */
static void asked_well(void)
{
	unsigned n_unasked = 0;

	ck_assert_uint_gt(disk.n_read, 100);
	for (unsigned i = 0; i < disk.n_read; i++)
		n_unasked += !is_asked(disk.read[i].off);
	ck_assert_uint_ge(n_unasked, 2);
	ck_assert_uint_le(n_unasked, 3);
	ck_assert_uint_eq(disk.n_asked, disk.n_read - n_unasked);
	ck_assert_uint_eq(disk.n_known, asked_bytes());
	ck_assert_uint_gt(disk.most, 3 * LEN);
	ck_assert_uint_le(disk.most, AHEAD_MOST);
}

/* ---- scans ---------------------------------------------------------------- */

START_TEST(a_scan_asks_for_what_it_comes_to)
{
	struct tt_iter *it;
	unsigned n = 0;

	fill();
	it = iter(NULL);
	watch();
	for (int r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		shows(it, n++, 0, LEN);
	look_away();
	ck_assert_uint_eq(n, N_KEYS);
	ck_assert_uint_eq(disk.n_read, N_KEYS);
	asked_well();
	tt_iter_free(it);
}
END_TEST

START_TEST(so_does_one_that_goes_back)
{
	struct tt_iter *it;
	unsigned n = N_KEYS;

	fill();
	it = iter(NULL);
	watch();
	for (int r = tt_iter_last(it); r == 0; r = tt_iter_prev(it))
		shows(it, --n, 0, LEN);
	look_away();
	ck_assert_uint_eq(n, 0);
	asked_well();
	tt_iter_free(it);
}
END_TEST

/* Overwritten, deleted, in the log, of the past, outside of the bounds. */
START_TEST(what_a_scan_does_not_show_is_not_asked_for)
{
	char lower[16], upper[16];
	struct tt_iter_options o = { .lower = key_of(lower, 20),
				     .upper = key_of(upper, 250) };
	struct tt_iter *it;
	unsigned n = 20;
	int r;

	fill();
	for (unsigned i = 0; i < N_KEYS; i += 3)
		put(i, 1, LEN);
	ck_ok(tt_delete_range(db, NULL, key_of(lower, 100), key_of(upper, 120),
			      NULL));
	ck_ok(tt_flush(db));
	for (unsigned i = 200; i < 210; i++)
		ck_ok(tt_delete(db, NULL, key_of(lower, i), NULL));
	put(220, 2, LEN);
	ck_ok(tt_snapshot_new(db, (struct tt_snapshot **)&o.snapshot));
	for (unsigned i = 0; i < N_KEYS; i += 2)
		put(i, 3, LEN);
	key_of(lower, 20);
	key_of(upper, 250);
	it = iter(&o);
	watch();
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		shows(it, n, n == 220 ? 2 : n % 3 == 0, LEN);
		n = n == 99 ? 120 : n == 199 ? 210 : n + 1;
	}
	look_away();
	ck_assert_int_eq(r, TT_END);
	ck_assert_uint_eq(n, 250);
	asked_well();
	tt_iter_free(it);
	tt_snapshot_free(db, (struct tt_snapshot *)o.snapshot);
}
END_TEST

START_TEST(a_scan_that_turns_round_asks_for_what_lies_behind)
{
	struct tt_iter *it;
	unsigned at = 0, n_unasked = 0;

	fill();
	it = iter(NULL);
	watch();
	ck_ok(tt_iter_first(it));
	for (; at < 150; shows(it, ++at, 0, LEN))
		ck_ok(tt_iter_next(it));
	disk.n_asked = disk.n_read = 0;
	disk.n_known = 0;
	for (; at > 0; shows(it, --at, 0, LEN))
		ck_ok(tt_iter_prev(it));
	ck_assert_int_eq(tt_iter_prev(it), TT_END);
	look_away();
	for (unsigned i = 0; i < disk.n_read; i++)
		n_unasked += !is_asked(disk.read[i].off);
	ck_assert_uint_eq(disk.n_read, 150);
	ck_assert_uint_le(n_unasked, 1);
	tt_iter_free(it);
}
END_TEST

START_TEST(short_scans_ask_for_nothing)
{
	struct tt_iter *it;
	char key[16];

	fill();
	it = iter(NULL);
	watch();
	for (unsigned i = 0; i < 100; i += 10) {
		ck_ok(tt_iter_seek(it, key_of(key, i)));
		shows(it, i, 0, LEN);
		ck_ok(tt_iter_next(it));
		shows(it, i + 1, 0, LEN);
	}
	look_away();
	ck_assert_uint_eq(disk.n_read, 20);
	ck_assert_uint_eq(disk.n_asked, 0);
	tt_iter_free(it);
}
END_TEST

START_TEST(who_wants_keys_only_asks_for_nothing)
{
	struct tt_iter_options o = { .keys_only = true };
	struct tt_iter *it;
	unsigned n = 0;

	fill();
	it = iter(&o);
	watch();
	for (int r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		n++;
	look_away();
	ck_assert_uint_eq(n, N_KEYS);
	ck_assert_uint_eq(disk.n_read + disk.n_asked, 0);
	tt_iter_free(it);
}
END_TEST

START_TEST(nor_does_who_reads_past_the_page_cache)
{
	struct tt_iter_options o = { .verify = true };
	struct tt_iter *it;
	unsigned n = 0;

	fill();
	it = iter(&o);
	watch();
	for (int r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		shows(it, n++, 0, LEN);
	look_away();
	ck_assert_uint_eq(n, N_KEYS);
	ck_assert_uint_eq(disk.n_asked, 0);
	tt_iter_free(it);
}
END_TEST

/* The scout must not go on over what was there before. */
START_TEST(an_iterator_that_is_refreshed_asks_for_what_is_there_now)
{
	struct tt_iter *it;
	unsigned n = 0;

	fill();
	it = iter(NULL);
	watch();
	ck_ok(tt_iter_first(it));
	for (unsigned i = 0; i < 20; i++)
		ck_ok(tt_iter_next(it));
	look_away();
	for (unsigned i = 0; i < N_KEYS; i++)
		put(i, 1, LEN);
	ck_ok(tt_flush(db));
	ck_ok(tt_iter_refresh(it));
	watch();
	for (int r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		shows(it, n++, 1, LEN);
	look_away();
	ck_assert_uint_eq(n, N_KEYS);
	asked_well();
	tt_iter_free(it);
}
END_TEST

/* ---- when it begins and ends ------------------------------------------------ */

#define SLOW 1000000
#define QUICK 5000

static struct value_ahead ahead_of(const char *reads)
{
	struct value_ahead a = { .heat = 0 };

	for (; *reads; reads++)
		value_ahead_note_read(&a, 1000, *reads == 's' ? SLOW : QUICK);
	return a;
}

START_TEST(two_slow_reads_begin_it)
{
	struct value_ahead a = ahead_of("");

	ck_assert(!value_ahead_wants(&a));
	a = ahead_of("s");
	ck_assert(!value_ahead_wants(&a));
	a = ahead_of("ss");
	ck_assert(value_ahead_wants(&a));
	a = ahead_of("sqqqqqqqs");
	ck_assert(value_ahead_wants(&a));
	a = ahead_of("sqqqqqqqqs");
	ck_assert(!value_ahead_wants(&a));
	a = ahead_of("qqqqqqqqqqqqqqqqqqqqqq");
	ck_assert(!value_ahead_wants(&a));
}
END_TEST

START_TEST(many_quick_ones_in_a_row_end_it)
{
	struct value_ahead a = ahead_of("ss");

	for (unsigned i = 0; i < 200; i++)
		value_ahead_note_read(&a, 1000, QUICK);
	ck_assert(value_ahead_wants(&a));
	value_ahead_note_read(&a, 1000, SLOW);
	for (unsigned i = 0; i < 200; i++)
		value_ahead_note_read(&a, 1000, QUICK);
	ck_assert(value_ahead_wants(&a));
	for (unsigned i = 0; i < 56; i++)
		value_ahead_note_read(&a, 1000, QUICK);
	ck_assert(!value_ahead_wants(&a));
}
END_TEST

START_TEST(large_values_may_take_longer)
{
	struct value_ahead a = { .heat = 0 };

	for (unsigned i = 0; i < 10; i++)
		value_ahead_note_read(&a, 1 << 20, 600000);
	ck_assert(!value_ahead_wants(&a));
	for (unsigned i = 0; i < 2; i++)
		value_ahead_note_read(&a, 1 << 20, 800000);
	ck_assert(value_ahead_wants(&a));
}
END_TEST

static Suite *value_ahead_suite(void)
{
	Suite *s = suite_create("value_ahead");
	TCase *scans = tcase_create("scans");
	TCase *rule = tcase_create("rule");

	tcase_add_checked_fixture(scans, setup, teardown);
	tcase_add_test(scans, a_scan_asks_for_what_it_comes_to);
	tcase_add_test(scans, so_does_one_that_goes_back);
	tcase_add_test(scans, what_a_scan_does_not_show_is_not_asked_for);
	tcase_add_test(scans,
		       a_scan_that_turns_round_asks_for_what_lies_behind);
	tcase_add_test(scans, short_scans_ask_for_nothing);
	tcase_add_test(scans, who_wants_keys_only_asks_for_nothing);
	tcase_add_test(scans, nor_does_who_reads_past_the_page_cache);
	tcase_add_test(
		scans,
		an_iterator_that_is_refreshed_asks_for_what_is_there_now);
	suite_add_tcase(s, scans);
	tcase_add_test(rule, two_slow_reads_begin_it);
	tcase_add_test(rule, many_quick_ones_in_a_row_end_it);
	tcase_add_test(rule, large_values_may_take_longer);
	suite_add_tcase(s, rule);
	return s;
}

TEST_MAIN(value_ahead_suite)
