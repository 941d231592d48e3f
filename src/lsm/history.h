/* SPDX-License-Identifier: MIT */
/*
 * Reading the past.
 *
 * Every version of a key carries the timestamp it was written with, so a read
 * as of a moment needs nothing but the versions of that moment. They are kept
 * while the window of history (option retention) or a snapshot needs them;
 * the rule is version_is_needed() of snapshot.h. What is dropped all the same
 * leaves a mark: the edit that drops it says from which moment on reads still
 * find everything, the manifest keeps it and struct version carries it
 * (complete_from). So a read of an earlier moment is refused, and never
 * answered wrongly, whatever the retention was, is or will be.
 *
 * The window is measured by the store's clock (clock.h), which does not run
 * backwards: while the wall clock is behind it, the window stands still and
 * history is kept for longer. When the wall clock jumps forward the window
 * follows, and what falls out of it may go.
 */
#ifndef LSM_HISTORY_H
#define LSM_HISTORY_H

#include "lsm/db.h"

/* Where history_ts() goes when it is not about the present. */
int history_past_ts(struct tt *db, const struct superversion *sv,
		    const struct tt_snapshot *snap, int64_t as_of,
		    int64_t *out);

/*
 * The timestamp to read at: the snapshot's, or `as_of` (0: the present, as is
 * any time beyond it). `sv` is what will be read, taken before. TT_ETOOOLD
 * when it no longer has that state.
 */
static ALWAYS_INLINE int history_ts(struct tt *db,
				    const struct superversion *sv,
				    const struct tt_snapshot *snap,
				    int64_t as_of, int64_t *out)
{
	if (unlikely(snap || as_of))
		return history_past_ts(db, sv, snap, as_of, out);
	*out = clock_visible(&db->clk);
	return 0;
}

#endif
