/* SPDX-License-Identifier: MIT */
/*
 * Keys: what the port may do to the tree, and the order of scans.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/prng.h"
#include "tree/tree_fixture.h"

static struct fixture f;

static void setup(void)
{
	fixture_open(&f);
}

static void teardown(void)
{
	fixture_check(&f);
	fixture_close(&f);
}

/* ---- syntax ----------------------------------------------------------- */

START_TEST(keys_that_are_no_paths_are_refused)
{
	static const char *const bad[] = { "",	  "/a", "a/",	"a//b",	 ".",
					   "a/.", "..", "../a", "a/../b" };
	char longest[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_err(do_set(f.t, bad[i], "x"), TT_EKEY);
	memset(longest, 'n', sizeof(longest));
	longest[256] = 0;
	ck_err(do_set(f.t, longest, "x"), TT_EKEY);
	longest[255] = 0;
	ck_ok(do_set(f.t, longest, "x"));
	ck_assert_ptr_nonnull(tree_key_why_invalid(SLICE("a\0b", 3)));
	ck_assert_ptr_null(tree_key_why_invalid(tt_str("a/...b/.c")));
}
END_TEST

/* ---- SET, GET, DELETE ------------------------------------------------- */

START_TEST(set_makes_missing_parents)
{
	struct tree_attr a;

	ck_ok(do_set(f.t, "a/b/c", "v"));
	ck_assert_str_eq(do_get(f.t, "a/b/c"), "v");
	ck_ok(do_stat(f.t, "a/b", &a));
	ck_assert(S_ISDIR(a.mode));
	ck_assert_uint_eq(a.nlink, 2);
}
END_TEST

START_TEST(a_prefix_that_is_a_file_is_not_a_directory)
{
	ck_ok(do_set(f.t, "a", "v"));
	ck_err(do_set(f.t, "a/b", "v"), -ENOTDIR);
	ck_assert_ptr_null(do_get(f.t, "a/b"));
	ck_err(do_del(f.t, "a/b", false), -ENOTDIR);
}
END_TEST

START_TEST(a_directory_is_no_value)
{
	ck_ok(do_mkdir(f.t, "d"));
	ck_err(do_set(f.t, "d", "v"), -EISDIR);
	ck_assert_ptr_null(do_get(f.t, "d"));
}
END_TEST

START_TEST(set_replaces_by_a_new_file_that_keeps_mode_owner_and_xattrs)
{
	struct tree_attr was, is, set = { .mode = 0600, .uid = 7, .gid = 8 };
	char v[8];
	size_t n;

	ck_ok(do_set(f.t, "k", "old"));
	ck_ok(path_lookup(f.t, "k", &was));
	ck_ok(tree_setattr(f.t, was.ino, &set,
			   TREE_SET_MODE | TREE_SET_UID | TREE_SET_GID, NULL));
	ck_ok(tree_setxattr(f.t, was.ino, tt_str("user.x"), tt_str("y"), 0));
	ck_ok(do_set(f.t, "k", "new"));
	ck_ok(path_lookup(f.t, "k", &is));
	ck_assert_uint_ne(is.ino, was.ino);
	ck_assert_uint_eq(is.mode, S_IFREG | 0600);
	ck_assert_uint_eq(is.uid, 7);
	ck_assert_uint_eq(is.gid, 8);
	ck_ok(tree_getxattr(f.t, is.ino, tt_str("user.x"), v, sizeof(v), &n));
	ck_assert_uint_eq(n, 1);
	tree_forget(f.t, is.ino, 1);
	tree_forget(f.t, was.ino, 1);
}
END_TEST

START_TEST(who_has_it_open_keeps_the_replaced_contents)
{
	struct buf b = BUF_INIT;
	struct tree_attr a;

	ck_ok(do_set(f.t, "k", "old"));
	ck_ok(path_lookup(f.t, "k", &a));
	ck_ok(do_set(f.t, "k", "new"));
	ck_ok(read_ino(f.t, a.ino, 0, 100, &b));
	ck_assert_str_eq(buf_cstr(&b), "old");
	ck_ok(tree_getattr(f.t, a.ino, &a));
	ck_assert_uint_eq(a.nlink, 0);
	tree_forget(f.t, a.ino, 1);
	ck_err(tree_getattr(f.t, a.ino, &a), -ESTALE);
	buf_fini(&b);
}
END_TEST

START_TEST(set_of_one_name_leaves_other_links_alone)
{
	struct tree_attr a;

	ck_ok(do_set(f.t, "a", "1"));
	ck_ok(do_link(f.t, "a", "b"));
	ck_ok(do_set(f.t, "a", "2"));
	ck_assert_str_eq(do_get(f.t, "b"), "1");
	ck_assert_str_eq(do_get(f.t, "a"), "2");
	ck_ok(do_stat(f.t, "b", &a));
	ck_assert_uint_eq(a.nlink, 1);
}
END_TEST

START_TEST(a_big_value_comes_back_whole)
{
	size_t n = 1000000;
	char *v = malloc(n + 1);
	const char *got;

	for (size_t i = 0; i < n; i++)
		v[i] = (char)('a' + i % 23);
	v[n] = 0;
	ck_ok(do_set(f.t, "big", v));
	got = do_get(f.t, "big");
	ck_assert_ptr_nonnull(got);
	ck_assert(!strcmp(got, v));
	ck_ok(do_set(f.t, "big", "small"));
	ck_assert_str_eq(do_get(f.t, "big"), "small");
	free(v);
}
END_TEST

static int ignore(void *arg, struct tt_slice piece)
{
	(void)arg;
	(void)piece;
	return 0;
}

START_TEST(a_value_over_the_limit_is_refused_not_cut)
{
	ck_ok(do_set(f.t, "k", "12345"));
	ck_err(tree_key_get(f.t, tt_str("k"), 4, ignore, NULL, NULL),
	       TT_ETOOBIG);
	ck_ok(tree_key_get(f.t, tt_str("k"), 5, ignore, NULL, NULL));
}
END_TEST

START_TEST(a_symlink_is_a_value_of_its_own)
{
	ck_ok(do_set(f.t, "d/x", "v"));
	ck_ok(do_symlink(f.t, "d", "l"));
	ck_assert_str_eq(do_get(f.t, "l"), "d");
	ck_assert_ptr_null(do_get(f.t, "l/x"));
}
END_TEST

START_TEST(delete_of_what_is_not_there_says_so)
{
	ck_err(do_del(f.t, "a", false), -ENOENT);
	ck_err(do_del(f.t, "a/b", false), -ENOENT);
	ck_ok(do_set(f.t, "d/x", ""));
	ck_err(do_del(f.t, "d", false), -ENOTEMPTY);
	ck_ok(do_del(f.t, "d/x", false));
	ck_ok(do_del(f.t, "d", false));
}
END_TEST

START_TEST(a_recursive_delete_takes_all_and_frees_the_name)
{
	struct tree_attr a;

	for (int i = 0; i < 50; i++) {
		char key[32];

		snprintf(key, sizeof(key), "d/%d/%d", i % 7, i);
		ck_ok(do_set(f.t, key, "v"));
	}
	ck_ok(do_link(f.t, "d/0/0", "kept"));
	ck_ok(do_del(f.t, "d", true));
	ck_ok(do_set(f.t, "d/0/0", "new"));
	ck_assert_str_eq(keys_in(f.t, "", "", false), "d/0/0 kept");
	fixture_check(&f);
	ck_ok(do_stat(f.t, "kept", &a));
	ck_assert_uint_eq(a.nlink, 1);
	ck_ok(do_stat(f.t, "", &a));
	ck_assert_uint_eq(a.nlink, 3);
}
END_TEST

/* ---- conditions and several at once ------------------------------------ */

static int set_if(const char *key, enum tree_cond_kind cond, int64_t version,
		  int64_t *out)
{
	struct tree_op op = {
		.kind = TREE_OP_SET,
		.key = tt_str(key),
		.value = tt_str("v"),
		.cond = cond,
		.version = version,
	};

	return tree_key_apply(f.t, &op, 1, out, NULL);
}

START_TEST(conditions_decide_by_the_present_state)
{
	struct tree_attr a;
	int64_t v1, v2;

	ck_err(set_if("k", TREE_COND_EXISTS, 0, NULL), TT_ECONFLICT);
	ck_err(set_if("x/k", TREE_COND_VERSION, 1, NULL), TT_ECONFLICT);
	ck_ok(set_if("k", TREE_COND_ABSENT, 0, &v1));
	ck_err(set_if("k", TREE_COND_ABSENT, 0, NULL), TT_ECONFLICT);
	ck_ok(tree_key_stat(f.t, tt_str("k"), &a));
	ck_assert_int_eq(a.version, v1);
	ck_ok(set_if("k", TREE_COND_VERSION, v1, &v2));
	ck_err(set_if("k", TREE_COND_VERSION, v1, NULL), TT_ECONFLICT);
	ck_ok(do_write(f.t, "k", 0, "w", 1));
	ck_err(set_if("k", TREE_COND_VERSION, v2, NULL), TT_ECONFLICT);
}
END_TEST

START_TEST(later_operations_see_earlier_ones)
{
	struct tree_op ops[] = {
		{ .kind = TREE_OP_SET,
		  .key = tt_str("a/1"),
		  .value = tt_str("1") },
		{ .kind = TREE_OP_SET,
		  .key = tt_str("a/2"),
		  .value = tt_str("2") },
		{ .kind = TREE_OP_DELETE, .key = tt_str("a/1") },
		{ .kind = TREE_OP_SET,
		  .key = tt_str("a/2"),
		  .value = tt_str("3"),
		  .cond = TREE_COND_EXISTS },
		{ .kind = TREE_OP_DELETE, .key = tt_str("b") },
		{ .kind = TREE_OP_SET,
		  .key = tt_str("b/c"),
		  .value = tt_str("4") },
		{ .kind = TREE_OP_DELETE,
		  .key = tt_str("d"),
		  .recursive = true },
		{ .kind = TREE_OP_SET,
		  .key = tt_str("d"),
		  .value = tt_str("5") },
		{ .kind = TREE_OP_DELETE, .key = tt_str("e/f") },
		{ .kind = TREE_OP_DELETE, .key = tt_str("e") },
	};

	ck_ok(do_set(f.t, "b", "file"));
	ck_ok(do_set(f.t, "d/x", "file"));
	ck_ok(do_set(f.t, "e/f", "file"));
	ck_ok(tree_key_apply(f.t, ops, 10, NULL, NULL));
	ck_assert_str_eq(keys_in(f.t, "", "", false), "a/2 b/c d");
	ck_assert_str_eq(do_get(f.t, "a/2"), "3");
	ck_assert_str_eq(names_in(f.t, ""), "a b d");
}
END_TEST

START_TEST(attributes_survive_being_set_twice_at_once)
{
	struct tree_op ops[] = {
		{ .kind = TREE_OP_SET,
		  .key = tt_str("k"),
		  .value = tt_str("1") },
		{ .kind = TREE_OP_SET,
		  .key = tt_str("k"),
		  .value = tt_str("2") },
	};
	struct tree_attr a;
	char v[8];
	size_t n;

	ck_ok(do_set(f.t, "k", "0"));
	ck_ok(path_lookup(f.t, "k", &a));
	ck_ok(tree_setxattr(f.t, a.ino, tt_str("user.x"), tt_str("y"), 0));
	tree_forget(f.t, a.ino, 1);
	ck_ok(tree_key_apply(f.t, ops, 2, NULL, NULL));
	ck_ok(path_lookup(f.t, "k", &a));
	ck_ok(tree_getxattr(f.t, a.ino, tt_str("user.x"), v, sizeof(v), &n));
	tree_forget(f.t, a.ino, 1);
}
END_TEST

START_TEST(one_failure_undoes_all_and_is_named)
{
	struct tree_op ops[] = {
		{ .kind = TREE_OP_SET,
		  .key = tt_str("n/1"),
		  .value = tt_str("1") },
		{ .kind = TREE_OP_SET,
		  .key = tt_str("k"),
		  .value = tt_str("1") },
		{ .kind = TREE_OP_DELETE, .key = tt_str("absent") },
	};
	size_t failed = 99;

	ck_ok(do_set(f.t, "k", "old"));
	ck_err(tree_key_apply(f.t, ops, 3, NULL, &failed), -ENOENT);
	ck_assert_uint_eq(failed, 2);
	ck_assert_str_eq(do_get(f.t, "k"), "old");
	ck_assert_str_eq(names_in(f.t, ""), "k");
}
END_TEST

START_TEST(a_thousand_operations_are_one_version)
{
	enum { N = 1000 };
	struct tree_op *ops = calloc(N, sizeof(*ops));
	char(*keys)[32] = calloc(N, sizeof(*keys));
	struct tree_attr a;
	int64_t version;

	for (int i = 0; i < N; i++) {
		snprintf(keys[i], sizeof(keys[i]), "d%d/%d", i % 10, i);
		ops[i].key = tt_str(keys[i]);
		ops[i].value = tt_str("v");
	}
	ck_ok(tree_key_apply(f.t, ops, N, &version, NULL));
	for (int i = 0; i < N; i += 100) {
		ck_ok(tree_key_stat(f.t, ops[i].key, &a));
		ck_assert_int_eq(a.version, version);
	}
	free(ops);
	free(keys);
}
END_TEST

/* ---- the listener ----------------------------------------------------- */

static char heard[1000];

static void hear_entry(void *arg, uint64_t parent, struct tt_slice name)
{
	size_t n = strlen(heard);

	(void)arg;
	snprintf(heard + n, sizeof(heard) - n, "%" PRIu64 ":%.*s ", parent,
		 (int)name.len, (const char *)name.data);
}

START_TEST(changes_are_told_where_the_kernel_may_know)
{
	struct tree_listener l = { .entry_changed = hear_entry };
	char expect[64];
	uint64_t d;
	int r;

	heard[0] = 0;
	tree_set_listener(f.t, &l);
	ck_ok(do_set(f.t, "d/x", "1"));
	d = path_ino(f.t, "d", &r);
	ck_ok(do_set(f.t, "d/x", "2"));		/* nobody has d looked up */
	ck_ok(do_write(f.t, "d/x", 0, "3", 1)); /* not through a key */
	snprintf(expect, sizeof(expect), "1:d ");
	ck_assert_str_eq(heard, expect);
	{
		struct tree_attr a;

		ck_ok(path_lookup(f.t, "d", &a));
		ck_ok(do_del(f.t, "d/x", false));
		tree_forget(f.t, a.ino, 1);
	}
	snprintf(expect, sizeof(expect), "1:d %" PRIu64 ":x ", d);
	ck_assert_str_eq(heard, expect);
}
END_TEST

static void hear_all(void *arg)
{
	++*(int *)arg;
}

static int try_set(const char *key, const char *value)
{
	struct tree_op op = { .kind = TREE_OP_SET,
			      .key = slice_str(key),
			      .value = slice_str(value) };

	return tree_key_try_apply(f.t, &op, 1, NULL, NULL, NULL);
}

START_TEST(who_must_not_wait_changes_nothing_instead)
{
	int n_waits = 0;
	struct tree_listener l = { .changes_told = hear_all, .arg = &n_waits };
	const struct tree_op op = { .kind = TREE_OP_SET,
				    .key = SLICE_LIT("d/y") };
	bool is_untold = false;
	struct tree_attr a;

	ck_ok(try_set("d/x", "1")); /* nobody listens */
	tree_set_listener(f.t, &l);
	ck_ok(try_set("d/x", "2"));
	ck_err(try_set("x", "1"), -EAGAIN); /* the root is always known */
	ck_err(try_set("new/x", "1"), -EAGAIN);
	ck_ok(path_lookup(f.t, "d", &a));
	n_waits = 0;
	ck_err(try_set("d/x", "3"), -EAGAIN);
	ck_err(try_set("d/new", "3"), -EAGAIN);
	ck_assert_int_eq(n_waits, 0);
	ck_assert_str_eq(do_get(f.t, "d/x"), "2");
	ck_assert_ptr_null(do_get(f.t, "d/new"));
	ck_assert_ptr_null(do_get(f.t, "x"));
	ck_ok(do_set(f.t, "d/x", "4"));
	ck_assert_int_eq(n_waits, 1);
	ck_ok(tree_key_try_apply(f.t, &op, 1, NULL, NULL, &is_untold));
	ck_assert(is_untold);
	ck_assert_int_eq(n_waits, 1);
	tree_settle(f.t);
	ck_assert_int_eq(n_waits, 2);
	tree_forget(f.t, a.ino, 1);
	ck_ok(tree_key_try_apply(f.t, &op, 1, NULL, NULL, &is_untold));
	ck_assert(!is_untold);
	ck_ok(try_set("d/x", "5"));
	ck_assert_str_eq(do_get(f.t, "d/x"), "5");
}
END_TEST

/* ---- scans ------------------------------------------------------------ */

START_TEST(scans_go_by_whole_keys)
{
	ck_ok(do_set(f.t, "a/c", ""));
	ck_ok(do_set(f.t, "a-b", ""));
	ck_ok(do_set(f.t, "a0", ""));
	ck_ok(do_set(f.t, "a-b-/x", ""));
	ck_ok(do_mkdir(f.t, "a-"));
	ck_ok(do_symlink(f.t, "t", "a-/l"));
	ck_assert_str_eq(keys_in(f.t, "", "", false), "a-/l a-b a-b-/x a/c a0");
	ck_assert_str_eq(keys_in(f.t, "", "", true), "a0 a/c a-b-/x a-b a-/l");
	ck_assert_str_eq(keys_in(f.t, "a-b", "a0", false), "a-b a-b-/x a/c");
	ck_assert_str_eq(keys_in(f.t, "a-b", "a0", true), "a/c a-b-/x a-b");
}
END_TEST

START_TEST(a_scan_sees_one_state)
{
	struct tree_scan_options o = { 0 };
	struct tree_scan_item item;
	struct tree_scan *s;

	ck_ok(do_set(f.t, "a", "1"));
	ck_ok(do_set(f.t, "b", "1"));
	ck_ok(tree_scan_new(f.t, &o, &s));
	ck_ok(do_del(f.t, "a", false));
	ck_ok(do_set(f.t, "c", "1"));
	ck_ok(do_rename(f.t, "b", "d", 0));
	ck_ok(tree_scan_next(s, &item));
	ck_assert(slice_eq(item.key, SLICE_LIT("a")));
	ck_ok(tree_scan_next(s, &item));
	ck_assert(slice_eq(item.key, SLICE_LIT("b")));
	ck_err(tree_scan_next(s, &item), TT_END);
	tree_scan_free(s);
}
END_TEST

START_TEST(a_prefix_becomes_two_bounds)
{
	char b[TREE_KEY_MAX];
	struct tt_slice upper;

	tree_scan_prefix(tt_str("ab"), b, &upper);
	ck_assert(slice_eq(upper, SLICE_LIT("ac")));
	tree_scan_prefix(tt_str("a\xff"), b, &upper);
	ck_assert(slice_eq(upper, SLICE_LIT("b")));
	tree_scan_prefix(tt_str("\xff"), b, &upper);
	ck_assert_uint_eq(upper.len, 0);
}
END_TEST

/* A random key over an alphabet around the slash. */
static void random_key(struct rng *rng, char *p)
{
	static const char chars[] = "a-.0/";
	size_t n = rng_range(rng, 1, 7);

	for (size_t i = 0; i < n; i++)
		p[i] = chars[rng_below(rng, sizeof(chars) - 1)];
	p[n] = 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The expected answer of keys_in(). */
static char *expected(char **keys, size_t n, const char *lo, const char *hi,
		      bool reverse)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		const char *k = keys[reverse ? n - 1 - i : i];

		if (strcmp(k, lo) < 0 || (*hi && strcmp(k, hi) >= 0))
			continue;
		if (b.len)
			buf_append_byte(&b, ' ');
		buf_append_str(&b, k);
	}
	buf_cstr(&b);
	return (char *)b.data;
}

