/* SPDX-License-Identifier: MIT */
/*
 * Contents and attributes: sizes, holes, big truncations, orphans, times.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tree/schema_format.h"
#include "tree/schema_key.h"
#include "tree/sweeper.h"
#include "tree/tree_fixture.h"
#include "tree/tree_priv.h"

#define BLOCK (1u << SCHEMA_BLOCK_SHIFT)

static struct fixture f;
static uint64_t file; /* "f", looked up */
static char data[1 << 20];

static void setup(void)
{
	struct tree_attr a;

	memset(data, 'x', sizeof(data));
	fixture_open(&f);
	ck_ok(do_create(f.t, "f"));
	ck_ok(path_lookup(f.t, "f", &a));
	file = a.ino;
}

static void teardown(void)
{
	tree_forget(f.t, file, 1);
	fixture_check(&f);
	fixture_close(&f);
}

static struct tree_attr attr(void)
{
	struct tree_attr a;

	ck_ok(tree_getattr(f.t, file, &a));
	return a;
}

static void put(uint64_t off, const void *p, size_t n)
{
	ck_ok(tree_write(f.t, file, off, p, n, 0, NULL));
}

static void resize(uint64_t size)
{
	struct tree_attr in = { .size = size };

	ck_ok(tree_setattr(f.t, file, &in, TREE_SET_SIZE, NULL));
}

/* Bytes off..off+n-1 are all `c`. */
static void expect(uint64_t off, size_t n, char c)
{
	struct buf b = BUF_INIT;

	ck_ok(read_ino(f.t, file, off, n, &b));
	ck_assert_uint_eq(b.len, n);
	for (size_t i = 0; i < n; i++)
		if ((char)b.data[i] != c)
			ck_abort_msg("byte %zu is %d, not %d", (size_t)off + i,
				     b.data[i], c);
	buf_fini(&b);
}

/* Rows of a kind under the file's number. */
static size_t n_rows(enum schema_kind kind)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_prefix(&lo, kind, file),
		.upper = key_prefix_end(&hi, kind, file),
	};
	struct tt_iter *it;
	size_t n = 0;

	ck_ok(tt_iter_new(f.db, &io, &it));
	for (int r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		n++;
	tt_iter_free(it);
	return n;
}

START_TEST(small_contents_are_in_the_entry)
{
	put(0, data, SCHEMA_INLINE_MAX);
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 0);
	ck_assert_uint_eq(attr().blocks, SCHEMA_INLINE_MAX / 512);
	put(SCHEMA_INLINE_MAX, data, 1);
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 1);
	expect(0, SCHEMA_INLINE_MAX + 1, 'x');
}
END_TEST

START_TEST(zeros_take_no_room)
{
	static char zeros[8 * BLOCK];

	put(0, zeros, sizeof(zeros));
	ck_assert_uint_eq(attr().size, sizeof(zeros));
	ck_assert_uint_eq(attr().blocks, 0);
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 0);
	expect(0, sizeof(zeros), 0);
}
END_TEST

/* How the first write beyond the inode decides. */
START_TEST(a_stream_has_large_blocks)
{
	put(0, data, sizeof(data));
	ck_assert_uint_eq(n_rows(KEY_BLOCK),
			  sizeof(data) >> SCHEMA_BLOCK_SHIFT_STREAM);
	resize(10);
	resize(0);
	put(0, data, 2 * BLOCK);
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 2);
	put(2 * BLOCK, data, sizeof(data));
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 2 + sizeof(data) / BLOCK);
	expect(0, sizeof(data), 'x');
}
END_TEST

/* Parts of blocks are patched, now and then the whole is put. */
START_TEST(small_writes_are_read_back)
{
	static char copy[3 * BLOCK];
	struct buf b = BUF_INIT;
	uint32_t at = 1;

	memcpy(copy, data, sizeof(copy));
	put(0, copy, sizeof(copy));
	for (int i = 0; i < 300; i++) {
		char part[700];
		size_t len = 1 + at % sizeof(part);

		at = at * 1103515245 + 12345;
		memset(part, i % 7 ? 'a' + i % 26 : 0, len);
		memcpy(copy + at % (sizeof(copy) - len), part, len);
		put(at % (sizeof(copy) - len), part, len);
	}
	ck_ok(read_ino(f.t, file, 0, sizeof(copy), &b));
	ck_assert(slice_eq(buf_slice(&b), SLICE(copy, sizeof(copy))));
	buf_fini(&b);
	ck_assert_uint_eq(attr().blocks, 3 * BLOCK / 512);
}
END_TEST

