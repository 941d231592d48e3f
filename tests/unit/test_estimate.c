/* SPDX-License-Identifier: MIT */
/* Estimates of ranges against what really lies there, and figures for people. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lsm/db.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "support/tmpdir.h"

#define N_KEYS 20000
#define VALUE_BYTES 100

static char *dir;
static struct tt_options *opts;
static struct tt *db;
static struct rng rng;

static void setup(void)
{
	dir = tmpdir_new();
	test_rng(&rng);
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	ck_ok(tt_options_set(opts, "memory", "4M"));
	ck_ok(tt_options_set(opts, "memtable_bytes", "256k"));
	ck_ok(tt_options_set(opts, "table_bytes", "64k"));
	ck_ok(tt_options_set(opts, "compression", "none"));
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
	static char bufs[4][16];
	static unsigned at;
	char *b = bufs[at++ % 4];

	(void)snprintf(b, sizeof(bufs[0]), "key%08u", i);
	return tt_str(b);
}

static void fill(unsigned from, unsigned to)
{
	char value[VALUE_BYTES];

	for (unsigned i = from; i < to; i++) {
		rng_fill(&rng, value, sizeof(value));
		ck_ok(tt_put(db, NULL, key_of(i), SLICE(value, sizeof(value)),
			     NULL));
	}
}

static struct tt_estimate estimate(struct tt_slice lower, struct tt_slice upper)
{
	struct tt_estimate e;

	ck_ok(tt_estimate(db, lower, upper, &e));
	return e;
}

static uint64_t stat_of(const char *name)
{
	uint64_t v;

	ck_ok(tt_stat(db, name, &v));
	return v;
}

START_TEST(ranges_of_a_compacted_store_are_estimated_well)
{
	struct tt_estimate all;

	fill(0, N_KEYS);
	ck_ok(tt_compact(db, SLICE_EMPTY, SLICE_EMPTY));
	all = estimate(SLICE_EMPTY, SLICE_EMPTY);
	ck_assert_uint_eq(all.disk_bytes, stat_of("engine.tables.bytes"));
	ck_assert_uint_eq(all.keys, N_KEYS);
	ck_assert_uint_eq(stat_of("engine.estimated_keys"), N_KEYS);
	for (uint64_t i = 0; i < test_scale(500); i++) {
		unsigned a = (unsigned)rng_below(&rng, N_KEYS);
		unsigned b = a + (unsigned)rng_below(&rng, N_KEYS - a);
		struct tt_estimate e = estimate(key_of(a), key_of(b));
		double want = (double)(b - a) / N_KEYS;
		double slack = a == b ? 0 : 2.5 * 4096 * (1 + want);

		ck_assert_msg(
			labs((long)e.disk_bytes -
			     (long)(want * (double)all.disk_bytes)) <=
				(long)(slack + 0.02 * (double)all.disk_bytes),
			"[%u, %u): %" PRIu64 " of %" PRIu64 " bytes", a, b,
			e.disk_bytes, all.disk_bytes);
		ck_assert(labs((long)e.keys - (long)(b - a)) <=
			  N_KEYS / 50 + 80);
	}
}
END_TEST

START_TEST(the_edges_are_right)
{
	struct tt_estimate e;

	e = estimate(SLICE_EMPTY, SLICE_EMPTY);
	ck_assert(e.disk_bytes == 0 && e.keys == 0);
	fill(1000, 3000);
	ck_ok(tt_flush(db));
	e = estimate(key_of(0), key_of(1000));
	ck_assert_uint_eq(e.disk_bytes, 0);
	e = estimate(key_of(3000), SLICE_EMPTY);
	ck_assert_uint_eq(e.disk_bytes, 0);
	e = estimate(key_of(2000), key_of(2000));
	ck_assert_uint_eq(e.disk_bytes, 0);
	e = estimate(key_of(2000), key_of(1500));
	ck_assert_uint_eq(e.disk_bytes, 0);
	e = estimate(key_of(2000), key_of(2001));
	ck_assert_uint_gt(e.disk_bytes, 0);
	ck_assert_uint_le(e.disk_bytes, 3 * 4096 * stat_of("engine.runs"));
	ck_assert_uint_eq(estimate(key_of(1000), key_of(3000)).disk_bytes,
			  stat_of("engine.tables.bytes"));
	/* Deleted keys go from the estimate before they go from the disk. */
	for (unsigned i = 1000; i < 2000; i++)
		ck_ok(tt_delete(db, NULL, key_of(i), NULL));
	ck_ok(tt_flush(db));
	ck_assert_uint_eq(estimate(SLICE_EMPTY, SLICE_EMPTY).keys, 1000);
}
END_TEST

START_TEST(only_the_tables_at_the_ends_are_opened)
{
	uint64_t opens;

	fill(0, N_KEYS);
	ck_ok(tt_compact(db, SLICE_EMPTY, SLICE_EMPTY));
	ck_ok(tt_close(db));
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
	ck_assert_uint_gt(stat_of("engine.tables.files"), 20);
	ck_assert_uint_eq(stat_of("engine.runs"), 1);
	opens = stat_of("engine.tables.opens");
	(void)estimate(SLICE_EMPTY, SLICE_EMPTY);
	ck_assert_uint_eq(stat_of("engine.tables.opens"), opens);
	(void)estimate(key_of(N_KEYS / 10), key_of(N_KEYS / 10 * 9));
	ck_assert_uint_le(stat_of("engine.tables.opens"), opens + 2);
}
END_TEST

/* The number that stands behind `label` in the text. */
static double figure(const char *text, const char *label)
{
	const char *p = strstr(text, label);

	ck_assert_msg(p != NULL, "\"%s\" is missing in:\n%s", label, text);
	return strtod(p + strlen(label), NULL);
}

START_TEST(people_see_what_there_is)
{
	char *text;

	ck_ok(tt_stats_text(db, &text)); /* of nothing */
	free(text);
	fill(0, N_KEYS);
	fill(0, N_KEYS);
	ck_ok(tt_compact(db, SLICE_EMPTY, SLICE_EMPTY));
	ck_ok(tt_get(db, NULL, key_of(1), NULL, 0, NULL, NULL));
	ck_assert_int_eq(tt_get(db, NULL, tt_str("x"), NULL, 0, NULL, NULL),
			 TT_NOTFOUND);
	fill(0, 10);
	ck_ok(tt_stats_text(db, &text));
	ck_assert(figure(text, "on disk ") > 1);
	ck_assert(figure(text, "about ") == N_KEYS + 10);
	ck_assert(figure(text, "memtables ") >= 0);
	ck_assert(figure(text, "writes ") == 2 * N_KEYS + 10);
	ck_assert(figure(text, "reads ") == 2);
	ck_assert(figure(text, "gets, ") == 50);
	ck_assert(figure(text, "flushes ") > 5);
	ck_assert(figure(text, "compactions ") > 0);
	ck_assert(figure(text, "amplification of writes to tables ") > 1);
	ck_assert_ptr_null(strstr(text, "FAILED"));
	ck_assert_ptr_nonnull(strstr(text, "\n    6 "));
	free(text);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("estimate");
	TCase *t = tcase_create("estimate");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, ranges_of_a_compacted_store_are_estimated_well);
	tcase_add_test(t, the_edges_are_right);
	tcase_add_test(t, only_the_tables_at_the_ends_are_opened);
	tcase_add_test(t, people_see_what_there_is);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
