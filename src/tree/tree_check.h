/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of tree_check() share. tree_check.c walks entries and
 * inodes side by side; check_counts.c counts rows per inode.
 */
#ifndef TREE_TREE_CHECK_H
#define TREE_TREE_CHECK_H

#include "base/compiler.h"
#include "tree/inode_rec.h"
#include "tree/schema_key.h"

struct checker {
	struct tt *db;
	struct tt_snapshot *snap;
	void (*fn)(void *arg, const char *text);
	void *arg;
	int n_wrong;
};

/* Reports one violation. */
void check_wrong(struct checker *c, const char *fmt, ...) PRINTF_FMT(2, 3);

/* An iterator over all rows of a kind. */
int check_iter(struct checker *c, enum schema_kind kind, struct tt_iter **out);

/*
 * Blocks, attributes and names, counted per inode and compared with what the
 * inodes say. Memory is a table of fixed size: where there are more inodes
 * with such rows than it holds, it goes over the inodes several times.
 */
int check_counts(struct checker *c);

#endif
