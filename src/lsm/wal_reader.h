/* SPDX-License-Identifier: MIT */
/*
 * Reading a log back: recovery, the dumper, tests.
 *
 * wal_replay() yields the longest valid prefix of the log from a given place.
 * The prefix ends at the first record that does not verify. That is normal
 * (a torn tail, silent) unless some valid record behind it was written when
 * the log was already durable beyond that point: then stored data was
 * damaged, which is TT_ECORRUPT with file and offset, and nothing is skipped.
 *
 * Reads through a window of bounded size; one record is in memory at a time.
 * Changes nothing on disk. Not for a directory whose writer is running.
 */
#ifndef LSM_WAL_READER_H
#define LSM_WAL_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/slice.h"
#include "lsm/wal_format.h"

/* Where and how a replay ended; what wal_open() continues from. */
struct wal_tail {
	uint64_t end_lsn;	  /* the end of the valid prefix */
	uint32_t next_segment_no; /* above every number ever used */
	int64_t last_ts;	  /* of the last record; 0 when none */
	uint64_t n_records;
	uint64_t n_bytes; /* of payload */
	uint64_t durable; /* the highest LSN up to which a record says that the
			   * log was durable */
	bool is_torn;	  /* there was something behind the end */
	/* The LSN of the record before which the caller ended the log, which
	 * is as valid as those before it; 0: none. See wal_cut(). */
	uint64_t cut_lsn;
};

/*
 * One record. `payload` lives for the call. TT_END ends the log before this
 * record, which is no failure; another return than 0 stops the replay and is
 * handed through.
 */
typedef int (*wal_record_fn)(void *arg, uint64_t lsn, int64_t ts,
			     struct tt_slice payload);

/*
 * Replays the segments in directory `dir` from `from_lsn` (0: the first log
 * of a new store). A missing or empty directory is an empty log. Payloads are
 * verified by checksum, not decoded.
 */
int wal_replay(struct env *env, const char *dir, uint64_t from_lsn,
	       wal_record_fn fn, void *arg, struct wal_tail *out);

/*
 * Makes the record at `lsn` invalid, durably: for a log that was ended before
 * it. Otherwise the next replay would find it, and what was written since
 * where it ended would not.
 */
int wal_cut(struct env *env, const char *dir, uint64_t lsn);

/* One segment by itself, for the dumper. */
struct wal_segment_info {
	uint32_t segment_no;
	bool has_link; /* part of a log; otherwise prepared only */
	uint64_t link;
	uint64_t file_bytes;
	uint64_t end_offset; /* behind the last valid record */
	uint64_t n_records;
};

/*
 * Reads one segment file from its first record to the first that does not
 * verify. `fn` may be NULL. TT_ECORRUPT when it is no segment, TT_EVERSION
 * when its version or features are unknown.
 */
int wal_read_segment(struct env *env, const char *path, wal_record_fn fn,
		     void *arg, struct wal_segment_info *out);

/* The number in a segment's file name, 0 for any other name. */
uint32_t wal_segment_no_of_name(const char *name);

/* Writes "DIR/NNNNNN.wal" with a final zero into `out` (replacing it). */
int wal_segment_path(struct buf *out, const char *dir, uint32_t segment_no);

#endif
