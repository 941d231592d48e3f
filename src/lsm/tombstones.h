/* SPDX-License-Identifier: MIT */
/*
 * Which tables are worth compacting for the tombstones in them, whatever the
 * sizes of the levels.
 *
 * A scan steps over every tombstone between two live keys. Of the tombstones
 * of a table each hides at most one key of older runs; so when the older
 * tables in its range hold R records, about R less the tombstones are still
 * live. If that is few, the tombstones stand close together and the table is
 * dense: compacted down, they and what they hide are gone for little
 * rewriting. If it is many, live keys stand between the tombstones, scans do
 * not notice them, and carrying them down early would rewrite far more than
 * it removes.
 *
 * In the oldest run there is nothing left to hide. Tombstones are there only
 * because somebody read at a time before them when they were merged; they are
 * dead as soon as nobody does.
 *
 * Plain arithmetic over descriptions.
 */
#ifndef LSM_TOMBSTONES_H
#define LSM_TOMBSTONES_H

#include <stdint.h>

struct run;

/* No table of a run. */
#define RUN_NONE UINT32_MAX

/*
 * Of the dense tables of `run` the one whose newest record is the oldest: if
 * any of them may be compacted, this one may. `older` are the `n_older` runs
 * behind it.
 */
uint32_t run_find_dense(const struct run *run, const struct run *older,
			uint32_t n_older);

/* The same of all tables that hold a tombstone. */
uint32_t run_find_dead(const struct run *run);

#endif
