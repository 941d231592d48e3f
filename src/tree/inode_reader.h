/* SPDX-License-Identifier: MIT */
/*
 * Looking at one inode: the namespace shared, the inode referenced and locked
 * shared. Everything that does not change the tree goes through here.
 */
#ifndef TREE_INODE_READER_H
#define TREE_INODE_READER_H

#include "tree/tree_priv.h"

struct inode_reader {
	struct tree *t;
	struct inode *in;
	unsigned ns_token;
};

/* -ESTALE when the inode is gone. On failure nothing is held. */
int inode_reader_begin(struct inode_reader *rd, struct tree *t, uint64_t ino);
void inode_reader_end(struct inode_reader *rd);

#endif
