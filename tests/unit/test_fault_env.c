/* SPDX-License-Identifier: MIT */
/* The environment that fails must itself be trusted. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/env.h"
#include "tests/support/check_main.h"
#include "tests/support/fault_env.h"
#include "tests/support/prng.h"
#include "tests/support/tmpdir.h"

static char *dir;
static struct fault_env *fe;
static struct env *env;

static void setup(void)
{
	dir = tmpdir_new();
	ck_ok(fault_env_new(env_posix(), dir, 1, &fe));
	env = fault_env_env(fe);
}

static void teardown(void)
{
	fault_env_free(fe);
	tmpdir_free(dir);
}

static const char *at(const char *name)
{
	return tmpdir_path(dir, name);
}

static void put(const char *name, const char *text, bool sync, bool sync_name)
{
	struct env_file *f;

	ck_ok(env_open(env, at(name), ENV_WRITE | ENV_CREATE, &f));
	ck_ok(env_write(f, 0, text, strlen(text)));
	if (sync)
		ck_ok(env_sync(f, ENV_SYNC_DATA));
	ck_ok(env_close(f));
	if (sync_name)
		ck_ok(env_sync_dir(env, dir));
}

static void expect(const char *name, const char *text)
{
	struct buf b = BUF_INIT;
	int r = env_read_file(env, at(name), 1 << 20, &b);

	if (!text) {
		ck_err(r, -ENOENT);
	} else {
		ck_ok(r);
		ck_assert_str_eq(buf_cstr(&b), text);
	}
	buf_fini(&b);
}

static void cut(enum fault_cut how)
{
	ck_ok(fault_env_cut(fe, how));
	ck_ok(fault_env_power_on(fe));
}

START_TEST(cut_keeps_synced_file_with_synced_name)
{
	put("a", "hello", true, true);
	cut(CUT_STRICT);
	expect("a", "hello");
}
END_TEST

START_TEST(cut_drops_name_that_was_not_synced)
{
	put("a", "hello", true, false);
	cut(CUT_STRICT);
	expect("a", NULL);
}
END_TEST

START_TEST(cut_drops_bytes_that_were_not_synced)
{
	put("a", "hello", true, true);
	put("a", "HELLO, world", false, true);
	cut(CUT_STRICT);
	expect("a", "hello");
}
END_TEST

START_TEST(cut_that_loses_nothing_keeps_all)
{
	put("a", "hello", false, false);
	cut(CUT_NOTHING_LOST);
	expect("a", "hello");
}
END_TEST

START_TEST(cut_rolls_back_rename_and_unlink)
{
	put("a", "old", true, true);
	put("b", "new", true, true);
	put("c", "kept", true, true);
	ck_ok(env_rename(env, at("b"), at("a")));
	ck_ok(env_unlink(env, at("c")));
	expect("a", "new");
	cut(CUT_STRICT);
	expect("a", "old");
	expect("b", "new");
	expect("c", "kept");
}
END_TEST

START_TEST(synced_directory_keeps_rename)
{
	put("a", "old", true, true);
	put("b", "new", true, true);
	ck_ok(env_rename(env, at("b"), at("a")));
	ck_ok(env_sync_dir(env, dir));
	cut(CUT_STRICT);
	expect("a", "new");
	expect("b", NULL);
}
END_TEST

START_TEST(syncing_one_directory_commits_what_its_rename_depends_on)
{
	ck_ok(env_mkdir(env, at("d")));
	ck_ok(env_mkdir(env, at("e")));
	ck_ok(env_sync_dir(env, dir));
	put("d/x", "bytes", true, false);
	ck_ok(env_rename(env, at("d/x"), at("e/y")));
	ck_ok(env_sync_dir(env, at("e")));
	ck_ok(env_sync_dir(env, at("d")));
	cut(CUT_STRICT);
	expect("e/y", "bytes");
	expect("d/x", NULL);
}
END_TEST

START_TEST(renamed_directory_keeps_its_files)
{
	ck_ok(env_mkdir(env, at("d.tmp")));
	put("d.tmp/x", "bytes", true, false);
	ck_ok(env_sync_dir(env, at("d.tmp")));
	ck_ok(env_rename(env, at("d.tmp"), at("d")));
	ck_ok(env_sync_dir(env, dir));
	cut(CUT_STRICT);
	expect("d/x", "bytes");
}
END_TEST

START_TEST(hard_links_share_their_fate_and_bytes)
{
	struct env_stat st;

	put("a", "one", true, true);
	ck_ok(env_link(env, at("a"), at("b")));
	ck_ok(env_sync_dir(env, dir));
	cut(CUT_STRICT);
	expect("b", "one");
	ck_ok(env_stat(env, at("b"), &st));
	ck_assert_uint_eq(st.n_links, 2);
}
END_TEST

START_TEST(mapped_stores_survive_only_where_synced)
{
	struct env_file *f;
	struct env_map *m;
	struct buf b = BUF_INIT;

	ck_ok(env_open(env, at("log"), ENV_READ | ENV_WRITE | ENV_CREATE, &f));
	ck_ok(env_allocate(f, 0, 16384));
	ck_ok(env_sync(f, ENV_SYNC_FULL));
	ck_ok(env_sync_dir(env, dir));
	ck_ok(env_map(f, 0, 16384, true, &m));
	ck_ok(env_map_populate(m, 0, 16384));
	memset(m->base, 'a', 100);
	ck_ok(env_map_sync(m, 0, 100));
	memset(m->base + 8192, 'b', 100);
	ck_ok(fault_env_cut(fe, CUT_STRICT));
	m->base[0] = 'z'; /* goes nowhere */
	ck_err(env_map_sync(m, 0, 1), -EIO);
	ck_ok(env_unmap(m));
	ck_ok(env_close(f));
	ck_ok(fault_env_power_on(fe));
	ck_ok(env_read_file(env, at("log"), 1 << 20, &b));
	ck_assert_uint_eq(b.len, 16384);
	ck_assert_int_eq(b.data[0], 'a');
	ck_assert_int_eq(b.data[99], 'a');
	ck_assert_int_eq(b.data[8192], 0);
	buf_fini(&b);
}
END_TEST

