/* SPDX-License-Identifier: MIT */
/*
 * Running a compaction: the picked inputs merged into new tables.
 *
 * What lives on of each key is version_filter.h's to say. Within a pick nothing
 * older than its records can lie beside them, since level 0 gives its oldest
 * runs first; so only the levels below the outputs are asked.
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

struct block_cache;
struct compact_pick;
struct merge_function;
struct retained_times;
struct table_cache;
struct version_edit;

struct compact_job {
	const struct compact_pick *pick; /* not a move */
	struct table_cache *tables;
	struct block_cache *blocks; /* lends read-ahead memory; NULL: none */
	/* Where tables go; level and group are set by the run. */
	struct sst_output_options output;
	/*
	 * The moments that must stay readable. Taken when the job begins: a
	 * later snapshot is newer than all that the inputs hold.
	 */
	const struct retained_times *times;
	const struct merge_function *merge;
	/* Asked now and then; true ends the run with TT_ECLOSED. */
	bool (*should_stop)(void *arg);
	void *stop_arg;
};

struct compact_result {
	uint64_t bytes_read, bytes_written;
	uint64_t records_in, records_out;
};

/* Fills `edit` (initialized, empty) with the tables made and dropped, and how
 * far back reads still find everything. */
int compact_run(const struct compact_job *job, struct version_edit *edit,
		struct compact_result *out);

#endif
