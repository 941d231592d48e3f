/* SPDX-License-Identifier: MIT */
/* The store on a full disk, on a failing disk, and over damaged files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lsm/options.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/tmpdir.h"
#include "ttrunks.h"

static char *dir;
static struct tt_options *opts;
static struct fault_env *fault;
static struct tt *db;

static void setup(void)
{
	dir = tmpdir_new();
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	ck_ok(tt_options_set(opts, "memtable_bytes", "64k"));
	ck_ok(tt_options_set(opts, "table_bytes", "64k"));
	ck_ok(tt_options_set(opts, "wal_segment_bytes", "64k"));
	ck_ok(tt_options_set(opts, "sync_interval", "0"));
	ck_ok(fault_env_new(env_posix(), dir, test_seed(), &fault));
	options_set_env(opts, fault_env_env(fault));
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
}

static void teardown(void)
{
	(void)tt_close(db);
	db = NULL;
	fault_env_free(fault);
	tt_options_free(opts);
	tmpdir_free(dir);
}

static int put(unsigned i)
{
	char key[32], value[600];

	(void)snprintf(key, sizeof(key), "key%06u", i);
	memset(value, 'a' + (int)(i % 26), sizeof(value));
	return tt_put(db, NULL, tt_str(key),
		      (struct tt_slice){ value, sizeof(value) }, NULL);
}

static int get(unsigned i)
{
	char key[32], value[600];
	size_t n;
	int r;

	(void)snprintf(key, sizeof(key), "key%06u", i);
	r = tt_get(db, NULL, tt_str(key), value, sizeof(value), &n, NULL);
	if (r == 0)
		ck_assert(n == 600 && value[599] == 'a' + (int)(i % 26));
	return r;
}

static int reopen(void)
{
	struct tt *was = db;

	db = NULL;
	(void)tt_close(was);
	return tt_open(tmpdir_path(dir, "store"), opts, &db);
}

START_TEST(a_full_disk_refuses_writes_until_there_is_room)
{
	unsigned n = 0;
	int r;

	while (n < 100)
		ck_ok(put(n++));
	fault_env_limit_bytes(fault, 100000);
	while ((r = put(n)) == 0)
		n++;
	ck_assert_int_eq(r, -ENOSPC);
	for (unsigned i = 0; i < n; i++)
		ck_ok(get(i));
	/* It opens, and shows all of it, without a byte of room. */
	fault_env_limit_bytes(fault, 0);
	r = reopen();
	ck_assert_msg(r == 0, "open on a full disk: %s", tt_error_text(r));
	for (unsigned i = 0; i < n; i++)
		ck_ok(get(i));
	fault_env_clear(fault);
	/* The background notices by itself. */
	for (unsigned tries = 0; (r = put(n)) == -ENOSPC && tries < 100;
	     tries++)
		(void)usleep(50000); /* its pause is half a second */
	ck_assert_int_eq(r, 0);
	for (unsigned i = n + 1; i < n + 500; i++)
		ck_ok(put(i));
	ck_ok(tt_flush(db));
	ck_ok(reopen());
	for (unsigned i = 0; i < n + 500; i++)
		ck_ok(get(i));
}
END_TEST

START_TEST(a_disk_that_fails_once_there_is_room_stops_trying)
{
	uint64_t calls;
	unsigned n = 0;
	int r;

	while (n < 20)
		ck_ok(put(n++));
	fault_env_limit_bytes(fault, 0);
	ck_err(tt_flush(db), -ENOSPC);
	fault_env_limit_bytes(fault, UINT64_MAX);
	fault_env_fail(fault, FAULT_SYNC, 1, EIO, FAULT_FROM_THEN_ON);
	for (unsigned i = 0; (r = tt_flush(db)) == -ENOSPC && i < 200; i++)
		(void)usleep(20000); /* its pause is half a second */
	ck_assert_int_eq(r, -EIO);
	(void)usleep(20000); /* let what is under way end */
	calls = fault_env_calls(fault, FAULT_ANY);
	(void)usleep(50000);
	ck_assert_uint_eq(fault_env_calls(fault, FAULT_ANY), calls);
	for (unsigned i = 0; i < n; i++)
		ck_ok(get(i));
}
END_TEST

static int count_name(void *arg, const char *name, enum env_file_type type)
{
	(void)name;
	(void)type;
	++*(uint64_t *)arg;
	return 0;
}

/* A write of the one flush finds no room, and does when tried again; no
 * table is left that nothing names. */
