/* SPDX-License-Identifier: MIT */
/*
 * Many keys at once against one by one: whatever tt_get_pinned() says of a
 * key, tt_multi_get() must say too, failures included.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lsm/db.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/tmpdir.h"

#define N_KEYS 3000
#define N_MAX 100 /* keys asked for at once */

static char *dir;
static struct rng rng;
static struct fault_env *fault;
static struct tt_options *opts;
static struct tt *db;

static void open_store(void)
{
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
}

static void begin(const char *separate_bytes)
{
	test_rng(&rng);
	dir = tmpdir_new();
	ck_ok(fault_env_new(env_posix(), dir, 1, &fault));
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	ck_ok(tt_options_set(opts, "memory", "2M"));
	ck_ok(tt_options_set(opts, "cache_bytes", "128k"));
	ck_ok(tt_options_set(opts, "table_bytes", "32k"));
	ck_ok(tt_options_set(opts, "block_bytes", "1k"));
	ck_ok(tt_options_set(opts, "compression", "none"));
	ck_ok(tt_options_set(opts, "sync_interval", "0"));
	ck_ok(tt_options_set(opts, "separate_bytes", separate_bytes));
	ck_ok(tt_options_set(opts, "value_file_bytes", "32k"));
	options_set_env(opts, fault_env_env(fault));
	open_store();
}

static void setup(void)
{
	begin("0");
}

static void setup_separated(void)
{
	begin("70");
}

static void teardown(void)
{
	ck_ok(tt_close(db));
	tt_options_free(opts);
	fault_env_free(fault);
	tmpdir_free(dir);
}

static struct tt_slice key_of(unsigned i, char *mem)
{
	(void)snprintf(mem, 16, "key%06u", i);
	return tt_str(mem);
}

/* Values that differ in every round; some keys deleted, some patched. */
static void write_round(unsigned round)
{
	char key[16], value[128];

	for (unsigned i = 0; i < N_KEYS; i++) {
		struct tt_slice k = key_of(i, key);

		snprintf(value, sizeof(value), "%u of round %u, %060u", i,
			 round, i);
		if (rng_one_in(&rng, 3))
			continue;
		if (rng_one_in(&rng, 5))
			ck_ok(tt_delete(db, NULL, k, NULL));
		else if (rng_one_in(&rng, 5))
			ck_ok(tt_patch(db, NULL, k, i % 50, tt_str("patched"),
				       NULL));
		else
			ck_ok(tt_put(db, NULL, k, tt_str(value), NULL));
	}
}

/* In tables of several runs, and in the memtable. */
static void fill(void)
{
	for (unsigned round = 0; round < 4; round++) {
		write_round(round);
		if (round < 3)
			ck_ok(tt_flush(db));
		if (round == 0)
			ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	}
}

struct request {
	char mem[N_MAX][16];
	struct tt_slice keys[N_MAX];
	struct tt_pinned values[N_MAX];
	int statuses[N_MAX];
	size_t n;
};

/* Random keys, some absent, some repeated. */
static void make_request(struct request *q, size_t n)
{
	q->n = n;
	for (size_t i = 0; i < n; i++)
		q->keys[i] =
			key_of((unsigned)rng_below(&rng, N_KEYS + N_KEYS / 10),
			       q->mem[i]);
}

static void check_against_gets(struct request *q,
			       const struct tt_read_options *ro)
{
	for (size_t i = 0; i < q->n; i++) {
		struct tt_pinned one = { 0 };
		int r = tt_get_pinned(db, ro, q->keys[i], &one);

		ck_assert_int_eq(q->statuses[i], r);
		if (r == 0) {
			ck_assert(slice_eq(q->values[i].value, one.value));
			ck_assert_int_eq(q->values[i].ts, one.ts);
		} else {
			ck_assert_ptr_null(q->values[i].release);
		}
		tt_unpin(&one);
		tt_unpin(&q->values[i]);
	}
}

static int ask(struct request *q, const struct tt_read_options *ro)
{
	return tt_multi_get(db, ro, q->keys, q->n, q->values, q->statuses);
}

