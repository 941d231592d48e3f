/* SPDX-License-Identifier: MIT */
/*
 * Separated values as a user of the store meets them: where the threshold
 * lies, reads of every kind, damage, and the space that garbage takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/file_name.h"
#include "support/check_main.h"
#include "support/noise.h"
#include "support/prng.h"
#include "support/tmpdir.h"
#include "ttrunks.h"

static char *dir;
static struct tt_options *opts;
static struct tt *db;

static void set(const char *name, const char *value)
{
	ck_ok(tt_options_set(opts, name, value));
}

static const char *store(void)
{
	return tmpdir_path(dir, "store");
}

static void setup(void)
{
	dir = tmpdir_new();
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	set("memory", "4M");
	set("memtable_bytes", "64k");
	set("table_bytes", "64k");
	set("value_file_bytes", "256k");
	set("separate_bytes", "1k");
	set("compression", "none");
	noise_new();
	ck_ok(tt_open(store(), opts, &db));
}

static void teardown(void)
{
	ck_ok(tt_close(db));
	tt_options_free(opts);
	noise_free();
	tmpdir_free(dir);
}

static void reopen(void)
{
	ck_ok(tt_close(db));
	ck_ok(tt_open(store(), opts, &db));
}

static uint64_t stat_of(const char *name)
{
	uint64_t v;

	ck_assert_msg(tt_stat(db, name, &v) == 0, "no figure %s", name);
	return v;
}

static void put(unsigned i, unsigned v, size_t len)
{
	char key[16];

	ck_ok(tt_put(db, NULL, key_of(key, i), value_of(i, v, len), NULL));
}

static void check(unsigned i, unsigned v, size_t len)
{
	struct tt_slice want = value_of(i, v, len);
	struct tt_pinned pin;
	uint8_t *got = malloc(len + 1);
	char key[16];
	size_t n;

	ck_ok(tt_get(db, NULL, key_of(key, i), got, len + 1, &n, NULL));
	ck_assert_uint_eq(n, len);
	ck_assert(len == 0 || memcmp(got, want.data, len) == 0);
	ck_ok(tt_get_pinned(db, NULL, key_of(key, i), &pin));
	ck_assert_uint_eq(pin.value.len, len);
	ck_assert(len == 0 || memcmp(pin.value.data, want.data, len) == 0);
	tt_unpin(&pin);
	free(got);
}

/* ---- where values go --------------------------------------------------- */

START_TEST(values_from_the_threshold_on_are_separated)
{
	static const size_t lens[] = { 0, 1, 1023, 1024, 1025, 65536, 1 << 20 };

	for (unsigned i = 0; i < 7; i++)
		put(i, 0, lens[i]);
	ck_assert_uint_eq(stat_of("engine.values.puts"), 4);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 7; i++)
			check(i, 0, lens[i]);
		if (round == 0)
			ck_ok(tt_flush(db));
		if (round == 1)
			reopen();
	}
	ck_ok(tt_verify(db, NULL, NULL));
}
END_TEST

START_TEST(a_threshold_of_zero_separates_nothing_but_reads_all)
{
	put(1, 0, 5000);
	ck_ok(tt_close(db));
	set("separate_bytes", "0");
	ck_ok(tt_open(store(), opts, &db));
	put(2, 0, 500000);
	ck_assert_uint_eq(stat_of("engine.values.puts"), 0);
	check(1, 0, 5000);
	check(2, 0, 500000);
}
END_TEST

START_TEST(a_threshold_of_one_separates_all_but_nothing)
{
	ck_ok(tt_close(db));
	set("separate_bytes", "1");
	ck_ok(tt_open(store(), opts, &db));
	put(1, 0, 0);
	put(2, 0, 1);
	put(3, 0, 70);
	ck_assert_uint_eq(stat_of("engine.values.puts"), 2);
	ck_ok(tt_flush(db));
	check(1, 0, 0);
	check(2, 0, 1);
	check(3, 0, 70);
}
END_TEST

