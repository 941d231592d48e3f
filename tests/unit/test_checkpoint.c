/* SPDX-License-Identifier: MIT */
/* A copy of the store by links: exact, independent, whole or not there. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lsm/newdir.h"
#include "support/check_main.h"
#include "support/copy_fixture.h"
#include "support/ladder.h"
#include "support/tmpdir.h"

static int checkpoint(const char *name)
{
	return tt_checkpoint(db, tmpdir_path(dir, name), NULL);
}

/* ---- what it holds ---------------------------------------------------- */

START_TEST(a_copy_holds_what_was_written_before_it)
{
	climb(700);
	ck_ok(checkpoint("copy"));
	climb(50);
	ck_assert_uint_eq(check_store("copy"), 700);
	ck_assert_uint_eq(ladder_check(db, 0), 750);
	ck_assert(!is_there("copy" UNFINISHED_SUFFIX));
}
END_TEST

START_TEST(an_empty_store_has_a_copy)
{
	ck_ok(checkpoint("copy"));
	ck_assert_uint_eq(check_store("copy"), 0);
}
END_TEST

START_TEST(a_flush_leaves_no_log_to_copy)
{
	struct tt_copy_options co = { .flush = true };
	char path[512];

	climb(20);
	ck_ok(tt_checkpoint(db, tmpdir_path(dir, "copy"), &co));
	(void)snprintf(path, sizeof(path), "%s", tmpdir_path(dir, "copy/wal"));
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_uint_eq(check_store("copy"), 20);
}
END_TEST

/* Writes the second half of its history over the first, twice: every segment
 * is recycled, every table replaced. */
START_TEST(store_and_copy_do_not_change_each_other)
{
	struct tt *copy;
	uint64_t other = 500;

	climb(500);
	ck_ok(checkpoint("copy"));
	ck_ok(checkpoint("untouched"));
	climb(3000);
	ck_ok(tt_open(tmpdir_path(dir, "copy"), opts, &copy));
	while (other < 4000)
		ck_ok(ladder_step(copy, 0, ++other, false));
	ck_ok(tt_compact(copy, tt_str(""), tt_str("")));
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	climb(500);
	ck_assert_uint_eq(ladder_check(copy, 0), 4000);
	ck_ok(tt_close(copy));
	ck_ok(tt_close(db));
	open_store();
	ck_assert_uint_eq(ladder_check(db, 0), 4000);
	ck_assert_uint_eq(check_store("copy"), 4000);
	ck_assert_uint_eq(check_store("untouched"), 500);
}
END_TEST

/* As a process that dies: what was written stays, nothing is tidied up. */
static void die(void)
{
	fault_env_fail(fault, FAULT_ANY & ~FAULT_CLOSE, 1, EIO,
		       FAULT_FROM_THEN_ON);
	(void)tt_close(db);
	fault_env_clear(fault);
}

START_TEST(the_log_of_earlier_lives_is_copied_too)
{
	climb(60);
	for (int i = 0; i < 3; i++) {
		die();
		open_store();
		climb(70);
	}
	ck_ok(checkpoint("copy"));
	die();
	open_store();
	ck_ok(checkpoint("copy2"));
	ck_assert_uint_eq(check_store("copy"), 270);
	ck_assert_uint_eq(check_store("copy2"), 270);
}
END_TEST

START_TEST(a_copy_of_a_copy_is_one_too)
{
	struct tt *was = db;

	climb(300);
	ck_ok(checkpoint("copy"));
	ck_ok(tt_open(tmpdir_path(dir, "copy"), opts, &db));
	climb(100);
	ck_ok(checkpoint("copy2"));
	ck_ok(tt_close(db));
	db = was;
	ck_assert_uint_eq(check_store("copy2"), 400);
	ck_assert_uint_eq(ladder_check(db, 0), 300);
}
END_TEST

START_TEST(a_copy_has_the_settings_too)
{
	struct buf was = BUF_INIT, is = BUF_INIT;

	ck_ok(tt_close(db));
	ck_ok(tt_options_set(opts, "retention", "1h"));
	open_store();
	ck_ok(checkpoint("copy"));
	ck_ok(backup(NULL));
	ck_ok(restore(1, "restored"));
	ck_ok(env_read_file(env, tmpdir_path(dir, "store/OPTIONS"), 65536,
			    &was));
	ck_assert_uint_gt(was.len, 0);
	ck_ok(env_read_file(env, tmpdir_path(dir, "copy/OPTIONS"), 65536, &is));
	ck_assert(slice_eq(buf_slice(&was), buf_slice(&is)));
	buf_clear(&is);
	ck_ok(env_read_file(env, tmpdir_path(dir, "restored/OPTIONS"), 65536,
			    &is));
	ck_assert(slice_eq(buf_slice(&was), buf_slice(&is)));
	buf_fini(&was);
	buf_fini(&is);
}
END_TEST

