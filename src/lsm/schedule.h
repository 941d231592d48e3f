/* SPDX-License-Identifier: MIT */
/*
 * Background work: what runs when, and what happens when it fails.
 *
 * One flush and one compaction at a time, on the two threads of the store's
 * pool; flushes go first. Every task does one piece and asks again. What is
 * kept for readers of the past becomes due when the last of them goes, or with
 * time: then, and only if there is any, a store at rest is woken.
 *
 * Failures. Out of disk space: the flush or compaction is tried again as room
 * appears (looked for twice a second, and whenever something was removed);
 * meanwhile writes go on until the memtables are full and then fail with
 * -ENOSPC. A table that compaction cannot read ends compaction; reads and
 * writes go on. Anything else stops background work: writes fail with what
 * happened, reads go on. tt_resume() (health.c) starts it again; what had begun
 * before, and fails afterwards, is tried again and stops nothing.
 */
#ifndef LSM_SCHEDULE_H
#define LSM_SCHEDULE_H

#include "base/compiler.h"
#include "lsm/db.h"

struct version_edit;

/* Prepares the tasks. */
void schedule_init(struct tt *db);

/* Starts whatever is due and does not run. */
void schedule_locked(struct tt *db) REQUIRES(db->mu);

/* Writes an edit to the manifest and shows the version that it makes. */
int schedule_apply(struct tt *db, struct version_edit *edit);

/* gc's wake: somebody must run it soon. `arg` is the struct tt. */
void schedule_gc(void *arg);

/* A snapshot of that time has been removed: what waited for it may be due. */
void schedule_snapshot_gone(struct tt *db, int64_t ts);

/* Waits until every immutable memtable up to number `no` is in tables. */
int schedule_wait_flushed(struct tt *db, uint64_t no);

/* Runs a manual compaction and waits for its end. */
int schedule_manual(struct tt *db, struct manual_compaction *m);

/* Makes background work end soon; waits for it and stops the threads. */
void schedule_stop(struct tt *db);

#endif
