/* SPDX-License-Identifier: MIT */
/* The memtable's B+tree against a sorted array, and under concurrent reads. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"
#include "lsm/memindex.h"
#include "tests/support/check_main.h"
#include "tests/support/prng.h"
#include "ttrunks.h"

static struct memindex *x;
static struct arena mem;

static void setup(void)
{
	ck_ok(memindex_new(&x));
	arena_init(&mem, 0);
}

static void teardown(void)
{
	memindex_free(x);
	arena_fini(&mem);
}

/* ---- the model: an array, sorted when asked -------------------------- */

struct model {
	struct record *recs;
	size_t n, cap;
};

static int cmp_recs(const void *a, const void *b)
{
	return record_cmp(a, b);
}

static struct tt_slice copy(struct tt_slice s)
{
	return SLICE(arena_dup(&mem, s.data, s.len), s.len);
}

static void model_add(struct model *m, const struct record *r)
{
	for (size_t i = 0; i < m->n; i++) {
		if (record_cmp(&m->recs[i], r) == 0) {
			m->recs[i].value = copy(r->value);
			m->recs[i].kind = r->kind;
			return;
		}
	}
	if (m->n == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 64;
		m->recs = realloc(m->recs, m->cap * sizeof(*m->recs));
	}
	m->recs[m->n] = *r;
	m->recs[m->n].key = copy(r->key);
	m->recs[m->n++].value = copy(r->value);
}

/* Index of the first record >= (key, ts). */
static size_t model_find(const struct model *m, struct tt_slice key, int64_t ts)
{
	size_t i = 0;

	while (i < m->n &&
	       record_cmp_at(m->recs[i].key, m->recs[i].ts, key, ts) < 0)
		i++;
	return i;
}

static void same(const struct record *a, const struct record *b)
{
	ck_assert(slice_eq(a->key, b->key));
	ck_assert(slice_eq(a->value, b->value));
	ck_assert_int_eq(a->ts, b->ts);
	ck_assert_int_eq(a->kind, b->kind);
}

/* Keys with long common beginnings, short tails, prefixes of each other. */
static struct tt_slice random_key(struct rng *rng, uint8_t *out)
{
	static const uint8_t lead[] =
		"/usr/share/a/rather/long/common/directory/that/all/share/";
	size_t n = 0;

	if (!rng_one_in(rng, 10))
		n = rng_one_in(rng, 4) ? sizeof(lead) - 1 : 12;
	memcpy(out, lead, n);
	for (uint64_t k = rng_range(rng, n ? 0 : 1, 5); k; k--)
		out[n++] = (uint8_t)(rng_one_in(rng, 3) ? rng_below(rng, 2)
							: rng_next(rng));
	return SLICE(out, n);
}

static void compare_walks(const struct model *m)
{
	struct memindex_cursor c;
	struct record got;
	size_t i = 0;
	int r;

	memindex_cursor_init(&c, x);
	for (r = memindex_cursor_first(&c); r == 0;
	     r = memindex_cursor_next(&c)) {
		memindex_cursor_rec(&c, &got);
		same(&got, &m->recs[i++]);
	}
	ck_assert_int_eq(r, TT_END);
	ck_assert_uint_eq(i, m->n);
	for (r = memindex_cursor_last(&c); r == 0;
	     r = memindex_cursor_prev(&c)) {
		memindex_cursor_rec(&c, &got);
		same(&got, &m->recs[--i]);
	}
	ck_assert_uint_eq(i, 0);
}

