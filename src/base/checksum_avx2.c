/* SPDX-License-Identifier: MIT */
/*
 * The one file that is compiled for AVX2. It includes nothing of ours with
 * code in it, so that none of that can be called from elsewhere.
 */
#include "base/checksum_avx2.h"

#ifdef __AVX2__

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wundef"
#define XXH_INLINE_ALL
#define XXH_VECTOR 2
#include <xxhash.h>
#pragma GCC diagnostic pop

_Static_assert(XXH_VECTOR == XXH_AVX2, "that is its number");

/*
 * Where the upper halves of the vector registers hold something, each SSE
 * instruction of everybody else waits for the one before it. Compilers clear
 * them at the end of a function that used them; GCC 12 does not here.
 */
static uint64_t leave_avx(uint64_t sum)
{
	_mm256_zeroupper();
	return sum;
}

uint64_t checksum_avx2(const void *p, size_t n)
{
	return leave_avx(XXH3_64bits(p, n));
}

uint64_t checksum_avx2_seeded(const void *p, size_t n, uint64_t seed)
{
	return leave_avx(XXH3_64bits_withSeed(p, n, seed));
}

#else
typedef int checksum_avx2_is_not_built;
#endif
