/* SPDX-License-Identifier: MIT */
/*
 * Names: making, removing, renaming, listing.
 */
#include <stdio.h>
#include <string.h>

#include "tree/tree_fixture.h"

static struct fixture f;

static void setup(void)
{
	fixture_open(&f);
	ck_ok(do_mkdir(f.t, "d"));
	ck_ok(do_mkdir(f.t, "e"));
	ck_ok(do_create(f.t, "a"));
	ck_ok(do_create(f.t, "b"));
}

static void teardown(void)
{
	fixture_check(&f);
	fixture_close(&f);
}

static uint32_t nlink(const char *path)
{
	struct tree_attr a;

	ck_ok(do_stat(f.t, path, &a));
	return a.nlink;
}

static uint64_t ino(const char *path)
{
	int r;
	uint64_t n = path_ino(f.t, path, &r);

	ck_ok(r);
	return n;
}

/* ---- making and removing ---------------------------------------------- */

START_TEST(taken_names_are_refused)
{
	ck_err(do_create(f.t, "a"), -EEXIST);
	ck_err(do_mkdir(f.t, "a"), -EEXIST);
	ck_err(do_create(f.t, "d"), -EEXIST);
	ck_err(do_link(f.t, "a", "b"), -EEXIST);
}
END_TEST

START_TEST(names_have_their_limits)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[256] = 0;
	ck_err(do_create(f.t, name), -ENAMETOOLONG);
	ck_err(do_stat(f.t, name, &(struct tree_attr){ 0 }), -ENAMETOOLONG);
	name[255] = 0;
	ck_ok(do_create(f.t, name));
	ck_ok(do_create(f.t, "\xff\x01\n"));
	ck_ok(do_stat(f.t, "\xff\x01\n", &(struct tree_attr){ 0 }));
}
END_TEST

START_TEST(create_without_excl_opens_what_is_there)
{
	struct tree_attr a;
	bool created;

	ck_ok(tree_create(f.t, TREE_ROOT, tt_str("a"), &test_cred, 0600, false,
			  &created, &a));
	ck_assert(!created);
	ck_assert_uint_eq(a.ino, ino("a"));
	tree_forget(f.t, a.ino, 1);
	ck_err(tree_create(f.t, TREE_ROOT, tt_str("d"), &test_cred, 0600, false,
			   &created, &a),
	       -EISDIR);
}
END_TEST

START_TEST(directories_count_their_subdirectories)
{
	ck_assert_uint_eq(nlink(""), 4);
	ck_ok(do_mkdir(f.t, "d/x"));
	ck_assert_uint_eq(nlink("d"), 3);
	ck_ok(do_create(f.t, "d/y"));
	ck_assert_uint_eq(nlink("d"), 3);
	ck_ok(do_rmdir(f.t, "d/x"));
	ck_assert_uint_eq(nlink("d"), 2);
}
END_TEST

START_TEST(rmdir_wants_an_empty_directory)
{
	ck_ok(do_create(f.t, "d/x"));
	ck_err(do_rmdir(f.t, "d"), -ENOTEMPTY);
	ck_err(do_rmdir(f.t, "a"), -ENOTDIR);
	ck_err(do_rmdir(f.t, "n"), -ENOENT);
	ck_err(do_unlink(f.t, "d"), -EISDIR);
	ck_err(do_rmdir(f.t, "d/."), -EINVAL);
	ck_ok(do_unlink(f.t, "d/x"));
	ck_ok(do_rmdir(f.t, "d"));
}
END_TEST

START_TEST(nothing_is_made_in_a_removed_directory)
{
	struct tree_attr d, a;

	ck_ok(path_lookup(f.t, "d", &d));
	ck_ok(do_rmdir(f.t, "d"));
	ck_err(tree_mkdir(f.t, d.ino, tt_str("x"), &test_cred, 0755, &a),
	       -ENOENT);
	ck_err(tree_lookup(f.t, d.ino, tt_str(".."), &a), -ENOENT);
	ck_ok(tree_getattr(f.t, d.ino, &a));
	ck_assert_uint_eq(a.nlink, 0);
	tree_forget(f.t, d.ino, 1);
}
END_TEST

