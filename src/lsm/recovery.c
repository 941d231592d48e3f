/* SPDX-License-Identifier: MIT */
#include "lsm/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lsm/batch.h"
#include "lsm/file_name.h"
#include "lsm/flush.h"
#include "lsm/room.h"
#include "lsm/value_log.h"
#include "lsm/value_recovery.h"
#include "lsm/version_values.h"
#include "lsm/wal_reader.h"

/* ---- what is there ---------------------------------------------------- */

struct look {
	struct env *env;
	const char *dir;
	bool has_current;
	bool has_data; /* what only a finished creation leaves */
	bool is_foreign;
	char foreign[64]; /* a name that is not ours */
};

static int see_name(void *arg, const char *name, enum env_file_type type)
{
	struct look *l = arg;

	(void)type;
	if (strcmp(name, FILE_CURRENT) == 0)
		l->has_current = true;
	else if (manifest_no_of_name(name) > 1)
		l->has_data = true;
	if (!name_belongs_to_store(name) && !l->is_foreign) {
		l->is_foreign = true;
		(void)snprintf(l->foreign, sizeof(l->foreign), "%s", name);
	}
	return 0;
}

static int see_data(void *arg, const char *name, enum env_file_type type)
{
	struct look *l = arg;

	(void)type;
	if (table_no_of_name(name) || wal_segment_no_of_name(name) ||
	    value_no_of_name(name))
		l->has_data = true;
	else if (!name_is_table_tmp(name) && !l->is_foreign) {
		l->is_foreign = true;
		(void)snprintf(l->foreign, sizeof(l->foreign), "%s", name);
	}
	return 0;
}

static int look_inside(struct look *l, const char *sub)
{
	struct buf path = BUF_INIT;
	int r = path_join(&path, l->dir, sub);

	if (r == 0)
		r = env_list(l->env, path_of(&path), see_data, l);
	if (r == -ENOENT)
		r = 0;
	buf_fini(&path);
	return r;
}

int recovery_look(struct env *env, const char *dir, enum store_kind *out)
{
	struct look l = { .env = env, .dir = dir };
	int r = env_list(env, dir, see_name, &l);

	if (r == -ENOENT) {
		*out = STORE_MISSING;
		return 0;
	}
	if (r < 0)
		return r;
	if (l.has_current) {
		*out = STORE_THERE;
		return 0;
	}
	r = look_inside(&l, DIR_TABLES);
	if (r == 0)
		r = look_inside(&l, DIR_VALUES);
	if (r == 0)
		r = look_inside(&l, DIR_WAL);
	if (r < 0)
		return r;
	if (l.is_foreign)
		return err_set(TT_EFOREIGN,
			       "%s: holds \"%s\", which is not of a store; "
			       "name an empty or a new directory",
			       dir, l.foreign);
	if (l.has_data)
		return err_set(TT_ECORRUPT,
			       "%s/" FILE_CURRENT
			       ": missing, although tables or logs are there",
			       dir);
	*out = STORE_EMPTY;
	return 0;
}

int recovery_make_dirs(struct env *env, const char *dir)
{
	static const char *const subs[] = { DIR_TABLES, DIR_VALUES, DIR_WAL };
	struct buf path = BUF_INIT;
	int r = env_make_dirs(env, dir);

	for (size_t i = 0; i < ARRAY_LEN(subs) && r == 0; i++) {
		r = path_join(&path, dir, subs[i]);
		if (r == 0)
			r = env_make_dirs(env, path_of(&path));
	}
	/* Those found there may be the remains of a creation cut off. */
	if (r == 0)
		r = env_sync_dir(env, dir);
	if (r == 0)
		r = env_sync_parent(env, dir);
	buf_fini(&path);
	return r;
}

/* ---- the log ---------------------------------------------------------- */

struct replay {
	struct tt *db;
	struct memtable *m;	/* being filled */
	struct memtable **full; /* could not be flushed for want of space */
	uint64_t *full_end;	/* where the log of each ends */
	uint32_t n_full;
	struct value_recovery values;
};

static int keep_full(struct replay *rp, struct memtable *m, uint64_t end)
{
	size_t n = rp->n_full + 1u;
	struct memtable **full = realloc(rp->full, n * sizeof(*full));
	uint64_t *ends;

	if (!full)
		return err_nomem("recovery");
	rp->full = full;
	ends = realloc(rp->full_end, n * sizeof(*ends));
	if (!ends)
		return err_nomem("recovery");
	rp->full_end = ends;
	full[rp->n_full] = m;
	ends[rp->n_full++] = end;
	return 0;
}