START_TEST(many_at_once_are_what_each_alone_is)
{
	struct tt_read_options ro = { .no_fill = false };
	struct tt_snapshot *snap;
	struct request q;

	fill();
	ck_ok(tt_snapshot_new(db, &snap));
	write_round(9);
	for (uint64_t i = 0; i < test_scale(300); i++) {
		ro.no_fill = rng_one_in(&rng, 3);
		ro.snapshot = rng_one_in(&rng, 2) ? snap : NULL;
		/* As if the disk were slow, too. */
		if (rng_one_in(&rng, 4))
			block_cache_note_reads(db->blocks, 1, UINT64_MAX);
		make_request(&q, rng_below(&rng, N_MAX + 1));
		ck_ok(ask(&q, i ? &ro : NULL));
		check_against_gets(&q, i ? &ro : NULL);
	}
	tt_snapshot_free(db, snap);
}
END_TEST

START_TEST(an_empty_store_and_no_keys_are_fine)
{
	struct request q;

	make_request(&q, 0);
	ck_ok(ask(&q, NULL));
	make_request(&q, 20);
	ck_ok(ask(&q, NULL));
	for (size_t i = 0; i < q.n; i++)
		ck_assert_int_eq(q.statuses[i], TT_NOTFOUND);
}
END_TEST

START_TEST(values_outlive_what_happens_to_the_store)
{
	struct request q;
	char before[N_MAX][128];

	fill();
	make_request(&q, N_MAX);
	ck_ok(ask(&q, NULL));
	for (size_t i = 0; i < q.n; i++)
		if (q.statuses[i] == 0)
			memcpy(before[i], q.values[i].value.data,
			       q.values[i].value.len);
	write_round(8);
	ck_ok(tt_flush(db));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	for (size_t i = 0; i < q.n; i++) {
		if (q.statuses[i] == 0)
			ck_assert(memcmp(before[i], q.values[i].value.data,
					 q.values[i].value.len) == 0);
		tt_unpin(&q.values[i]);
	}
}
END_TEST

START_TEST(a_key_that_fails_leaves_the_others_alone)
{
	struct tt_read_options ro = { .no_fill = true };
	unsigned n_failed = 0, n_read = 0;
	struct request q;

	fill();
	for (uint64_t i = 0; i < test_scale(100); i++) {
		int last = 0, r;

		make_request(&q, 40);
		fault_env_fail(fault, FAULT_READ, rng_below(&rng, 10) + 1, EIO,
			       FAULT_ONCE);
		r = ask(&q, &ro);
		fault_env_clear(fault);
		for (size_t k = 0; k < q.n; k++) {
			struct tt_pinned one = { 0 };

			if (q.statuses[k] < 0) {
				ck_assert_int_eq(q.statuses[k], -EIO);
				ck_assert_ptr_null(q.values[k].release);
				last = q.statuses[k];
				n_failed++;
				continue;
			}
			n_read++;
			ck_assert_int_eq(tt_get_pinned(db, NULL, q.keys[k],
						       &one),
					 q.statuses[k]);
			ck_assert(slice_eq(one.value, q.values[k].value));
			tt_unpin(&one);
			tt_unpin(&q.values[k]);
		}
		ck_assert_int_eq(r, last);
	}
	ck_assert_uint_gt(n_failed, 0);
	ck_assert_uint_gt(n_read, 0);
}
END_TEST

START_TEST(a_failure_is_told_with_its_text)
{
	static const uint8_t long_key[TT_KEY_MAX + 1];
	struct request q;

	fill();
	make_request(&q, 20);
	q.keys[7] = SLICE(long_key, sizeof(long_key));
	ck_err(ask(&q, NULL), TT_ETOOBIG);
	ck_assert_int_eq(q.statuses[7], TT_ETOOBIG);
	ck_assert_ptr_nonnull(strstr(tt_error_text(TT_ETOOBIG), "65536"));
	q.n = 7;
	check_against_gets(&q, NULL);
	for (size_t i = 8; i < 20; i++) {
		ck_assert_int_ge(q.statuses[i], 0);
		tt_unpin(&q.values[i]);
	}
}
END_TEST

static TCase *make_case(const char *name, void (*start)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, start, teardown);
	tcase_add_test(t, many_at_once_are_what_each_alone_is);
	tcase_add_test(t, an_empty_store_and_no_keys_are_fine);
	tcase_add_test(t, values_outlive_what_happens_to_the_store);
	tcase_add_test(t, a_key_that_fails_leaves_the_others_alone);
	tcase_add_test(t, a_failure_is_told_with_its_text);
	return t;
}

static Suite *multi_get_suite(void)
{
	Suite *s = suite_create("multi_get");

	suite_add_tcase(s, make_case("inline", setup));
	suite_add_tcase(s, make_case("separated", setup_separated));
	return s;
}

TEST_MAIN(multi_get_suite)
