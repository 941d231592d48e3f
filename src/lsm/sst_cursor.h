/* SPDX-License-Identifier: MIT */
/*
 * A place in a table: what the cursors over a table (sst_iter.c) and over a
 * run (run_iter.c) have in common. Steps within a block are inline and decode
 * straight into the record of the cursor around it.
 *
 * One block is kept referenced, also between searches: a search that ends in
 * the same block asks no cache.
 *
 * Reading ahead. Blocks that follow each other and are not in the cache are
 * taken from a window: one read of several blocks' bytes. The window begins
 * at the third such block and doubles from 16 KiB to 256 KiB; compactions
 * begin with the largest. A block that is in the cache is used from there.
 * The window's memory is borrowed from the cache; when that has none to lend,
 * blocks are read one by one. Compactions leave the kernel's page cache as
 * they found it.
 *
 * Moves return 0 with *rec set, TT_END or < 0, as those of rec_iter.h. One
 * thread at a time.
 */
#ifndef LSM_SST_CURSOR_H
#define LSM_SST_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "lsm/block_reader.h"
#include "lsm/record.h"
#include "lsm/residency.h"

struct block_cache;
struct sst_direct;
struct sst_reader;

struct sst_cursor {
	struct sst_reader *table;  /* a reference; NULL: no table yet */
	struct block_cache *cache; /* to look for blocks in; kept; NULL: none */
	struct block_cache *lender; /* of the window; kept; NULL: none */
	unsigned flags;		    /* enum sst_iter_flag */

	struct block *block; /* referenced, or NULL */
	uint32_t block_no;   /* of `block` */
	uint32_t at;	     /* record in `block` */

	/* of a search that sst_cursor_prepare() began */
	uint32_t sought;   /* the block */
	unsigned progress; /* 0: none was begun */

	/* file bytes [window_off, window_off + window.len) */
	struct buf window;
	size_t borrowed; /* bytes, for it */
	uint64_t window_off;
	size_t next_window; /* bytes to read next time; 0: no window yet */
	uint32_t last_miss; /* the last block that was not in the cache */

	struct residency cached;   /* before compaction read the table */
	struct sst_direct *direct; /* owned, for who verifies; NULL: none yet */
};

void sst_cursor_init(struct sst_cursor *c, struct block_cache *cache,
		     unsigned flags);
/* Drops block, table and window. */
void sst_cursor_fini(struct sst_cursor *c);

/* Onto another table, without a position. Takes the reference. */
void sst_cursor_set_table(struct sst_cursor *c, struct sst_reader *table);

/* Changes the flags; what was read stays, unless it must be verified now. */
void sst_cursor_set_flags(struct sst_cursor *c, unsigned flags);

/* Gives back what is large: the window, and a block of more than `keep`
 * bytes. The position is lost. */
void sst_cursor_shrink(struct sst_cursor *c, size_t keep);

int sst_cursor_first(struct sst_cursor *c, struct record *rec);
int sst_cursor_last(struct sst_cursor *c, struct record *rec);
int sst_cursor_seek(struct sst_cursor *c, struct tt_slice key, int64_t ts,
		    struct record *rec);
int sst_cursor_seek_for_prev(struct sst_cursor *c, struct tt_slice key,
			     int64_t ts, struct record *rec);

/*
 * The steps of a search that wait for memory, to be taken one by one for
 * several cursors before the first of them searches (rec_iter.h): where in
 * the cache the block would be, the block itself, the record in it. None
 * reads from disk or fails. A search for the same (key, ts) comes next.
 */
void sst_cursor_prepare(struct sst_cursor *c, struct tt_slice key, int64_t ts,
			unsigned step);

/* Out of line: into the next block, and the one before. */
int sst_cursor_next_block(struct sst_cursor *c, struct record *rec);
int sst_cursor_prev_block(struct sst_cursor *c, struct record *rec);

/* Bytes of a block in front of the current record that are asked for: a
 * record is reached through its predecessor, so its bytes come late. */
#define SST_CURSOR_AHEAD 256

static ALWAYS_INLINE int sst_cursor_show(struct sst_cursor *c, uint32_t at,
					 struct record *rec)
{
	const uint8_t *p = block_at(c->block, at);

	c->at = at;
	__builtin_prefetch(p + SST_CURSOR_AHEAD);
	record_decode(p, rec);
	return 0;
}

static ALWAYS_INLINE int sst_cursor_next(struct sst_cursor *c,
					 struct record *rec)
{
	if (likely(c->at + 1 < c->block->n))
		return sst_cursor_show(c, c->at + 1, rec);
	return sst_cursor_next_block(c, rec);
}

static ALWAYS_INLINE int sst_cursor_prev(struct sst_cursor *c,
					 struct record *rec)
{
	if (likely(c->at > 0))
		return sst_cursor_show(c, c->at - 1, rec);
	return sst_cursor_prev_block(c, rec);
}

#endif
