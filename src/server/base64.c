/* SPDX-License-Identifier: MIT */
#include "server/base64.h"

#include <errno.h>
#include <stdint.h>

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct tt_slice s, char *out)
{
	const uint8_t *p = s.data;
	size_t n = s.len;

	for (; n >= 3; p += 3, n -= 3, out += 4) {
		out[0] = alphabet[p[0] >> 2];
		out[1] = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
		out[2] = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
		out[3] = alphabet[p[2] & 63];
	}
	if (n == 0)
		return;
	out[0] = alphabet[p[0] >> 2];
	if (n == 1) {
		out[1] = alphabet[(p[0] & 3) << 4];
		out[2] = '=';
	} else {
		out[1] = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
		out[2] = alphabet[(p[1] & 15) << 2];
	}
	out[3] = '=';
}

/* The six bits of a character, or 64. */
static unsigned bits_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : 64;
}

/* Characters before the padding, or -EINVAL when that is wrong. */
static int strip_padding(const char *text, size_t n, size_t *out_chars)
{
	if (n % 4 != 0)
		return -EINVAL;
	if (n > 0 && text[n - 1] == '=') {
		n--;
		if (text[n - 1] == '=')
			n--;
	}
	*out_chars = n;
	return 0;
}

int base64_decode(const char *text, size_t n, void *out, size_t *out_len)
{
	uint8_t *to = out;
	uint32_t acc = 0;
	unsigned n_bits = 0;

	if (strip_padding(text, n, &n) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		unsigned b = bits_of(text[i]);

		if (b == 64)
			return -EINVAL;
		acc = (acc << 6 | b) & 0xffffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			*to++ = (uint8_t)(acc >> n_bits);
		}
	}
	/* What padding cut off must have been zero. */
	if (acc & ((1u << n_bits) - 1))
		return -EINVAL;
	*out_len = (size_t)(to - (uint8_t *)out);
	return 0;
}
