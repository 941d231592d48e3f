/* SPDX-License-Identifier: MIT */
/*
 * Writing JSON straight into a buffer: no tree is built, a string costs one
 * pass over its bytes. Commas and braces are the caller's, as literals.
 *
 * Memory running out is remembered (`err`), and the text is worthless then:
 * check once at the end. One user at a time.
 */
#ifndef SERVER_JSON_OUT_H
#define SERVER_JSON_OUT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct json_out {
	struct buf *buf; /* kept */
	int err;	 /* 0 or -ENOMEM */
};

/* Slow path of json_put(). */
void json_put_slow(struct json_out *o, struct tt_slice s);

/* Bytes as they are. */
static ALWAYS_INLINE void json_put(struct json_out *o, struct tt_slice s)
{
	if (likely(o->buf->cap - o->buf->len >= s.len))
		buf_put(o->buf, s.data, s.len);
	else
		json_put_slow(o, s);
}
/* A string literal as it is. */
#define json_lit(o, s) json_put((o), SLICE_LIT(s))

/* A quoted string. `s` must be well-formed UTF-8; zero bytes are fine. */
void json_string(struct json_out *o, struct tt_slice s);
/* The inside of a quoted string, to be put together from pieces. What is not
 * UTF-8 becomes U+FFFD. */
void json_string_part_lossy(struct json_out *o, struct tt_slice s);
/* A quoted string of the base64 of any bytes. */
void json_base64(struct json_out *o, struct tt_slice s);
void json_int(struct json_out *o, int64_t v);
void json_uint(struct json_out *o, uint64_t v);
void json_bool(struct json_out *o, bool v);

#endif
