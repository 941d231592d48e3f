/* SPDX-License-Identifier: MIT */
/*
 * The engine's API over a sorted array in memory, with every version of every
 * key kept: slow, obvious, and so a model of the engine. It defines the same
 * tt_* functions that the tree uses: link it instead of the engine, never
 * beside it.
 *
 * A "directory" is a name. Stores stay when they are closed, so that they can
 * be opened again; mem_engine_forget() drops one.
 */
#ifndef TESTS_SUPPORT_MEM_ENGINE_H
#define TESTS_SUPPORT_MEM_ENGINE_H

#include <stdint.h>

#include "ttrunks.h"

void mem_engine_forget(const char *dir);

/* Writes fail with `code` from the n-th on (1: the next); 0 ends that. */
void mem_engine_fail_writes(struct tt *db, uint64_t nth, int code);

/*
 * `fn` is called once, before the next read of the one row `key` (kept by the
 * caller until then): what it does comes between what the reader did before
 * and that read. NULL ends that. No lock of the engine is held.
 */
void mem_engine_before_get(struct tt *db, struct tt_slice key,
			   void (*fn)(void *arg), void *arg);

/* As after a crash that lost everything newer than `ts`. The store is
 * closed. */
void mem_engine_cut(const char *dir, int64_t ts);

#endif
