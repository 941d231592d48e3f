/* SPDX-License-Identifier: MIT */
/* Version edits, manifests, CURRENT: what is written comes back, and what is
 * damaged is named. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/rand.h"
#include "base/varint.h"
#include "lsm/file_name.h"
#include "lsm/manifest_format.h"
#include "lsm/manifest_reader.h"
#include "lsm/manifest_writer.h"
#include "lsm/version_edit.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "support/tmpdir.h"

static char *dir;

static void setup(void)
{
	dir = tmpdir_new();
}

static void teardown(void)
{
	tmpdir_free(dir);
}

static void edit_make(struct version_edit *e, uint64_t no)
{
	struct table_desc d = {
		.file_no = no,
		.file_bytes = 1000 * no,
		.n_records = 7,
		.n_tombstones = 2,
		.raw_bytes = 5000,
		.min_ts = -5,
		.max_ts = INT64_MAX - 1,
		.min_key = SLICE_LIT("alpha"),
		.max_key = SLICE_LIT("omega"),
		.group = 3,
		.level = 2,
		.old = { .n = 3, .bytes = 300, .until = -2 },
	};

	version_edit_init(e);
	version_edit_set_next_file_no(e, no + 1);
	version_edit_set_replay_from(e, (uint64_t)no << 32 | 64);
	version_edit_set_last_ts(e, 123456);
	version_edit_set_next_group(e, 4);
	version_edit_set_complete_from(e, 123000);
	ck_ok(version_edit_add(e, &d));
	ck_ok(version_edit_drop(e, no + 100));
}

START_TEST(an_edit_survives_encoding)
{
	struct version_edit a, b;
	struct buf text = BUF_INIT, again = BUF_INIT;

	edit_make(&a, 12);
	ck_ok(version_edit_encode(&a, &text));
	version_edit_init(&b);
	ck_ok(version_edit_decode(&b, buf_slice(&text)));
	ck_assert_uint_eq(b.n_added, 1);
	ck_assert_uint_eq(b.added[0].level, 2);
	ck_assert_int_eq(b.added[0].min_ts, -5);
	ck_assert_uint_eq(b.added[0].old.n, 3);
	ck_assert_uint_eq(b.added[0].old.bytes, 300);
	ck_assert_int_eq(b.added[0].old.until, -2);
	ck_assert(slice_eq(b.added[0].max_key, SLICE_LIT("omega")));
	ck_assert_uint_eq(b.dropped[0], 112);
	ck_assert(b.has_complete_from && b.complete_from == 123000);
	ck_ok(version_edit_encode(&b, &again));
	ck_assert(slice_eq(buf_slice(&text), buf_slice(&again)));
	version_edit_fini(&a);
	version_edit_fini(&b);
	buf_fini(&text);
	buf_fini(&again);
}
END_TEST

static int decode_old(uint64_t n, uint64_t bytes, unsigned times)
{
	struct version_edit e;
	struct buf text = BUF_INIT;
	int r;

	edit_make(&e, 12);
	e.added[0].old.n = 0; /* not written */
	ck_ok(version_edit_encode(&e, &text));
	version_edit_fini(&e);
	for (; times; times--) {
		ck_ok(buf_append_varint(&text, EDIT_TABLE_OLD));
		ck_ok(buf_append_varint(&text, n));
		ck_ok(buf_append_varint(&text, bytes));
		ck_ok(buf_append_varint(&text, 7));
	}
	version_edit_init(&e);
	r = version_edit_decode(&e, buf_slice(&text));
	version_edit_fini(&e);
	buf_fini(&text);
	return r;
}

START_TEST(impossible_old_versions_are_refused)
{
	ck_ok(decode_old(0, 0, 0)); /* as edits were before there was the tag */
	ck_ok(decode_old(7, 1, 1));
	ck_assert_int_eq(decode_old(8, 1, 1), TT_ECORRUPT);
	ck_assert_int_eq(decode_old(0, 1, 1), TT_ECORRUPT);
	ck_assert_int_eq(decode_old(7, 0, 1), TT_ECORRUPT);
	ck_assert_int_eq(decode_old(7, 1, 2), TT_ECORRUPT);
}
END_TEST

START_TEST(a_hostile_edit_is_refused_or_decodes)
{
	struct version_edit a, b;
	struct buf text = BUF_INIT;
	struct rng rng;

	test_rng(&rng);
	edit_make(&a, 12);
	ck_ok(version_edit_encode(&a, &text));
	for (size_t n = 0; n < text.len; n++) {
		version_edit_init(&b);
		(void)version_edit_decode(&b, SLICE(text.data, n));
		version_edit_fini(&b);
	}
	for (int i = 0; i < 20000; i++) {
		size_t at = (size_t)rng_below(&rng, text.len);
		uint8_t was = text.data[at];
		int r;

		text.data[at] = (uint8_t)rng_next(&rng);
		version_edit_init(&b);
		r = version_edit_decode(&b, buf_slice(&text));
		ck_assert(r == 0 || r == TT_ECORRUPT);
		version_edit_fini(&b);
		text.data[at] = was;
	}
	version_edit_fini(&a);
	buf_fini(&text);
}
END_TEST

static int count_edit(void *arg, uint64_t offset, const struct version_edit *e)
{
	uint64_t *n = arg;

	(void)offset;
	++*n;
	ck_assert_uint_eq(e->added[0].file_no, *n);
	return 0;
}