START_TEST(large_values_of_a_batch_are_separated_and_the_batch_stays)
{
	struct tt_batch *b = tt_batch_new();
	char key[16];
	size_t before;

	for (unsigned i = 0; i < 6; i++)
		ck_ok(tt_batch_put(b, key_of(key, i),
				   value_of(i, 1, i % 2 ? 3000 : 30)));
	ck_ok(tt_batch_delete(b, key_of(key, 1)));
	before = tt_batch_bytes(b);
	for (unsigned round = 0; round < 2; round++) {
		ck_ok(tt_write(db, NULL, b, NULL));
		ck_assert_uint_eq(tt_batch_bytes(b), before);
		ck_assert_uint_eq(tt_batch_count(b), 7);
		for (unsigned i = 0; i < 6; i++)
			if (i != 1)
				check(i, 1, i % 2 ? 3000 : 30);
		ck_assert_int_eq(tt_get(db, NULL, key_of(key, 1), NULL, 0, NULL,
					NULL),
				 TT_NOTFOUND);
	}
	ck_assert_uint_eq(stat_of("engine.values.puts"), 6);
	tt_batch_free(b);
}
END_TEST

/* ---- reading ----------------------------------------------------------- */

START_TEST(a_part_of_a_value_and_its_length_can_be_asked_for)
{
	struct tt_slice want = value_of(1, 0, 9000);
	uint8_t part[100];
	char key[16];
	size_t n;

	put(1, 0, 9000);
	ck_ok(tt_flush(db));
	ck_ok(tt_get(db, NULL, key_of(key, 1), NULL, 0, &n, NULL));
	ck_assert_uint_eq(n, 9000);
	ck_assert_uint_eq(stat_of("engine.values.reads"), 0);
	ck_ok(tt_get(db, NULL, key_of(key, 1), part, sizeof(part), &n, NULL));
	ck_assert_uint_eq(n, 9000);
	ck_assert_int_eq(memcmp(part, want.data, sizeof(part)), 0);
}
END_TEST

START_TEST(iterators_read_values_unless_only_keys_are_wanted)
{
	struct tt_iter_options io = { .keys_only = true };
	struct tt_iter *it;
	unsigned n = 0;
	int r;

	for (unsigned i = 0; i < 50; i++)
		put(i, 0, i % 2 ? 2000 : 20);
	ck_ok(tt_flush(db));
	ck_ok(tt_iter_new(db, &io, &it));
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		n++;
	ck_assert_int_eq(r, TT_END);
	ck_assert_uint_eq(n, 50);
	ck_assert_uint_eq(stat_of("engine.values.reads"), 0);
	tt_iter_free(it);
	for (unsigned back = 0; back < 2; back++) {
		ck_ok(tt_iter_new(db, NULL, &it));
		r = back ? tt_iter_last(it) : tt_iter_first(it);
		for (unsigned k = 0; k < 50; k++) {
			unsigned i = back ? 49 - k : k;
			struct tt_slice want =
				value_of(i, 0, i % 2 ? 2000 : 20);
			struct tt_slice got = tt_iter_value(it);

			ck_assert_int_eq(r, 0);
			ck_assert_uint_eq(got.len, want.len);
			ck_assert_int_eq(memcmp(got.data, want.data, want.len),
					 0);
			r = back ? tt_iter_prev(it) : tt_iter_next(it);
		}
		ck_assert_int_eq(r, TT_END);
		tt_iter_free(it);
	}
	ck_assert_uint_eq(stat_of("engine.values.reads"), 50);
}
END_TEST

START_TEST(a_snapshot_keeps_overwritten_values)
{
	struct tt_snapshot *snap;
	struct tt_read_options ro;
	uint8_t got[2000];
	char key[16];
	size_t n;

	for (unsigned i = 0; i < 100; i++)
		put(i, 0, 2000);
	ck_ok(tt_snapshot_new(db, &snap));
	ro = (struct tt_read_options){ .snapshot = snap };
	for (unsigned v = 1; v < 12; v++)
		for (unsigned i = 0; i < 100; i++)
			put(i, v, 2000);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	for (unsigned i = 0; i < 100; i++) {
		ck_ok(tt_get(db, &ro, key_of(key, i), got, sizeof(got), &n,
			     NULL));
		ck_assert_uint_eq(n, 2000);
		ck_assert_int_eq(memcmp(got, value_of(i, 0, 2000).data, 2000),
				 0);
		check(i, 11, 2000);
	}
	tt_snapshot_free(db, snap);
}
END_TEST

