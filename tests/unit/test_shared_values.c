/* SPDX-License-Identifier: MIT */
/*
 * Separated values that several keys share: what sharing costs, how long what
 * is shared lives, what it does to the collection of garbage, and where values
 * are copied instead.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/options.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/noise.h"
#include "support/prng.h"
#include "support/tmpdir.h"
#include "ttrunks.h"

#define LEN 5000u

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

/* ---- an intruder ------------------------------------------------------- */

/* A merge function runs in the midst of whatever reads its key: there, once,
 * in the thread that has asked for it, something else happens to the store. */
static void (*intrude)(void);
static pthread_t intruded;

static void *run_intruder(void *arg)
{
	(void)arg;
	intrude();
	return NULL;
}

static int merge(void *arg, struct tt_slice key, const struct tt_slice *base,
		 const struct tt_slice *operands, size_t n,
		 struct tt_merge_result *result)
{
	pthread_t thread;

	(void)arg;
	(void)key;
	(void)base;
	if (intrude && pthread_equal(pthread_self(), intruded)) {
		ck_assert_int_eq(
			pthread_create(&thread, NULL, run_intruder, NULL), 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		intrude = NULL;
	}
	return tt_merge_emit(result, operands[n - 1]);
}

/* ---- the store --------------------------------------------------------- */

static void setup(void)
{
	dir = tmpdir_new();
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	set("memory", "4M");
	set("memtable_bytes", "64k");
	set("table_bytes", "64k");
	set("wal_segment_bytes", "64k");
	set("value_file_bytes", "64k");
	set("separate_bytes", "1k");
	set("compression", "none");
	set("sync_interval", "0");
	ck_ok(tt_options_set_merge(opts, "last", merge, NULL));
	noise_new();
	intrude = NULL;
	ck_ok(fault_env_new(env_posix(), dir, test_seed(), &fault));
	options_set_env(opts, fault_env_env(fault));
	ck_ok(tt_open(store(), opts, &db));
}

static void teardown(void)
{
	ck_ok(tt_close(db));
	fault_env_free(fault);
	tt_options_free(opts);
	noise_free();
	tmpdir_free(dir);
}

static void reopen(void)
{
	ck_ok(tt_close(db));
	ck_ok(tt_open(store(), opts, &db));
}

/* Nothing that the process could still do counts any more. */
static void crash(enum fault_cut how)
{
	ck_ok(fault_env_cut(fault, how));
	(void)tt_close(db);
	ck_ok(fault_env_power_on(fault));
	ck_ok(tt_open(store(), opts, &db));
}

static uint64_t stat_of(const char *name)
{
	uint64_t v;

	ck_assert_msg(tt_stat(db, name, &v) == 0, "no figure %s", name);
	return v;
}

static void put(unsigned i, unsigned v)
{
	char key[16];

	ck_ok(tt_put(db, NULL, key_of(key, i), value_of(i, v, LEN), NULL));
}

static void del(unsigned i)
{
	char key[16];

	ck_ok(tt_delete(db, NULL, key_of(key, i), NULL));
}

static struct tt_copied copy_as_of(const struct tt_read_options *ro,
				   unsigned from, unsigned to)
{
	char a[16], b[16];
	struct tt_copy copy = { key_of(a, from), key_of(b, to) };
	struct tt_copied out;

	ck_ok(tt_write_copies(db, NULL, NULL, ro, &copy, 1, &out, NULL));
	return out;
}

static void share(unsigned from, unsigned to)
{
	struct tt_copied c = copy_as_of(NULL, from, to);

	ck_assert_uint_eq(c.n_shared, 1);
	ck_assert_uint_eq(c.copied_bytes, 0);
	ck_assert_uint_ge(c.shared_bytes, LEN);
}

/* Key `key` has version `v` of the value of key `i`. */
static void check_key(struct tt_slice key, unsigned i, unsigned v)
{
	struct tt_slice want = value_of(i, v, LEN);
	struct tt_read_options ro = { .verify = true };
	struct tt_pinned pin;

	ck_ok(tt_get_pinned(db, NULL, key, &pin));
	ck_assert(slice_eq(pin.value, want));
	tt_unpin(&pin);
	ck_ok(tt_get_pinned(db, &ro, key, &pin));
	ck_assert(slice_eq(pin.value, want));
	tt_unpin(&pin);
}

static void check(unsigned key, unsigned i, unsigned v)
{
	char name[16];

	check_key(key_of(name, key), i, v);
}

static void wait_idle(void)
{
	uint64_t before, now = UINT64_MAX;
	struct timespec t = { 0, 20000000 };

	do {
		before = now;
		(void)nanosleep(&t, NULL);
		now = stat_of("engine.values.moves") +
		      stat_of("engine.compactions") +
		      stat_of("engine.values.files_removed");
	} while (now != before);
}

static void settle(void)
{
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	wait_idle();
}

/* Files that were written to are full from here on. */
static void fill_files(void)
{
	for (unsigned i = 900; i < 930; i++)
		put(i, 0);
}

/* ---- what it costs ----------------------------------------------------- */

START_TEST(a_shared_value_is_neither_read_nor_written)
{
	uint64_t before;

	put(1, 0);
	before = stat_of("engine.values.bytes");
	for (unsigned round = 0; round < 3; round++) {
		share(1, 10 + round);
		if (round == 0)
			ck_ok(tt_flush(db));
		else
			fill_files();
	}
	before += 2 * 30 * (LEN + 64);
	ck_assert_uint_eq(stat_of("engine.values.reads"), 0);
	ck_assert_uint_eq(stat_of("engine.values.shares"), 3);
	ck_assert_uint_ge(stat_of("engine.values.share_bytes"), 3 * LEN);
	ck_assert_uint_le(stat_of("engine.values.puts"), 61);
	ck_assert_uint_le(stat_of("engine.values.bytes"), before);
	for (unsigned round = 0; round < 3; round++)
		check(10 + round, 1, 0);
	ck_ok(tt_verify(db, NULL, NULL));
	reopen();
	for (unsigned round = 0; round < 3; round++)
		check(10 + round, 1, 0);
}
END_TEST

START_TEST(keys_of_any_length_share_a_value)
{
	static const char *const names[] = { "x", "a", "a longer one than both",
					     "key000001/" };
	const size_t n = sizeof(names) / sizeof(names[0]);
	struct tt_slice keys[4];
	struct tt_pinned values[4];
	struct tt_copy copies[4];
	int statuses[4];
	struct tt_iter *it;
	char first[16];

	put(1, 0);
	for (size_t i = 0; i < n; i++) {
		keys[i] = tt_str(names[i]);
		/* each from the one before */
		copies[i] =
			(struct tt_copy){ i ? keys[i - 1] : key_of(first, 1),
					  keys[i] };
		ck_ok(tt_write_copies(db, NULL, NULL, NULL, &copies[i], 1, NULL,
				      NULL));
	}
	ck_assert_uint_eq(stat_of("engine.values.shares"), n);
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < n; i++)
			check_key(keys[i], 1, 0);
		ck_ok(tt_multi_get(db, NULL, keys, n, values, statuses));
		for (size_t i = 0; i < n; i++) {
			ck_assert(
				slice_eq(values[i].value, value_of(1, 0, LEN)));
			tt_unpin(&values[i]);
		}
		ck_ok(tt_iter_new(db, NULL, &it));
		for (int r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
			ck_assert(slice_eq(tt_iter_value(it),
					   value_of(1, 0, LEN)));
		tt_iter_free(it);
		if (round == 0)
			ck_ok(tt_flush(db));
	}
}
END_TEST

