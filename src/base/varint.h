/* SPDX-License-Identifier: MIT */
/*
 * Variable-length unsigned integers: seven bits a byte, least significant
 * first, the top bit set on all but the last byte (LEB128). Encodings are
 * canonical: the shortest is written, and a longer one is refused on read.
 */
#ifndef BASE_VARINT_H
#define BASE_VARINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"

#define VARINT32_MAX 5
#define VARINT64_MAX 10

/* Bytes that `v` takes. */
static inline size_t varint_len(uint64_t v)
{
	return 1 + (size_t)(63 - __builtin_clzll(v | 1)) / 7;
}

/* Writes `v` at `p` (VARINT64_MAX bytes of room); returns bytes written. */
static inline size_t varint_put(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	while (v >= 0x80) {
		p[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	p[n++] = (uint8_t)v;
	return n;
}

/* Slow path of varint_get(). */
size_t varint_get_slow(const uint8_t *p, size_t len, uint64_t *out);

/*
 * Reads a value from at most `len` bytes at `p`. Returns the bytes used, or
 * 0 when the bytes end early, exceed 64 bits or are not canonical; *out is
 * set only on success.
 */
static ALWAYS_INLINE size_t varint_get(const uint8_t *p, size_t len,
				       uint64_t *out)
{
	if (likely(len > 0 && p[0] < 0x80)) {
		*out = p[0];
		return 1;
	}
	return varint_get_slow(p, len, out);
}

/* The same for a value that must fit 32 bits. */
size_t varint32_get(const uint8_t *p, size_t len, uint32_t *out);

/* Appends `v`; 0 or -ENOMEM. */
int buf_append_varint(struct buf *b, uint64_t v);

/* Takes a value off the front of *s: bytes used, or 0 as varint_get(). */
size_t slice_take_varint(struct tt_slice *s, uint64_t *out);

/* Signed values with small magnitudes, folded so that they stay short. */
static inline uint64_t zigzag_fold(int64_t v)
{
	return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static inline int64_t zigzag_unfold(uint64_t v)
{
	return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

#endif