static int keep_last(void *arg, struct tt_slice key,
		     const struct tt_slice *base,
		     const struct tt_slice *operands, size_t n,
		     struct tt_merge_result *result)
{
	(void)arg;
	(void)key;
	(void)base;
	return tt_merge_emit(result, operands[n - 1]);
}

/* Opened with another function, a store is refused. */
START_TEST(a_copy_knows_the_merge_function_too)
{
	char value[8] = "";
	struct tt *copy;

	ck_ok(tt_options_set_merge(opts, "last", keep_last, NULL));
	ck_ok(tt_close(db));
	open_store();
	ck_ok(tt_merge(db, NULL, tt_str("k"), tt_str("one"), NULL));
	ck_ok(tt_flush(db));
	ck_ok(tt_merge(db, NULL, tt_str("k"), tt_str("two"), NULL));
	ck_ok(checkpoint("copy"));
	ck_ok(backup(NULL));
	ck_ok(restore(1, "restored"));
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "restored" : "copy";

		ck_ok(tt_options_set_merge(opts, "first", keep_last, NULL));
		ck_err(tt_open(tmpdir_path(dir, name), opts, &copy),
		       TT_EOPTION);
		ck_ok(tt_options_set_merge(opts, "last", keep_last, NULL));
		ck_ok(tt_open(tmpdir_path(dir, name), opts, &copy));
		ck_ok(tt_get(copy, NULL, tt_str("k"), value, sizeof(value),
			     NULL, NULL));
		ck_assert_str_eq(value, "two");
		ck_ok(tt_close(copy));
	}
}
END_TEST

/* ---- under load ------------------------------------------------------- */

#define N_COPIES 6

START_TEST(a_copy_under_load_is_a_prefix)
{
	struct heights least[N_COPIES], most[N_COPIES];
	char name[32];

	load_start();
	for (unsigned c = 0; c < N_COPIES; c++) {
		(void)snprintf(name, sizeof(name), "copy%u", c);
		least[c] = load_wait(1500);
		ck_ok(checkpoint(name));
		most[c] = load_now();
	}
	load_stop();
	/* The log has been recycled and the tables replaced. */
	ck_ok(tt_close(db));
	db = NULL;
	for (unsigned c = 0; c < N_COPIES; c++) {
		(void)snprintf(name, sizeof(name), "copy%u", c);
		check_heights(name, &least[c], &most[c]);
	}
}
END_TEST

/* ---- links ------------------------------------------------------------ */

static int count_links(void *arg, const char *name, enum env_file_type type)
{
	uint64_t *n = arg;
	struct stat st;
	char path[600];

	(void)type;
	(void)snprintf(path, sizeof(path), "%s/%s",
		       tmpdir_path(dir, "copy/sst"), name);
	ck_assert_int_eq(stat(path, &st), 0);
	n[st.st_nlink > 1]++;
	return 0;
}

/* Tables of the copy that are its own, and that are shared. */
static void look_at_links(uint64_t n[2])
{
	n[0] = n[1] = 0;
	ck_ok(env_list(env_posix(), tmpdir_path(dir, "copy/sst"), count_links,
		       n));
}

START_TEST(tables_are_linked_where_that_is_possible)
{
	uint64_t n[2];

	climb(500);
	ck_ok(tt_compact(db, tt_str(""), tt_str(""))); /* and it is quiet */
	ck_ok(checkpoint("copy"));
	look_at_links(n);
	ck_assert_uint_eq(n[0], 0);
	ck_assert_uint_gt(n[1], 0);
}
END_TEST

START_TEST(tables_are_copied_where_links_cannot_be)
{
	static const int why[] = { EXDEV, EPERM, EMLINK, EOPNOTSUPP };
	uint64_t n[2];

	climb(500);
	fault_env_fail(fault, FAULT_LINK, 1, why[_i], FAULT_FROM_THEN_ON);
	ck_ok(checkpoint("copy"));
	fault_env_clear(fault);
	climb(500);
	look_at_links(n);
	ck_assert_uint_gt(n[0], 0);
	ck_assert_uint_eq(n[1], 0);
	ck_assert_uint_eq(check_store("copy"), 500);
}
END_TEST

