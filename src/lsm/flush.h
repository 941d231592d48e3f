/* SPDX-License-Identifier: MIT */
/*
 * Flush: the oldest immutable memtable becomes a flush group of level 0. The
 * tables, and the place from which the log must be replayed now, enter the
 * manifest in one edit; then the log below that place is released.
 */
#ifndef LSM_FLUSH_H
#define LSM_FLUSH_H

#include <stdint.h>

#include "lsm/version_edit.h"

struct memtable;
struct value_mover;
struct tt;

/*
 * Writes a memtable as tables of level 0 into `edit` (initialized, empty),
 * without what nobody can see: older versions, and deletions of keys that no
 * table may hold. There may be nothing left. On failure no table is left.
 * `mover` (may be NULL: no value is separated) is finished by the caller once
 * the edit stands.
 */
int flush_memtable(struct tt *db, struct memtable *m, struct value_mover *mover,
		   struct version_edit *edit);

/*
 * Flushes the oldest immutable memtable and drops it from the superversion.
 * One thread at a time. TT_END when there is none.
 */
int flush_oldest(struct tt *db);

#endif
