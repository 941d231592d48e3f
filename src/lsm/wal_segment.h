/* SPDX-License-Identifier: MIT */
/*
 * Segment files as the writer handles them, one at a time: making, reviving,
 * closing. Internal to wal_*.c; no locking here.
 */
#ifndef LSM_WAL_SEGMENT_H
#define LSM_WAL_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/list.h"

/*
 * A segment that belongs to the log, or is about to. Its list link and flags
 * are guarded by the lock of its wal; file and map are set before others see
 * it and closed by the preparer while no sync uses it.
 */
struct wal_segment {
	struct list_node link; /* in wal.used, in order of numbers */
	uint32_t no;
	uint32_t bytes;	       /* of the file */
	uint32_t end;	       /* of its records, once it is used up */
	uint32_t synced_to;    /* durable from the start up to here */
	bool is_synced;	       /* durable up to `end` */
	bool is_syncing;       /* in use by a sync … */
	bool is_closing;       /* … or by the preparer, never by both */
	bool is_raw;	       /* made without zeros and not synced since */
	struct env_file *file; /* NULL once closed */
	struct env_map *map;   /* NULL once unmapped */
};

/*
 * Makes the file of segment `no`, opens and maps it: `bytes` bytes of space
 * that is reserved and reads as zeros; written and synced zeros unless
 * `is_raw`. Leaves nothing behind when it fails.
 */
int wal_segment_create(struct env *env, const char *dir, uint32_t no,
		       uint32_t bytes, bool is_raw, struct wal_segment **out);

/* Makes segment `no` out of the file of the finished segment `old_no`. On
 * failure the file has one of the two names. */
int wal_segment_revive(struct env *env, const char *dir, uint32_t old_no,
		       uint32_t no, uint32_t bytes, struct wal_segment **out);

/* Unmaps, closes (both if open) and frees. Closing errors cost nothing: what
 * had to be durable was synced before. */
void wal_segment_free(struct wal_segment *s);

void wal_segment_unmap(struct wal_segment *s);
void wal_segment_close(struct wal_segment *s);

/* Writes the link, which makes the segment part of the log. */
void wal_segment_link(struct wal_segment *s, uint64_t lsn);

/* Removes the file of segment `no`. */
int wal_segment_unlink(struct env *env, const char *dir, uint32_t no);

#endif