START_TEST(killing_keeps_mapped_stores)
{
	struct env_file *f;
	struct env_map *m;
	struct buf b = BUF_INIT;

	ck_ok(env_open(env, at("log"), ENV_READ | ENV_WRITE | ENV_CREATE, &f));
	ck_ok(env_allocate(f, 0, 4096));
	ck_ok(env_map(f, 0, 4096, true, &m));
	memcpy(m->base, "stored", 7);
	ck_ok(env_unmap(m));
	ck_ok(env_close(f));
	ck_ok(env_read_file(env_posix(), at("log"), 1 << 20, &b));
	ck_assert_str_eq((char *)b.data, "stored");
	buf_fini(&b);
}
END_TEST

START_TEST(syncing_a_mapped_file_covers_its_stores)
{
	struct env_file *f;
	struct env_map *m;
	struct buf b = BUF_INIT;

	ck_ok(env_open(env, at("log"), ENV_READ | ENV_WRITE | ENV_CREATE, &f));
	ck_ok(env_allocate(f, 0, 4096));
	ck_ok(env_map(f, 0, 4096, true, &m));
	memcpy(m->base, "stored", 7);
	ck_ok(env_sync(f, ENV_SYNC_DATA));
	ck_ok(env_sync_dir(env, dir));
	ck_ok(env_unmap(m));
	ck_ok(env_close(f));
	cut(CUT_STRICT);
	ck_ok(env_read_file(env, at("log"), 1 << 20, &b));
	ck_assert_str_eq((char *)b.data, "stored");
	buf_fini(&b);
}
END_TEST

