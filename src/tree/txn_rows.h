/* SPDX-License-Identifier: MIT */
/*
 * From the final states of a change to the rows of its batch, and the way
 * from an inode to its row. Internal to the txn and to readers of contents.
 */
#ifndef TREE_TXN_ROWS_H
#define TREE_TXN_ROWS_H

#include "tree/inode_rec.h"
#include "tree/schema_key.h"

struct inode;
struct tree;
struct txn;

/* Adds every row the change makes or removes to tx->batch. */
int txn_rows_add(struct txn *tx);

/* The key of the row that holds the inode, as published; locked. */
struct tt_slice inode_row_key(const struct inode *in, struct schema_key *k);

/*
 * Pins the inode's row and finds its tail in it: inline contents or target.
 * Nothing is pinned when there is none. The inode is locked.
 */
int inode_tail_pin(struct tree *t, struct inode *in, struct tt_slice *tail,
		   struct tt_pinned *pin);

#endif
