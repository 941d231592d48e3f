/* SPDX-License-Identifier: MIT */
/* The list of a backup: what is written is read, and nothing else is. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/env.h"
#include "base/err.h"
#include "lsm/backup_list.h"
#include "support/check_main.h"

static const struct backup_file files[] = {
	{ .kind = BACKUP_LOG, .no = 5, .bytes = 4096, .sum = 1 },
	{ .kind = BACKUP_OPTIONS, .no = 1, .bytes = 100, .sum = 2 },
	{ .kind = BACKUP_TABLE,
	  .no = 12,
	  .bytes = 1048576,
	  .sum = 0xfedcba9876543210,
	  .identity = 0x0123456789abcdef },
	{ .kind = BACKUP_TABLE,
	  .no = 1234567,
	  .bytes = 1,
	  .sum = UINT64_MAX,
	  .identity = 0 },
	{ .kind = BACKUP_VALUES,
	  .no = 13,
	  .bytes = 123456,
	  .sum = 0x1111111111111111,
	  .identity = 0xfedcba9876543210 },
	{ .kind = BACKUP_MANIFEST, .no = 17, .bytes = 65536, .sum = 0 },
};
#define N_FILES (sizeof(files) / sizeof(files[0]))

static struct buf text;
static struct backup_head head;

static void setup(void)
{
	const struct backup_head h = { .id = 7, .time = 1700000000000000 };

	buf_init(&text);
	ck_ok(backup_list_begin(&text, &h));
	for (size_t i = 0; i < N_FILES; i++)
		ck_ok(backup_list_add(&text, &files[i]));
	ck_ok(backup_list_end(&text));
}

static void teardown(void)
{
	buf_fini(&text);
}

static int expect_file(void *arg, const struct backup_file *f)
{
	size_t *n = arg;

	ck_assert_uint_lt(*n, N_FILES);
	ck_assert(memcmp(f, &files[(*n)++], sizeof(*f)) == 0);
	return 0;
}

static int parse(struct tt_slice s)
{
	return backup_list_parse("LIST", s, &head, NULL, NULL);
}

START_TEST(what_was_written_is_read)
{
	size_t n = 0;

	ck_ok(backup_list_parse("LIST", buf_slice(&text), &head, expect_file,
				&n));
	ck_assert_uint_eq(n, N_FILES);
	ck_assert_uint_eq(head.id, 7);
	ck_assert_int_eq(head.time, 1700000000000000);
}
END_TEST

/* Written once and for all: tests/golden/README.md. */
START_TEST(the_pinned_list_is_written_and_read)
{
	const char *src = getenv("TT_SRCDIR");
	struct buf path = BUF_INIT, pinned = BUF_INIT;
	size_t n = 0;

	ck_assert_ptr_nonnull(src);
	ck_ok(buf_printf(&path, "%s/tests/golden/backup.list", src));
	ck_ok(env_read_file(env_posix(), buf_cstr(&path), 1 << 20, &pinned));
	ck_ok(backup_list_parse("LIST", buf_slice(&pinned), &head, expect_file,
				&n));
	ck_assert_uint_eq(n, N_FILES);
	ck_assert(slice_eq(buf_slice(&pinned), buf_slice(&text)));
	buf_fini(&path);
	buf_fini(&pinned);
}
END_TEST

START_TEST(every_flipped_bit_is_found)
{
	for (size_t i = 0; i < text.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			text.data[i] ^= (uint8_t)(1 << bit);
			ck_err(parse(buf_slice(&text)), TT_ECORRUPT);
			text.data[i] ^= (uint8_t)(1 << bit);
		}
	ck_ok(parse(buf_slice(&text)));
}
END_TEST

START_TEST(every_cut_is_found)
{
	for (size_t n = 0; n < text.len; n++)
		ck_err(parse(SLICE(text.data, n)), TT_ECORRUPT);
	ck_ok(buf_append_byte(&text, '\n'));
	ck_err(parse(buf_slice(&text)), TT_ECORRUPT);
}
END_TEST

/* A list of these lines between the first and the last, properly summed. */
static int parse_lines(const char *version, const char *lines)
{
	struct buf b = BUF_INIT;
	int r;

	ck_ok(buf_printf(&b, "ttrunks-backup %s\n%s", version, lines));
	ck_ok(backup_list_end(&b));
	r = parse(buf_slice(&b));
	buf_fini(&b);
	return r;
}

