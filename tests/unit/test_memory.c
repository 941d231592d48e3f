/* SPDX-License-Identifier: MIT */
/*
 * The memory budget holds: a store that is filled with many times its memory,
 * read at random, scanned and compacted takes what `memory` says, measured by
 * the kernel as the peak of this process over what it had before.
 *
 * The bound is memory + BEYOND. Beyond the budget are thread stacks, the
 * allocator's slack, and the mapped part of the log, whose pages are the
 * system's file cache but count where they are mapped.
 */
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"
#include "support/prng.h"
#include "support/tmpdir.h"
#include "ttrunks.h"

#define MEMORY ((size_t)32 << 20)
#define BEYOND ((size_t)12 << 20)
#define VALUE_BYTES 500
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FILLS 1 /* there is nothing to measure, and it takes minutes */
#else
#define FILLS 6 /* times the memory */
#endif

static char *dir;

static void setup(void)
{
	dir = tmpdir_new();
}

static void teardown(void)
{
	tmpdir_free(dir);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool can_measure = false; /* most of it is the sanitizer's */
#else
static const bool can_measure = true;
#endif

static size_t status_bytes(const char *field)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	size_t kib = 0, len = strlen(field);

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, field, len) == 0)
			kib = strtoul(line + len + 1, NULL, 10);
	fclose(f);
	return kib << 10;
}

static void reset_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "w");

	if (f) {
		(void)fputs("5", f);
		(void)fclose(f);
	}
}

static void check_peak(size_t before, size_t extra, const char *after)
{
	size_t allowed = MEMORY + BEYOND + extra;
	size_t peak = status_bytes("VmHWM") - before;

	printf("# after %s: %zu KiB over the beginning, %zu allowed\n", after,
	       peak >> 10, allowed >> 10);
	if (can_measure)
		ck_assert_msg(peak <= allowed, "after %s: %zu bytes", after,
			      peak);
}

static struct tt_slice key_of(uint64_t i, char *buf, size_t cap)
{
	(void)snprintf(buf, cap, "%016" PRIx64, i * 0x9e3779b97f4a7c15u);
	return tt_str(buf);
}

static void fill(struct tt *db, uint64_t n)
{
	char key[32], value[VALUE_BYTES];
	struct rng rng;

	rng_init(&rng, 1);
	for (uint64_t i = 0; i < n; i++) {
		for (size_t k = 0; k < sizeof(value); k += 4) {
			uint32_t word = (uint32_t)rng_next(&rng);

			memcpy(value + k, &word, sizeof(word));
		}
		ck_ok(tt_put(db, NULL, key_of(i, key, sizeof(key)),
			     (struct tt_slice){ value, sizeof(value) }, NULL));
	}
}

static void overwrite_some(struct tt *db, uint64_t n, unsigned writes,
			   struct rng *rng)
{
	char key[32], value[VALUE_BYTES];

	for (unsigned i = 0; i < writes; i++) {
		memset(value, (int)rng_below(rng, 256), sizeof(value));
		ck_ok(tt_put(db, NULL,
			     key_of(rng_below(rng, n), key, sizeof(key)),
			     (struct tt_slice){ value, sizeof(value) }, NULL));
	}
}

static void read_some(struct tt *db, uint64_t n, unsigned reads)
{
	char key[32], value[VALUE_BYTES];
	struct rng rng;
	size_t len;

	rng_init(&rng, 2);
	for (unsigned i = 0; i < reads; i++)
		ck_ok(tt_get(db, NULL,
			     key_of(rng_next(&rng) % n, key, sizeof(key)),
			     value, sizeof(value), &len, NULL));
}

static void scan(struct tt *db, uint64_t n)
{
	struct tt_iter *it;
	uint64_t count = 0;
	int r;

	ck_ok(tt_iter_new(db, NULL, &it));
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		count++;
	ck_assert_int_eq(r, TT_END);
	ck_assert_uint_eq(count, n);
	tt_iter_free(it);
}

/* Iterators that stay open, each somewhere else, while the store is read and
 * written. They are refreshed now and then; in between they keep the two
 * memtables of their time. */
