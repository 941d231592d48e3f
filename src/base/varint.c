/* SPDX-License-Identifier: MIT */
/* Variable-length integers: the paths of varint.h that are not one byte. */
#include "base/varint.h"

size_t varint_get_slow(const uint8_t *p, size_t len, uint64_t *out)
{
	uint64_t v = 0;
	size_t max = len < VARINT64_MAX ? len : VARINT64_MAX;

	for (size_t i = 0; i < max; i++) {
		uint64_t bits = p[i] & 0x7f;

		if (i == VARINT64_MAX - 1 && bits > 1)
			return 0; /* beyond 64 bits */
		v |= bits << (7 * i);
		if (p[i] & 0x80)
			continue;
		if (p[i] == 0 && i > 0)
			return 0; /* a shorter form exists */
		*out = v;
		return i + 1;
	}
	return 0;
}

size_t varint32_get(const uint8_t *p, size_t len, uint32_t *out)
{
	uint64_t v;
	size_t n = varint_get(p, len, &v);

	if (n == 0 || v > UINT32_MAX)
		return 0;
	*out = (uint32_t)v;
	return n;
}

int buf_append_varint(struct buf *b, uint64_t v)
{
	int r = buf_reserve(b, VARINT64_MAX);

	if (r < 0)
		return r;
	buf_advance(b, varint_put(buf_tail(b), v));
	return 0;
}

size_t slice_take_varint(struct tt_slice *s, uint64_t *out)
{
	size_t n = varint_get(s->data, s->len, out);

	*s = slice_skip(*s, n);
	return n;
}
