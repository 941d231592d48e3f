/* SPDX-License-Identifier: MIT */
/* Blocks: what is written is found again, what is malformed is refused. */
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "lsm/block_reader.h"
#include "lsm/block_writer.h"
#include "support/check_main.h"
#include "support/prng.h"
#include "support/sst_gen.h"
#include "ttrunks.h"

static struct rng rng;
static struct sst_gen gen;
static struct block_writer bw;

static void setup(void)
{
	test_rng(&rng);
}

/* One block of all of gen's records. */
static struct block *make_block(enum codec codec)
{
	const char *why = NULL;
	struct block_done d;
	struct block *b;

	block_writer_init(&bw, codec);
	for (size_t i = 0; i < gen.n; i++)
		ck_ok(block_writer_add(&bw, &gen.recs[i]));
	ck_ok(block_writer_finish(&bw, &d));
	ck_assert_uint_eq(d.n_records, gen.n);
	ck_assert_uint_eq(d.offset, 0);
	b = block_alloc(d.n_records, d.raw_len);
	ck_assert_ptr_nonnull(b);
	ck_assert_int_eq(block_fill(b, buf_slice(&bw.stored), d.checksum, codec,
				    NULL, &why),
			 0);
	block_writer_fini(&bw);
	return b;
}

static void check_search(const struct block *b)
{
	uint8_t space[64];

	for (int i = 0; i < 2000; i++) {
		struct tt_slice key =
			sst_gen_probe(&gen, &rng, space, sizeof(space));
		int64_t ts = 990000 + (int64_t)rng_below(&rng, 1100000);
		size_t want = sst_gen_seek(&gen, key, ts);

		ck_assert_uint_eq(block_seek(b, key, ts), want);
		if (want < gen.n && slice_eq(gen.recs[want].key, key))
			ck_assert_uint_eq(block_find_exact(b, key, ts), want);
	}
}

START_TEST(every_record_of_a_block_is_found)
{
	static const struct sst_gen_shape shapes[] = {
		{ .n_keys = 1, .versions = 1, .key_len = 8, .value_len = 10 },
		{ .n_keys = 40, .versions = 1, .key_len = 40, .value_len = 99 },
		{ .n_keys = 300, .versions = 4, .key_len = 6, .value_len = 9 },
		{ .n_keys = 3, .versions = 200, .key_len = 9, .value_len = 3 },
	};

	for (enum codec c = 0; c < N_CODECS; c++) {
		for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
			struct block *b;
			struct record r;

			sst_gen_make(&gen, &rng, &shapes[i]);
			b = make_block(c);
			ck_assert_uint_eq(b->n, gen.n);
			ck_assert_int_eq(block_check_order(b), 0);
			for (uint32_t j = 0; j < b->n; j++) {
				block_record(b, j, &r);
				ck_assert(slice_eq(r.key, gen.recs[j].key));
				ck_assert(slice_eq(r.value, gen.recs[j].value));
				ck_assert_int_eq(r.ts, gen.recs[j].ts);
				ck_assert_uint_eq(r.kind, gen.recs[j].kind);
			}
			check_search(b);
			block_unref(b);
			sst_gen_free(&gen);
		}
	}
}
END_TEST

START_TEST(a_record_has_the_published_bytes)
{
	static const uint8_t want[] = {
		2, 0, 0, 0, 'k', '1', 3, 0, 0, 0, 'v', 'a', 'l', 8, 0,
		0, 0, 8, 7, 6,	 5,   4, 3, 2, 1, 1,   0,   0,	 0, 1,
	};
	struct record r = { .key = tt_str("k1"),
			    .value = tt_str("val"),
			    .ts = 0x0102030405060708,
			    .kind = RECORD_TOMBSTONE };
	uint8_t got[64];

	ck_assert_uint_eq(record_stored_len(&r), sizeof(want));
	ck_assert_ptr_eq(record_encode(got, &r), got + sizeof(want));
	ck_assert_mem_eq(got, want, sizeof(want));
}
END_TEST

/* block_index() over these bytes as `n` records. */
static int index_bytes(const void *p, size_t len, uint32_t n)
{
	struct block *b = block_alloc(n, (uint32_t)len);
	int r;

	ck_assert_ptr_nonnull(b);
	memcpy(block_data(b), p, len);
	r = block_index(b);
	block_unref(b);
	return r;
}

START_TEST(malformed_records_are_refused)
{
	struct record r = { .key = tt_str("key"), .value = tt_str("value") };
	uint8_t good[128], bad[128];
	size_t len = record_stored_len(&r);

	record_encode(good, &r);
	record_encode(good + len, &r);
	ck_assert_int_eq(index_bytes(good, len, 1), 0);
	ck_assert_int_eq(index_bytes(good, len, 2), TT_ECORRUPT);
	ck_assert_int_eq(index_bytes(good, 2 * len, 1), TT_ECORRUPT);
	for (size_t n = 0; n < len; n++)
		ck_assert_int_eq(index_bytes(good, n, 1), TT_ECORRUPT);
	/* Each field that has only one right value, or a bound. */
	for (size_t at = 0; at < len; at++) {
		bool is_free = (at >= 4 && at < 7) || (at >= 11 && at < 16) ||
			       (at >= 20 && at < 28);

		memcpy(bad, good, len);
		bad[at] ^= 0x80;
		ck_assert_int_eq(index_bytes(bad, len, 1),
				 is_free ? 0 : TT_ECORRUPT);
	}
}
END_TEST

START_TEST(any_flipped_bit_of_a_stored_block_is_noticed)
{
	static const struct sst_gen_shape shape = {
		.n_keys = 9, .versions = 2, .key_len = 9, .value_len = 40
	};

	sst_gen_make(&gen, &rng, &shape);
	for (enum codec c = 0; c < N_CODECS; c++) {
		struct block_done d;

		block_writer_init(&bw, c);
		for (size_t i = 0; i < gen.n; i++)
			ck_ok(block_writer_add(&bw, &gen.recs[i]));
		ck_ok(block_writer_finish(&bw, &d));
		for (size_t bit = 0; bit < bw.stored.len * 8; bit++) {
			const char *why = NULL;
			struct block *b = block_alloc(d.n_records, d.raw_len);

			bw.stored.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			ck_assert_int_eq(block_fill(b, buf_slice(&bw.stored),
						    d.checksum, c, NULL, &why),
					 TT_ECORRUPT);
			ck_assert_ptr_nonnull(why);
			bw.stored.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			block_unref(b);
		}
		block_writer_fini(&bw);
	}
	sst_gen_free(&gen);
}
END_TEST

START_TEST(order_is_checked_when_asked)
{
	struct record r = { .key = tt_str("b"), .value = tt_str("1") };
	uint8_t bytes[128];
	size_t len = record_stored_len(&r);
	struct block *b = block_alloc(2, (uint32_t)(2 * len));

	record_encode(bytes, &r);
	r.key = tt_str("a");
	record_encode(bytes + len, &r);
	memcpy(block_data(b), bytes, 2 * len);
	ck_assert_int_eq(block_index(b), 0);
	ck_assert_int_eq(block_check_order(b), TT_ECORRUPT);
	block_unref(b);
}
END_TEST

static Suite *block_suite(void)
{
	Suite *s = suite_create("block");
	TCase *tc = tcase_create("block");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, every_record_of_a_block_is_found);
	tcase_add_test(tc, a_record_has_the_published_bytes);
	tcase_add_test(tc, malformed_records_are_refused);
	tcase_add_test(tc, any_flipped_bit_of_a_stored_block_is_noticed);
	tcase_add_test(tc, order_is_checked_when_asked);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(block_suite)
