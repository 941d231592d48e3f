/* SPDX-License-Identifier: MIT */
#include "server/json_out.h"

#include <string.h>

#include "server/base64.h"
#include "server/utf8.h"

/* Longest escape of one byte: \u0000. */
#define ESCAPE_MAX 6
/* Strings are escaped in chunks, so that the reservation stays modest. */
#define CHUNK 4096

static bool reserve(struct json_out *o, size_t n)
{
	if (o->err == 0)
		o->err = buf_reserve(o->buf, n);
	return o->err == 0;
}

void json_put_slow(struct json_out *o, struct tt_slice s)
{
	if (reserve(o, s.len))
		buf_put(o->buf, s.data, s.len);
}

/* True when some byte of `w` is a control character, '"' or '\\'. */
static ALWAYS_INLINE bool word_needs_escape(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101ULL;
	const uint64_t highs = 0x8080808080808080ULL;
	uint64_t quote = w ^ (ones * '"');
	uint64_t slash = w ^ (ones * '\\');
	uint64_t hit = ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) |
		       ((slash - ones) & ~slash);

	return (hit & highs) != 0;
}

static uint8_t *escape_byte(uint8_t *to, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";

	*to++ = '\\';
	switch (c) {
	case '"':
	case '\\':
		*to++ = c;
		return to;
	case '\n':
		*to++ = 'n';
		return to;
	case '\r':
		*to++ = 'r';
		return to;
	case '\t':
		*to++ = 't';
		return to;
	default:
		*to++ = 'u';
		*to++ = '0';
		*to++ = '0';
		*to++ = (uint8_t)hex[c >> 4];
		*to++ = (uint8_t)hex[c & 15];
		return to;
	}
}

/* Escapes `n` bytes into memory that has room for the worst case. */
static uint8_t *escape(uint8_t *to, const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;

	while (p < end) {
		uint64_t w;

		while (end - p >= (ptrdiff_t)sizeof(w)) {
			memcpy(&w, p, sizeof(w));
			if (word_needs_escape(w))
				break;
			memcpy(to, &w, sizeof(w));
			to += sizeof(w);
			p += sizeof(w);
		}
		for (int i = 0; i < (int)sizeof(w) && p < end; i++, p++) {
			if (*p < 0x20 || *p == '"' || *p == '\\')
				to = escape_byte(to, *p);
			else
				*to++ = *p;
		}
	}
	return to;
}

static void string_part(struct json_out *o, struct tt_slice s)
{
	while (s.len > 0) {
		size_t n = MIN_OF(s.len, (size_t)CHUNK);
		uint8_t *from;

		if (!reserve(o, n * ESCAPE_MAX))
			return;
		from = buf_tail(o->buf);
		buf_advance(o->buf, (size_t)(escape(from, s.data, n) - from));
		s = slice_skip(s, n);
	}
}

void json_string(struct json_out *o, struct tt_slice s)
{
	json_lit(o, "\"");
	string_part(o, s);
	json_lit(o, "\"");
}

void json_string_part_lossy(struct json_out *o, struct tt_slice s)
{
	if (utf8_is_valid(s)) {
		string_part(o, s);
		return;
	}
	while (s.len > 0) {
		size_t n = utf8_sequence(s.data, s.len);

		if (n > 0)
			string_part(o, slice_first(s, n));
		else
			json_lit(o, "\xef\xbf\xbd");
		s = slice_skip(s, n > 0 ? n : 1);
	}
}

void json_base64(struct json_out *o, struct tt_slice s)
{
	size_t n = base64_encoded_len(s.len);

	if (!reserve(o, n + 2))
		return;
	buf_put(o->buf, "\"", 1);
	base64_encode(s, (char *)buf_tail(o->buf));
	buf_advance(o->buf, n);
	buf_put(o->buf, "\"", 1);
}

void json_uint(struct json_out *o, uint64_t v)
{
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	json_put(o, SLICE(text + at, sizeof(text) - at));
}

void json_int(struct json_out *o, int64_t v)
{
	if (v < 0)
		json_lit(o, "-");
	json_uint(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void json_bool(struct json_out *o, bool v)
{
	if (v)
		json_lit(o, "true");
	else
		json_lit(o, "false");
}
