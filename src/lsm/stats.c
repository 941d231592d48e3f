/* SPDX-License-Identifier: MIT */
#include "lsm/stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lsm/db.h"
#include "lsm/value_log.h"
#include "lsm/version_values.h"

typedef void (*stat_fn)(void *arg, const char *name, uint64_t value,
			const char *help);

struct stat_walk {
	stat_fn fn;
	void *arg;
};

static void show(const struct stat_walk *w, const char *name, uint64_t value,
		 const char *help)
{
	w->fn(w->arg, name, value, help);
}

static void show_counters(struct tt *db, const struct stat_walk *w)
{
	static const struct {
		const char *name, *help;
	} rows[] = {
#define X(id, name, help) { "engine." name, help },
#include "lsm/counters.def"
#undef X
	};
	uint64_t v[N_DB_STATS];

	counters_read_all(db->counters, v);
	for (unsigned i = 0; i < N_DB_STATS; i++)
		show(w, rows[i].name, v[i], rows[i].help);
}

static void show_writes(struct tt *db, const struct stat_walk *w)
{
	struct write_stats s;

	write_queue_get_stats(db->queue, &s);
	show(w, "engine.writes", s.n_writes, "batches and single writes");
	show(w, "engine.write_ops", s.n_ops, "operations in them");
	show(w, "engine.write_bytes", s.n_bytes, "bytes of log payload");
	show(w, "engine.write_groups", s.n_groups,
	     "groups of more than one writer");
}

static void show_wal(struct tt *db, const struct stat_walk *w)
{
	struct wal_stats s;

	wal_get_stats(db->wal, &s);
	show(w, "engine.wal.records", s.n_records, "log records written");
	show(w, "engine.wal.bytes", s.n_bytes, "bytes of their payload");
	show(w, "engine.wal.syncs", s.n_syncs, "device flushes of the log");
	show(w, "engine.wal.sync_waits", s.n_sync_waits,
	     "requests that a device flush answered");
	show(w, "engine.wal.created", s.n_created, "segments written anew");
	show(w, "engine.wal.recycled", s.n_recycled, "segments used again");
	show(w, "engine.wal.segment_waits", s.n_segment_waits,
	     "writes that waited for a segment");
	show(w, "engine.wal.segments", s.n_segments, "segments on disk");
	show(w, "engine.wal.disk_bytes", s.disk_bytes, "what they take");
}

static void show_values(struct tt *db, const struct stat_walk *w)
{
	struct value_log_stats s;
	struct version *v = version_set_current(&db->vs);
	uint64_t sealed = v->values ? v->values->bytes : 0;
	uint64_t live = v->values ? v->values->live : 0;
	uint64_t n = v->values ? v->values->n : 0;

	version_unref(v);
	value_log_get_stats(db->values, &s);
	show(w, "engine.values.files", n, "value files of the store");
	show(w, "engine.values.bytes", sealed + s.bytes, "what they take");
	show(w, "engine.values.sealed_bytes", sealed,
	     "what the finished ones take");
	show(w, "engine.values.live_bytes", live,
	     "of that, what tables point to");
	show(w, "engine.values.puts", s.n_puts, "separated values written");
	show(w, "engine.values.put_bytes", s.put_bytes,
	     "bytes of value files written for them");
	show(w, "engine.values.moves", s.n_moves,
	     "values moved out of files with garbage");
	show(w, "engine.values.move_bytes", s.move_bytes,
	     "bytes of value files written for them");
	show(w, "engine.values.syncs", s.n_syncs, "device flushes of them");
	show(w, "engine.values.file_waits", s.n_waits,
	     "writes that waited for a value file");
	show(w, "engine.values.open", s.n_open, "value files open now");
	show(w, "engine.values.files_removed", s.n_removed,
	     "value files removed");
}

static void show_caches(struct tt *db, const struct stat_walk *w)
{
	struct block_cache_stats b;
	struct table_cache_stats t;

	block_cache_read_stats(db->blocks, &b);
	show(w, "engine.cache.hits", b.hits, "blocks found in memory");
	show(w, "engine.cache.misses", b.misses, "blocks read from disk");
	show(w, "engine.cache.evictions", b.evictions, "blocks evicted");
	show(w, "engine.cache.refused", b.refused, "blocks without room");
	show(w, "engine.cache.bytes", b.bytes, "bytes of blocks in memory");
	show(w, "engine.cache.capacity", b.capacity, "bytes there is room for");
	show(w, "engine.cache.borrowed", b.borrowed,
	     "bytes of it that iterators and tables have");
	table_cache_read_stats(db->tables, &t);
	show(w, "engine.tables.opens", t.opens, "tables opened");
	show(w, "engine.tables.evictions", t.evictions, "tables closed early");
	show(w, "engine.tables.open", t.open_tables, "tables open now");
	show(w, "engine.tables.memory", t.bytes, "bytes of their indexes");
}

