/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

/* The plain definition, without any vectors. */
#define XXH_INLINE_ALL
#define XXH_VECTOR 0
#include <xxhash.h>

#include "base/checksum.h"
#include "tests/support/check_main.h"
#include "tests/support/prng.h"

/* From the XXH3 specification: these are on disk and may never change. */
START_TEST(known_sums)
{
	ck_assert_uint_eq(checksum("", 0), 0x2d06800538d394c2ULL);
	ck_assert_uint_eq(checksum("abc", 3), 0x78af5f94892f3950ULL);
}
END_TEST

START_TEST(seed_changes_the_sum)
{
	ck_assert_uint_ne(checksum_seeded("abc", 3, 1), checksum("abc", 3));
	ck_assert_uint_eq(checksum_seeded("abc", 3, 0), checksum("abc", 3));
}
END_TEST

/* Whichever way it is computed: all lengths, at all alignments. */
START_TEST(every_length_sums_as_defined)
{
	enum { MOST = 2048 };
	static const size_t large[] = { 4096, 4097, 16384, 65535, 65536 };
	uint8_t *bytes = malloc(65536 + 64);
	struct rng r;

	ck_assert_ptr_nonnull(bytes);
	test_rng(&r);
	rng_fill(&r, bytes, 65536 + 64);
	for (size_t i = 0; i <= MOST + ARRAY_LEN(large); i++) {
		size_t n = i <= MOST ? i : large[i - MOST - 1];
		uint64_t seed = i % 3 ? rng_next(&r) : 0;
		const uint8_t *p = bytes + i % 64;

		ck_assert_uint_eq(checksum(p, n), XXH3_64bits(p, n));
		ck_assert_uint_eq(checksum_seeded(p, n, seed),
				  XXH3_64bits_withSeed(p, n, seed));
	}
	free(bytes);
}
END_TEST

START_TEST(stream_equals_one_shot)
{
	struct checksum_stream *s = checksum_stream_new(9);
	uint8_t bytes[5000];
	struct rng r;

	test_rng(&r);
	rng_fill(&r, bytes, sizeof(bytes));
	for (int round = 0; round < 50; round++) {
		size_t at = 0;

		checksum_stream_reset(s, 9);
		while (at < sizeof(bytes)) {
			size_t n = (size_t)rng_below(&r, 700);

			n = MIN_OF(n, sizeof(bytes) - at);
			checksum_stream_add(s, bytes + at, n);
			at += n;
		}
		ck_assert_uint_eq(checksum_stream_sum(s),
				  checksum_seeded(bytes, sizeof(bytes), 9));
	}
	checksum_stream_free(s);
}
END_TEST

START_TEST(every_bit_matters)
{
	uint8_t bytes[100] = { 0 };
	uint64_t sum = checksum(bytes, sizeof(bytes));

	for (unsigned i = 0; i < sizeof(bytes) * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
		ck_assert_uint_ne(checksum(bytes, sizeof(bytes)), sum);
		bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
}
END_TEST

#ifdef __x86_64__
enum { XINUSE_AVX = 1 << 2 };

/* XGETBV with 1: which parts of the registers are not as they began. */
static bool tells_what_is_in_use(void)
{
	unsigned a, b, c, d;

	return __builtin_cpu_supports("avx2") &&
	       __get_cpuid_count(13, 1, &a, &b, &c, &d) && (a & 1u << 2);
}

static unsigned in_use(void)
{
	unsigned lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(1));
	return lo;
}

/* Else all code after it that uses SSE is slower, by half in a scan. */
START_TEST(no_vector_register_stays_half_used)
{
	uint8_t *bytes = calloc(1, 4096);
	unsigned after, after_seeded;
	uint64_t sums;

	ck_assert_ptr_nonnull(bytes);
	if (!tells_what_is_in_use()) {
		free(bytes);
		return;
	}
	__asm__ volatile("vzeroupper" ::: "memory");
	sums = checksum(bytes, 4096);
	after = in_use();
	sums ^= checksum_seeded(bytes, 4096, 1);
	after_seeded = in_use();
	ck_assert_uint_ne(sums, 0);
	ck_assert_uint_eq(after & XINUSE_AVX, 0);
	ck_assert_uint_eq(after_seeded & XINUSE_AVX, 0);
	free(bytes);
}
END_TEST
#endif

static Suite *checksum_suite(void)
{
	Suite *s = suite_create("checksum");
	TCase *t = tcase_create("checksum");

	tcase_add_test(t, known_sums);
	tcase_add_test(t, seed_changes_the_sum);
	tcase_add_test(t, every_length_sums_as_defined);
	tcase_add_test(t, stream_equals_one_shot);
	tcase_add_test(t, every_bit_matters);
#ifdef __x86_64__
	tcase_add_test(t, no_vector_register_stays_half_used);
#endif
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(checksum_suite)
