/* SPDX-License-Identifier: MIT */
/*
 * Backups when things go wrong at any call: making, deleting, restoring. The
 * backups that are there stay whole, there is a new one wholly or not at all,
 * and nothing that no backup needs is left after the next run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lsm/backup_list.h"
#include "lsm/newdir.h"
#include "support/check_main.h"
#include "support/copy_fixture.h"
#include "support/ladder.h"
#include "support/tmpdir.h"

/* An earlier backup, and a store that has gone on since. */
static void start_anew(void)
{
	ck_ok(tt_options_set(opts, "memtable_bytes", "256k"));
	start_over();
	climb(200);
	ck_ok(tt_flush(db));
	ck_ok(backup(NULL));
	climb(200);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	climb(250);
}

struct shared {
	struct backup_file v[200];
	unsigned n;
};

static int note_shared(void *arg, const struct backup_file *f)
{
	struct shared *t = arg;

	if (!backup_is_shared(f->kind))
		return 0;
	for (unsigned i = 0; i < t->n; i++)
		if (memcmp(&t->v[i], f, sizeof(*f)) == 0)
			return 0;
	ck_assert_uint_lt(t->n, 200);
	t->v[t->n++] = *f;
	return 0;
}

/* Nothing is left in the directory that no backup needs. */
static void expect_tidy(unsigned n_backups)
{
	const char *backups = tmpdir_path(dir, "backups");
	struct listed l = list_backups();
	struct shared needed = { .n = 0 };
	struct buf text = BUF_INIT;
	struct backup_head h;

	ck_assert_uint_eq(l.n, n_backups);
	/* BACKUPS, LOCK, sst, val */
	ck_assert_uint_eq(count_names("backups"), 4 + n_backups);
	for (unsigned i = 0; i < l.n; i++) {
		ck_ok(backup_list_load(env, backups, l.ids[i], &text, &h));
		ck_ok(backup_list_each(&text, note_shared, &needed));
	}
	ck_assert_uint_eq(count_names("backups/sst") +
				  count_names("backups/val"),
			  needed.n);
	buf_fini(&text);
}

START_TEST(any_call_may_fail_once)
{
	static const int errs[] = { EIO, ENOSPC };
	uint64_t nth = 0, failed;
	bool is_last;
	int r;

	do {
		start_anew();
		nth += stride();
		fault_env_fail(fault, FAULT_ANY, nth, errs[_i], FAULT_ONCE);
		r = backup(NULL);
		failed = fault_env_failed(fault);
		fault_env_clear(fault);
		ck_assert_msg(r == 0 || failed, "call %llu: %s",
			      (unsigned long long)nth, tt_error_text(r));
		ck_ok(verify(1));
		is_last = list_backups().n == 2;
		ck_assert(r != 0 || is_last);
		if (r != 0 && !is_last)
			ck_ok(backup(NULL));
		/* Where the failure was one of tidying up. */
		ck_ok(prune(99));
		expect_tidy(2);
		ck_ok(verify(0));
		ck_ok(restore(0, "restored"));
		ck_assert_uint_eq(check_store("restored"), 650);
	} while (failed);
	printf("# %llu calls\n", (unsigned long long)nth);
}
END_TEST

START_TEST(the_power_may_go_at_any_call)
{
	static const enum fault_cut cuts[] = { CUT_STRICT, CUT_RANDOM,
					       CUT_NOTHING_LOST };
	uint64_t nth = 0, failed;
	int r;

	do {
		struct listed l;

		start_anew();
		nth += stride();
		fault_env_fail(fault, FAULT_MUTATING, nth, EIO,
			       FAULT_FROM_THEN_ON);
		r = backup(NULL);
		failed = fault_env_failed(fault);
		ck_ok(fault_env_cut(fault, cuts[_i]));
		(void)tt_close(db);
		db = NULL;
		ck_ok(fault_env_power_on(fault));
		ck_ok(verify(1));
		l = list_backups();
		ck_assert(l.n == 2 || (l.n == 1 && r != 0));
		if (l.n == 2) {
			ck_ok(verify(l.ids[1]));
			ck_ok(restore(l.ids[1], "restored"));
			ck_assert_uint_eq(check_store("restored"), 650);
		}
		open_store();
		/* So that the next one has no use for what there may be. */
		steps = ladder_check(db, 0);
		climb(100);
		ck_ok(tt_compact(db, tt_str(""), tt_str("")));
		ck_ok(backup(NULL));
		expect_tidy(l.n + 1);
		ck_ok(verify(0));
	} while (failed);
	printf("# %llu calls\n", (unsigned long long)nth);
}
END_TEST

