/* SPDX-License-Identifier: MIT */
/*
 * Inodes in memory: which of them a face should have forgotten, when they are
 * more than their budget allows.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tree/tree_fixture.h"
#include "tree/tree_priv.h"

#define N_FILES 4000u
#define BUDGET ((size_t)400 << 10) /* for about a thousand of them */

static struct fixture f;
static uint64_t inos[N_FILES];

static void setup(void)
{
	fixture_open(&f);
	tree_set_inode_budget(f.t, BUDGET);
}

static void teardown(void)
{
	fixture_check(&f);
	fixture_close(&f);
}

/* Looked up once, and kept. */
static uint64_t make_file(unsigned i)
{
	struct tree_attr a;
	bool created;
	char name[32];

	(void)snprintf(name, sizeof(name), "f%05u", i);
	ck_ok(tree_create(f.t, TREE_ROOT, slice_str(name), &test_cred,
			  S_IFREG | 0644, true, &created, &a));
	return a.ino;
}

static void make_files(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		inos[i] = make_file(i);
}

static void forget_files(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		tree_forget(f.t, inos[i], 1);
}

static size_t resident(void)
{
	return inode_table_count(&f.t->inodes);
}

static bool is_in(uint64_t ino, const uint64_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == ino)
			return true;
	return false;
}

/* All that are named at once, without giving anything back. */
static size_t name_all(uint64_t *out, size_t max)
{
	size_t n = 0, more;

	while ((more = tree_idle_inodes(f.t, out + n, max - n)) > 0)
		n += more;
	return n;
}

START_TEST(a_tree_without_a_budget_is_never_crowded)
{
	uint64_t out[8];

	tree_set_inode_budget(f.t, SIZE_MAX);
	make_files(N_FILES);
	ck_assert(!tree_is_crowded(f.t));
	ck_assert_uint_eq(tree_idle_inodes(f.t, out, 8), 0);
	forget_files(N_FILES);
}
END_TEST

START_TEST(few_inodes_make_no_crowd)
{
	uint64_t out[8];

	make_files(200);
	ck_assert(!tree_is_crowded(f.t));
	ck_assert_uint_eq(tree_idle_inodes(f.t, out, 8), 0);
	forget_files(200);
}
END_TEST

START_TEST(memory_stays_bounded_when_the_face_gives_back)
{
	uint64_t out[64];
	size_t most = 0, n;

	for (unsigned i = 0; i < N_FILES; i++) {
		(void)make_file(i);
		while (tree_is_crowded(f.t)) {
			n = tree_idle_inodes(f.t, out, 64);
			for (size_t k = 0; k < n; k++)
				tree_forget(f.t, out[k], 1);
		}
		most = MAX_OF(most, resident());
	}
	ck_assert_uint_le(most * sizeof(struct inode), BUDGET);
	ck_assert_uint_ge(most * sizeof(struct inode), BUDGET / 3);
}
END_TEST

START_TEST(no_inode_is_named_twice_while_the_face_works)
{
	static uint64_t out[2 * N_FILES];
	size_t n;

	make_files(N_FILES);
	ck_assert(tree_is_crowded(f.t));
	n = name_all(out, 2 * N_FILES);
	ck_assert(!tree_is_crowded(f.t));
	ck_assert_uint_lt(n, N_FILES);
	for (size_t i = 0; i < n; i++)
		ck_assert(!is_in(out[i], out, i));
	/* what is left, should all of these be forgotten, fits */
	ck_assert_uint_le((N_FILES - n) * sizeof(struct inode), BUDGET);
	forget_files(N_FILES);
}
END_TEST

START_TEST(what_is_in_use_stays)
{
	static uint64_t out[N_FILES];
	struct tree_attr a;
	size_t n;

	make_files(N_FILES);
	for (unsigned i = 0; i < 100; i++)
		ck_ok(tree_getattr(f.t, inos[i], &a));
	n = name_all(out, N_FILES);
	ck_assert_uint_gt(n, 0);
	for (unsigned i = 0; i < 100; i++)
		ck_assert(!is_in(inos[i], out, n));
	forget_files(N_FILES);
}
END_TEST

/* A file that is open is not given back; when it is closed it must be named
 * again, though nobody has used it in between. */
START_TEST(what_the_face_has_to_keep_is_named_again)
{
	static uint64_t out[N_FILES], again[N_FILES];
	size_t n, n_again;

	make_files(N_FILES / 2);
	n = name_all(out, N_FILES);
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_eq(name_all(again, N_FILES), 0);
	for (unsigned i = N_FILES / 2; i < N_FILES; i++)
		inos[i] = make_file(i);
	n_again = name_all(again, N_FILES);
	for (size_t i = 0; i < n_again; i++)
		if (is_in(again[i], out, n))
			goto found;
	ck_abort_msg("none of the %zu was named again", n);
found:
	forget_files(N_FILES);
}
END_TEST

START_TEST(naming_takes_nothing_away)
{
	static uint64_t out[N_FILES];
	struct tree_attr a;
	size_t n;

	make_files(N_FILES);
	n = name_all(out, N_FILES);
	ck_assert_uint_eq(resident(), N_FILES + 1); /* and the root */
	for (size_t i = 0; i < n; i++)
		ck_ok(tree_getattr(f.t, out[i], &a));
	forget_files(N_FILES);
}
END_TEST

static Suite *tree_inodes_suite(void)
{
	const TTest *const tests[] = {
		a_tree_without_a_budget_is_never_crowded,
		few_inodes_make_no_crowd,
		memory_stays_bounded_when_the_face_gives_back,
		no_inode_is_named_twice_while_the_face_works,
		what_is_in_use_stays,
		what_the_face_has_to_keep_is_named_again,
		naming_takes_nothing_away,
	};
	Suite *s = suite_create("tree_inodes");
	TCase *tc = tcase_create("inodes");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_inodes_suite)
