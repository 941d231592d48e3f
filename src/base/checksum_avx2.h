/* SPDX-License-Identifier: MIT */
/*
 * Inside of checksum.c: the same sums by 256-bit vectors. To be called only on
 * a processor that has AVX2, and there only where HAVE_AVX2_BUILD is defined.
 */
#ifndef BASE_CHECKSUM_AVX2_H
#define BASE_CHECKSUM_AVX2_H

#include <stddef.h>
#include <stdint.h>

uint64_t checksum_avx2(const void *p, size_t n);
uint64_t checksum_avx2_seeded(const void *p, size_t n, uint64_t seed);

#endif
