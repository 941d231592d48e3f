/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: timestamps that somebody still reads at. Flush and compaction
 * ask which there are before they drop a version.
 *
 * Why no snapshot comes too late: a snapshot takes the published timestamp
 * under the list's lock, and the horizon is taken under the same lock. So
 * every snapshot made after a snapshots_collect() is at or above the horizon
 * it returned. Thread-safe.
 */
#ifndef LSM_SNAPSHOT_H
#define LSM_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/mutex.h"

struct clock;

struct tt_snapshot {
	struct list_node link; /* guarded by the list's lock */
	int64_t ts;	       /* constant */
};

struct snapshots {
	struct mutex mu; /* RANK_SNAPSHOT */
	/* guarded by mu; ascending by ts */
	struct list_node list;
	size_t n;
};

void snapshots_init(struct snapshots *s);
/* Every snapshot must have been released (asserted). */
void snapshots_fini(struct snapshots *s);

int snapshots_add(struct snapshots *s, const struct clock *clk,
		  struct tt_snapshot **out);
/* Frees; NULL does nothing. */
void snapshots_remove(struct snapshots *s, struct tt_snapshot *snap);
size_t snapshots_count(struct snapshots *s);

/* The first moment that snapshots_collect() would give. */
int64_t snapshots_oldest(struct snapshots *s, const struct clock *clk);

/*
 * The moments that must stay readable: the snapshots' timestamps and the
 * horizon, the published timestamp, as the last one. Ascending, without
 * repetition. What is to be dropped by them must have been written before
 * this call: later snapshots are at or above the horizon.
 */
struct retained_times {
	int64_t *ts; /* owned */
	size_t n;    /* at least 1 */
};

int snapshots_collect(struct snapshots *s, const struct clock *clk,
		      struct retained_times *out);
void retained_times_fini(struct retained_times *t);

/*
 * Does somebody need a version of a key of timestamp `ts`, when the next
 * newer version has `newer_ts` (TS_NEWEST: there is none)?
 */
bool version_is_needed(const struct retained_times *t, int64_t ts,
		       int64_t newer_ts);

#endif
