/* SPDX-License-Identifier: MIT */
#include "lsm/flush.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "lsm/db.h"
#include "lsm/mem_ranges.h"
#include "lsm/pace.h"
#include "lsm/range_list.h"
#include "lsm/room.h"
#include "lsm/schedule.h"
#include "lsm/sst_output.h"
#include "lsm/value_mover.h"
#include "lsm/version_filter.h"

/* ---- one memtable ----------------------------------------------------- */

struct flush {
	struct tt *db;
	struct sst_output *output;
	const struct value_mover *mover; /* or NULL */
	/*
	 * All that is older than the memtable lies in its tables: memtables are
	 * flushed in order, and what compaction makes of the tables meanwhile
	 * holds no key that they do not.
	 */
	struct version *below;
	struct range_list ranges; /* of the memtable */
	int64_t last_ts;	  /* the newest that was seen; 0: none */
};

static int emit(void *arg, const struct record *rec, bool is_new_key)
{
	struct flush *f = arg;

	(void)is_new_key;
	return sst_output_add(f->output, rec);
}

static bool may_lie_below(void *arg, struct tt_slice key)
{
	struct flush *f = arg;

	return version_may_hold(f->below, key);
}

static void note_old(void *arg, const struct record *rec, int64_t until)
{
	struct flush *f = arg;

	sst_output_note_old(f->output, rec, until);
}

static const struct version_filter_ops filter_ops = {
	.emit = emit,
	.may_lie_below = may_lie_below,
	.note_old = note_old,
};

static int take_memtable(struct flush *f, struct version_filter *filter,
			 struct memtable *m)
{
	struct rec_iter *it;
	int r = memtable_iter_new(m, &it);

	if (r < 0)
		return r;
	for (r = rec_iter_first(it); r == 0; r = rec_iter_next(it)) {
		f->last_ts = MAX_OF(f->last_ts, it->rec.ts);
		r = version_filter_add(filter, &it->rec);
		if (r < 0)
			break;
	}
	rec_iter_free(it);
	return r == TT_END ? version_filter_end(filter) : r;
}

static int take_range(void *arg, const struct range_del *d)
{
	struct flush *f = arg;

	f->last_ts = MAX_OF(f->last_ts, d->ts);
	return range_list_add(&f->ranges, d);
}

/* Writes what lives on of the memtable to the output, and finishes that. */
static int take_live(struct flush *f, struct memtable *m,
		     struct version_edit *edit)
{
	struct tt *db = f->db;
	struct retained_times times;
	struct version_filter filter;
	int r = snapshots_collect(&db->snaps, &db->clk, &times);

	if (r < 0)
		return r;
	range_list_init(&f->ranges);
	f->below = version_set_current(&db->vs);
	version_filter_init(&filter, &filter_ops, f, &times, &db->cfg.merge);
	if (f->mover)
		version_filter_use_values(&filter, f->mover->log);
	r = mem_ranges_each(memtable_ranges(m), take_range, f);
	if (r == 0)
		r = range_list_reduce(&f->ranges, &times);
	if (r == 0)
		r = range_list_drop_spent(&f->ranges, &times, f->below->runs,
					  f->below->n_runs);
	filter.ranges = f->ranges.set;
	sst_output_set_ranges(f->output, f->ranges.dels, f->ranges.n);
	if (r == 0)
		r = take_memtable(f, &filter, m);
	version_edit_set_complete_from(edit, filter.complete_from);
	version_edit_set_complete_from(edit, f->ranges.complete_from);
	if (r == 0)
		r = sst_output_finish(f->output);
	if (r == 0)
		db_count(db, STAT_RECORDS_DROPPED, filter.n_in - filter.n_out);
	version_filter_fini(&filter);
	range_list_fini(&f->ranges);
	version_unref(f->below);
	retained_times_fini(&times);
	return r;
}

static uint64_t new_file_no(void *arg)
{
	struct tt *db = arg;

	return version_set_new_file_no(&db->vs);
}

void db_output_options(struct tt *db, struct sst_output_options *out)
{
	*out = (struct sst_output_options){
		.env = db->env,
		.dir = db->dir,
		.table = { .codec = db->cfg.codec,
			   .block_bytes = (uint32_t)db->cfg.block_bytes,
			   .bloom_bits = db->cfg.bloom_bits },
		.table_bytes = db->cfg.table_bytes,
		.new_file_no = new_file_no,
		.arg = db,
	};
}