START_TEST(random_scans_equal_a_sorted_list)
{
	enum { N = 150 };
	char *keys[N], lo[8], hi[8];
	struct rng rng;
	size_t n = 0;

	test_rng(&rng);
	for (int i = 0; i < 400 && n < N; i++) {
		char key[8];

		random_key(&rng, key);
		if (tree_key_why_invalid(tt_str(key)) ||
		    tree_key_stat(f.t, tt_str(key), &(struct tree_attr){ 0 }) ==
			    0)
			continue;
		if (do_set(f.t, key, "v") == 0)
			keys[n++] = strdup(key);
	}
	qsort(keys, n, sizeof(*keys), by_bytes);
	for (int i = 0; i < 300; i++) {
		bool reverse = rng_one_in(&rng, 2);
		const char *got;
		char *want;

		random_key(&rng, lo);
		random_key(&rng, hi);
		if (rng_one_in(&rng, 4))
			lo[0] = 0;
		if (rng_one_in(&rng, 4))
			hi[0] = 0;
		want = expected(keys, n, lo, hi, reverse);
		got = keys_in(f.t, lo, hi, reverse);
		ck_assert_msg(!strcmp(got, want ? want : ""),
			      "[%s, %s) %s:\n got %s\nwant %s", lo, hi,
			      reverse ? "backward" : "forward", got, want);
		free(want);
	}
	while (n)
		free(keys[--n]);
}
END_TEST

