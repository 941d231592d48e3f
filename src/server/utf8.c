/* SPDX-License-Identifier: MIT */
/*
 * Nearly all text is ASCII: whole words of it are skipped by one test, and
 * only what remains is decoded.
 */
#include "server/utf8.h"

#include <stdint.h>
#include <string.h>

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t utf8_sequence(const unsigned char *p, size_t n)
{
	unsigned char c = p[0];

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	if (c < 0xe0)
		return n >= 2 && is_tail(p[1]) ? 2 : 0;
	if (c < 0xf0) {
		if (n < 3 || !is_tail(p[1]) || !is_tail(p[2]))
			return 0;
		if (c == 0xe0 && p[1] < 0xa0)
			return 0; /* overlong */
		if (c == 0xed && p[1] >= 0xa0)
			return 0; /* a surrogate */
		return 3;
	}
	if (n < 4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3]))
		return 0;
	if (c == 0xf0 && p[1] < 0x90)
		return 0;
	if (c == 0xf4 && p[1] >= 0x90)
		return 0;
	return 4;
}

bool utf8_is_valid(struct tt_slice s)
{
	const unsigned char *p = s.data;
	size_t n = s.len;

	while (n > 0) {
		uint64_t w;
		size_t k;

		while (n >= sizeof(w)) {
			memcpy(&w, p, sizeof(w));
			if (w & 0x8080808080808080ULL)
				break;
			p += sizeof(w);
			n -= sizeof(w);
		}
		if (n == 0)
			break;
		k = utf8_sequence(p, n);
		if (k == 0)
			return false;
		p += k;
		n -= k;
	}
	return true;
}
