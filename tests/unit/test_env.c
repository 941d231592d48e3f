/* SPDX-License-Identifier: MIT */
/* The environment over the real operating system. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "tests/support/check_main.h"
#include "tests/support/tmpdir.h"

static char *dir;
static struct env *env;

static void setup(void)
{
	dir = tmpdir_new();
	env = env_posix();
}

static void teardown(void)
{
	tmpdir_free(dir);
}

static const char *at(const char *name)
{
	return tmpdir_path(dir, name);
}

static struct env_file *open_new(const char *name, unsigned flags)
{
	struct env_file *f;

	ck_ok(env_open(env, at(name), flags | ENV_CREATE, &f));
	return f;
}

START_TEST(what_is_written_is_read)
{
	struct env_file *f = open_new("a", ENV_READ | ENV_WRITE);
	char text[16];
	uint64_t size;
	size_t n;

	ck_ok(env_append(f, "hello ", 6));
	ck_ok(env_append(f, "world", 5));
	ck_ok(env_write(f, 0, "J", 1));
	ck_ok(env_sync(f, ENV_SYNC_FULL));
	ck_ok(env_file_size(f, &size));
	ck_assert_uint_eq(size, 11);
	ck_ok(env_read(f, 4, text, sizeof(text), &n));
	ck_assert_uint_eq(n, 7);
	ck_assert_mem_eq(text, "o world", 7);
	ck_ok(env_read_exact(f, 0, text, 5));
	ck_assert_mem_eq(text, "Jello", 5);
	ck_err(env_read_exact(f, 8, text, 5), TT_ECORRUPT);
	ck_ok(env_close(f));
}
END_TEST

START_TEST(append_goes_on_at_the_end)
{
	struct env_file *f = open_new("a", ENV_WRITE);
	struct buf b = BUF_INIT;

	ck_ok(env_append(f, "one", 3));
	ck_ok(env_close(f));
	f = open_new("a", ENV_WRITE);
	ck_ok(env_append(f, "two", 3));
	ck_ok(env_close(f));
	ck_ok(env_read_file(env, at("a"), 100, &b));
	ck_assert_str_eq(buf_cstr(&b), "onetwo");
	ck_err(env_read_file(env, at("a"), 5, &b), -EFBIG);
	buf_fini(&b);
}
END_TEST

START_TEST(open_failures_name_the_path)
{
	struct env_file *f;

	ck_err(env_open(env, at("none"), ENV_READ, &f), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err_text(), at("none")));
	ck_assert_ptr_nonnull(strstr(err_text(), "No such file"));
	ck_err(env_open(env, dir, ENV_READ, &f), -EISDIR);
	ck_ok(env_close(open_new("a", ENV_WRITE)));
	ck_err(env_open(env, at("a"), ENV_WRITE | ENV_CREATE | ENV_EXCL, &f),
	       -EEXIST);
}
END_TEST

/* A limit on the file's size makes the kernel write short first. */
START_TEST(short_write_is_resumed_until_the_error)
{
	struct env_file *f = open_new("a", ENV_WRITE);
	struct rlimit old, limit;
	char bytes[2000] = { 0 };
	struct env_stat st;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 1000;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_err(env_append(f, bytes, sizeof(bytes)), -EFBIG);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	ck_ok(env_close(f));
	ck_ok(env_stat(env, at("a"), &st));
	ck_assert_uint_eq(st.size, 1000);
}
END_TEST

START_TEST(allocate_extends_with_zeros)
{
	struct env_file *f = open_new("a", ENV_READ | ENV_WRITE);
	char bytes[10];
	uint64_t size;

	ck_ok(env_allocate(f, 0, 1 << 20));
	ck_ok(env_file_size(f, &size));
	ck_assert_uint_eq(size, 1 << 20);
	ck_ok(env_read_exact(f, 1000, bytes, 10));
	ck_assert_mem_eq(bytes, "\0\0\0\0\0\0\0\0\0\0", 10);
	ck_ok(env_truncate(f, 5));
	ck_ok(env_file_size(f, &size));
	ck_assert_uint_eq(size, 5);
	ck_ok(env_advise(f, 0, 0, ENV_ADVICE_DONTNEED));
	ck_ok(env_close(f));
}
END_TEST

