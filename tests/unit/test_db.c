/* SPDX-License-Identifier: MIT */
/* The store end to end: what is written is read, also after reopening. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lsm/db.h"
#include "support/check_main.h"
#include "support/tmpdir.h"

static char *dir;
static struct tt_options *opts;

static void setup(void)
{
	dir = tmpdir_new();
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	ck_ok(tt_options_set(opts, "memory", "16M"));
}

static void teardown(void)
{
	tt_options_free(opts);
	tmpdir_free(dir);
}

static const char *store(void)
{
	return tmpdir_path(dir, "store");
}

static struct tt *reopen(struct tt *db)
{
	ck_ok(tt_close(db));
	ck_ok(tt_open(store(), opts, &db));
	return db;
}

static struct tt *open_store(void)
{
	struct tt *db;

	ck_ok(tt_open(store(), opts, &db));
	return db;
}

static struct tt_slice key_of(unsigned i)
{
	static _Thread_local char bufs[4][32];
	static _Thread_local unsigned at;
	char *b = bufs[at++ % 4];

	(void)snprintf(b, sizeof(bufs[0]), "key%08u", i);
	return tt_str(b);
}

static void put(struct tt *db, const char *k, const char *v)
{
	ck_ok(tt_put(db, NULL, tt_str(k), tt_str(v), NULL));
}

static void expect(struct tt *db, const char *k, const char *v)
{
	char buf[256];
	size_t n;
	int r = tt_get(db, NULL, tt_str(k), buf, sizeof(buf), &n, NULL);

	if (!v) {
		ck_assert_int_eq(r, TT_NOTFOUND);
		return;
	}
	ck_assert_msg(r == 0, "%s: %d %s", k, r, tt_error_text(r));
	ck_assert_uint_eq(n, strlen(v));
	ck_assert(memcmp(buf, v, n) == 0);
}

START_TEST(what_is_put_is_read)
{
	struct tt *db = open_store();

	put(db, "a", "1");
	put(db, "b", "2");
	put(db, "a", "3");
	expect(db, "a", "3");
	expect(db, "b", "2");
	expect(db, "c", NULL);
	ck_ok(tt_delete(db, NULL, tt_str("a"), NULL));
	expect(db, "a", NULL);
	db = reopen(db);
	expect(db, "a", NULL);
	expect(db, "b", "2");
	ck_ok(tt_flush(db));
	expect(db, "a", NULL);
	expect(db, "b", "2");
	db = reopen(db);
	expect(db, "b", "2");
	ck_ok(tt_close(db));
}
END_TEST

static void check_all(struct tt *db, unsigned n, unsigned step)
{
	struct tt_iter *it;
	unsigned i = 0;
	int r;

	ck_ok(tt_iter_new(db, NULL, &it));
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it), i += step)
		ck_assert(memcmp(tt_iter_key(it).data, key_of(i).data, 11) ==
			  0);
	ck_assert_int_eq(r, TT_END);
	ck_assert_uint_ge(i, n);
	ck_assert_uint_lt(i, n + step);
	for (r = tt_iter_last(it); r == 0; r = tt_iter_prev(it)) {
		i -= step;
		ck_assert(memcmp(tt_iter_key(it).data, key_of(i).data, 11) ==
			  0);
	}
	ck_assert_int_eq(r, TT_END);
	ck_assert_uint_eq(i, 0);
	tt_iter_free(it);
}

START_TEST(many_keys_survive_flush_compaction_and_reopen)
{
	enum { N = 60000 };
	struct tt *db;
	char value[100];
	uint64_t n;

	ck_ok(tt_options_set(opts, "memtable_bytes", "512k"));
	ck_ok(tt_options_set(opts, "table_bytes", "256k"));
	db = open_store();
	memset(value, 'v', sizeof(value));
	for (unsigned i = 0; i < N; i++) {
		unsigned k = (unsigned)((uint64_t)i * 7919 % N);

		ck_ok(tt_put(db, NULL, key_of(k),
			     (struct tt_slice){ value, sizeof(value) }, NULL));
	}
	check_all(db, N, 1);
	db = reopen(db);
	check_all(db, N, 1);
	for (unsigned i = 1; i < N; i += 2)
		ck_ok(tt_delete(db, NULL, key_of(i), NULL));
	check_all(db, N, 2);
	ck_ok(tt_compact(db, (struct tt_slice){ NULL, 0 },
			 (struct tt_slice){ NULL, 0 }));
	check_all(db, N, 2);
	ck_ok(tt_verify(db, NULL, NULL));
	ck_ok(tt_stat(db, "engine.level6.files", &n));
	ck_assert_uint_gt(n, 0);
	ck_ok(tt_stat(db, "engine.level0.files", &n));
	ck_assert_uint_eq(n, 0);
	db = reopen(db);
	check_all(db, N, 2);
	for (unsigned i = 0; i < N; i += 97)
		ck_assert_int_eq(tt_get(db, NULL, key_of(i), NULL, 0, NULL,
					NULL),
				 i % 2 ? TT_NOTFOUND : 0);
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(a_snapshot_sees_its_moment_through_flush_and_compaction)
{
	struct tt *db = open_store();
	struct tt_snapshot *snap;
	struct tt_read_options ro = { .snapshot = NULL };
	struct tt_slice all = { NULL, 0 };
	char c;

	put(db, "a", "1");
	put(db, "b", "1");
	ck_ok(tt_snapshot_new(db, &snap));
	ro.snapshot = snap;
	put(db, "a", "2");
	ck_ok(tt_delete(db, NULL, tt_str("b"), NULL));
	put(db, "c", "2");
	for (int round = 0; round < 3; round++) {
		ck_ok(tt_get(db, &ro, tt_str("a"), &c, 1, NULL, NULL));
		ck_assert_int_eq(c, '1');
		ck_ok(tt_get(db, &ro, tt_str("b"), &c, 1, NULL, NULL));
		ck_assert_int_eq(c, '1');
		ck_err(tt_get(db, &ro, tt_str("c"), &c, 1, NULL, NULL),
		       TT_NOTFOUND);
		expect(db, "a", "2");
		expect(db, "b", NULL);
		if (round == 0)
			ck_ok(tt_flush(db));
		else
			ck_ok(tt_compact(db, all, all));
	}
	tt_snapshot_free(db, snap);
	put(db, "d", "3");
	ck_ok(tt_compact(db, all, all));
	expect(db, "a", "2");
	expect(db, "b", NULL);
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(a_second_opener_is_refused_and_told_the_pid)
{
	struct tt *db = open_store(), *other;
	char pid[32];

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	ck_err(tt_open(store(), opts, &other), TT_ELOCKED);
	ck_assert_ptr_nonnull(strstr(tt_error_text(TT_ELOCKED), pid));
	put(db, "still", "works");
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(a_foreign_directory_is_left_alone)
{
	struct tt *db;
	FILE *f;

	ck_assert_int_eq(mkdir(store(), 0755), 0);
	f = fopen(tmpdir_path(dir, "store/letter.txt"), "w");
	ck_assert_ptr_nonnull(f);
	(void)fclose(f);
	ck_err(tt_open(store(), opts, &db), TT_EFOREIGN);
	ck_assert_ptr_nonnull(strstr(tt_error_text(TT_EFOREIGN), "letter.txt"));
	ck_assert_int_ne(access(tmpdir_path(dir, "store/LOCK"), F_OK), 0);
	ck_assert_int_ne(access(tmpdir_path(dir, "store/sst"), F_OK), 0);
}
END_TEST

START_TEST(a_missing_store_is_not_made_when_told_so)
{
	struct tt *db;

	ck_ok(tt_options_set(opts, "create_if_missing", "false"));
	ck_err(tt_open(store(), opts, &db), TT_ENOSTORE);
	ck_assert_int_ne(access(store(), F_OK), 0);
}
END_TEST

START_TEST(a_pin_outlives_flush_and_overwriting)
{
	struct tt *db = open_store();
	struct tt_pinned in_memory, in_table;

	put(db, "k", "first");
	ck_ok(tt_get_pinned(db, NULL, tt_str("k"), &in_memory));
	ck_ok(tt_flush(db));
	ck_ok(tt_get_pinned(db, NULL, tt_str("k"), &in_table));
	put(db, "k", "second");
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_assert_int_eq(memcmp(in_memory.value.data, "first", 5), 0);
	ck_assert_int_eq(memcmp(in_table.value.data, "first", 5), 0);
	tt_unpin(&in_memory);
	tt_unpin(&in_table);
	tt_unpin(&in_table);
	expect(db, "k", "second");
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(timestamps_rise_across_reopening)
{
	struct tt *db = open_store();
	int64_t last = 0, ts;

	for (int i = 0; i < 6; i++) {
		ck_ok(tt_put(db, NULL, tt_str("k"), tt_str("v"), &ts));
		ck_assert(ts > last);
		ck_assert(tt_last_ts(db) == ts);
		last = ts;
		if (i % 2)
			ck_ok(tt_flush(db));
		db = reopen(db);
		ck_assert(tt_last_ts(db) == last);
	}
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(an_iterator_keeps_its_state_until_refreshed)
{
	struct tt *db = open_store();
	struct tt_iter *it;

	put(db, "a", "1");
	ck_ok(tt_iter_new(db, NULL, &it));
	put(db, "b", "2");
	ck_ok(tt_delete(db, NULL, tt_str("a"), NULL));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_ok(tt_iter_first(it));
	ck_assert(memcmp(tt_iter_key(it).data, "a", 1) == 0);
	ck_err(tt_iter_next(it), TT_END);
	ck_ok(tt_iter_refresh(it));
	ck_ok(tt_iter_first(it));
	ck_assert(memcmp(tt_iter_key(it).data, "b", 1) == 0);
	ck_err(tt_iter_next(it), TT_END);
	tt_iter_free(it);
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(blocks_of_tables_that_are_gone_leave_the_cache)
{
	struct tt *db = open_store();
	uint64_t before, after, removed;

	/* Two overlapping tables, so that nothing is just moved. */
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 5000; i++)
			ck_ok(tt_put(db, NULL, key_of(i), tt_str("some value"),
				     NULL));
		ck_ok(tt_flush(db));
	}
	check_all(db, 5000, 1);
	ck_ok(tt_stat(db, "engine.cache.bytes", &before));
	ck_assert_uint_gt(before, 5000 * 20);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	/* gc works in the background. */
	do {
		ck_ok(tt_stat(db, "engine.files_removed", &removed));
		usleep(1000);
	} while (removed < 2);
	ck_ok(tt_stat(db, "engine.cache.bytes", &after));
	ck_assert_uint_eq(after, 0);
	ck_ok(tt_close(db));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("db");
	TCase *t = tcase_create("store");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_put_is_read);
	tcase_add_test(t, many_keys_survive_flush_compaction_and_reopen);
	tcase_add_test(t,
		       a_snapshot_sees_its_moment_through_flush_and_compaction);
	tcase_add_test(t, a_second_opener_is_refused_and_told_the_pid);
	tcase_add_test(t, a_foreign_directory_is_left_alone);
	tcase_add_test(t, a_missing_store_is_not_made_when_told_so);
	tcase_add_test(t, a_pin_outlives_flush_and_overwriting);
	tcase_add_test(t, timestamps_rise_across_reopening);
	tcase_add_test(t, an_iterator_keeps_its_state_until_refreshed);
	tcase_add_test(t, blocks_of_tables_that_are_gone_leave_the_cache);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