START_TEST(damage_is_not_copied_but_named)
{
	char path[600];
	const char *name;
	struct stat st;
	int r;

	climb(500);
	ck_ok(tt_compact(db, tt_str(""), tt_str(""))); /* and it is quiet */
	ck_ok(tt_close(db)); /* what it replaced has gone, too */
	open_store();
	name = some_name("store/sst");
	(void)snprintf(path, sizeof(path), "%s/%s",
		       tmpdir_path(dir, "store/sst"), name);
	ck_assert_int_eq(stat(path, &st), 0);
	flip_byte(path, (uint64_t)st.st_size - 10);
	fault_env_fail(fault, FAULT_LINK, 1, EXDEV, FAULT_FROM_THEN_ON);
	r = checkpoint("copy");
	ck_assert_int_eq(r, TT_ECORRUPT);
	ck_assert_msg(strstr(tt_error_text(r), name) != NULL, "%s",
		      tt_error_text(r));
	ck_assert(!is_there("copy") && !is_there("copy" UNFINISHED_SUFFIX));
}
END_TEST

/* ---- where it may go -------------------------------------------------- */

START_TEST(a_directory_with_something_in_it_is_refused)
{
	climb(10);
	ck_assert_int_eq(mkdir(tmpdir_path(dir, "copy"), 0755), 0);
	ck_ok(fault_env_cut(fault, CUT_NOTHING_LOST)); /* it is known now */
	ck_ok(fault_env_power_on(fault));
	(void)tt_close(db);
	open_store();
	ck_ok(checkpoint("copy/"));
	ck_err(checkpoint("copy"), -ENOTEMPTY);
	ck_err(checkpoint("store"), -ENOTEMPTY);
	ck_err(checkpoint("copy/CURRENT"), -ENOTDIR);
	ck_err(checkpoint("copy/."), -EINVAL);
	ck_err(tt_checkpoint(db, "", NULL), -EINVAL);
	ck_err(tt_checkpoint(db, "/", NULL), -EINVAL);
	ck_assert_uint_eq(check_store("copy"), 10);
	ck_ok(checkpoint("a/b/c"));
	ck_assert_uint_eq(check_store("a/b/c"), 10);
}
END_TEST

START_TEST(two_at_once_for_one_place_exclude_each_other)
{
	struct newdir d;

	climb(10);
	ck_ok(newdir_begin(&d, env, tmpdir_path(dir, "copy"), true));
	ck_err(checkpoint("copy"), TT_ELOCKED);
	ck_assert(is_there("copy" UNFINISHED_SUFFIX));
	newdir_fini(&d);
	ck_ok(checkpoint("copy"));
	ck_assert_uint_eq(check_store("copy"), 10);
}
END_TEST

/* ---- progress --------------------------------------------------------- */

START_TEST(progress_is_told_and_may_end_it)
{
	struct watcher w = { .n_most = 1000 };
	struct tt_copy_options co = { .progress = watch, .arg = &w };

	climb(500);
	ck_ok(tt_checkpoint(db, tmpdir_path(dir, "copy"), &co));
	expect_finished(&w);
	w = (struct watcher){ .n_most = 2 };
	ck_err(tt_checkpoint(db, tmpdir_path(dir, "copy2"), &co), -ECANCELED);
	ck_assert(!is_there("copy2") && !is_there("copy2" UNFINISHED_SUFFIX));
	climb(500);
}
END_TEST

/* ---- failures --------------------------------------------------------- */

START_TEST(a_log_that_cannot_be_synced_is_copied)
{
	climb(80);
	/* The log makes segments in the background, and syncs those too. */
	fault_env_fail(fault, FAULT_SYNC, 1, EIO, FAULT_FROM_THEN_ON);
	ck_err(tt_sync(db), -EIO);
	fault_env_clear(fault);
	ck_ok(checkpoint("copy"));
	ck_assert_uint_eq(check_store("copy"), 80);
}
END_TEST

/* A store with tables, a log of some segments, and nothing of the log
 * durable. */
static void start_anew(void)
{
	ck_ok(tt_options_set(opts, "memtable_bytes", "512k"));
	start_over();
	climb(200);
	ck_ok(tt_flush(db));
	climb(600);
}

