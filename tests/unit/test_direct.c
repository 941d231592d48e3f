/* SPDX-License-Identifier: MIT */
/* Files moved past the page cache: every length, and every stretch. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/direct.h"
#include "tests/support/check_main.h"
#include "tests/support/fault_env.h"
#include "tests/support/prng.h"
#include "tests/support/tmpdir.h"

#define MOST ((size_t)5 << 19) /* two chunks and a half */

static char *dir;
static struct env *env;
static struct fault_env *fault;
static uint8_t *bytes;
static struct rng rng;

static void setup(void)
{
	dir = tmpdir_new();
	ck_ok(fault_env_new(env_posix(), dir, test_seed(), &fault));
	env = fault_env_env(fault);
	test_rng(&rng);
	bytes = malloc(MOST);
	ck_assert_ptr_nonnull(bytes);
	rng_fill(&rng, bytes, MOST);
}

static void teardown(void)
{
	free(bytes);
	fault_env_free(fault);
	tmpdir_free(dir);
}

static const char *at(const char *name)
{
	return tmpdir_path(dir, name);
}

/* Writes the first `len` bytes in pieces of any size. */
static int write_pieces(struct direct_writer *w, const char *name, size_t len,
			uint64_t reserve, bool past_cache)
{
	int r = direct_writer_open(w, env, at(name), reserve, past_cache);

	for (size_t done = 0; r == 0 && done < len;) {
		size_t n = (size_t)rng_range(&rng, 1, len);

		n = MIN_OF(n, len - done);
		r = direct_writer_add(w, bytes + done, n);
		done += n;
	}
	if (r == 0)
		return direct_writer_finish(w);
	direct_writer_abort(w);
	return r;
}

static void expect_file(const char *name, size_t len)
{
	struct buf b = BUF_INIT;

	ck_ok(env_read_file(env, at(name), MOST, &b));
	ck_assert_uint_eq(b.len, len);
	ck_assert_mem_eq(b.data ? b.data : bytes, bytes, len);
	buf_fini(&b);
}

START_TEST(a_file_is_as_long_as_what_was_added)
{
	static const size_t edges[] = { 1,	 4095,	  4096,	   4097,
					1 << 20, 1048575, 1048577, MOST };
	struct direct_writer w;

	direct_writer_init(&w);
	for (unsigned i = 0; i < 40; i++) {
		size_t len =
			i < 8 ? edges[i] : (size_t)rng_range(&rng, 1, MOST);

		ck_ok(write_pieces(&w, "a", len, i % 2 ? len : 0, i % 3 > 0));
		expect_file("a", len);
	}
	direct_writer_fini(&w);
}
END_TEST

START_TEST(a_finished_file_survives_a_power_cut)
{
	struct direct_writer w;

	direct_writer_init(&w);
	ck_ok(write_pieces(&w, "a", 1050000, 1050000, true));
	ck_ok(env_sync_dir(env, dir));
	direct_writer_fini(&w);
	ck_ok(fault_env_cut(fault, CUT_STRICT));
	ck_ok(fault_env_power_on(fault));
	expect_file("a", 1050000);
}
END_TEST

START_TEST(a_failure_at_any_call_is_told_and_leaves_nothing_open)
{
	struct direct_writer w;
	uint64_t failed = 0;
	int r = -1;

	direct_writer_init(&w);
	for (uint64_t n = 1; r < 0; n++) {
		fault_env_fail(fault, FAULT_ANY, n, EIO, FAULT_ONCE);
		r = write_pieces(&w, "a", 1050000, 1050000, true);
		failed += r < 0;
		fault_env_clear(fault);
		ck_assert(r == 0 || r == -EIO);
		ck_assert_ptr_null(w.file);
	}
	/* open, allocate, write, open, write, close, sync, close */
	ck_assert_uint_eq(failed, 8);
	expect_file("a", 1050000);
	fault_env_limit_disk(fault, 1000000);
	ck_ok(env_unlink(env, at("a")));
	ck_err(write_pieces(&w, "b", 1050000, 1050000, true), -ENOSPC);
	ck_ok(env_unlink(env, at("b")));
	ck_err(write_pieces(&w, "c", 1050000, 0, true), -ENOSPC);
	ck_ok(env_unlink(env, at("c")));
	ck_err(write_pieces(&w, "d", 1050000, 0, false), -ENOSPC);
	direct_writer_fini(&w);
}
END_TEST

START_TEST(a_window_shows_any_stretch)
{
	struct direct_window w = { .data = NULL };
	struct direct_writer out;
	struct env_file *f;

	direct_writer_init(&out);
	ck_ok(write_pieces(&out, "a", 100001, 0, true));
	direct_writer_fini(&out);
	ck_ok(env_open(env, at("a"), ENV_READ | (_i ? ENV_DIRECT : 0), &f));
	for (unsigned i = 0; i < 300; i++) {
		size_t off = (size_t)rng_below(&rng, 100001);
		size_t len = (size_t)rng_range(&rng, 1, 100001 - off);
		const uint8_t *p;

		ck_ok(direct_window_read(&w, f, off, len));
		p = direct_window_at(&w, off, len);
		ck_assert_ptr_nonnull(p);
		ck_assert_mem_eq(p, bytes + off, len);
		ck_assert_ptr_null(direct_window_at(&w, off, 100002 - off));
		if (w.off)
			ck_assert_ptr_null(direct_window_at(&w, w.off - 1, 1));
		direct_window_reset(&w, 50000);
		ck_assert_uint_le(w.cap, 50000);
		ck_assert_ptr_null(direct_window_at(&w, off, len));
	}
	/* Beyond the end there is nothing, and no failure. */
	ck_ok(direct_window_read(&w, f, 200000, 10));
	ck_assert_ptr_null(direct_window_at(&w, 200000, 10));
	fault_env_fail(fault, FAULT_READ, 1, EIO, FAULT_ONCE);
	ck_err(direct_window_read(&w, f, 0, 10), -EIO);
	ck_assert_ptr_null(direct_window_at(&w, 0, 1));
	direct_window_fini(&w);
	ck_ok(env_close(f));
}
END_TEST

static Suite *direct_suite(void)
{
	Suite *s = suite_create("direct");
	TCase *t = tcase_create("direct");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_file_is_as_long_as_what_was_added);
	tcase_add_test(t, a_finished_file_survives_a_power_cut);
	tcase_add_test(t,
		       a_failure_at_any_call_is_told_and_leaves_nothing_open);
	tcase_add_loop_test(t, a_window_shows_any_stretch, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(direct_suite)