START_TEST(setgid_directories_pass_their_group_on)
{
	struct tree_attr in = { .mode = 02755, .gid = 77 }, a;
	struct tree_cred cred = { 5, 6, 0 };

	ck_ok(tree_setattr(f.t, ino("d"), &in, TREE_SET_MODE | TREE_SET_GID,
			   NULL));
	ck_ok(tree_mkdir(f.t, ino("d"), tt_str("x"), &cred, 0700, &a));
	ck_assert_uint_eq(a.uid, 5);
	ck_assert_uint_eq(a.gid, 77);
	ck_assert_uint_eq(a.mode, S_IFDIR | 02700);
	tree_forget(f.t, a.ino, 1);
	ck_ok(tree_mknod(f.t, ino("e"), tt_str("p"), &cred, S_IFIFO | 0600, 0,
			 &a));
	ck_assert_uint_eq(a.gid, 6);
	ck_assert_uint_eq(a.mode, S_IFIFO | 0600);
	tree_forget(f.t, a.ino, 1);
}
END_TEST

START_TEST(devices_keep_their_number)
{
	struct tree_attr a;

	ck_ok(tree_mknod(f.t, TREE_ROOT, tt_str("n"), &test_cred,
			 S_IFCHR | 0600, 0x105, &a));
	tree_forget(f.t, a.ino, 1);
	fixture_reopen(&f);
	ck_ok(do_stat(f.t, "n", &a));
	ck_assert_uint_eq(a.rdev, 0x105);
}
END_TEST

START_TEST(links_share_one_inode)
{
	struct tree_attr a;

	ck_ok(do_link(f.t, "a", "d/l"));
	ck_assert_uint_eq(ino("a"), ino("d/l"));
	ck_assert_uint_eq(nlink("a"), 2);
	ck_ok(do_write(f.t, "a", 0, "text", 4));
	ck_ok(do_unlink(f.t, "a"));
	fixture_reopen(&f);
	ck_assert_str_eq(do_get(f.t, "d/l"), "text");
	ck_assert_uint_eq(nlink("d/l"), 1);
	ck_err(do_link(f.t, "d", "x"), -EPERM);
	ck_ok(do_stat(f.t, "d/l", &a));
}
END_TEST

START_TEST(seventy_thousand_links_are_fine)
{
	char name[32];
	struct tree_attr a, b;

	ck_ok(path_lookup(f.t, "a", &a));
	for (int i = 0; i < 70000; i++) {
		int n = snprintf(name, sizeof(name), "l%d", i);

		ck_ok(tree_link(f.t, a.ino, ino("d"), SLICE(name, n), &b));
		tree_forget(f.t, b.ino, 1);
	}
	ck_assert_uint_eq(b.nlink, 70001);
	tree_forget(f.t, a.ino, 1);
}
END_TEST

START_TEST(symlinks_keep_their_target)
{
	struct tree_attr a;
	char b[100];
	size_t n;

	ck_ok(do_symlink(f.t, "../some where", "l"));
	fixture_reopen(&f);
	ck_ok(path_lookup(f.t, "l", &a));
	ck_assert_uint_eq(a.size, 13);
	ck_ok(tree_readlink(f.t, a.ino, b, sizeof(b), &n));
	ck_assert(slice_eq(SLICE(b, n), SLICE_LIT("../some where")));
	tree_forget(f.t, a.ino, 1);
	ck_err(tree_readlink(f.t, TREE_ROOT, b, sizeof(b), &n), -EINVAL);
}
END_TEST

/* ---- renaming --------------------------------------------------------- */

START_TEST(rename_moves_a_name)
{
	uint64_t n = ino("a");

	ck_ok(do_rename(f.t, "a", "d/x", 0));
	ck_assert_uint_eq(ino("d/x"), n);
	ck_assert_str_eq(names_in(f.t, ""), "b d e");
}
END_TEST

START_TEST(rename_replaces_a_file)
{
	struct tree_attr b;

	ck_ok(do_write(f.t, "a", 0, "A", 1));
	ck_ok(path_lookup(f.t, "b", &b));
	ck_ok(do_rename(f.t, "a", "b", 0));
	ck_assert_str_eq(do_get(f.t, "b"), "A");
	ck_ok(tree_getattr(f.t, b.ino, &b));
	ck_assert_uint_eq(b.nlink, 0);
	tree_forget(f.t, b.ino, 1);
}
END_TEST

START_TEST(rename_replaces_an_empty_directory_only)
{
	ck_ok(do_mkdir(f.t, "d/s"));
	ck_err(do_rename(f.t, "e", "d", 0), -ENOTEMPTY);
	ck_ok(do_rename(f.t, "d", "e", 0));
	ck_assert_str_eq(names_in(f.t, "e"), "s");
	ck_assert_uint_eq(nlink(""), 3);
}
END_TEST