START_TEST(a_compressed_value_is_shared_as_it_is)
{
	char text[40000];
	struct tt_copy copy = { tt_str("text"), tt_str("its other name") };
	struct tt_copied c;
	struct tt_pinned pin;

	memset(text, 'x', sizeof(text));
	ck_ok(tt_close(db));
	set("compression", "lz4");
	ck_ok(tt_open(store(), opts, &db));
	ck_ok(tt_put(db, NULL, copy.from, SLICE(text, sizeof(text)), NULL));
	ck_ok(tt_write_copies(db, NULL, NULL, NULL, &copy, 1, &c, NULL));
	ck_assert_uint_eq(c.n_shared, 1);
	ck_assert_uint_lt(c.shared_bytes, sizeof(text) / 8);
	ck_ok(tt_delete(db, NULL, copy.from, NULL));
	reopen();
	ck_ok(tt_get_pinned(db, NULL, copy.to, &pin));
	ck_assert(slice_eq(pin.value, SLICE(text, sizeof(text))));
	tt_unpin(&pin);
}
END_TEST

START_TEST(a_patch_changes_one_of_two)
{
	uint8_t want[LEN];
	struct tt_pinned pin;
	char key[16];

	put(1, 0);
	share(1, 2);
	memcpy(want, value_of(1, 0, LEN).data, LEN);
	for (size_t at = 0; at < LEN; at += 100) {
		memset(want + at, 'p', 80);
		ck_ok(tt_patch(db, NULL, key_of(key, 2), at,
			       SLICE(want + at, 80), NULL));
	}
	for (unsigned round = 0; round < 3; round++) {
		check(1, 1, 0);
		ck_ok(tt_get_pinned(db, NULL, key_of(key, 2), &pin));
		ck_assert(slice_eq(pin.value, SLICE(want, LEN)));
		tt_unpin(&pin);
		settle();
	}
	/* One of its own by now, and not shared while it was patched. */
	put(3, 0);
	ck_ok(tt_patch(db, NULL, key_of(key, 3), 0, tt_str("x"), NULL));
	ck_assert_uint_eq(copy_as_of(NULL, 3, 4).copied_bytes, LEN);
	ck_assert_uint_eq(copy_as_of(NULL, 4, 5).n_shared, 1);
}
END_TEST

