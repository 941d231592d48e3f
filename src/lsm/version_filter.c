/* SPDX-License-Identifier: MIT */
#include "lsm/version_filter.h"

#include <errno.h>

#include "lsm/range_set.h"
#include "lsm/snapshot.h"
#include "lsm/value_read.h"

/* Merge records are not gathered into larger ones. */
#define CHAIN_MOST ((size_t)16 << 20)
/* Merge records become one with a separated value when they are this part of
 * its size. */
#define SEPARATED_PART 2

void version_filter_init(struct version_filter *f,
			 const struct version_filter_ops *ops, void *arg,
			 const struct retained_times *times,
			 const struct merge_function *fn)
{
	*f = (struct version_filter){
		.ops = ops,
		.arg = arg,
		.times = times,
		.key = BUF_INIT,
		.newer_ts = TS_NEWEST,
		.merged = BUF_INIT,
		.complete_from = TS_OLDEST,
	};
	merge_chain_init(&f->chain, fn);
}

void version_filter_fini(struct version_filter *f)
{
	buf_fini(&f->key);
	buf_fini(&f->merged);
	buf_fini(&f->separated);
	merge_chain_fini(&f->chain);
}

/* `until`: when it ceased to be what is read of the key; TS_NEWEST: it has
 * not. */
static int emit(struct version_filter *f, const struct record *rec,
		int64_t until)
{
	bool is_new_key = !f->has_emitted;
	int r;

	f->has_emitted = true;
	f->n_out++;
	r = f->ops->emit(f->arg, rec, is_new_key);
	if (r == 0 && unlikely(until != TS_NEWEST) && f->ops->note_old)
		f->ops->note_old(f->arg, rec, until);
	return r;
}

static bool may_lie_below(struct version_filter *f)
{
	return !f->ops->may_lie_below ||
	       f->ops->may_lie_below(f->arg, buf_slice(&f->key));
}

/* Who reads before `newer_ts` misses something from now on. */
static void note_gone(struct version_filter *f, int64_t newer_ts)
{
	f->complete_from = MAX_OF(f->complete_from, newer_ts);
}

/* ---- merge records ---------------------------------------------------- */

static int emit_merged(struct version_filter *f, uint8_t kind)
{
	const struct record rec = {
		.key = buf_slice(&f->key),
		.value = buf_slice(&f->merged),
		.ts = f->chain_ts,
		.kind = kind,
	};

	merge_chain_reset(&f->chain);
	buf_shrink(&f->merged, CHAIN_MOST);
	return emit(f, &rec, f->chain_until);
}

/* The chain becomes a value over `base`. TT_END: the merge function could not
 * do it, and the chain is as it was. */
static int resolve_chain(struct version_filter *f, const struct tt_slice *base)
{
	int r = merge_chain_resolve(&f->chain, buf_slice(&f->key), base,
				    &f->merged);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return TT_END;
	f->newer_ts = f->chain_ts;
	return emit_merged(f, RECORD_VALUE);
}

/* What is older lies elsewhere, or is read by somebody as it is. */
static int fuse_chain(struct version_filter *f)
{
	int r = merge_chain_fuse(&f->chain, &f->merged);

	return r < 0 ? r : emit_merged(f, RECORD_MERGE);
}

/* All versions of the key have passed. */
static int end_key(struct version_filter *f)
{
	int r = TT_END;

	if (merge_chain_is_empty(&f->chain))
		return 0;
	if (!may_lie_below(f))
		r = resolve_chain(f, NULL);
	return r == TT_END ? fuse_chain(f) : r;
}

static int add_merge(struct version_filter *f, const struct record *rec,
		     int64_t until)
{
	int r = 0;

	if (f->chain.bytes.len + rec->value.len > CHAIN_MOST &&
	    !merge_chain_is_empty(&f->chain))
		r = fuse_chain(f);
	if (r < 0)
		return r;
	if (merge_chain_is_empty(&f->chain)) {
		f->chain_ts = rec->ts;
		f->chain_until = until;
	}
	f->chain_oldest_ts = rec->ts;
	return merge_chain_push(&f->chain, rec->value);
}

