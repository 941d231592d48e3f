/* SPDX-License-Identifier: MIT */
/*
 * The cursors over cursors: random records spread over several sources,
 * walked at random through merge and user cursors, against sorted arrays.
 */
#include <stdlib.h>

#include "lsm/memtable.h"
#include "lsm/merge_iter.h"
#include "lsm/user_iter.h"
#include "tests/support/check_main.h"
#include "tests/support/prng.h"
#include "ttrunks.h"

#define N_SOURCES 4
#define N_KEYS 60
#define N_TS 30

static struct memtable *sources[N_SOURCES];
static struct rng rng;
static const struct merge_function no_function;

/* The model: kind and value of (key, ts); value 0 means absent. */
struct cell {
	uint8_t kind;
	char value[8];
	bool is_there;
};
static struct cell cells[N_KEYS][N_TS + 1];

static struct tt_slice key_of(unsigned k, char *mem)
{
	snprintf(mem, 16, "key%03u", 2 * k);
	return tt_str(mem);
}

static unsigned number_of(struct tt_slice key)
{
	const uint8_t *d = slice_bytes(key) + 3;

	return ((d[0] - '0') * 100u + (d[1] - '0') * 10u + (d[2] - '0')) / 2;
}

static void setup(void)
{
	test_rng(&rng);
	memset(cells, 0, sizeof(cells));
	for (int i = 0; i < N_SOURCES; i++)
		ck_ok(memtable_new(&sources[i]));
}

static void teardown(void)
{
	for (int i = 0; i < N_SOURCES; i++)
		memtable_unref(sources[i]);
}

static void add(unsigned k, int64_t ts, struct memtable *m)
{
	struct cell *c = &cells[k][ts];
	char mem[16];

	if (c->is_there)
		return;
	c->is_there = true;
	c->kind = rng_one_in(&rng, 3) ? RECORD_TOMBSTONE : RECORD_VALUE;
	snprintf(c->value, sizeof(c->value), "%u.%d", k, (int)ts);
	ck_ok(memtable_add(m, key_of(k, mem), ts, c->kind,
			   c->kind == RECORD_VALUE ? tt_str(c->value)
						   : SLICE_EMPTY));
}

static void fill(size_t n)
{
	for (size_t i = 0; i < n; i++)
		add((unsigned)rng_below(&rng, N_KEYS),
		    (int64_t)rng_range(&rng, 1, N_TS),
		    sources[rng_below(&rng, N_SOURCES)]);
	/* A key of many versions. */
	for (int64_t ts = 1; ts <= N_TS; ts++)
		add(7, ts, sources[0]);
}

static struct rec_iter *merged(void)
{
	struct rec_iter *children[N_SOURCES], *it;

	for (int i = 0; i < N_SOURCES; i++)
		ck_ok(memtable_iter_new(sources[i], &children[i]));
	ck_ok(merge_iter_new(children, N_SOURCES, &it));
	return it;
}

/* ---- internal order ------------------------------------------------------ */

/* Position p of the model in internal order: key p / N_TS, and timestamps
 * falling from N_TS to 1. */
#define N_PLACES (N_KEYS * N_TS)

static bool is_there(int p)
{
	return cells[p / N_TS][N_TS - p % N_TS].is_there;
}

static int step(int p, int by)
{
	do
		p += by;
	while (p >= 0 && p < N_PLACES && !is_there(p));
	return p;
}

