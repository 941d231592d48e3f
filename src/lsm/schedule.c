/* SPDX-License-Identifier: MIT */
#include "lsm/schedule.h"

#include <errno.h>
#include <inttypes.h>

#include "lsm/compact_pick.h"
#include "lsm/compact_run.h"
#include "lsm/flush.h"
#include "lsm/pace.h"
#include "lsm/room.h"
#include "lsm/value_log.h"
#include "lsm/value_mover.h"

/* Pause between two looks for room on a full disk. */
#define SPACE_RETRY_NS 500000000ull

/* Waiting for a time is by the monotonic clock, and history goes by the wall
 * clock: not longer than this at a time, nor shorter. */
#define WAKE_MOST_US 3600000000ll
#define WAKE_LEAST_US 20000ll

static bool is_closing(const struct tt *db)
{
	return atomic_load_explicit(&db->is_closing, memory_order_acquire);
}

/* ---- failures --------------------------------------------------------- */

int db_check_locked(struct tt *db)
{
	mutex_assert_held(&db->mu);
	return db->err.code ? err_restore(&db->err) : 0;
}

/* A piece of work that has begun. */
struct attempt {
	uint64_t flush_no;  /* 0: no flush */
	uint64_t n_resumes; /* when it began */
};

static void begin_try(struct tt *db, struct attempt *t, bool is_flush)
{
	mutex_lock(&db->mu);
	t->flush_no = is_flush ? ++db->n_flush_tries : 0;
	t->n_resumes = db->n_resumes;
	mutex_unlock(&db->mu);
}

/*
 * True when work was resumed since the try began. What became of the disk
 * before that is over, and may fail the try yet: that is no failure of what
 * works now, and who resumed it need not do so again.
 */
static bool is_outdated_locked(struct tt *db, const struct attempt *t)
{
	mutex_assert_held(&db->mu);
	return t->n_resumes != db->n_resumes;
}

static void log_outdated(struct tt *db, const char *what)
{
	log_warn(LOG_DB,
		 "%s: %s failed: %s; it had begun before work was resumed and "
		 "is tried again",
		 db->dir, what, err_text());
}

/*
 * Notes a failure of background work. True when it shall be tried again, at
 * once: for want of space this has waited a moment.
 */
static bool note_failure(struct tt *db, int code, const char *what,
			 const struct attempt *t)
{
	bool again = err_is_no_space(code);

	if (code == TT_ECLOSED || is_closing(db))
		return false;
	db_count(db, STAT_BACKGROUND_ERRORS, 1);
	mutex_lock(&db->mu);
	if (!again && is_outdated_locked(db, t)) {
		log_outdated(db, what);
		mutex_unlock(&db->mu);
		return true;
	}
	if (again && t->flush_no)
		db->failed_flush_try = t->flush_no;
	/* What stays counts more than what passes. */
	if (!db->err.code || (db->is_short_of_space && !again)) {
		err_save(&db->err, code);
		db->is_short_of_space = again;
		log_error(LOG_DB, "%s: %s failed: %s; %s", db->dir, what,
			  err_text(),
			  again ? "it is tried again when there is room"
				: "writes are refused until it is resumed");
	}
	room_update_locked(db);
	cond_broadcast(&db->changed);
	if (again && !is_closing(db))
		(void)cond_wait_until(&db->changed, &db->mu,
				      mono_ns() + SPACE_RETRY_NS);
	mutex_unlock(&db->mu);
	return again && !is_closing(db);
}

/* Background work went well: a want of space is over. */
static void note_success_locked(struct tt *db) REQUIRES(db->mu)
{
	if (db->is_short_of_space) {
		db->is_short_of_space = false;
		db->err.code = 0;
		log_info(LOG_DB, "%s: there is room again", db->dir);
	}
	room_update_locked(db);
	cond_broadcast(&db->changed);
}

static bool is_stopped_locked(const struct tt *db)
{
	return is_closing(db) || (db->err.code && !db->is_short_of_space);
}

/* Removes what nobody refers to any more. */
static void collect(struct tt *db)
{
	gc_run(db->gc);
	value_log_collect(db->values);
}

/* ---- flush ------------------------------------------------------------ */

/* A flush was asked for and nobody has written since: is there something to do
 * for who reads now? */
