/* SPDX-License-Identifier: MIT */
/* The log while it is copied: what a range of it consists of, and that this
 * stays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mutex.h"
#include "lsm/wal_hold.h"
#include "lsm/wal_reader.h"
#include "lsm/wal_writer.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/tmpdir.h"

#define SEGMENT (64u << 10)
#define RECORD 1000u

static char *dir;
static char *wal_dir;
static struct fault_env *fe;
static struct wal *w;
static struct wal_piece *pieces;
static size_t n;

static int skip(void *arg, uint64_t lsn, int64_t ts, struct tt_slice payload)
{
	(void)arg;
	(void)lsn;
	(void)ts;
	(void)payload;
	return 0;
}

static void open_wal(void)
{
	const struct wal_options o = { .segment_bytes = SEGMENT };
	struct wal_tail tail;

	ck_ok(wal_replay(fault_env_env(fe), wal_dir, 0, skip, NULL, &tail));
	ck_ok(wal_open(fault_env_env(fe), wal_dir, &o, &tail, &w));
}

static void setup(void)
{
	const struct wal_options o = { .segment_bytes = SEGMENT };
	struct wal_tail tail = { .next_segment_no = 1 };

	dir = tmpdir_new();
	wal_dir = strdup(tmpdir_path(dir, "wal"));
	ck_ok(fault_env_new(env_posix(), dir, test_seed(), &fe));
	ck_ok(wal_open(fault_env_env(fe), wal_dir, &o, &tail, &w));
	pieces = NULL;
}

static void teardown(void)
{
	(void)wal_close(w);
	fault_env_free(fe);
	free(pieces);
	free(wal_dir);
	tmpdir_free(dir);
}

static uint64_t append(unsigned count)
{
	static uint8_t bytes[RECORD];
	struct tt_slice part = { bytes, sizeof(bytes) };
	uint64_t end = wal_end(w);

	for (unsigned i = 0; i < count; i++) {
		memset(bytes, 'a' + (int)(i % 26), sizeof(bytes));
		ck_ok(wal_append(w, (int64_t)i + 1, &part, 1, &end));
	}
	return end;
}

static void find(uint64_t from, uint64_t to)
{
	free(pieces);
	pieces = NULL;
	ck_ok(wal_pieces(w, from, to, &pieces, &n));
}

static const char *segment(uint32_t no)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "wal/%06u.wal", no);
	return tmpdir_path(dir, name);
}

START_TEST(an_empty_range_has_no_pieces)
{
	uint64_t at;

	wal_hold(w);
	find(0, wal_end(w));
	ck_assert_uint_eq(n, 0);
	at = append(10);
	find(at, at);
	ck_assert_uint_eq(n, 0);
	wal_unhold(w);
}
END_TEST

START_TEST(pieces_are_the_segments_from_place_to_place)
{
	uint64_t from, to;

	append(100);
	from = append(1);
	to = append(200);
	wal_hold(w);
	append(200);
	find(0, to);
	ck_assert_uint_eq(pieces[0].no, 1);
	ck_assert_uint_eq(pieces[n - 1].no, wal_lsn_segment(to));
	ck_assert_uint_eq(pieces[n - 1].end, wal_lsn_offset(to));
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(pieces[i].no, i + 1);
		ck_ok(wal_check_records(fault_env_env(fe), segment(i + 1),
					WAL_FIRST_OFFSET, pieces[i].end));
	}
	find(from, to);
	ck_assert_uint_eq(pieces[0].no, wal_lsn_segment(from));
	find(from, from + wal_record_space(RECORD));
	ck_assert_uint_eq(n, 1);
	wal_unhold(w);
}
END_TEST

/* What a cut took off has segments too; they are no part of it. */
START_TEST(segments_that_a_cut_took_off_are_left_out)
{
	uint64_t from = append(30), lost;

	ck_ok(wal_sync(w, from));
	lost = append(300);
	ck_ok(fault_env_cut(fe, CUT_STRICT));
	(void)wal_close(w);
	w = NULL;
	ck_ok(fault_env_power_on(fe));
	open_wal();
	append(5);
	wal_hold(w);
	find(0, wal_end(w));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(pieces[0].no, 1);
	ck_assert_uint_eq(pieces[0].end, wal_lsn_offset(from));
	ck_assert_uint_gt(pieces[1].no, wal_lsn_segment(lost) - 1);
	wal_unhold(w);
}
END_TEST

