/* SPDX-License-Identifier: MIT */
/*
 * Gaps: what is said of a stretch of keys is true for whoever may use it,
 * whatever was written and read in between; and iterators that use them see
 * what they would see without.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lsm/db.h"
#include "lsm/gaps.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "support/tmpdir.h"

static struct gaps *g;
static struct buf end;
static unsigned n_wakes;

static void wake(void *arg)
{
	(void)arg;
	n_wakes++;
}

static void setup(void)
{
	g = calloc(1, sizeof(*g));
	ck_assert_ptr_nonnull(g);
	gaps_init(g, wake, NULL);
	buf_init(&end);
	n_wakes = 0;
}

static void teardown(void)
{
	free(g);
	buf_fini(&end);
}

/* Leaves a finding and has it taken. */
static void find(const char *lo, const char *hi, int64_t as_of,
		 int64_t published)
{
	gaps_found(g, tt_str(lo), tt_str(hi), as_of, GAP_LEAST_KEYS);
	gaps_take(g, published);
	ck_assert(!gaps_have_mail(g));
}

/* Where the gap around `key` ends for who reads at `as_of`; NULL: no gap. */
static void expect_end(const char *key, int64_t as_of, bool is_forward,
		       const char *want)
{
	int r = gaps_end(g, tt_str(key), as_of, is_forward, &end);

	ck_assert_msg(r == (want != NULL), "%s at %d: %d", key, (int)as_of, r);
	if (want)
		ck_assert_msg(slice_eq(buf_slice(&end), tt_str(want)),
			      "%s at %d: %.*s", key, (int)as_of, (int)end.len,
			      (const char *)end.data);
}

START_TEST(a_finding_of_now_is_a_gap_at_once)
{
	ck_assert(!gaps_exist(g));
	find("c", "f", 10, 10);
	ck_assert_uint_eq(n_wakes, 1);
	ck_assert(gaps_exist(g));
	expect_end("b", 10, true, NULL);
	expect_end("c", 10, true, "f");
	expect_end("e", 99, true, "f");
	expect_end("e", 99, false, "c");
	expect_end("f", 99, true, NULL);
	/* It may have been otherwise before. */
	expect_end("d", 9, true, NULL);
}
END_TEST

START_TEST(an_older_finding_must_be_found_again)
{
	find("c", "f", 8, 10); /* who knows what 9 and 10 wrote */
	ck_assert(!gaps_exist(g));
	ck_assert(gaps_watch(g));
	find("b", "e", 9, 11); /* nor is this one of after the watch began */
	ck_assert(!gaps_exist(g));
	find("b", "e", 10, 12);
	expect_end("d", 10, true, "e");
	expect_end("d", 9, true, NULL);
	expect_end("b", 20, true, NULL); /* this was not watched */
	expect_end("e", 20, true, NULL);
}
END_TEST

START_TEST(a_watch_is_cut_as_gaps_are)
{
	find("c", "f", 8, 10);
	gaps_cut(g, tt_str("d")); /* at 11 */
	find("c", "f", 10, 12);	  /* of before that */
	expect_end("d", 12, true, NULL);
	expect_end("c", 12, true, "d");
}
END_TEST

START_TEST(a_write_cuts_a_gap_in_two)
{
	find("c", "f", 10, 10);
	gaps_cut(g, tt_str("b"));
	gaps_cut(g, tt_str("f"));
	expect_end("c", 10, true, "f");
	gaps_cut(g, tt_str("d"));
	expect_end("c", 10, true, "d");
	expect_end("d", 10, true, NULL);
	expect_end("e", 10, true, "f");
	ck_ok(gaps_end(g, tt_str("e"), 10, false, &end) == 1 ? 0 : -1);
	ck_assert(slice_eq(buf_slice(&end), SLICE("d", 2)));
	gaps_cut(g, tt_str("c"));
	expect_end("cc", 10, true, "d");
	gaps_cut(g, SLICE("d", 2));
	expect_end("e", 10, true, "f");
	ck_assert_uint_eq(g->n, 2);
}
END_TEST