/* A value that cannot be read stays under the chain, for readers to hear. */
static int meet_pointer(struct version_filter *f, const struct record *rec)
{
	struct tt_slice base;
	struct value_ptr p;
	int r;

	value_ptr_decode(rec->value.data, rec->key.len, &p);
	if (!f->values || f->chain.bytes.len < p.raw_len / SEPARATED_PART)
		return fuse_chain(f);
	r = value_resolve(f->values, rec->key, rec->value, false,
			  &f->separated);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return fuse_chain(f);
	base = buf_slice(&f->separated);
	r = resolve_chain(f, &base);
	buf_shrink(&f->separated, CHAIN_MOST);
	if (r == TT_END)
		return fuse_chain(f);
	return r < 0 ? r : 1;
}

/*
 * A version older than the chain: part of it unless somebody reads between
 * the two, so that it is an old one. 1 when the record is used up.
 */
static int meet_chain(struct version_filter *f, const struct record *rec,
		      int64_t *until)
{
	bool has_base = rec->kind == RECORD_VALUE;
	int r;

	if (version_is_needed(f->times, rec->ts, f->chain_oldest_ts)) {
		*until = MIN_OF(*until, f->chain_oldest_ts);
		return fuse_chain(f);
	}
	note_gone(f, f->chain_oldest_ts);
	if (rec->kind == RECORD_MERGE)
		return 0;
	if (rec->kind == RECORD_POINTER)
		return meet_pointer(f, rec);
	r = resolve_chain(f, has_base ? &rec->value : NULL);
	if (r == TT_END)
		return fuse_chain(f);
	return r < 0 ? r : 1;
}

/* ---- one record ------------------------------------------------------- */

static int begin_key(struct version_filter *f, struct tt_slice key)
{
	int r = end_key(f);

	f->has_key = true;
	f->has_emitted = false;
	f->newer_ts = TS_NEWEST;
	return r < 0 ? r : buf_set(&f->key, key);
}

/* True when the tombstone hides nothing from anybody. */
static bool is_spent(struct version_filter *f, const struct record *rec)
{
	return f->ops->may_lie_below &&
	       rec->ts <= retained_times_oldest(f->times) && !may_lie_below(f);
}

static int add_needed(struct version_filter *f, const struct record *rec,
		      int64_t until)
{
	int r = 0;

	if (unlikely(!merge_chain_is_empty(&f->chain)))
		r = meet_chain(f, rec, &until);
	if (r)
		return r < 0 ? r : 0;
	if (unlikely(rec->kind == RECORD_MERGE))
		return add_merge(f, rec, until);
	f->newer_ts = rec->ts;
	if (rec->kind == RECORD_TOMBSTONE && is_spent(f, rec))
		return 0;
	return emit(f, rec, until);
}

/* When the record ceased to be the newest word about its key: `newer_ts`, or
 * before that by a range. */
static NOINLINE int64_t deleted_at(const struct version_filter *f,
				   const struct record *rec, int64_t newer_ts)
{
	int64_t ts = range_set_deleted_at(f->ranges, rec->key, rec->ts);

	return MIN_OF(ts, newer_ts);
}

int version_filter_add(struct version_filter *f, const struct record *rec)
{
	int64_t newer_ts;
	int r;

	if (unlikely(rec->kind == RECORD_RANGE))
		return 0;
	f->n_in++;
	if (!f->has_key || !key_eq(buf_slice(&f->key), rec->key)) {
		r = begin_key(f, rec->key);
		if (r < 0)
			return r;
	}
	newer_ts = f->newer_ts;
	if (unlikely(f->ranges != NULL))
		newer_ts = deleted_at(f, rec, newer_ts);
	if (version_is_needed(f->times, rec->ts, newer_ts))
		return add_needed(f, rec, newer_ts);
	note_gone(f, newer_ts);
	return 0;
}

int version_filter_end(struct version_filter *f)
{
	return end_key(f);
}
