/* SPDX-License-Identifier: MIT */
/*
 * Base64 of RFC 4648: the standard alphabet, padded, on one line. Stateless,
 * thread-safe.
 */
#ifndef SERVER_BASE64_H
#define SERVER_BASE64_H

#include <stddef.h>

#include "base/slice.h"

/* Characters that `n` bytes become. */
static inline size_t base64_encoded_len(size_t n)
{
	return (n + 2) / 3 * 4;
}

/* Writes base64_encoded_len(s.len) characters at `out`, no final zero. */
void base64_encode(struct tt_slice s, char *out);

/*
 * Decodes `n` characters at `text` into `out`, which may be `text` itself and
 * has room for n / 4 * 3 bytes. 0 with *out_len set, or -EINVAL: a character
 * outside the alphabet, a wrong length or wrong padding.
 */
int base64_decode(const char *text, size_t n, void *out, size_t *out_len);

#endif
