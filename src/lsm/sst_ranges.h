/* SPDX-License-Identifier: MIT */
/*
 * The section of a table's index box that lists its range tombstones
 * (sst_format.h), so that they are known once the table is open. In the data
 * each of them is a record as well.
 *
 * A list once opened is immutable; thread-safe.
 */
#ifndef LSM_SST_RANGES_H
#define LSM_SST_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "lsm/range_set.h"
#include "lsm/sst_format.h"

struct sst_ranges {
	const struct sst_range_entry *entries; /* in the box */
	const uint8_t *keys;
	uint32_t n;	       /* 0: the table has none */
	struct range_set *set; /* owned; NULL: the table has none */
};

/* Appends the section for `n` >= 1 range tombstones, sorted by
 * range_del_cmp(). -ENOMEM or TT_ETOOBIG. */
int sst_ranges_encode(const struct range_del *dels, size_t n, struct buf *out);

/*
 * Reads the section at `box`, of which `len` bytes are there, and which stays
 * where it is; adds its length to *used. The table has records from `min_key` on.
 * -ENOMEM, or TT_ECORRUPT with a text that begins with `path`.
 */
int sst_ranges_open(struct sst_ranges *r, const char *path, const uint8_t *box,
		    size_t len, struct tt_slice min_key, size_t *used);
void sst_ranges_fini(struct sst_ranges *r);

/* Number `i`, below n; the keys live as long as the box. */
void sst_ranges_at(const struct sst_ranges *r, uint32_t i,
		   struct range_del *out);

/*
 * Where a table ends that has range tombstones up to `end` (empty: no end) and
 * records up to `last_key`: its largest key, KEY_LARGEST when there is none,
 * which is not part of the table when *is_open. One of the two, or a part.
 */
struct tt_slice sst_ranges_bound(struct tt_slice end, struct tt_slice last_key,
				 bool *is_open);

/* The same of a table that may have range tombstones or not. */
struct tt_slice sst_ranges_table_bound(const struct sst_ranges *r,
				       struct tt_slice last_key, bool *is_open);

#endif
