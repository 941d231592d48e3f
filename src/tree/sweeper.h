/* SPDX-License-Identifier: MIT */
/*
 * The tree's background thread: removes the rows of orphans nobody holds any
 * more and the blocks that truncations left, in bounded batches, and writes
 * coalesced directory times once a second. What it has to do is in the O
 * rows, so a crash loses none of it; the queue in memory only saves looking
 * for it, is bounded, and overflows into a walk over the O rows. Thread-safe.
 */
#ifndef TREE_SWEEPER_H
#define TREE_SWEEPER_H

#include <stdint.h>

struct inode;
struct sweeper;
struct tree;

/* Starts the thread; its first work is a walk over all O rows. */
int sweeper_new(struct tree *t, struct sweeper **out);
/* Stops the thread after its present batch. What is left stays in the O
 * rows. NULL is fine. */
void sweeper_free(struct sweeper *s);

/* An orphan without users, or an inode with trims. Never blocks. */
void sweeper_add_orphan(struct sweeper *s, uint64_t ino);
/* A directory whose times_dirty has just been set; takes a reference. */
void sweeper_add_dirty(struct sweeper *s, struct inode *dir);

/* Writes every directory time that waits. No tree lock is held. */
int sweeper_write_times(struct sweeper *s);

/* Returns when everything queued so far has been done: for tests. */
void sweeper_drain(struct sweeper *s);

#endif
