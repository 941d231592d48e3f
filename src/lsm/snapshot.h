/* SPDX-License-Identifier: MIT */
/*
 * Moments that somebody still reads at, or may want to: live snapshots and the
 * window of history (option retention). Flush and compaction ask which there
 * are before they drop a version.
 *
 * Why no snapshot of the present comes too late: it takes the published
 * timestamp under the list's lock, and the horizon is taken under the same
 * lock. So every snapshot made after a snapshots_collect() is at or above the
 * horizon it returned. A snapshot of the past is refused when it lies before
 * the beginning of any window handed out so far: some work may be under way
 * that does not keep what it needs. Thread-safe.
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
	/* set at open, then constant */
	int64_t retention_us; /* length of the window */
	struct mutex mu;      /* RANK_SNAPSHOT */
	/* guarded by mu */
	struct list_node list; /* ascending by ts */
	size_t n;
	int64_t floor; /* the latest beginning of a window handed out */
};

void snapshots_init(struct snapshots *s, int64_t retention_us);
/* Every snapshot must have been released (asserted). */
void snapshots_fini(struct snapshots *s);

/* Holds the newest state. */
int snapshots_add(struct snapshots *s, const struct clock *clk,
		  struct tt_snapshot **out);
/*
 * Holds the state of a past moment, the present one when `ts` lies beyond it.
 * TT_ETOOOLD when flush or compaction may be dropping what it needs. What they
 * have dropped before is for the caller to check, afterwards.
 */
int snapshots_add_at(struct snapshots *s, const struct clock *clk, int64_t ts,
		     struct tt_snapshot **out);
/* Frees; NULL does nothing. */
void snapshots_remove(struct snapshots *s, struct tt_snapshot *snap);
/* How many there are; *oldest_ts (may be NULL) is that of the oldest one, 0
 * when there is none. */
size_t snapshots_count(struct snapshots *s, int64_t *oldest_ts);

/* retained_times_oldest() of what snapshots_collect() would give now. */
int64_t snapshots_oldest(struct snapshots *s, const struct clock *clk);

/*
 * The moments that must stay readable: single ones, and all from `keep_from`
 * on. What is to be dropped by them must have been written before they were
 * collected: later snapshots are at or above the horizon.
 */
struct retained_times {
	/* The snapshots' timestamps and the horizon, the published timestamp,
	 * as the last one. Ascending, without repetition. */
	int64_t *ts; /* owned */
	size_t n;    /* at least 1 */
	/* Where the window begins, the horizon at the latest. */
	int64_t keep_from;
};

int snapshots_collect(struct snapshots *s, const struct clock *clk,
		      struct retained_times *out);
void retained_times_fini(struct retained_times *t);

/* The earliest of these moments: what is dead for it is dead for all. */
static inline int64_t retained_times_oldest(const struct retained_times *t)
{
	return t->ts[0] < t->keep_from ? t->ts[0] : t->keep_from;
}

/*
 * Does one of these moments need a version of a key of timestamp `ts`, when
 * the next newer version has `newer_ts` (TS_NEWEST: there is none)?
 */
bool version_is_needed(const struct retained_times *t, int64_t ts,
		       int64_t newer_ts);

#endif
