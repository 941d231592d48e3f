/* SPDX-License-Identifier: MIT */
/*
 * Directories as rows: finding an entry.
 */
#ifndef TREE_DIR_H
#define TREE_DIR_H

#include "tree/inode_rec.h"

struct inode;
struct tree;

/*
 * The inode under `name`, with a reference and `lookups` lookups;
 * TT_NOTFOUND. The directory's lock is held in either way (or the namespace
 * exclusively), and it is alive.
 */
int dir_find(struct tree *t, uint64_t parent, struct tt_slice name,
	     uint64_t lookups, struct inode **out);

/*
 * Makes an inode decoded from its entry's row resident, with a reference and
 * `lookups` lookups; `gen` is the load generation noted before the row was
 * read. INODE_RETRY when the row must be read again.
 */
int dir_make_resident(struct tree *t, const struct inode_state *st,
		      uint64_t parent, struct tt_slice name, uint32_t gen,
		      uint64_t lookups, struct inode **out);

/* An entry's inode number and type bits, without making it resident. Asks
 * the newest state; the caller need not hold a lock. TT_NOTFOUND. */
int dir_peek(struct tree *t, uint64_t parent, struct tt_slice name,
	     uint64_t *ino, uint32_t *type);

/* What a D row says: inode number and mode (type bits only for links). */
int dir_row_decode(struct tt_slice row, uint64_t *ino, uint32_t *mode);

#endif