static int flush_now(struct tt *db, struct memtable *m, uint64_t end)
{
	struct version_edit edit;
	int r;

	version_edit_init(&edit);
	r = flush_memtable(db, m, NULL, &edit);
	version_edit_set_replay_from(&edit, end);
	if (r == 0)
		r = version_set_apply(&db->vs, &edit, NULL, NULL);
	if (r < 0 && edit.is_refused)
		sst_output_discard(db->env, db->dir, &edit);
	version_edit_fini(&edit);
	return r;
}

/* The memtable is full; the log of the next begins at `lsn`. */
static int next_memtable(struct replay *rp, uint64_t lsn)
{
	struct memtable *fresh;
	int r = memtable_new(&fresh);

	if (r < 0)
		return r;
	memtable_use_values(fresh, rp->db->values);
	/* Once one is kept, those behind it are too: order counts. */
	r = rp->n_full ? -ENOSPC : flush_now(rp->db, rp->m, lsn);
	if (r == 0)
		memtable_unref(rp->m);
	else if (err_is_no_space(r))
		r = keep_full(rp, rp->m, lsn);
	if (r < 0) {
		memtable_unref(fresh);
		return r;
	}
	rp->m = fresh;
	return 0;
}

static int replay_record(void *arg, uint64_t lsn, int64_t ts,
			 struct tt_slice payload)
{
	struct replay *rp = arg;
	struct batch_reader reader;
	struct batch_op op;
	int r;

	r = value_recovery_check(&rp->values, lsn, payload);
	if (r != 0)
		return r;
	/* Nothing reads yet: all that is replayed counts as published, so
	 * that a flush on the way may drop what it hides. */
	clock_publish(&rp->db->clk, ts);
	if (room_is_full(&rp->db->cfg, rp->m, payload.len, 0)) {
		r = next_memtable(rp, lsn);
		if (r < 0)
			return r;
	}
	r = batch_reader_init(&reader, payload);
	while (r == 0) {
		r = batch_reader_next(&reader, &op);
		if (r == 0)
			r = memtable_add(rp->m, op.key, ts, op.kind, op.value);
	}
	if (r == TT_END)
		return 0;
	if (r == TT_ECORRUPT)
		return err_set(r,
			       "%s/" DIR_WAL "/%06" PRIu32
			       ".wal: offset %" PRIu32
			       ": record does not decode",
			       rp->db->dir, wal_lsn_segment(lsn),
			       wal_lsn_offset(lsn));
	return r;
}

/* Hands the memtables over to the database. */
static int take_memtables(struct tt *db, struct replay *rp)
{
	struct superversion *sv;
	struct version *v;
	int r;

	db->imms = calloc(rp->n_full + 4u, sizeof(*db->imms));
	if (!db->imms)
		return err_nomem("recovery");
	db->cap_imms = rp->n_full + 4u;
	v = version_set_current(&db->vs);
	r = superversion_new(rp->m, rp->full, rp->n_full, v, &sv);
	version_unref(v);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < rp->n_full; i++)
		db->imms[db->n_imms++] = (struct immutable){
			.mem = rp->full[i],
			.log_end = rp->full_end[i],
			.no = db->next_imm_no++,
		};
	rp->n_full = 0;
	db->sv = sv;
	db->active = rp->m;
	memtable_unref(rp->m); /* the superversion has its own */
	rp->m = NULL;
	return 0;
}

static int sync_values(void *arg)
{
	return value_log_sync(arg);
}

static int open_wal(struct tt *db, const char *dir, const struct wal_tail *tail)
{
	struct wal_options o = {
		.segment_bytes = db->cfg.wal_segment_bytes,
		.sync_interval_ms = (uint64_t)db->cfg.sync_interval_ms,
		.sync_before = sync_values,
		.sync_arg = db->values,
	};

	return wal_open(db->env, dir, &o, tail, &db->wal);
}

/*
 * Makes the log ready to be continued. What it points to and where it was cut
 * must be durable first: from then on it says that it is.
 */
static int settle_log(struct tt *db, const char *dir,
		      const struct wal_tail *tail)
{
	int r = value_log_sync(db->values);

	if (r == 0 && tail->cut_lsn) {
		log_warn(LOG_RECOVERY,
			 "%s: the log ends where a value did not reach the "
			 "disk",
			 db->dir);
		r = wal_cut(db->env, dir, tail->cut_lsn);
	}
	return r < 0 ? r : open_wal(db, dir, tail);
}

