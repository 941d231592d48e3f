/* SPDX-License-Identifier: MIT */
/*
 * A version: which tables make up the store at one moment. Immutable once
 * built; readers hold a reference and never see a change.
 *
 * Tables are arranged in runs. A run is a sequence of tables whose key ranges
 * follow each other without touching: no key is in two tables of one run, all
 * versions of a key lie in one table. Level 0 has one run per flush (a
 * flush group), newest first; each level below is one run. For a key,
 * everything in an earlier run is newer than everything in a later one.
 *
 * References to versions and tables are counted with atomics. A table whose
 * last reference goes is handed to gc.h, which closes it and removes its
 * file if some durable manifest record dropped it.
 */
#ifndef LSM_VERSION_H
#define LSM_VERSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "lsm/table_cache.h"

#define N_LEVELS 7
#define LAST_LEVEL (N_LEVELS - 1)

struct gc;
struct version;

/* What the manifest knows of a table. Slices as long as their source says. */
struct table_desc {
	uint64_t file_no;
	uint64_t file_bytes;
	uint64_t n_records;
	uint64_t n_tombstones;
	uint64_t raw_bytes;
	int64_t min_ts, max_ts;
	struct tt_slice min_key, max_key;
	uint64_t group; /* flush group: rises with every flush */
	unsigned level;
};

/* A table in use. */
struct table {
	/* set at birth, then constant; keys lie behind the struct */
	struct table_desc desc; /* level and group: where it was born */
	struct gc *gc;

	struct table_slot slot; /* see table_cache.h */
	_Atomic uint32_t refs;
	/* Set with release by the version set once a durable manifest record
	 * says so, read with acquire by gc: the file may be removed. */
	_Atomic bool is_dropped;

	struct list_node gc_link; /* owned by gc once refs is 0 */
};

/* A table with one reference. Copies the keys. 0 or -ENOMEM. */
int table_new(struct gc *gc, const struct table_desc *desc, struct table **out);
struct table *table_ref(struct table *t);
void table_unref(struct table *t);
/* Frees the memory: gc.c only. */
void table_free(struct table *t);

struct run {
	struct table **tables; /* each with a reference */
	/*
	 * The first eight bytes of each table's max key behind the `skip`
	 * bytes that all keys of the run share, big-endian as a number: one
	 * cache line holds eight of them.
	 */
	uint64_t *max_prefix;
	uint32_t n;
	uint32_t skip;
	uint64_t bytes;
	uint64_t group; /* level 0: the flush group */
	unsigned level;
	/* Tables worth compacting for their tombstones, RUN_NONE when there
	 * are none: tombstones.h. `dead` is of the oldest run alone. */
	uint32_t dense;
	uint32_t dead;
};

struct version {
	_Atomic uint32_t refs;
	/* Runs in the order in which a read asks them; none is empty. */
	uint32_t n_runs;
	uint32_t n_l0; /* the first so many are level 0 */
	struct run *runs;
	/* sums */
	uint64_t level_bytes[N_LEVELS];
	uint64_t level_tables[N_LEVELS];
	uint64_t n_tables;
	uint64_t n_tombstones;
	uint64_t bytes;
	bool has_dense; /* a run has a dense or a dead table */
};

struct version *version_ref(struct version *v);
/* NULL does nothing. */
void version_unref(struct version *v);

/* The run of a level below 0, NULL when that is empty. */
const struct run *version_level(const struct version *v, unsigned level);

/*
 * The table of the run that may hold `key`: the first whose max key is not
 * below it. run->n when there is none. Does not compare with min keys.
 */
uint32_t run_find(const struct run *run, struct tt_slice key);

/* The table whose range of keys has `key` in it, NULL when none has. */
struct table *run_table(const struct run *run, struct tt_slice key);

/* The tables [*from, *to) that overlap [lo, hi], both included. */
void run_overlap(const struct run *run, struct tt_slice lo, struct tt_slice hi,
		 uint32_t *from, uint32_t *to);

/* ---- building --------------------------------------------------------- */

/*
 * Collects tables and sorts them into a version. Tables of a level that
 * overlap (level 0: within one group) are a damaged manifest: TT_ECORRUPT.
 */
struct version_builder {
	struct table **tables; /* each with a reference */
	struct builder_place *places;
	size_t n, cap;
};

void version_builder_init(struct version_builder *b);
void version_builder_fini(struct version_builder *b);
/* Adds all tables of a version. */
int version_builder_add_version(struct version_builder *b,
				const struct version *v);
/* Adds a table (takes a reference of its own). */
int version_builder_add(struct version_builder *b, struct table *t,
			unsigned level, uint64_t group);
/* Finds and removes; the table without a reference, NULL when not there. The
 * builder's reference moves to the caller. */
struct table *version_builder_remove(struct version_builder *b,
				     uint64_t file_no);
/* Builds; the builder is empty afterwards. */
int version_builder_finish(struct version_builder *b, struct version **out);

#endif