/* ---- how long it lives ------------------------------------------------- */

START_TEST(a_value_outlives_the_key_it_was_written_for)
{
	put(1, 0);
	fill_files();
	share(1, 2);
	del(1);
	settle();
	check(2, 1, 0);
	crash(CUT_NOTHING_LOST);
	check(2, 1, 0);
	share(2, 3);
	put(2, 7);
	settle();
	reopen();
	check(2, 2, 7);
	check(3, 1, 0);
	ck_ok(tt_verify(db, NULL, NULL));
}
END_TEST

START_TEST(what_nobody_shares_any_more_gives_its_space_back)
{
	for (unsigned i = 0; i < 200; i++)
		put(i, 0);
	for (unsigned i = 0; i < 200; i++)
		share(i, 300 + i);
	for (unsigned i = 0; i < 200; i++)
		del(i);
	settle();
	ck_assert_uint_ge(stat_of("engine.values.bytes"), 200 * LEN);
	for (unsigned i = 0; i < 200; i++)
		check(300 + i, i, 0);
	for (unsigned i = 0; i < 200; i++)
		del(300 + i);
	settle();
	/* The file at work and the next one are left. */
	ck_assert_uint_le(stat_of("engine.values.bytes"), 3 * 64 * 1024);
}
END_TEST

START_TEST(a_value_of_the_past_is_shared_again)
{
	struct tt_read_options ro = { .snapshot = NULL };
	struct tt_snapshot *snap;
	char key[16];
	struct tt_copy none = { key_of(key, 1), tt_str("x") };

	put(1, 0);
	ck_ok(tt_snapshot_new(db, &snap));
	ro.snapshot = snap;
	put(1, 1);
	del(1);
	fill_files();
	settle();
	ck_assert_int_eq(tt_write_copies(db, NULL, NULL, NULL, &none, 1, NULL,
					 NULL),
			 TT_NOTFOUND);
	ck_assert_uint_eq(copy_as_of(&ro, 1, 1).n_shared, 1);
	tt_snapshot_free(db, snap);
	settle();
	check(1, 1, 0);
	crash(CUT_NOTHING_LOST);
	settle();
	check(1, 1, 0);
}
END_TEST

/* Nothing but an older state points to key 1's value any more, and edits that
 * drop files pass by. */
static void leave_file(void)
{
	put(1, 1);
	ck_ok(tt_flush(db));
	settle();
	put(2, 1);
	ck_ok(tt_flush(db));
}

static void drop_file(void)
{
	uint64_t files = stat_of("engine.values.files");

	leave_file();
	ck_assert_uint_lt(stat_of("engine.values.files"), files);
}

static void keep_file(void)
{
	uint64_t files = stat_of("engine.values.files");

	leave_file();
	ck_assert_uint_ge(stat_of("engine.values.files"), files);
}

/* Copies key 1, whose value has a file of its own, to "copy"; when that comes
 * second, it is found in a state of before `what` happened. */
static struct tt_copied copy_amid(void (*what)(void), bool comes_first)
{
	char key[16];
	struct tt_copy copies[2] = { { tt_str("merged"), tt_str("m") },
				     { tt_str("merged"), tt_str("m") } };
	struct tt_copied c;