START_TEST(small_appends_are_read_back)
{
	for (int i = 0; i < 3000; i++)
		ck_ok(tree_write(f.t, file, 0, data, 17, TREE_WRITE_APPEND,
				 NULL));
	ck_assert_uint_eq(attr().size, 3000 * 17);
	expect(0, 3000 * 17, 'x');
	ck_assert_uint_eq(n_rows(KEY_BLOCK), (3000 * 17 + BLOCK - 1) / BLOCK);
}
END_TEST

/* What a patch leaves behind the old end of a row reads as zeros. */
START_TEST(a_patch_behind_the_stored_bytes_leaves_zeros)
{
	char c = 'y';

	put(0, data, 5000);
	resize(BLOCK);
	put(9000, &c, 1);
	expect(0, 5000, 'x');
	expect(5000, 4000, 0);
	expect(9000, 1, 'y');
	expect(9001, BLOCK - 9001, 0);
}
END_TEST

START_TEST(a_file_may_be_nearly_8_eib)
{
	uint64_t end = INT64_MAX;
	char c = 'e';

	put(end - 1, &c, 1);
	ck_assert_uint_eq(attr().size, end);
	expect(end - 1, 1, 'e');
	expect(12345678, 1000, 0);
	ck_err(tree_write(f.t, file, end, &c, 1, 0, NULL), -EFBIG);
	resize(0);
}
END_TEST

START_TEST(what_was_cut_off_never_comes_back)
{
	put(0, data, 3 * BLOCK);
	resize(BLOCK + 7);
	resize(3 * BLOCK);
	expect(0, BLOCK + 7, 'x');
	expect(BLOCK + 7, 2 * BLOCK - 7, 0);
}
END_TEST

/* More blocks than one batch looks at, without a hole. */
static void make_big(void)
{
	put(0, data, BLOCK); /* no stream: blocks are BLOCK */
	for (uint64_t off = 0; off < 600ull * BLOCK; off += sizeof(data))
		put(off, data, sizeof(data));
}

/* The same with a hole: how many rows a range has is not known. */
static void make_sparse(void)
{
	make_big();
	resize(700ull * BLOCK);
}

START_TEST(a_big_truncation_is_done_at_once)
{
	make_big();
	resize(BLOCK + 10);
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 2);
	ck_assert_uint_eq(n_rows(KEY_ORPHAN), 0);
	ck_assert_uint_eq(attr().blocks, 2 * BLOCK / 512);
	resize(600ull * BLOCK);
	expect(BLOCK + 10, 100 * BLOCK, 0);
	put(5 * BLOCK, data, BLOCK); /* where something was */
	expect(5 * BLOCK, BLOCK, 'x');
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 3);
}
END_TEST

START_TEST(so_is_one_to_nothing_whatever_there_was)
{
	make_sparse();
	resize(1);
	make_sparse(); /* beside garbage */
	resize(0);
	ck_assert_uint_eq(attr().blocks, 0);
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 0);
	ck_assert_uint_eq(n_rows(KEY_ORPHAN), 0);
	put(0, data, 2 * BLOCK);
	resize(BLOCK);
	expect(0, BLOCK, 'x');
}
END_TEST

START_TEST(a_hole_in_the_middle_is_punched_at_once)
{
	make_big();
	ck_ok(tree_fallocate(f.t, file,
			     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100,
			     500 * BLOCK, 0));
	ck_assert_uint_eq(n_rows(KEY_ORPHAN), 0);
	expect(0, 100, 'x');
	expect(100, 500 * BLOCK, 0);
	expect(500 * BLOCK + 100, 50 * BLOCK, 'x');
}
END_TEST

START_TEST(a_truncation_of_many_unknown_is_done_in_the_background)
{
	make_sparse();
	resize(10);
	resize(600ull * BLOCK);
	expect(0, 10, 'x');
	expect(10, 100 * BLOCK, 0);
	put(5 * BLOCK, data, BLOCK); /* among the garbage */
	sweeper_drain(f.t->sweeper);
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 2);
	ck_assert_uint_eq(n_rows(KEY_ORPHAN), 0);
	expect(5 * BLOCK, BLOCK, 'x');
	expect(6 * BLOCK, 10 * BLOCK, 0);
}
END_TEST

