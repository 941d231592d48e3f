/* SPDX-License-Identifier: MIT */
/*
 * One segment read through a window of bounded size: its header, the record
 * at an offset, the next valid one behind an offset. Internal to wal_*.c.
 * What is on disk is hostile: nothing here trusts a length.
 *
 * It is read past the page cache. After a failed sync that may go on to show
 * bytes that are not on the disk and that no later sync will write; a log
 * continued behind them would end before them after the next power cut.
 */
#ifndef LSM_WAL_SCAN_H
#define LSM_WAL_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/direct.h"
#include "base/env.h"
#include "lsm/wal_format.h"

struct wal_scan {
	struct env_file *file;
	struct buf path;
	uint32_t segment_no; /* as the name says */
	uint64_t file_bytes;
	/* the header */
	bool is_segment; /* it verifies and has the number of the name */
	bool has_link;
	uint64_t link;
	struct direct_window window;
};

struct wal_scan_record {
	uint64_t lsn;
	uint64_t next; /* offset behind it */
	int64_t ts;
	uint64_t durable;
	struct tt_slice payload; /* valid until the scan reads on */
};

void wal_scan_init(struct wal_scan *s);
void wal_scan_fini(struct wal_scan *s);

/*
 * Opens segment `no` of `dir` and reads its header. A file too short or with
 * a broken header is no failure: is_segment is false then. TT_EVERSION for a
 * sound header of an unknown version. -ENOENT when there is no file.
 */
int wal_scan_open(struct wal_scan *s, struct env *env, const char *dir,
		  uint32_t no);
/* The same for any path; the number is the header's. */
int wal_scan_open_path(struct wal_scan *s, struct env *env, const char *path);

/* The record at `off`: 1 and *out, 0 when none verifies there, < 0. */
int wal_scan_record(struct wal_scan *s, uint64_t off,
		    struct wal_scan_record *out);

/* The first record at or behind `off`, at any aligned place: 1, 0, < 0. */
int wal_scan_find(struct wal_scan *s, uint64_t off,
		  struct wal_scan_record *out);

/* The numbers of the segment files in a directory, rising. */
struct wal_file_list {
	uint32_t *nos; /* free() */
	size_t n, cap;
};

/* A missing directory is an empty one. On failure too, free(l->nos). */
int wal_list_files(struct env *env, const char *dir, struct wal_file_list *l);

#endif
