/* SPDX-License-Identifier: MIT */
/*
 * The one hash of a key: XXH3-64 of its bytes. A point read computes it once
 * and hands it to every table it asks; filters on disk are built from it, so
 * it is part of the format (data/README.md) and never changes.
 */
#ifndef LSM_KEY_HASH_H
#define LSM_KEY_HASH_H

#include <stdint.h>

#include "base/checksum.h"
#include "base/slice.h"

static inline uint64_t key_hash(struct tt_slice key)
{
	return checksum_slice(key);
}

#endif