/* Every page of the file is one of the two versions. */
START_TEST(random_cut_mixes_old_and_new_pages)
{
	char *bytes = malloc(64 * 4096);
	struct env_file *f;
	struct buf b = BUF_INIT;
	unsigned n_new = 0;

	memset(bytes, 'o', 64 * 4096);
	ck_ok(env_open(env, at("a"), ENV_WRITE | ENV_CREATE, &f));
	ck_ok(env_append(f, bytes, 64 * 4096));
	ck_ok(env_sync(f, ENV_SYNC_DATA));
	ck_ok(env_sync_dir(env, dir));
	memset(bytes, 'n', 64 * 4096);
	ck_ok(env_write(f, 0, bytes, 64 * 4096));
	ck_ok(env_close(f));
	cut(CUT_RANDOM);
	ck_ok(env_read_file(env, at("a"), 1 << 20, &b));
	ck_assert_uint_eq(b.len, 64 * 4096);
	for (unsigned i = 0; i < 64 * 4096; i++) {
		ck_assert(b.data[i] == 'o' || b.data[i] == 'n');
		n_new += b.data[i] == 'n';
	}
	ck_assert(n_new > 0 && n_new < 64 * 4096);
	buf_fini(&b);
	free(bytes);
}
END_TEST

START_TEST(same_seed_does_the_same_damage)
{
	struct buf found[2] = { BUF_INIT, BUF_INIT };

	for (int i = 0; i < 2; i++) {
		struct fault_env *mine;
		struct env_file *f;
		char sub[32];
		char bytes[8192];

		snprintf(sub, sizeof(sub), "s%d", i);
		ck_ok(env_mkdir(env_posix(), at(sub)));
		ck_ok(fault_env_new(env_posix(), at(sub), 7, &mine));
		snprintf(sub, sizeof(sub), "s%d/f", i);
		ck_ok(env_open(fault_env_env(mine), at(sub),
			       ENV_WRITE | ENV_CREATE, &f));
		ck_ok(env_sync_dir(fault_env_env(mine), at(i ? "s1" : "s0")));
		memset(bytes, 'x', sizeof(bytes));
		for (int k = 0; k < 20; k++)
			ck_ok(env_append(f, bytes, sizeof(bytes)));
		ck_ok(env_close(f));
		ck_ok(fault_env_cut(mine, CUT_RANDOM));
		ck_ok(env_read_file(env_posix(), at(sub), 1 << 20, &found[i]));
		fault_env_free(mine);
	}
	ck_assert(slice_eq(buf_slice(&found[0]), buf_slice(&found[1])));
	buf_fini(&found[0]);
	buf_fini(&found[1]);
}
END_TEST

START_TEST(nth_call_fails_once)
{
	struct env_file *f;

	ck_ok(env_open(env, at("a"), ENV_WRITE | ENV_CREATE, &f));
	fault_env_fail(fe, FAULT_WRITE, 2, EIO, FAULT_ONCE);
	ck_ok(env_append(f, "x", 1));
	ck_err(env_append(f, "y", 1), -EIO);
	ck_ok(env_append(f, "z", 1));
	ck_ok(env_close(f));
	expect("a", "xz");
	ck_assert_uint_eq(fault_env_failed(fe), 1);
	ck_assert_uint_eq(fault_env_calls(fe, FAULT_WRITE), 3);
}
END_TEST

START_TEST(calls_fail_from_then_on)
{
	struct env_file *f;

	ck_ok(env_open(env, at("a"), ENV_WRITE | ENV_CREATE, &f));
	fault_env_fail(fe, FAULT_SYNC, 1, EIO, FAULT_FROM_THEN_ON);
	ck_err(env_sync(f, ENV_SYNC_DATA), -EIO);
	ck_err(env_sync(f, ENV_SYNC_DATA), -EIO);
	fault_env_clear(fe);
	ck_ok(env_sync(f, ENV_SYNC_DATA));
	ck_ok(env_close(f));
}
END_TEST

START_TEST(torn_write_leaves_a_prefix)
{
	struct env_file *f;
	struct buf b = BUF_INIT;

	ck_ok(env_open(env, at("a"), ENV_WRITE | ENV_CREATE, &f));
	fault_env_tear_writes(fe, true);
	fault_env_fail(fe, FAULT_WRITE, 1, EIO, FAULT_ONCE);
	ck_err(env_append(f, "0123456789", 10), -EIO);
	ck_ok(env_close(f));
	ck_ok(env_read_file(env, at("a"), 100, &b));
	ck_assert_uint_le(b.len, 10);
	ck_assert(!memcmp(b.data ? (char *)b.data : "", "0123456789", b.len));
	buf_fini(&b);
}
END_TEST

