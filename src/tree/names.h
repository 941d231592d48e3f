/* SPDX-License-Identifier: MIT */
/*
 * Steps that namei.c, rename.c and the key operations share, inside a change
 * whose inodes are locked.
 */
#ifndef TREE_NAMES_H
#define TREE_NAMES_H

#include "tree/tree_txn.h"

/* 0 when `dir` can hold entries: -ENOTDIR, or -ENOENT when it was removed. */
int names_check_dir(struct txn *tx, struct inode *dir);

/*
 * Finds `name` in `dir` and locks both, and `also` (may be NULL): looks,
 * locks in order, and looks again until nothing changed in between. *out is
 * NULL when there is no such entry; 0 or < 0.
 */
int names_lock_entry(struct txn *tx, struct inode *dir, struct tt_slice name,
		     struct inode *also, struct inode **out);

/* The entry as it is now; nothing stays locked. *out is NULL when there is
 * none. */
int names_look(struct txn *tx, struct inode *dir, struct tt_slice name,
	       struct inode **out);

/* What a new inode is to be. */
struct new_inode {
	const struct tree_cred *cred;
	uint32_t mode;
	uint64_t rdev;
	struct tt_slice target; /* symlinks */
	uint64_t lookups;
	bool no_acl; /* its attributes will be another's, and `mode` is right */
};

/* Makes an inode under `name`, which is free, in `dir`. */
int names_make(struct txn *tx, struct inode *dir, struct tt_slice name,
	       const struct new_inode *ni, struct inode **out);

/* Gives the new inode `to` the extended attributes of `from`. */
int names_copy_xattrs(struct txn *tx, struct inode *from, struct inode *to);

/*
 * Takes one name from `in`; the entry itself is the caller's to change. With
 * the last one it becomes an orphan while it is looked up or big, and is
 * deleted otherwise.
 */
int names_drop_link(struct txn *tx, struct inode *in);

/* Takes an empty directory from its parent: entry, links and times. */
int names_drop_dir(struct txn *tx, struct inode *parent, struct tt_slice name,
		   struct inode *dir);

/*
 * Takes a directory from its parent with all it holds: it becomes an orphan,
 * and the sweeper takes it apart. Tell it after the commit.
 */
int names_detach_dir(struct txn *tx, struct inode *parent, struct tt_slice name,
		     struct inode *dir);

/* 0, -ENOTDIR or -ENOTEMPTY as rmdir wants it. */
int names_check_empty(struct txn *tx, struct inode *dir);

#endif
