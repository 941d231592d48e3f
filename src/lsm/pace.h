/* SPDX-License-Identifier: MIT */
/*
 * The pace of background work: flush and compaction hold themselves back so
 * that what the store has to write spreads over the time there is for it,
 * instead of coming in bursts that reads and synced writes feel.
 *
 * There is no rate to set. How fast a compaction may be follows from what is
 * to be done before writers would have to be braked (room.h): when the flushes
 * that fit below that mark take t seconds at the present rate of writes, the
 * work outstanding is spread over a quarter of t. A store that nobody writes to
 * takes ten seconds for what is left. More work or faster writes make it
 * faster, at once; from halfway to the brake, for a compaction that somebody
 * waits for, and while closing, there is no limit. So pacing never lets debt
 * grow: what it puts off is always done before the brake would notice.
 *
 * A flush, too, may take half the time in which the active memtable fills up,
 * half a second at most.
 *
 * Callers are the writers of tables, now and then (sst_output.h).
 */
#ifndef LSM_PACE_H
#define LSM_PACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "lsm/db.h"

/* What a pace follows. */
struct pace_state {
	uint64_t n_l0, l0_trigger; /* runs */
	uint64_t debt_bytes;	   /* compaction_debt() */
	uint64_t debt_soft;	   /* where the brake begins */
	uint64_t work_bytes;	   /* compaction_work() */
	uint64_t flush_bytes;	   /* that a flush adds to level 0, … */
	uint64_t ingest;	   /* … bytes a second; both as debt is, with
				    * separated values */
};

/* Bytes a second for a compaction, 0: no limit. Plain arithmetic. */
uint64_t pace_compaction_rate(const struct pace_state *s);

/* sst_output_options.pace of a compaction and of a flush; `arg` is the struct
 * tt. */
void pace_compaction(void *arg, size_t bytes);
void pace_flush(void *arg, size_t bytes);

/* A memtable has filled up. */
void pace_note_switch_locked(struct tt *db, const struct memtable *m)
	REQUIRES(db->mu);

#endif