START_TEST(findings_that_touch_are_one_stretch)
{
	find("c", "f", 10, 10);
	find("f", "h", 20, 20);
	find("a", "d", 30, 30);
	expect_end("a", 30, true, "h");
	expect_end("g", 30, false, "a");
	/* Pieces that grew were joined, and are as young as the youngest. */
	find("h", "k", 30 + 60000, 30 + 60000);
	expect_end("b", 40, true, "h");
	expect_end("b", 30 + 60000, true, "k");
	expect_end("i", 40, true, NULL);
	find("k", "m", 300000, 300000);
	expect_end("b", 299999, true, "k");
	expect_end("b", 300000, true, "m");
	ck_assert_uint_eq(g->n, 2);
	/* One that is known already. */
	find("b", "g", 300001, 300001);
	expect_end("b", 299999, true, "k");
}
END_TEST

START_TEST(an_old_reader_spoils_no_gap)
{
	find("d", "f", 10, 10);
	find("b", "h", 5, 12); /* a snapshot's walk */
	expect_end("e", 12, true, "f");
	find("b", "h", 5, 13);
	expect_end("e", 12, true, "f");
	expect_end("b", 12, true, NULL);
	find("b", "h", 99, 13); /* nobody can know that */
	expect_end("b", 99, true, NULL);
}
END_TEST

START_TEST(long_keys_are_cut_or_left)
{
	char a[200], b[200];

	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	gaps_found(g, SLICE(a, GAP_KEY_MAX + 1), SLICE(b, 3), 1, 99);
	ck_assert(!gaps_have_mail(g));
	gaps_found(g, SLICE(a, GAP_KEY_MAX), SLICE(b, 200), 1, 99);
	gaps_take(g, 1);
	ck_assert_int_eq(gaps_end(g, SLICE(b, 100), 1, true, &end), 1);
	ck_assert(slice_eq(buf_slice(&end), SLICE(b, GAP_KEY_MAX)));
	ck_assert_int_eq(gaps_end(g, SLICE(b, 200), 1, true, &end), 0);
	/* Behind such a key nothing can be said. */
	gaps_cut(g, SLICE(a, 200));
	ck_assert_int_eq(gaps_end(g, SLICE(b, 100), 1, true, &end), 0);
	gaps_found(g, SLICE("x", 1), SLICE("x", 1), 2, 99);
	gaps_found(g, SLICE("y", 1), SLICE("x", 1), 2, 99);
	ck_assert(!gaps_have_mail(g));
}
END_TEST

START_TEST(what_was_dear_to_find_stays_longest)
{
	char lo[16], hi[16];

	gaps_found(g, tt_str("a"), tt_str("b"), 1, 100000);
	gaps_take(g, 1);
	for (int i = 0; i < 1000; i++) {
		snprintf(lo, sizeof(lo), "c%03d", i);
		snprintf(hi, sizeof(hi), "c%03dx", i);
		find(lo, hi, 1, 1);
	}
	ck_assert_uint_eq(g->n, N_GAPS);
	expect_end("a", 1, true, "b");
	expect_end(lo, 1, true, hi);
	expect_end("c000", 1, true, NULL);
	/* But not for ever. */
	for (int i = 0; i < 1000000 && gaps_end(g, tt_str("a"), 1, true, &end);
	     i++) {
		snprintf(lo, sizeof(lo), "c%06d", i);
		snprintf(hi, sizeof(hi), "c%06dx", i);
		find(lo, hi, 1, 1);
	}
	expect_end("a", 1, true, NULL);
}
END_TEST

/* ---- against a model -------------------------------------------------- */

#define N_KEYS 60
#define MOMENTS 400

/* alive[t][k]: whether key k is visible at moment t. */
static bool alive[MOMENTS][N_KEYS];

static struct tt_slice key_of(int k, char mem[8])
{
	snprintf(mem, 8, "k%03d", k);
	return tt_str(mem);
}

/* Moments are far enough apart that some pieces grow and some join. */
static int64_t ts_of(int t)
{
	return (int64_t)t * 7000;
}

/* Walks from k on at moment t, as an iterator does, and tells of it. */
static void walk_and_tell(int t, int k)
{
	char lo[8], hi[8];
	int to = k;

	while (to < N_KEYS && !alive[t][to])
		to++;
	if (to > k)
		gaps_found(g, key_of(k, lo), key_of(to, hi), ts_of(t),
			   (uint64_t)(to - k));
}

static int number_of(const struct buf *key)
{
	ck_assert_uint_ge(key->len, 4);
	return (int)strtol(memcpy((char[8]){ 0 }, key->data + 1, 3), NULL, 10);
}

