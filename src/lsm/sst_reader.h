/* SPDX-License-Identifier: MIT */
/*
 * An open table: its filter and index in memory, its blocks read on demand.
 *
 * Opening reads and verifies the header. Whatever comes from the file is
 * checked before use; damage is TT_ECORRUPT with a text that names the file
 * and the offset, a format of another time TT_EVERSION with both versions.
 *
 * A reader is immutable: any number of threads may use it. Its
 * iterators hold a reference on it; hits do not (their block has its own life).
 */
#ifndef LSM_SST_READER_H
#define LSM_SST_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compress.h"
#include "base/slice.h"
#include "lsm/block_cache.h"
#include "lsm/block_reader.h"
#include "lsm/filter.h"
#include "lsm/rec_iter.h"
#include "lsm/record.h"

struct env;
struct sst_index;
struct sst_ranges;
struct sst_reader;

/* Opens the table at `path`. `file_no` names its blocks in the cache. */
int sst_open(struct env *env, const char *path, uint64_t file_no,
	     struct sst_reader **out);

/*
 * The checksum that the header of the table at `path` states, which covers
 * the sums of all blocks: tables that agree in it are the same. Reads nothing
 * else and verifies nothing.
 */
int sst_read_checksum(struct env *env, const char *path, uint64_t *out);

/* Readers are counted: sst_open() gives one reference, sst_ref() another,
 * sst_close() drops one and closes the file with the last. NULL does
 * nothing. */
void sst_ref(struct sst_reader *r);
void sst_close(struct sst_reader *r);
/* True when there is more than one reference: a hint. */
bool sst_is_shared(const struct sst_reader *r);

/* What the header says. Slices live as long as the reader. */
struct sst_info {
	const char *path;
	uint64_t file_no;
	uint64_t file_bytes;
	uint64_t header_bytes; /* before the data */
	uint64_t filter_bytes; /* of the filter box */
	uint64_t n_records;
	uint64_t n_tombstones;
	uint64_t raw_bytes;
	uint32_t n_blocks;
	uint32_t version;
	enum codec codec;
	int64_t min_ts, max_ts;
	/* Of records and range tombstones; the largest one is not part of the
	 * table if max_is_open; KEY_LARGEST: there is no end. */
	struct tt_slice min_key, max_key;
	bool max_is_open;
	uint32_t n_ranges; /* range tombstones */
};
void sst_info(const struct sst_reader *r, struct sst_info *out);

/* Where block `i` is; the separator lives as long as the reader. */
struct sst_block_info {
	uint64_t offset;
	uint32_t stored_len;
	uint32_t raw_len;
	uint32_t n_records;
	struct tt_slice separator;
};
void sst_block_info(const struct sst_reader *r, uint32_t i,
		    struct sst_block_info *out);

/* Range tombstone `i`; the slices live as long as the reader. */
struct sst_range {
	struct tt_slice lower, upper; /* an empty upper key: no end */
	int64_t ts;
};
void sst_range(const struct sst_reader *r, uint32_t i, struct sst_range *out);

/* All of them; they live as long as the reader. */
const struct sst_ranges *sst_ranges_of(const struct sst_reader *r);

/* The filter and the index, for tests; they live as long as the reader. */
const struct filter *sst_filter(const struct sst_reader *r);
const struct sst_index *sst_index_of(const struct sst_reader *r);

/* Memory that the reader takes: filter, index, itself. */
size_t sst_memory(const struct sst_reader *r);

/* How much of the file the kernel's page cache holds, bytes. All of it where
 * that is not known. */
uint64_t sst_cached_bytes(const struct sst_reader *r);

/* ---- point reads ------------------------------------------------------ */

/* The newest version found; the slices live until sst_hit_release(). */
struct sst_hit {
	struct record rec;
	struct block *block; /* a reference; NULL: none held */
};

/*
 * The newest record of `key` with a timestamp <= as_of, tombstones included,
 * also one that stands for the range tombstone that hides all records of the
 * key: 0 with *out set, TT_NOTFOUND, or negative. `hash` is key_hash(key).
 * `cache` may be NULL: the block is then read and owned by the hit. With
 * `no_fill` a block read from disk does not enter the cache.
 */
int sst_get(struct sst_reader *r, struct block_cache *cache,
	    struct tt_slice key, uint64_t hash, int64_t as_of, bool no_fill,
	    struct sst_hit *out);

/* Releases the block and clears the hit; a cleared hit is ignored. */
static inline void sst_hit_release(struct sst_hit *h)
{
	block_unref(h->block);
	h->block = NULL;
}

/* False when the key is surely absent: what sst_get() asks first. */
bool sst_may_have(const struct sst_reader *r, uint64_t hash);

/*
 * Hints for who looks for many keys, to be given for all of them one step at
 * a time: what sst_get() will wait for. First the filter's line; for a key
 * that passed the filter, where the cache would have its block, which
 * sst_ask() returns the number of; then that block; then the record in it.
 * The last step returns the block, if it is in the cache, for the caller to
 * keep until sst_get() has looked: it may be evicted otherwise.
 */
void sst_ask_filter(const struct sst_reader *r, uint64_t hash);
uint32_t sst_ask(const struct sst_reader *r, struct block_cache *cache,
		 struct tt_slice key, int64_t as_of);
void sst_ask_block(const struct sst_reader *r, struct block_cache *cache,
		   uint32_t block);
struct block *sst_ask_record(const struct sst_reader *r,
			     struct block_cache *cache, uint32_t block,
			     struct tt_slice key);

/* Has the system begin to read a block that is not in the cache. A hint that
 * costs a call; for files that may not be in memory. */
void sst_ask_disk(const struct sst_reader *r, uint32_t block);

/* ---- blocks ----------------------------------------------------------- */

/* Block `i`, from the cache or the file; the caller gets a reference. */
int sst_block(struct sst_reader *r, struct block_cache *cache, uint32_t i,
	      bool no_fill, struct block **out);

/* About how many bytes of the file hold keys of [lower, upper); an empty upper
 * key is unbounded. Reads nothing. */
uint64_t sst_bytes_between(const struct sst_reader *r, struct tt_slice lower,
			   struct tt_slice upper);

/* ---- iterators (sst_iter.c) ------------------------------------------- */

enum sst_iter_flag {
	/* Blocks read do not enter the cache. */
	SST_ITER_NO_FILL = 1,
	/* The whole table will be read, front to back (compaction): large
	 * reads from the start, past the cache, and the kernel's page cache
	 * is left as it was. Implies NO_FILL. */
	SST_ITER_SEQUENTIAL = 2,
	/* Blocks are read from the disk and verified, whatever is cached, also
	 * by the kernel. Implies NO_FILL. */
	SST_ITER_VERIFY = 4,
};

/* A cursor over all records (rec_iter.h). Holds a reference on the reader and
 * keeps the cache (which may be NULL). 0 or -ENOMEM. */
int sst_iter_new(struct sst_reader *r, struct block_cache *cache,
		 unsigned flags, struct rec_iter **out);

/* ---- verification ----------------------------------------------------- */

/* Told each damaged place. */
typedef void (*sst_report_fn)(void *arg, const char *text);

/*
 * Reads every block from the disk and checks checksums, order, separators,
 * counts, ranges, and that the filter passes every key. Goes on after a
 * damaged block. 0, TT_ECORRUPT when something was reported, or another
 * failure (I/O, memory) that ended the work. `fn` may be NULL.
 */
int sst_verify(struct sst_reader *r, sst_report_fn fn, void *arg);

#endif
