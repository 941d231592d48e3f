/* SPDX-License-Identifier: MIT */
/* The page cache is left as it was found. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "lsm/residency.h"
#include "tests/support/check_main.h"
#include "tests/support/tmpdir.h"
#include "ttrunks.h"

#define N_PAGES 512u
#define BYTES (N_PAGES * ENV_CACHE_PAGE - 100)

static char *dir;
static struct env *env;
static struct env_file *f;
static char *bytes;

static void setup(void)
{
	dir = tmpdir_new();
	env = env_posix();
	bytes = calloc(1, BYTES);
	ck_assert_ptr_nonnull(bytes);
	ck_ok(env_open(env, tmpdir_path(dir, "a"),
		       ENV_READ | ENV_WRITE | ENV_CREATE, &f));
	ck_ok(env_write(f, 0, bytes, BYTES));
	ck_ok(env_sync(f, ENV_SYNC_FULL));
}

static void teardown(void)
{
	ck_ok(env_close(f));
	free(bytes);
	tmpdir_free(dir);
}

static uint64_t n_cached(void)
{
	uint8_t there[N_PAGES];
	uint64_t n = 0;

	ck_ok(env_cached(f, BYTES, there));
	for (unsigned i = 0; i < N_PAGES; i++)
		n += there[i];
	return n;
}

/* Whether the filesystem lets go of pages at all; tmpfs cannot. */
static bool drop_all(void)
{
	ck_ok(env_advise(f, 0, 0, ENV_ADVICE_DONTNEED));
	return n_cached() == 0;
}

START_TEST(what_is_cached_stays)
{
	struct residency r = RESIDENCY_INIT;

	ck_assert_uint_eq(n_cached(), N_PAGES);
	ck_assert_uint_eq(residency_note(&r, f, BYTES), BYTES);
	residency_drop_to(&r, f, BYTES);
	ck_assert_uint_eq(n_cached(), N_PAGES);
	residency_fini(&r);
}
END_TEST

START_TEST(what_the_reading_brings_in_goes)
{
	struct residency r = RESIDENCY_INIT;
	size_t n;

	if (!drop_all())
		return;
	ck_assert_uint_eq(residency_note(&r, f, BYTES), 0);
	ck_ok(env_read(f, 0, bytes, BYTES, &n));
	ck_assert_uint_eq(n_cached(), N_PAGES);
	residency_drop_to(&r, f, BYTES / 2);
	ck_assert_uint_eq(n_cached(), N_PAGES - N_PAGES / 2 + 1);
	residency_drop_to(&r, f, BYTES);
	/* The page that the file ends in is not worth the trouble. */
	ck_assert_uint_le(n_cached(), 1);
	residency_fini(&r);
}
END_TEST

START_TEST(only_what_was_not_there_goes)
{
	struct residency r = RESIDENCY_INIT;
	uint8_t before[N_PAGES], after[N_PAGES];
	size_t n;

	if (!drop_all())
		return;
	ck_ok(env_advise(f, 0, 0, ENV_ADVICE_RANDOM)); /* no reading ahead */
	for (unsigned i = 0; i < N_PAGES; i += 1 + i % 7)
		ck_ok(env_read(f, i * ENV_CACHE_PAGE, bytes, 10, &n));
	ck_ok(env_cached(f, BYTES, before));
	ck_assert_uint_eq(residency_note(&r, f, BYTES),
			  n_cached() * ENV_CACHE_PAGE);
	for (size_t at = 0; at < BYTES; at += 50000) {
		residency_drop_to(&r, f, at);
		ck_ok(env_read(f, at, bytes, 50000, &n));
	}
	residency_drop_to(&r, f, BYTES);
	residency_fini(&r);
	ck_ok(env_cached(f, BYTES, after));
	ck_assert_mem_eq(before, after, N_PAGES - 1);
}
END_TEST

/* Pages of one table: all of them, and those in the page cache. */
struct pages {
	uint64_t n, n_cached;
	bool drops; /* them instead of counting */
};

static int see_table(void *arg, const char *name, enum env_file_type type)
{
	struct pages *p = arg;
	uint8_t there[4096];
	struct env_file *t;
	char path[512];
	uint64_t size;

	ck_assert(type == ENV_TYPE_FILE);
	(void)snprintf(path, sizeof(path), "%s/%s",
		       tmpdir_path(dir, "store/sst"), name);
	ck_ok(env_open(env, path, ENV_READ, &t));
	ck_ok(env_file_size(t, &size));
	if (p->drops)
		ck_ok(env_advise(t, 0, 0, ENV_ADVICE_DONTNEED));
	ck_assert_uint_lt(size, sizeof(there) * ENV_CACHE_PAGE);
	ck_ok(env_cached(t, size, there));
	for (uint64_t i = 0; i * ENV_CACHE_PAGE < size; i++) {
		p->n++;
		p->n_cached += there[i];
	}
	ck_ok(env_close(t));
	return 0;
}

static struct pages see_tables(bool drops)
{
	struct pages p = { .drops = drops };

	ck_ok(env_list(env, tmpdir_path(dir, "store/sst"), see_table, &p));
	return p;
}

static void put_many(struct tt *db, char letter)
{
	char key[32], value[500];

	memset(value, letter, sizeof(value));
	for (unsigned i = 0; i < 4000; i++) {
		struct tt_slice v = { value, sizeof(value) };

		(void)snprintf(key, sizeof(key), "key%06u", i);
		ck_ok(tt_put(db, NULL, tt_str(key), v, NULL));
	}
	ck_ok(tt_flush(db));
}

/* A store that nobody reads is compacted past the page cache. */
START_TEST(outputs_are_cached_when_the_inputs_were)
{
	struct tt_options *opts = tt_options_new();
	struct pages p;
	struct tt *db;

	ck_assert_ptr_nonnull(opts);
	ck_ok(tt_options_set(opts, "compression", "none"));
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
	put_many(db, 'a');
	put_many(db, 'b');
	p = see_tables(_i == 0);
	ck_assert_uint_gt(p.n, 100);
	if (_i == 1)
		ck_assert_uint_eq(p.n_cached, p.n);
	if (_i == 1 || p.n_cached == 0) { /* tmpfs drops nothing */
		ck_ok(tt_compact(db, tt_str(""), tt_str("")));
		ck_ok(tt_close(db)); /* the inputs are removed by now */
		db = NULL;
		p = see_tables(false);
		ck_assert_uint_gt(p.n, 100);
		if (_i == 1)
			ck_assert_uint_eq(p.n_cached, p.n);
		else
			ck_assert_uint_le(p.n_cached, 2);
	}
	ck_ok(tt_close(db));
	tt_options_free(opts);
}
END_TEST

static Suite *residency_suite(void)
{
	Suite *s = suite_create("residency");
	TCase *t = tcase_create("residency");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_cached_stays);
	tcase_add_test(t, what_the_reading_brings_in_goes);
	tcase_add_test(t, only_what_was_not_there_goes);
	tcase_add_loop_test(t, outputs_are_cached_when_the_inputs_were, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(residency_suite)