START_TEST(rename_does_not_mix_types)
{
	ck_err(do_rename(f.t, "a", "d", 0), -EISDIR);
	ck_err(do_rename(f.t, "d", "a", 0), -ENOTDIR);
}
END_TEST

START_TEST(rename_of_one_inode_onto_itself_does_nothing)
{
	ck_ok(do_link(f.t, "a", "l"));
	ck_ok(do_rename(f.t, "a", "l", 0));
	ck_assert_str_eq(names_in(f.t, ""), "a b d e l");
	ck_ok(do_rename(f.t, "a", "a", 0));
}
END_TEST

START_TEST(a_directory_does_not_move_into_itself)
{
	ck_ok(do_mkdir(f.t, "d/x"));
	ck_ok(do_mkdir(f.t, "d/x/y"));
	ck_err(do_rename(f.t, "d", "d/x/y/z", 0), -EINVAL);
	ck_err(do_rename(f.t, "d", "d/x/z", 0), -EINVAL);
	ck_err(do_rename(f.t, "e", "d/x/y", TREE_RENAME_NOREPLACE), -EEXIST);
	ck_err(do_rename(f.t, "d", "d/x/y", TREE_RENAME_EXCHANGE), -EINVAL);
	ck_err(do_rename(f.t, "d/x/y", "d", TREE_RENAME_EXCHANGE), -EINVAL);
}
END_TEST

START_TEST(a_moved_directory_knows_its_parent)
{
	struct tree_attr a;

	ck_ok(do_mkdir(f.t, "d/x"));
	ck_ok(do_rename(f.t, "d/x", "e/x", 0));
	ck_assert_uint_eq(nlink("d"), 2);
	ck_assert_uint_eq(nlink("e"), 3);
	fixture_reopen(&f);
	ck_ok(tree_lookup(f.t, ino("e"), tt_str("x"), &a));
	ck_ok(tree_lookup(f.t, a.ino, tt_str(".."), &a));
	ck_assert_uint_eq(a.ino, ino("e"));
}
END_TEST

START_TEST(noreplace_spares_what_is_there)
{
	ck_err(do_rename(f.t, "a", "b", TREE_RENAME_NOREPLACE), -EEXIST);
	ck_ok(do_rename(f.t, "a", "c", TREE_RENAME_NOREPLACE));
}
END_TEST

START_TEST(exchange_swaps_any_two)
{
	uint64_t a = ino("a"), d = ino("d");

	ck_ok(do_rename(f.t, "a", "e/m", 0));
	ck_ok(do_rename(f.t, "e/m", "d", TREE_RENAME_EXCHANGE));
	ck_assert_uint_eq(ino("e/m"), d);
	ck_assert_uint_eq(ino("d"), a);
	ck_assert_uint_eq(nlink("e"), 3);
	ck_assert_uint_eq(nlink(""), 3);
	ck_err(do_rename(f.t, "d", "no", TREE_RENAME_EXCHANGE), -ENOENT);
}
END_TEST

START_TEST(a_whiteout_takes_the_old_name)
{
	const unsigned flags = TREE_RENAME_WHITEOUT;
	struct tree_attr a;
	uint64_t moved = ino("a");

	ck_ok(do_rename(f.t, "a", "d/b", flags));
	ck_assert_uint_eq(ino("d/b"), moved);
	ck_ok(do_stat(f.t, "a", &a));
	ck_assert_uint_eq(a.mode, S_IFCHR);
	ck_assert_uint_eq(a.rdev, 0);
	ck_ok(do_rename(f.t, "e", "d/e", flags)); /* a directory too */
	ck_ok(do_stat(f.t, "e", &a));
	ck_assert_uint_eq(a.mode, S_IFCHR);
	ck_err(do_rename(f.t, "a", "e", flags | TREE_RENAME_EXCHANGE), -EINVAL);
	ck_err(do_rename(f.t, "a", "e", flags | TREE_RENAME_NOREPLACE),
	       -EEXIST);
	fixture_reopen(&f);
	ck_assert_str_eq(names_in(f.t, "d"), "b e");
}
END_TEST

START_TEST(a_directory_of_many_is_renamed_at_once)
{
	for (int i = 0; i < 500; i++) {
		char key[32];

		snprintf(key, sizeof(key), "d/%d", i);
		ck_ok(do_set(f.t, key, "v"));
	}
	ck_ok(do_rename(f.t, "d", "e/d", 0));
	ck_assert_str_eq(do_get(f.t, "e/d/77"), "v");
}
END_TEST

/* ---- listing ---------------------------------------------------------- */