/* A manifest of `n` records, numbered from 1. */
static void write_manifest(uint64_t n)
{
	struct manifest_writer *m = NULL;

	for (uint64_t i = 1; i <= n; i++) {
		struct version_edit e;
		struct buf text = BUF_INIT;

		edit_make(&e, i);
		ck_ok(version_edit_encode(&e, &text));
		if (m)
			ck_ok(manifest_append(m, buf_slice(&text)));
		else
			ck_ok(manifest_create(env_posix(), dir, 5,
					      buf_slice(&text), &m));
		version_edit_fini(&e);
		buf_fini(&text);
	}
	ck_ok(manifest_close(m));
}

static const char *manifest_file(void)
{
	return tmpdir_path(dir, "MANIFEST-000005");
}

static int read_manifest(uint64_t *n, struct manifest_end *end)
{
	*n = 0;
	return manifest_read(env_posix(), manifest_file(), count_edit, n, end);
}

/* Changes one byte of the manifest. */
static void flip(uint64_t offset)
{
	int fd = open(manifest_file(), O_RDWR);
	uint8_t b;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &b, 1, (off_t)offset), 1);
	b ^= 0x40;
	ck_assert_int_eq(pwrite(fd, &b, 1, (off_t)offset), 1);
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(records_come_back_in_order_and_appending_goes_on)
{
	struct manifest_writer *m;
	struct manifest_end end;
	struct version_edit e;
	struct buf text = BUF_INIT;
	uint64_t n;

	write_manifest(20);
	ck_ok(read_manifest(&n, &end));
	ck_assert_uint_eq(n, 20);
	ck_assert(!end.is_torn);
	ck_ok(manifest_reopen(env_posix(), dir, 5, end.end, false, &m));
	edit_make(&e, 21);
	ck_ok(version_edit_encode(&e, &text));
	ck_ok(manifest_append(m, buf_slice(&text)));
	ck_ok(manifest_close(m));
	ck_ok(read_manifest(&n, &end));
	ck_assert_uint_eq(n, 21);
	version_edit_fini(&e);
	buf_fini(&text);
}
END_TEST

START_TEST(a_damaged_last_record_is_a_torn_tail)
{
	struct manifest_writer *m;
	struct manifest_end end;
	uint64_t n;

	write_manifest(3);
	ck_ok(read_manifest(&n, &end));
	flip(end.end - 12);
	ck_ok(read_manifest(&n, &end));
	ck_assert_uint_eq(n, 2);
	ck_assert(end.is_torn);
	ck_ok(manifest_reopen(env_posix(), dir, 5, end.end, true, &m));
	ck_ok(manifest_close(m));
	ck_ok(read_manifest(&n, &end));
	ck_assert_uint_eq(n, 2);
	ck_assert(!end.is_torn);
}
END_TEST

START_TEST(damage_before_valid_records_is_named)
{
	struct manifest_end end;
	uint64_t n;

	write_manifest(5);
	flip(sizeof(struct manifest_header) + 40);
	ck_err(read_manifest(&n, &end), TT_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err_text(), "MANIFEST-000005"));
	ck_assert_ptr_nonnull(strstr(err_text(), "offset 32"));
}
END_TEST

START_TEST(an_unknown_version_names_both)
{
	struct manifest_end end;
	uint64_t n;

	write_manifest(1);
	flip(4);
	ck_err(read_manifest(&n, &end), TT_EVERSION);
	ck_assert_ptr_nonnull(strstr(err_text(), "version 65;"));
	ck_assert_ptr_nonnull(strstr(err_text(), "version 1"));
}
END_TEST

START_TEST(current_names_the_manifest_and_shows_damage)
{
	uint64_t no = 0;
	FILE *f;

	ck_err(current_read(env_posix(), dir, &no), -ENOENT);
	ck_ok(manifest_set_current(env_posix(), dir, 123456));
	ck_ok(current_read(env_posix(), dir, &no));
	ck_assert_uint_eq(no, 123456);
	f = fopen(tmpdir_path(dir, "CURRENT"), "w");
	(void)fputs("ttrunks-current 1 MANIFEST-000001 0\n", f);
	(void)fclose(f);
	ck_err(current_read(env_posix(), dir, &no), TT_ECORRUPT);
	f = fopen(tmpdir_path(dir, "CURRENT"), "w");
	(void)fputs("ttrunks-current 2 whatever\n", f);
	(void)fclose(f);
	ck_err(current_read(env_posix(), dir, &no), TT_EVERSION);
}
END_TEST

START_TEST(file_names_are_recognised)
{
	ck_assert_uint_eq(table_no_of_name("000012.sst"), 12);
	ck_assert_uint_eq(table_no_of_name("1234567.sst"), 1234567);
	ck_assert_uint_eq(table_no_of_name("000012.sst.tmp"), 0);
	ck_assert_uint_eq(table_no_of_name("12.sst"), 0);
	ck_assert_uint_eq(table_no_of_name("x000012.sst"), 0);
	ck_assert(name_is_table_tmp("000012.sst.tmp"));
	ck_assert_uint_eq(manifest_no_of_name("MANIFEST-000007"), 7);
	ck_assert_uint_eq(manifest_no_of_name("MANIFEST-000007x"), 0);
	ck_assert(name_belongs_to_store("LOG.1"));
	ck_assert(!name_belongs_to_store("notes.txt"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("manifest");
	TCase *t = tcase_create("manifest");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_edit_survives_encoding);
	tcase_add_test(t, impossible_old_versions_are_refused);
	tcase_add_test(t, a_hostile_edit_is_refused_or_decodes);
	tcase_add_test(t, records_come_back_in_order_and_appending_goes_on);
	tcase_add_test(t, a_damaged_last_record_is_a_torn_tail);
	tcase_add_test(t, damage_before_valid_records_is_named);
	tcase_add_test(t, an_unknown_version_names_both);
	tcase_add_test(t, current_names_the_manifest_and_shows_damage);
	tcase_add_test(t, file_names_are_recognised);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
