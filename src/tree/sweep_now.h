/* SPDX-License-Identifier: MIT */
/*
 * One piece of the sweeper's work, done by the calling thread.
 */
#ifndef TREE_SWEEP_NOW_H
#define TREE_SWEEP_NOW_H

#include <stdint.h>

struct inode;
struct tree;

/* Removes the garbage blocks of a resident inode, in bounded batches, until
 * it has no trims of before. No tree lock is held. */
int sweep_trims_now(struct tree *t, uint64_t ino);

/* Removes every row of an orphan that is not resident, in bounded batches,
 * and its O row last. */
int sweep_orphan_now(struct tree *t, uint64_t ino);

/* Writes the times of a directory, if they wait. No tree lock is held. */
int sweep_times_now(struct tree *t, struct inode *dir);

#endif
