/* SPDX-License-Identifier: MIT */
/* What stopped background work is told, and work goes on when told so. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
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

static void open_store(void)
{
	int r = tt_open(tmpdir_path(dir, "store"), opts, &db);

	ck_assert_msg(r == 0, "open: %s", tt_error_text(r));
}

static void store_new(void)
{
	dir = tmpdir_new();
	ck_ok(fault_env_new(env_posix(), dir, test_seed(), &fault));
	options_set_env(opts, fault_env_env(fault));
	open_store();
}

static void store_free(void)
{
	(void)tt_close(db);
	db = NULL;
	fault_env_free(fault);
	tmpdir_free(dir);
}

static void setup(void)
{
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	ck_ok(tt_options_set(opts, "compression", "none"));
	ck_ok(tt_options_set(opts, "memtable_bytes", "64k"));
	ck_ok(tt_options_set(opts, "table_bytes", "64k"));
	ck_ok(tt_options_set(opts, "wal_segment_bytes", "64k"));
	ck_ok(tt_options_set(opts, "sync_interval", "0"));
	store_new();
}

static void teardown(void)
{
	store_free();
	tt_options_free(opts);
}

static int put(unsigned i)
{
	char key[32], value[300];

	(void)snprintf(key, sizeof(key), "key%06u", i);
	memset(value, 'a' + (int)(i % 26), sizeof(value));
	return tt_put(db, NULL, tt_str(key),
		      (struct tt_slice){ value, sizeof(value) }, NULL);
}

static void expect(unsigned from, unsigned to)
{
	char key[32], value[300];
	size_t n;

	for (unsigned i = from; i < to; i++) {
		(void)snprintf(key, sizeof(key), "key%06u", i);
		ck_ok(tt_get(db, NULL, tt_str(key), value, sizeof(value), &n,
			     NULL));
		ck_assert(n == 300 && value[299] == 'a' + (int)(i % 26));
	}
}

static void expect_state(enum tt_background state, int code, const char *part)
{
	struct tt_background_error e;
	uint64_t stat;

	ck_assert_int_eq(tt_background_error(db, NULL), state);
	ck_assert_int_eq(tt_background_error(db, &e), state);
	ck_assert_int_eq(e.state, state);
	ck_assert_int_eq(e.code, code);
	ck_assert_msg(strstr(e.text, part) != NULL, "%s: no %s", e.text, part);
	ck_assert(code || !e.text[0]);
	ck_ok(tt_stat(db, "engine.background_error", &stat));
	ck_assert_uint_eq(stat, state);
}

static int count_name(void *arg, const char *name, enum env_file_type type)
{
	(void)name;
	(void)type;
	++*(uint64_t *)arg;
	return 0;
}

/* The directory holds the tables of the store and nothing else, once what was
 * replaced is removed. */
static void expect_no_strays(void)
{
	uint64_t n_files, n_tables;

	for (unsigned tries = 0;; tries++) {
		n_files = 0;
		ck_ok(env_list(env_posix(), tmpdir_path(dir, "store/sst"),
			       count_name, &n_files));
		ck_ok(tt_stat(db, "engine.tables.files", &n_tables));
		if (n_files == n_tables)
			break;
		ck_assert_msg(tries < 1000, "%u files, %u tables",
			      (unsigned)n_files, (unsigned)n_tables);
		(void)usleep(1000);
	}
}

START_TEST(a_store_is_well_and_resuming_changes_nothing)
{
	expect_state(TT_BACKGROUND_WELL, 0, "");
	ck_ok(put(0));
	ck_ok(tt_resume(db));
	expect_state(TT_BACKGROUND_WELL, 0, "");
	ck_ok(tt_flush(db));
	expect(0, 1);
}
END_TEST

START_TEST(a_table_that_was_not_synced_is_written_anew)
{
	for (unsigned i = 0; i < 50; i++)
		ck_ok(put(i));
	fault_env_lose_pages(fault, true);
	fault_env_fail(fault, FAULT_SYNC, 1, EIO, FAULT_ONCE);
	fault_env_only(fault, ".sst");
	ck_err(tt_flush(db), -EIO);
	expect_state(TT_BACKGROUND_STOPPED, -EIO, ".sst");
	ck_err(put(50), -EIO);
	expect(0, 50);
	ck_ok(tt_resume(db));
	ck_ok(tt_flush(db));
	expect_state(TT_BACKGROUND_WELL, 0, "");
	ck_ok(put(50));
	expect(0, 51);
	expect_no_strays();
	ck_ok(tt_sync(db));
	ck_ok(fault_env_cut(fault, CUT_STRICT));
	(void)tt_close(db);
	ck_ok(fault_env_power_on(fault));
	open_store();
	expect(0, 51);
}
END_TEST

