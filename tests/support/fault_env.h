/* SPDX-License-Identifier: MIT */
/*
 * An environment that fails on command. It sits on another one (the real
 * operating system, in a temporary directory) and can
 *
 *	fail the n-th call of a kind, once or from then on;
 *	run out of space, after a number of bytes or at a size of all files;
 *	tear the write that fails (write a random part of it);
 *	lose pages in the sync that fails;
 *	cut the power: what was not synced is gone.
 *
 * How a power cut works: files live under `root` as usual, so killing the
 * process (dropping the env) keeps everything that was written, stores into
 * mappings included. Beside them the env remembers what a disk would have:
 * for each file the bytes at its last sync, and for each directory the names
 * at its last sync. fault_env_cut() rebuilds `root` from that. Stricter than
 * real disks where they differ: syncing a file does not make its name
 * durable, and syncing a mapped range makes only that range durable.
 *
 * The same seed and the same calls give the same damage. Thread-safe: calls
 * are serialized by one lock, which makes it slow and the count of calls
 * exact. All paths given to it must lie under `root`.
 */
#ifndef TESTS_SUPPORT_FAULT_ENV_H
#define TESTS_SUPPORT_FAULT_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"

/* Kinds of calls, for masks. */
enum fault_kind {
	FAULT_OPEN = 1,
	FAULT_READ = 2,
	FAULT_WRITE = 4, /* write and append */
	FAULT_SYNC = 8,	 /* sync and map_sync */
	FAULT_SYNC_DIR = 16,
	FAULT_RENAME = 32,
	FAULT_UNLINK = 64,
	FAULT_ALLOCATE = 128, /* allocate and truncate */
	FAULT_MAP = 256,      /* map and populate */
	FAULT_LINK = 512,
	FAULT_MKDIR = 1024,
	FAULT_LIST = 2048, /* list and stat */
	FAULT_LOCK = 4096,
	FAULT_CLOSE = 8192, /* the file is closed all the same */
	FAULT_ANY = (1 << 14) - 1,
	/* what changes the disk */
	FAULT_MUTATING = FAULT_WRITE | FAULT_SYNC | FAULT_SYNC_DIR |
			 FAULT_RENAME | FAULT_UNLINK | FAULT_ALLOCATE |
			 FAULT_LINK | FAULT_MKDIR,
};

enum fault_span { FAULT_ONCE, FAULT_FROM_THEN_ON };

/* What survives of unsynced changes when the power is cut. */
enum fault_cut {
	CUT_STRICT, /* nothing */
	/* As disks do: any subset of unsynced pages (some torn in the middle),
	 * any prefix of unsynced directory changes. */
	CUT_RANDOM,
	/* Everything: like killing the process, and as if no sync had failed. */
	CUT_NOTHING_LOST,
};

struct fault_env;

/* Wraps `base` for the directory `root`, whose present contents count as
 * durable. 0 with *out set, or negative. */
int fault_env_new(struct env *base, const char *root, uint64_t seed,
		  struct fault_env **out);

/* All its files, maps and locks must have been closed. */
void fault_env_free(struct fault_env *f);

/* The environment to hand to the code under test; lives as long as `f`. */
struct env *fault_env_env(struct fault_env *f);

/*
 * The `nth` call (1: the next) among the kinds in `mask` fails with -err;
 * every later one too with FAULT_FROM_THEN_ON. Replaces an earlier order.
 */
void fault_env_fail(struct fault_env *f, unsigned mask, uint64_t nth, int err,
		    enum fault_span span);

/* From now on only calls whose path has this in it count for the order and
 * fail; NULL: all. Borrowed, until taken back or cleared. */
void fault_env_only(struct fault_env *f, const char *part);

/* Writes that fail by order first write a random part of their bytes. */
void fault_env_tear_writes(struct fault_env *f, bool on);

/*
 * Syncs that fail by order lose pages: the file goes on to show them, a later
 * sync succeeds without writing them, and only reading with ENV_DIRECT tells,
 * also after the death of the process (fault_disk.h).
 */
void fault_env_lose_pages(struct fault_env *f, bool on);

/* After `bytes` more bytes written or allocated: -ENOSPC, also for creating
 * files and directories. UINT64_MAX: no limit. */
void fault_env_limit_bytes(struct fault_env *f, uint64_t bytes);

/* The files may take this many bytes in all; those removed make room again.
 * -ENOSPC beyond. UINT64_MAX: no limit. */
void fault_env_limit_disk(struct fault_env *f, uint64_t bytes);

/* What they take now. */
uint64_t fault_env_used(struct fault_env *f);

/* Pages that failed syncs have lost so far. */
uint64_t fault_env_lost(struct fault_env *f);

/* Takes back fail, only, tear, lose and limits. */
void fault_env_clear(struct fault_env *f);

/* Calls of the kinds in `mask` so far, failed ones included. */
uint64_t fault_env_calls(struct fault_env *f, unsigned mask);

/* How many calls failed by order. */
uint64_t fault_env_failed(struct fault_env *f);

/* Moves both clocks forward (they run by themselves too). */
void fault_env_advance_us(struct fault_env *f, int64_t us);

/* Sets the wall clock, and no other, forward or back. */
void fault_env_step_wall_us(struct fault_env *f, int64_t us);

/*
 * Cuts the power: rebuilds `root` as the disk would be found, and fails every
 * later call on this env with -EIO (closing and unlocking succeed) until
 * fault_env_power_on(). Stores into mappings made before go nowhere.
 */
int fault_env_cut(struct fault_env *f, enum fault_cut how);

/* Power is back: what is in `root` now counts as durable. Files and maps
 * opened before stay dead; close them. Orders are taken back. */
int fault_env_power_on(struct fault_env *f);

#endif