static Suite *tree_keys_suite(void)
{
	Suite *s = suite_create("tree_keys");
	TCase *tc = tcase_create("keys");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, keys_that_are_no_paths_are_refused);
	tcase_add_test(tc, set_makes_missing_parents);
	tcase_add_test(tc, a_prefix_that_is_a_file_is_not_a_directory);
	tcase_add_test(tc, a_directory_is_no_value);
	tcase_add_test(
		tc,
		set_replaces_by_a_new_file_that_keeps_mode_owner_and_xattrs);
	tcase_add_test(tc, who_has_it_open_keeps_the_replaced_contents);
	tcase_add_test(tc, set_of_one_name_leaves_other_links_alone);
	tcase_add_test(tc, a_big_value_comes_back_whole);
	tcase_add_test(tc, a_value_over_the_limit_is_refused_not_cut);
	tcase_add_test(tc, a_symlink_is_a_value_of_its_own);
	tcase_add_test(tc, delete_of_what_is_not_there_says_so);
	tcase_add_test(tc, a_recursive_delete_takes_all_and_frees_the_name);
	tcase_add_test(tc, conditions_decide_by_the_present_state);
	tcase_add_test(tc, later_operations_see_earlier_ones);
	tcase_add_test(tc, attributes_survive_being_set_twice_at_once);
	tcase_add_test(tc, one_failure_undoes_all_and_is_named);
	tcase_add_test(tc, a_thousand_operations_are_one_version);
	tcase_add_test(tc, changes_are_told_where_the_kernel_may_know);
	tcase_add_test(tc, who_must_not_wait_changes_nothing_instead);
	tcase_add_test(tc, scans_go_by_whole_keys);
	tcase_add_test(tc, a_scan_sees_one_state);
	tcase_add_test(tc, a_prefix_becomes_two_bounds);
	tcase_add_test(tc, random_scans_equal_a_sorted_list);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_keys_suite)
