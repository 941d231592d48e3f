/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing a store, and the ways into it that are only a step.
 */
#include "lsm/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lsm/batch_fold.h"
#include "lsm/file_name.h"
#include "lsm/options_file.h"
#include "lsm/recovery.h"
#include "lsm/room.h"
#include "lsm/schedule.h"
#include "lsm/separate.h"

#define LOG_FILE_BYTES (4u << 20)
#define LOG_FILES_KEPT 2
/* One for flushes, one for compactions. */
#define N_BACKGROUND_THREADS 2

/* ---- superversions ---------------------------------------------------- */

struct superversion *db_acquire(struct tt *db, struct slot_token *token)
{
	struct superversion *sv = slot_take(&db->slots, token);

	if (likely(sv))
		return sv;
	mutex_lock(&db->mu);
	sv = superversion_ref(db->sv);
	mutex_unlock(&db->mu);
	return sv;
}

void db_release(struct tt *db, const struct slot_token *token,
		struct superversion *sv)
{
	if (unlikely(!slot_put_back(&db->slots, token, sv)))
		superversion_unref(sv);
}

struct superversion *db_reference(struct tt *db)
{
	struct slot_token token;
	struct superversion *sv = db_acquire(db, &token);

	(void)superversion_ref(sv);
	db_release(db, &token, sv);
	return sv;
}

/* Under the lock this never is the last reference: db->sv has one, or the
 * caller that replaces it. */
static void drop_cached(void *sv, void *arg)
{
	(void)arg;
	superversion_unref(sv);
}

struct superversion *db_install_locked(struct tt *db, struct memtable *active,
				       struct version *v)
{
	struct memtable *few[2 * MAX_IMMUTABLES] = { NULL };
	struct memtable **imm = few;
	struct superversion *old = db->sv, *fresh = NULL;

	mutex_assert_held(&db->mu);
	if (db->n_imms > ARRAY_LEN(few)) {
		imm = malloc(db->n_imms * sizeof(struct memtable *));
		if (!imm)
			return NULL;
	}
	for (uint32_t i = 0; i < db->n_imms; i++)
		imm[i] = db->imms[i].mem;
	(void)superversion_new(active, imm, db->n_imms, v, &fresh);
	if (imm != few)
		free(imm);
	if (!fresh)
		return NULL;
	db->sv = fresh;
	db->values_gc.is_idle &= old->version == v;
	/* In this order: who builds an iterator leaves its mark in the one
	 * before it takes a reference from the other. */
	slot_sweep(&db->slots, drop_cached, NULL);
	old->resting = db_sweep_iters(db);
	return old;
}

void db_retire(struct superversion *old)
{
	if (!old)
		return;
	db_free_iters(old->resting);
	old->resting = NULL;
	superversion_unref(old);
}

/* ---- gaps ------------------------------------------------------------- */

static void take_gaps(void *arg)
{
	struct tt *db = arg;

	gaps_take(&db->gaps, clock_visible(&db->clk));
}

/* An iterator has left a finding. */
static void wake_gaps(void *arg)
{
	struct tt *db = arg;

	write_if_idle(db->queue, take_gaps, db);
}

/* ---- opening ---------------------------------------------------------- */

static struct tt *db_new(const char *dir, const struct tt_options *opts)
{
	struct tt *db = calloc(1, sizeof(*db));

	if (!db)
		return NULL;
	db->dir = strdup(dir);
	db->opts = options_copy(opts);
	if (!db->dir || !db->opts || options_resolve(db->opts, &db->cfg) < 0) {
		tt_options_free(db->opts);
		free(db->dir);
		free(db);
		return NULL;
	}
	db->env = db->cfg.env;
	mutex_init(&db->mu, RANK_DB);
	cond_init(&db->changed);
	snapshots_init(&db->snaps, db->cfg.retention_us);
	slot_cache_init(&db->slots);
	slot_cache_init(&db->iters);
	gaps_init(&db->gaps, wake_gaps, db);
	picker_init(&db->picker, &db->cfg);
	clock_init(&db->clk, db->env, 0);
	schedule_init(db);
	db->next_imm_no = 1;
	return db;
}

/* Lets go of everything, in the order in which things lean on each other.
 * Works on half-built stores. */
static int db_free(struct tt *db)
{
	int r = 0;

	if (db->pool)
		schedule_stop(db);
	write_queue_free(db->queue);
	if (db->wal)
		r = wal_close(db->wal);
	if (db->values)
		(void)value_log_stop(db->values); /* the log has synced it */
	db_free_iters(db_sweep_iters(db));
	if (db->sv)
		slot_sweep(&db->slots, drop_cached, NULL);
	superversion_unref(db->sv);
	for (uint32_t i = 0; i < db->n_imms; i++)
		memtable_unref(db->imms[i].mem);
	free(db->imms);
	value_gc_fini(&db->values_gc);
	if (db->gc)
		version_set_fini(&db->vs);
	gc_free(db->gc);
	value_log_free(db->values);
	table_cache_free(db->tables);
	block_cache_free(db->blocks);
	thread_pool_free(db->pool);
	counters_free(db->counters);
	picker_fini(&db->picker);
	guards_fini(&db->guards);
	snapshots_fini(&db->snaps);
	if (env_unlock(db->lock) < 0 && r == 0)
		r = err_code();
	log_detach(db->log);
	cond_fini(&db->changed);
	mutex_fini(&db->mu);
	tt_options_free(db->opts);
	free(db->dir);
	free(db);
	return r;
}

