/* SPDX-License-Identifier: MIT */
/*
 * A cursor over tables whose key ranges follow each other (a level below the
 * first): tables are opened when a move reaches them, one at a time.
 * Versions of one key may lie in two neighbouring tables.
 */
#ifndef LSM_LEVEL_ITER_H
#define LSM_LEVEL_ITER_H

#include <stddef.h>

#include "lsm/rec_iter.h"

/* The tables, 0 to n - 1 in key order; what a slice shows must live as long
 * as the cursor. */
struct level_source {
	void *arg;
	size_t n;
	struct tt_slice (*min_key)(void *arg, size_t i);
	struct tt_slice (*max_key)(void *arg, size_t i);
	/* A cursor over table i; the level cursor frees it. */
	int (*open)(void *arg, size_t i, struct rec_iter **out);
	/* Called once when the cursor is freed; may be NULL. */
	void (*release)(void *arg);
};

/* Copies *src. On failure src->release is not called. */
int level_iter_new(const struct level_source *src, struct rec_iter **out);

#endif