/* Where this flush cuts its tables: by what level 0 goes to. */
static int fit_guards(struct tt *db)
{
	struct version *v = version_set_current(&db->vs);
	struct level_targets t;
	int r;

	level_targets(&db->picker, v, &t);
	r = guards_fit(&db->guards, version_level(v, t.l0_out),
		       db->picker.piece_bytes / 2);
	version_unref(v);
	return r;
}

int flush_memtable(struct tt *db, struct memtable *m, struct value_mover *mover,
		   struct version_edit *edit)
{
	struct flush f = { .db = db, .mover = mover };
	struct sst_output_options o;
	uint64_t group;
	int r;

	mutex_lock(&db->vs.mu);
	group = db->vs.next_group;
	mutex_unlock(&db->vs.mu);
	version_edit_set_next_group(edit, group + 1);
	db_output_options(db, &o);
	o.group = group;
	o.guards = &db->guards;
	o.mover = mover;
	if (mover) /* else it is being opened */
		o.pace = pace_flush;
	r = fit_guards(db);
	if (r == 0)
		r = sst_output_new(&o, edit, &f.output);
	if (r == 0)
		r = take_live(&f, m, edit);
	/* What the tables point to must be durable before they are named. */
	if (r == 0)
		r = memtable_sync_values(m);
	if (r == 0)
		db_count(db, STAT_FLUSH_BYTES, sst_output_bytes(f.output));
	/* Also that of records that were dropped: time does not run back when
	 * the store is opened again. */
	if (r == 0 && f.last_ts)
		version_edit_set_last_ts(edit, f.last_ts);
	sst_output_free(f.output);
	return r;
}

/* ---- the oldest one --------------------------------------------------- */

/* Shows the new version and lets the flushed memtable go, in one step. */
struct installation {
	struct tt *db;
	struct memtable *flushed;
	struct superversion *old;
};

static int install_flushed(void *arg, struct version *v)
{
	struct installation *in = arg;
	struct tt *db = in->db;
	struct immutable oldest;
	int r = 0;

	mutex_lock(&db->mu);
	oldest = db->imms[0];
	assert(oldest.mem == in->flushed);
	db->n_imms--;
	memmove(db->imms, db->imms + 1, db->n_imms * sizeof(*db->imms));
	in->old = db_install_locked(db, db->active, v);
	if (in->old) {
		db->flushed_no = oldest.no;
		room_update_locked(db);
	} else {
		memmove(db->imms + 1, db->imms, db->n_imms * sizeof(*db->imms));
		db->imms[0] = oldest;
		db->n_imms++;
		r = err_nomem("superversion");
	}
	mutex_unlock(&db->mu);
	if (r == 0)
		memtable_unref(oldest.mem);
	return r;
}

static int flush_one(struct tt *db, struct memtable *m, uint64_t log_end)
{
	struct installation in = { .db = db, .flushed = m };
	struct value_mover mover;
	struct version_edit edit;
	uint64_t since = mono_ns(), us;
	uint64_t bytes = 0;
	int r;

	version_edit_init(&edit);
	value_mover_init(&mover, db->values, db->cfg.separate_bytes, NULL);
	r = flush_memtable(db, m, &mover, &edit);
	if (r < 0)
		goto out;
	for (size_t i = 0; i < edit.n_added; i++)
		bytes += edit.added[i].file_bytes;
	version_edit_set_replay_from(&edit, log_end);
	r = version_set_apply(&db->vs, &edit, install_flushed, &in);
	if (r < 0 && edit.is_refused)
		sst_output_discard(db->env, db->dir, &edit);
	if (r < 0)
		goto out;
	db_retire(in.old);
	wal_release_before(db->wal, log_end);
	us = (mono_ns() - since) / 1000;
	db_count(db, STAT_FLUSHES, 1);
	db_count(db, STAT_FLUSH_US, us);
	log_info(LOG_FLUSH,
		 "%s: %" PRIu64 " records, %zu bytes of memory, written to "
		 "%zu tables, %" PRIu64 " bytes, in %" PRIu64 " ms",
		 db->dir, memtable_count(m), memtable_bytes(m), edit.n_added,
		 bytes, us / 1000);
out:
	value_mover_fini(&mover);
	version_edit_fini(&edit);
	return r;
}

int flush_oldest(struct tt *db)
{
	struct memtable *m = NULL;
	uint64_t log_end = 0;
	int r;

	mutex_lock(&db->mu);
	if (db->n_imms) {
		m = memtable_ref(db->imms[0].mem);
		log_end = db->imms[0].log_end;
	}
	mutex_unlock(&db->mu);
	if (!m)
		return TT_END;
	r = flush_one(db, m, log_end);
	memtable_unref(m);
	return r;
}