START_TEST(only_sound_lines_are_taken)
{
#define HEAD "backup 7 1700000000000000\n"
#define MANIFEST "manifest 17 65536 0000000000000000\n"
	static const char *const bad[] = {
		"",
		HEAD,
		MANIFEST,
		HEAD MANIFEST MANIFEST,
		"backup 0 1\n" MANIFEST,
		"backup 7\n" MANIFEST,
		"backup 07 1\n" MANIFEST,
		"backup 7 -1\n" MANIFEST,
		"backup 7  1\n" MANIFEST,
		"backup 99999999999999999999 1\n" MANIFEST,
		HEAD MANIFEST "\n",
		HEAD MANIFEST "value 1 2 0000000000000000\n",
		HEAD MANIFEST "table 1 2 0000000000000000\n",
		HEAD MANIFEST "log 1 2 0000000000000000 0000000000000000\n",
		HEAD MANIFEST "log 0 2 0000000000000000\n",
		HEAD MANIFEST "log 4294967296 2 0000000000000000\n",
		HEAD MANIFEST "log 1 2 000000000000000G\n",
		HEAD MANIFEST "log 1 2 000000000000000A\n",
		HEAD MANIFEST "log 1 2 0000000000000000",
		HEAD MANIFEST "log 1 2 0000000000000000 \n",
		HEAD MANIFEST "options 2 2 0000000000000000\n",
		HEAD MANIFEST "log ../1 2 0000000000000000\n",
	};

	ck_ok(parse_lines("1", HEAD MANIFEST));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(parse_lines("1", bad[i]) == TT_ECORRUPT, "%s",
			      bad[i]);
	ck_err(parse_lines("2", HEAD MANIFEST), TT_EVERSION);
	ck_assert_ptr_nonnull(strstr(err_text(), "version 2"));
	ck_err(parse_lines("x", HEAD MANIFEST), TT_ECORRUPT);
}
END_TEST

START_TEST(names_are_recognised)
{
	static const char *const bad[] = {
		"000012-0123456789abcdef-fedcba987654321.sst",
		"000012-0123456789abcdef-fedcba9876543210.sst.tmp",
		"000012-0123456789abcdeg-fedcba9876543210.sst",
		"12-0123456789abcdef-fedcba9876543210.sst",
		"000000-0123456789abcdef-fedcba9876543210.sst",
		"000012.sst",
		"000012-0123456789abcdef-fedcba9876543210.val.tmp",
		"",
	};
	struct buf path = BUF_INIT;
	struct backup_file f;
	bool is_unfinished;

	ck_ok(path_backup_file(&path, "d", 7, &files[2]));
	ck_assert_str_eq((char *)path.data,
			 "d/sst/000012-0123456789abcdef-fedcba9876543210.sst");
	ck_assert(backup_shared_of_name((char *)path.data + 6, &f));
	f.bytes = files[2].bytes;
	ck_assert(memcmp(&f, &files[2], sizeof(f)) == 0);
	ck_ok(path_backup_file(&path, "d", 7, &files[4]));
	ck_assert_str_eq((char *)path.data,
			 "d/val/000013-fedcba9876543210-1111111111111111.val");
	ck_assert(backup_shared_of_name((char *)path.data + 6, &f));
	f.bytes = files[4].bytes;
	ck_assert(memcmp(&f, &files[4], sizeof(f)) == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert(!backup_shared_of_name(bad[i], &f));
	ck_assert_uint_eq(backup_id_of_name("000012", &is_unfinished), 12);
	ck_assert(!is_unfinished);
	ck_assert_uint_eq(backup_id_of_name("000012.ttrunks-unfinished",
					    &is_unfinished),
			  12);
	ck_assert(is_unfinished);
	ck_assert_uint_eq(backup_id_of_name("12", &is_unfinished), 0);
	ck_assert_uint_eq(backup_id_of_name("000000", &is_unfinished), 0);
	ck_assert_uint_eq(backup_id_of_name("0000012", &is_unfinished), 0);
	ck_assert_uint_eq(backup_id_of_name("000012.tmp", &is_unfinished), 0);
	ck_assert_uint_eq(backup_id_of_name("sst", &is_unfinished), 0);
	buf_fini(&path);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("backup_list");
	TCase *t = tcase_create("backup_list");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_was_written_is_read);
	tcase_add_test(t, the_pinned_list_is_written_and_read);
	tcase_add_test(t, every_flipped_bit_is_found);
	tcase_add_test(t, every_cut_is_found);
	tcase_add_test(t, only_sound_lines_are_taken);
	tcase_add_test(t, names_are_recognised);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
