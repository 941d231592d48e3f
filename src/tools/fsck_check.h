/* SPDX-License-Identifier: MIT */
/*
 * `ttrunks-fsck check`: is a store sound? Files first, one by one, without
 * the engine; then, if they are and nobody else has the store open, the tree
 * over the opened store. Memory: a description of each table, one block.
 */
#ifndef TOOLS_FSCK_CHECK_H
#define TOOLS_FSCK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct fsck_options {
	const char *store;
	bool json;    /* one object per line */
	bool quiet;   /* damage only */
	bool no_tree; /* do not open the store */
};

/* 0 sound, 1 damage was found and told, negative when it cannot be known. */
int fsck_check(const struct fsck_options *o);

#endif