START_TEST(a_truncation_goes_on_after_a_restart)
{
	struct tree_attr a;

	make_sparse();
	resize(1);
	tree_forget(f.t, file, 1);
	fixture_reopen(&f);
	ck_ok(path_lookup(f.t, "f", &a));
	sweeper_drain(f.t->sweeper);
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 1);
	ck_assert_uint_eq(n_rows(KEY_ORPHAN), 0);
	ck_assert_uint_eq(attr().blocks, BLOCK / 512);
}
END_TEST

START_TEST(many_big_truncations_do_not_pile_up)
{
	for (int i = 0; i < 8; i++) {
		make_sparse();
		resize((uint64_t)i * BLOCK + 5);
		expect(0, (uint64_t)i * BLOCK + 5, 'x');
	}
	sweeper_drain(f.t->sweeper);
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 8);
}
END_TEST

START_TEST(a_trim_survives_rename_link_and_unlink)
{
	make_sparse();
	resize(1);
	ck_ok(do_rename(f.t, "f", "g", 0));
	make_sparse();
	resize(1);
	ck_ok(do_link(f.t, "g", "h"));
	make_sparse();
	resize(1);
	ck_ok(do_unlink(f.t, "g"));
	ck_ok(do_unlink(f.t, "h"));
	expect(0, 1, 'x');
}
END_TEST

START_TEST(an_unlinked_file_lives_until_it_is_forgotten)
{
	make_big();
	ck_ok(do_unlink(f.t, "f"));
	ck_assert_uint_eq(attr().nlink, 0);
	expect(BLOCK, BLOCK, 'x');
	put(0, "y", 1);
	expect(0, 1, 'y');
	ck_assert_uint_eq(n_rows(KEY_ORPHAN), 1);
	tree_forget(f.t, file, 1);
	sweeper_drain(f.t->sweeper);
	ck_assert_uint_eq(n_rows(KEY_ORPHAN), 0);
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 0);
	ck_err(tree_getattr(f.t, file, &(struct tree_attr){ 0 }), -ESTALE);
}
END_TEST

START_TEST(an_orphan_is_swept_at_the_next_start)
{
	make_big();
	ck_ok(tree_setxattr(f.t, file, tt_str("user.a"), tt_str("b"), 0));
	ck_ok(do_unlink(f.t, "f"));
	fixture_reopen(&f);
	sweeper_drain(f.t->sweeper);
	ck_assert_uint_eq(n_rows(KEY_ORPHAN), 0);
	ck_assert_uint_eq(n_rows(KEY_BLOCK), 0);
	ck_assert_uint_eq(n_rows(KEY_XATTR), 0);
}
END_TEST

START_TEST(an_unnamed_file_gets_a_name_by_link)
{
	struct tree_attr a, b;

	ck_ok(tree_tmpfile(f.t, TREE_ROOT, &test_cred, 0640, &a));
	ck_assert_uint_eq(a.nlink, 0);
	ck_ok(tree_write(f.t, a.ino, 0, "text", 4, 0, NULL));
	ck_ok(tree_link(f.t, a.ino, TREE_ROOT, tt_str("named"), &b));
	ck_assert_uint_eq(b.nlink, 1);
	tree_forget(f.t, a.ino, 2);
	fixture_reopen(&f);
	ck_assert_str_eq(do_get(f.t, "named"), "text");
}
END_TEST

START_TEST(an_unnamed_file_without_a_name_goes)
{
	struct tree_attr a;

	ck_ok(tree_tmpfile(f.t, TREE_ROOT, &test_cred, 0640, &a));
	tree_forget(f.t, a.ino, 1);
	sweeper_drain(f.t->sweeper);
	ck_err(tree_getattr(f.t, a.ino, &a), -ESTALE);
}
END_TEST

/* Sets all times of the file to `s` seconds, its ctime to 1 s. */
static void set_times(time_t atime, time_t mtime)
{
	struct tree_attr in = { .atime.tv_sec = atime,
				.mtime.tv_sec = mtime,
				.ctime.tv_sec = 1 };

	ck_ok(tree_setattr(f.t, file, &in,
			   TREE_SET_ATIME | TREE_SET_MTIME | TREE_SET_CTIME,
			   NULL));
}

static int nothing(void *arg, const struct iovec *iov, int n_iov, size_t total)
{
	(void)arg, (void)iov, (void)n_iov, (void)total;
	return 0;
}

