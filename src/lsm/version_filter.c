/* SPDX-License-Identifier: MIT */
#include "lsm/version_filter.h"

#include "lsm/snapshot.h"

void version_filter_init(struct version_filter *f,
			 const struct version_filter_ops *ops, void *arg,
			 const struct retained_times *times)
{
	*f = (struct version_filter){
		.ops = ops,
		.arg = arg,
		.times = times,
		.key = BUF_INIT,
		.newer_ts = TS_NEWEST,
	};
}

void version_filter_fini(struct version_filter *f)
{
	buf_fini(&f->key);
}

static int begin_key(struct version_filter *f, struct tt_slice key)
{
	f->has_key = true;
	f->has_emitted = false;
	f->newer_ts = TS_NEWEST;
	return buf_set(&f->key, key);
}

/* True when the tombstone hides nothing from anybody. */
static bool is_spent(struct version_filter *f, const struct record *rec)
{
	return f->ops->may_lie_below && rec->ts <= f->times->ts[0] &&
	       !f->ops->may_lie_below(f->arg, rec->key);
}

int version_filter_add(struct version_filter *f, const struct record *rec)
{
	bool is_needed, is_new_key;
	int r;

	f->n_in++;
	if (!f->has_key || !key_eq(buf_slice(&f->key), rec->key)) {
		r = begin_key(f, rec->key);
		if (r < 0)
			return r;
	}
	is_needed = version_is_needed(f->times, rec->ts, f->newer_ts);
	f->newer_ts = rec->ts;
	if (!is_needed)
		return 0;
	if (rec->kind == RECORD_TOMBSTONE && is_spent(f, rec))
		return 0;
	is_new_key = !f->has_emitted;
	f->has_emitted = true;
	f->n_out++;
	return f->ops->emit(f->arg, rec, is_new_key);
}