START_TEST(a_disk_that_still_fails_stops_work_again)
{
	for (unsigned i = 0; i < 50; i++)
		ck_ok(put(i));
	fault_env_fail(fault, FAULT_SYNC, 1, EIO, FAULT_FROM_THEN_ON);
	fault_env_only(fault, ".sst");
	for (unsigned i = 0; i < 3; i++) {
		ck_err(tt_flush(db), -EIO);
		expect_state(TT_BACKGROUND_STOPPED, -EIO, ".sst");
		ck_ok(tt_resume(db));
	}
	fault_env_clear(fault);
	/* The last try may have failed yet, of what failed after work was
	 * resumed. */
	if (tt_flush(db) < 0) {
		ck_ok(tt_resume(db));
		ck_ok(tt_flush(db));
	}
	expect_state(TT_BACKGROUND_WELL, 0, "");
	expect(0, 50);
	expect_no_strays();
}
END_TEST

START_TEST(a_manifest_that_failed_is_replaced_by_a_new_one)
{
	static const unsigned masks[] = { FAULT_WRITE, FAULT_SYNC };

	for (unsigned i = 0; i < 50; i++)
		ck_ok(put(i));
	fault_env_lose_pages(fault, true);
	fault_env_fail(fault, masks[_i], 1, EIO, FAULT_FROM_THEN_ON);
	fault_env_only(fault, "MANIFEST");
	ck_err(tt_flush(db), -EIO);
	expect_state(TT_BACKGROUND_STOPPED, -EIO, "MANIFEST");
	ck_err(put(50), -EIO);
	/* As long as no new one can be made, writes stay refused. */
	ck_err(tt_resume(db), -EIO);
	expect_state(TT_BACKGROUND_STOPPED, -EIO, "MANIFEST");
	ck_err(put(50), -EIO);
	fault_env_clear(fault);
	ck_ok(tt_resume(db));
	ck_ok(tt_flush(db));
	ck_ok(put(50));
	expect_state(TT_BACKGROUND_WELL, 0, "");
	expect_no_strays();
	ck_ok(tt_sync(db));
	ck_ok(fault_env_cut(fault, CUT_STRICT));
	(void)tt_close(db);
	ck_ok(fault_env_power_on(fault));
	open_store();
	expect(0, 51);
	expect_no_strays();
}
END_TEST

/* Not even for taking back the record that found none, or the sync says so. */
START_TEST(a_manifest_without_room_is_replaced_when_there_is)
{
	static const unsigned masks[] = { FAULT_WRITE, FAULT_SYNC };

	for (unsigned i = 0; i < 50; i++)
		ck_ok(put(i));
	fault_env_lose_pages(fault, true);
	fault_env_fail(fault, masks[_i], 1, ENOSPC, FAULT_FROM_THEN_ON);
	fault_env_only(fault, "MANIFEST");
	ck_err(tt_flush(db), -ENOSPC);
	expect_state(TT_BACKGROUND_NO_SPACE, -ENOSPC, "MANIFEST");
	ck_ok(put(50));
	ck_err(tt_flush(db), -ENOSPC);
	fault_env_clear(fault);
	ck_ok(tt_flush(db));
	expect_state(TT_BACKGROUND_WELL, 0, "");
	expect_no_strays();
	ck_ok(tt_sync(db));
	ck_ok(fault_env_cut(fault, CUT_STRICT));
	(void)tt_close(db);
	ck_ok(fault_env_power_on(fault));
	open_store();
	expect(0, 51);
	expect_no_strays();
}
END_TEST

