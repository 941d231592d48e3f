/* SPDX-License-Identifier: MIT */
/*
 * What to compact next: policy only, no I/O.
 *
 * Leveled compaction with dynamic level sizes (Dong et al., "Optimizing Space
 * Amplification in RocksDB", CIDR 2017, section 3.2): the last level is as
 * large as it is, each level above it a level_ratio-th, up to a base level
 * that is about as large as level 0 may grow; the levels between stay empty
 * and level 0 is compacted straight into the base level. So the space that
 * overwritten data takes is bounded by about 1/ratio of the store.
 *
 * The level most over its size goes first, level 0 by its number of runs and
 * its bytes. From level 0 the oldest runs are taken together, in bounded
 * pieces (compact_level0.h); from another level the table that costs the
 * least rewriting below, among some that follow the place of the last
 * compaction. Tables that overlap nothing where they go are moved, not
 * rewritten.
 *
 * Tombstones. A table whose tombstones lie dense (tombstones.h) goes down
 * before its level is over its size, unless another level is twice over.
 * Tombstones that a snapshot has kept alive in the last level are removed
 * there once it is gone, when nothing else is to be done. Either waits until
 * nobody reads at a time before the table's newest record: what it was picked
 * for is certain to be removed, and no table is rewritten twice for it. Tables
 * whose range tombstones cover much go down when no level is over its size.
 *
 * Old versions. A table with such as nobody needs any more is rewritten where
 * it is, when nothing else is to be done and it is worth it (old_versions.h).
 * These and tombstones become due as time passes, without anything happening:
 * compaction_wakes_at() says when.
 *
 * Rest. Who loads a store and then reads it would look into all runs of level
 * 0 for as long as nobody writes. So a store at rest merges them early, once
 * level 0 is half of what it may be and little lies below: what is written
 * for that is bounded by half as much again as level 0, and would mostly be
 * written anyway as soon as writing goes on.
 *
 * The space a compaction takes beside its inputs is bounded: pieces of level
 * 0 by about level_ratio tables; between levels INPUT_TABLES tables and what
 * they overlap below, for each about level_ratio.
 *
 * One thread at a time uses a picker.
 */
#ifndef LSM_COMPACT_PICK_H
#define LSM_COMPACT_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "lsm/compact_ranges.h"
#include "lsm/version.h"

struct db_config;
struct version_edit;

struct picker {
	/* constant */
	uint64_t base_bytes; /* what level 0 may grow to */
	uint64_t table_bytes;
	unsigned level_ratio;
	unsigned l0_trigger;  /* runs */
	bool is_bottom_dense; /* the last level has a codec of its own: tables
			       * are rewritten to get there */
	uint64_t piece_bytes; /* what a piece of level 0 aims at */
	/* where the last compaction of each level ended; in level 0 the first
	 * key that it left out */
	struct buf after[N_LEVELS];
	struct range_watch ranges; /* see compact_ranges.h */
};

void picker_init(struct picker *p, const struct db_config *c);
void picker_fini(struct picker *p);

/* The sizes that the levels of a version should have. */
struct level_targets {
	unsigned base; /* the levels above it should be empty */
	/* Level 0 compacts into this one: the base, or a level above it as long
	 * as that is not empty yet. Newer data may not pass older data. */
	unsigned l0_out;
	uint64_t bytes[N_LEVELS];
};
void level_targets(const struct picker *p, const struct version *v,
		   struct level_targets *out);

/*
 * How many bytes compaction is behind: what level 0 holds over its trigger
 * and the levels over their sizes. Back-pressure follows it.
 */
uint64_t compaction_debt(const struct picker *p, const struct version *v);

/* About how many bytes it will rewrite until nothing is due. */
uint64_t compaction_work(const struct picker *p, const struct version *v);

/* How far back somebody reads. */
struct past {
	int64_t oldest; /* nobody reads at a time before it */
	int64_t window; /* where the window of history begins; not earlier */
};

/* True when compact_pick_next() would find something. Any thread. */
bool compaction_is_due(const struct picker *p, const struct version *v,
		       struct past past);

/*
 * The earliest past.window at which that will be so because time has passed,
 * if it is not now: TS_NEWEST when it will not. What waits for the snapshot of
 * `oldest_snapshot` (TS_NEWEST: there is none) to go does not count. Any
 * thread.
 */
int64_t compaction_wakes_at(const struct picker *p, const struct version *v,
			    int64_t oldest_snapshot);

/* Neighbouring tables of a run. */
struct run_part {
	const struct run *run; /* of the pick's version */
	uint32_t from, to;     /* tables [from, to) */
};

struct compact_pick {
	struct version *version; /* a reference */
	unsigned level;		 /* where the upper inputs are */
	unsigned out_level;
	/*
	 * Inputs in the order of reads: newer data first. The last part may
	 * be of the out level; all others are of `level`. Both are the same
	 * when tables are rewritten where they are.
	 */
	struct run_part *parts;
	size_t n_parts;
	uint64_t bytes; /* of all inputs */
	uint64_t group; /* out_level 0: of the outputs */
	bool is_move;	/* the tables change level as they are */
};

void compact_pick_fini(struct compact_pick *pick);

/* 1 with *out set (finish it) when something is to be done, 0 when not, or
 * -ENOMEM. */
int compact_pick_next(struct picker *p, struct version *v, struct past past,
		      struct compact_pick *out);

/* For a store that comes to rest: whether to merge the runs of level 0. */
bool compaction_at_rest_is_due(const struct picker *p, const struct version *v);

/* Once that was so, until level 0 is one run, when nothing else is due: its
 * next piece. 1, 0, or < 0. */
int compact_pick_at_rest(struct picker *p, struct version *v,
			 struct compact_pick *out);

/*
 * For tt_compact(): the tables of [lower, upper] (an empty upper key is
 * unbounded) in the highest level, level 0 included, that has any and is not
 * the last. A bounded piece at a time: call it until it returns 0.
 */
int compact_pick_range(struct picker *p, struct version *v,
		       struct tt_slice lower, struct tt_slice upper,
		       struct compact_pick *out);

/*
 * The same for old versions in the last level that nobody needs any more,
 * however few of a table they are, once the levels above have nothing left. A
 * bounded piece at a time as well.
 */
int compact_pick_old_range(struct version *v, struct tt_slice lower,
			   struct tt_slice upper, struct past past,
			   struct compact_pick *out);

/*
 * For the collector of values: table `i` of `run`, to be rewritten where it
 * is. 1 with *out set, or -ENOMEM.
 */
int compact_pick_table(struct version *v, const struct run *run, uint32_t i,
		       struct compact_pick *out);

/* The edit of a pick that is a move. */
int compact_pick_move(const struct compact_pick *pick,
		      struct version_edit *edit);
/* Drops all inputs in the edit: half of a pick that is not. */
int compact_pick_drop(const struct compact_pick *pick,
		      struct version_edit *edit);

#endif
