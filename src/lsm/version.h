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
 * A version is made of the one before it: runs that did not change are shared,
 * so that the work follows the change and not the size of the store.
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

#include "base/hmap.h"
#include "base/list.h"
#include "base/slice.h"
#include "lsm/record.h"
#include "lsm/table_cache.h"
#include "lsm/value_refs.h"

#define N_LEVELS 7
#define LAST_LEVEL (N_LEVELS - 1)

struct gc;
struct version;
struct version_values;

/*
 * What of a table is there for readers of the past alone: records that others
 * of the same table hide or take in.
 */
struct old_versions {
	uint64_t n;
	uint64_t bytes; /* about; with the values that they point to */
	int64_t until;	/* who reads at this time or later needs none of them */
};

/* What the manifest knows of a table. Slices as long as their source says. */
struct table_desc {
	uint64_t file_no;
	uint64_t file_bytes;
	uint64_t n_records;
	uint64_t n_tombstones;
	uint64_t raw_bytes;
	int64_t min_ts, max_ts;
	/* What the table has lies between these, its range tombstones too. Both
	 * are included, the second one unless max_is_open; KEY_LARGEST where a
	 * range has no end. */
	struct tt_slice min_key, max_key;
	bool max_is_open;
	uint64_t n_ranges; /* range tombstones, records of them */
	uint64_t group;	   /* flush group: rises with every flush */
	unsigned level;
	/* The value files that its pointers name, rising, and the sum. */
	const struct value_ref *values;
	uint32_t n_values;
	uint64_t value_bytes;
	struct old_versions old; /* known ones */
};

/* What a table weighs where the sizes of levels count: with the values that
 * it keeps alive. */
static inline uint64_t table_weight(const struct table_desc *d)
{
	return d->file_bytes + d->value_bytes;
}

/* A table in use. */
struct table {
	/* set at birth, then constant; values and keys lie behind it */
	struct table_desc desc; /* level and group: where it was born */
	struct gc *gc;

	struct table_slot slot; /* see table_cache.h */
	_Atomic uint32_t refs;
	/* Set with release by the version set once a durable manifest record
	 * says so, read with acquire by gc: the file may be removed. */
	_Atomic bool is_dropped;
	/* About how many bytes below its range tombstones cover. Stored by the
	 * compaction task, loaded by anybody, relaxed: an estimate. */
	_Atomic uint64_t covered_bytes;

	struct list_node gc_link; /* owned by gc once refs is 0 */

	/* guarded by the version set's lock: where the table is in the current
	 * version */
	struct hmap_node by_no;
	uint64_t now_group;
	unsigned now_level;
	bool is_moving; /* within one edit */
};

/* A table with one reference. Copies the slices. 0 or -ENOMEM. */
int table_new(struct gc *gc, const struct table_desc *desc, struct table **out);
struct table *table_ref(struct table *t);
void table_unref(struct table *t);
/* Frees the memory: gc.c only. */
void table_free(struct table *t);

struct run_body;

struct run {
	struct run_body *body; /* owns the arrays; shared by versions */
	struct table **tables; /* each with a reference */
	/*
	 * The first eight bytes of each table's max key behind the `skip`
	 * bytes that all keys of the run share, big-endian as a number: one
	 * cache line holds eight of them.
	 */
	uint64_t *max_prefix;
	uint32_t n;
	uint32_t skip;
	uint32_t n_ranged; /* tables with range tombstones */
	uint64_t bytes;
	uint64_t weight; /* table_weight() of all */
	uint64_t n_records;
	uint64_t n_tombstones;
	uint64_t n_ranges;	/* range tombstones */
	uint64_t n_old;		/* known old versions */
	uint64_t newest_ranged; /* the largest number of a table with such … */
	uint64_t newest_no;	/* … and of any */
	uint64_t group;		/* level 0: the flush group */
	unsigned level;
	/* Tables worth compacting for their tombstones, RUN_NONE when there
	 * are none: tombstones.h. `dead` counts in the oldest run alone. */
	uint32_t dense;
	uint32_t dead;
	uint32_t old; /* the same for its old versions: old_versions.h */
};

