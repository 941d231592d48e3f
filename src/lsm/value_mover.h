/* SPDX-License-Identifier: MIT */
/*
 * Values on their way into tables. Those that are large go to a value file if
 * they are not in one: merge records were put together, or the threshold has
 * changed. Those in files that the collector wants to empty move to another:
 * the record stays what it was, key, timestamp and place, and only its
 * pointer leads elsewhere. So snapshots, iterators and versions need not know.
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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "lsm/record.h"
#include "lsm/value_format.h"

struct value_file;
struct value_log;
struct version_values;

struct value_mover {
	/* set in value_mover_init(), then constant */
	struct value_log *log;
	size_t separate_bytes;		     /* larger values are separated */
	const struct version_values *values; /* of the inputs' version; NULL:
					      * there is nothing to empty */

	struct value_file **used;
	size_t n_used, cap_used;
	struct buf value;
	struct value_ptr_stored pointer; /* of the record moved last */
};

/* Keeps the log and `values`, which may be NULL. */
void value_mover_init(struct value_mover *m, struct value_log *log,
		      size_t separate_bytes,
		      const struct version_values *values);
void value_mover_fini(struct value_mover *m);

/* Whether value_mover_take() may have something to do. */
static ALWAYS_INLINE bool value_mover_wants(const struct value_mover *m,
					    const struct record *rec)
{
	return rec->kind == RECORD_POINTER
		       ? m->values != NULL
		       : rec->kind == RECORD_VALUE &&
				 rec->value.len >= m->separate_bytes;
}

/*
 * Takes such a record: `*rec` points to the new place when its value was
 * moved; its slices live until the next call.
 */
int value_mover_take(struct value_mover *m, struct record *rec);

/* Makes durable what was moved. */
int value_mover_sync(struct value_mover *m);

#endif
