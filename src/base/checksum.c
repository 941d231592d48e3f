/* SPDX-License-Identifier: MIT */
/*
 * XXH3-64, inlined: most sums are over short records, where a call through
 * the library would cost as much as the sum.
 */
#include "base/checksum.h"

#include <stdlib.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wundef"
#define XXH_INLINE_ALL
#include <xxhash.h>
#pragma GCC diagnostic pop

struct checksum_stream {
	XXH3_state_t state;
};

uint64_t checksum(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}

uint64_t checksum_seeded(const void *p, size_t n, uint64_t seed)
{
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