static void compare_seek(const struct model *m, struct tt_slice key, int64_t ts)
{
	struct memindex_cursor c;
	struct record got;
	size_t i = model_find(m, key, ts);
	int r;

	memindex_cursor_init(&c, x);
	r = memindex_find(x, key, ts, &got);
	ck_assert_int_eq(r, i < m->n ? 0 : TT_END);
	if (r == 0)
		same(&got, &m->recs[i]);
	r = memindex_cursor_seek(&c, key, ts);
	ck_assert_int_eq(r, i < m->n ? 0 : TT_END);
	if (r == 0) {
		memindex_cursor_rec(&c, &got);
		same(&got, &m->recs[i]);
		r = memindex_cursor_prev(&c);
		ck_assert_int_eq(r, i > 0 ? 0 : TT_END);
	}
	if (i == m->n || record_cmp_at(m->recs[i].key, m->recs[i].ts, key, ts))
		i--; /* may wrap: then there is none */
	r = memindex_cursor_seek_for_prev(&c, key, ts);
	ck_assert_int_eq(r, i < m->n ? 0 : TT_END);
	if (r == 0) {
		memindex_cursor_rec(&c, &got);
		same(&got, &m->recs[i]);
		r = memindex_cursor_next(&c);
		ck_assert_int_eq(r, i + 1 < m->n ? 0 : TT_END);
	}
}

START_TEST(random_inserts_agree_with_a_sorted_array)
{
	struct model m = { 0 };
	struct rng rng;
	uint8_t key[128], value[16];

	test_rng(&rng);
	for (int i = 0; i < 3000; i++) {
		struct record r = { random_key(&rng, key),
				    SLICE(value, rng_below(&rng, 16)),
				    (int64_t)rng_range(&rng, 1, 20),
				    (uint8_t)rng_below(&rng, 2) };

		rng_fill(&rng, value, sizeof(value));
		ck_ok(memindex_insert(x, &r));
		model_add(&m, &r);
		if (i % 500 == 0)
			memindex_check(x);
	}
	memindex_check(x);
	ck_assert_uint_eq(memindex_count(x), m.n);
	qsort(m.recs, m.n, sizeof(*m.recs), cmp_recs);
	compare_walks(&m);
	for (int i = 0; i < 3000; i++)
		compare_seek(&m, random_key(&rng, key),
			     (int64_t)rng_range(&rng, 0, 21));
	compare_seek(&m, tt_str("\xff\xff\xff\xff\xff\xff\xff"), 1);
	free(m.recs);
}
END_TEST

START_TEST(rising_and_falling_keys_keep_the_order)
{
	struct memindex_cursor c;
	struct record got;
	uint8_t key[8];
	uint64_t want = 0;

	for (uint64_t i = 0; i < 20000; i++) {
		/* Two rising runs and a falling one, interleaved. */
		uint64_t k = i % 4 == 0	  ? 100000 + i / 4
			     : i % 4 == 1 ? 300000 - i / 4
					  : 500000 + i;
		struct record r = { SLICE(key, 8), SLICE_EMPTY, 1, 0 };

		be64_store(key, k);
		ck_ok(memindex_insert(x, &r));
	}
	memindex_check(x);
	memindex_cursor_init(&c, x);
	for (int r = memindex_cursor_first(&c); r == 0;
	     r = memindex_cursor_next(&c)) {
		memindex_cursor_rec(&c, &got);
		ck_assert_uint_gt(be64_load(got.key.data), want);
		want = be64_load(got.key.data);
	}
	ck_assert_uint_eq(memindex_count(x), 20000);
}
END_TEST

START_TEST(many_versions_of_one_key_are_found_by_timestamp)
{
	struct record got;

	for (int64_t ts = 1; ts <= 5000; ts++) {
		struct record r = { tt_str("counter"), tt_str("v"), 2 * ts, 0 };

		ck_ok(memindex_insert(x, &r));
	}
	memindex_check(x);
	for (int64_t ts = 2; ts <= 10001; ts++) {
		ck_ok(memindex_find(x, tt_str("counter"), ts, &got));
		ck_assert_int_eq(got.ts, ts / 2 * 2);
	}
	ck_err(memindex_find(x, tt_str("counter"), 1, &got), TT_END);
}
END_TEST

