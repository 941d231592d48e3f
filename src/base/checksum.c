/* SPDX-License-Identifier: MIT */
/*
 * XXH3-64, inlined: most sums are over short records, where a call through
 * the library would cost as much as the sum.
 *
 * Blocks are long. What is inlined must run on any processor of its kind; for
 * them AVX2 is used where it is there: a sum over 4 KiB takes 92 ns, not 192,
 * and reading a block and summing it 525, not 600. The library's own choice at
 * run time was rejected: it prefers AVX-512, which is no faster here, and in a
 * scan or a build, between code without vectors, slower than none.
 */
#include "base/checksum.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/checksum_avx2.h"
#include "base/compiler.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wundef"
#define XXH_INLINE_ALL
#include <xxhash.h>
#pragma GCC diagnostic pop

/* Shorter ones take another way through XXH3, without vectors. */
#define LONG 256

static ALWAYS_INLINE bool wants_avx2(size_t n)
{
#if defined(HAVE_AVX2_BUILD) && !defined(__AVX2__)
	return n >= LONG && __builtin_cpu_supports("avx2");
#else
	(void)n;
	return false;
#endif
}

struct checksum_stream {
	XXH3_state_t state;
};

uint64_t checksum(const void *p, size_t n)
{
	if (wants_avx2(n))
		return checksum_avx2(p, n);
	return XXH3_64bits(p, n);
}

uint64_t checksum_seeded(const void *p, size_t n, uint64_t seed)
{
	if (wants_avx2(n))
		return checksum_avx2_seeded(p, n, seed);
	return XXH3_64bits_withSeed(p, n, seed);
}

struct checksum_stream *checksum_stream_new(uint64_t seed)
{
	struct checksum_stream *s;

	s = aligned_alloc(_Alignof(struct checksum_stream), sizeof(*s));
	if (s)
		checksum_stream_reset(s, seed);
	return s;
}

void checksum_stream_free(struct checksum_stream *s)
{
	free(s);
}

void checksum_stream_reset(struct checksum_stream *s, uint64_t seed)
{
	XXH3_INITSTATE(&s->state);
	(void)XXH3_64bits_reset_withSeed(&s->state, seed); /* never fails */
}

void checksum_stream_add(struct checksum_stream *s, const void *p, size_t n)
{
	if (n)
		(void)XXH3_64bits_update(&s->state, p, n); /* never fails */
}

uint64_t checksum_stream_sum(const struct checksum_stream *s)
{
	return XXH3_64bits_digest(&s->state);
}