static bool comes_to_rest_locked(struct tt *db) REQUIRES(db->mu)
{
	const struct superversion *sv = db->sv;

	return !db->n_imms && memtable_count(sv->active) == 0 &&
	       compaction_at_rest_is_due(&db->picker, sv->version);
}

/* Dead value files may take the room that was lacking. Keeps the caller's
 * error. */
static void drop_dead_for_room(struct tt *db, int code)
{
	struct err_saved why;

	err_save(&why, code);
	(void)value_gc_drop_dead(db);
	(void)err_restore(&why);
}

static void flush_task(void *arg)
{
	struct tt *db = arg;
	struct attempt t;
	int r = 0;

	do {
		if (r < 0)
			drop_dead_for_room(db, r);
		begin_try(db, &t, true);
		r = flush_oldest(db);
		if (r == 0)
			r = value_gc_drop_dead(db);
	} while (r < 0 && note_failure(db, r, "flush", &t));
	mutex_lock(&db->mu);
	db->is_flushing = false;
	db->merges_at_rest = comes_to_rest_locked(db);
	if (r == 0)
		note_success_locked(db);
	schedule_locked(db);
	cond_broadcast(&db->changed);
	mutex_unlock(&db->mu);
	collect(db);
}

int schedule_wait_flushed(struct tt *db, uint64_t no)
{
	uint64_t known;
	int r = 0;

	mutex_lock(&db->mu);
	/* That there was no room a moment ago is no answer, nor what becomes of
	 * a try that has begun: it is tried again now. */
	known = db->n_flush_tries;
	if (db->n_flush_waits++ == 0 || db->is_short_of_space)
		cond_broadcast(&db->changed);
	while (r == 0 && db->flushed_no < no) {
		if (!db->is_short_of_space || db->failed_flush_try > known)
			r = db_check_locked(db);
		if (r == 0)
			cond_wait(&db->changed, &db->mu);
	}
	db->n_flush_waits--;
	mutex_unlock(&db->mu);
	return r;
}

/* ---- compaction ------------------------------------------------------- */

static bool should_stop(void *arg)
{
	return is_closing(arg);
}

struct installation {
	struct tt *db;
	struct superversion *old;
};

static int install_compacted(void *arg, struct version *v)
{
	struct installation *in = arg;
	struct tt *db = in->db;

	mutex_lock(&db->mu);
	in->old = db_install_locked(db, db->active, v);
	mutex_unlock(&db->mu);
	return in->old ? 0 : err_nomem("superversion");
}

int schedule_apply(struct tt *db, struct version_edit *edit)
{
	struct installation in = { .db = db };
	int r = version_set_apply(&db->vs, edit, install_compacted, &in);

	db_retire(in.old);
	return r;
}

/*
 * Do people read what the pick replaces? Then the outputs go through the page
 * cache too and are there for them; else past it, so that they do not push out
 * what is read. Flushes always go through it: the next compaction reads them,
 * and removes them.
 */
static bool are_inputs_cached(struct tt *db, const struct compact_pick *pick)
{
	uint64_t cached = 0;

	for (size_t i = 0; i < pick->n_parts; i++) {
		const struct run_part *part = &pick->parts[i];

		for (uint32_t k = part->from; k < part->to; k++) {
			struct table *t = part->run->tables[k];
			struct sst_reader *reader;

			/* Who reads it will tell what is wrong with it. */
			if (table_pin(db->tables, &t->slot, &reader) < 0)
				continue;
			cached += sst_cached_bytes(reader);
			table_unpin(reader);
		}
	}
	return cached > pick->bytes / 2;
}

static int rewrite(struct tt *db, const struct compact_pick *pick,
		   struct version_edit *edit)
{
	struct compact_result res = { 0, 0, 0, 0 };
	struct compact_job job = {
		.pick = pick,
		.tables = db->tables,
		.blocks = db->blocks,
		.should_stop = should_stop,
		.stop_arg = db,
	};
	struct retained_times times;
	struct value_mover mover;
	uint64_t since = mono_ns(), us;
	int r = snapshots_collect(&db->snaps, &db->clk, &times);

