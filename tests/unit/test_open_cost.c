/* SPDX-License-Identifier: MIT */
/*
 * What opening a store costs, counted in calls of the environment: as much as
 * its log is long, whatever the number of its tables. Those are opened when
 * they are first read.
 */
#include <stdio.h>
#include <string.h>

#include "lsm/db.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/tmpdir.h"

static char *dir;
static struct fault_env *fault;
static struct tt_options *opts;
static struct tt *db;

static void setup(void)
{
	dir = tmpdir_new();
	ck_ok(fault_env_new(env_posix(), dir, 1, &fault));
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	ck_ok(tt_options_set(opts, "memory", "4M"));
	ck_ok(tt_options_set(opts, "table_bytes", "64k"));
	ck_ok(tt_options_set(opts, "compression", "none"));
	ck_ok(tt_options_set(opts, "sync_interval", "0"));
	options_set_env(opts, fault_env_env(fault));
}

static void teardown(void)
{
	tt_options_free(opts);
	fault_env_free(fault);
	tmpdir_free(dir);
}

static uint64_t stat_of(const char *name)
{
	uint64_t v;

	ck_ok(tt_stat(db, name, &v));
	return v;
}

static struct tt_slice key_of(unsigned i, char *mem)
{
	(void)snprintf(mem, 16, "key%08u", i);
	return tt_str(mem);
}

/* About 64 KiB of keys in each table, which do not overlap. */
#define KEYS_A_TABLE 500

static void fill(unsigned n_tables)
{
	char key[16], value[128];

	memset(value, 'v', sizeof(value));
	for (unsigned i = 0; i < n_tables * KEYS_A_TABLE; i++)
		ck_ok(tt_put(db, NULL, key_of(i, key),
			     SLICE(value, sizeof(value)), NULL));
	ck_ok(tt_flush(db));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
}

struct cost {
	uint64_t opens, reads, lists;
};

static struct cost cost_now(void)
{
	return (struct cost){ fault_env_calls(fault, FAULT_OPEN),
			      fault_env_calls(fault, FAULT_READ),
			      fault_env_calls(fault, FAULT_LIST) };
}

static void open_store(const char *name, struct cost *cost)
{
	struct cost before = cost_now(), after;

	ck_ok(tt_open(tmpdir_path(dir, name), opts, &db));
	after = cost_now();
	*cost = (struct cost){ after.opens - before.opens,
			       after.reads - before.reads,
			       after.lists - before.lists };
}

/* What it costs to open a closed store of about so many tables. */
static struct cost reopening(const char *name, unsigned n_tables)
{
	struct cost cost;

	open_store(name, &cost);
	fill(n_tables);
	ck_ok(tt_close(db));
	open_store(name, &cost);
	ck_assert_uint_ge(stat_of("engine.tables.files"), n_tables / 2);
	ck_assert_uint_eq(stat_of("engine.tables.opens"), 0);
	ck_assert_uint_eq(stat_of("engine.tables.open"), 0);
	return cost;
}

#define MORE_SEGMENTS 16

START_TEST(opening_costs_the_same_with_few_and_with_many_tables)
{
	struct cost few, many;

	few = reopening("few", 4);
	ck_ok(tt_close(db));
	many = reopening("many", 120);
	printf("# few: %d opens, %d reads, %d lists; many: %d, %d, %d\n",
	       (int)few.opens, (int)few.reads, (int)few.lists, (int)many.opens,
	       (int)many.reads, (int)many.lists);
	/* Some more segments of the log may wait to be used again, and the
	 * manifest is longer. */
	ck_assert_uint_le(many.opens, few.opens + MORE_SEGMENTS);
	ck_assert_uint_le(many.lists, few.lists + MORE_SEGMENTS);
	ck_assert_uint_le(many.reads, few.reads + MORE_SEGMENTS);
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(a_table_is_opened_when_it_is_first_read)
{
	char key[16];

	(void)reopening("store", 60);
	ck_ok(tt_get(db, NULL, key_of(17, key), NULL, 0, NULL, NULL));
	ck_assert_uint_eq(stat_of("engine.tables.opens"), 1);
	ck_ok(tt_get(db, NULL, key_of(18, key), NULL, 0, NULL, NULL));
	ck_assert_uint_eq(stat_of("engine.tables.opens"), 1);
	/* Nor does one that lies outside all tables. */
	ck_err(tt_get(db, NULL, tt_str("zzz"), NULL, 0, NULL, NULL),
	       TT_NOTFOUND);
	ck_assert_uint_eq(stat_of("engine.tables.opens"), 1);
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(an_iterator_opens_the_tables_that_it_walks_through)
{
	struct tt_iter_options o = { .prefix = tt_str("key0000100") };
	struct tt_iter *it;

	(void)reopening("store", 60);
	ck_ok(tt_iter_new(db, NULL, &it));
	ck_assert_uint_eq(stat_of("engine.tables.opens"), 0);
	ck_ok(tt_iter_first(it));
	ck_assert_uint_eq(stat_of("engine.tables.opens"), 1);
	tt_iter_free(it);
	/* Ten keys lie in one table, or in two. */
	ck_ok(tt_iter_new(db, &o, &it));
	for (int r = tt_iter_first(it); r == 0;)
		r = tt_iter_next(it);
	for (int r = tt_iter_last(it); r == 0;)
		r = tt_iter_prev(it);
	ck_assert_uint_le(stat_of("engine.tables.opens"), 1 + 2);
	tt_iter_free(it);
	ck_ok(tt_close(db));
}
END_TEST

static Suite *open_cost_suite(void)
{
	Suite *s = suite_create("open_cost");
	TCase *t = tcase_create("open_cost");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, opening_costs_the_same_with_few_and_with_many_tables);
	tcase_add_test(t, a_table_is_opened_when_it_is_first_read);
	tcase_add_test(t, an_iterator_opens_the_tables_that_it_walks_through);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(open_cost_suite)