/* Iterators at rest keep tables from being closed. */
static void relieve(void *arg)
{
	db_free_iters(db_sweep_iters(arg));
}

static void lend_to_tables(struct tt *db)
{
	table_cache_set_relief(db->tables, relieve, db);
	table_cache_set_lender(db->tables, db->blocks,
			       db->cfg.table_loan_bytes);
}

static int make_parts(struct tt *db)
{
	struct buf tables = BUF_INIT;
	struct table_cache_options o = {
		.env = db->env,
		.max_bytes = db->cfg.table_cache_bytes,
		.max_open = db->cfg.max_open_tables,
	};
	struct value_log_options values;
	int r = path_join(&tables, db->dir, DIR_TABLES);

	if (r < 0)
		return r;
	o.dir = path_of(&tables);
	r = counters_new(N_DB_STATS, &db->counters);
	if (r == 0)
		r = block_cache_new(db->cfg.cache_bytes, &db->blocks);
	if (r == 0)
		r = table_cache_new(&o, &db->tables);
	if (r == 0)
		lend_to_tables(db);
	if (r == 0)
		r = thread_pool_new("ttrunks", N_BACKGROUND_THREADS, &db->pool);
	if (r == 0)
		r = gc_new(db->env, db->dir, db->tables, db->blocks,
			   schedule_gc, db, &db->gc);
	if (r == 0) {
		version_set_init(&db->vs, db->env, db->dir, db->gc);
		separate_options(db, &values);
		r = value_log_new(&values, &db->values);
	}
	if (r == 0)
		version_set_use_values(&db->vs, db->values);
	buf_fini(&tables);
	return r;
}

/* The event log is a comfort: a store opens without it. */
static void attach_log(struct tt *db)
{
	struct buf path = BUF_INIT;

	if (path_join(&path, db->dir, FILE_LOG) == 0)
		(void)log_attach_file(path_of(&path), LOG_LEVEL_INFO,
				      LOG_FILE_BYTES, LOG_FILES_KEPT, &db->log);
	buf_fini(&path);
}

static int take_lock(struct tt *db)
{
	struct buf path = BUF_INIT;
	int r = path_join(&path, db->dir, FILE_LOCK);

	if (r == 0)
		r = env_lock(db->env, path_of(&path), &db->lock);
	buf_fini(&path);
	return r;
}

/* Makes sure that the directory is ours, and takes it. */
static int enter_dir(struct tt *db, enum store_kind *kind)
{
	int r = recovery_look(db->env, db->dir, kind);

	if (r < 0)
		return r;
	if (*kind != STORE_THERE) {
		if (!db->cfg.create_if_missing)
			return err_set(TT_ENOSTORE,
				       "%s: no store here, and "
				       "create_if_missing is off",
				       db->dir);
		r = recovery_make_dirs(db->env, db->dir);
		if (r < 0)
			return r;
	}
	r = take_lock(db);
	/* Another opener may have finished a creation meanwhile. */
	return r < 0 ? r : recovery_look(db->env, db->dir, kind);
}

/* ---- options ------------------------------------------------------------ */

/* Where history may be lost for a setting that nobody can read, it is kept. */
#define RETENTION_MOST_US (INT64_C(3650) * 86400 * 1000000)

/* Adds what the store's file says to what the caller has set. */
static int take_options(struct tt *db, struct options_file *file)
{
	bool is_given = options_is_set(db->opts, "retention");
	int r = options_file_open(file, db->env, db->dir);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		db->is_options_ignored = true;
		log_warn(
			LOG_DB,
			"settings of the store are not used: %s; remove it, or "
			"open the store with settings; until then nothing of "
			"history is dropped",
			err_text());
	}
	r = options_add(db->opts, file->known, true);
	if (r == 0)
		r = options_resolve(db->opts, &db->cfg);
	if (r < 0)
		return r;
	if (!is_given && options_file_may_hide(file, "retention"))
		db->cfg.retention_us = RETENTION_MOST_US;
	db->snaps.retention_us = db->cfg.retention_us;
	picker_fini(&db->picker);
	picker_init(&db->picker, &db->cfg);
	return 0;
}

/* Failing to is no reason not to open. */
static void record_options(struct tt *db, struct options_file *file)
{
	if (options_file_record(file, db->opts) < 0)
		log_warn(LOG_DB,
			 "%s: the settings of this opening are not recorded: "
			 "%s",
			 db->dir, err_text());
}

