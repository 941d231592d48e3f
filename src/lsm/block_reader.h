/* SPDX-License-Identifier: MIT */
/*
 * A block in memory: its records as stored, and an index of them made once,
 * when the block was read and every field of it checked. From then on reads
 * need no bounds checks and no allocation.
 *
 * The index is, per record, its offset and the four key bytes that follow
 * the prefix which all keys of the block share. A search touches this array
 * (a few cache lines) and then, mostly, just the record it looks for.
 *
 * Blocks are immutable once made, and shared by counted references. Every
 * thread may read one that it has a reference to.
 */
#ifndef LSM_BLOCK_READER_H
#define LSM_BLOCK_READER_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/compress.h"
#include "base/slice.h"
#include "lsm/record.h"
#include "lsm/record_format.h"

struct block_shard;

struct block {
	/* set when made, then constant */
	const uint8_t *data; /* the records, raw_len bytes */
	uint32_t n;	     /* records, at least 1 */
	uint32_t lcp;	     /* key bytes that all records share */
	uint32_t raw_len;
	uint32_t block_no; /* with file_no: its name in the cache */
	uint64_t file_no;
	size_t bytes;		   /* memory it takes, this struct included */
	struct block_shard *shard; /* the cache's, or NULL; set on insertion */

	/* Added to by whoever has a reference, or the shard's lock; the
	 * release of the last decrement is acquired by who frees. */
	_Atomic uint32_t refs;
	/* Stored relaxed by readers, read by the evictor: a hint. */
	_Atomic uint8_t freq;

	/* guarded by the shard's lock */
	uint8_t queue;
	struct block *chain; /* of the hash bucket */
	struct block *newer; /* in its queue */
	struct block *older;

	uint32_t index[]; /* n prefixes, then n offsets */
};

/* Bytes of a block of these sizes; its memory is block_mem_size() of it. */
static inline size_t block_bytes(uint32_t n_records, uint32_t raw_len)
{
	return sizeof(struct block) + (size_t)n_records * 8 + raw_len;
}

/*
 * Memory for a block whose `raw_len` bytes of data the caller fills through
 * block_data(), followed by block_index(). NULL when memory is out. One
 * reference, the caller's. `n` and `raw_len` have been bounded.
 */
struct block *block_alloc(uint32_t n, uint32_t raw_len);

/* Where block_alloc() left room for the records. */
static inline uint8_t *block_data(struct block *b)
{
	return (uint8_t *)&b->index[2 * (size_t)b->n];
}

/*
 * Checks every record and makes the index. 0, or TT_ECORRUPT without a text
 * (the caller knows where the block came from) when the bytes are not
 * exactly `n` records. Order is not checked: see block_check_order().
 */
int block_index(struct block *b);

/* 0, or TT_ECORRUPT without a text when two records are out of order. */
int block_check_order(const struct block *b);

/*
 * Verifies and inflates stored bytes into the block's data: `stored` has
 * the checksum `sum`; it is the records themselves when its length is
 * raw_len, else it inflates by `codec`, or if there is one by the
 * dictionary `dict`. `stored` may be block_data()
 * itself. 0, or TT_ECORRUPT with *why set to what is wrong.
 */
int block_fill(struct block *b, struct tt_slice stored, uint64_t sum,
	       enum codec codec, const struct compress_dict *dict,
	       const char **why);

static inline void block_ref(struct block *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}

/* Drops a reference, freeing the block with the last. NULL does nothing. */
void block_unref(struct block *b);

static ALWAYS_INLINE const uint8_t *block_at(const struct block *b, uint32_t i)
{
	return b->data + b->index[b->n + i];
}

/* Record `i`, below n. The slices live as long as the reference. */
static ALWAYS_INLINE void block_record(const struct block *b, uint32_t i,
				       struct record *out)
{
	record_decode(block_at(b, i), out);
}

/*
 * The position of the first record >= (key, ts), n when there is none.
 * block_find_exact() may answer anything if no record has this key, and
 * saves the comparison of the shared prefix.
 */
uint32_t block_seek(const struct block *b, struct tt_slice key, int64_t ts);
uint32_t block_find_exact(const struct block *b, struct tt_slice key,
			  int64_t ts);

/* A hint that block_find_exact() and a look at its answer come next. */
void block_ask(const struct block *b, struct tt_slice key);

#endif