/* ---- damage ------------------------------------------------------------ */

struct damage {
	uint64_t no;
	bool is_done;
};

static int flip_in_first(void *arg, const char *name, enum env_file_type type)
{
	struct damage *d = arg;

	(void)type;
	if (value_no_of_name(name) &&
	    (d->no == 0 || value_no_of_name(name) < d->no))
		d->no = value_no_of_name(name);
	return 0;
}

/* Flips a bit in the middle of the first value file. */
static void damage_a_value(struct buf *path, uint64_t at)
{
	struct damage d = { 0, false };
	struct env_file *f;
	uint8_t byte;

	ck_ok(path_join(path, store(), "val"));
	ck_ok(env_list(env_posix(), path_of(path), flip_in_first, &d));
	ck_assert_uint_ne(d.no, 0);
	ck_ok(path_values(path, store(), d.no));
	ck_ok(env_open(env_posix(), path_of(path), ENV_READ | ENV_WRITE, &f));
	ck_ok(env_read_exact(f, at, &byte, 1));
	byte ^= 4;
	ck_ok(env_write(f, at, &byte, 1));
	ck_ok(env_close(f));
}

static void count_report(void *arg, const char *text)
{
	(void)text;
	(*(unsigned *)arg)++;
}

START_TEST(a_damaged_value_is_named_and_the_rest_is_well)
{
	struct buf path = BUF_INIT;
	struct tt_iter *it;
	uint8_t got[2000];
	unsigned n_bad = 0, n_good = 0, n_reports = 0;
	char key[16];
	int r;

	for (unsigned i = 0; i < 40; i++)
		put(i, 0, 2000);
	ck_ok(tt_flush(db));
	damage_a_value(&path, 30000);
	for (unsigned i = 0; i < 40; i++) {
		r = tt_get(db, NULL, key_of(key, i), got, sizeof(got), NULL,
			   NULL);
		if (r == 0) {
			check(i, 0, 2000);
			continue;
		}
		n_bad++;
		ck_err(r, TT_ECORRUPT);
		ck_assert_ptr_nonnull(strstr(tt_error_text(r), path_of(&path)));
		ck_assert_ptr_nonnull(strstr(tt_error_text(r), "offset "));
	}
	ck_assert_uint_eq(n_bad, 1);
	/* A walk stops there and can go on. */
	ck_ok(tt_iter_new(db, NULL, &it));
	n_bad = 0;
	for (r = tt_iter_first(it); tt_iter_valid(it); r = tt_iter_next(it)) {
		n_good += r == 0;
		n_bad += r == TT_ECORRUPT;
		ck_assert_uint_eq(tt_iter_key(it).len, 9);
		ck_assert_uint_eq(tt_iter_value(it).len, r == 0 ? 2000 : 0);
	}
	ck_assert_int_eq(r, TT_END);
	ck_assert_uint_eq(n_good, 39);
	ck_assert_uint_eq(n_bad, 1);
	tt_iter_free(it);
	ck_err(tt_verify(db, count_report, &n_reports), TT_ECORRUPT);
	ck_assert_uint_eq(n_reports, 1);
	buf_fini(&path);
}
END_TEST

static void tell_path(void *arg, const char *text)
{
	ck_assert_msg(strstr(text, arg) != NULL, "%s: not of %s", text,
		      (const char *)arg);
}

