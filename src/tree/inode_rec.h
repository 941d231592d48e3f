/* SPDX-License-Identifier: MIT */
/*
 * What the tree knows of one inode, as a plain struct, and its way to and
 * from a row (schema_format.h). Rows come from disk: decoding checks them
 * and answers TT_ECORRUPT. Thread-safe: no state of its own.
 */
#ifndef TREE_INODE_REC_H
#define TREE_INODE_REC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/slice.h"
#include "tree/schema_format.h"
#include "tree/tree.h"

/* Where an inode's row is. */
enum inode_home {
	HOME_NONE,   /* nowhere: deleted, or not yet committed */
	HOME_ENTRY,  /* in the D row (parent, name) */
	HOME_INODE,  /* in an I row */
	HOME_ORPHAN, /* in an O row */
	HOME_MEMORY, /* in no row: unlinked and in use, nothing to sweep */
};

/* See struct schema_range. */
struct inode_trim {
	uint64_t from, to;
	uint32_t gen;
};

/*
 * Invariants:
 * 1. nlink == 0 exactly when home is HOME_ORPHAN, HOME_MEMORY or HOME_NONE.
 * 2. is_inline implies n_blocks == 0, n_trims == 0 and
 *    tail_len <= min(size, SCHEMA_INLINE_MAX).
 * 3. A regular file is either inline or has n_blocks B rows.
 */
struct inode_state {
	uint64_t ino;
	uint64_t size;
	uint64_t n_blocks;
	uint64_t rdev;
	uint64_t parent; /* directories and HOME_ENTRY; 0 otherwise */
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
	int64_t version; /* timestamp of the row it came from */
	uint32_t mode, uid, gid, nlink;
	uint32_t gen;
	uint32_t n_xattrs;
	uint32_t tail_len; /* inline contents or symlink target, bytes */
	uint8_t home;	   /* enum inode_home */
	uint8_t block_shift;
	uint8_t n_trims;
	bool is_inline;
	struct inode_trim trims[SCHEMA_TRIMS_MAX];
};

#define INODE_REC_MAX                  \
	(sizeof(struct schema_inode) + \
	 SCHEMA_TRIMS_MAX * sizeof(struct schema_range))

/* Writes the row's part before the tail to `out` (INODE_REC_MAX bytes);
 * returns its length. */
size_t inode_rec_encode(const struct inode_state *st, uint8_t *out);

/*
 * Reads a row written at `ts`. `home` and, for HOME_ENTRY, `parent` are where
 * it was found. *tail (may be NULL) borrows from the row: contents, target
 * or, for a directory, its name. TT_ECORRUPT.
 */
int inode_rec_decode(struct tt_slice row, int64_t ts, enum inode_home home,
		     uint64_t parent, struct inode_state *out,
		     struct tt_slice *tail);

static inline bool state_is_dir(const struct inode_state *st)
{
	return S_ISDIR(st->mode);
}

static inline bool state_is_reg(const struct inode_state *st)
{
	return S_ISREG(st->mode);
}

static inline uint64_t state_block_bytes(const struct inode_state *st)
{
	return (uint64_t)1 << st->block_shift;
}

/* Blocks that `size` reaches into. */
static inline uint64_t state_n_slots(const struct inode_state *st)
{
	return (st->size + state_block_bytes(st) - 1) >> st->block_shift;
}

/* Whether a stored block of that generation counts as absent. */
bool state_is_garbage(const struct inode_state *st, uint64_t block,
		      uint32_t gen);

/* True when every block below the size is known to be stored. */
static inline bool state_is_dense(const struct inode_state *st)
{
	return st->n_trims == 0 && st->n_blocks == state_n_slots(st);
}

/* What the faces are shown. */
void state_attr(const struct inode_state *st, struct tree_attr *out);

/* Times, clamped to what 64 bits of nanoseconds can say. */
int64_t ns_from_timespec(const struct timespec *ts);
struct timespec ns_to_timespec(int64_t ns);

/* A D row that is no inode: 0 with the inode's number and type bits. */
int link_rec_decode(struct tt_slice row, uint64_t *ino, uint32_t *type);
void link_rec_encode(uint64_t ino, uint32_t mode, struct schema_link *out);
/* Whether a D row holds the inode itself. */
bool entry_row_is_inode(struct tt_slice row);

#endif
