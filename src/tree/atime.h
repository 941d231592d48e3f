/* SPDX-License-Identifier: MIT */
/*
 * Access times, where reading is to change them (tree_set_atime()). They are
 * written at once and alone; a failure to do so fails no read. Thread-safe.
 */
#ifndef TREE_ATIME_H
#define TREE_ATIME_H

#include "tree/tree_priv.h"

/* Whether a read of that inode is to change its access time. */
bool atime_is_due(const struct tree *t, const struct inode_state *st);

/* Makes it now; no lock is held. */
void atime_touch(struct tree *t, uint64_t ino);

/* Both, of a directory that is about to be listed. */
void atime_touch_dir(struct tree *t, uint64_t ino);

#endif
