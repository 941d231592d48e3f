/* SPDX-License-Identifier: MIT */
/*
 * What is asked for now and then: flush, compact, verify, space.
 */
#include <errno.h>

#include "lsm/db.h"
#include "lsm/file_name.h"
#include "lsm/manifest_writer.h"
#include "lsm/room.h"
#include "lsm/schedule.h"
#include "lsm/sst_reader.h"
#include "lsm/value_log.h"
#include "lsm/value_reader.h"
#include "lsm/version_values.h"

/* ---- flush ------------------------------------------------------------ */

static int switch_as_leader(void *arg)
{
	return room_switch(arg);
}

int tt_flush(struct tt *db)
{
	uint64_t no = 0;
	int r;

	/* As long as two memtables wait, there is no room for a third. */
	while ((r = write_exclusive(db->queue, switch_as_leader, db)) ==
	       -EAGAIN) {
		mutex_lock(&db->mu);
		no = db->n_imms ? db->imms[0].no : 0;
		mutex_unlock(&db->mu);
		r = schedule_wait_flushed(db, no);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	mutex_lock(&db->mu);
	no = db->next_imm_no - 1;
	mutex_unlock(&db->mu);
	return schedule_wait_flushed(db, no);
}

/* ---- compact ---------------------------------------------------------- */

int tt_compact(struct tt *db, struct tt_slice lower, struct tt_slice upper)
{
	struct manual_compaction m = { .lower = lower, .upper = upper };
	int r = tt_flush(db);

	return r < 0 ? r : schedule_manual(db, &m);
}

/* ---- verify ----------------------------------------------------------- */

struct verification {
	void (*fn)(void *arg, const char *text);
	void *arg;
	bool is_damaged;
};

static void report(void *arg, const char *text)
{
	struct verification *v = arg;

	v->is_damaged = true;
	log_error(LOG_DB, "%s", text);
	if (v->fn)
		v->fn(v->arg, text);
}

/* Every value that the table points to; the version keeps the files. */
static int verify_values(struct tt *db, const struct table *t,
			 struct sst_reader *reader, struct verification *v)
{
	struct value_check c = {
		.disk = { .env = db->env, .dir = db->dir },
		.report = report,
		.arg = v,
	};
	int r = value_check_table(&c, reader, t->desc.values, t->desc.n_values);

	value_check_fini(&c);
	return r;
}

/* Opens the table by itself: what is cached may hide what is on disk. */
static int verify_table(struct tt *db, const struct table *t,
			struct verification *v)
{
	struct sst_reader *reader;
	struct buf path = BUF_INIT;
	int r = path_table(&path, db->dir, t->desc.file_no);

	if (r < 0)
		return r;
	r = sst_open(db->env, path_of(&path), t->desc.file_no, &reader);
	buf_fini(&path);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		report(v, err_text());
		return 0;
	}
	r = sst_verify(reader, report, v);
	if (r == 0)
		r = verify_values(db, t, reader, v);
	sst_close(reader);
	return r == TT_ECORRUPT ? 0 : r;
}

/* What the log names and no table does yet: the memtable has all of it, and
 * keeps the value files. */
static int verify_memtable(struct tt *db, struct memtable *m,
			   struct verification *v)
{
	struct value_check c = {
		.disk = { .env = db->env, .dir = db->dir },
		.report = report,
		.arg = v,
	};
	struct rec_iter *it;
	int r;

	if (memtable_value_bytes(m) == 0)
		return 0;
	r = memtable_iter_new(m, &it);
	if (r < 0)
		return r;
	r = value_check_memtable(&c, it);
	rec_iter_free(it);
	value_check_fini(&c);
	return r;
}

int tt_verify(struct tt *db, void (*fn)(void *arg, const char *text), void *arg)
{
	struct verification ver = { .fn = fn, .arg = arg };
	struct superversion *sv = db_reference(db);
	const struct version *v = sv->version;
	int r = verify_memtable(db, sv->active, &ver);

	for (uint32_t i = 0; i < sv->n_imm && r == 0; i++)
		r = verify_memtable(db, sv->imm[i], &ver);
	for (uint32_t i = 0; i < v->n_runs && r == 0; i++)
		for (uint32_t k = 0; k < v->runs[i].n && r == 0; k++)
			r = verify_table(db, v->runs[i].tables[k], &ver);
	superversion_unref(sv);
	if (r == 0 && ver.is_damaged)
		r = err_set(TT_ECORRUPT, "%s: tables or values are damaged",
			    db->dir);
	return r;
}

/* ---- space ------------------------------------------------------------ */

uint64_t db_disk_bytes(struct tt *db)
{
	struct wal_stats wal;
	struct value_log_stats values;
	uint64_t n;

	mutex_lock(&db->vs.mu);
	n = db->vs.current->bytes + manifest_size(db->vs.manifest);
	if (db->vs.current->values)
		n += db->vs.current->values->bytes;
	mutex_unlock(&db->vs.mu);
	wal_get_stats(db->wal, &wal);
	value_log_get_stats(db->values, &values);
	return n + wal.disk_bytes + values.bytes;
}

int tt_space(struct tt *db, struct tt_space *out)
{
	struct env_space s;
	int r = env_space(db->env, db->dir, &s);

	if (r < 0)
		return r;
	*out = (struct tt_space){
		.store_bytes = db_disk_bytes(db),
		.disk_bytes = s.total,
		.free_bytes = s.avail,
	};
	return 0;
}
