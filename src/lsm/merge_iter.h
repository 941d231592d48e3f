/* SPDX-License-Identifier: MIT */
/*
 * The merge of several cursors into one, in internal order. Should two hold
 * the same (key, ts), both records come, in either order: they stem from one
 * write.
 */
#ifndef LSM_MERGE_ITER_H
#define LSM_MERGE_ITER_H

#include <stddef.h>

#include "lsm/rec_iter.h"

/*
 * Takes the `n` children (the array itself is copied); on failure they are
 * still the caller's. With one child, that child itself is returned.
 */
int merge_iter_new(struct rec_iter *const *children, size_t n,
		   struct rec_iter **out);

#endif
