/* SPDX-License-Identifier: MIT */
/*
 * Encodes records into blocks, one block at a time, at the end of a buffer
 * that holds all stored blocks of a table. Without a codec records are
 * written to their final place at once. One thread at a time.
 */
#ifndef LSM_BLOCK_WRITER_H
#define LSM_BLOCK_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/compress.h"
#include "lsm/record.h"

struct block_writer {
	enum codec codec;
	uint32_t n;	   /* records of the open block */
	struct buf stored; /* finished blocks; codec none: the open one too */
	size_t start;	   /* codec none: where the open block begins */
	struct buf raw;	   /* other codecs: the open block */
	const struct compress_dict *dict; /* kept; NULL: none */
};

/* A finished block; `offset` counts from the first block's first byte. */
struct block_done {
	uint64_t offset;
	uint64_t checksum;
	uint32_t stored_len;
	uint32_t raw_len;
	uint32_t n_records;
};

void block_writer_init(struct block_writer *w, enum codec codec);
void block_writer_fini(struct block_writer *w);
/* Forgets all blocks, keeping the memory. */
void block_writer_reset(struct block_writer *w);

/* Appends a record to the open block; 0 or -ENOMEM. */
int block_writer_add(struct block_writer *w, const struct record *r);

/* Raw bytes of the open block. */
static ALWAYS_INLINE size_t
block_writer_open_bytes(const struct block_writer *w)
{
	return w->codec == CODEC_NONE ? w->stored.len - w->start : w->raw.len;
}

/* Moves the open block, which has a record, to the end of `to`, as it is: a
 * block that will be stored later. Not for codec none. out->raw_len and
 * out->n_records are set. */
int block_writer_put_off(struct block_writer *w, struct buf *to,
			 struct block_done *out);

/* Stores such a block; all but out->n_records is set. */
int block_writer_store(struct block_writer *w, struct tt_slice raw,
		       struct block_done *out);

/* Ends the open block, which has a record. A block that does not shrink by
 * an eighth is stored as it is. */
int block_writer_finish(struct block_writer *w, struct block_done *out);

#endif