START_TEST(a_flush_tried_again_leaves_nothing_behind)
{
	uint64_t n_files, n_tables, failed = 0;
	int r;

	/* The log's preparer may be at work yet, and its writes count too. */
	for (unsigned n = 1; n < 8 || (failed && n < 64); n++) {
		ck_ok(tt_close(db));
		db = NULL;
		remove_tree(tmpdir_path(dir, "store"));
		ck_ok(fault_env_power_on(fault)); /* looks at the disk again */
		ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
		for (unsigned i = 0; i < 20; i++)
			ck_ok(put(i));
		failed = fault_env_failed(fault);
		fault_env_fail(fault, FAULT_WRITE | FAULT_ALLOCATE, n, ENOSPC,
			       FAULT_ONCE);
		for (unsigned i = 0; (r = tt_flush(db)) && i < 200; i++)
			(void)usleep(20000); /* its pause is half a second */
		ck_ok(r);
		failed = fault_env_failed(fault) - failed;
		fault_env_clear(fault);
		n_files = 0;
		ck_ok(env_list(env_posix(), tmpdir_path(dir, "store/sst"),
			       count_name, &n_files));
		ck_ok(tt_stat(db, "engine.tables.files", &n_tables));
		ck_assert_msg(n_files == n_tables, "write %u: %u files, %u", n,
			      (unsigned)n_files, (unsigned)n_tables);
	}
	ck_assert_uint_eq(failed, 0); /* the loop has gone past the last one */
}
END_TEST

START_TEST(a_failing_disk_refuses_writes_and_reads_go_on)
{
	unsigned n = 0;
	int r = 0;

	while (n < 500)
		ck_ok(put(n++));
	ck_ok(tt_flush(db));
	fault_env_fail(fault, FAULT_SYNC | FAULT_SYNC_DIR, 1, EIO,
		       FAULT_FROM_THEN_ON);
	for (unsigned i = n; i < n + 2000 && r == 0; i++)
		r = put(i);
	ck_assert_int_lt(r, 0);
	ck_assert_msg(strstr(tt_error_text(r), "rror") != NULL, "text: %s",
		      tt_error_text(r));
	for (unsigned i = 0; i < n; i++)
		ck_ok(get(i));
	fault_env_clear(fault);
	ck_ok(reopen());
	for (unsigned i = 0; i < n; i++)
		ck_ok(get(i));
	ck_ok(put(1));
}
END_TEST

static int put_synced(unsigned i)
{
	struct tt_write_options wo = { .sync = true };
	char key[32], value[600];

	(void)snprintf(key, sizeof(key), "key%06u", i);
	memset(value, 'a' + (int)(i % 26), sizeof(value));
	return tt_put(db, &wo, tt_str(key),
		      (struct tt_slice){ value, sizeof(value) }, NULL);
}

/* Like kill -9: nothing that closing would do reaches the disk. */
static void die(void)
{
	fault_env_lose_pages(fault, false);
	fault_env_fail(fault, FAULT_ANY & ~FAULT_CLOSE, 1, EIO,
		       FAULT_FROM_THEN_ON);
	(void)tt_close(db);
	db = NULL;
	fault_env_clear(fault);
}

/*
 * After a sync of the log failed and the process died, the page cache shows
 * records that the disk does not have. If the log went on behind them, it
 * would end before them after the next power cut.
 */
START_TEST(a_log_goes_on_behind_what_is_on_the_disk)
{
	bool is_there[12];
	uint64_t lost = 0;

	for (unsigned round = 0; lost == 0; round++) {
		ck_assert_uint_lt(round, 50);
		ck_ok(put_synced(0));
		for (unsigned i = 1; i < 10; i++)
			ck_ok(put(10 * round + i));
		fault_env_lose_pages(fault, true);
		fault_env_fail(fault, FAULT_SYNC, 1, EIO, FAULT_ONCE);
		ck_err(put_synced(10 * round + 10), -EIO);
		ck_err(put(1), TT_EPOISONED);
		lost = fault_env_lost(fault);
		die();
		ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
		for (unsigned i = 1; i <= 10; i++)
			is_there[i] = get(10 * round + i) == 0;
		for (unsigned i = 2; i <= 10; i++)
			ck_assert(is_there[i - 1] || !is_there[i]);
		ck_assert(is_there[10] == (lost == 0));
		ck_ok(put_synced(100000));
		ck_ok(fault_env_cut(fault, CUT_STRICT));
		(void)tt_close(db);
		db = NULL;
		ck_ok(fault_env_power_on(fault));
		ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
		for (unsigned i = 1; i <= 10; i++)
			ck_assert(is_there[i] == (get(10 * round + i) == 0));
		ck_ok(get(100000));
	}
}
END_TEST