START_TEST(any_call_may_fail_once)
{
	static const int errs[] = { EIO, ENOSPC };
	uint64_t nth = 0, failed;
	int r;

	do {
		start_anew();
		nth += stride();
		fault_env_fail(fault, FAULT_ANY, nth, errs[_i], FAULT_ONCE);
		r = checkpoint("copy");
		failed = fault_env_failed(fault);
		fault_env_clear(fault);
		/* The background may have met it, or a clean-up. */
		ck_assert_msg(r == 0 || failed, "call %llu: %s",
			      (unsigned long long)nth, tt_error_text(r));
		if (r == 0 || is_there("copy")) {
			ck_assert_uint_eq(check_store("copy"), 800);
			ck_err(checkpoint("copy"), -ENOTEMPTY);
		} else {
			r = checkpoint("copy");
			ck_assert_msg(r == 0, "after call %llu: %s",
				      (unsigned long long)nth,
				      tt_error_text(r));
			ck_assert_uint_eq(check_store("copy"), 800);
		}
		ck_assert(!is_there("copy" UNFINISHED_SUFFIX));
	} while (failed);
	printf("# %llu calls\n", (unsigned long long)nth);
}
END_TEST

/* Either there is nothing by that name, or all of it; even if the store has
 * lost some. */
static void check_after_cut(bool must_be)
{
	bool is_copy = is_there("copy");

	ck_assert(is_copy || !must_be);
	if (is_copy)
		ck_assert_uint_eq(check_store("copy"), 800);
	open_store();
	steps = ladder_check(db, 0);
	ck_assert_uint_ge(steps, 200);
	climb(300);
	if (!is_copy)
		ck_ok(checkpoint("copy"));
	ck_assert(!is_there("copy" UNFINISHED_SUFFIX));
	ck_assert_uint_eq(check_store("copy"), is_copy ? 800 : steps);
}

START_TEST(the_power_may_go_at_any_call)
{
	static const enum fault_cut cuts[] = { CUT_STRICT, CUT_RANDOM,
					       CUT_NOTHING_LOST };
	uint64_t nth = 0, failed;
	int r;

	do {
		start_anew();
		nth += stride();
		fault_env_fail(fault, FAULT_MUTATING, nth, EIO,
			       FAULT_FROM_THEN_ON);
		r = checkpoint("copy");
		failed = fault_env_failed(fault);
		ck_ok(fault_env_cut(fault, cuts[_i]));
		(void)tt_close(db);
		db = NULL;
		ck_ok(fault_env_power_on(fault));
		check_after_cut(r == 0);
	} while (failed);
	printf("# %llu calls\n", (unsigned long long)nth);
}
END_TEST

START_TEST(a_full_disk_is_left_as_it_was)
{
	climb(500);
	ck_ok(tt_compact(db, tt_str(""), tt_str(""))); /* and it is quiet */
	fault_env_fail(fault, FAULT_LINK, 1, EXDEV, FAULT_FROM_THEN_ON);
	fault_env_limit_bytes(fault, 100000);
	ck_err(checkpoint("copy"), -ENOSPC);
	ck_assert(!is_there("copy") && !is_there("copy" UNFINISHED_SUFFIX));
	fault_env_clear(fault);
	ck_ok(checkpoint("copy"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("checkpoint");
	TCase *t = tcase_create("checkpoint");

	tcase_add_checked_fixture(t, copy_setup, copy_teardown);
	tcase_add_test(t, a_copy_holds_what_was_written_before_it);
	tcase_add_test(t, an_empty_store_has_a_copy);
	tcase_add_test(t, a_flush_leaves_no_log_to_copy);
	tcase_add_test(t, store_and_copy_do_not_change_each_other);
	tcase_add_test(t, the_log_of_earlier_lives_is_copied_too);
	tcase_add_test(t, a_copy_of_a_copy_is_one_too);
	tcase_add_test(t, a_copy_has_the_settings_too);
	tcase_add_test(t, a_copy_knows_the_merge_function_too);
	tcase_add_test(t, a_copy_under_load_is_a_prefix);
	tcase_add_test(t, tables_are_linked_where_that_is_possible);
	tcase_add_loop_test(t, tables_are_copied_where_links_cannot_be, 0, 4);
	tcase_add_test(t, damage_is_not_copied_but_named);
	tcase_add_test(t, a_directory_with_something_in_it_is_refused);
	tcase_add_test(t, two_at_once_for_one_place_exclude_each_other);
	tcase_add_test(t, progress_is_told_and_may_end_it);
	tcase_add_test(t, a_log_that_cannot_be_synced_is_copied);
	tcase_add_loop_test(t, any_call_may_fail_once, 0, 2);
	tcase_add_loop_test(t, the_power_may_go_at_any_call, 0, 3);
	tcase_add_test(t, a_full_disk_is_left_as_it_was);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
