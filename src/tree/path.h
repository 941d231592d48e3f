/* SPDX-License-Identifier: MIT */
/*
 * Keys of the port as paths: their components, and the way down to the
 * directory of the last one. Keys are well formed (tree_key_why_invalid()).
 */
#ifndef TREE_PATH_H
#define TREE_PATH_H

#include "tree/tree_txn.h"

/* TT_EKEY with the reason, or 0. */
int path_check(struct tt_slice key);

/* Takes the first component off *rest; *rest is what follows its slash. */
struct tt_slice path_next(struct tt_slice *rest);

/*
 * The directory that holds the key's last component, by number, as it is
 * now. Takes and releases locks. -ENOENT, -ENOTDIR.
 */
int path_find_parent(struct tree *t, struct tt_slice key, uint64_t *parent,
		     struct tt_slice *name);

#endif