struct listing {
	int n, stop_at;
	uint64_t cookie;
	char first[300];
};

static int take(void *arg, const struct tree_dirent *e)
{
	struct listing *l = arg;

	if (l->n == l->stop_at)
		return 1;
	if (l->n++ == 0)
		snprintf(l->first, sizeof(l->first), "%.*s", (int)e->name.len,
			 (const char *)e->name.data);
	l->cookie = e->cookie;
	return 0;
}

static void fill(int n)
{
	for (int i = 0; i < n; i++) {
		char key[32];

		snprintf(key, sizeof(key), "d/%06d", i);
		ck_ok(do_create(f.t, key));
	}
}

START_TEST(a_listing_begins_with_the_dots)
{
	struct listing l = { .stop_at = -1 };
	struct tree_attr a;
	struct tree_dir *d;

	ck_ok(tree_opendir(f.t, ino("d"), &d));
	ck_ok(tree_readdir(d, 0, false, take, &l));
	ck_assert_int_eq(l.n, 2);
	ck_assert_str_eq(l.first, ".");
	tree_closedir(d);
	ck_ok(path_lookup(f.t, "a", &a));
	ck_err(tree_opendir(f.t, a.ino, &d), -ENOTDIR);
	tree_forget(f.t, a.ino, 1);
}
END_TEST

START_TEST(cookies_lead_back_to_any_place)
{
	enum { N = 40000 };
	static uint64_t cookies[N + 2];
	struct tree_dir *d;
	int n = 0;

	fill(N);
	ck_ok(tree_opendir(f.t, ino("d"), &d));
	for (;;) {
		struct listing l = { .stop_at = 1 };

		ck_ok(tree_readdir(d, n ? cookies[n - 1] : 0, false, take, &l));
		if (l.n == 0)
			break;
		cookies[n++] = l.cookie;
	}
	ck_assert_int_eq(n, N + 2);
	for (int i = N; i >= 2; i -= 1237) {
		struct listing l = { .stop_at = 1 };
		char expect[32];

		ck_ok(tree_readdir(d, cookies[i - 1], false, take, &l));
		snprintf(expect, sizeof(expect), "%06d", i - 2);
		ck_assert_str_eq(l.first, expect);
	}
	tree_closedir(d);
}
END_TEST

/* The kernel goes on in one handle with what it has cached of another. */
START_TEST(cookies_mean_the_same_in_every_view)
{
	static const char *const changes[] = { "d/000005x", "d/000005", "d/0",
					       "d/000000" };
	struct listing l = { .stop_at = 8 }; /* the dots and six entries */
	struct tree_dir *d, *other;

	fill(20);
	ck_ok(tree_opendir(f.t, ino("d"), &d));
	ck_ok(tree_readdir(d, 0, false, take, &l));
	for (int i = 0; i < 4; i++) {
		struct listing rest = { .stop_at = -1 }, own = rest;

		if (do_unlink(f.t, changes[i]) == -ENOENT)
			ck_ok(do_create(f.t, changes[i]));
		ck_ok(tree_opendir(f.t, ino("d"), &other));
		ck_ok(tree_readdir(other, l.cookie, false, take, &rest));
		ck_assert_int_eq(rest.n, 15);
		ck_assert_str_eq(rest.first, "000005x");
		tree_closedir(other);
		ck_ok(tree_readdir(d, l.cookie, false, take, &own));
		ck_assert_int_eq(own.n, 14);
		ck_assert_str_eq(own.first, "000006");
	}
	tree_closedir(d);
}
END_TEST

/* Names that no cache knows are searched for. */
START_TEST(cookies_are_good_after_a_restart)
{
	struct listing l = { .stop_at = 8 };
	struct tree_dir *d;

	fill(20);
	ck_ok(tree_opendir(f.t, ino("d"), &d));
	ck_ok(tree_readdir(d, 0, false, take, &l));
	tree_closedir(d);
	fixture_reopen(&f);
	l.stop_at = -1;
	l.n = 0;
	ck_ok(tree_opendir(f.t, ino("d"), &d));
	ck_ok(tree_readdir(d, l.cookie, false, take, &l));
	ck_assert_int_eq(l.n, 14);
	ck_assert_str_eq(l.first, "000006");
	tree_closedir(d);
}
END_TEST