/* Whether reading the file moves its access time. */
static bool read_moves_atime(void)
{
	struct tree_attr before = attr(), after;

	ck_ok(tree_read(f.t, file, 0, 10, nothing, NULL));
	after = attr();
	ck_assert_int_eq(after.mtime.tv_sec, before.mtime.tv_sec);
	ck_assert_int_eq(after.ctime.tv_sec, before.ctime.tv_sec);
	ck_assert_uint_eq(after.size, before.size);
	return after.atime.tv_sec != before.atime.tv_sec;
}

START_TEST(reading_moves_access_times_by_the_policy)
{
	time_t now;

	put(0, "contents", 8);
	now = attr().mtime.tv_sec;
	set_times(1, 2);
	ck_assert(!read_moves_atime());
	tree_set_atime(f.t, TREE_ATIME_RELATIVE, TREE_ATIME_NEVER);
	ck_assert(read_moves_atime());
	ck_assert(!read_moves_atime());
	set_times(now - 3600, now - 7200);
	ck_assert(!read_moves_atime());
	set_times(now - 3600, now - 3600);
	ck_assert(read_moves_atime());
	set_times(now - 90000, now - 180000); /* over a day */
	ck_assert(read_moves_atime());
	tree_set_atime(f.t, TREE_ATIME_ALWAYS, TREE_ATIME_NEVER);
	set_times(now - 3600, now - 7200);
	ck_assert(read_moves_atime());
	ck_assert_str_eq(do_get(f.t, "f"), "contents");
}
END_TEST

static int no_entry(void *arg, const struct tree_dirent *e)
{
	(void)arg, (void)e;
	return 0;
}

START_TEST(listing_moves_access_times_by_the_policy)
{
	struct tree_attr in = { .atime.tv_sec = 1 }, a;

	for (int policy = TREE_ATIME_NEVER; policy <= TREE_ATIME_RELATIVE;
	     policy++) {
		struct tree_dir *d;

		ck_ok(tree_setattr(f.t, TREE_ROOT, &in, TREE_SET_ATIME, NULL));
		tree_set_atime(f.t, TREE_ATIME_NEVER, (enum tree_atime)policy);
		ck_ok(tree_opendir(f.t, TREE_ROOT, &d));
		ck_ok(tree_readdir(d, 0, false, no_entry, NULL));
		tree_closedir(d);
		ck_ok(tree_getattr(f.t, TREE_ROOT, &a));
		ck_assert_int_eq(a.atime.tv_sec != 1,
				 policy == TREE_ATIME_RELATIVE);
	}
}
END_TEST

START_TEST(appends_go_to_the_end)
{
	put(0, "ab", 2);
	ck_ok(tree_write(f.t, file, 0, "cd", 2, TREE_WRITE_APPEND, NULL));
	ck_assert_str_eq(do_get(f.t, "f"), "abcd");
}
END_TEST

START_TEST(writes_by_others_clear_setuid)
{
	struct tree_attr in = { .mode = 06755 };
	uint64_t n;

	ck_ok(tree_setattr(f.t, file, &in, TREE_SET_MODE, NULL));
	put(0, "a", 1);
	ck_assert_uint_eq(attr().mode & 07777, 06755);
	ck_ok(tree_write(f.t, file, 0, "a", 1, TREE_WRITE_KILL_PRIV, NULL));
	ck_assert_uint_eq(attr().mode & 07777, 0755);
	ck_ok(tree_setattr(f.t, file, &in, TREE_SET_MODE, NULL));
	ck_ok(tree_fallocate(f.t, file, FALLOC_FL_KEEP_SIZE, 0, 10,
			     TREE_WRITE_KILL_PRIV));
	ck_assert_uint_eq(attr().mode & 07777, 0755);
	ck_ok(tree_setattr(f.t, file, &in, TREE_SET_MODE, NULL));
	ck_ok(tree_copy_range(f.t, file, 0, file, 9, 1, TREE_WRITE_KILL_PRIV,
			      &n));
	ck_assert_uint_eq(attr().mode & 07777, 0755);
	in.mode = 02644; /* mandatory locking, not setgid */
	ck_ok(tree_setattr(f.t, file, &in, TREE_SET_MODE, NULL));
	ck_ok(tree_write(f.t, file, 0, "a", 1, TREE_WRITE_KILL_PRIV, NULL));
	ck_assert_uint_eq(attr().mode & 07777, 02644);
}
END_TEST

