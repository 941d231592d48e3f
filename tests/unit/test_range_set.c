/* SPDX-License-Identifier: MIT */
/*
 * Range tombstones against a plain list of them: sets, those of a memtable,
 * what is left for some times to tell apart, and what tables get of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "lsm/mem_ranges.h"
#include "lsm/range_cut.h"
#include "lsm/range_list.h"
#include "lsm/range_set.h"
#include "lsm/snapshot.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "ttrunks.h"

#define N_KEYS 60
#define N_DELS 400
#define HORIZON 1000000 /* after all that there is */

/* Keys are two letters, the first of them "aa": their order is that of their
 * numbers. Number N_KEYS as an end is none. */
static char key_text[N_KEYS][2];
static struct rng rng;

static struct tt_slice key_at(size_t i)
{
	return i == N_KEYS ? SLICE_EMPTY : SLICE(key_text[i], 2);
}

struct plain {
	struct range_del dels[N_DELS];
	size_t n;
};

static void setup(void)
{
	test_rng(&rng);
	for (int i = 0; i < N_KEYS; i++) {
		key_text[i][0] = (char)('a' + i / 26);
		key_text[i][1] = (char)('a' + i % 26);
	}
}

/* Wide and narrow ones, some without an end, several of one time. */
static struct range_del random_del(int64_t ts)
{
	size_t from = rng_below(&rng, N_KEYS);
	size_t width = 1 + rng_below(&rng, rng_one_in(&rng, 3) ? N_KEYS : 4);
	size_t to = from + width < N_KEYS ? from + width : N_KEYS;

	return (struct range_del){ key_at(from), key_at(to), ts };
}

static void add_random(struct plain *p)
{
	int64_t ts = p->n ? p->dels[p->n - 1].ts : 10;

	if (!rng_one_in(&rng, 5))
		ts += (int64_t)rng_range(&rng, 1, 3);
	p->dels[p->n++] = random_del(ts);
}

static int64_t plain_cover(const struct plain *p, struct tt_slice key,
			   int64_t as_of)
{
	int64_t best = RANGE_NONE;

	for (size_t i = 0; i < p->n; i++)
		if (p->dels[i].ts <= as_of && range_del_has(&p->dels[i], key) &&
		    p->dels[i].ts > best)
			best = p->dels[i].ts;
	return best;
}

static int64_t plain_deleted_at(const struct plain *p, struct tt_slice key,
				int64_t ts)
{
	int64_t best = TS_NEWEST;

	for (size_t i = 0; i < p->n; i++)
		if (p->dels[i].ts > ts && range_del_has(&p->dels[i], key) &&
		    p->dels[i].ts < best)
			best = p->dels[i].ts;
	return best;
}

static bool is_between(const struct range_hit *h, struct tt_slice key)
{
	return key_cmp(h->from, key) <= 0 &&
	       (h->to.len == 0 || key_cmp(key, h->to) < 0);
}

/* The hit is right for its key, and for all others that it names. */
static void check_hit(const struct plain *p, const struct range_hit *h,
		      struct tt_slice key, int64_t as_of)
{
	ck_assert(is_between(h, key));
	for (size_t i = 0; i < N_KEYS; i++)
		if (is_between(h, key_at(i)))
			ck_assert_int_eq(h->ts,
					 plain_cover(p, key_at(i), as_of));
}

static int64_t random_time(const struct plain *p)
{
	return 5 + (int64_t)rng_below(&rng, p->dels[p->n - 1].ts + 5);
}

START_TEST(a_set_knows_what_a_list_knows)
{
	for (uint64_t round = 0; round < test_scale(200); round++) {
		struct plain p = { .n = 0 };
		struct range_del copy[N_DELS];
		struct range_set *s;
		size_t n = 1 + rng_below(&rng, round % 4 ? 20 : N_DELS);

		while (p.n < n)
			add_random(&p);
		memcpy(copy, p.dels, sizeof(copy));
		for (size_t i = n; i > 1; i--) { /* in any order */
			size_t k = rng_below(&rng, i);
			struct range_del t = copy[k];

			copy[k] = copy[i - 1];
			copy[i - 1] = t;
		}
		ck_ok(range_set_build(copy, n, &s));
		for (int q = 0; q < 100; q++) {
			struct tt_slice key = key_at(rng_below(&rng, N_KEYS));
			int64_t at = q % 4 ? random_time(&p) : INT64_MAX;
			struct range_hit h = RANGE_HIT_INIT;

			ck_assert_int_eq(range_set_cover(s, key, at),
					 plain_cover(&p, key, at));
			ck_assert_int_eq(range_set_deleted_at(s, key, at),
					 plain_deleted_at(&p, key, at));
			range_set_find(s, key, at, &h);
			check_hit(&p, &h, key, at);
		}
		range_set_free(s);
	}
}
END_TEST