	if (r < 0)
		return r;
	db_output_options(db, &job.output);
	/* Collecting has a pace of its own: writers wait for it. */
	if (!db->values_gc.was_last)
		job.output.pace = pace_compaction;
	if (pick->out_level == LAST_LEVEL) {
		job.output.table.codec = db->cfg.bottom_codec;
		job.output.table.with_dict = true;
	}
	job.output.table.past_page_cache = !are_inputs_cached(db, pick);
	job.times = &times;
	job.merge = &db->cfg.merge;
	value_mover_init(&mover, db->values, db->cfg.separate_bytes,
			 db->values_gc.n ? pick->version->values : NULL);
	job.output.mover = &mover;
	r = compact_run(&job, edit, &res);
	if (r == 0)
		r = schedule_apply(db, edit);
	if (r < 0 && edit->is_refused)
		sst_output_discard(db->env, db->dir, edit);
	value_mover_fini(&mover);
	retained_times_fini(&times);
	if (r < 0)
		return r;
	us = (mono_ns() - since) / 1000;
	db_count(db, STAT_COMPACTIONS, 1);
	db_count(db, STAT_COMPACTION_US, us);
	db_count(db, STAT_COMPACTION_READ_BYTES, res.bytes_read);
	db_count(db, STAT_COMPACTION_WRITE_BYTES, res.bytes_written);
	db_count(db, STAT_RECORDS_DROPPED, res.records_in - res.records_out);
	log_info(LOG_COMPACT,
		 "%s: level %u to %u: %zu tables, %" PRIu64 " bytes, %" PRIu64
		 " records to %zu tables, %" PRIu64 " bytes, %" PRIu64
		 " records, in %" PRIu64 " ms",
		 db->dir, pick->level, pick->out_level, edit->n_dropped,
		 res.bytes_read, res.records_in, edit->n_added,
		 res.bytes_written, res.records_out, us / 1000);
	return 0;
}

static int move(struct tt *db, const struct compact_pick *pick,
		struct version_edit *edit)
{
	int r = compact_pick_move(pick, edit);

	if (r == 0)
		r = schedule_apply(db, edit);
	if (r < 0)
		return r;
	db_count(db, STAT_TRIVIAL_MOVES, edit->n_added);
	log_info(LOG_COMPACT, "%s: level %u to %u: %zu tables moved", db->dir,
		 pick->level, pick->out_level, edit->n_added);
	return 0;
}

/* How far back somebody reads. */
static struct past past_of(struct tt *db)
{
	return (struct past){
		.oldest = snapshots_oldest(&db->snaps, &db->clk),
		.window = clock_now(&db->clk) - db->snaps.retention_us,
	};
}

/* Drops tables of which range tombstones have deleted everything: 1 when there
 * were some. */
static int drop_covered(struct tt *db, const struct version *v)
{
	struct retained_times times;
	struct version_edit edit;
	int r;

	if (v->n_ranged == 0)
		return 0;
	r = snapshots_collect(&db->snaps, &db->clk, &times);
	if (r < 0)
		return r;
	version_edit_init(&edit);
	r = range_watch_look(&db->picker.ranges, v, db->tables, &times,
			     db->cfg.table_bytes, &edit);
	retained_times_fini(&times);
	if (r == 0 && edit.n_dropped) {
		r = schedule_apply(db, &edit);
		if (r == 0) {
			db_count(db, STAT_COVERED_TABLES, edit.n_dropped);
			log_info(LOG_COMPACT,
				 "%s: %zu tables dropped unread: ranges "
				 "deleted all that was in them",
				 db->dir, edit.n_dropped);
			r = 1;
		}
	}
	version_edit_fini(&edit);
	return r;
}

/* Of what has been decided; what is at rest has nothing more urgent to do. */
static int pick_compaction(struct tt *db, struct version *v, bool at_rest,
			   struct compact_pick *out)
{
	int r = compact_pick_next(&db->picker, v, past_of(db), out);

	return r == 0 && at_rest ? compact_pick_at_rest(&db->picker, v, out)
				 : r;
}