/* Any call of a flush and a compaction fails, once or for a while. */
static bool fail_nth(uint64_t nth, enum fault_span span)
{
	struct tt_slice all = { NULL, 0 };
	bool has_failed;
	int r;

	store_new();
	for (unsigned i = 0; i < 50; i++)
		ck_ok(put(i));
	ck_ok(tt_flush(db));
	for (unsigned i = 0; i < 50; i++)
		ck_ok(put(i));
	fault_env_lose_pages(fault, true);
	fault_env_fail(fault,
		       span == FAULT_ONCE ? FAULT_ANY & ~FAULT_UNLINK
					  : FAULT_MUTATING & ~FAULT_UNLINK,
		       nth, EIO, span);
	r = tt_compact(db, all, all);
	has_failed = fault_env_failed(fault) > 0;
	if (span != FAULT_ONCE) /* then it may wait for a read yet */
		expect(0, 50);
	fault_env_clear(fault);
	expect(0, 50);
	ck_assert(r == 0 || tt_background_error(db, NULL) != 0);
	ck_assert_msg(tt_resume(db) == 0, "call %u: resume: %s", (unsigned)nth,
		      tt_error_text(-EIO));
	r = tt_compact(db, all, all);
	ck_assert_msg(r == 0, "call %u: again: %s", (unsigned)nth,
		      tt_error_text(r));
	ck_ok(put(50));
	ck_ok(tt_sync(db));
	expect_state(TT_BACKGROUND_WELL, 0, "");
	expect_no_strays();
	ck_ok(fault_env_cut(fault, CUT_STRICT));
	(void)tt_close(db);
	ck_ok(fault_env_power_on(fault));
	open_store();
	expect(0, 51);
	expect_no_strays();
	store_free();
	return has_failed;
}

START_TEST(work_resumes_after_any_failing_call)
{
	uint64_t n = 1;

	store_free();
	while (fail_nth(n, _i ? FAULT_FROM_THEN_ON : FAULT_ONCE))
		n++;
	ck_assert_uint_gt(n, 10);
	store_new();
}
END_TEST

/* ---- what fails late ------------------------------------------------------ */

/*
 * The environment with a gate: who removes what could not be made, a table or
 * its temporary file, waits there. So a flush or a compaction has failed, and
 * nobody knows it yet.
 */
static struct {
	const struct env_ops *real;
	struct env_ops ops;
	sem_t reached, go;
	_Atomic bool is_shut;
} gate;

static int unlink_at_gate(struct env *e, const char *path)
{
	if (strstr(path, "/sst/") && atomic_exchange(&gate.is_shut, false)) {
		sem_post(&gate.reached);
		sem_wait(&gate.go);
	}
	return gate.real->unlink(e, path);
}

static void gate_set(void)
{
	struct env *e = fault_env_env(fault);

	gate.real = e->ops;
	gate.ops = *e->ops;
	gate.ops.unlink = unlink_at_gate;
	sem_init(&gate.reached, 0, 0);
	sem_init(&gate.go, 0, 0);
	atomic_store(&gate.is_shut, true);
	e->ops = &gate.ops;
}

static void gate_take_away(void)
{
	fault_env_env(fault)->ops = gate.real;
	sem_destroy(&gate.reached);
	sem_destroy(&gate.go);
}

static void *flush_thread(void *arg)
{
	*(int *)arg = tt_flush(db);
	return NULL;
}

static void *compact_thread(void *arg)
{
	struct tt_slice all = { NULL, 0 };

	*(int *)arg = tt_compact(db, all, all);
	return NULL;
}

/* What a write or a sync of a table, or a read of one, came to. */
START_TEST(what_failed_before_work_was_resumed_does_not_stop_it)
{
	static const struct {
		void *(*run)(void *);
		unsigned mask;
	} tries[] = {
		{ flush_thread, FAULT_SYNC },
		{ compact_thread, FAULT_SYNC }, /* -EIO: perhaps an input */
		{ compact_thread, FAULT_RENAME },
	};
	pthread_t thread;
	int r = -1;

	for (unsigned i = 0; i < 50; i++)
		ck_ok(put(i));
	if (tries[_i].run == compact_thread) {
		ck_ok(tt_flush(db));
		for (unsigned i = 0; i < 50; i++)
			ck_ok(put(i));
		ck_ok(tt_flush(db));
	}
	gate_set();
	fault_env_fail(fault, tries[_i].mask, 1,
		       tries[_i].mask == FAULT_SYNC ? EIO : EROFS,
		       FAULT_FROM_THEN_ON);
	fault_env_only(fault, "/sst/");
	ck_assert_int_eq(pthread_create(&thread, NULL, tries[_i].run, &r), 0);
	sem_wait(&gate.reached);
	fault_env_clear(fault);
	ck_ok(tt_resume(db));
	sem_post(&gate.go);
	pthread_join(thread, NULL);
	ck_assert_msg(r == 0, "%s", tt_error_text(r));
	expect_state(TT_BACKGROUND_WELL, 0, "");
	ck_ok(put(50));
	expect(0, 51);
	ck_ok(tt_flush(db));
	expect_no_strays();
	ck_ok(tt_close(db));
	gate_take_away();
	open_store();
}
END_TEST

