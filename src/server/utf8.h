/* SPDX-License-Identifier: MIT */
/*
 * UTF-8, strictly: no overlong forms, no surrogates, nothing beyond U+10FFFF.
 * Zero bytes are characters like any other. Stateless, thread-safe.
 */
#ifndef SERVER_UTF8_H
#define SERVER_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* True when all of `s` is well-formed. */
bool utf8_is_valid(struct tt_slice s);

/*
 * Length of the well-formed sequence that starts at `p` (1 to 4, at most `n`
 * bytes are looked at); 0 when none does. `n` is at least 1.
 */
size_t utf8_sequence(const unsigned char *p, size_t n);

#endif