START_TEST(ranges_that_do_not_overlap_take_little)
{
	struct range_del dels[N_KEYS / 2];
	struct range_set *s;

	for (size_t i = 0; i < N_KEYS / 2; i++)
		dels[i] = (struct range_del){ key_at(2 * i), key_at(2 * i + 1),
					      (int64_t)(i * 7 % 30) };
	ck_ok(range_set_build(dels, N_KEYS / 2, &s));
	ck_assert(s->is_flat);
	ck_assert_uint_eq(s->n_kids, 0);
	ck_assert_uint_eq(s->n, N_KEYS);
	range_set_free(s);
}
END_TEST

/* ---- of a memtable ------------------------------------------------------ */

static int collect(void *arg, const struct range_del *d)
{
	struct plain *p = arg;

	p->dels[p->n++] = *d;
	return 0;
}

static void check_view(const struct mem_range_view *v, const struct plain *p)
{
	for (int q = 0; q < 20; q++) {
		struct tt_slice key = key_at(rng_below(&rng, N_KEYS));
		int64_t at = q % 3 ? random_time(p) : INT64_MAX;
		struct range_hit h = RANGE_HIT_INIT;

		ck_assert_int_eq(mem_range_cover(v, key, at),
				 plain_cover(p, key, at));
		mem_range_find(v, key, at, &h);
		check_hit(p, &h, key, at);
	}
}

START_TEST(a_memtable_knows_what_a_list_knows)
{
	for (uint64_t round = 0; round < test_scale(5); round++) {
		struct plain p = { .n = 0 }, back = { .n = 0 };
		struct mem_ranges m;

		mem_ranges_init(&m);
		ck_assert_ptr_null(mem_ranges_view(&m));
		while (p.n < N_DELS) {
			add_random(&p);
			ck_ok(mem_ranges_add(&m, &p.dels[p.n - 1]));
			check_view(mem_ranges_view(&m), &p);
		}
		ck_assert_uint_eq(mem_ranges_count(&m), N_DELS);
		ck_assert_uint_gt(mem_ranges_bytes(&m), N_DELS * 40);
		ck_assert_uint_lt(mem_ranges_bytes(&m), N_DELS * 512);
		ck_ok(mem_ranges_each(&m, collect, &back));
		ck_assert_uint_eq(back.n, N_DELS);
		for (size_t i = 0; i < N_DELS; i++)
			ck_assert_int_eq(back.dels[i].ts,
					 p.dels[N_DELS - 1 - i].ts);
		mem_ranges_fini(&m);
	}
}
END_TEST

START_TEST(an_old_view_goes_on_to_tell_of_its_time)
{
	struct plain p = { .n = 0 };
	const struct mem_range_view *old;
	struct mem_ranges m;
	struct plain before;
	int64_t then;

	mem_ranges_init(&m);
	while (p.n < 100) {
		add_random(&p);
		ck_ok(mem_ranges_add(&m, &p.dels[p.n - 1]));
	}
	old = mem_ranges_view(&m);
	then = p.dels[p.n - 1].ts;
	before = p;
	while (p.n < N_DELS) {
		struct range_del d = random_del(then + 1 + (int64_t)p.n);

		p.dels[p.n++] = d;
		ck_ok(mem_ranges_add(&m, &d));
	}
	for (size_t i = 0; i < N_KEYS; i++) {
		ck_assert_int_eq(mem_range_cover(old, key_at(i), then),
				 plain_cover(&before, key_at(i), then));
		ck_assert_int_eq(mem_range_cover(mem_ranges_view(&m), key_at(i),
						 then),
				 plain_cover(&before, key_at(i), then));
	}
	mem_ranges_fini(&m);
}
END_TEST