START_TEST(full_disk_refuses_growth_and_allows_overwriting)
{
	struct env_file *f, *g;
	struct env_space space;

	ck_ok(env_open(env, at("a"), ENV_WRITE | ENV_CREATE, &f));
	fault_env_limit_bytes(fe, 6);
	ck_ok(env_append(f, "1234", 4));
	ck_ok(env_space(env, dir, &space));
	ck_assert_uint_eq(space.avail, 2);
	ck_err(env_append(f, "5678", 4), -ENOSPC);
	ck_ok(env_write(f, 0, "abcd", 4));
	ck_err(env_allocate(f, 0, 100), -ENOSPC);
	ck_err(env_open(env, at("b"), ENV_WRITE | ENV_CREATE, &g), -ENOSPC);
	ck_err(env_mkdir(env, at("d")), -ENOSPC);
	fault_env_limit_bytes(fe, UINT64_MAX);
	ck_ok(env_append(f, "!", 1));
	ck_ok(env_close(f));
	expect("a", "abcd56!");
}
END_TEST

/* The first byte of the file "a", past the page cache or not. */
static char first_byte(unsigned how)
{
	char *page = aligned_alloc(ENV_DIRECT_ALIGN, ENV_DIRECT_ALIGN);
	struct env_file *f;
	size_t n;
	char c;

	ck_assert_ptr_nonnull(page);
	ck_ok(env_open(env, at("a"), ENV_READ | how, &f));
	ck_ok(env_read(f, 0, page, ENV_DIRECT_ALIGN, &n));
	ck_assert_uint_gt(n, 0);
	c = page[0];
	ck_ok(env_close(f));
	free(page);
	return c;
}

START_TEST(a_failed_sync_loses_what_the_page_cache_shows)
{
	struct env_file *f;
	uint64_t lost = 0;

	put("a", "old", true, true);
	ck_ok(env_open(env, at("a"), ENV_READ | ENV_WRITE, &f));
	fault_env_lose_pages(fe, true);
	/* Whether a page is lost is a matter of chance. */
	for (char c = 'A'; lost == 0; c++) {
		ck_assert_int_lt(c, 'z');
		ck_ok(env_write(f, 0, &c, 1));
		fault_env_fail(fe, FAULT_SYNC, 1, EIO, FAULT_ONCE);
		ck_err(env_sync(f, ENV_SYNC_DATA), -EIO);
		lost = fault_env_lost(fe);
		ck_assert_int_eq(first_byte(0), c);
		if (lost)
			ck_assert_int_ne(first_byte(ENV_DIRECT), c);
		else
			ck_assert_int_eq(first_byte(ENV_DIRECT), c);
	}
	/* The next sync finds nothing to write. */
	ck_ok(env_sync(f, ENV_SYNC_FULL));
	ck_assert_int_ne(first_byte(ENV_DIRECT), first_byte(0));
	/* A write makes the page dirty, all of it. */
	ck_ok(env_write(f, 2, "d", 1));
	ck_assert_int_eq(first_byte(ENV_DIRECT), first_byte(0));
	ck_ok(env_sync(f, ENV_SYNC_DATA));
	ck_ok(env_write(f, 0, "x", 1));
	ck_ok(env_close(f));
	cut(CUT_STRICT);
	ck_assert_int_ge(first_byte(0), 'A');
	ck_assert_int_ne(first_byte(0), 'x');
}
END_TEST

START_TEST(a_disk_of_limited_size_has_room_for_what_was_removed)
{
	static const char bytes[600];
	struct env_file *f, *g;

	put("a", "1234", true, true);
	fault_env_limit_disk(fe, 1000);
	ck_ok(env_open(env, at("b"), ENV_WRITE | ENV_CREATE, &f));
	ck_ok(env_append(f, bytes, 600));
	ck_err(env_append(f, bytes, 600), -ENOSPC);
	ck_err(env_open(env, at("c"), ENV_WRITE | ENV_CREATE, &g), -ENOSPC);
	/* An open file without a name takes its room. */
	ck_ok(env_unlink(env, at("b")));
	ck_err(env_open(env, at("c"), ENV_WRITE | ENV_CREATE, &g), -ENOSPC);
	ck_ok(env_close(f));
	ck_ok(env_open(env, at("c"), ENV_WRITE | ENV_CREATE, &g));
	ck_ok(env_append(g, bytes, 600));
	ck_ok(env_truncate(g, 10));
	ck_ok(env_append(g, bytes, 300));
	ck_ok(env_close(g));
}
END_TEST