START_TEST(direct_files_take_aligned_blocks)
{
	struct env_file *f =
		open_new("a", ENV_READ | ENV_WRITE | ENV_DIRECT | ENV_DSYNC);
	char *p = aligned_alloc(ENV_DIRECT_ALIGN, 2 * ENV_DIRECT_ALIGN);
	size_t n;

	memset(p, 'x', 2 * ENV_DIRECT_ALIGN);
	ck_ok(env_append(f, p, ENV_DIRECT_ALIGN));
	ck_ok(env_append(f, p, ENV_DIRECT_ALIGN));
	ck_ok(env_truncate(f, ENV_DIRECT_ALIGN + 100));
	ck_ok(env_read(f, 0, p, 2 * ENV_DIRECT_ALIGN, &n));
	ck_assert_uint_eq(n, ENV_DIRECT_ALIGN + 100);
	ck_ok(env_close(f));
	free(p);
}
END_TEST

START_TEST(mapped_stores_reach_the_file)
{
	struct env_file *f = open_new("a", ENV_READ | ENV_WRITE);
	struct env_map *m;
	char bytes[5];

	ck_ok(env_allocate(f, 0, 65536));
	ck_ok(env_map(f, 4096, 8192, true, &m));
	ck_assert_uint_eq(m->len, 8192);
	ck_ok(env_map_populate(m, 0, 8192));
	memcpy(m->base + 5000, "hello", 5);
	ck_ok(env_map_sync(m, 5000, 5));
	ck_ok(env_read_exact(f, 4096 + 5000, bytes, 5));
	ck_assert_mem_eq(bytes, "hello", 5);
	ck_ok(env_unmap(m));
	ck_ok(env_close(f));
	ck_ok(env_unmap(NULL));
	ck_ok(env_close(NULL));
}
END_TEST

static int count_names(void *arg, const char *name, enum env_file_type type)
{
	unsigned *seen = arg;

	if (!strcmp(name, "a"))
		*seen += type == ENV_TYPE_FILE ? 1 : 100;
	else if (!strcmp(name, "d"))
		*seen += type == ENV_TYPE_DIR ? 10 : 100;
	else
		*seen += 1000;
	return 0;
}

static int stop_at_once(void *arg, const char *name, enum env_file_type type)
{
	(void)arg;
	(void)name;
	(void)type;
	return TT_END;
}

START_TEST(directories_list_their_names)
{
	unsigned seen = 0;

	ck_ok(env_close(open_new("a", ENV_WRITE)));
	ck_ok(env_mkdir(env, at("d")));
	ck_err(env_mkdir(env, at("d")), -EEXIST);
	ck_ok(env_list(env, dir, count_names, &seen));
	ck_assert_uint_eq(seen, 11);
	ck_assert_int_eq(env_list(env, dir, stop_at_once, NULL), TT_END);
	ck_ok(env_rmdir(env, at("d")));
	ck_err(env_list(env, at("d"), count_names, &seen), -ENOENT);
	ck_ok(env_sync_dir(env, dir));
}
END_TEST

START_TEST(names_move_and_multiply)
{
	struct env_stat st;

	ck_ok(env_close(open_new("a", ENV_WRITE)));
	ck_ok(env_link(env, at("a"), at("b")));
	ck_err(env_link(env, at("a"), at("b")), -EEXIST);
	ck_ok(env_stat(env, at("a"), &st));
	ck_assert_uint_eq(st.n_links, 2);
	ck_assert_int_eq(st.type, ENV_TYPE_FILE);
	ck_ok(env_rename(env, at("a"), at("c")));
	ck_assert_int_eq(env_exists(env, at("a")), 0);
	ck_assert_int_eq(env_exists(env, at("c")), 1);
	ck_ok(env_unlink(env, at("c")));
	ck_err(env_unlink(env, at("c")), -ENOENT);
	ck_err(env_rename(env, at("c"), at("d")), -ENOENT);
}
END_TEST