static bool is_there(uint32_t no)
{
	return access(segment(no), F_OK) == 0;
}

/* Until the preparer has come to it. */
static void wait_gone(uint32_t no)
{
	uint64_t until = mono_ns() + 20000000000u;

	while (is_there(no) && mono_ns() < until)
		append(20);
	ck_assert(!is_there(no));
}

START_TEST(nothing_is_released_while_held)
{
	uint64_t at = append(200);

	wal_hold(w);
	wal_hold(w);
	wal_release_before(w, at);
	ck_assert_uint_ge(wal_durable(w), at);
	wal_unhold(w);
	wal_release_before(w, append(400));
	find(0, at);
	for (size_t i = 0; i < n; i++)
		ck_ok(wal_check_records(fault_env_env(fe),
					segment(pieces[i].no), WAL_FIRST_OFFSET,
					pieces[i].end));
	wal_unhold(w);
	wait_gone(1);
}
END_TEST

START_TEST(a_linked_segment_is_never_written_again)
{
	uint64_t at = append(200);
	struct stat st;

	wal_hold(w);
	find(0, at);
	ck_ok(wal_sync_before(w, pieces[n - 1].no));
	ck_ok(env_link(fault_env_env(fe), segment(2),
		       tmpdir_path(dir, "linked")));
	wal_unhold(w);
	for (int i = 0; i < 30; i++)
		wal_release_before(w, append(100));
	wait_gone(2);
	ck_assert_int_eq(stat(tmpdir_path(dir, "linked"), &st), 0);
	ck_assert_uint_eq(st.st_nlink, 1);
	ck_ok(wal_check_records(fault_env_env(fe), tmpdir_path(dir, "linked"),
				WAL_FIRST_OFFSET, pieces[1].end));
}
END_TEST

/* Tables hold the records, says the release; the link needs them in the
 * file. */
START_TEST(sealing_does_not_count_on_tables)
{
	uint64_t at = append(200);

	wal_hold(w);
	find(0, at);
	wal_release_before(w, at);
	ck_ok(wal_sync_before(w, pieces[n - 1].no));
	ck_ok(fault_env_cut(fe, CUT_STRICT));
	ck_ok(fault_env_power_on(fe));
	for (size_t i = 0; i + 1 < n; i++)
		ck_ok(wal_check_records(fault_env_env(fe),
					segment(pieces[i].no), WAL_FIRST_OFFSET,
					pieces[i].end));
	wal_unhold(w);
}
END_TEST

START_TEST(a_failed_seal_poisons_the_log)
{
	append(200);
	fault_env_fail(fe, FAULT_SYNC, 1, EIO, FAULT_FROM_THEN_ON);
	ck_err(wal_sync_before(w, 2), -EIO);
	ck_assert_int_ne(wal_poisoned(w), 0);
}
END_TEST

START_TEST(damage_in_a_range_is_found)
{
	uint64_t at = append(100);
	uint8_t b = 0xff;
	FILE *f;

	wal_hold(w);
	find(0, at);
	f = fopen(segment(1), "r+");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 5000, SEEK_SET), 0);
	ck_assert_uint_eq(fwrite(&b, 1, 1, f), 1);
	ck_assert_int_eq(fclose(f), 0);
	ck_err(wal_check_records(fault_env_env(fe), segment(1),
				 WAL_FIRST_OFFSET, pieces[0].end),
	       TT_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(err_text(), "000001.wal"));
	/* Nor may a range end within a record. */
	ck_err(wal_check_records(fault_env_env(fe), segment(2),
				 WAL_FIRST_OFFSET, WAL_FIRST_OFFSET + 100),
	       TT_ECORRUPT);
	wal_unhold(w);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("wal_hold");
	TCase *t = tcase_create("wal_hold");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_empty_range_has_no_pieces);
	tcase_add_test(t, pieces_are_the_segments_from_place_to_place);
	tcase_add_test(t, segments_that_a_cut_took_off_are_left_out);
	tcase_add_test(t, nothing_is_released_while_held);
	tcase_add_test(t, a_linked_segment_is_never_written_again);
	tcase_add_test(t, sealing_does_not_count_on_tables);
	tcase_add_test(t, a_failed_seal_poisons_the_log);
	tcase_add_test(t, damage_in_a_range_is_found);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
