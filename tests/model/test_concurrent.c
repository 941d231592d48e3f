/* SPDX-License-Identifier: MIT */
/*
 * Everything at once: writers, readers, iterators, snapshots, flushes and
 * compactions on one store. Each batch writes the same number under a group
 * of keys, so that any consistent view shows one number per group, and
 * numbers only rise. Meant for ThreadSanitizer as much as for its own checks.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"
#include "support/prng.h"
#include "support/tmpdir.h"
#include "ttrunks.h"

#define N_GROUPS 3 /* one writer each */
#define GROUP_KEYS 8

static struct tt *db;
static _Atomic uint64_t written[N_GROUPS]; /* released by writers */
static _Atomic bool is_over;
static uint64_t n_writes;

/* Failures in threads abort: libcheck's own are for the main thread. */
static void must(bool ok, const char *what)
{
	if (!ok) {
		(void)fprintf(stderr, "# %s: %s\n", what, err_text());
		abort();
	}
}

static struct tt_slice group_key(char *buf, unsigned group, unsigned i)
{
	int n = snprintf(buf, 32, "g%u/%04u", group, i);

	return (struct tt_slice){ buf, (size_t)n };
}

static void *write_group(void *arg)
{
	unsigned group = (unsigned)(uintptr_t)arg;
	struct tt_batch *b = tt_batch_new();
	char key[32], end[32], value[512];

	must(b, "batch");
	memset(value, ' ', sizeof(value));
	for (uint64_t no = 1; no <= n_writes; no++) {
		struct tt_write_options wo = { .sync = no % 512 == 0 };

		memcpy(value, &no, sizeof(no));
		tt_batch_clear(b);
		/* All of the group goes, and is there again: nobody sees it
		 * without. */
		if (no % 5 == 0)
			must(tt_batch_delete_range(b, group_key(key, group, 0),
						   group_key(end, group,
							     9999)) == 0,
			     "batch delete range");
		for (unsigned i = 0; i < GROUP_KEYS; i++)
			must(tt_batch_put(b, group_key(key, group, i),
					  (struct tt_slice){
						  value, 16 + no % 400 }) == 0,
			     "batch put");
		must(tt_write(db, &wo, b, NULL) == 0, "write");
		atomic_store_explicit(&written[group], no,
				      memory_order_release);
		/* Something for tombstones to do. */
		if (no % 7 == 0)
			must(tt_delete(db, NULL, group_key(key, group, 99),
				       NULL) == 0,
			     "delete");
		if (no % 11 == 0)
			must(tt_delete_range(
				     db, NULL, group_key(key, group, 50),
				     group_key(end, group, 51 + no % 40),
				     NULL) == 0,
			     "delete range");
	}
	tt_batch_free(b);
	return NULL;
}

static uint64_t number_of(struct tt_slice value)
{
	uint64_t no;

	must(value.len >= sizeof(no), "length");
	memcpy(&no, value.data, sizeof(no));
	return no;
}

/* A get sees at least what had been acknowledged before it began. */
static void *read_latest(void *arg)
{
	unsigned at = (unsigned)(uintptr_t)arg;
	char key[32];

	for (; !atomic_load(&is_over); at++) {
		unsigned group = at % N_GROUPS;
		uint64_t least = atomic_load_explicit(&written[group],
						      memory_order_acquire);
		struct tt_pinned pin = { .release = NULL };
		int r = tt_get_pinned(
			db, NULL, group_key(key, group, at / 3 % GROUP_KEYS),
			&pin);

		must(r == 0 || (r == TT_NOTFOUND && least == 0), "get");
		if (r == 0)
			must(number_of(pin.value) >= least, "stale read");
		tt_unpin(&pin);
	}
	return NULL;
}

/* Several keys at once are of one moment, and of none before the call. */
static void *read_together(void *arg)
{
	enum { N = N_GROUPS * GROUP_KEYS };
	struct tt_slice keys[N];
	struct tt_pinned values[N];
	char mem[N][32];
	int statuses[N];

	(void)arg;
	for (unsigned i = 0; i < N; i++)
		keys[i] = group_key(mem[i], i % N_GROUPS, i / N_GROUPS);
	while (!atomic_load(&is_over)) {
		uint64_t least[N_GROUPS];

		for (unsigned g = 0; g < N_GROUPS; g++)
			least[g] = atomic_load_explicit(&written[g],
							memory_order_acquire);
		must(tt_multi_get(db, NULL, keys, N, values, statuses) == 0,
		     "multi-get");
		for (unsigned i = 0; i < N; i++) {
			unsigned g = i % N_GROUPS;

			must(statuses[i] == statuses[g], "part of a batch");
			must(statuses[i] == 0 || least[g] == 0, "lost key");
			if (statuses[i] == 0)
				must(number_of(values[i].value) >= least[g] &&
					     number_of(values[i].value) ==
						     number_of(values[g].value),
				     "torn or stale multi-get");
		}
		for (unsigned i = 0; i < N; i++)
			tt_unpin(&values[i]);
	}
	return NULL;
}

/* One view: one number per group, whichever way it is walked, of the present
 * none older than what was acknowledged before; in seen[]. 0, or TT_ETOOOLD. */
