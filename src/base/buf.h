/* SPDX-License-Identifier: MIT */
/*
 * An owned, growing run of bytes. Not thread-safe; one owner at a time.
 *
 * Start from BUF_INIT, end with buf_fini(); both an untouched and a finished
 * buffer may be finished again. Growth doubles, so n appends cost O(n).
 * Functions that can grow return 0 or -ENOMEM; on failure the contents stay
 * as they were. Pointers into a buffer die with its next growth.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "base/slice.h"

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
};

#define BUF_INIT ((struct buf){ NULL, 0, 0 })

static inline void buf_init(struct buf *b)
{
	*b = BUF_INIT;
}

/* Frees the memory and leaves an empty buffer. */
void buf_fini(struct buf *b);

/* Slow path of buf_reserve(). */
int buf_grow(struct buf *b, size_t extra);

/* Makes room for `extra` bytes beyond the length. */
static ALWAYS_INLINE int buf_reserve(struct buf *b, size_t extra)
{
	if (likely(b->cap - b->len >= extra))
		return 0;
	return buf_grow(b, extra);
}

/* Empties the buffer, keeping its memory. */
static inline void buf_clear(struct buf *b)
{
	b->len = 0;
}

/* Cuts the contents to `len`, which must not exceed the length. */
void buf_truncate(struct buf *b, size_t len);

/* Gives back memory beyond `keep` bytes of capacity; for pooled buffers. */
void buf_shrink(struct buf *b, size_t keep);

/* Where the next byte goes; buf_reserve() first, buf_advance() after. */
static inline uint8_t *buf_tail(struct buf *b)
{
	return b->data + b->len;
}

static inline void buf_advance(struct buf *b, size_t n)
{
	b->len += n;
}

/* Appends without a check: the caller has reserved. */
static ALWAYS_INLINE void buf_put(struct buf *b, const void *p, size_t n)
{
	if (n)
		memcpy(b->data + b->len, p, n);
	b->len += n;
}

/* Appends `n` bytes; `p` must not point into the buffer. */
static ALWAYS_INLINE int buf_append(struct buf *b, const void *p, size_t n)
{
	if (unlikely(b->cap - b->len < n)) {
		int r = buf_grow(b, n);

		if (r < 0)
			return r;
	}
	buf_put(b, p, n);
	return 0;
}

static inline int buf_append_slice(struct buf *b, struct tt_slice s)
{
	return buf_append(b, s.data, s.len);
}

static inline int buf_append_str(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

static inline int buf_append_byte(struct buf *b, uint8_t c)
{
	return buf_append(b, &c, 1);
}

/* Appends `n` bytes of value `c`. */
int buf_append_fill(struct buf *b, uint8_t c, size_t n);

/* Replaces the contents by a copy of `s`, which may lie in the buffer. */
int buf_set(struct buf *b, struct tt_slice s);

/* Appends formatted text, without a final zero. */
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF_FMT(2, 3);
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_FMT(2, 0);

/*
 * The contents as a C string: a zero is put beyond them, not counted in the
 * length. NULL when memory is out. Valid until the next change.
 */
const char *buf_cstr(struct buf *b);

/* Borrows the contents; valid until the next change. */
static inline struct tt_slice buf_slice(const struct buf *b)
{
	return SLICE(b->data, b->len);
}

/* Hands the contents to the caller, who frees them; the buffer is empty then.
 * NULL with the buffer unchanged when memory is out. */
uint8_t *buf_steal(struct buf *b, size_t *out_len);

/* Exchanges the contents of two buffers. */
static inline void buf_swap(struct buf *a, struct buf *b)
{
	struct buf t = *a;

	*a = *b;
	*b = t;
}

#endif
