/* SPDX-License-Identifier: MIT */
/*
 * The log writer's state, shared by wal_writer.c (append, sync, open, close)
 * and wal_prepare.c (the thread that keeps segments ready). Internal to
 * wal_*.c.
 *
 * A segment file is in one of these places:
 *
 *	free      no part of the log, known by number only     free
 *	ready     open, mapped, in memory, without a link      ready
 *	current   appended to                                  current
 *	used      full; its records are still needed           used
 *	released  records no longer needed, not yet handled    released
 *
 *	(new) -> ready -> current -> used -> released -> free -> ready
 *
 * A released segment of another size, or one too many, is removed. So is one
 * that has a second name: a checkpoint has linked it, and it must stay as it
 * is. While the log is held (wal_hold.c), nothing is released. Only the
 * preparer makes, unmaps, closes and removes segments while the log is open,
 * and it does so without the lock.
 */
#ifndef LSM_WAL_IMPL_H
#define LSM_WAL_IMPL_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/mutex.h"
#include "base/thread_pool.h"
#include "lsm/wal_segment.h"
#include "lsm/wal_writer.h"

#define WAL_MAX_FREE 64
#define WAL_PAGE 4096u
/* The first new segment of a log; each one after it is twice as large, up to
 * the usual size. So a store that writes little prepares little, and its
 * first write does not wait long. */
#define WAL_FIRST_BYTES (1u << 20)
/* Room for the header and one record of any size. */
#define WAL_SEGMENT_MAX ((uint64_t)3 << 30)

struct wal_free {
	uint32_t no;
	bool is_raw; /* as in struct wal_segment */
};

/* Callers that wait for the same sync. */
struct sync_turn {
	/* They sleep on it. Changed under the lock when the turn is over, and
	 * when it wants a leader; loaded there, and by the kernel. */
	_Atomic uint32_t word;
	uint32_t n_waiting; /* guarded by the lock */
};

struct wal {
	/* set in wal_open(), then constant */
	struct env *env;
	char *dir;
	struct wal_options opts;

	/* owned by the appender; set with the lock held too, so that holders
	 * may look */
	struct wal_segment *current;
	uint32_t pos; /* offset of the next record in it */

	/* stored by the appender with release after the record's bytes, and
	 * loaded with acquire by who syncs up to there */
	_Atomic uint64_t end;
	/* stored under the lock with release after the device flush, loaded
	 * with acquire by anybody */
	_Atomic uint64_t durable;
	/* 0 or the code that poisoned the log; stored under the lock, a hint
	 * for who loads it without */
	_Atomic int poison;

	struct mutex mu; /* RANK_WAL; never held across I/O */
	/* guarded by mu */
	struct cond prepare; /* work for the preparer */
	struct cond ready_change;
	struct cond closed; /* a used segment's file or mapping */
	struct cond tick;   /* the syncer sleeps on it */
	bool is_stopping;
	struct err_saved poison_why;
	/* segments */
	struct wal_segment *ready;
	uint64_t want_bytes; /* smallest segment that is of use */
	uint64_t new_bytes;  /* size of the next new one */
	bool has_failed;     /* preparing did, and why: */
	bool is_synced;	     /* somebody has asked for a sync: no raw ones */
	struct err_saved failed_why;
	struct list_node used;
	uint32_t n_used;
	uint32_t max_used; /* the most there ever were */
	struct list_node released;
	struct wal_free free[WAL_MAX_FREE];
	uint32_t n_free;
	uint32_t next_no;
	/* holds, and the release that waits for them */
	uint32_t n_holds;
	uint64_t held_release;
	/* syncing; see wal_sync.c */
	bool is_syncing;   /* a caller leads the turn turn_no */
	bool is_gathering; /* and sleeps in it until others come */
	uint64_t turn_no;  /* the last one that began */
	/* The last one that ended; stored with release, and loaded by who was
	 * woken, with acquire and without the lock. */
	_Atomic uint64_t turn_over;
	uint64_t turn_end;	   /* LSN: what is below will be durable */
	struct sync_turn turns[2]; /* that one and the next, in turns */
	uint32_t n_expected;	   /* callers that the next one may answer */
	uint64_t sync_ns;	   /* what the last one took */
	uint64_t n_syncs;
	uint64_t n_sync_waits;
	uint64_t n_created;
	uint64_t n_recycled;
	uint64_t n_segment_waits;
	/* stored by the appender, loaded by wal_get_stats(), relaxed */
	_Atomic uint64_t n_records;
	_Atomic uint64_t n_bytes;

	struct thread_pool *threads;
	struct pool_task prepare_task;
	struct pool_task sync_task;
};

/* The preparer's thread; returns when is_stopping. */
void wal_prepare_run(void *arg);

/* The syncer's thread; returns when is_stopping. */
void wal_sync_run(void *arg);

/* wal_sync() of who is no user of the log. */
int wal_sync_to(struct wal *w, uint64_t lsn);

/* Whether nothing is needed of a segment below `lsn`. */
bool wal_segment_is_below(const struct wal_segment *s, uint64_t lsn);

/* Whether the file of a segment may be written anew: nobody has linked it. */
bool wal_segment_is_ours(struct wal *w, uint32_t no);

/* Gives up the used segments below `lsn`. */
void wal_release_locked(struct wal *w, uint64_t lsn) REQUIRES(w->mu);

/* The first used segment that is not durable, not beyond segment `no`. */
struct wal_segment *wal_first_unsynced_locked(struct wal *w, uint32_t no)
	REQUIRES(w->mu);

/*
 * Makes durable what has been written by now, or waits for another who does,
 * until what is below `lsn` may be durable; ask again. Comes back without the
 * lock. A failure poisons the log.
 */
int wal_sync_turn_unlock(struct wal *w, uint64_t lsn) RELEASE(w->mu);

/* The failure of whoever comes to a poisoned log. */
int wal_refuse(struct wal *w);

#endif
