/* SPDX-License-Identifier: MIT */
/*
 * Contents of regular files inside a change: what tree_write(), truncation,
 * fallocate and SET have in common. The inode is locked.
 */
#ifndef TREE_FILE_H
#define TREE_FILE_H

#include "tree/tree_txn.h"

/* Puts `data` at `off`, inline or in blocks, and grows the size. Not times. */
int file_put(struct txn *tx, struct inode *in, uint64_t off,
	     struct tt_slice data);

/* Sets the size. *out_lazy: trims were left to sweep. -EAGAIN: see
 * block_clear(). */
int file_resize(struct txn *tx, struct inode *in, uint64_t size,
		bool *out_lazy);

/* Makes a range read as zeros; the size stays. As file_resize(). */
int file_zero(struct txn *tx, struct inode *in, uint64_t from, uint64_t to,
	      bool *out_lazy);

/* Clears setuid, and setgid where the group may execute. */
void state_kill_priv(struct inode_state *st);

/* 0, or why contents cannot be written: -EISDIR, -EINVAL, -ESTALE. */
int state_check_file(const struct inode_state *st);

#endif
