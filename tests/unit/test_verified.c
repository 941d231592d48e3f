/* SPDX-License-Identifier: MIT */
/* Reads that trust no cache. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "support/check_main.h"
#include "support/tmpdir.h"
#include "ttrunks.h"

#define N 3000u

static char *dir;
static struct tt *db;
static const struct tt_read_options verified = { .verify = true };

static void setup(void)
{
	struct tt_options *opts = tt_options_new();

	dir = tmpdir_new();
	ck_assert_ptr_nonnull(opts);
	ck_ok(tt_options_set(opts, "compression", "none"));
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
	tt_options_free(opts);
}

static void teardown(void)
{
	ck_ok(tt_close(db));
	tmpdir_free(dir);
}

static struct tt_slice key_of(unsigned i)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), "key%06u", i);
	return tt_str(text);
}

static void put(unsigned i, char letter)
{
	char value[200];

	memset(value, letter, sizeof(value));
	ck_ok(tt_put(db, NULL, key_of(i),
		     (struct tt_slice){ value, sizeof(value) }, NULL));
}

/* Some keys overwritten, some deleted, some in the memtable only. */
static void fill(void)
{
	struct tt_slice all = { NULL, 0 };

	for (unsigned i = 0; i < N; i++)
		put(i, 'a');
	ck_ok(tt_compact(db, all, all));
	for (unsigned i = 0; i < N; i += 3)
		put(i, 'b');
	for (unsigned i = 0; i < N; i += 5)
		ck_ok(tt_delete(db, NULL, key_of(i), NULL));
	ck_ok(tt_flush(db));
	for (unsigned i = 0; i < N; i += 7)
		put(i, 'c');
}

static char first_letter(const struct tt_read_options *ro, unsigned i)
{
	char value[200];
	struct tt_pinned pin;
	int64_t ts;
	size_t n;
	int r = tt_get(db, ro, key_of(i), value, sizeof(value), &n, &ts);
	int p = tt_get_pinned(db, ro, key_of(i), &pin);

	ck_assert_int_eq(r, p);
	if (r == TT_NOTFOUND)
		return '-';
	ck_ok(r);
	ck_assert(n == sizeof(value) && value[0] == value[199]);
	ck_assert_int_eq(ts, pin.ts);
	ck_assert_uint_eq(pin.value.len, n);
	ck_assert_mem_eq(pin.value.data, value, n);
	tt_unpin(&pin);
	tt_unpin(&pin);
	return value[0];
}

/* Many at a time: the same answers. */
static void check_many(unsigned from)
{
	struct tt_pinned a[20], b[20];
	char text[20][32];
	struct tt_slice keys[20];
	int sa[20], sb[20];

	for (unsigned i = 0; i < 20; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "key%06u", from + i);
		keys[i] = tt_str(text[i]);
	}
	ck_ok(tt_multi_get(db, &verified, keys, 20, a, sa));
	ck_ok(tt_multi_get(db, NULL, keys, 20, b, sb));
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_int_eq(sa[i], sb[i]);
		if (sa[i] == 0) {
			ck_assert_uint_eq(a[i].value.len, b[i].value.len);
			ck_assert_mem_eq(a[i].value.data, b[i].value.data,
					 a[i].value.len);
		}
		tt_unpin(&a[i]);
		tt_unpin(&b[i]);
	}
}

START_TEST(a_verified_read_answers_as_any_other)
{
	struct tt_read_options before = verified;
	struct tt_snapshot *snap;

	ck_ok(tt_snapshot_new(db, &snap));
	fill();
	before.snapshot = snap;
	for (unsigned i = 0; i < N + 10; i++) {
		ck_assert_int_eq(first_letter(&verified, i),
				 first_letter(NULL, i));
		ck_assert_int_eq(first_letter(&before, i), '-');
	}
	ck_assert_int_eq(first_letter(&verified, 7), 'c');
	ck_assert_int_eq(first_letter(&verified, 5), '-');
	ck_assert_int_eq(first_letter(&verified, 3), 'b');
	tt_snapshot_free(db, snap);
	for (unsigned i = 0; i < N; i += 20)
		check_many(i);
	ck_err(tt_get(db, &verified, tt_str(""), NULL, 0, NULL, NULL), TT_EKEY);
}
END_TEST

static int flip_bit(void *arg, const char *name, enum env_file_type type)
{
	char path[512];
	struct stat st;
	uint8_t b;
	int fd;

	(void)arg;
	(void)type;
	(void)snprintf(path, sizeof(path), "%s/%s",
		       tmpdir_path(dir, "store/sst"), name);
	fd = open(path, O_RDWR);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(pread(fd, &b, 1, st.st_size - 50), 1);
	b ^= 1;
	ck_assert_int_eq(pwrite(fd, &b, 1, st.st_size - 50), 1);
	ck_assert_int_eq(close(fd), 0);
	return 0;
}

static int walk(bool verify, unsigned *n)
{
	struct tt_iter_options o = { .verify = verify };
	struct tt_iter *it;
	int r;

	*n = 0;
	ck_ok(tt_iter_new(db, &o, &it));
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		++*n;
	tt_iter_free(it);
	return r;
}

START_TEST(damage_under_the_cache_is_seen)
{
	char value[200];
	unsigned n;
	int r;

	for (unsigned i = 0; i < N; i++)
		put(i, 'a');
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_err(walk(true, &n), TT_END);
	ck_assert_uint_eq(n, N);
	ck_err(walk(false, &n), TT_END); /* all of it is cached now */
	ck_ok(env_list(env_posix(), tmpdir_path(dir, "store/sst"), flip_bit,
		       NULL));
	ck_err(walk(false, &n), TT_END);
	ck_assert_uint_eq(n, N);
	ck_assert_int_eq(first_letter(NULL, N - 1), 'a');
	r = tt_get(db, &verified, key_of(N - 1), value, sizeof(value), NULL,
		   NULL);
	ck_err(r, TT_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(tt_error_text(r), ".sst: block"));
	ck_err(walk(true, &n), TT_ECORRUPT);
	ck_assert_uint_gt(n, N / 2);
	/* One that rested is no less strict, nor does it stay so. */
	ck_err(walk(false, &n), TT_END);
	ck_err(walk(true, &n), TT_ECORRUPT);
	ck_err(walk(false, &n), TT_END);
	ck_assert_uint_eq(n, N);
	ck_assert_int_eq(first_letter(&verified, 0), 'a');
	/* It did not enter the cache. */
	ck_assert_int_eq(first_letter(NULL, N - 1), 'a');
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("verified");
	TCase *t = tcase_create("verified");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_verified_read_answers_as_any_other);
	tcase_add_test(t, damage_under_the_cache_is_seen);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
