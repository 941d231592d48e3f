/* SPDX-License-Identifier: MIT */
/*
 * Commits that fail must leave nothing behind: over the engine's model, whose
 * writes fail on command.
 */
#include <string.h>

#include "support/mem_engine/mem_engine.h"
#include "tree/tree_fixture.h"

static struct fixture f;
static char data[20000];

static void setup(void)
{
	memset(data, 'n', sizeof(data));
	fixture_open(&f);
	ck_ok(do_set(f.t, "d/f", "old"));
	ck_ok(do_set(f.t, "g", "other"));
	ck_ok(do_mkdir(f.t, "e"));
}

static void teardown(void)
{
	fixture_check(&f);
	fixture_close(&f);
}

/* Every change fails, and the tree is what it was. */
static void expect_nothing(const char *when)
{
	struct tree_attr a;

	ck_assert_msg(!strcmp(keys_in(f.t, "", "", false), "d/f g"), "%s",
		      when);
	ck_assert_str_eq(names_in(f.t, ""), "d e g");
	ck_assert_str_eq(do_get(f.t, "d/f"), "old");
	ck_ok(do_stat(f.t, "d/f", &a));
	ck_assert_uint_eq(a.size, 3);
	ck_assert_uint_eq(a.nlink, 1);
	ck_assert_uint_eq(a.mode & 07777, 0644);
	ck_ok(do_stat(f.t, "", &a));
	ck_assert_uint_eq(a.nlink, 4);
	ck_err(do_stat(f.t, "new", &a), -ENOENT);
}

static int do_chmod(struct tree *t, const char *path)
{
	struct tree_attr in = { .mode = 0 }, a;
	int r = path_lookup(t, path, &a);

	ck_ok(r);
	r = tree_setattr(t, a.ino, &in, TREE_SET_MODE, NULL);
	tree_forget(t, a.ino, 1);
	return r;
}

START_TEST(a_failed_commit_changes_nothing)
{
	mem_engine_fail_writes(f.db, 1, -ENOSPC);
	ck_err(do_create(f.t, "new"), -ENOSPC);
	expect_nothing("create");
	ck_err(do_mkdir(f.t, "new"), -ENOSPC);
	expect_nothing("mkdir");
	ck_err(do_write(f.t, "d/f", 0, data, sizeof(data)), -ENOSPC);
	expect_nothing("write");
	ck_err(do_truncate(f.t, "d/f", 0), -ENOSPC);
	expect_nothing("truncate");
	ck_err(do_chmod(f.t, "d/f"), -ENOSPC);
	expect_nothing("chmod");
	ck_err(do_unlink(f.t, "d/f"), -ENOSPC);
	expect_nothing("unlink");
	ck_err(do_rmdir(f.t, "e"), -ENOSPC);
	expect_nothing("rmdir");
	ck_err(do_link(f.t, "d/f", "new"), -ENOSPC);
	expect_nothing("link");
	ck_err(do_rename(f.t, "d/f", "new", 0), -ENOSPC);
	expect_nothing("rename");
	ck_err(do_rename(f.t, "g", "d/f", 0), -ENOSPC);
	expect_nothing("rename over a file");
	ck_err(do_rename(f.t, "d", "e", TREE_RENAME_EXCHANGE), -ENOSPC);
	expect_nothing("exchange");
	ck_err(do_set(f.t, "d/f", "x"), -ENOSPC);
	expect_nothing("SET");
	ck_err(do_set(f.t, "x/y/z", "x"), -ENOSPC);
	expect_nothing("SET with parents");
	ck_err(do_del(f.t, "d", true), -ENOSPC);
	expect_nothing("recursive DELETE");
	mem_engine_fail_writes(f.db, 0, 0);
	ck_ok(do_create(f.t, "new"));
	ck_ok(do_unlink(f.t, "new"));
	expect_nothing("after all that");
}
END_TEST

START_TEST(a_file_in_use_keeps_its_name_when_unlinking_fails)
{
	struct tree_attr a;

	ck_ok(path_lookup(f.t, "d/f", &a));
	mem_engine_fail_writes(f.db, 1, -ENOSPC);
	ck_err(do_unlink(f.t, "d/f"), -ENOSPC);
	expect_nothing("unlink in use");
	ck_err(do_rename(f.t, "g", "d/f", 0), -ENOSPC);
	expect_nothing("rename over a file in use");
	mem_engine_fail_writes(f.db, 0, 0);
	tree_forget(f.t, a.ino, 1);
}
END_TEST

START_TEST(what_the_sweeper_could_not_write_it_tries_again)
{
	struct tree_attr a;

	ck_ok(path_lookup(f.t, "g", &a));
	ck_ok(tree_setxattr(f.t, a.ino, tt_str("user.a"), tt_str("b"), 0));
	ck_ok(do_unlink(f.t, "g"));
	mem_engine_fail_writes(f.db, 1, -ENOSPC);
	tree_forget(f.t, a.ino, 1);
	ck_err(tree_mkdir(f.t, TREE_ROOT, tt_str("n"), &test_cred, 0755, &a),
	       -ENOSPC);
	mem_engine_fail_writes(f.db, 0, 0);
	fixture_check(&f);
}
END_TEST

START_TEST(a_store_of_something_else_is_refused)
{
	struct tree *t;
	struct tt *db;

	ck_ok(tt_open("foreign", NULL, &db));
	ck_ok(tt_put(db, NULL, tt_str("k"), tt_str("v"), NULL));
	ck_err(tree_open(db, &t), TT_EFOREIGN);
	ck_ok(tt_close(db));
	mem_engine_forget("foreign");
}
END_TEST

static Suite *tree_failures_suite(void)
{
	Suite *s = suite_create("tree_failures");
	TCase *tc = tcase_create("failures");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_failed_commit_changes_nothing);
	tcase_add_test(tc, a_file_in_use_keeps_its_name_when_unlinking_fails);
	tcase_add_test(tc, what_the_sweeper_could_not_write_it_tries_again);
	tcase_add_test(tc, a_store_of_something_else_is_refused);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_failures_suite)
