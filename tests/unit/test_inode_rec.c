/* SPDX-License-Identifier: MIT */
/*
 * Rows and keys of the tree: what goes in comes out, and bytes from a damaged
 * disk are refused, never believed.
 */
#include <string.h>

#include "support/check_main.h"
#include "support/prng.h"
#include "tree/inode_rec.h"
#include "tree/schema_key.h"

static struct inode_state sample(void)
{
	return (struct inode_state){
		.ino = 0x123456789a,
		.size = 100000,
		.n_blocks = 7,
		.mode = S_IFREG | 04755,
		.uid = 1000,
		.gid = 1001,
		.nlink = 3,
		.gen = 9,
		.n_xattrs = 2,
		.atime_ns = -1,
		.mtime_ns = 1700000000123456789,
		.ctime_ns = 3,
		.btime_ns = 4,
		.block_shift = SCHEMA_BLOCK_SHIFT,
		.n_trims = 2,
		.trims = { { 1, 5, 8 }, { 6, UINT64_MAX, 9 } },
	};
}

START_TEST(an_inode_comes_back_as_it_went)
{
	struct inode_state in = sample(), out;
	uint8_t row[INODE_REC_MAX];
	struct tt_slice tail;
	size_t n = inode_rec_encode(&in, row);

	ck_ok(inode_rec_decode(SLICE(row, n), 42, HOME_INODE, 0, &out, &tail));
	in.version = 42;
	in.home = HOME_INODE;
	ck_assert_uint_eq(tail.len, 0);
	ck_assert_uint_eq(out.ino, in.ino);
	ck_assert_uint_eq(out.size, in.size);
	ck_assert_uint_eq(out.n_blocks, in.n_blocks);
	ck_assert_uint_eq(out.mode, in.mode);
	ck_assert_int_eq(out.atime_ns, in.atime_ns);
	ck_assert_int_eq(out.mtime_ns, in.mtime_ns);
	ck_assert_uint_eq(out.n_trims, 2);
	ck_assert_uint_eq(out.trims[1].to, UINT64_MAX);
	ck_assert_uint_eq(out.n_xattrs, 2);
}
END_TEST

START_TEST(a_row_cut_short_is_corrupt)
{
	struct inode_state in = sample(), out;
	uint8_t row[INODE_REC_MAX];
	size_t n = inode_rec_encode(&in, row);

	for (size_t i = 0; i < n; i++)
		ck_err(inode_rec_decode(SLICE(row, i), 0, HOME_INODE, 0, &out,
					NULL),
		       TT_ECORRUPT);
}
END_TEST

START_TEST(bytes_of_any_kind_are_survived)
{
	struct inode_state in = sample(), out;
	uint8_t row[INODE_REC_MAX + 300];
	struct tt_slice tail;
	struct rng rng;

	test_rng(&rng);
	for (uint64_t i = 0; i < test_scale(20000); i++) {
		size_t n = inode_rec_encode(&in, row);

		rng_fill(&rng, row + n, sizeof(row) - n);
		for (int k = 0; k < 4; k++)
			row[rng_below(&rng, n)] = (uint8_t)rng_next(&rng);
		n = rng_below(&rng, sizeof(row));
		if (inode_rec_decode(SLICE(row, n), 0, HOME_ENTRY, 5, &out,
				     &tail) == 0) {
			ck_assert_uint_le(out.n_trims, SCHEMA_TRIMS_MAX);
			ck_assert_uint_le(tail.len, n);
			ck_assert_uint_le(out.size, INT64_MAX);
		}
	}
}
END_TEST

START_TEST(garbage_is_what_an_older_generation_wrote_in_a_trim)
{
	struct inode_state st = sample();

	ck_assert(state_is_garbage(&st, 1, 7));
	ck_assert(!state_is_garbage(&st, 1, 8));
	ck_assert(!state_is_garbage(&st, 0, 7));
	ck_assert(!state_is_garbage(&st, 5, 7));
	ck_assert(state_is_garbage(&st, UINT64_MAX - 1, 8));
}
END_TEST

START_TEST(times_before_the_epoch_round_down)
{
	struct timespec ts = ns_to_timespec(-1);

	ck_assert_int_eq(ts.tv_sec, -1);
	ck_assert_int_eq(ts.tv_nsec, 999999999);
	ck_assert_int_eq(ns_from_timespec(&ts), -1);
	ts.tv_sec = INT64_MAX;
	ck_assert_int_gt(ns_from_timespec(&ts), 0);
}
END_TEST

START_TEST(keys_sort_as_numbers_do)
{
	struct schema_key a, b;

	key_entry(&a, 255, SLICE_LIT("z"));
	key_entry(&b, 256, SLICE_LIT("a"));
	ck_assert_int_lt(slice_cmp(key_slice(&a), key_slice(&b)), 0);
	key_block(&a, 7, 255);
	key_block(&b, 7, 256);
	ck_assert_int_lt(slice_cmp(key_slice(&a), key_slice(&b)), 0);
}
END_TEST

START_TEST(keys_are_taken_apart)
{
	enum schema_kind kind;
	struct tt_slice rest;
	struct schema_key k;
	uint64_t ino;

	ck_assert(key_parse(key_entry(&k, 12, SLICE_LIT("name")), &kind, &ino,
			    &rest));
	ck_assert_int_eq(kind, KEY_ENTRY);
	ck_assert_uint_eq(ino, 12);
	ck_assert(slice_eq(rest, SLICE_LIT("name")));
	ck_assert(key_parse(key_block(&k, 3, 9), &kind, &ino, &rest));
	ck_assert_uint_eq(key_rest_block(rest), 9);
	ck_assert(!key_parse(SLICE_LIT("D"), &kind, &ino, &rest));
	ck_assert(!key_parse(SLICE_LIT("Q12345678x"), &kind, &ino, &rest));
	ck_assert(!key_parse(SLICE_LIT("I12345678x"), &kind, &ino, &rest));
}
END_TEST

static Suite *inode_rec_suite(void)
{
	Suite *s = suite_create("inode_rec");
	TCase *tc = tcase_create("rows");

	tcase_add_test(tc, an_inode_comes_back_as_it_went);
	tcase_add_test(tc, a_row_cut_short_is_corrupt);
	tcase_add_test(tc, bytes_of_any_kind_are_survived);
	tcase_add_test(tc, garbage_is_what_an_older_generation_wrote_in_a_trim);
	tcase_add_test(tc, times_before_the_epoch_round_down);
	tcase_add_test(tc, keys_sort_as_numbers_do);
	tcase_add_test(tc, keys_are_taken_apart);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(inode_rec_suite)
