/* SPDX-License-Identifier: MIT */
/*
 * Files that lose their last name while they are in use: what needs no
 * sweeping needs no row.
 */
#include <stdio.h>
#include <string.h>

#include "tree/held.h"
#include "tree/schema_key.h"
#include "tree/sweeper.h"
#include "tree/tree_fixture.h"
#include "tree/tree_priv.h"

static struct fixture f;
static uint64_t file; /* "f", looked up, has "text" in it */

static void setup(void)
{
	struct tree_attr a;

	fixture_open(&f);
	ck_ok(do_create(f.t, "f"));
	ck_ok(do_write(f.t, "f", 0, "text", 4));
	ck_ok(path_lookup(f.t, "f", &a));
	file = a.ino;
}

static void teardown(void)
{
	tree_forget(f.t, file, 1);
	ck_assert_uint_eq(f.t->held_bytes, 0);
	fixture_check(&f);
	fixture_close(&f);
}

/* O rows there are, of any inode. */
static size_t n_orphans(void)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_kind(&lo, KEY_ORPHAN),
		.upper = key_kind_end(&hi, KEY_ORPHAN),
	};
	struct tt_iter *it;
	size_t n = 0;

	ck_ok(tt_iter_new(f.db, &io, &it));
	for (int r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		n++;
	tt_iter_free(it);
	return n;
}

static void expect(uint64_t ino, const char *text)
{
	struct buf b = BUF_INIT;

	ck_ok(read_ino(f.t, ino, 0, 100, &b));
	ck_assert(slice_eq(buf_slice(&b), tt_str(text)));
	buf_fini(&b);
}

START_TEST(a_small_file_in_use_needs_no_row)
{
	struct tree_attr a;

	ck_ok(do_unlink(f.t, "f"));
	ck_assert_uint_eq(n_orphans(), 0);
	expect(file, "text");
	ck_ok(tree_getattr(f.t, file, &a));
	ck_assert_uint_eq(a.nlink, 0);
	ck_assert_uint_eq(f.t->held_bytes, 4);
}
END_TEST

START_TEST(its_contents_go_with_the_last_user)
{
	ck_ok(do_unlink(f.t, "f"));
	tree_forget(f.t, file, 1);
	ck_assert_uint_eq(f.t->held_bytes, 0);
	ck_err(tree_getattr(f.t, file, &(struct tree_attr){ 0 }), -ESTALE);
}
END_TEST

/* A reader may still have them when they change. */
static int change_while_read(void *arg, const struct iovec *iov, int n_iov,
			     size_t total)
{
	(void)arg;
	ck_ok(tree_write(f.t, file, 0, "T", 1, 0, NULL));
	ck_assert_int_eq(n_iov, 1);
	ck_assert(slice_eq(SLICE(iov[0].iov_base, total), tt_str("text")));
	return 0;
}

START_TEST(a_change_gives_it_a_row)
{
	ck_ok(do_unlink(f.t, "f"));
	ck_ok(tree_read(f.t, file, 0, 100, change_while_read, NULL));
	ck_assert_uint_eq(n_orphans(), 1);
	ck_assert_uint_eq(f.t->held_bytes, 0);
	expect(file, "Text");
	tree_forget(f.t, file, 1);
	sweeper_drain(f.t->sweeper);
	ck_assert_uint_eq(n_orphans(), 0);
}
END_TEST

START_TEST(attributes_give_it_a_row_too)
{
	struct tree_attr mode = { .mode = 0600 };

	ck_ok(do_unlink(f.t, "f"));
	ck_ok(tree_setattr(f.t, file, &mode, TREE_SET_MODE, NULL));
	ck_ok(tree_setxattr(f.t, file, tt_str("user.a"), tt_str("b"), 0));
	ck_assert_uint_eq(n_orphans(), 1);
	expect(file, "text");
}
END_TEST

START_TEST(a_rename_over_it_does_not)
{
	ck_ok(do_create(f.t, "g"));
	ck_ok(do_rename(f.t, "g", "f", 0));
	ck_assert_uint_eq(n_orphans(), 0);
	expect(file, "text");
}
END_TEST

