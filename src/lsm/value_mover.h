/* SPDX-License-Identifier: MIT */
/*
 * Moving values out of files that the collector wants to empty, as tables are
 * rewritten: the record stays what it was, key, timestamp and place, and only
 * its pointer leads elsewhere. So snapshots, iterators and versions need not
 * know.
 *
 * A value that cannot be read stays where it is, and its file is given up as
 * a victim: the damage is for readers to hear of, and ends neither compaction
 * nor collection.
 *
 * One thread at a time. The files moved to are in use until the mover is
 * finished: do that after the edit is applied.
 */
#ifndef LSM_VALUE_MOVER_H
#define LSM_VALUE_MOVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "lsm/record.h"
#include "lsm/value_format.h"

struct value_file;
struct value_log;
struct version_values;

struct value_mover {
	/* set in value_mover_init(), then constant */
	struct value_log *log;
	const struct version_values *values; /* of the inputs' version */

	struct value_file **used;
	size_t n_used, cap_used;
	struct buf value;
	struct value_ptr_stored pointer; /* of the record moved last */
	uint64_t n_moved, bytes_moved;
};

/* Keeps both; `values` may be NULL: nothing is moved. */
void value_mover_init(struct value_mover *m, struct value_log *log,
		      const struct version_values *values);
void value_mover_fini(struct value_mover *m);

/*
 * Takes a record of kind RECORD_POINTER: `*rec` points to the new place when
 * its value was moved; its slices live until the next call.
 */
int value_mover_take(struct value_mover *m, struct record *rec);

/* Makes durable what was moved. */
int value_mover_sync(struct value_mover *m);

#endif
