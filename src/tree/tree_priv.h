/* SPDX-License-Identifier: MIT */
/*
 * The tree's own struct, for the files of this folder. tree.h is the
 * interface; README.md has the lock order.
 */
#ifndef TREE_TREE_PRIV_H
#define TREE_TREE_PRIV_H

#include <stdatomic.h>

#include "base/counter.h"
#include "tree/counters.def"
#include "tree/dentry_cache.h"
#include "tree/ino_alloc.h"
#include "tree/inode.h"
#include "tree/ns_lock.h"
#include "tree/tree.h"

enum tree_counter { COUNTER_ENUM(TREE_COUNTERS) N_TREE_COUNTERS };

#define N_SPARE_BATCHES 8u
#define N_SPARE_LARGE 2u

struct sweeper;

struct tree {
	/* constant after tree_open() */
	struct tt *db;
	/* What is shown, of tree_open_past(); NULL: the present. It never
	 * changes: there is no sweeper, and txn_begin() refuses. */
	struct tt_snapshot *past;
	struct tt_read_options reads;  /* of that, for rows */
	struct tree_listener listener; /* set before the first operation */
	enum tree_atime file_atime, dir_atime; /* likewise */
	struct dentry_cache *names;
	struct sweeper *sweeper;
	struct counters *counters;
	uint64_t first_new_ino; /* inodes from here on were made since */
	struct tree_cred cred;	/* the daemon's: what keys make is its own */

	struct ns_lock ns;
	struct inode_table inodes;
	struct ino_alloc inos;
	/* Contents in memory of files without a row; added to and taken from
	 * by anybody, relaxed. */
	_Atomic uint64_t held_bytes;
	/* Empty batches for reuse, small ones and ones that have room for the
	 * largest write: exchanged with acq_rel by taker and giver. */
	struct tt_batch *_Atomic spare[N_SPARE_BATCHES];
	struct tt_batch *_Atomic spare_large[N_SPARE_LARGE];
};

static inline void tree_count(struct tree *t, enum tree_counter c, uint64_t n)
{
	counter_add(t->counters, c, n);
}

/* Wall-clock nanoseconds, for the times of inodes. */
int64_t tree_now_ns(void);

/* One state of the tree, to be read by several calls; given back by
 * tree_state_drop(), which accepts NULL. */
int tree_state_hold(struct tree *t, struct tt_snapshot **out);
void tree_state_drop(struct tree *t, struct tt_snapshot *state);

/* An empty batch, NULL without memory; and back. A large one has room, if one
 * was given back: new memory costs a page fault for each page. */
#define BATCH_LARGE (64u << 10)
struct tt_batch *tree_batch_take(struct tree *t, bool is_large);
void tree_batch_give(struct tree *t, struct tt_batch *b);

/* -EINVAL, -ENAMETOOLONG or 0 for a name to be created or removed. */
int tree_name_check(struct tt_slice name);

static inline bool name_is_dot(struct tt_slice n)
{
	return n.len == 1 && slice_bytes(n)[0] == '.';
}

static inline bool name_is_dot_dot(struct tt_slice n)
{
	return n.len == 2 && slice_bytes(n)[0] == '.' &&
	       slice_bytes(n)[1] == '.';
}

#endif
