/* SPDX-License-Identifier: MIT */
/*
 * Writing the log: records are stores into mapped, prewritten segments, so
 * an append is a copy and two checksums, no system call; it survives the
 * death of the process as it stands, and power loss once wal_sync() covers
 * it.
 *
 * Two threads stand by. The preparer keeps the next segment ready (recycled
 * when there is a released one, else made anew, and written with zeros and
 * synced if anybody has called wal_sync() yet; mapped, in memory), unmaps used ones and removes what is over the bound. The
 * syncer makes the log durable at least every sync_interval.
 *
 * Callers. wal_append() has one caller at a time (the leader of the write
 * queue); everything else any thread at any time between open and close.
 *
 * Failures. No room for a new segment: the append fails (-ENOSPC) with
 * nothing written, and the next one tries again. A failed sync leaves
 * unknown what is on disk: the log is poisoned, all who wait get the error,
 * and every later append and sync fails with TT_EPOISONED.
 */
#ifndef LSM_WAL_WRITER_H
#define LSM_WAL_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/slice.h"
#include "lsm/wal_format.h"
#include "lsm/wal_reader.h"

struct wal;

struct wal_options {
	uint32_t segment_bytes;	   /* 0: 16 MiB; rounded up to 4 KiB. The first
				    * ones of a log are smaller */
	uint32_t max_free;	   /* released segments kept for reuse at least
				    * (at most: as many as were in use at a
				    * time); 0: 4 */
	uint64_t sync_interval_ms; /* 0: only on request */
	/* Makes durable, before a sync of the log counts, what the records
	 * written by then rely on; its failure is one of the sync. May be
	 * NULL. */
	int (*sync_before)(void *arg);
	void *sync_arg;
};

/*
 * Continues the log in `dir` (made when missing) where `tail` says that it
 * ended. Makes what is there durable first; segments below
 * tail->next_segment_no that are part of the log stay until
 * wal_release_before() (which the opener calls with the LSN it replayed from,
 * for what a crash kept from being released). Needs no free disk space: without any, the first
 * append that needs a segment fails instead. `env` is kept.
 */
int wal_open(struct env *env, const char *dir, const struct wal_options *opts,
	     const struct wal_tail *tail, struct wal **out);

/*
 * Syncs, stops the threads and frees, also when it returns a failure of that
 * last sync. NULL does nothing.
 */
int wal_close(struct wal *w);

/*
 * Appends one record whose payload is the concatenation of `n` parts.
 * *out_end is the LSN behind it, for wal_sync(). -ENOSPC and other failures
 * to get a segment leave the log as it was.
 */
int wal_append(struct wal *w, int64_t ts, const struct tt_slice *parts,
	       size_t n, uint64_t *out_end);

/*
 * Returns when everything below `lsn` is durable. Callers share flushes: one
 * leads, and its flush covers whatever had been written when it began.
 */
int wal_sync(struct wal *w, uint64_t lsn);

/* The end of what has been written: the LSN of the next record, or a place
 * that the next segment's link will name. */
uint64_t wal_end(const struct wal *w);

/* The end of what is known to be durable. */
uint64_t wal_durable(const struct wal *w);

/*
 * The records below `lsn` are durable elsewhere (the manifest says so
 * durably): segments wholly below it are recycled or removed.
 */
void wal_release_before(struct wal *w, uint64_t lsn);

/* 0, or the code that poisoned the log. */
int wal_poisoned(const struct wal *w);

/* The same as appends see it: 0, or TT_EPOISONED with a text that says why. */
int wal_check(struct wal *w);

struct wal_stats {
	uint64_t n_records;
	uint64_t n_bytes;      /* of payload */
	uint64_t n_syncs;      /* device flushes */
	uint64_t n_sync_waits; /* calls that a flush answered */
	uint64_t n_created;    /* segments written anew */
	uint64_t n_recycled;
	uint64_t n_segment_waits; /* appends that waited for a segment */
	uint64_t n_segments;	  /* in the directory now, free ones too */
	uint64_t disk_bytes;	  /* what those take */
};
void wal_get_stats(struct wal *w, struct wal_stats *out);

#endif