START_TEST(times_are_kept_to_the_nanosecond)
{
	struct tree_attr in = {
		.atime = { 1, 999999999 },
		.mtime = { -5, 1 },
	};

	ck_ok(tree_setattr(f.t, file, &in, TREE_SET_ATIME | TREE_SET_MTIME,
			   NULL));
	tree_forget(f.t, file, 1);
	fixture_reopen(&f);
	ck_ok(path_lookup(f.t, "f", &in));
	ck_assert_int_eq(in.atime.tv_sec, 1);
	ck_assert_int_eq(in.atime.tv_nsec, 999999999);
	ck_assert_int_eq(in.mtime.tv_sec, -5);
	ck_assert_int_eq(in.mtime.tv_nsec, 1);
}
END_TEST

START_TEST(holes_are_found)
{
	uint64_t at;

	put(2 * BLOCK, data, BLOCK);
	resize(8 * BLOCK);
	ck_ok(tree_lseek(f.t, file, 0, SEEK_DATA, &at));
	ck_assert_uint_eq(at, 2 * BLOCK);
	ck_ok(tree_lseek(f.t, file, 0, SEEK_HOLE, &at));
	ck_assert_uint_eq(at, 0);
	ck_ok(tree_lseek(f.t, file, 2 * BLOCK + 5, SEEK_DATA, &at));
	ck_assert_uint_eq(at, 2 * BLOCK + 5);
	ck_ok(tree_lseek(f.t, file, 2 * BLOCK, SEEK_HOLE, &at));
	ck_assert_uint_eq(at, 3 * BLOCK);
	ck_err(tree_lseek(f.t, file, 3 * BLOCK, SEEK_DATA, &at), -ENXIO);
	ck_err(tree_lseek(f.t, file, 8 * BLOCK, SEEK_HOLE, &at), -ENXIO);
}
END_TEST

START_TEST(the_end_of_a_full_file_is_a_hole)
{
	uint64_t at;

	put(0, data, 5 * BLOCK + 3);
	ck_ok(tree_lseek(f.t, file, 7, SEEK_HOLE, &at));
	ck_assert_uint_eq(at, 5 * BLOCK + 3);
}
END_TEST

START_TEST(holes_are_punched)
{
	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	make_big();
	ck_ok(tree_fallocate(f.t, file, mode, 100, 598ull * BLOCK, 0));
	expect(0, 100, 'x');
	expect(100, 50 * BLOCK, 0);
	expect(598ull * BLOCK + 100, BLOCK, 'x');
	ck_assert_uint_ge(attr().size, 600ull * BLOCK);
	sweeper_drain(f.t->sweeper);
	expect(100, 50 * BLOCK, 0);
	ck_err(tree_fallocate(f.t, file, FALLOC_FL_COLLAPSE_RANGE, 0, BLOCK, 0),
	       -EOPNOTSUPP);
}
END_TEST

START_TEST(allocating_sets_the_size_unless_told_not_to)
{
	ck_ok(tree_fallocate(f.t, file, FALLOC_FL_KEEP_SIZE, 0, 5000, 0));
	ck_assert_uint_eq(attr().size, 0);
	ck_ok(tree_fallocate(f.t, file, 0, 0, 5000, 0));
	ck_assert_uint_eq(attr().size, 5000);
	ck_ok(tree_fallocate(f.t, file, FALLOC_FL_ZERO_RANGE, 4000, 2000, 0));
	ck_assert_uint_eq(attr().size, 6000);
}
END_TEST

START_TEST(ranges_are_copied)
{
	struct tree_attr g;
	uint64_t n;

	put(0, data, 3 * BLOCK);
	put(100, "abc", 3);
	ck_ok(do_create(f.t, "g"));
	ck_ok(path_lookup(f.t, "g", &g));
	ck_ok(tree_copy_range(f.t, file, 100, g.ino, 7, 1 << 30, 0, &n));
	ck_assert_uint_eq(n, 3 * BLOCK - 100);
	ck_ok(tree_getattr(f.t, g.ino, &g));
	ck_assert_uint_eq(g.size, 3 * BLOCK - 93);
	ck_err(tree_copy_range(f.t, file, 0, file, 10, 100, 0, &n), -EINVAL);
	ck_ok(tree_copy_range(f.t, file, 100, file, 9000, 3, 0, &n));
	expect(9003, 5, 'x');
	tree_forget(f.t, g.ino, 1);
}
END_TEST