START_TEST(damage_is_found_where_only_the_log_points)
{
	struct buf path = BUF_INIT;
	unsigned n_reports = 0;

	put(7, 0, 2000);
	ck_ok(tt_verify(db, NULL, NULL));
	put(8, 0, 2000);
	put(7, 1, 2000); /* the first one is read by the past alone */
	damage_a_value(&path, 1000);
	ck_assert_uint_eq(stat_of("engine.tables.files"), 0);
	ck_err(tt_verify(db, count_report, &n_reports), TT_ECORRUPT);
	ck_assert_uint_eq(n_reports, 1);
	ck_err(tt_verify(db, tell_path, (void *)path_of(&path)), TT_ECORRUPT);
	check(7, 1, 2000);
	/* It is dropped with its version, and so with the damage. */
	ck_ok(tt_flush(db));
	ck_ok(tt_verify(db, NULL, NULL));
	buf_fini(&path);
}
END_TEST

START_TEST(a_merge_over_a_damaged_value_is_no_other_value)
{
	struct buf path = BUF_INIT;
	struct tt_iter *it;
	uint8_t got[3000];
	char key[16];
	int r;

	put(0, 0, 2000);
	put(1, 0, 2000);
	put(2, 0, 2000);
	ck_ok(tt_patch(db, NULL, key_of(key, 0), 10, tt_str("patch"), NULL));
	ck_ok(tt_patch(db, NULL, key_of(key, 1), 10, tt_str("patch"), NULL));
	ck_ok(tt_get(db, NULL, key_of(key, 0), got, sizeof(got), NULL, NULL));
	ck_assert_int_eq(memcmp(got + 10, "patch", 5), 0);
	ck_assert_int_eq(memcmp(got, value_of(0, 0, 2000).data, 10), 0);
	damage_a_value(&path, 1000); /* of the first */
	for (unsigned round = 0; round < 2; round++) {
		ck_err(tt_get(db, NULL, key_of(key, 0), got, sizeof(got), NULL,
			      NULL),
		       TT_ECORRUPT);
		ck_ok(tt_iter_new(db, NULL, &it));
		ck_err(tt_iter_first(it), TT_ECORRUPT);
		ck_assert(tt_iter_valid(it));
		ck_assert_uint_eq(tt_iter_value(it).len, 0);
		ck_ok(tt_iter_next(it));
		ck_assert_int_eq(
			memcmp((const char *)tt_iter_value(it).data + 10,
			       "patch", 5),
			0);
		ck_ok(tt_iter_next(it));
		ck_ok(tt_iter_prev(it));
		ck_err(tt_iter_prev(it), TT_ECORRUPT);
		ck_assert(tt_iter_valid(it));
		r = tt_iter_prev(it);
		ck_assert_int_eq(r, TT_END);
		tt_iter_free(it);
		ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	}
	ck_assert_uint_eq(stat_of("engine.failed"), 0);
	buf_fini(&path);
}
END_TEST

/* ---- merge records ----------------------------------------------------- */

START_TEST(a_small_patch_does_not_rewrite_a_large_value)
{
	char key[16];
	uint8_t got[65536], *want = malloc(65536);
	uint64_t before;

	put(1, 0, 65536);
	ck_ok(tt_flush(db));
	memcpy(want, value_of(1, 0, 65536).data, 65536);
	before = stat_of("engine.values.put_bytes") +
		 stat_of("engine.values.move_bytes");
	for (unsigned i = 0; i < 4; i++) {
		memset(want + 1000 * i, 'a' + (int)i, 500);
		ck_ok(tt_patch(db, NULL, key_of(key, 1), 1000 * i,
			       SLICE(want + 1000 * i, 500), NULL));
		ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	}
	ck_assert_uint_eq(stat_of("engine.values.put_bytes") +
				  stat_of("engine.values.move_bytes"),
			  before);
	ck_ok(tt_get(db, NULL, key_of(key, 1), got, sizeof(got), NULL, NULL));
	ck_assert_int_eq(memcmp(got, want, sizeof(got)), 0);
	/* Once most of it is patches they become one value, separated. */
	for (unsigned i = 0; i < 8; i++) {
		memset(want + 8000 * i, 'A' + (int)i, 8000);
		ck_ok(tt_patch(db, NULL, key_of(key, 1), 8000 * i,
			       SLICE(want + 8000 * i, 8000), NULL));
	}
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_assert_uint_ge(stat_of("engine.values.put_bytes") +
				  stat_of("engine.values.move_bytes"),
			  before + 65536);
	ck_ok(tt_get(db, NULL, key_of(key, 1), got, sizeof(got), NULL, NULL));
	ck_assert_int_eq(memcmp(got, want, sizeof(got)), 0);
	ck_ok(tt_verify(db, NULL, NULL));
	free(want);
}
END_TEST