START_TEST(handles_stay_dead_after_the_cut)
{
	struct env_file *f;
	struct env_lock *lock, *again;

	ck_ok(env_lock(env, at("LOCK"), &lock));
	ck_ok(env_open(env, at("a"), ENV_WRITE | ENV_CREATE, &f));
	ck_ok(fault_env_cut(fe, CUT_STRICT));
	ck_err(env_append(f, "x", 1), -EIO);
	ck_err(env_mkdir(env, at("d")), -EIO);
	ck_ok(fault_env_power_on(fe));
	ck_err(env_append(f, "x", 1), -EIO);
	ck_ok(env_lock(env, at("LOCK"), &again));
	ck_ok(env_unlock(lock));
	ck_ok(env_unlock(again));
	ck_ok(env_close(f));
	expect("a", NULL);
}
END_TEST

START_TEST(replace_file_is_atomic_at_every_failure)
{
	struct buf b = BUF_INIT;
	int r;

	put("CURRENT", "old", true, true);
	fault_env_fail(fe, FAULT_ANY, (uint64_t)_i + 1, EIO,
		       FAULT_FROM_THEN_ON);
	r = env_replace_file(env, at("CURRENT"), SLICE_LIT("new"));
	cut(_i % 2 ? CUT_STRICT : CUT_RANDOM);
	ck_ok(env_read_file(env, at("CURRENT"), 100, &b));
	if (r == 0)
		ck_assert_str_eq(buf_cstr(&b), "new");
	else
		ck_assert(!strcmp(buf_cstr(&b), "old") ||
			  !strcmp(buf_cstr(&b), "new"));
	buf_fini(&b);
}
END_TEST

START_TEST(what_was_there_before_counts_as_durable)
{
	struct fault_env *second;

	put("a", "hello", false, false);
	ck_ok(fault_env_new(env_posix(), dir, 2, &second));
	ck_ok(fault_env_cut(second, CUT_STRICT));
	fault_env_free(second);
	expect("a", "hello");
}
END_TEST

static Suite *fault_env_suite(void)
{
	Suite *s = suite_create("fault_env");
	TCase *t = tcase_create("fault_env");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, cut_keeps_synced_file_with_synced_name);
	tcase_add_test(t, cut_drops_name_that_was_not_synced);
	tcase_add_test(t, cut_drops_bytes_that_were_not_synced);
	tcase_add_test(t, cut_that_loses_nothing_keeps_all);
	tcase_add_test(t, cut_rolls_back_rename_and_unlink);
	tcase_add_test(t, synced_directory_keeps_rename);
	tcase_add_test(
		t, syncing_one_directory_commits_what_its_rename_depends_on);
	tcase_add_test(t, renamed_directory_keeps_its_files);
	tcase_add_test(t, hard_links_share_their_fate_and_bytes);
	tcase_add_test(t, mapped_stores_survive_only_where_synced);
	tcase_add_test(t, killing_keeps_mapped_stores);
	tcase_add_test(t, syncing_a_mapped_file_covers_its_stores);
	tcase_add_test(t, random_cut_mixes_old_and_new_pages);
	tcase_add_test(t, same_seed_does_the_same_damage);
	tcase_add_test(t, nth_call_fails_once);
	tcase_add_test(t, calls_fail_from_then_on);
	tcase_add_test(t, torn_write_leaves_a_prefix);
	tcase_add_test(t, full_disk_refuses_growth_and_allows_overwriting);
	tcase_add_test(t, a_failed_sync_loses_what_the_page_cache_shows);
	tcase_add_test(t, a_disk_of_limited_size_has_room_for_what_was_removed);
	tcase_add_test(t, handles_stay_dead_after_the_cut);
	tcase_add_loop_test(t, replace_file_is_atomic_at_every_failure, 0, 10);
	tcase_add_test(t, what_was_there_before_counts_as_durable);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(fault_env_suite)
