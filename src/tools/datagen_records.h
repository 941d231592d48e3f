/* SPDX-License-Identifier: MIT */
/*
 * Records that look like somebody's data: users, products, orders, sessions,
 * events. Record i of a seed is the same wherever and whenever it is made.
 */
#ifndef TOOLS_DATAGEN_RECORDS_H
#define TOOLS_DATAGEN_RECORDS_H

#include <stdint.h>

#include "base/buf.h"

/*
 * Makes record number `i`: its key, and a value of exactly `size` bytes. The
 * value is a JSON object where `size` allows one. Replaces both buffers'
 * contents. 0 or -ENOMEM.
 */
int datagen_record(uint64_t seed, uint64_t i, uint64_t size, struct buf *key,
		   struct buf *value);

#endif
