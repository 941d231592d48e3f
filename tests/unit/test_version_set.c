/* SPDX-License-Identifier: MIT */
/*
 * Versions across failures: whatever call fails, also while a new manifest
 * is begun, what is read back is what the last edit that succeeded said, or
 * one that failed after it.
 */
#include <errno.h>
#include <string.h>

#include "lsm/file_name.h"
#include "lsm/gc.h"
#include "lsm/version_set.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/tmpdir.h"

/* Edits of this many key bytes fill a manifest within a few of them. */
#define KEY_BYTES 65000u
/* The manifest rolls in here. */
#define N_EDITS 12u

static char *dir;
static struct rng rng;
static struct fault_env *fault;
static struct table_cache *tables;
static struct gc *gc;
static struct version_set vs;

static void nothing(void *arg)
{
	(void)arg;
}

static void setup(void)
{
	test_rng(&rng);
}

static void open_parts(void)
{
	struct env *env = fault_env_env(fault);
	struct table_cache_options o = { env, dir, 1 << 20, 16 };

	ck_ok(table_cache_new(&o, &tables));
	ck_ok(gc_new(env, dir, tables, NULL, nothing, NULL, &gc));
	version_set_init(&vs, env, dir, gc);
}

static void close_parts(void)
{
	version_set_fini(&vs);
	gc_free(gc);
	table_cache_free(tables);
}

static void store_new(void)
{
	dir = tmpdir_new();
	ck_ok(fault_env_new(env_posix(), dir, rng_next(&rng), &fault));
	open_parts();
	ck_ok(version_set_create(&vs));
}

static void store_free(void)
{
	close_parts();
	fault_env_free(fault);
	tmpdir_free(dir);
}

/* The one table of the current version, 0 when it has none. */
static uint64_t only_table(void)
{
	struct version *v = version_set_current(&vs);
	uint64_t no = 0;

	ck_assert_uint_le(v->n_tables, 1);
	if (v->n_tables) {
		no = v->runs[0].tables[0]->desc.file_no;
		/* As replace_table() has it. */
		ck_assert_int_eq(v->complete_from, (int64_t)no);
	}
	version_unref(v);
	return no;
}

/* Replaces the one table by another; its number. */
static int replace_table(uint64_t *out_no)
{
	static uint8_t min[KEY_BYTES], max[KEY_BYTES];
	struct table_desc d = {
		.file_no = version_set_new_file_no(&vs),
		.file_bytes = 1,
		.n_records = 1,
		.min_key = { min, KEY_BYTES },
		.max_key = { max, KEY_BYTES },
		.level = 3,
	};
	struct version_edit e;
	uint64_t was = only_table();
	int r;

	min[0] = 'a';
	max[0] = 'b';
	version_edit_init(&e);
	ck_ok(version_edit_add(&e, &d));
	version_edit_set_complete_from(&e, (int64_t)d.file_no);
	if (was)
		ck_ok(version_edit_drop(&e, was));
	r = version_set_apply(&vs, &e, NULL, NULL);
	version_edit_fini(&e);
	*out_no = d.file_no;
	return r;
}

struct way {
	unsigned mask;
	int err;
	enum fault_span span;
	enum fault_cut how;
};

static const struct way ways[] = {
	{ FAULT_ANY, EIO, FAULT_ONCE, CUT_NOTHING_LOST },
	{ FAULT_MUTATING, EIO, FAULT_ONCE, CUT_STRICT },
	{ FAULT_MUTATING, EIO, FAULT_ONCE, CUT_RANDOM },
	{ FAULT_SYNC_DIR, EIO, FAULT_FROM_THEN_ON, CUT_NOTHING_LOST },
	{ FAULT_SYNC_DIR, EIO, FAULT_FROM_THEN_ON, CUT_RANDOM },
	{ FAULT_WRITE | FAULT_ALLOCATE | FAULT_SYNC, ENOSPC, FAULT_ONCE,
	  CUT_NOTHING_LOST },
	{ FAULT_MUTATING, ENOSPC, FAULT_FROM_THEN_ON, CUT_NOTHING_LOST },
	{ FAULT_WRITE | FAULT_ALLOCATE, EDQUOT, FAULT_ONCE, CUT_RANDOM },
};

/* After the process died (what was not synced is there, but the next power cut
 * may take it), or the power went. */
static void reopen(enum fault_cut how, uint64_t nth)
{
	if (how != CUT_NOTHING_LOST)
		ck_ok(fault_env_cut(fault, how));
	close_parts();
	if (how != CUT_NOTHING_LOST)
		ck_ok(fault_env_power_on(fault));
	fault_env_clear(fault);
	open_parts();
	ck_assert_msg(version_set_recover(&vs) == 0, "call %llu: %s",
		      (unsigned long long)nth, err_text());
}

/* Fails the n-th call of a kind; false when there are fewer. */
static bool run(const struct way *way, uint64_t nth)
{
	uint64_t acked = 0, no, found;
	bool has_failed, is_later = false;

	store_new();
	fault_env_tear_writes(fault, true);
	fault_env_lose_pages(fault, true);
	fault_env_fail(fault, way->mask, nth, way->err, way->span);
	for (unsigned i = 0; i < N_EDITS; i++)
		if (replace_table(&no) == 0)
			acked = no;
	has_failed = fault_env_failed(fault) > 0;
	ck_assert_uint_eq(only_table(), acked);
	/* A want of space passes. */
	if (way->err == EDQUOT)
		ck_ok(replace_table(&acked));
	reopen(way->how, nth);
	found = only_table();
	is_later = found > acked;
	ck_assert_msg(found == acked || is_later,
		      "call %llu: table %llu, but %llu was the last",
		      (unsigned long long)nth, (unsigned long long)found,
		      (unsigned long long)acked);
	/* It must go on from there. */
	ck_ok(replace_table(&no));
	reopen(CUT_STRICT, nth);
	ck_assert_uint_eq(only_table(), no);
	store_free();
	return has_failed;
}

START_TEST(no_failing_call_loses_an_edit)
{
	for (uint64_t n = 1; run(&ways[_i], n); n++)
		continue;
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("version_set");
	TCase *t = tcase_create("faults");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, no_failing_call_loses_an_edit, 0,
			    sizeof(ways) / sizeof(ways[0]));
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