START_TEST(a_read_stops_at_the_end)
{
	struct buf b = BUF_INIT;

	put(0, "abc", 3);
	ck_ok(read_ino(f.t, file, 1, 100, &b));
	ck_assert_str_eq(buf_cstr(&b), "bc");
	ck_ok(read_ino(f.t, file, 3, 100, &b));
	ck_assert_uint_eq(b.len, 0);
	ck_ok(read_ino(f.t, file, 1ull << 60, 100, &b));
	ck_assert_uint_eq(b.len, 0);
	ck_err(read_ino(f.t, TREE_ROOT, 0, 100, &b), -EISDIR);
	buf_fini(&b);
}
END_TEST

START_TEST(attributes_have_their_rules)
{
	char v[16];
	size_t n;

	ck_err(tree_getxattr(f.t, file, tt_str("user.a"), v, 16, &n), -ENODATA);
	ck_err(tree_setxattr(f.t, file, tt_str("user.a"), tt_str("1"),
			     TREE_XATTR_REPLACE),
	       -ENODATA);
	ck_ok(tree_setxattr(f.t, file, tt_str("user.a"), tt_str("12"), 0));
	ck_err(tree_setxattr(f.t, file, tt_str("user.a"), tt_str("1"),
			     TREE_XATTR_CREATE),
	       -EEXIST);
	ck_err(tree_getxattr(f.t, file, tt_str("user.a"), v, 1, &n), -ERANGE);
	ck_ok(tree_getxattr(f.t, file, tt_str("user.a"), NULL, 0, &n));
	ck_assert_uint_eq(n, 2);
	ck_err(tree_setxattr(f.t, file, tt_str("user.b"),
			     SLICE(data, TREE_XATTR_MAX + 1), 0),
	       -E2BIG);
	ck_ok(tree_removexattr(f.t, file, tt_str("user.a")));
	ck_err(tree_removexattr(f.t, file, tt_str("user.a")), -ENODATA);
}
END_TEST

START_TEST(numbers_are_never_used_again)
{
	struct tree_attr a, b;

	ck_ok(do_create(f.t, "a"));
	ck_ok(do_stat(f.t, "a", &a));
	ck_ok(do_unlink(f.t, "a"));
	tree_forget(f.t, file, 1);
	fixture_reopen(&f);
	ck_ok(do_create(f.t, "a"));
	ck_ok(do_stat(f.t, "a", &b));
	ck_assert_uint_gt(b.ino, a.ino);
	ck_ok(path_lookup(f.t, "f", &a));
	ck_assert_uint_eq(a.ino, file);
}
END_TEST

static Suite *tree_files_suite(void)
{
	const TTest *const tests[] = {
		small_contents_are_in_the_entry,
		zeros_take_no_room,
		a_stream_has_large_blocks,
		small_writes_are_read_back,
		small_appends_are_read_back,
		a_patch_behind_the_stored_bytes_leaves_zeros,
		a_file_may_be_nearly_8_eib,
		what_was_cut_off_never_comes_back,
		a_big_truncation_is_done_at_once,
		so_is_one_to_nothing_whatever_there_was,
		a_hole_in_the_middle_is_punched_at_once,
		a_truncation_of_many_unknown_is_done_in_the_background,
		a_truncation_goes_on_after_a_restart,
		many_big_truncations_do_not_pile_up,
		a_trim_survives_rename_link_and_unlink,
		an_unlinked_file_lives_until_it_is_forgotten,
		an_orphan_is_swept_at_the_next_start,
		an_unnamed_file_gets_a_name_by_link,
		an_unnamed_file_without_a_name_goes,
		reading_moves_access_times_by_the_policy,
		listing_moves_access_times_by_the_policy,
		appends_go_to_the_end,
		writes_by_others_clear_setuid,
		times_are_kept_to_the_nanosecond,
		holes_are_found,
		the_end_of_a_full_file_is_a_hole,
		holes_are_punched,
		allocating_sets_the_size_unless_told_not_to,
		ranges_are_copied,
		a_read_stops_at_the_end,
		attributes_have_their_rules,
		numbers_are_never_used_again,
	};
	Suite *s = suite_create("tree_files");
	TCase *tc = tcase_create("files");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(tree_files_suite)