/* Nothing between k and the end that is told is alive at t. */
static void check_end(int t, int k)
{
	char mem[8];
	int to;

	if (gaps_end(g, key_of(k, mem), ts_of(t), true, &end) == 1)
		for (to = number_of(&end) + (end.len > 4); k < to; k++)
			ck_assert(!alive[t][k]);
	else if (gaps_end(g, key_of(k, mem), ts_of(t), false, &end) == 1)
		for (to = number_of(&end) + (end.len > 4); k >= to; k--)
			ck_assert(!alive[t][k]);
}

START_TEST(nothing_alive_is_ever_in_a_gap)
{
	struct rng rng;
	char mem[8];

	test_rng(&rng);
	memset(alive, 0, sizeof(alive));
	for (int t = 1; t < MOMENTS; t++) {
		int k = (int)rng_below(&rng, N_KEYS);
		bool puts = rng_one_in(&rng, 3);

		/* A finding may wait until a later write takes it. */
		if (rng_one_in(&rng, 2))
			gaps_take(g, ts_of(t - 1));
		memcpy(alive[t], alive[t - 1], sizeof(alive[t]));
		alive[t][k] = puts;
		if (puts && gaps_watch(g))
			gaps_cut(g, key_of(k, mem));
		for (int i = 0; i < 4; i++) {
			int back = (int)rng_below(&rng, 6);
			int at = back < t ? t - back : t;

			walk_and_tell(rng_one_in(&rng, 2) ? t : at,
				      (int)rng_below(&rng, N_KEYS));
			if (rng_one_in(&rng, 2))
				gaps_take(g, ts_of(t));
			check_end(at, (int)rng_below(&rng, N_KEYS));
			check_end(t, (int)rng_below(&rng, N_KEYS));
		}
	}
}
END_TEST

/* ---- iterators of a store --------------------------------------------- */

static char *dir;
static struct tt *db;

static void open_store(const char *memory)
{
	struct tt_options *o = tt_options_new();

	dir = tmpdir_new();
	ck_ok(tt_options_set(o, "memory", memory));
	ck_ok(tt_open(tmpdir_path(dir, "store"), o, &db));
	tt_options_free(o);
}

static void close_store(void)
{
	ck_ok(tt_close(db));
	tmpdir_free(dir);
}

static uint64_t stat_of(const char *name)
{
	char full[64];
	uint64_t v;

	snprintf(full, sizeof(full), "engine.%s", name);
	ck_ok(tt_stat(db, full, &v));
	return v;
}

#define STORE_KEYS 300

static struct tt_slice store_key(int k, char mem[16])
{
	snprintf(mem, 16, "key%05d", k);
	return tt_str(mem);
}

static int store_number(struct tt_iter *it)
{
	char mem[16] = { 0 };

	memcpy(mem, tt_iter_key(it).data, 8);
	return (int)strtol(mem + 3, NULL, 10);
}

