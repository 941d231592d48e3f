/* SPDX-License-Identifier: MIT */
#include "lsm/history.h"

#include <errno.h>
#include <inttypes.h>

/* Is the state of that moment still there in the version? */
static int check_complete(const struct tt *db, const struct version *v,
			  int64_t ts)
{
	if (likely(ts >= v->complete_from))
		return 0;
	return err_set(TT_ETOOOLD,
		       "%s: the state as of %" PRId64 " is no longer kept: "
		       "history goes back to %" PRId64,
		       db->dir, ts, v->complete_from);
}

int history_past_ts(struct tt *db, const struct superversion *sv,
		    const struct tt_snapshot *snap, int64_t as_of, int64_t *out)
{
	int64_t now;

	if (snap && as_of)
		return err_set(-EINVAL,
			       "a read is of a snapshot or as of a time, not "
			       "both");
	if (snap) {
		*out = snap->ts;
		return 0;
	}
	now = clock_visible(&db->clk);
	*out = MIN_OF(as_of, now);
	return as_of >= now ? 0 : check_complete(db, sv->version, as_of);
}

int tt_snapshot_at(struct tt *db, int64_t ts, struct tt_snapshot **out)
{
	struct tt_snapshot *snap;
	struct version *v;
	int r = snapshots_add_at(&db->snaps, &db->clk, ts, &snap);

	if (r < 0)
		return r;
	/* From here on nothing that it needs is dropped; the version of now
	 * says whether something was before. */
	v = version_set_current(&db->vs);
	r = check_complete(db, v, snap->ts);
	version_unref(v);
	if (r < 0) {
		tt_snapshot_free(db, snap);
		return r;
	}
	*out = snap;
	return 0;
}