static void show_levels(const struct version *v, const struct stat_walk *w)
{
	char name[64];

	for (unsigned i = 0; i < N_LEVELS; i++) {
		(void)snprintf(name, sizeof(name), "engine.level%u.files", i);
		show(w, name, v->level_tables[i], "tables of the level");
		(void)snprintf(name, sizeof(name), "engine.level%u.bytes", i);
		show(w, name, v->level_bytes[i], "their bytes on disk");
	}
	show(w, "engine.tables.tombstones", v->n_tombstones,
	     "tombstones in tables");
	show(w, "engine.level0.groups", v->n_l0, "flushes not yet compacted");
	show(w, "engine.tables.files", v->n_tables, "tables of the store");
	show(w, "engine.tables.bytes", v->bytes, "their bytes on disk");
	show(w, "engine.tables.range_tombstones", v->n_ranges,
	     "range tombstones in them");
	show(w, "engine.tables.old_versions", v->n_old,
	     "records in them for readers of the past alone");
}

/* As far as counts tell: a tombstone stands for itself and for what it hides
 * elsewhere, and what is overwritten counts until it is compacted. */
static uint64_t estimated_keys(const struct version *v, uint64_t in_memtables)
{
	uint64_t n = v->n_records + in_memtables;

	return n > 2 * v->n_tombstones ? n - 2 * v->n_tombstones : 0;
}

static void show_version(const struct version *v, const struct stat_walk *w,
			 uint64_t in_memtables)
{
	show(w, "engine.history_from", (uint64_t)MAX_OF(v->complete_from, 0),
	     "reads as of this timestamp or later find everything; 0: all");
	show(w, "engine.runs", v->n_runs,
	     "sorted runs of tables that a read may have to ask");
	show(w, "engine.tables.records", v->n_records,
	     "records of the tables, old versions and tombstones included");
	show(w, "engine.estimated_keys", estimated_keys(v, in_memtables),
	     "keys of the store, about: too many where they were overwritten");
	show_levels(v, w);
}

static void show_state(struct tt *db, const struct stat_walk *w)
{
	uint64_t active, memory, records, immutable, debt, failed, brake;
	struct version *v;

	mutex_lock(&db->mu);
	v = version_ref(db->sv->version);
	active = memory = memtable_bytes(db->sv->active);
	records = memtable_count(db->sv->active);
	for (uint32_t i = 0; i < db->n_imms; i++) {
		memory += memtable_bytes(db->imms[i].mem);
		records += memtable_count(db->imms[i].mem);
	}
	immutable = db->n_imms;
	debt = compaction_debt(&db->picker, v);
	failed = db->err.code != 0;
	brake = atomic_load_explicit(&db->brake, memory_order_relaxed);
	mutex_unlock(&db->mu);
	show(w, "engine.memtable.bytes", memory, "bytes of all memtables");
	show(w, "engine.memtable.active_bytes", active,
	     "bytes of the one that is written to");
	show(w, "engine.memtable.records", records, "records of all memtables");
	show(w, "engine.memtable.immutable", immutable,
	     "memtables that wait for their flush");
	show(w, "engine.compaction_debt", debt,
	     "bytes by which compaction is behind");
	show(w, "engine.brake", brake, "delay of writers, ns per KiB");
	show(w, "engine.failed", failed,
	     "1 while background work cannot go on");
	show_version(v, w, records);
	version_unref(v);
}

void tt_stats_each(struct tt *db, stat_fn fn, void *arg)
{
	const struct stat_walk w = { fn, arg };
	int64_t oldest;

	show_counters(db, &w);
	show_writes(db, &w);
	show_wal(db, &w);
	show_values(db, &w);
	show_caches(db, &w);
	show_state(db, &w);
	show(&w, "engine.background_error",
	     (uint64_t)tt_background_error(db, NULL),
	     "0 well, 1 no compaction, 2 no space, 3 stopped, 4 poisoned");
	show(&w, "engine.snapshots", snapshots_count(&db->snaps, &oldest),
	     "snapshots held");
	show(&w, "engine.oldest_snapshot_ts", (uint64_t)oldest,
	     "timestamp of the oldest one, 0: there is none");
	show(&w, "engine.options_ignored", db->is_options_ignored,
	     "1 when the file OPTIONS could not be used");
	show(&w, "engine.files_removed", gc_n_removed(db->gc),
	     "obsolete tables removed");
	show(&w, "engine.disk_bytes", db_disk_bytes(db),
	     "bytes of the store's files");
	show(&w, "engine.last_ts", (uint64_t)tt_last_ts(db),
	     "timestamp of the newest write, microseconds");
}

struct stat_search {
	const char *name;
	uint64_t value;
	bool is_found;
};

static void match(void *arg, const char *name, uint64_t value, const char *help)
{
	struct stat_search *s = arg;

	(void)help;
	if (strcmp(name, s->name) == 0) {
		s->value = value;
		s->is_found = true;
	}
}

int tt_stat(struct tt *db, const char *name, uint64_t *out)
{
	struct stat_search s = { .name = name };

	tt_stats_each(db, match, &s);
	if (!s.is_found)
		return TT_NOTFOUND;
	*out = s.value;
	return 0;
}