static int view(const struct tt_iter_options *io, bool backwards,
		uint64_t seen[N_GROUPS])
{
	unsigned n[N_GROUPS] = { 0 };
	uint64_t least[N_GROUPS];
	struct tt_iter *it;
	int r;

	for (unsigned g = 0; g < N_GROUPS; g++)
		least[g] = io->snapshot || io->as_of
				   ? 0
				   : atomic_load_explicit(&written[g],
							  memory_order_acquire);
	r = tt_iter_new(db, io, &it);

	if (r == TT_ETOOOLD)
		return r;
	must(r == 0, "iterator");
	memset(seen, 0, N_GROUPS * sizeof(*seen));
	for (r = backwards ? tt_iter_last(it) : tt_iter_first(it); r == 0;
	     r = backwards ? tt_iter_prev(it) : tt_iter_next(it)) {
		unsigned g =
			(unsigned)(((const char *)tt_iter_key(it).data)[1] -
				   '0');
		uint64_t no = number_of(tt_iter_value(it));

		must(g < N_GROUPS && (n[g] == 0 || seen[g] == no), "torn view");
		seen[g] = no;
		n[g]++;
	}
	must(r == TT_END, "walk");
	for (unsigned g = 0; g < N_GROUPS; g++) {
		must(n[g] == 0 || n[g] == GROUP_KEYS, "part of a batch");
		must(seen[g] >= least[g], "stale view");
	}
	tt_iter_free(it);
	return 0;
}

static void check_view(const struct tt_snapshot *snap, bool backwards)
{
	struct tt_iter_options io = { .snapshot = snap };
	uint64_t seen[N_GROUPS];

	must(view(&io, backwards, seen) == 0, "view");
}

static void *walk(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !atomic_load(&is_over); i++) {
		struct tt_snapshot *snap;

		check_view(NULL, i % 2);
		must(tt_snapshot_new(db, &snap) == 0, "snapshot");
		check_view(snap, false);
		check_view(snap, true);
		tt_snapshot_free(db, snap);
	}
	return NULL;
}

/* A moment of the past is the same whenever it is looked at, until it is
 * refused. */
static void *read_past(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !atomic_load(&is_over); i++) {
		struct tt_iter_options then = { 0 }, held = { 0 };
		uint64_t first[N_GROUPS], again[N_GROUPS];
		struct tt_snapshot *snap;
		int r;

		then.as_of = tt_last_ts(db) - (int64_t)(i * 7919 % 40000);
		if (view(&then, i % 2, first) != 0)
			continue;
		if (view(&then, i % 3, again) == 0)
			must(!memcmp(first, again, sizeof(first)), "past");
		r = tt_snapshot_at(db, then.as_of, &snap);
		must(r == 0 || r == TT_ETOOOLD, "snapshot of the past");
		if (r < 0)
			continue;
		held.snapshot = snap;
		for (unsigned k = 0; k < 3; k++) {
			must(view(&held, k % 2, again) == 0, "held past");
			must(!memcmp(first, again, sizeof(first)), "held past");
		}
		tt_snapshot_free(db, snap);
	}
	return NULL;
}

static void *maintain(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !atomic_load(&is_over); i++) {
		uint64_t n;

		must(tt_flush(db) == 0, "flush");
		if (i % 3 == 0)
			must(tt_compact(db, tt_str(""), tt_str("")) == 0,
			     "compact");
		must(tt_stat(db, "engine.writes", &n) == 0, "stat");
		if (i % 5 == 0)
			must(tt_verify(db, NULL, NULL) == 0, "verify");
	}
	return NULL;
}

START_TEST(writers_readers_and_background_work_agree)
{
	char *dir = tmpdir_new();
	struct tt_options *opts = tt_options_new();
	pthread_t writers[N_GROUPS], others[6];

	n_writes = test_scale(3000);
	ck_ok(tt_options_set(opts, "memory", "4M"));
	ck_ok(tt_options_set(opts, "memtable_bytes", "128k"));
	ck_ok(tt_options_set(opts, "table_bytes", "64k"));
	ck_ok(tt_options_set(opts, "sync_interval", "20ms"));
	ck_ok(tt_options_set(opts, "max_open_tables", "8"));
	ck_ok(tt_options_set(opts, "separate_bytes", "128"));
	ck_ok(tt_options_set(opts, "value_file_bytes", "64k"));
	ck_ok(tt_options_set(opts, "retention", "20ms"));
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
	for (uintptr_t i = 0; i < N_GROUPS; i++)
		ck_assert_int_eq(pthread_create(&writers[i], NULL, write_group,
						(void *)i),
				 0);
	ck_assert_int_eq(pthread_create(&others[0], NULL, read_latest, NULL),
			 0);
	ck_assert_int_eq(
		pthread_create(&others[1], NULL, read_latest, (void *)7), 0);
	ck_assert_int_eq(pthread_create(&others[2], NULL, walk, NULL), 0);
	ck_assert_int_eq(pthread_create(&others[3], NULL, maintain, NULL), 0);
	ck_assert_int_eq(pthread_create(&others[4], NULL, read_past, NULL), 0);
	ck_assert_int_eq(pthread_create(&others[5], NULL, read_together, NULL),
			 0);
	for (unsigned i = 0; i < N_GROUPS; i++)
		(void)pthread_join(writers[i], NULL);
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < 6; i++)
		(void)pthread_join(others[i], NULL);
	check_view(NULL, false);
	ck_ok(tt_close(db));
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
	check_view(NULL, true);
	ck_ok(tt_close(db));
	tt_options_free(opts);
	tmpdir_free(dir);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("concurrent");
	TCase *t = tcase_create("concurrent");

	tcase_add_test(t, writers_readers_and_background_work_agree);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
