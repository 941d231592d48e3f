/* SPDX-License-Identifier: MIT */
/*
 * Views of the past: everything as it was, and nothing to be changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tree/tree_fixture.h"

#define BIG 100000u /* in blocks */

static struct fixture f;
static struct tree *past;
static int64_t then; /* a moment between old and new */

/* A tree that is full of things, then all of them changed. */
static void setup(void)
{
	static char big[BIG];
	struct tree_attr a;

	fixture_open_with(&f, "retention", "1h");
	memset(big, 'o', sizeof(big));
	ck_ok(do_mkdir(f.t, "d"));
	ck_ok(do_mkdir(f.t, "d/sub"));
	ck_ok(do_set(f.t, "d/small", "old"));
	ck_ok(do_set(f.t, "d/gone", "was here"));
	ck_ok(do_create(f.t, "big"));
	ck_ok(do_write(f.t, "big", 0, big, sizeof(big)));
	ck_ok(do_write(f.t, "big", 10 * BIG, "end", 3));
	ck_ok(do_link(f.t, "big", "d/link"));
	ck_ok(do_symlink(f.t, "target", "l"));
	ck_ok(path_lookup(f.t, "d", &a));
	ck_ok(tree_setxattr(f.t, a.ino, tt_str("user.x"), tt_str("old"), 0));
	ck_ok(tree_sync(f.t));
	then = tt_last_ts(f.db);

	memset(big, 'n', sizeof(big));
	ck_ok(tree_setxattr(f.t, a.ino, tt_str("user.x"), tt_str("new"), 0));
	tree_forget(f.t, a.ino, 1);
	ck_ok(do_set(f.t, "d/small", "new contents"));
	ck_ok(do_unlink(f.t, "d/gone"));
	ck_ok(do_write(f.t, "big", 0, big, sizeof(big)));
	ck_ok(do_truncate(f.t, "big", BIG));
	ck_ok(do_unlink(f.t, "d/link"));
	ck_ok(do_unlink(f.t, "l"));
	ck_ok(do_rename(f.t, "d", "e", 0));
	ck_ok(do_set(f.t, "fresh", "x"));
	ck_ok(tree_sync(f.t));
	ck_ok(tt_flush(f.db));
	ck_ok(tree_close(f.t));
	ck_ok(tree_open_past(f.db, then, &past));
	f.t = past;
}

static void teardown(void)
{
	ck_ok(tree_close(f.t));
	ck_ok(tree_open(f.db, &f.t));
	fixture_check(&f);
	fixture_close(&f);
}

START_TEST(names_are_those_of_then)
{
	struct tree_attr a;

	ck_assert_str_eq(names_in(f.t, ""), "big d l");
	ck_assert_str_eq(names_in(f.t, "d"), "gone link small sub");
	ck_assert_str_eq(keys_in(f.t, "", "", false),
			 "big d/gone d/link d/small l");
	ck_err(do_stat(f.t, "fresh", &a), -ENOENT);
	ck_err(do_stat(f.t, "e", &a), -ENOENT);
	ck_ok(do_stat(f.t, "big", &a));
	ck_assert_uint_eq(a.nlink, 2);
	ck_assert_uint_eq(a.size, 10 * BIG + 3);
}
END_TEST

START_TEST(contents_are_those_of_then)
{
	struct tree_attr a;
	struct buf b = BUF_INIT;
	uint64_t at;
	char target[10];
	size_t len;

	ck_assert_str_eq(do_get(f.t, "d/small"), "old");
	ck_assert_str_eq(do_get(f.t, "d/gone"), "was here");
	ck_ok(do_read(f.t, "big", &b));
	ck_assert_uint_eq(b.len, 10 * BIG + 3);
	ck_assert_int_eq(b.data[0], 'o');
	ck_assert_int_eq(b.data[BIG - 1], 'o');
	ck_assert_int_eq(b.data[BIG], 0);
	ck_assert_int_eq(memcmp(b.data + 10 * BIG, "end", 3), 0);
	buf_fini(&b);
	ck_ok(path_lookup(f.t, "big", &a));
	ck_ok(tree_lseek(f.t, a.ino, 2 * BIG, SEEK_DATA, &at));
	ck_assert(at > 9 * BIG);
	tree_forget(f.t, a.ino, 1);
	ck_ok(path_lookup(f.t, "l", &a));
	ck_ok(tree_readlink(f.t, a.ino, target, sizeof(target), &len));
	ck_assert_uint_eq(len, strlen("target"));
	tree_forget(f.t, a.ino, 1);
}
END_TEST

START_TEST(attributes_are_those_of_then)
{
	struct tree_attr a;
	char value[10];
	size_t len;

	ck_ok(path_lookup(f.t, "d", &a));
	ck_ok(tree_getxattr(f.t, a.ino, tt_str("user.x"), value, sizeof(value),
			    &len));
	ck_assert_uint_eq(len, 3);
	ck_assert_int_eq(memcmp(value, "old", 3), 0);
	ck_ok(tree_listxattr(f.t, a.ino, value, sizeof(value), &len));
	ck_assert_str_eq(value, "user.x");
	tree_forget(f.t, a.ino, 1);
}
END_TEST

START_TEST(nothing_can_be_changed)
{
	struct tree_attr a, in = { .mode = 0600 };
	int64_t before = tt_last_ts(f.db);

	ck_err(do_set(f.t, "big", "x"), TT_EREADONLY);
	ck_err(do_del(f.t, "d", true), TT_EREADONLY);
	ck_err(do_create(f.t, "new"), TT_EREADONLY);
	ck_err(do_mkdir(f.t, "new"), TT_EREADONLY);
	ck_err(do_unlink(f.t, "big"), TT_EREADONLY);
	ck_err(do_rename(f.t, "big", "b", 0), TT_EREADONLY);
	ck_err(do_write(f.t, "big", 0, "x", 1), TT_EREADONLY);
	ck_err(do_truncate(f.t, "big", 0), TT_EREADONLY);
	ck_ok(path_lookup(f.t, "d", &a));
	ck_err(tree_setattr(f.t, a.ino, &in, TREE_SET_MODE, NULL),
	       TT_EREADONLY);
	ck_err(tree_setxattr(f.t, a.ino, tt_str("user.x"), tt_str("y"), 0),
	       TT_EREADONLY);
	ck_ok(tree_fsync(f.t, a.ino));
	tree_forget(f.t, a.ino, 1);
	ck_ok(tree_sync(f.t));
	ck_assert_int_eq(tt_last_ts(f.db), before);
}
END_TEST

START_TEST(a_time_before_the_tree_is_refused)
{
	struct tree *t;
	int r = tree_open_past(f.db, 1, &t);

	ck_assert(r == -ENOENT || r == TT_ETOOOLD);
}
END_TEST

START_TEST(a_time_to_come_is_now)
{
	struct tree *t;

	ck_ok(tree_open_past(f.db, INT64_MAX, &t));
	ck_assert_str_eq(names_in(t, ""), "big e fresh");
	ck_ok(tree_close(t));
}
END_TEST

static Suite *tree_past_suite(void)
{
	const TTest *const tests[] = {
		names_are_those_of_then,	   contents_are_those_of_then,
		attributes_are_those_of_then,	   nothing_can_be_changed,
		a_time_before_the_tree_is_refused, a_time_to_come_is_now,
	};
	Suite *s = suite_create("tree_past");
	TCase *tc = tcase_create("past");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_past_suite)