static void check_at(struct tt_iter *it, int r, const bool *is_there, int k,
		     int by)
{
	while (k >= 0 && k < STORE_KEYS && !is_there[k])
		k += by;
	if (k < 0 || k >= STORE_KEYS) {
		ck_assert_int_eq(r, TT_END);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(store_number(it), k);
}

/* A few moves of an iterator over what is there. */
static void check_moves(struct rng *rng, struct tt_iter *it,
			const bool *is_there)
{
	int k = (int)rng_below(rng, STORE_KEYS);
	char mem[16];

	check_at(it, tt_iter_first(it), is_there, 0, 1);
	check_at(it, tt_iter_seek(it, store_key(k, mem)), is_there, k, 1);
	for (int i = 0; i < 4 && tt_iter_valid(it); i++) {
		int at = store_number(it);

		if (rng_one_in(rng, 3))
			check_at(it, tt_iter_prev(it), is_there, at - 1, -1);
		else
			check_at(it, tt_iter_next(it), is_there, at + 1, 1);
	}
	check_at(it, tt_iter_seek_for_prev(it, store_key(k, mem)), is_there, k,
		 -1);
	check_at(it, tt_iter_last(it), is_there, STORE_KEYS - 1, -1);
	for (int i = 0; i < 4 && tt_iter_valid(it); i++) {
		int at = store_number(it);

		check_at(it, tt_iter_prev(it), is_there, at - 1, -1);
	}
}

#define N_OLD 4

/* An iterator over a moment of the past, with what was there. */
struct old_view {
	struct tt_iter *it;
	struct tt_snapshot *snap;
	bool is_there[STORE_KEYS];
};

static void look_back(struct old_view *v, const bool *is_there)
{
	struct tt_iter_options io = { 0 };

	tt_iter_free(v->it);
	tt_snapshot_free(db, v->snap);
	ck_ok(tt_snapshot_new(db, &v->snap));
	io.snapshot = v->snap;
	ck_ok(tt_iter_new(db, &io, &v->it));
	memcpy(v->is_there, is_there, sizeof(v->is_there));
}

START_TEST(iterators_see_the_same_with_gaps)
{
	static bool is_there[STORE_KEYS];
	static struct old_view old[N_OLD];
	struct rng rng;
	char mem[16];

	test_rng(&rng);
	open_store("2M");
	memset(is_there, 0, sizeof(is_there));
	memset(old, 0, sizeof(old));
	for (int k = 0; k < STORE_KEYS; k++) {
		ck_ok(tt_put(db, NULL, store_key(k, mem), tt_str("v"), NULL));
		is_there[k] = true;
	}
	for (uint64_t i = 0; i < test_scale(4000); i++) {
		int k = (int)rng_below(&rng, STORE_KEYS);
		struct tt_iter *it;

		if (rng_one_in(&rng, 9)) {
			ck_ok(tt_put(db, NULL, store_key(k, mem), tt_str("w"),
				     NULL));
			is_there[k] = true;
		} else {
			ck_ok(tt_delete(db, NULL, store_key(k, mem), NULL));
			is_there[k] = false;
		}
		if (rng_one_in(&rng, 200))
			ck_ok(tt_flush(db));
		if (rng_one_in(&rng, 50))
			look_back(&old[rng_below(&rng, N_OLD)], is_there);
		ck_ok(tt_iter_new(db, NULL, &it));
		check_moves(&rng, it, is_there);
		tt_iter_free(it);
		k = (int)rng_below(&rng, N_OLD);
		if (old[k].it)
			check_moves(&rng, old[k].it, old[k].is_there);
	}
	ck_assert_uint_gt(stat_of("gap_jumps"), 1000);
	for (int i = 0; i < N_OLD; i++) {
		tt_iter_free(old[i].it);
		tt_snapshot_free(db, old[i].snap);
	}
	close_store();
}
END_TEST

START_TEST(the_head_of_a_queue_is_found_at_once)
{
	enum { DEPTH = 100, TURNS = 20000 };
	char mem[16];

	open_store("2M");
	for (int tail = 0; tail < TURNS; tail++) {
		int head = tail - DEPTH;
		struct tt_iter *it;

		ck_ok(tt_put(db, NULL, store_key(tail, mem), tt_str("v"),
			     NULL));
		if (head < 0)
			continue;
		ck_ok(tt_iter_new(db, NULL, &it));
		ck_ok(tt_iter_first(it));
		ck_assert_int_eq(store_number(it), head);
		tt_iter_free(it);
		ck_ok(tt_delete(db, NULL, store_key(head, mem), NULL));
	}
	/* And not past all that have gone before, on average half of all. */
	ck_assert_uint_lt(stat_of("keys_passed"),
			  (uint64_t)TURNS * GAP_LEAST_KEYS);
	close_store();
}
END_TEST

/* ---- what iterators stumble over -------------------------------------- */

/* Seeks to the first key of many small queues, more than there are gaps. */
START_TEST(what_many_iterators_step_over_is_flushed)
{
	enum { QUEUES = 3 * N_GAPS, TURNS = 200 };
	char mem[16];

	open_store("32M");
	for (int turn = 0; turn < TURNS; turn++)
		for (int q = 0; q < QUEUES; q++) {
			struct tt_slice key = store_key(q * TURNS + turn, mem);
			struct tt_iter *it;

			ck_ok(tt_put(db, NULL, key, tt_str("v"), NULL));
			ck_ok(tt_iter_new(db, NULL, &it));
			ck_ok(tt_iter_seek(it, store_key(q * TURNS, mem)));
			ck_assert_int_eq(store_number(it), q * TURNS + turn);
			tt_iter_free(it);
			key = store_key(q * TURNS + turn, mem);
			ck_ok(tt_delete(db, NULL, key, NULL));
		}
	ck_assert_uint_gt(stat_of("littered_switches"), 0);
	close_store();
}
END_TEST

/* Walks over the whole store as it was, so often; the store is written to in
 * between. */
static void walk_back(struct tt_snapshot *snap, int times)
{
	struct tt_iter_options io = { .snapshot = snap };
	struct tt_iter *it;

	for (int i = 0; i < times; i++) {
		ck_ok(tt_put(db, NULL, tt_str("z"), tt_str("v"), NULL));
		ck_ok(tt_iter_new(db, &io, &it));
		ck_err(tt_iter_first(it), TT_END);
		tt_iter_free(it);
	}
}

START_TEST(what_a_flush_does_not_help_with_causes_no_other)
{
	enum { N = 2000, WALKS = (300 << 10) / N };
	struct tt_snapshot *before, *after;
	char mem[16];

	open_store("2M");
	for (int k = 0; k < N; k++)
		ck_ok(tt_put(db, NULL, store_key(k, mem), tt_str("v"), NULL));
	ck_ok(tt_snapshot_new(db, &before)); /* holds all of it */
	for (int k = 0; k < N; k++)
		ck_ok(tt_delete(db, NULL, store_key(k, mem), NULL));
	ck_ok(tt_snapshot_new(db, &after));
	walk_back(after, WALKS);
	ck_assert_uint_eq(stat_of("littered_switches"), 1);
	ck_ok(tt_flush(db));
	walk_back(after, 4 * WALKS);
	ck_assert_uint_gt(stat_of("keys_passed"), 5ull * N * WALKS - 1);
	ck_assert_uint_eq(stat_of("littered_switches"), 1);
	tt_snapshot_free(db, before);
	tt_snapshot_free(db, after);
	close_store();
}
END_TEST

/* ---- many threads ----------------------------------------------------- */

#define N_THREADS 4

static void must(bool ok, const char *what)
{
	if (!ok) {
		(void)fprintf(stderr, "# %s: %s\n", what, err_text());
		abort();
	}
}

/* What a thread writes it sees, in gaps that others find and cut. */
static void *write_and_look(void *arg)
{
	int me = (int)(intptr_t)arg;
	struct rng rng;
	char mem[16];

	rng_init(&rng, (uint64_t)me + 1);
	for (uint64_t i = 0; i < test_scale(3000); i++) {
		int k = (int)rng_below(&rng, 2000) * N_THREADS + me;
		struct tt_slice key = store_key(k, mem);
		struct tt_iter *it;

		must(tt_put(db, NULL, key, tt_str("v"), NULL) == 0, "put");
		must(tt_iter_new(db, NULL, &it) == 0, "iterator");
		must(tt_iter_seek(it, key) == 0 && store_number(it) == k,
		     "a key that was put is not there");
		must(tt_iter_seek_for_prev(it, key) == 0 &&
			     store_number(it) == k,
		     "a key that was put is not there, going back");
		(void)tt_iter_first(it);
		(void)tt_iter_last(it);
		tt_iter_free(it);
		must(tt_delete(db, NULL, key, NULL) == 0, "delete");
		must(tt_iter_new(db, NULL, &it) == 0, "iterator");
		must(tt_iter_seek(it, key) != 0 || store_number(it) != k,
		     "a key that was deleted is there");
		tt_iter_free(it);
	}
	return NULL;
}

START_TEST(threads_see_what_they_wrote)
{
	pthread_t threads[N_THREADS];

	open_store("2M");
	for (intptr_t i = 0; i < N_THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						write_and_look, (void *)i),
				 0);
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_gt(stat_of("gap_jumps"), 0);
	close_store();
}
END_TEST

static Suite *gaps_suite(void)
{
	Suite *s = suite_create("gaps");
	TCase *t = tcase_create("gaps");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_finding_of_now_is_a_gap_at_once);
	tcase_add_test(t, an_older_finding_must_be_found_again);
	tcase_add_test(t, a_watch_is_cut_as_gaps_are);
	tcase_add_test(t, a_write_cuts_a_gap_in_two);
	tcase_add_test(t, findings_that_touch_are_one_stretch);
	tcase_add_test(t, an_old_reader_spoils_no_gap);
	tcase_add_test(t, long_keys_are_cut_or_left);
	tcase_add_test(t, what_was_dear_to_find_stays_longest);
	tcase_add_loop_test(t, nothing_alive_is_ever_in_a_gap, 0, 50);
	suite_add_tcase(s, t);
	t = tcase_create("iterators");
	tcase_add_loop_test(t, iterators_see_the_same_with_gaps, 0, 4);
	tcase_add_test(t, the_head_of_a_queue_is_found_at_once);
	tcase_add_test(t, what_many_iterators_step_over_is_flushed);
	tcase_add_test(t, what_a_flush_does_not_help_with_causes_no_other);
	tcase_add_test(t, threads_see_what_they_wrote);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(gaps_suite)