/* What to do next: compaction and the collection of values in turns. */
static int pick_work(struct tt *db, struct version *v, struct compact_pick *out)
{
	bool collects, at_rest, was_last = db->values_gc.was_last;
	int r = 0;

	mutex_lock(&db->mu);
	collects = value_gc_is_due_locked(db);
	at_rest = db->merges_at_rest;
	mutex_unlock(&db->mu);
	db->values_gc.was_last = false;
	if (was_last || !collects)
		r = pick_compaction(db, v, at_rest, out);
	if (r != 0 || !collects)
		return r;
	r = value_gc_pick(db, v, out);
	if (r != 0) {
		db->values_gc.was_last = true;
		db_count(db, STAT_VALUE_COLLECTIONS, r > 0);
		return r;
	}
	return was_last ? 0 : pick_compaction(db, v, at_rest, out);
}

/* For tt_compact(). */
static int pick_requested(struct tt *db, struct version *v,
			  const struct manual_compaction *m,
			  struct compact_pick *out)
{
	int r = compact_pick_range(&db->picker, v, m->lower, m->upper, out);

	db->values_gc.was_last = false;
	return r ? r
		 : compact_pick_old_range(v, m->lower, m->upper, past_of(db),
					  out);
}

/* One piece of work: 1 when there was one, 0 when nothing is due. */
static int compact_once(struct tt *db, const struct manual_compaction *m)
{
	struct version *v = version_set_current(&db->vs);
	struct compact_pick pick;
	struct version_edit edit;
	int r = drop_covered(db, v);

	if (r != 0) {
		version_unref(v);
		return r;
	}
	r = m ? pick_requested(db, v, m, &pick) : pick_work(db, v, &pick);
	version_unref(v);
	if (r <= 0)
		return r;
	version_edit_init(&edit);
	r = pick.is_move ? move(db, &pick, &edit) : rewrite(db, &pick, &edit);
	version_edit_fini(&edit);
	compact_pick_fini(&pick);
	return r < 0 ? r : 1;
}

static bool is_compaction_due_locked(struct tt *db)
{
	const struct version *v = db->sv->version;
	int64_t held = range_watch_held_until(&db->picker.ranges);
	int64_t waits_for = held ? MIN_OF(held, v->waits_for) : v->waits_for;
	struct past past = { TS_OLDEST, TS_OLDEST };

	/* Set before it is asked which snapshots there are: one that goes
	 * away later finds it set. */
	atomic_store_explicit(&db->waits_for, waits_for, memory_order_relaxed);
	if (waits_for != TS_NEWEST)
		past = past_of(db);
	return db->manual || (!db->compaction_err.code &&
			      (compaction_is_due(&db->picker, v, past) ||
			       value_gc_is_due_locked(db) ||
			       (db->merges_at_rest && v->n_l0 > 1)));
}

static void look_again(void *arg)
{
	struct tt *db = arg;

	mutex_lock(&db->mu);
	schedule_locked(db);
	mutex_unlock(&db->mu);
}

void schedule_snapshot_gone(struct tt *db, int64_t ts)
{
	/* What waits for a later time is not kept by it. */
	if (ts < atomic_load_explicit(&db->waits_for, memory_order_relaxed))
		look_again(db);
}

/* Nothing is due, and perhaps nothing will happen any more: has this done again
 * when time alone will have made something due. */
static void wake_in_time_locked(struct tt *db) REQUIRES(db->mu)
{
	int64_t window = past_of(db).window;
	int64_t oldest = TS_NEWEST, at, us;

	if (!snapshots_count(&db->snaps, &oldest))
		oldest = TS_NEWEST;
	at = compaction_wakes_at(&db->picker, db->sv->version, oldest);
	if (at == TS_NEWEST || db->compaction_err.code) {
		(void)thread_pool_cancel(db->pool, &db->wake_task);
		return;
	}
	us = at > window ? MIN_OF(at - window, WAKE_MOST_US) : 0;
	us = MAX_OF(us, WAKE_LEAST_US);
	(void)thread_pool_submit_at(db->pool, &db->wake_task, POOL_HIGH,
				    mono_ns() + (uint64_t)us * 1000);
}

static void end_manual_locked(struct tt *db, struct manual_compaction *m, int r)
{
	if (r < 0)
		err_save(&m->err, r);
	m->is_done = true;
	db->manual = NULL;
}

/* What the inputs may be to blame for. If it was the disk that outputs are
 * written to, the next flush will tell. */
