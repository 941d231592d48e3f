/* SPDX-License-Identifier: MIT */
/*
 * Helpers on struct tt_slice, all inline, none allocates. See tt_slice.h for
 * what a slice is. Order is that of memcmp(), a shorter run first where one
 * is a prefix of the other.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "tt_slice.h"

/* A slice over `n` bytes at `p`. */
#define SLICE(p, n) ((struct tt_slice){ (p), (n) })

/* A slice over a string literal, without its final zero. */
#define SLICE_LIT(s) ((struct tt_slice){ ("" s), sizeof(s) - 1 })

#define SLICE_EMPTY ((struct tt_slice){ NULL, 0 })

/* A slice over the bytes of a C string, without its final zero. */
static inline struct tt_slice slice_str(const char *s)
{
	return SLICE(s, strlen(s));
}

static inline const uint8_t *slice_bytes(struct tt_slice s)
{
	return s.data;
}

static inline bool slice_is_empty(struct tt_slice s)
{
	return s.len == 0;
}

/* < 0, 0, > 0 as `a` sorts before, with or after `b`. */
static ALWAYS_INLINE int slice_cmp(struct tt_slice a, struct tt_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.data, b.data, n) : 0;

	if (c)
		return c;
	return (a.len > b.len) - (a.len < b.len);
}

static inline bool slice_eq(struct tt_slice a, struct tt_slice b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.data, b.data, a.len));
}

static inline bool slice_has_prefix(struct tt_slice s, struct tt_slice prefix)
{
	return s.len >= prefix.len &&
	       (prefix.len == 0 || !memcmp(s.data, prefix.data, prefix.len));
}

/* Length of the longest run that both begin with. */
static inline size_t slice_common_prefix(struct tt_slice a, struct tt_slice b)
{
	const uint8_t *x = a.data, *y = b.data;
	size_t n = a.len < b.len ? a.len : b.len;
	size_t i = 0;

	while (i < n && x[i] == y[i])
		i++;
	return i;
}

/* `s` without its first `n` bytes; `n` must not exceed its length. */
static inline struct tt_slice slice_skip(struct tt_slice s, size_t n)
{
	return SLICE(n ? slice_bytes(s) + n : s.data, s.len - n);
}

/* The first `n` bytes of `s`; `n` must not exceed its length. */
static inline struct tt_slice slice_first(struct tt_slice s, size_t n)
{
	return SLICE(s.data, n);
}

#endif
