/* SPDX-License-Identifier: MIT */
/*
 * The stored form of a batch: the payload of one log record, and what
 * replication will carry.
 *
 *	offset  size  meaning
 *	0       4     n_ops, le32: operations that follow, at least 1
 *	4       ...   operations, back to back, to the end of the payload
 *
 * An operation:
 *
 *	size    meaning
 *	1       kind: the record kind (record.h)
 *	varint  key length, 1 to TT_KEY_MAX
 *	n       key
 *	varint  value length (absent for a tombstone)
 *	m       value (absent for a tombstone); of a pointer to a separated
 *	        value, a struct value_ptr_stored (value_format.h); of a range
 *	        tombstone the key at which the range ends, or nothing
 *
 * Of several operations on one key the last counts; a batch with a merge record
 * has only one operation for its key. A range tombstone deletes what was there
 * before the batch, nothing of the batch itself, wherever it stands: see
 * batch_fold.h.
 */
#ifndef LSM_BATCH_FORMAT_H
#define LSM_BATCH_FORMAT_H

#include "base/le.h"

struct batch_header {
	le32 n_ops; /* 0 */
};
_Static_assert(sizeof(struct batch_header) == 4, "batch header layout");

/* Most bytes of an operation that are neither key nor value. */
#define BATCH_OP_OVERHEAD 16

#endif
