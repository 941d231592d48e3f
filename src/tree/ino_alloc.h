/* SPDX-License-Identifier: MIT */
/*
 * New inode numbers, never used twice: ranges are reserved in the S row "ino"
 * before the first number of a range is given out. What a crash leaves of a
 * range is skipped. Thread-safe.
 */
#ifndef TREE_INO_ALLOC_H
#define TREE_INO_ALLOC_H

#include <stdint.h>

#include "base/mutex.h"
#include "ttrunks.h"

struct ino_alloc {
	struct mutex mu; /* RANK_TREE; held across the reservation's write */
	/* guarded by mu */
	struct tt *db;
	uint64_t next;
	uint64_t end; /* numbers below are reserved */
};

/* `next`: the value of the S row. */
void ino_alloc_init(struct ino_alloc *a, struct tt *db, uint64_t next);
void ino_alloc_fini(struct ino_alloc *a);
int ino_alloc_next(struct ino_alloc *a, uint64_t *out);

#endif
