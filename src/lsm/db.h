/* SPDX-License-Identifier: MIT */
/*
 * The open store: what struct tt is, for the files that implement
 * ttrunks.h. Nobody outside src/lsm includes it.
 *
 * Invariants:
 *  1. db->sv holds the memtable that the leader writes to, every immutable
 *     memtable not yet in tables, and the version the manifest holds durably.
 *  2. imms[] are oldest first and flushed in that order; imms[i].log_end is
 *     where the log of the memtable behind it begins.
 *  3. For a key, the active memtable is newer than the immutable ones, those
 *     are newer than the tables, an earlier run newer than a later one.
 *  4. The log is released only up to the replay_from of a durable manifest
 *     record.
 */
#ifndef LSM_DB_H
#define LSM_DB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/env.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/thread_pool.h"
#include "base/token.h"
#include "lsm/block_cache.h"
#include "lsm/clock.h"
#include "lsm/compact_pick.h"
#include "lsm/gaps.h"
#include "lsm/gc.h"
#include "lsm/guards.h"
#include "lsm/memtable.h"
#include "lsm/options.h"
#include "lsm/snapshot.h"
#include "lsm/sst_output.h"
#include "lsm/stats.h"
#include "lsm/superversion.h"
#include "lsm/table_cache.h"
#include "lsm/value_gc.h"
#include "lsm/version_set.h"
#include "lsm/wal_writer.h"
#include "lsm/write.h"
#include "ttrunks.h"

/* An immutable memtable that waits for its flush. */
struct immutable {
	struct memtable *mem; /* a reference */
	uint64_t log_end;     /* LSN: its log lies below */
	uint64_t no;	      /* rises with every switch */
};

/* A range that tt_compact() waits for. */
struct manual_compaction {
	struct tt_slice lower, upper; /* empty: unbounded; borrowed */
	bool is_done;
	struct err_saved err;
};

struct value_log;

struct tt {
	/* set in tt_open(), then constant */
	struct db_config cfg;
	struct tt_options *opts; /* what cfg came from; owned */
	bool is_options_ignored; /* STORE/OPTIONS could not be used */
	struct env *env;
	char *dir;
	struct env_lock *lock;
	struct log_sink *log;
	struct counters *counters;
	struct block_cache *blocks;
	struct table_cache *tables;
	struct value_log *values;
	struct gc *gc;
	struct wal *wal;
	struct write_queue *queue;
	struct thread_pool *pool;

	struct clock clk;	 /* see clock.h */
	struct version_set vs;	 /* has a lock of its own */
	struct snapshots snaps;	 /* has a lock of its own */
	struct gaps gaps;	 /* see gaps.h */
	struct slot_cache slots; /* cached references to sv */
	struct slot_cache iters; /* iterators at rest; see db_iter.c */

	struct mutex mu;     /* RANK_DB; never held across I/O */
	struct cond changed; /* of mu: anything below changed */
	/* guarded by mu */
	struct superversion *sv; /* a reference */
	struct immutable *imms;	 /* oldest first */
	uint32_t n_imms, cap_imms;
	uint64_t next_imm_no;
	uint64_t flushed_no; /* every immutable up to it is in tables */
	bool is_flushing;
	bool is_compacting;
	bool merges_at_rest;	/* decided by the last flush */
	bool is_short_of_space; /* the flush waits for room; err says why */
	uint64_t n_flush_tries; /* flushes that have begun, and the last of … */
	uint64_t failed_flush_try; /* … them that found no room */
	uint64_t n_resumes;	   /* by tt_resume() */
	struct manual_compaction *manual;
	uint32_t n_flush_waits; /* who waits for a flush: no pacing */
	/* pace.c: when the next bytes are due, how fast memtables fill */
	uint64_t compaction_due_ns, flush_due_ns;
	uint64_t ingest, last_switch_ns;
	uint64_t flush_weight;	/* of the last memtable, with its values */
	struct err_saved err;	/* code 0: background work is well */
	uint32_t value_brake;	/* ns per KiB of separated values; see room.c */
	uint64_t values_due_ns; /* when the next of them may be written */
	/* code 0, or the damaged table that stands in compaction's way */
	struct err_saved compaction_err;
	/* only tasks in the pool touch these while they are queued */
	struct pool_task flush_task, compact_task, gc_task, wake_task;

	/* owned by the flush task (the opener before) */
	struct guards guards;

	/* owned by the compaction task; its sizes are constant */
	struct picker picker;
	struct value_gc values_gc; /* see value_gc.h for its flags */

	/* owned by the leader of the write queue (the opener before) */
	struct memtable *active; /* borrowed from sv */
	uint64_t owed_ns;	 /* delay not yet waited for */

	/* Stored under mu by whoever changes the debt; loaded by the leader,
	 * relaxed: how hard to brake is an estimate. See room.h. */
	_Atomic uint32_t brake;
	/* Stored under mu: tables wait to be compacted until nobody reads at a
	 * time before this one, or some a later one; TS_NEWEST: none. Loaded
	 * by who has removed a snapshot; ordered by the lock of the
	 * snapshots. */
	_Atomic int64_t waits_for;
	/* Stored by the leader when it switches, loaded by iterators, relaxed:
	 * later writes are in the active memtable. */
	_Atomic int64_t active_since;
	/* Added to by iterators, set to 0 by the leader, loaded by it, all
	 * relaxed: steps over deleted keys of the active memtable. */
	_Atomic uint64_t dead_steps;
	/* Stored under mu with release by tt_close(), loaded by background
	 * tasks, acquire. */
	_Atomic bool is_closing;
};

static inline void db_count(struct tt *db, enum db_stat s, uint64_t v)
{
	counter_add(db->counters, s, v);
}

/* ---- superversions (db.c) --------------------------------------------- */

/* A reference to the current superversion; no lock on the usual path. */
struct superversion *db_acquire(struct tt *db, struct slot_token *token);
void db_release(struct tt *db, const struct slot_token *token,
		struct superversion *sv);
/* One for who keeps it for longer: superversion_unref() it. */
struct superversion *db_reference(struct tt *db);

/*
 * Replaces the superversion by one of the present active memtable, imms and
 * `v`. Returns the old one, for db_retire(), or NULL when memory is out:
 * nothing has changed then.
 */
struct superversion *db_install_locked(struct tt *db, struct memtable *active,
				       struct version *v) REQUIRES(db->mu);

/* Lets go of a superversion that was replaced; not under the lock. NULL does
 * nothing. */
void db_retire(struct superversion *old);

/* ---- iterators at rest (db_iter.c) -------------------------------------- */

/* Takes them all out of their slots; any lock may be held. */
struct tt_iter *db_sweep_iters(struct tt *db);
/* Frees what a sweep gave; not under a lock. */
void db_free_iters(struct tt_iter *list);

/* How this store writes tables; level and group are the caller's. */
void db_output_options(struct tt *db, struct sst_output_options *out);

/* Bytes of the store's files on disk. */
uint64_t db_disk_bytes(struct tt *db);

/* ---- errors ----------------------------------------------------------- */

/* 0, or the failure that stopped background work, as this thread's own. */
int db_check_locked(struct tt *db) REQUIRES(db->mu);

#endif