static void check_place(const struct rec_iter *it, int r, int p)
{
	if (p < 0 || p >= N_PLACES) {
		ck_assert_int_eq(r, TT_END);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(number_of(it->rec.key), p / N_TS);
	ck_assert_int_eq(it->rec.ts, N_TS - p % N_TS);
	if (it->rec.kind == RECORD_VALUE)
		ck_assert(slice_eq(it->rec.value,
				   tt_str(cells[p / N_TS][it->rec.ts].value)));
}

static void walk_at_random(struct rec_iter *it)
{
	char mem[16];
	int p = -1;

	for (uint64_t i = 0; i < test_scale(2000); i++) {
		unsigned k = (unsigned)rng_below(&rng, N_KEYS);
		int64_t ts = (int64_t)rng_range(&rng, 1, N_TS);
		int at = (int)k * N_TS + N_TS - (int)ts;
		bool is_valid = p >= 0 && p < N_PLACES;

		switch (rng_below(&rng, is_valid ? 20 : 4)) {
		case 0:
			p = step(-1, 1);
			check_place(it, rec_iter_first(it), p);
			break;
		case 1:
			p = step(N_PLACES, -1);
			check_place(it, rec_iter_last(it), p);
			break;
		case 2:
			p = step(at - 1, 1);
			check_place(it, rec_iter_seek(it, key_of(k, mem), ts),
				    p);
			break;
		case 3:
			p = step(at + 1, -1);
			check_place(it,
				    rec_iter_seek_for_prev(it, key_of(k, mem),
							   ts),
				    p);
			break;
		default:
			if (rng_one_in(&rng, 3)) {
				p = step(p, -1);
				check_place(it, rec_iter_prev(it), p);
			} else {
				p = step(p, 1);
				check_place(it, rec_iter_next(it), p);
			}
		}
	}
}

START_TEST(a_merge_walks_like_one_sorted_list)
{
	struct rec_iter *it;

	fill((size_t)_i * 150);
	it = merged();
	walk_at_random(it);
	rec_iter_free(it);
}
END_TEST

START_TEST(a_merge_of_none_is_empty_and_of_one_is_that_one)
{
	struct rec_iter *it, *child;

	ck_ok(merge_iter_new(NULL, 0, &it));
	ck_err(rec_iter_first(it), TT_END);
	ck_err(rec_iter_last(it), TT_END);
	rec_iter_free(it);
	ck_ok(memtable_iter_new(sources[0], &child));
	ck_ok(merge_iter_new(&child, 1, &it));
	ck_assert_ptr_eq(it, child);
	rec_iter_free(it);
}
END_TEST

/* ---- what users see ------------------------------------------------------ */

/* The timestamp of the value of key k visible at `as_of`, 0 for none. */
static int64_t visible(int k, int64_t as_of)
{
	for (int64_t ts = as_of > N_TS ? N_TS : as_of; ts > 0; ts--)
		if (cells[k][ts].is_there)
			return cells[k][ts].kind == RECORD_VALUE ? ts : 0;
	return 0;
}

struct view {
	int64_t as_of;
	int lo, hi; /* keys lo .. hi - 1 are within the bounds */
};

static int view_step(const struct view *v, int k, int by)
{
	do
		k += by;
	while (k >= v->lo && k < v->hi && !visible(k, v->as_of));
	return k;
}

static void check_view(const struct view *v, struct user_iter *u, int r, int k)
{
	const struct record *rec = user_iter_rec(u);

	if (k < v->lo || k >= v->hi) {
		ck_assert_int_eq(r, TT_END);
		ck_assert(!user_iter_is_valid(u));
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert(user_iter_is_valid(u));
	ck_assert_int_eq(number_of(rec->key), k);
	ck_assert_int_eq(rec->ts, visible(k, v->as_of));
	ck_assert(slice_eq(rec->value, tt_str(cells[k][rec->ts].value)));
}

static void use_at_random(const struct view *v, struct user_iter *u)
{
	char mem[16];
	int k = -1;

	for (uint64_t i = 0; i < test_scale(1500); i++) {
		int target = (int)rng_below(&rng, N_KEYS);
		int from = target < v->lo ? v->lo : target;
		int down = target >= v->hi ? v->hi - 1 : target;

		switch (rng_below(&rng, user_iter_is_valid(u) ? 20 : 4)) {
		case 0:
			k = view_step(v, v->lo - 1, 1);
			check_view(v, u, user_iter_first(u), k);
			break;
		case 1:
			k = view_step(v, v->hi, -1);
			check_view(v, u, user_iter_last(u), k);
			break;
		case 2:
			k = view_step(v, from - 1, 1);
			check_view(v, u,
				   user_iter_seek(u, key_of((unsigned)target,
							    mem)),
				   k);
			break;
		case 3:
			k = view_step(v, down + 1, -1);
			check_view(v, u,
				   user_iter_seek_for_prev(
					   u, key_of((unsigned)target, mem)),
				   k);
			break;
		case 4:
			/* Onto itself, by the slice it has shown. */
			check_view(v, u,
				   user_iter_seek(u, user_iter_rec(u)->key), k);
			break;
		default:
			if (rng_one_in(&rng, 2)) {
				k = view_step(v, k, -1);
				check_view(v, u, user_iter_prev(u), k);
			} else {
				k = view_step(v, k, 1);
				check_view(v, u, user_iter_next(u), k);
			}
		}
	}
}

START_TEST(users_see_the_newest_live_version_in_both_directions)
{
	struct user_iter u;
	char lower[16], upper[16];

	fill((size_t)_i * 100 + 20);
	user_iter_init(&u, &no_function);
	for (int round = 0; round < 10; round++) {
		struct view v = { (int64_t)rng_range(&rng, 1, N_TS + 1), 0,
				  N_KEYS };
		struct tt_slice lo = SLICE_EMPTY, hi = SLICE_EMPTY;

		if (rng_one_in(&rng, 2)) {
			v.lo = (int)rng_below(&rng, N_KEYS);
			lo = key_of((unsigned)v.lo, lower);
		}
		if (rng_one_in(&rng, 2)) {
			v.hi = (int)rng_range(&rng, v.lo, N_KEYS);
			hi = key_of((unsigned)v.hi, upper);
		}
		user_iter_set_source(&u, merged(), v.as_of);
		ck_ok(user_iter_set_bounds(&u, lo, hi));
		use_at_random(&v, &u);
	}
	user_iter_fini(&u);
}
END_TEST

static Suite *iter_suite(void)
{
	Suite *s = suite_create("iter");
	TCase *t = tcase_create("iter");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_merge_walks_like_one_sorted_list, 0, 6);
	tcase_add_test(t, a_merge_of_none_is_empty_and_of_one_is_that_one);
	tcase_add_loop_test(
		t, users_see_the_newest_live_version_in_both_directions, 0, 8);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(iter_suite)
