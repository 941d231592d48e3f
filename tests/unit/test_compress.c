/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/compress.h"
#include "tests/support/check_main.h"
#include "tests/support/prng.h"

/* Text-like bytes: they compress. */
static void fill_text(struct rng *r, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)("ab cd ef"[rng_below(r, 8)]);
}

static void round_trip(enum codec codec, const uint8_t *raw, size_t n)
{
	size_t cap = compress_bound(codec, n), len = 0;
	uint8_t *packed = malloc(cap + 1), *back = malloc(n + 1);

	back[n] = 0x5a;
	ck_ok(compress_into(codec, 0, SLICE(raw, n), packed, cap, &len));
	ck_assert_uint_le(len, cap);
	ck_ok(decompress_into(codec, SLICE(packed, len), back, n));
	ck_assert(n == 0 || !memcmp(raw, back, n));
	ck_assert_uint_eq(back[n], 0x5a);
	free(packed);
	free(back);
}

START_TEST(every_codec_round_trips_every_size)
{
	static const size_t sizes[] = { 0, 1, 2, 15, 100, 4096, 65537, 300000 };
	struct rng r;

	test_rng(&r);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint8_t *raw = malloc(sizes[i] + 1);

		fill_text(&r, raw, sizes[i]);
		round_trip((enum codec)_i, raw, sizes[i]);
		rng_fill(&r, raw, sizes[i]);
		round_trip((enum codec)_i, raw, sizes[i]);
		free(raw);
	}
}
END_TEST

START_TEST(result_that_does_not_fit_is_an_answer)
{
	uint8_t raw[4096], out[4096];
	struct rng r;
	size_t len;

	test_rng(&r);
	rng_fill(&r, raw, sizeof(raw));
	ck_assert_int_eq(compress_into((enum codec)_i, 0,
				       SLICE(raw, sizeof(raw)), out, 3000,
				       &len),
			 1);
	fill_text(&r, raw, sizeof(raw));
	if (_i != CODEC_NONE) {
		ck_ok(compress_into((enum codec)_i, 0, SLICE(raw, sizeof(raw)),
				    out, 3500, &len));
		ck_assert_uint_le(len, 3500);
	}
}
END_TEST

START_TEST(wrong_raw_length_is_corruption)
{
	uint8_t raw[1000], out[2000], back[2000];
	struct rng r;
	size_t len;

	test_rng(&r);
	fill_text(&r, raw, sizeof(raw));
	ck_ok(compress_into((enum codec)_i, 0, SLICE(raw, sizeof(raw)), out,
			    sizeof(out), &len));
	ck_err(decompress_into((enum codec)_i, SLICE(out, len), back, 999),
	       TT_ECORRUPT);
	ck_err(decompress_into((enum codec)_i, SLICE(out, len), back, 1001),
	       TT_ECORRUPT);
	ck_err(decompress_into((enum codec)_i, SLICE(out, len - 1), back, 1000),
	       TT_ECORRUPT);
}
END_TEST

/* The sanitizers watch; the result may be anything but a wrong length. */
START_TEST(hostile_input_is_harmless)
{
	uint8_t raw[2000], out[4000], *back = malloc(2000);
	struct rng r;
	size_t len;

	test_rng(&r);
	for (int i = 0; i < 500; i++) {
		fill_text(&r, raw, sizeof(raw));
		ck_ok(compress_into((enum codec)_i, 0, SLICE(raw, sizeof(raw)),
				    out, sizeof(out), &len));
		for (int k = 0; k < 5; k++)
			out[rng_below(&r, len)] ^=
				(uint8_t)rng_range(&r, 1, 255);
		(void)decompress_into((enum codec)_i, SLICE(out, len), back,
				      2000);
	}
	free(back);
}
END_TEST

START_TEST(levels_are_accepted)
{
	uint8_t raw[5000], out[6000];
	struct rng r;
	size_t len;

	test_rng(&r);
	fill_text(&r, raw, sizeof(raw));
	for (int level = -5; level <= 12; level++) {
		ck_ok(compress_into(CODEC_ZSTD, level, SLICE(raw, sizeof(raw)),
				    out, sizeof(out), &len));
		ck_ok(compress_into(CODEC_LZ4, level, SLICE(raw, sizeof(raw)),
				    out, sizeof(out), &len));
	}
}
END_TEST

static void *work(void *arg)
{
	uint8_t raw[20000];
	struct rng r;

	rng_init(&r, (uint64_t)(uintptr_t)arg);
	for (int i = 0; i < 20; i++) {
		fill_text(&r, raw, sizeof(raw));
		for (int c = 0; c < N_CODECS; c++)
			round_trip((enum codec)c, raw, sizeof(raw));
	}
	return NULL;
}

START_TEST(threads_do_not_disturb_each_other)
{
	pthread_t th[4];

	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, work, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
}
END_TEST