	copies[comes_first ? 0 : 1] =
		(struct tt_copy){ key_of(key, 1), tt_str("copy") };
	ck_ok(tt_put(db, NULL, key_of(key, 1), value_of(1, 0, 200000), NULL));
	put(2, 0);
	ck_ok(tt_flush(db));
	wait_idle();
	ck_ok(tt_merge(db, NULL, tt_str("merged"), tt_str("m"), NULL));
	intruded = pthread_self();
	intrude = what;
	ck_ok(tt_write_copies(db, NULL, NULL, NULL, copies, 2, &c, NULL));
	ck_assert(!intrude);
	return c;
}

static void check_amid(void)
{
	for (unsigned round = 0; round < 3; round++) {
		struct tt_pinned pin;

		ck_ok(tt_get_pinned(db, NULL, tt_str("copy"), &pin));
		ck_assert(slice_eq(pin.value, value_of(1, 0, 200000)));
		tt_unpin(&pin);
		if (round == 1)
			settle();
		else
			crash(CUT_NOTHING_LOST);
	}
}

/* By the time that it is to be shared, a durable record of the manifest has
 * dropped the file, which is there for readers of older states alone. */
START_TEST(a_file_that_was_dropped_meanwhile_is_not_pointed_to)
{
	struct tt_copied c = copy_amid(drop_file, false);

	ck_assert_uint_eq(c.n_shared, 0);
	ck_assert_uint_eq(c.copied_bytes, 200000 + 1);
	check_amid();
}
END_TEST

/* Nothing points there any more, but something is about to. */
START_TEST(a_file_stays_from_the_moment_it_is_found)
{
	struct tt_copied c = copy_amid(keep_file, true);

	ck_assert_uint_eq(c.n_shared, 1);
	ck_assert_uint_eq(c.copied_bytes, 1);
	check_amid();
}
END_TEST

/* ---- crashes ----------------------------------------------------------- */

START_TEST(what_is_synced_is_there_whole)
{
	struct tt_write_options sync = { .sync = true };
	char a[16], b[16];
	struct tt_copy copy = { key_of(a, 1), key_of(b, 2) };

	for (unsigned round = 0; round < 2; round++) {
		/* Neither the value nor its pointer was durable before. */
		put(1, round);
		ck_ok(tt_write_copies(db, &sync, NULL, NULL, &copy, 1, NULL,
				      NULL));
		crash(CUT_STRICT);
		check(1, 1, round);
		check(2, 1, round);
	}
	put(1, 7);
	share(1, 2);
	crash(CUT_STRICT);
	check(1, 1, 1);
	check(2, 1, 1);
}
END_TEST

/* ---- garbage ----------------------------------------------------------- */

/* No more than a store without sharing may take, and some of what happens in
 * the background. */
static void check_space(uint64_t pointed_to)
{
	uint64_t all = stat_of("engine.values.bytes");
	uint64_t constant = (2 * 4 + 4 * 32) * 64 * 1024 + 5 * 64 * 1024;

	ck_assert_msg(all <= pointed_to * 3 / 2 + constant,
		      "%llu bytes of values, %llu pointed to",
		      (unsigned long long)all, (unsigned long long)pointed_to);
}

START_TEST(collection_and_sharing_get_along)
{
	enum { N = 300 };
	unsigned of[N], version[N], n_versions = 0;
	uint64_t n_shared = 0;
	struct rng rng;

	test_rng(&rng);
	for (unsigned i = 0; i < N; i++) {
		of[i] = i;
		version[i] = 0;
		put(i, 0);
	}
	for (unsigned n = 0; n < test_scale(6000); n++) {
		unsigned i = (unsigned)rng_below(&rng, N);
		unsigned from = (unsigned)rng_below(&rng, N);

		if (rng_one_in(&rng, 3)) {
			n_shared += copy_as_of(NULL, from, i).n_shared;
			of[i] = of[from];
			version[i] = version[from];
		} else {
			of[i] = i;
			version[i] = ++n_versions;
			put(i, version[i]);
		}
		if (n % 100 == 0)
			check_space(N * LEN);
		if (n % 1500 == 1499)
			reopen();
	}
	settle();
	check_space(N * LEN);
	ck_assert_uint_gt(n_shared, test_scale(500));
	for (unsigned i = 0; i < N; i++)
		check(i, of[i], version[i]);
	ck_ok(tt_verify(db, NULL, NULL));
	reopen();
	for (unsigned i = 0; i < N; i++)
		check(i, of[i], version[i]);
}
END_TEST

