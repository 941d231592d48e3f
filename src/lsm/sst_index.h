/* SPDX-License-Identifier: MIT */
/*
 * The index box of a table: which block may hold a key (sst_format.h says
 * what is stored). A search compares eight bytes of each separator, taken
 * behind the prefix that all separators share and kept in a flat array of
 * numbers; whole keys are compared only among separators that agree in those
 * eight bytes.
 *
 * Immutable once made; thread-safe.
 */
#ifndef LSM_SST_INDEX_H
#define LSM_SST_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/compress.h"
#include "base/slice.h"
#include "lsm/sst_format.h"
#include "lsm/sst_ranges.h"

struct sst_index {
	const struct sst_index_header *header;
	const struct sst_block_entry *entries;
	const uint8_t *keys;
	uint64_t *prefixes; /* owned; one a block */
	uint32_t n_blocks;
	uint32_t lcp; /* bytes that all separators share */
	struct tt_slice min_key;
	struct tt_slice max_key; /* of the records */
	struct tt_slice dict;	 /* empty: none */
	enum codec codec;
	struct sst_ranges ranges;
};

/* A block's place, decoded. */
struct sst_block_ref {
	uint64_t offset;
	uint64_t checksum;
	uint32_t stored_len;
	uint32_t raw_len;
	uint32_t n_records;
};

/*
 * Reads the index box of `len` bytes at `box`, which stays where it is as
 * long as the index. `file_bytes` is the file's real length, `data_off`
 * where its data begins. Every field is checked, the header's checksum
 * excepted: the caller has done that. 0, -ENOMEM, TT_ECORRUPT or TT_EVERSION
 * with a text that begins with `path`.
 */
int sst_index_open(struct sst_index *ix, const char *path, const uint8_t *box,
		   size_t len, uint64_t data_off, uint64_t file_bytes);
void sst_index_fini(struct sst_index *ix);

/* Bytes of memory besides the box. */
size_t sst_index_memory(const struct sst_index *ix);

/*
 * The last block whose separator is <= (key, ts): the first record >= (key,
 * ts) is in it, or is the first of the next block. 0 when the pair sorts
 * before every separator.
 */
uint32_t sst_index_seek(const struct sst_index *ix, struct tt_slice key,
			int64_t ts);

static inline struct tt_slice sst_index_sep_key(const struct sst_index *ix,
						uint32_t i)
{
	uint32_t from = i ? le32_get(ix->entries[i - 1].key_end) : 0;

	return SLICE(ix->keys + from, le32_get(ix->entries[i].key_end) - from);
}

static inline int64_t sst_index_sep_ts(const struct sst_index *ix, uint32_t i)
{
	return (int64_t)le64_get(ix->entries[i].sep_ts);
}

static inline void sst_index_block(const struct sst_index *ix, uint32_t i,
				   struct sst_block_ref *out)
{
	const struct sst_block_entry *e = &ix->entries[i];

	out->offset = le64_get(e->offset);
	out->checksum = le64_get(e->checksum);
	out->stored_len = le32_get(e->stored_len);
	out->raw_len = le32_get(e->raw_len);
	out->n_records = le32_get(e->n_records);
}

#endif