/* Ten thousand truncations of a queue: each covers the one before. */
START_TEST(nested_ranges_take_no_more_than_others)
{
	struct mem_ranges m;
	char key[16];

	mem_ranges_init(&m);
	for (int i = 1; i <= 10000; i++) {
		struct range_del d = { tt_str("k"), SLICE_EMPTY, i };

		(void)snprintf(key, sizeof(key), "k%08d", i);
		d.end = tt_str(key);
		ck_ok(mem_ranges_add(&m, &d));
	}
	ck_assert_uint_lt(mem_ranges_bytes(&m), 10000 * 512);
	for (int i = 1; i < 10000; i += 97) {
		(void)snprintf(key, sizeof(key), "k%08d", i);
		ck_assert_int_eq(mem_range_cover(mem_ranges_view(&m),
						 tt_str(key), INT64_MAX),
				 10000);
		ck_assert_int_eq(mem_range_cover(mem_ranges_view(&m),
						 tt_str(key), i),
				 RANGE_NONE);
		ck_assert_int_eq(mem_range_cover(mem_ranges_view(&m),
						 tt_str(key), i + 1),
				 i + 1);
	}
	mem_ranges_fini(&m);
}
END_TEST

/* ---- reduced ------------------------------------------------------------ */

START_TEST(what_is_left_says_the_same_to_all_who_read)
{
	for (uint64_t round = 0; round < test_scale(100); round++) {
		struct plain p = { .n = 0 }, left = { .n = 0 };
		int64_t moments[6];
		struct retained_times times = { .ts = moments };
		struct range_list l;
		size_t n = 1 + rng_below(&rng, 100);
		int64_t at = 0;

		range_list_init(&l);
		while (p.n < n) {
			add_random(&p);
			ck_ok(range_list_add(&l, &p.dels[p.n - 1]));
		}
		times.n = 1 + rng_below(&rng, 5);
		for (size_t i = 0; i < times.n; i++)
			moments[i] = at += (int64_t)rng_range(&rng, 1, 40);
		moments[times.n++] = at + p.dels[p.n - 1].ts;
		times.keep_from = rng_one_in(&rng, 3)
					  ? (int64_t)rng_below(&rng, 80)
					  : moments[times.n - 1];
		ck_ok(range_list_reduce(&l, &times));
		ck_assert_uint_le(l.n, 2 * n);
		for (size_t i = 0; i < l.n; i++) {
			left.dels[left.n++] = l.dels[i];
			ck_assert(i == 0 || range_del_cmp(&l.dels[i - 1],
							  &l.dels[i]) < 0);
		}
		ck_assert_int_le(l.complete_from, times.keep_from);
		for (int64_t t = MAX_OF(l.complete_from, 0); t < 300; t++) {
			struct tt_slice key = key_at(rng_below(&rng, N_KEYS));

			ck_assert_int_eq(plain_cover(&p, key, t),
					 plain_cover(&left, key, t));
		}
		for (size_t k = 0; k < N_KEYS; k++)
			for (size_t i = 0; i < times.n; i++)
				ck_assert_int_eq(plain_cover(&p, key_at(k),
							     moments[i]),
						 plain_cover(&left, key_at(k),
							     moments[i]));
		range_list_fini(&l);
	}
}
END_TEST

START_TEST(without_snapshots_nothing_overlaps)
{
	int64_t now = HORIZON;
	struct retained_times times = { .ts = &now, .n = 1, .keep_from = now };
	struct plain p = { .n = 0 };
	struct range_list l;

	range_list_init(&l);
	while (p.n < N_DELS) {
		add_random(&p);
		ck_ok(range_list_add(&l, &p.dels[p.n - 1]));
	}
	ck_ok(range_list_reduce(&l, &times));
	ck_assert(l.set->is_flat);
	ck_assert_uint_le(l.n, N_KEYS);
	range_list_fini(&l);
}
END_TEST

/* ---- cut ---------------------------------------------------------------- */