START_TEST(the_last_of_several_names_counts)
{
	ck_ok(do_link(f.t, "f", "g"));
	ck_ok(do_unlink(f.t, "f"));
	ck_assert_uint_eq(f.t->held_bytes, 0);
	ck_ok(do_unlink(f.t, "g"));
	ck_assert_uint_eq(n_orphans(), 0);
	expect(file, "text");
}
END_TEST

START_TEST(what_is_to_be_swept_has_a_row)
{
	ck_ok(tree_setxattr(f.t, file, tt_str("user.a"), tt_str("b"), 0));
	ck_ok(do_unlink(f.t, "f"));
	ck_assert_uint_eq(n_orphans(), 1);
	fixture_reopen(&f);
	sweeper_drain(f.t->sweeper);
	ck_assert_uint_eq(n_orphans(), 0);
}
END_TEST

START_TEST(a_link_s_target_is_kept)
{
	struct tree_attr a;
	char target[8];
	size_t len;

	ck_ok(do_symlink(f.t, "there", "l"));
	ck_ok(path_lookup(f.t, "l", &a));
	ck_ok(do_unlink(f.t, "l"));
	ck_ok(tree_readlink(f.t, a.ino, target, sizeof(target), &len));
	ck_assert(slice_eq(SLICE(target, len), tt_str("there")));
	ck_assert_uint_eq(n_orphans(), 0);
	tree_forget(f.t, a.ino, 1);
}
END_TEST

START_TEST(a_removed_directory_has_no_row_until_it_changes)
{
	struct tree_attr a, mode = { .mode = 0700 };

	ck_ok(do_mkdir(f.t, "d"));
	ck_ok(path_lookup(f.t, "d", &a));
	ck_ok(do_rmdir(f.t, "d"));
	ck_assert_uint_eq(n_orphans(), 0);
	ck_err(tree_mkdir(f.t, a.ino, tt_str("x"), &test_cred, 0755, &mode),
	       -ENOENT);
	ck_ok(tree_setattr(f.t, a.ino, &mode, TREE_SET_MODE, NULL));
	ck_assert_uint_eq(n_orphans(), 1);
	tree_forget(f.t, a.ino, 1);
}
END_TEST

#define LARGE SCHEMA_INLINE_MAX
#define MANY (HELD_MAX / LARGE + 8)

/* What does not fit into memory gets a row. */
START_TEST(memory_for_them_is_bounded)
{
	static uint64_t inos[MANY];
	static char text[LARGE];
	struct tree_attr a;
	char name[32];

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "n%zu", i);
		ck_ok(do_create(f.t, name));
		ck_ok(do_write(f.t, name, 0, text, sizeof(text)));
		ck_ok(path_lookup(f.t, name, &a));
		inos[i] = a.ino;
		ck_ok(do_unlink(f.t, name));
	}
	ck_assert_uint_eq(f.t->held_bytes, HELD_MAX);
	ck_assert_uint_eq(n_orphans(), 8);
	for (size_t i = 0; i < MANY; i++)
		tree_forget(f.t, inos[i], 1);
	sweeper_drain(f.t->sweeper);
	ck_assert_uint_eq(n_orphans(), 0);
}
END_TEST

START_TEST(a_restart_forgets_it)
{
	ck_ok(do_unlink(f.t, "f"));
	fixture_reopen(&f);
	ck_err(tree_getattr(f.t, file, &(struct tree_attr){ 0 }), -ESTALE);
}
END_TEST

static Suite *tree_unlinked_suite(void)
{
	const TTest *const tests[] = {
		a_small_file_in_use_needs_no_row,
		its_contents_go_with_the_last_user,
		a_change_gives_it_a_row,
		attributes_give_it_a_row_too,
		a_rename_over_it_does_not,
		the_last_of_several_names_counts,
		what_is_to_be_swept_has_a_row,
		a_link_s_target_is_kept,
		a_removed_directory_has_no_row_until_it_changes,
		memory_for_them_is_bounded,
		a_restart_forgets_it,
	};
	Suite *s = suite_create("tree_unlinked");
	TCase *tc = tcase_create("unlinked");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_unlinked_suite)