/* The path of some table. */
static const char *a_table(void)
{
	static char path[512];
	DIR *d = opendir(tmpdir_path(dir, "store/sst"));
	struct dirent *e;

	ck_assert_ptr_nonnull(d);
	path[0] = '\0';
	while ((e = readdir(d)) != NULL)
		if (strstr(e->d_name, ".sst"))
			(void)snprintf(path, sizeof(path), "%s/%s",
				       tmpdir_path(dir, "store/sst"),
				       e->d_name);
	(void)closedir(d);
	ck_assert(path[0]);
	return path;
}

static void fill_tables(unsigned n)
{
	struct tt_slice all = { NULL, 0 };

	for (unsigned i = 0; i < n; i++)
		ck_ok(put(i));
	ck_ok(tt_compact(db, all, all));
}

/* Reads all: how many are there, how many are damaged; nothing is wrong. */
static void survey(unsigned n, unsigned *good, unsigned *bad, const char *name)
{
	*good = *bad = 0;
	for (unsigned i = 0; i < n; i++) {
		int r = get(i);

		if (r == 0) {
			++*good;
			continue;
		}
		ck_assert_msg(r == TT_ECORRUPT, "key %u: %d %s", i, r,
			      tt_error_text(r));
		ck_assert_msg(strstr(tt_error_text(r), name) != NULL,
			      "%s does not name %s", tt_error_text(r), name);
		++*bad;
	}
}

static void count_report(void *arg, const char *text)
{
	unsigned *n = arg;

	ck_assert_ptr_nonnull(strstr(text, ".sst"));
	++*n;
}

START_TEST(a_damaged_table_does_not_take_the_rest_down)
{
	unsigned good, bad, reports = 0;
	struct stat st;
	char path[512];
	uint8_t b;
	int fd;

	ck_ok(tt_options_set(opts, "compression", "none"));
	ck_ok(reopen());
	fill_tables(1000);
	(void)snprintf(path, sizeof(path), "%s", a_table());
	fd = open(path, O_RDWR);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(pread(fd, &b, 1, st.st_size - 100), 1);
	b ^= 1;
	ck_assert_int_eq(pwrite(fd, &b, 1, st.st_size - 100), 1);
	ck_assert_int_eq(close(fd), 0);
	ck_ok(reopen());
	survey(1000, &good, &bad, strrchr(path, '/') + 1);
	ck_assert_uint_gt(bad, 0);
	ck_assert_uint_lt(bad, 20);
	ck_err(tt_verify(db, count_report, &reports), TT_ECORRUPT);
	ck_assert_uint_ge(reports, 1);
	/* Compaction meets it, and writes go on. */
	for (unsigned i = 0; i < 3000; i++)
		ck_ok(put(i));
	ck_err(tt_compact(db, tt_str(""), tt_str("")), TT_ECORRUPT);
	for (unsigned i = 0; i < 3000; i++)
		ck_ok(put(i));
	for (unsigned i = 0; i < 3000; i++)
		ck_ok(get(i));
}
END_TEST

START_TEST(a_missing_table_is_named_and_the_rest_readable)
{
	unsigned good, bad;
	char path[512];

	fill_tables(3000);
	(void)snprintf(path, sizeof(path), "%s", a_table());
	ck_assert_int_eq(unlink(path), 0);
	ck_ok(reopen());
	survey(3000, &good, &bad, strrchr(path, '/') + 1);
	ck_assert_uint_gt(bad, 0);
	ck_assert_uint_gt(good, 0);
}
END_TEST

START_TEST(a_store_without_current_is_not_made_anew)
{
	int r;

	fill_tables(500);
	ck_ok(tt_close(db));
	db = NULL;
	ck_assert_int_eq(unlink(tmpdir_path(dir, "store/CURRENT")), 0);
	r = tt_open(tmpdir_path(dir, "store"), opts, &db);
	ck_assert_int_eq(r, TT_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(tt_error_text(r), "CURRENT"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("db_faults");
	TCase *t = tcase_create("faults");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_full_disk_refuses_writes_until_there_is_room);
	tcase_add_test(t, a_disk_that_fails_once_there_is_room_stops_trying);
	tcase_add_test(t, a_flush_tried_again_leaves_nothing_behind);
	tcase_add_test(t, a_failing_disk_refuses_writes_and_reads_go_on);
	tcase_add_test(t, a_log_goes_on_behind_what_is_on_the_disk);
	tcase_add_test(t, a_damaged_table_does_not_take_the_rest_down);
	tcase_add_test(t, a_missing_table_is_named_and_the_rest_readable);
	tcase_add_test(t, a_store_without_current_is_not_made_anew);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
