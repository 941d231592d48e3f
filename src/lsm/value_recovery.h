/* SPDX-License-Identifier: MIT */
/*
 * What a start has to know about separated values.
 *
 * After a power cut a log record may be there while a value that it points to
 * is not: both were on their way to the disk, in no order. Up to where the
 * log says that it was durable, so were the values. Behind that, in files
 * that are not sealed, each value is read and verified before its record is
 * replayed; the first that does not verify ends the log, as a torn record
 * does, so that what comes back is a prefix of the history. How much must be
 * read so is bounded by the sync interval and the size of a few value files.
 */
#ifndef LSM_VALUE_RECOVERY_H
#define LSM_VALUE_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "lsm/value_disk.h"

struct tt;

struct value_recovery {
	struct tt *db;
	bool verifies;	  /* there is something that may be lost */
	uint64_t durable; /* values of records below are there */
	uint64_t n_verified;
	struct value_disk disk; /* not what the page cache has of it */
};

/* Opens the unsealed files and looks through the log in `wal_dir` for how far
 * it was durable. On failure too, value_recovery_end() it. */
int value_recovery_begin(struct value_recovery *v, struct tt *db,
			 const char *wal_dir);

/* For the record at `lsn`: 0 when all its values are there, TT_END when the
 * log ends before it. */
int value_recovery_check(struct value_recovery *v, uint64_t lsn,
			 struct tt_slice payload);

void value_recovery_end(struct value_recovery *v);

#endif
