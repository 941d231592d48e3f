/* SPDX-License-Identifier: MIT */
/*
 * Entries and contents as rows of one state, without inodes in memory: what
 * GET, STAT and scans read.
 */
#ifndef TREE_VALUE_H
#define TREE_VALUE_H

#include "tree/inode_rec.h"

/* An inode found through an entry; end it with value_fini(). */
struct value {
	struct inode_state st;
	struct tt_slice tail; /* inline contents or target, in the pin */
	struct tt_pinned pin;
};

/* Looks up an entry as of `ro`. TT_NOTFOUND. */
int value_find(struct tt *db, const struct tt_read_options *ro, uint64_t parent,
	       struct tt_slice name, struct value *out);

/* The same from the entry's row at hand, which must outlive *out. */
int value_from_row(struct tt *db, const struct tt_read_options *ro,
		   uint64_t parent, struct tt_slice row, int64_t ts,
		   struct value *out);
void value_fini(struct value *v);

/* Whether all of it is in the rows at hand: no blocks to be read. */
static inline bool value_is_whole(const struct value *v)
{
	return v->st.n_blocks == 0;
}

/*
 * Gives contents (or a link's target) in pieces; `fn` ends it with a
 * non-zero return, which is returned. TT_ETOOBIG over `max`; -EISDIR, and
 * -EINVAL for what has no contents.
 */
int value_emit(struct tt *db, const struct tt_read_options *ro,
	       const struct value *v, uint64_t max,
	       int (*fn)(void *arg, struct tt_slice piece), void *arg);

#endif