struct version {
	_Atomic uint32_t refs;
	/* Runs in the order in which a read asks them; none is empty. */
	uint32_t n_runs;
	uint32_t n_l0; /* the first so many are level 0 */
	struct run *runs;
	/* sums */
	uint64_t level_bytes[N_LEVELS];
	uint64_t level_weight[N_LEVELS];
	uint64_t level_tables[N_LEVELS];
	uint64_t n_tables;
	uint64_t n_records;
	uint64_t n_tombstones;
	uint64_t n_ranged;	/* tables with range tombstones */
	uint64_t n_ranges;	/* range tombstones in them */
	uint64_t n_old;		/* known old versions in tables */
	uint64_t newest_ranged; /* the largest file number of such a table … */
	uint64_t newest_no;	/* … and of any */
	uint64_t bytes;
	/* Tables of these wait for somebody to read as of the past no more: as
	 * of this time at the earliest. TS_NEWEST: none waits. */
	int64_t waits_for;
	/* A read as of this timestamp or a later one misses nothing that has
	 * been dropped; TS_OLDEST: nothing has. Set before it is shared. */
	int64_t complete_from;
	/* Set before it is shared; a reference, NULL: no value files. */
	struct version_values *values;
};

struct version *version_ref(struct version *v);
/* NULL does nothing. */
void version_unref(struct version *v);

/* The run of a level below 0, NULL when that is empty. */
const struct run *version_level(const struct version *v, unsigned level);

/* True when all that the table may have lies before `key`. */
static inline bool table_ends_before(const struct table_desc *d,
				     struct tt_slice key)
{
	int c = key_cmp(d->max_key, key);

	return c < 0 || (c == 0 && d->max_is_open);
}

/*
 * The table of the run that may hold `key`: the first that does not end before
 * it. run->n when there is none. Does not compare with min keys.
 */
uint32_t run_find(const struct run *run, struct tt_slice key);

/* The table whose range of keys has `key` in it, NULL when none has. */
struct table *run_table(const struct run *run, struct tt_slice key);

/* The tables [*from, *to) that overlap [lo, hi], both included. */
void run_overlap(const struct run *run, struct tt_slice lo, struct tt_slice hi,
		 uint32_t *from, uint32_t *to);

/* The tables [*from, *to) that overlap [lo, hi), without an end when `hi` is
 * empty. */
void run_overlap_range(const struct run *run, struct tt_slice lo,
		       struct tt_slice hi, uint32_t *from, uint32_t *to);

/* True when some table's range of keys takes in `key`: without it no table
 * knows the key. */
bool version_may_hold(const struct version *v, struct tt_slice key);

/* ---- building --------------------------------------------------------- */

/* A table at its place; the group counts in level 0 alone. */
struct table_place {
	struct table *t;
	uint64_t group;
	unsigned level;
};

/*
 * The version that comes after `base`: without the tables `out`, which it has
 * at these places, with the tables `in`. A table in both changes its place.
 * Sorts both lists. Tables of a level that overlap (level 0: within one group)
 * are a damaged manifest: TT_ECORRUPT.
 */
int version_next(const struct version *base, struct table_place *out,
		 size_t n_out, struct table_place *in, size_t n_in,
		 struct version **next);

/* A version without tables; NULL when memory is out. */
struct version *version_new(void);

/* Collects tables and sorts them into a version: for who begins with none. */
struct version_builder {
	struct table_place *places; /* each with a reference to its table */
	size_t n, cap;
	struct hmap by_no; /* builder_entry, of every place */
};

void version_builder_init(struct version_builder *b);
void version_builder_fini(struct version_builder *b);
/* Adds all tables of a version. */
int version_builder_add_version(struct version_builder *b,
				const struct version *v);
/* Adds a table (takes a reference of its own) whose number is new here. */
int version_builder_add(struct version_builder *b, struct table *t,
			unsigned level, uint64_t group);
/* True when a table of this number was added. */
bool version_builder_has(const struct version_builder *b, uint64_t file_no);
/* Finds and removes, in constant time; the table without a reference, NULL when not there. The
 * builder's reference moves to the caller. */
struct table *version_builder_remove(struct version_builder *b,
				     uint64_t file_no);
/* Builds, with nothing dropped; the builder is empty afterwards. TT_ECORRUPT as
 * version_next(). */
int version_builder_finish(struct version_builder *b, struct version **out);

#endif