START_TEST(a_listing_does_not_change_until_it_is_rewound)
{
	struct listing l = { .stop_at = 5 };
	struct tree_dir *d;

	fill(10);
	ck_ok(tree_opendir(f.t, ino("d"), &d));
	ck_ok(tree_readdir(d, 0, false, take, &l));
	ck_ok(do_unlink(f.t, "d/000000"));
	ck_ok(do_unlink(f.t, "d/000007"));
	ck_ok(do_create(f.t, "d/000003x"));
	l.stop_at = -1;
	ck_ok(tree_readdir(d, l.cookie, false, take, &l));
	ck_assert_int_eq(l.n, 12);
	l.n = 0;
	ck_ok(tree_readdir(d, 0, false, take, &l));
	ck_assert_int_eq(l.n, 11);
	tree_closedir(d);
}
END_TEST

/* With attributes: each entry taken is looked up once. */
static int take_plus(void *arg, const struct tree_dirent *e)
{
	struct listing *l = arg;

	if (e->cookie <= 2)
		return 0;
	if (l->n == l->stop_at)
		return 1;
	l->n++;
	ck_assert_ptr_nonnull(e->attr);
	ck_assert_uint_eq(e->attr->ino, e->ino);
	tree_forget(f.t, e->ino, 1);
	ck_err(tree_getattr(f.t, e->ino, &(struct tree_attr){ 0 }), -ESTALE);
	return 0;
}

START_TEST(attributes_in_a_listing_count_as_lookups)
{
	struct listing l = { .stop_at = 7 };
	struct tree_dir *d;

	fill(10);
	ck_ok(tree_opendir(f.t, ino("d"), &d));
	ck_ok(tree_readdir(d, 0, true, take_plus, &l));
	ck_assert_int_eq(l.n, 7);
	tree_closedir(d);
}
END_TEST

static int take_sizes(void *arg, const struct tree_dirent *e)
{
	if (e->cookie <= 2)
		return 0;
	*(uint64_t *)arg += e->attr->size;
	tree_forget(f.t, e->ino, 1);
	return 0;
}

START_TEST(attributes_in_a_listing_are_the_present_ones)
{
	uint64_t total = 0;
	struct tree_dir *d;

	fill(3);
	ck_ok(tree_opendir(f.t, ino("d"), &d));
	ck_ok(do_write(f.t, "d/000001", 0, "12345", 5));
	ck_ok(do_write(f.t, "d/000002", 0, "12345", 5));
	ck_ok(do_unlink(f.t, "d/000002"));
	ck_ok(tree_readdir(d, 0, true, take_sizes, &total));
	ck_assert_uint_eq(total, 5);
	tree_closedir(d);
}
END_TEST

START_TEST(directory_times_are_written_in_time)
{
	struct tree_attr before, after;

	ck_ok(do_stat(f.t, "d", &before));
	ck_ok(do_create(f.t, "d/x"));
	ck_ok(do_stat(f.t, "d", &after));
	ck_assert(after.mtime.tv_sec > before.mtime.tv_sec ||
		  after.mtime.tv_nsec > before.mtime.tv_nsec);
	fixture_reopen(&f);
	ck_ok(do_stat(f.t, "d", &before));
	ck_assert_int_eq(after.mtime.tv_nsec, before.mtime.tv_nsec);
}
END_TEST

static Suite *tree_names_suite(void)
{
	const TTest *const tests[] = {
		taken_names_are_refused,
		names_have_their_limits,
		create_without_excl_opens_what_is_there,
		directories_count_their_subdirectories,
		rmdir_wants_an_empty_directory,
		nothing_is_made_in_a_removed_directory,
		setgid_directories_pass_their_group_on,
		devices_keep_their_number,
		links_share_one_inode,
		seventy_thousand_links_are_fine,
		symlinks_keep_their_target,
		rename_moves_a_name,
		rename_replaces_a_file,
		rename_replaces_an_empty_directory_only,
		rename_does_not_mix_types,
		rename_of_one_inode_onto_itself_does_nothing,
		a_directory_does_not_move_into_itself,
		a_moved_directory_knows_its_parent,
		noreplace_spares_what_is_there,
		exchange_swaps_any_two,
		a_whiteout_takes_the_old_name,
		a_directory_of_many_is_renamed_at_once,
		a_listing_begins_with_the_dots,
		cookies_lead_back_to_any_place,
		cookies_mean_the_same_in_every_view,
		cookies_are_good_after_a_restart,
		a_listing_does_not_change_until_it_is_rewound,
		attributes_in_a_listing_count_as_lookups,
		attributes_in_a_listing_are_the_present_ones,
		directory_times_are_written_in_time,
	};
	Suite *s = suite_create("tree_names");
	TCase *tc = tcase_create("names");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_names_suite)
