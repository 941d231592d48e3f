/* SPDX-License-Identifier: MIT */
/*
 * What range tombstones let compaction do without reading records: drop tables
 * below of which every record is deleted, and know which tables are worth a
 * compaction because their range tombstones cover much.
 *
 * A table with range tombstones is looked at once when it is new, and with all
 * others after as many new tables as there are such; so looking costs a
 * constant amount per table written.
 *
 * Owned by the compaction task, but for what is atomic.
 */
#ifndef LSM_COMPACT_RANGES_H
#define LSM_COMPACT_RANGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct retained_times;
struct table_cache;
struct version;
struct version_edit;

struct range_watch {
	/* Stored by the compaction task, loaded by anybody, relaxed: they say
	 * only that something may be due. */
	_Atomic uint64_t seen; /* tables up to this number were looked at */
	_Atomic bool has_wide; /* one of them is worth a compaction */
	/* Tables could be dropped if nobody read at a time before; 0: none
	 * could. */
	_Atomic int64_t held_until;
	/* owned by the compaction task */
	uint64_t all_seen_at; /* the newest table when all were looked at */
	bool sees_all;	      /* a look at all is not yet done */
};

/* Tables wait until nobody reads at a time before this one; 0: none does. */
static inline int64_t range_watch_held_until(const struct range_watch *w)
{
	return atomic_load_explicit(&w->held_until, memory_order_relaxed);
}

/* True when a look, or a compaction of what it found, may be due. `oldest`:
 * nobody reads at a time before it; of use only if tables are held. */
static inline bool range_watch_is_due(const struct range_watch *w,
				      uint64_t newest_ranged, int64_t oldest)
{
	int64_t until =
		atomic_load_explicit(&w->held_until, memory_order_relaxed);

	return atomic_load_explicit(&w->seen, memory_order_relaxed) <
		       newest_ranged ||
	       atomic_load_explicit(&w->has_wide, memory_order_relaxed) ||
	       (until && until <= oldest);
}

/*
 * Looks at what is due and adds tables that can go to `edit` (initialized,
 * empty): a bounded number, ask again after some. Notes in each table how much
 * its range tombstones cover: table.covered_bytes. `table_bytes`: how large
 * tables are. 0 or negative.
 */
int range_watch_look(struct range_watch *w, const struct version *v,
		     struct table_cache *tables,
		     const struct retained_times *times, uint64_t table_bytes,
		     struct version_edit *edit);

/*
 * The table whose range tombstones cover the most, and its place in the
 * version: *run is an index of v->runs. False when none is worth it; then
 * nothing is due any more.
 */
bool range_watch_widest(struct range_watch *w, const struct version *v,
			uint64_t table_bytes, uint32_t *run, uint32_t *at);

#endif