START_TEST(a_lower_threshold_separates_what_is_rewritten)
{
	ck_ok(tt_close(db));
	set("separate_bytes", "0");
	ck_ok(tt_open(store(), opts, &db));
	for (unsigned i = 0; i < 20; i++)
		put(i, 0, 3000);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_ok(tt_close(db));
	set("separate_bytes", "1k");
	ck_ok(tt_open(store(), opts, &db));
	for (unsigned i = 0; i < 20; i += 19)
		put(i, 1, 10);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_assert_uint_eq(stat_of("engine.values.moves"), 18);
	for (unsigned i = 1; i < 19; i++)
		check(i, 0, 3000);
	ck_ok(tt_verify(db, NULL, NULL));
	reopen();
	check(5, 0, 3000);
}
END_TEST

/* ---- garbage ----------------------------------------------------------- */

/* What value files take now; and the most there may be. */
static void check_space(uint64_t live)
{
	uint64_t all = stat_of("engine.values.bytes");
	/* What two memtables may point to, what compaction may be behind by
	 * when writers are slowed to a crawl, and the files at work. */
	uint64_t constant = (2 * 4 + 4 * 32) * 64 * 1024 + 5 * 256 * 1024;

	ck_assert_msg(all <= live * 3 / 2 + constant,
		      "%llu bytes of values for %llu live ones; %llu finished, "
		      "tables point to %llu, %llu moved, %llu files",
		      (unsigned long long)all, (unsigned long long)live,
		      (unsigned long long)stat_of("engine.values.sealed_bytes"),
		      (unsigned long long)stat_of("engine.values.live_bytes"),
		      (unsigned long long)stat_of("engine.values.move_bytes"),
		      (unsigned long long)stat_of("engine.values.files"));
}

static void wait_idle(void)
{
	uint64_t before, now = UINT64_MAX;
	struct timespec t = { 0, 20000000 };

	do {
		before = now;
		(void)nanosleep(&t, NULL);
		now = stat_of("engine.values.moves") +
		      stat_of("engine.compactions");
	} while (now != before);
}

START_TEST(garbage_stays_within_its_bound_under_overwrites)
{
	const unsigned n_keys = 1600;
	unsigned *version = calloc(n_keys, sizeof(*version));
	uint64_t live = (uint64_t)n_keys * 5000;
	struct rng rng;

	test_rng(&rng);
	for (unsigned i = 0; i < n_keys; i++)
		put(i, 0, 5000);
	for (unsigned n = 0; n < test_scale(8000); n++) {
		unsigned i = (unsigned)rng_below(&rng, n_keys);

		put(i, ++version[i], 5000);
		if (n % 250 == 0)
			check_space(live);
		if (n % 1700 == 0)
			reopen();
	}
	wait_idle();
	check_space(live);
	ck_assert_uint_gt(stat_of("engine.values.files_removed"), 3);
	for (unsigned i = 0; i < n_keys; i++)
		check(i, version[i], 5000);
	ck_ok(tt_verify(db, NULL, NULL));
	reopen();
	for (unsigned i = 0; i < n_keys; i++)
		check(i, version[i], 5000);
	free(version);
}
END_TEST

START_TEST(values_larger_than_a_memtable_stay_within_the_bound)
{
	const size_t len = 3 << 20;
	unsigned version[10] = { 0 };
	struct rng rng;

	test_rng(&rng);
	for (unsigned n = 0; n < test_scale(250); n++) {
		unsigned i = (unsigned)rng_below(&rng, 10);

		put(i, ++version[i], len);
		/* And the two that are being written and waited for. */
		check_space(10 * (uint64_t)len + 2 * len);
	}
	for (unsigned i = 0; i < 10; i++)
		if (version[i])
			check(i, version[i], len);
}
END_TEST