START_TEST(a_file_is_emptied_though_its_values_are_shared)
{
	uint64_t moves;

	for (unsigned i = 0; i < 400; i++)
		put(i, 0);
	for (unsigned i = 0; i < 400; i += 20)
		share(i, 1000 + i);
	for (unsigned i = 0; i < 400; i++)
		if (i % 20)
			del(i);
	settle();
	moves = stat_of("engine.values.moves");
	ck_assert_uint_ge(moves, 2 * 10);
	/* Each has one of its own now. */
	ck_assert_uint_le(stat_of("engine.values.live_bytes"),
			  stat_of("engine.values.bytes"));
	for (unsigned i = 0; i < 400; i += 20) {
		check(i, i, 0);
		check(1000 + i, i, 0);
		put(i, 1);
	}
	settle();
	for (unsigned i = 0; i < 400; i += 20) {
		check(i, i, 1);
		check(1000 + i, i, 0);
	}
}
END_TEST

/* ---- threads ----------------------------------------------------------- */

#define N_TURNING 40u

static _Atomic bool is_over;

/* Overwrites what others copy, so that files come and go. */
static void *turn_over(void *arg)
{
	unsigned n = 0;

	(void)arg;
	while (!atomic_load(&is_over)) {
		for (unsigned i = 0; i < N_TURNING; i++) {
			uint8_t value[LEN];
			char key[16];

			memset(value, (int)(++n & 255), sizeof(value));
			ck_ok(tt_put(db, NULL, key_of(key, i),
				     SLICE(value, sizeof(value)), NULL));
		}
		if (n / N_TURNING % 4 == 0)
			ck_ok(tt_flush(db));
	}
	return NULL;
}

static void put_zeros(void)
{
	static const uint8_t zeros[LEN];
	char key[16];

	for (unsigned i = 0; i < N_TURNING; i++)
		ck_ok(tt_put(db, NULL, key_of(key, i),
			     SLICE(zeros, sizeof(zeros)), NULL));
}

/* Of one byte, over and over. */
static void check_whole(unsigned i)
{
	struct tt_pinned pin;
	char key[16];

	ck_ok(tt_get_pinned(db, NULL, key_of(key, i), &pin));
	ck_assert_uint_eq(pin.value.len, LEN);
	ck_assert_int_eq(
		memcmp(pin.value.data, slice_bytes(pin.value) + 1, LEN - 1), 0);
	tt_unpin(&pin);
}

START_TEST(sharing_goes_on_while_files_come_and_go)
{
	for (unsigned life = 0; life < 4; life++) {
		pthread_t thread;

		put_zeros();
		atomic_store(&is_over, false);
		ck_assert_int_eq(pthread_create(&thread, NULL, turn_over, NULL),
				 0);
		for (unsigned n = 0; n < test_scale(1000); n++) {
			unsigned to = 1000 + n % 200;

			(void)copy_as_of(NULL, n % N_TURNING, to);
			if (n % 7 == 0)
				check_whole(to);
		}
		atomic_store(&is_over, true);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		crash(CUT_NOTHING_LOST);
		for (unsigned to = 1000; to < 1200; to++)
			check_whole(to);
	}
	ck_ok(tt_verify(db, NULL, NULL));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("shared values");
	TCase *t = tcase_create("shared values");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_shared_value_is_neither_read_nor_written);
	tcase_add_test(t, keys_of_any_length_share_a_value);
	tcase_add_test(t, a_compressed_value_is_shared_as_it_is);
	tcase_add_test(t, a_patch_changes_one_of_two);
	tcase_add_test(t, a_value_outlives_the_key_it_was_written_for);
	tcase_add_test(t, what_nobody_shares_any_more_gives_its_space_back);
	tcase_add_test(t, a_value_of_the_past_is_shared_again);
	tcase_add_test(t, a_file_that_was_dropped_meanwhile_is_not_pointed_to);
	tcase_add_test(t, a_file_stays_from_the_moment_it_is_found);
	tcase_add_test(t, what_is_synced_is_there_whole);
	tcase_add_test(t, collection_and_sharing_get_along);
	tcase_add_test(t, a_file_is_emptied_though_its_values_are_shared);
	tcase_add_test(t, sharing_goes_on_while_files_come_and_go);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