static int start(struct tt *db)
{
	struct write_hooks hooks = {
		.arg = db,
		.make_room = room_make,
		.gaps = &db->gaps,
	};
	int r = write_queue_new(&hooks, db->wal, &db->clk, &db->queue);

	if (r < 0)
		return r;
	version_set_start_dropping(&db->vs);
	mutex_lock(&db->mu);
	room_update_locked(db);
	schedule_locked(db);
	mutex_unlock(&db->mu);
	return 0;
}

static int bring_up(struct tt *db, enum store_kind kind)
{
	int r = make_parts(db);

	if (r < 0)
		return r;
	r = kind == STORE_THERE ? version_set_recover(&db->vs)
				: version_set_create(&db->vs);
	if (r < 0)
		return r;
	if (db->cfg.merge_name.text[0])
		r = version_set_name_merge(&db->vs, &db->cfg.merge_name);
	if (r < 0)
		return r;
	recovery_remove_orphans(db);
	r = recovery_replay(db);
	if (r == 0)
		r = value_log_start(db->values);
	return r < 0 ? r : start(db);
}

static int open_store(struct tt *db)
{
	struct options_file file;
	enum store_kind kind;
	int r = enter_dir(db, &kind);

	if (r < 0)
		return r;
	attach_log(db);
	r = take_options(db, &file);
	if (r == 0)
		r = bring_up(db, kind);
	if (r == 0)
		record_options(db, &file);
	options_file_fini(&file);
	return r;
}

int tt_open(const char *dir, const struct tt_options *opts, struct tt **out)
{
	struct tt *db = db_new(dir, opts);
	struct err_saved why;
	int r;

	if (!db)
		return err_nomem("store");
	r = open_store(db);
	if (r == 0) {
		*out = db;
		return 0;
	}
	err_save(&why, r);
	/* The caller says it aloud. */
	log_info(LOG_DB, "%s: cannot open: %s", dir, why.text);
	(void)db_free(db); /* the first failure counts */
	return err_restore(&why);
}

const struct tt_options *tt_options_of(const struct tt *db)
{
	return db->opts;
}

int tt_close(struct tt *db)
{
	if (!db)
		return 0;
	/* Tables now spare the next opening the log. A failure loses nothing:
	 * what could not be written is in the log. */
	(void)tt_flush(db);
	return db_free(db);
}

/* ---- writing ---------------------------------------------------------- */

int tt_put(struct tt *db, const struct tt_write_options *wo,
	   struct tt_slice key, struct tt_slice value, int64_t *out_ts)
{
	if (unlikely(value.len >= db->cfg.separate_bytes))
		return separate_put(db, key, value, wo, out_ts);
	return write_commit_one(db->queue, RECORD_VALUE, key, value, wo,
				out_ts);
}

int tt_delete(struct tt *db, const struct tt_write_options *wo,
	      struct tt_slice key, int64_t *out_ts)
{
	struct tt_slice none = { NULL, 0 };

	return write_commit_one(db->queue, RECORD_TOMBSTONE, key, none, wo,
				out_ts);
}

int tt_delete_range(struct tt *db, const struct tt_write_options *wo,
		    struct tt_slice lower, struct tt_slice upper,
		    int64_t *out_ts)
{
	int r = batch_check_range(lower, upper);

	if (r == 0)
		r = write_commit_one(db->queue, RECORD_RANGE, lower, upper, wo,
				     out_ts);
	if (r == 0)
		db_count(db, STAT_RANGE_DELETES, 1);
	return r;
}

int tt_write(struct tt *db, const struct tt_write_options *wo,
	     const struct tt_batch *batch, int64_t *out_ts)
{
	struct tt_batch folded;
	int r;

	batch_init(&folded);
	r = batch_fold(batch, &db->cfg.merge, &folded);
	if (r > 0)
		batch = &folded;
	if (r >= 0)
		r = unlikely(batch->longest >= db->cfg.separate_bytes ||
			     batch->separated_bytes)
			    ? separate_write(db, batch, wo, out_ts)
			    : write_commit(db->queue, batch, wo, out_ts);
	if (r == 0 && unlikely(batch->n_ranges))
		db_count(db, STAT_RANGE_DELETES, batch->n_ranges);
	batch_fini(&folded);
	return r;
}

int tt_sync(struct tt *db)
{
	return wal_sync(db->wal, wal_end(db->wal));
}

/* ---- snapshots -------------------------------------------------------- */

int tt_snapshot_new(struct tt *db, struct tt_snapshot **out)
{
	return snapshots_add(&db->snaps, &db->clk, out);
}

void tt_snapshot_free(struct tt *db, struct tt_snapshot *snap)
{
	int64_t ts;

	if (!snap)
		return;
	ts = snap->ts;
	snapshots_remove(&db->snaps, snap);
	schedule_snapshot_gone(db, ts);
}

int64_t tt_snapshot_ts(const struct tt_snapshot *snap)
{
	return snap->ts;
}

int64_t tt_last_ts(struct tt *db)
{
	return clock_visible(&db->clk);
}