int recovery_replay(struct tt *db)
{
	struct replay rp = { .db = db };
	struct wal_tail tail;
	struct buf dir = BUF_INIT;
	uint64_t since = mono_ns();
	int64_t last_ts = db->vs.last_ts;
	int r;

	clock_init(&db->clk, db->env, last_ts);
	atomic_init(&db->active_since, last_ts);
	r = memtable_new(&rp.m);
	if (r < 0)
		goto out;
	memtable_use_values(rp.m, db->values);
	r = path_join(&dir, db->dir, DIR_WAL);
	if (r == 0)
		r = value_recovery_begin(&rp.values, db, path_of(&dir));
	if (r == 0)
		r = wal_replay(db->env, path_of(&dir), db->vs.replay_from,
			       replay_record, &rp, &tail);
	if (r < 0)
		goto out;
	clock_init(&db->clk, db->env, MAX_OF(last_ts, tail.last_ts));
	r = settle_log(db, path_of(&dir), &tail);
	if (r == 0)
		r = take_memtables(db, &rp);
	if (r < 0)
		goto out;
	wal_release_before(db->wal, db->vs.replay_from);
	db_count(db, STAT_REPLAYED_RECORDS, tail.n_records);
	log_info(LOG_RECOVERY,
		 "%s: %" PRIu64 " records, %" PRIu64
		 " bytes of log replayed in %" PRIu64 " ms, %" PRIu64
		 " values looked at%s",
		 db->dir, tail.n_records, tail.n_bytes,
		 (mono_ns() - since) / 1000000, rp.values.n_verified,
		 tail.is_torn ? "; its end was torn" : "");
out:
	value_recovery_end(&rp.values);
	memtable_unref(rp.m);
	for (uint32_t i = 0; i < rp.n_full; i++)
		memtable_unref(rp.full[i]);
	free(rp.full);
	free(rp.full_end);
	buf_fini(&dir);
	return r;
}

/* ---- orphans ---------------------------------------------------------- */

/* The file numbers that a version names in a folder, sorted. */
struct live_files {
	struct tt *db;
	const char *dir; /* within the store */
	uint64_t (*no_of_name)(const char *name);
	uint64_t *no;
	size_t n;
	uint64_t n_removed;
};

static int no_cmp(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static int remove_orphan(void *arg, const char *name, enum env_file_type type)
{
	struct live_files *live = arg;
	uint64_t no = live->no_of_name(name);
	struct buf path = BUF_INIT;

	if (type == ENV_TYPE_DIR || (!no && !name_is_table_tmp(name)))
		return 0;
	if (no && live->n &&
	    bsearch(&no, live->no, live->n, sizeof(no), no_cmp))
		return 0;
	if (buf_printf(&path, "%s/%s/%s", live->db->dir, live->dir, name) ==
		    0 &&
	    buf_cstr(&path) && env_unlink(live->db->env, path_of(&path)) == 0)
		live->n_removed++;
	else
		log_warn(LOG_RECOVERY, "%s/%s/%s stays: %s", live->db->dir,
			 live->dir, name, err_text());
	buf_fini(&path);
	return 0;
}

static void remove_from(struct live_files *live)
{
	struct buf dir = BUF_INIT;
	int r = path_join(&dir, live->db->dir, live->dir);

	if (live->n)
		qsort(live->no, live->n, sizeof(*live->no), no_cmp);
	if (r == 0)
		r = env_list(live->db->env, path_of(&dir), remove_orphan, live);
	if (r < 0 && r != -ENOENT)
		log_warn(LOG_RECOVERY, "%s: orphaned files stay: %s",
			 live->db->dir, err_text());
	if (live->n_removed)
		log_info(LOG_RECOVERY,
			 "%s/%s: %" PRIu64 " files that nothing names removed",
			 live->db->dir, live->dir, live->n_removed);
	buf_fini(&dir);
}

static void remove_tables(struct tt *db, const struct version *v, uint64_t *no)
{
	struct live_files live = {
		.db = db,
		.dir = DIR_TABLES,
		.no_of_name = table_no_of_name,
		.no = no,
	};

	for (uint32_t i = 0; i < v->n_runs; i++)
		for (uint32_t k = 0; k < v->runs[i].n; k++)
			no[live.n++] = v->runs[i].tables[k]->desc.file_no;
	remove_from(&live);
}

static void remove_values(struct tt *db, const struct version *v, uint64_t *no)
{
	struct live_files live = {
		.db = db,
		.dir = DIR_VALUES,
		.no_of_name = value_no_of_name,
		.no = no,
	};

	for (uint32_t i = 0; v->values && i < v->values->n; i++)
		no[live.n++] = v->values->v[i].no;
	remove_from(&live);
}

void recovery_remove_orphans(struct tt *db)
{
	struct version *v = version_set_current(&db->vs);
	size_t n =
		MAX_OF(v->n_tables, (uint64_t)(v->values ? v->values->n : 0));
	uint64_t *no = malloc((n + 1) * sizeof(*no));

	if (no) {
		remove_tables(db, v, no);
		remove_values(db, v, no);
	}
	version_unref(v);
	free(no);
}
