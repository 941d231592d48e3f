/* SPDX-License-Identifier: MIT */
/* What a store does for its readers once it has been loaded and flushed. */
#include <stdio.h>
#include <unistd.h>

#include "base/mutex.h"
#include "lsm/db.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "support/tmpdir.h"

#define PATIENCE_NS 60000000000ull

static char *dir;
static struct tt *db;
static struct rng rng;

static void setup(void)
{
	struct tt_options *o = tt_options_new();

	dir = tmpdir_new();
	test_rng(&rng);
	ck_assert_ptr_nonnull(o);
	ck_ok(tt_options_set(o, "memory", "4M"));
	ck_ok(tt_options_set(o, "memtable_bytes", "256k"));
	ck_ok(tt_options_set(o, "table_bytes", "64k"));
	ck_ok(tt_options_set(o, "compression", "none"));
	ck_ok(tt_open(tmpdir_path(dir, "store"), o, &db));
	tt_options_free(o);
}

static void teardown(void)
{
	ck_ok(tt_close(db));
	tmpdir_free(dir);
}

static void fill(unsigned n)
{
	uint8_t value[100];
	char key[32];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "%016llx",
			       (unsigned long long)rng_next(&rng));
		rng_fill(&rng, value, sizeof(value));
		ck_ok(tt_put(db, NULL, tt_str(key), SLICE(value, sizeof(value)),
			     NULL));
	}
}

static uint64_t runs(void)
{
	uint64_t v;

	ck_ok(tt_stat(db, "engine.runs", &v));
	return v;
}

START_TEST(a_loaded_store_that_rests_is_one_run)
{
	uint64_t until = mono_ns() + PATIENCE_NS;

	fill(5500); /* three memtables, of the four that are a trigger */
	ck_ok(tt_flush(db));
	while (runs() > 1 && mono_ns() < until)
		(void)usleep(1000);
	ck_assert_uint_eq(runs(), 1);
}
END_TEST

static Suite *rest_suite(void)
{
	Suite *s = suite_create("rest");
	TCase *t = tcase_create("rest");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_loaded_store_that_rests_is_one_run);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(rest_suite)