static bool is_damage(int code)
{
	return code == TT_ECORRUPT || code == TT_EVERSION || code == -EIO;
}

/* A table that cannot be read keeps its place and its readable part: writes
 * go on, and what compaction would tidy up stays as it is. */
static void stop_compacting_locked(struct tt *db)
{
	if (db->compaction_err.code)
		return;
	err_save(&db->compaction_err, err_code());
	db_count(db, STAT_BACKGROUND_ERRORS, 1);
	log_error(
		LOG_COMPACT,
		"%s: a damaged table ends compaction until it is resumed, reads "
		"and writes go on: %s",
		db->dir, err_text());
}

static void compact_task(void *arg)
{
	struct tt *db = arg;
	struct manual_compaction *m;
	bool is_outdated;
	struct attempt t;
	int r, dropped;

	begin_try(db, &t, false);
	mutex_lock(&db->mu);
	m = db->manual;
	mutex_unlock(&db->mu);
	r = compact_once(db, m);
	if (r > 0 && (dropped = value_gc_drop_dead(db)) < 0)
		r = dropped;
	if (r < 0 && !is_damage(r))
		(void)note_failure(db, r, "compaction", &t);
	if (err_is_no_space(r))
		drop_dead_for_room(db, r);
	mutex_lock(&db->mu);
	db->is_compacting = false;
	is_outdated = r < 0 && is_outdated_locked(db, &t);
	if (is_damage(r) && is_outdated)
		log_outdated(db, "compaction");
	else if (is_damage(r))
		stop_compacting_locked(db);
	if (m && r <= 0 && !is_outdated)
		end_manual_locked(db, m, r);
	if (r >= 0)
		note_success_locked(db);
	schedule_locked(db);
	cond_broadcast(&db->changed);
	mutex_unlock(&db->mu);
	collect(db);
}

int schedule_manual(struct tt *db, struct manual_compaction *m)
{
	mutex_lock(&db->mu);
	while (db->manual && !is_closing(db))
		cond_wait(&db->changed, &db->mu);
	db->manual = m;
	cond_broadcast(&db->changed); /* whatever runs may hurry */
	schedule_locked(db);
	while (!m->is_done && !is_stopped_locked(db))
		cond_wait(&db->changed, &db->mu);
	while (!m->is_done && db->is_compacting)
		cond_wait(&db->changed, &db->mu);
	if (!m->is_done) {
		end_manual_locked(db, m, 0);
		if (db_check_locked(db) < 0)
			m->err = db->err;
	}
	cond_broadcast(&db->changed);
	mutex_unlock(&db->mu);
	return m->err.code ? err_restore(&m->err) : 0;
}

/* ---- cleaning --------------------------------------------------------- */

static void gc_task(void *arg)
{
	struct tt *db = arg;

	collect(db);
}

void schedule_gc(void *arg)
{
	struct tt *db = arg;

	/* A queued task stays where it is; a stopped pool refuses it, and
	 * closing runs gc itself. */
	(void)thread_pool_submit(db->pool, &db->gc_task, POOL_HIGH);
}

/* ---- when ------------------------------------------------------------- */

void schedule_init(struct tt *db)
{
	pool_task_init(&db->flush_task, flush_task, db);
	pool_task_init(&db->compact_task, compact_task, db);
	pool_task_init(&db->gc_task, gc_task, db);
	pool_task_init(&db->wake_task, look_again, db);
}

void schedule_locked(struct tt *db)
{
	mutex_assert_held(&db->mu);
	if (is_stopped_locked(db))
		return;
	if (db->n_imms && !db->is_flushing)
		db->is_flushing = thread_pool_submit(db->pool, &db->flush_task,
						     POOL_HIGH);
	if (!db->is_compacting && is_compaction_due_locked(db))
		db->is_compacting = thread_pool_submit(
			db->pool, &db->compact_task, POOL_LOW);
	if (!db->is_compacting)
		wake_in_time_locked(db);
}

void schedule_stop(struct tt *db)
{
	mutex_lock(&db->mu);
	atomic_store_explicit(&db->is_closing, true, memory_order_release);
	cond_broadcast(&db->changed);
	mutex_unlock(&db->mu);
	thread_pool_stop(db->pool);
}