static void take_until(struct range_cut *c, struct tt_slice last)
{
	const struct range_del *d;
	bool is_carried;

	while ((d = range_cut_next(c, &is_carried)) &&
	       (last.len == 0 || key_cmp(d->start, last) <= 0))
		ck_ok(range_cut_take(c));
}

START_TEST(what_is_cut_covers_the_same)
{
	for (uint64_t round = 0; round < test_scale(100); round++) {
		struct plain p = { .n = 0 };
		int64_t now[2] = { 30, HORIZON };
		struct retained_times times = { now, 2, HORIZON };
		bool is_cut_behind[N_KEYS] = { false };
		int64_t got[N_KEYS];
		struct range_list l;
		struct buf next = BUF_INIT;
		struct range_cut c;
		size_t from = 0;

		range_list_init(&l);
		while (p.n < 40) {
			add_random(&p);
			ck_ok(range_list_add(&l, &p.dels[p.n - 1]));
		}
		ck_ok(range_list_reduce(&l, &times));
		range_cut_init(&c, l.dels, l.n);
		for (size_t i = 0; i < N_KEYS - 1; i++)
			is_cut_behind[i] = rng_one_in(&rng, 8);
		for (size_t i = 0; i < N_KEYS; i++) {
			bool is_last = i + 1 == N_KEYS;
			struct tt_slice last = key_at(i);
			const struct range_del *dels;
			size_t n;

			if (!is_cut_behind[i] && !is_last)
				continue;
			take_until(&c, is_last ? SLICE_EMPTY : last);
			ck_ok(key_successor(last, &next));
			ck_ok(range_cut_end(
				&c, is_last ? SLICE_EMPTY : buf_slice(&next),
				&dels, &n));
			for (size_t k = 0; k < N_KEYS; k++) {
				bool is_ours = k >= from && k <= i;
				struct plain part = { .n = n };

				if (n)
					memcpy(part.dels, dels,
					       n * sizeof(*dels));
				if (is_ours)
					got[k] = plain_cover(&part, key_at(k),
							     INT64_MAX);
				else
					ck_assert_int_eq(plain_cover(&part,
								     key_at(k),
								     INT64_MAX),
							 RANGE_NONE);
			}
			from = i + 1;
		}
		for (size_t k = 0; k < N_KEYS; k++)
			ck_assert_int_eq(got[k],
					 plain_cover(&p, key_at(k), INT64_MAX));
		range_cut_fini(&c);
		buf_fini(&next);
		range_list_fini(&l);
	}
}
END_TEST

START_TEST(the_next_key_is_the_next_even_of_the_longest)
{
	static uint8_t longest[TT_KEY_MAX];
	struct buf out = BUF_INIT;

	ck_ok(key_successor(tt_str("a"), &out));
	ck_assert(slice_eq(buf_slice(&out), SLICE("a\0", 2)));
	memset(longest, 'x', sizeof(longest));
	longest[TT_KEY_MAX - 1] = 0xff;
	longest[TT_KEY_MAX - 2] = 0xff;
	ck_ok(key_successor(SLICE(longest, TT_KEY_MAX), &out));
	ck_assert_uint_eq(out.len, TT_KEY_MAX - 2);
	ck_assert_uint_eq(out.data[out.len - 1], 'y');
	ck_ok(key_successor(KEY_LARGEST, &out));
	ck_assert_uint_eq(out.len, 0);
	buf_fini(&out);
}
END_TEST

static Suite *range_set_suite(void)
{
	Suite *s = suite_create("range_set");
	TCase *t = tcase_create("range_set");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_set_knows_what_a_list_knows);
	tcase_add_test(t, ranges_that_do_not_overlap_take_little);
	tcase_add_test(t, a_memtable_knows_what_a_list_knows);
	tcase_add_test(t, an_old_view_goes_on_to_tell_of_its_time);
	tcase_add_test(t, nested_ranges_take_no_more_than_others);
	tcase_add_test(t, what_is_left_says_the_same_to_all_who_read);
	tcase_add_test(t, without_snapshots_nothing_overlaps);
	tcase_add_test(t, what_is_cut_covers_the_same);
	tcase_add_test(t, the_next_key_is_the_next_even_of_the_longest);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(range_set_suite)