#define N_OPEN 48
#define KEPT_MEMTABLES (2 * MEMORY / 8)

static void step(struct tt_iter *it, struct rng *rng)
{
	char key[32];
	int r = TT_END;

	if (tt_iter_valid(it))
		r = rng_one_in(rng, 2) ? tt_iter_next(it) : tt_iter_prev(it);
	if (r == TT_END || rng_one_in(rng, 200))
		r = tt_iter_seek(it, key_of(rng_next(rng), key, sizeof(key)));
	ck_assert_int_ge(r, 0);
}

/* Far enough in one direction that reading ahead sets in. */
static void walk(struct tt_iter *it, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++)
		if (!tt_iter_valid(it) || tt_iter_next(it) == TT_END)
			ck_assert_int_ge(tt_iter_first(it), 0);
}

static uint64_t stat_of(struct tt *db, const char *name)
{
	uint64_t v;

	ck_ok(tt_stat(db, name, &v));
	return v;
}

static bool is_account_sound(struct tt *db)
{
	/* In this order: a compaction may borrow in between, and blocks make
	 * way. */
	uint64_t borrowed = stat_of(db, "engine.cache.borrowed");

	return borrowed + stat_of(db, "engine.cache.bytes") <=
	       stat_of(db, "engine.cache.capacity");
}

/* Who borrows counts it first and has blocks make way then: for the moment in
 * between the sum is too large. */
static void check_account(struct tt *db)
{
	bool is_sound = is_account_sound(db);

	for (unsigned i = 0; i < 100000 && !is_sound; i++) {
		(void)sched_yield();
		is_sound = is_account_sound(db);
	}
	ck_assert(is_sound);
}

static void use_with_open_iterators(struct tt *db, uint64_t n)
{
	struct tt_iter *its[N_OPEN];
	struct rng rng;

	rng_init(&rng, 3);
	for (unsigned i = 0; i < N_OPEN; i++)
		ck_ok(tt_iter_new(db, NULL, &its[i]));
	for (unsigned round = 0; round < 40 * FILLS; round++) {
		for (unsigned i = 0; i < 20 * N_OPEN; i++)
			step(its[i % N_OPEN], &rng);
		walk(its[rng_below(&rng, N_OPEN)], 500);
		read_some(db, n, 100);
		overwrite_some(db, n, 200, &rng);
		check_account(db);
		for (unsigned i = 0; round % 20 == 0 && i < N_OPEN; i++)
			ck_ok(tt_iter_refresh(its[i]));
	}
	for (unsigned i = 0; i < N_OPEN; i++)
		tt_iter_free(its[i]);
}

static void run(const char *codec)
{
	const uint64_t n = FILLS * MEMORY / VALUE_BYTES;
	struct tt_options *opts = tt_options_new();
	struct tt *db;
	size_t before;

	reset_peak();
	before = status_bytes("VmRSS");
	ck_assert_ptr_nonnull(opts);
	ck_ok(tt_options_set(opts, "memory", "32M"));
	ck_ok(tt_options_set(opts, "compression", codec));
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
	tt_options_free(opts);
	fill(db, n);
	check_peak(before, 0, "filling");
	read_some(db, n, 10000 * FILLS);
	check_peak(before, 0, "reading");
	scan(db, n);
	check_peak(before, 0, "scanning");
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	read_some(db, n, 5000 * FILLS);
	check_peak(before, 0, "compacting");
	use_with_open_iterators(db, n);
	check_peak(before, KEPT_MEMTABLES, "using it with open iterators");
	ck_ok(tt_close(db));
}

START_TEST(memory_is_one_number_that_holds)
{
	run("none");
}
END_TEST

START_TEST(memory_holds_with_compression)
{
	run("lz4");
}
END_TEST

static Suite *memory_suite(void)
{
	Suite *s = suite_create("memory");
	TCase *t = tcase_create("memory");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, memory_is_one_number_that_holds);
	tcase_add_test(t, memory_holds_with_compression);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(memory_suite)