START_TEST(deleted_values_give_their_space_back)
{
	char key[16];

	for (unsigned i = 0; i < 400; i++)
		put(i, 0, 5000);
	for (unsigned i = 0; i < 400; i++)
		ck_ok(tt_delete(db, NULL, key_of(key, i), NULL));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	wait_idle();
	/* The file at work and the next one are left. */
	ck_assert_uint_le(stat_of("engine.values.bytes"), 3 * 256 * 1024);
}
END_TEST

START_TEST(a_value_that_cannot_be_moved_stops_nothing)
{
	const unsigned n_keys = 200;
	struct buf path = BUF_INIT;
	struct rng rng;
	unsigned n_bad = 0;
	char key[16];
	uint8_t got[5000];

	test_rng(&rng);
	for (unsigned i = 0; i < n_keys; i++)
		put(i, 0, 5000);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	damage_a_value(&path, 100);
	for (unsigned n = 0; n < 4000; n++)
		put((unsigned)rng_range(&rng, 100, n_keys - 1), n, 5000);
	wait_idle();
	check_space((uint64_t)n_keys * 5000);
	ck_assert_uint_eq(stat_of("engine.failed"), 0);
	for (unsigned i = 0; i < n_keys; i++)
		n_bad += tt_get(db, NULL, key_of(key, i), got, sizeof(got),
				NULL, NULL) == TT_ECORRUPT;
	ck_assert_uint_eq(n_bad, 1);
	buf_fini(&path);
}
END_TEST

START_TEST(an_iterator_reads_on_in_files_that_were_dropped)
{
	struct tt_iter *it;
	int r;

	for (unsigned i = 0; i < 200; i++)
		put(i, 0, 5000);
	ck_ok(tt_iter_new(db, NULL, &it));
	for (unsigned v = 1; v < 10; v++)
		for (unsigned i = 0; i < 200; i++)
			put(i, v, 5000);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	wait_idle();
	r = tt_iter_first(it);
	for (unsigned i = 0; i < 200; i++, r = tt_iter_next(it)) {
		ck_assert_int_eq(r, 0);
		ck_assert_int_eq(memcmp(tt_iter_value(it).data,
					value_of(i, 0, 5000).data, 5000),
				 0);
	}
	ck_assert_int_eq(r, TT_END);
	tt_iter_free(it);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("values");
	TCase *t = tcase_create("values");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, values_from_the_threshold_on_are_separated);
	tcase_add_test(t, a_threshold_of_zero_separates_nothing_but_reads_all);
	tcase_add_test(t, a_threshold_of_one_separates_all_but_nothing);
	tcase_add_test(
		t, large_values_of_a_batch_are_separated_and_the_batch_stays);
	tcase_add_test(t, a_part_of_a_value_and_its_length_can_be_asked_for);
	tcase_add_test(t, iterators_read_values_unless_only_keys_are_wanted);
	tcase_add_test(t, a_snapshot_keeps_overwritten_values);
	tcase_add_test(t, a_damaged_value_is_named_and_the_rest_is_well);
	tcase_add_test(t, damage_is_found_where_only_the_log_points);
	tcase_add_test(t, a_merge_over_a_damaged_value_is_no_other_value);
	tcase_add_test(t, a_small_patch_does_not_rewrite_a_large_value);
	tcase_add_test(t, a_lower_threshold_separates_what_is_rewritten);
	tcase_add_test(t, garbage_stays_within_its_bound_under_overwrites);
	tcase_add_test(t, values_larger_than_a_memtable_stay_within_the_bound);
	tcase_add_test(t, deleted_values_give_their_space_back);
	tcase_add_test(t, a_value_that_cannot_be_moved_stops_nothing);
	tcase_add_test(t, an_iterator_reads_on_in_files_that_were_dropped);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
