/* SPDX-License-Identifier: MIT */
/*
 * Blocks kept in memory, under a strict byte budget.
 *
 * Sharded by the hash of (file, block number); a shard's lock is held for a
 * bucket walk and a few stores, never across I/O or memory allocation. A hit
 * takes a reference and marks the block; it moves nothing.
 *
 * Eviction is S3-FIFO: a block enters a small queue, a 32nd of the
 * shard, and is promoted to the main queue only if it was read again before
 * it reached the end, or was evicted from there not long ago (a table of
 * fingerprints remembers). So a scan passes through the small queue and
 * leaves what is read repeatedly in place. The main queue gives blocks as
 * many more rounds as they were read, three at most.
 *
 * A block charges the memory it takes. Referenced blocks are not evicted; if
 * nothing can be, a new block stays out of the cache and its user simply
 * owns it. The sum of all charges never exceeds the budget.
 *
 * Readers have memory that is no block: iterators, what they read ahead,
 * indexes of more tables than there was room for. They borrow it from the
 * budget, and blocks make way.
 *
 * Thread-safe. Blocks may outlive their place in the cache, not the cache
 * itself: drop all references, and give back all loans, before
 * block_cache_free().
 */
#ifndef LSM_BLOCK_CACHE_H
#define LSM_BLOCK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lsm/block_reader.h"

struct block_cache;

struct block_cache_stats {
	uint64_t hits;
	uint64_t misses;
	uint64_t inserts;
	uint64_t refused; /* blocks that found no room */
	uint64_t evictions;
	uint64_t bytes;	   /* charged now */
	uint64_t capacity; /* the budget */
	uint64_t borrowed; /* of it, by readers */
	uint64_t blocks;   /* in the cache now */
};

/* A cache for `bytes` of blocks; 0 keeps nothing. 0 or -ENOMEM. */
int block_cache_new(size_t bytes, struct block_cache **out);
void block_cache_free(struct block_cache *c);
/* The budget. */
size_t block_cache_capacity(const struct block_cache *c);

/*
 * The block with a reference for the caller (block_unref()), or NULL.
 * Counted as a hit or a miss.
 */
struct block *block_cache_get(struct block_cache *c, uint64_t file_no,
			      uint32_t block_no);

/* The same for a look ahead: counts nothing and does not mark the block. */
struct block *block_cache_peek(struct block_cache *c, uint64_t file_no,
			       uint32_t block_no);

/*
 * Hints, for who looks for several blocks: asked one after the other, each
 * block costs several waits for memory. block_cache_ask() asks for the place
 * where the cache would have the block; some time later
 * block_cache_ask_block() for what a search in the block reads first.
 */
void block_cache_ask(struct block_cache *c, uint64_t file_no,
		     uint32_t block_no);
void block_cache_ask_block(struct block_cache *c, uint64_t file_no,
			   uint32_t block_no);

/*
 * Whether blocks that are missing come from a slow disk (not from the
 * system's file cache), judged by how long readers of some took: then it pays
 * to have the system begin to read several before one waits for the first.
 * Readers of single blocks need not tell.
 */
bool block_cache_is_slow(struct block_cache *c);
void block_cache_note_reads(struct block_cache *c, unsigned n_blocks,
			    uint64_t ns);

/*
 * Offers a block just read, of which the caller has the only reference.
 * Returns the block to use with a reference for the caller: `b`, or the one
 * that another thread brought first, in which case `b` is freed.
 */
struct block *block_cache_insert(struct block_cache *c, struct block *b,
				 uint64_t file_no, uint32_t block_no);

/* Drops the blocks 0 to n_blocks - 1 of a file that is gone. */
void block_cache_drop_file(struct block_cache *c, uint64_t file_no,
			   uint32_t n_blocks);

/* Takes a block that is being freed off its shard's account; only for
 * block_unref(). */
void block_cache_uncharge(struct block *b);

/*
 * Takes `bytes` off what blocks may have. The one that tries is refused (it
 * returns false) when more than half of the budget would be lent; the other
 * is for memory that is needed whatever there is.
 */
bool block_cache_try_borrow(struct block_cache *c, size_t bytes);
/* What would not be refused now. */
size_t block_cache_lendable(struct block_cache *c);
void block_cache_borrow(struct block_cache *c, size_t bytes);
void block_cache_give_back(struct block_cache *c, size_t bytes);

void block_cache_read_stats(struct block_cache *c,
			    struct block_cache_stats *out);

#endif
