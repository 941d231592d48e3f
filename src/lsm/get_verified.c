/* SPDX-License-Identifier: MIT */
/*
 * Point reads that trust no cache. They are rare and may be slow, so each is
 * an iterator over the one key, and the path of all other reads knows nothing
 * of them but one question. Filters are not asked: they were verified when the
 * table was opened, and what they deny is what is to be verified.
 */
#include "lsm/batch.h"
#include "lsm/db.h"
#include "lsm/get.h"

/* An iterator that can only be on `key`. */
static int iterate(struct tt *db, const struct tt_read_options *ro,
		   struct tt_slice key, struct tt_iter **out)
{
	struct tt_iter_options o = {
		.snapshot = ro->snapshot,
		.as_of = ro->as_of,
		.lower = key,
		.verify = true,
	};
	struct buf upper = BUF_INIT; /* the first key behind it */
	int r = buf_set(&upper, key);

	if (r == 0)
		r = buf_append_byte(&upper, 0);
	if (r < 0) {
		r = err_nomem("a key");
	} else {
		o.upper = buf_slice(&upper);
		r = tt_iter_new(db, &o, out);
	}
	buf_fini(&upper);
	return r;
}

static void release_iter(void *it, void *unused)
{
	(void)unused;
	tt_iter_free(it);
}

int get_verified(struct tt *db, const struct tt_read_options *ro,
		 struct tt_slice key, struct tt_pinned *out)
{
	struct tt_iter *it = NULL;
	int r = batch_check_op(key, 0);

	if (r == 0)
		r = iterate(db, ro, key, &it);
	if (r == 0)
		r = tt_iter_first(it);
	db_count(db, STAT_GETS, 1);
	if (r != 0) {
		tt_iter_free(it);
		return r == TT_END ? TT_NOTFOUND : r;
	}
	db_count(db, STAT_GET_HITS, 1);
	db_count(db, STAT_GET_BYTES, tt_iter_value(it).len);
	*out = (struct tt_pinned){
		.value = tt_iter_value(it),
		.ts = tt_iter_ts(it),
		.release = release_iter,
		.a = it,
	};
	return 0;
}

int get_verified_all(struct tt *db, const struct tt_read_options *ro,
		     const struct tt_slice *keys, size_t n,
		     struct tt_pinned *values, int *statuses)
{
	struct tt_read_options o = *ro;
	struct tt_snapshot *moment = NULL;
	bool has_moment = o.snapshot || o.as_of;
	int failed = has_moment ? 0 : tt_snapshot_new(db, &moment);

	if (moment)
		o.snapshot = moment;
	has_moment = failed == 0;
	for (size_t i = 0; i < n; i++) {
		values[i] = (struct tt_pinned){ .release = NULL };
		statuses[i] =
			has_moment ? get_verified(db, &o, keys[i], &values[i])
				   : failed;
		if (statuses[i] < 0)
			failed = statuses[i];
	}
	if (moment)
		tt_snapshot_free(db, moment);
	return failed;
}
