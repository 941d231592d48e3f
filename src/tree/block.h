/* SPDX-License-Identifier: MIT */
/*
 * Contents as blocks: reading them in place, writing them into a change,
 * removing ranges. The inode is locked by the caller throughout.
 */
#ifndef TREE_BLOCK_H
#define TREE_BLOCK_H

#include <sys/uio.h>

#include "tree/tree_txn.h"

/* Rows that are looked at one by one in one batch at most. */
#define BLOCK_SWEEP_MAX 512u
/* As many rows are deleted each by itself, more as a range. */
#define BLOCK_BLIND_MAX 16u
/* Zeros to show for holes: this many bytes. */
#define ZERO_BYTES 65536u
extern const uint8_t zero_bytes[ZERO_BYTES];

/* Pieces of a file in the engine's memory. */
struct block_view {
	struct iovec *iov;
	int n_iov;
	size_t total;
	/* private */
	struct tt_pinned *pins;
	size_t n_pins;
	struct iovec iov_inline[20];
	struct tt_pinned pins_inline[10];
};

/*
 * Pins [off, off + len) of the file `st` describes; the range lies below its
 * size. `tail` is the inline contents. With a snapshot, as of that. The view
 * stays valid after the inode's lock is gone; end it with
 * block_view_fini(), also after failures.
 */
int block_view_init(struct block_view *v, struct tt *db,
		    const struct tt_read_options *ro,
		    const struct inode_state *st, struct tt_slice tail,
		    uint64_t off, size_t len);
void block_view_fini(struct block_view *v);

/* What was in the file before, where a write keeps part of a block: inline
 * contents that are on their way into block 0. */
struct block_base {
	bool is_inline;
	struct tt_slice tail;
};

/* log2 of the block size for a file that gets its first blocks by a write of
 * `len` bytes. */
unsigned block_shift_for(size_t len);

/* Writes `data` at `off` into the change's blocks; st is txn_edit()'s. */
int block_write(struct txn *tx, struct inode_state *st,
		const struct block_base *base, uint64_t off,
		struct tt_slice data);

/* Adds the deletion of blocks from..to-1, there or not; `to` UINT64_MAX: of
 * all from there. Costs little, however many there are. */
int block_delete(struct tt_batch *b, uint64_t ino, uint64_t from, uint64_t to);

/* All blocks of an inode. */
int block_delete_all(struct tt_batch *b, const struct inode_state *st);

/*
 * Makes [from, to) bytes read as zeros; `to` UINT64_MAX: to the end. Blocks
 * are removed by the change itself; but many of a file with holes, of which
 * nobody knows how many there are, become a trim, for the sweeper to remove.
 * *out_lazy tells. -EAGAIN when the trims are all in use: sweep, and try
 * again.
 */
int block_clear(struct txn *tx, struct inode_state *st, uint64_t from,
		uint64_t to, bool *out_lazy);

/*
 * Adds deletions of up to `max` B rows of `ino`, blocks *from..to-1, to the
 * batch; with `st`, only of its garbage. *n counts them. 1 when the range is
 * done; 0 when more may remain, *from being where to go on.
 */
int block_sweep(struct tt *db, struct tt_batch *batch, uint64_t ino,
		uint64_t *from, uint64_t to, const struct inode_state *st,
		size_t max, size_t *n);

/* One B row taken apart; TT_ECORRUPT. */
int block_decode(struct tt_slice row, const struct inode_state *st,
		 uint32_t *gen, struct tt_slice *bytes);

/* The inode's extended attributes, as block_sweep() for blocks. */
int xattr_sweep(struct tt *db, struct tt_batch *batch, uint64_t ino, size_t max,
		size_t *n);

#endif