START_TEST(names_and_numbers_are_fixed)
{
	ck_assert_str_eq(codec_name(0), "none");
	ck_assert_str_eq(codec_name(1), "lz4");
	ck_assert_str_eq(codec_name(2), "snappy");
	ck_assert_str_eq(codec_name(3), "zstd");
	ck_assert_ptr_null(codec_name(4));
	ck_assert_int_eq(codec_by_name("zstd"), CODEC_ZSTD);
	ck_assert_int_eq(codec_by_name("gzip"), -EINVAL);
}
END_TEST

/* Sentences of a kind, back to back; their lengths. */
static size_t make_sample(struct buf *out, size_t lens[200])
{
	for (size_t i = 0; i < 200; i++) {
		size_t at = out->len;

		ck_ok(buf_printf(out,
				 "{\"id\":%zu,\"name\":\"trunk %zu\",\"note\":"
				 "\"the ledger forgets what the water knows\"}",
				 i, i * i % 977));
		lens[i] = out->len - at;
	}
	return 200;
}

START_TEST(a_dictionary_makes_small_blocks_dense)
{
	struct buf sample = BUF_INIT, dict = BUF_INIT;
	struct compress_dict *in, *out;
	uint8_t packed[1000], back[1000];
	size_t lens[200], n = make_sample(&sample, lens), alone, with;
	struct tt_slice block = SLICE(sample.data, lens[0]);

	ck_ok(compress_dict_train(buf_slice(&sample), lens, n, 2048, &dict));
	ck_assert_uint_le(dict.len, 2048);
	ck_ok(compress_dict_new_pack(buf_slice(&dict), &in));
	ck_ok(compress_dict_new_inflate(buf_slice(&dict), &out));
	ck_ok(compress_into(CODEC_ZSTD, 0, block, packed, sizeof(packed),
			    &alone));
	ck_ok(compress_dict_pack(in, block, packed, sizeof(packed), &with));
	ck_assert_uint_lt(with, alone / 2);
	ck_ok(compress_dict_inflate(out, SLICE(packed, with), back, block.len));
	ck_assert(memcmp(back, block.data, block.len) == 0);
	ck_assert_int_eq(compress_dict_pack(in, block, packed, with - 1, &n),
			 1);
	ck_err(compress_dict_inflate(out, SLICE(packed, with), back,
				     block.len + 1),
	       TT_ECORRUPT);
	ck_err(compress_dict_inflate(out, SLICE(packed, with - 1), back,
				     block.len),
	       TT_ECORRUPT);
	/* Nothing to make one of, nothing to take for one. */
	ck_assert_int_eq(compress_dict_train(block, lens, 1, 2048, &dict), 1);
	compress_dict_free(out);
	ck_err(compress_dict_new_inflate(block, &out), TT_ECORRUPT);
	ck_err(compress_dict_new_inflate(SLICE_EMPTY, &out), TT_ECORRUPT);
	compress_dict_free(in);
	buf_fini(&dict);
	buf_fini(&sample);
}
END_TEST

START_TEST(hostile_dictionaries_are_harmless)
{
	struct buf sample = BUF_INIT, dict = BUF_INIT;
	size_t lens[200], n = make_sample(&sample, lens);
	uint64_t n_rounds = test_scale(2000);
	uint8_t back[1000];
	struct rng r;

	test_rng(&r);
	ck_ok(compress_dict_train(buf_slice(&sample), lens, n, 2048, &dict));
	for (uint64_t i = 0; i < n_rounds; i++) {
		struct compress_dict *d;
		size_t at = rng_below(&r, dict.len);
		uint8_t was = dict.data[at];

		dict.data[at] ^= (uint8_t)(1 + rng_below(&r, 255));
		if (compress_dict_new_inflate(buf_slice(&dict), &d) == 0) {
			(void)compress_dict_inflate(d, buf_slice(&sample), back,
						    sizeof(back));
			compress_dict_free(d);
		}
		dict.data[at] = was;
	}
	buf_fini(&dict);
	buf_fini(&sample);
}
END_TEST

static Suite *compress_suite(void)
{
	Suite *s = suite_create("compress");
	TCase *t = tcase_create("compress");

	tcase_add_loop_test(t, every_codec_round_trips_every_size, 0, 4);
	tcase_add_loop_test(t, result_that_does_not_fit_is_an_answer, 0, 4);
	tcase_add_loop_test(t, wrong_raw_length_is_corruption, 0, 4);
	tcase_add_loop_test(t, hostile_input_is_harmless, 0, 4);
	tcase_add_test(t, levels_are_accepted);
	tcase_add_test(t, threads_do_not_disturb_each_other);
	tcase_add_test(t, names_and_numbers_are_fixed);
	tcase_add_test(t, a_dictionary_makes_small_blocks_dense);
	tcase_add_test(t, hostile_dictionaries_are_harmless);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(compress_suite)