START_TEST(deleting_may_be_cut_off_anywhere)
{
	static const enum fault_cut cuts[] = { CUT_STRICT, CUT_RANDOM,
					       CUT_NOTHING_LOST };
	uint64_t nth = 0, failed;
	int r;

	do {
		struct listed l;

		start_anew();
		ck_ok(backup(NULL));
		nth += stride();
		fault_env_fail(fault, FAULT_MUTATING, nth, EIO,
			       FAULT_FROM_THEN_ON);
		r = delete_backup(1);
		failed = fault_env_failed(fault);
		ck_ok(fault_env_cut(fault, cuts[_i]));
		(void)tt_close(db);
		db = NULL;
		ck_ok(fault_env_power_on(fault));
		ck_ok(verify(2));
		l = list_backups();
		ck_assert(l.n == 1 || (l.n == 2 && r != 0));
		if (l.n == 2)
			ck_ok(verify(1));
		ck_ok(prune(1));
		expect_tidy(1);
		ck_ok(verify(2));
	} while (failed);
	printf("# %llu calls\n", (unsigned long long)nth);
}
END_TEST

START_TEST(restoring_may_be_cut_off_anywhere)
{
	static const enum fault_cut cuts[] = { CUT_STRICT, CUT_RANDOM,
					       CUT_NOTHING_LOST };
	uint64_t nth = 0, failed;
	int r;

	start_anew();
	ck_ok(backup(NULL));
	ck_ok(tt_close(db));
	db = NULL;
	do {
		nth += stride();
		fault_env_fail(fault, FAULT_MUTATING, nth, EIO,
			       FAULT_FROM_THEN_ON);
		failed = fault_env_failed(fault);
		r = restore(2, "restored");
		failed = fault_env_failed(fault) - failed;
		ck_ok(fault_env_cut(fault, cuts[_i]));
		ck_ok(fault_env_power_on(fault));
		ck_assert(r != 0 || is_there("restored"));
		if (!is_there("restored"))
			ck_ok(restore(2, "restored"));
		ck_assert(!is_there("restored" UNFINISHED_SUFFIX));
		ck_assert_uint_eq(check_store("restored"), 650);
		ck_ok(fault_env_cut(fault, CUT_NOTHING_LOST));
		remove_tree(tmpdir_path(dir, "restored"));
		ck_ok(fault_env_power_on(fault));
	} while (failed);
	printf("# %llu calls\n", (unsigned long long)nth);
	open_store();
}
END_TEST

START_TEST(a_full_disk_is_left_as_it_was)
{
	climb(500);
	ck_ok(tt_flush(db));
	ck_ok(backup(NULL));
	climb(2000);
	ck_ok(tt_flush(db));
	fault_env_limit_bytes(fault, 200000);
	ck_err(backup(NULL), -ENOSPC);
	fault_env_clear(fault);
	expect_tidy(1);
	ck_ok(verify(1));
	ck_ok(backup(NULL));
	expect_tidy(2);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("backup_crash");
	TCase *t = tcase_create("backup_crash");

	tcase_add_checked_fixture(t, copy_setup, copy_teardown);
	tcase_add_loop_test(t, any_call_may_fail_once, 0, 2);
	tcase_add_loop_test(t, the_power_may_go_at_any_call, 0, 3);
	tcase_add_loop_test(t, deleting_may_be_cut_off_anywhere, 0, 3);
	tcase_add_loop_test(t, restoring_may_be_cut_off_anywhere, 0, 3);
	tcase_add_test(t, a_full_disk_is_left_as_it_was);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
