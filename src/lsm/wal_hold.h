/* SPDX-License-Identifier: MIT */
/*
 * Copying the log while it is written.
 *
 * Segments are recycled: once released, a file is given another number and
 * written anew. A hold keeps all of them as they are until it is dropped;
 * what is written meanwhile goes to further segments. Holds are short: the
 * log grows by all that is written while there is one.
 *
 * Records are only ever added behind wal_end(), so the bytes below a place
 * taken from it do not change any more: they may be read from the files while
 * writers go on. A segment before the one of that place is complete and may
 * be linked instead. A linked file is never recycled, in this store or in the
 * one that has the link: whoever is about to looks at the number of its names.
 */
#ifndef LSM_WAL_HOLD_H
#define LSM_WAL_HOLD_H

#include <stddef.h>
#include <stdint.h>

struct env;
struct wal;

/* From now on nothing is released; any number of holds at a time. */
void wal_hold(struct wal *w);
/* What was to be released meanwhile is, with the last hold. */
void wal_unhold(struct wal *w);

/* A segment's share of a range of the log: its bytes up to `end`. */
struct wal_piece {
	uint32_t no;
	uint32_t end;
};

/*
 * The segments that hold the log from `from` up to `to`, first to last; none
 * when both are the same place. Both are places that the log has or had as
 * its end, `from` not below what has been released. Under a hold. free(*out).
 */
int wal_pieces(struct wal *w, uint64_t from, uint64_t to,
	       struct wal_piece **out, size_t *out_n);

/*
 * Makes the segments before number `no` durable in their own files, also where
 * wal_durable() is beyond them because tables hold the same. A failure poisons
 * the log.
 */
int wal_sync_before(struct wal *w, uint32_t no);

/*
 * Checks that the segment file at `path`, under whatever name, has a valid
 * record at offset `from` and others, back to back, up to exactly `to`.
 * TT_ECORRUPT naming the place when not.
 */
int wal_check_records(struct env *env, const char *path, uint32_t from,
		      uint32_t to);

#endif
