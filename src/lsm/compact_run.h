/* SPDX-License-Identifier: MIT */
/*
 * Running a compaction: the picked inputs merged into new tables.
 *
 * Of each key the versions are kept that somebody can still read: the newest,
 * and for every snapshot the newest at or before it. A tombstone goes when no
 * snapshot is older than it and no level below the outputs may hold the key:
 * then there is nothing left for it to hide. Within a pick nothing older can
 * lie beside it, since level 0 gives its oldest runs first.
 *
 * The result is an edit; nothing changes until the caller applies it. On
 * failure the new tables are removed.
 */
#ifndef LSM_COMPACT_RUN_H
#define LSM_COMPACT_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lsm/sst_output.h"

struct compact_pick;
struct table_cache;
struct version_edit;

struct compact_job {
	const struct compact_pick *pick; /* not a move */
	struct table_cache *tables;
	/* Where tables go; level and group are set by the run. */
	struct sst_output_options output;
	/*
	 * Timestamps of the live snapshots, ascending. Taken when the job
	 * begins: a later snapshot is newer than all that the inputs hold.
	 */
	const int64_t *snapshots;
	size_t n_snapshots;
	/* Asked now and then; true ends the run with TT_ECLOSED. */
	bool (*should_stop)(void *arg);
	void *stop_arg;
};

struct compact_result {
	uint64_t bytes_read, bytes_written;
	uint64_t records_in, records_out;
};

/* Fills `edit` (initialized, empty) with the tables made and dropped. */
int compact_run(const struct compact_job *job, struct version_edit *edit,
		struct compact_result *out);

/*
 * Does somebody need a version of a key of timestamp `ts`, when the next
 * newer version has `newer_ts` (TS_NEWEST: there is none)?
 */
bool version_is_needed(const int64_t *snapshots, size_t n, int64_t ts,
		       int64_t newer_ts);

#endif
