/* SPDX-License-Identifier: MIT */
/*
 * Contents of inodes whose last name has gone while they are in use, kept in
 * memory: such an inode needs no row, as nobody would find it again after a
 * crash. Readers pin them, so they are counted and never change. All of a
 * tree's are bounded by HELD_MAX bytes.
 */
#ifndef TREE_HELD_H
#define TREE_HELD_H

#include "tree/tree_priv.h"

#define HELD_MAX ((uint64_t)4 << 20)

struct held;

/* A copy with one reference. 0; 1 when there is no room; or -ENOMEM. */
int held_new(struct tree *t, struct tt_slice bytes, struct held **out);
/* Drops a reference. NULL is fine. */
void held_unref(struct held *h);
/* The bytes, until tt_unpin(). */
void held_pin(struct held *h, struct tt_pinned *pin);

#endif