START_TEST(large_values_and_an_empty_index_work)
{
	struct memindex_cursor c;
	struct record got;
	size_t len = 5 << 20;
	char *value = malloc(len);
	struct record r = { tt_str("big"), SLICE(value, len), 1, 0 };

	memindex_cursor_init(&c, x);
	ck_err(memindex_cursor_first(&c), TT_END);
	ck_err(memindex_cursor_last(&c), TT_END);
	ck_err(memindex_find(x, tt_str("k"), 1, &got), TT_END);
	memset(value, 'v', len);
	ck_ok(memindex_insert(x, &r));
	r.key = tt_str("small");
	r.value.len = 10;
	ck_ok(memindex_insert(x, &r));
	ck_ok(memindex_find(x, tt_str("big"), 1, &got));
	ck_assert_uint_eq(got.value.len, len);
	ck_assert(memcmp(got.value.data, value, len) == 0);
	ck_assert_uint_gt(memindex_bytes(x), len);
	memindex_check(x);
	free(value);
}
END_TEST

/* ---- concurrency ------------------------------------------------------ */

/*
 * The writer inserts a permutation of 0 .. N - 1 and publishes how many it
 * has inserted; readers check that all published ones are there, in gets and
 * in walks, with the value that belongs to the key.
 */
#define N_CONCURRENT 10000u

struct shared {
	_Atomic uint64_t published;
	uint64_t factor;
	uint64_t n;
};

static uint64_t nth_key(const struct shared *s, uint64_t i)
{
	return i * s->factor % s->n;
}

static void check_rec(const struct record *r)
{
	ck_assert_uint_eq(r->key.len, 12);
	ck_assert_uint_eq(be64_load(r->key.data + 4), be64_load(r->value.data));
}

static void make_key(uint8_t *out, uint64_t k)
{
	memcpy(out, "keys", 4);
	be64_store(out + 4, k);
}

static void *reader(void *arg)
{
	struct shared *s = arg;
	struct memindex_cursor c;
	struct record got;
	struct rng rng;
	uint8_t key[12];
	uint64_t n, seen, last;

	rng_init(&rng, 1);
	memindex_cursor_init(&c, x);
	do {
		n = atomic_load_explicit(&s->published, memory_order_acquire);
		for (int i = 0; n && i < 200; i++) {
			make_key(key, nth_key(s, rng_below(&rng, n)));
			ck_ok(memindex_find(x, SLICE(key, 12), 1, &got));
			ck_assert(slice_eq(got.key, SLICE(key, 12)));
			check_rec(&got);
		}
		seen = 0;
		last = 0;
		for (int r = memindex_cursor_first(&c); r == 0;
		     r = memindex_cursor_next(&c), seen++) {
			memindex_cursor_rec(&c, &got);
			check_rec(&got);
			ck_assert(!seen || be64_load(got.key.data + 4) > last);
			last = be64_load(got.key.data + 4);
		}
		ck_assert_uint_ge(seen, n);
		seen = 0;
		for (int r = memindex_cursor_last(&c); r == 0;
		     r = memindex_cursor_prev(&c), seen++) {
			memindex_cursor_rec(&c, &got);
			ck_assert(!seen || be64_load(got.key.data + 4) < last);
			last = be64_load(got.key.data + 4);
		}
		ck_assert_uint_ge(seen, n);
	} while (n < s->n);
	return NULL;
}

/* _i: 0 rising keys, 1 scattered ones. */
START_TEST(readers_see_all_that_was_published)
{
	struct shared s = { .factor = _i ? 7919 : 1, .n = N_CONCURRENT };
	pthread_t threads[2];
	uint8_t key[12], value[8];

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, reader, &s),
				 0);
	for (uint64_t i = 0; i < s.n; i++) {
		struct record r = { SLICE(key, 12), SLICE(value, 8), 1, 0 };

		make_key(key, nth_key(&s, i));
		be64_store(value, nth_key(&s, i));
		ck_ok(memindex_insert(x, &r));
		atomic_store_explicit(&s.published, i + 1,
				      memory_order_release);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	memindex_check(x);
}
END_TEST

static Suite *memindex_suite(void)
{
	Suite *s = suite_create("memindex");
	TCase *t = tcase_create("memindex");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, random_inserts_agree_with_a_sorted_array);
	tcase_add_test(t, rising_and_falling_keys_keep_the_order);
	tcase_add_test(t, many_versions_of_one_key_are_found_by_timestamp);
	tcase_add_test(t, large_values_and_an_empty_index_work);
	tcase_add_loop_test(t, readers_see_all_that_was_published, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(memindex_suite)
