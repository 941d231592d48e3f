/* SPDX-License-Identifier: MIT */
/*
 * Keys by number, and values of any length that no codec makes smaller: each a
 * stretch of the same noise, which number and version name. One test at a
 * time.
 */
#ifndef SUPPORT_NOISE_H
#define SUPPORT_NOISE_H

#include <stddef.h>

#include "ttrunks.h"

void noise_new(void);
void noise_free(void);

/* The key of number `i`, in `buf` (16 bytes). */
struct tt_slice key_of(char *buf, unsigned i);

/* Version `v` of a value of key `i`, shorter than 4 MiB; noise_new() first. */
struct tt_slice value_of(unsigned i, unsigned v, size_t len);

#endif