START_TEST(second_lock_is_refused_and_names_the_owner)
{
	struct env_lock *l, *l2;
	char pid[32];

	ck_assert_int_eq(env_lock_owner(env, at("LOCK")), 0);
	ck_ok(env_lock(env, at("LOCK"), &l));
	ck_err(env_lock(env, at("LOCK"), &l2), TT_ELOCKED);
	snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	ck_assert_ptr_nonnull(strstr(err_text(), pid));
	ck_assert_int_eq(env_lock_owner(env, at("LOCK")), getpid());
	ck_ok(env_unlock(l));
	ck_ok(env_lock(env, at("LOCK"), &l));
	ck_ok(env_unlock(l));
}
END_TEST

START_TEST(lock_dies_with_its_process)
{
	struct env_lock *l;
	pid_t child = fork();

	if (child == 0) {
		ck_ok(env_lock(env, at("LOCK"), &l));
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
	ck_ok(env_lock(env, at("LOCK"), &l));
	ck_ok(env_unlock(l));
}
END_TEST

START_TEST(space_and_clocks_are_plausible)
{
	struct env_space s;
	uint64_t t = env_mono_ns(env);

	ck_ok(env_space(env, dir, &s));
	ck_assert_uint_gt(s.total, 0);
	ck_assert_uint_le(s.avail, s.total);
	ck_assert_int_gt(env_now_us(env), 1700000000000000);
	ck_assert_uint_ge(env_mono_ns(env), t);
}
END_TEST

START_TEST(replace_file_leaves_no_temporary)
{
	struct buf b = BUF_INIT;

	ck_ok(env_replace_file(env, at("C"), SLICE_LIT("one")));
	ck_ok(env_replace_file(env, at("C"), SLICE_LIT("two")));
	ck_ok(env_read_file(env, at("C"), 100, &b));
	ck_assert_str_eq(buf_cstr(&b), "two");
	ck_assert_int_eq(env_exists(env, at("C.tmp")), 0);
	buf_fini(&b);
}
END_TEST

START_TEST(make_dirs_makes_parents)
{
	ck_ok(env_make_dirs(env, at("x/y/z")));
	ck_ok(env_make_dirs(env, at("x/y/z")));
	ck_assert_int_eq(env_exists(env, at("x/y/z")), 1);
	ck_ok(env_close(open_new("f", ENV_WRITE)));
	ck_assert_int_lt(env_make_dirs(env, at("f/g")), 0);
}
END_TEST

START_TEST(dir_name_of_every_shape)
{
	static const char *const pairs[][2] = {
		{ "a", "." },
		{ "/a", "/" },
		{ "a/b", "a" },
		{ "/a/b/c", "/a/b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		char *d = env_dir_name(pairs[i][0]);

		ck_assert_str_eq(d, pairs[i][1]);
		free(d);
	}
}
END_TEST

static Suite *env_suite(void)
{
	Suite *s = suite_create("env");
	TCase *t = tcase_create("env");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_written_is_read);
	tcase_add_test(t, append_goes_on_at_the_end);
	tcase_add_test(t, open_failures_name_the_path);
	tcase_add_test(t, short_write_is_resumed_until_the_error);
	tcase_add_test(t, allocate_extends_with_zeros);
	tcase_add_test(t, direct_files_take_aligned_blocks);
	tcase_add_test(t, mapped_stores_reach_the_file);
	tcase_add_test(t, directories_list_their_names);
	tcase_add_test(t, names_move_and_multiply);
	tcase_add_test(t, second_lock_is_refused_and_names_the_owner);
	tcase_add_test(t, lock_dies_with_its_process);
	tcase_add_test(t, space_and_clocks_are_plausible);
	tcase_add_test(t, replace_file_leaves_no_temporary);
	tcase_add_test(t, make_dirs_makes_parents);
	tcase_add_test(t, dir_name_of_every_shape);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(env_suite)
