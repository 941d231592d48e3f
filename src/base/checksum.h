/* SPDX-License-Identifier: MIT */
/*
 * The one checksum of everything stored: XXH3 with 64 bits. The seed binds a
 * sum to its place (a log record to its segment's life), so that old bytes
 * in a recycled place do not verify. Stateless functions are thread-safe; a
 * stream has one user at a time.
 */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* XXH3-64 of `n` bytes, seed 0. */
uint64_t checksum(const void *p, size_t n);
uint64_t checksum_seeded(const void *p, size_t n, uint64_t seed);

static inline uint64_t checksum_slice(struct tt_slice s)
{
	return checksum(s.data, s.len);
}

/* A sum over bytes that come in pieces; equals the one-shot sum. */
struct checksum_stream;

/* NULL when memory is out. */
struct checksum_stream *checksum_stream_new(uint64_t seed);
void checksum_stream_free(struct checksum_stream *s);
/* Starts over, keeping the memory. */
void checksum_stream_reset(struct checksum_stream *s, uint64_t seed);
void checksum_stream_add(struct checksum_stream *s, const void *p, size_t n);
/* The sum of all bytes added so far; more may follow. */
uint64_t checksum_stream_sum(const struct checksum_stream *s);

#endif