/* The path of some table. */
static int find_table(void *arg, const char *name, enum env_file_type type)
{
	(void)type;
	(void)snprintf(arg, 512, "%s/%s", tmpdir_path(dir, "store/sst"), name);
	return 0;
}

static void flip_bit(const char *path)
{
	struct stat st;
	uint8_t b;
	int fd = open(path, O_RDWR);

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(pread(fd, &b, 1, st.st_size - 100), 1);
	b ^= 1;
	ck_assert_int_eq(pwrite(fd, &b, 1, st.st_size - 100), 1);
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(compaction_goes_on_when_the_damage_is_mended)
{
	struct tt_slice all = { NULL, 0 };
	char path[512] = "";

	for (unsigned i = 0; i < 100; i++)
		ck_ok(put(i));
	ck_ok(tt_compact(db, all, all));
	ck_ok(env_list(env_posix(), tmpdir_path(dir, "store/sst"), find_table,
		       path));
	flip_bit(path);
	for (unsigned i = 0; i < 100; i++)
		ck_ok(put(i));
	ck_err(tt_compact(db, all, all), TT_ECORRUPT);
	expect_state(TT_BACKGROUND_NO_COMPACTION, TT_ECORRUPT,
		     strrchr(path, '/') + 1);
	for (unsigned i = 0; i < 1000; i++)
		ck_ok(put(i));
	ck_ok(tt_flush(db));
	expect(0, 1000);
	flip_bit(path);
	ck_ok(tt_resume(db));
	expect_state(TT_BACKGROUND_WELL, 0, "");
	ck_ok(tt_compact(db, all, all));
	expect_state(TT_BACKGROUND_WELL, 0, "");
	expect(0, 1000);
}
END_TEST

START_TEST(a_log_that_was_not_synced_is_beyond_help)
{
	ck_ok(put(0));
	ck_ok(tt_sync(db));
	ck_ok(put(1));
	fault_env_fail(fault, FAULT_SYNC, 1, EIO, FAULT_ONCE);
	ck_err(tt_sync(db), -EIO);
	expect_state(TT_BACKGROUND_POISONED, TT_EPOISONED, ".wal");
	ck_err(tt_resume(db), TT_EPOISONED);
	ck_err(put(2), TT_EPOISONED);
	expect(0, 2);
	expect_state(TT_BACKGROUND_POISONED, TT_EPOISONED, ".wal");
	(void)tt_close(db);
	open_store();
	expect_state(TT_BACKGROUND_WELL, 0, "");
	ck_ok(put(2));
	expect(0, 1);
}
END_TEST

START_TEST(want_of_space_is_told_and_passes)
{
	for (unsigned i = 0; i < 50; i++)
		ck_ok(put(i));
	fault_env_limit_bytes(fault, 0);
	ck_err(tt_flush(db), -ENOSPC);
	expect_state(TT_BACKGROUND_NO_SPACE, -ENOSPC, ".sst");
	ck_ok(put(50)); /* into the memtable */
	/* Resuming tries at once. */
	ck_ok(tt_resume(db));
	ck_err(tt_flush(db), -ENOSPC);
	fault_env_clear(fault);
	for (unsigned i = 0; tt_background_error(db, NULL) && i < 400; i++)
		(void)usleep(10000); /* its pause is half a second */
	expect_state(TT_BACKGROUND_WELL, 0, "");
	ck_ok(tt_flush(db));
	expect(0, 51);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("health");
	TCase *t = tcase_create("health");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_store_is_well_and_resuming_changes_nothing);
	tcase_add_test(t, a_table_that_was_not_synced_is_written_anew);
	tcase_add_test(t, a_disk_that_still_fails_stops_work_again);
	tcase_add_loop_test(t, a_manifest_that_failed_is_replaced_by_a_new_one,
			    0, 2);
	tcase_add_loop_test(
		t, a_manifest_without_room_is_replaced_when_there_is, 0, 2);
	tcase_add_loop_test(t, work_resumes_after_any_failing_call, 0, 2);
	tcase_add_loop_test(
		t, what_failed_before_work_was_resumed_does_not_stop_it, 0, 3);
	tcase_add_test(t, compaction_goes_on_when_the_damage_is_mended);
	tcase_add_test(t, a_log_that_was_not_synced_is_beyond_help);
	tcase_add_test(t, want_of_space_is_told_and_passes);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
