/* SPDX-License-Identifier: MIT */
/*
 * Chunks of memory for memtables, used again. A memtable is filled at the
 * speed of a copy; to have the kernel clear as much memory for the next one
 * would be a tenth of all processor time of a load, paid by the writer.
 *
 * Process-wide and thread-safe. The chunks in use and those kept never exceed
 * what was in use at some moment. A chunk given back is kept only while
 * some more are in use than kept, and when none is in use, none is kept.
 */
#ifndef LSM_CHUNK_POOL_H
#define LSM_CHUNK_POOL_H

#include <stdbool.h>
#include <stddef.h>

#define CHUNK_BYTES ((size_t)2 << 20)

/* A chunk with any contents, or NULL when memory is out. `huge`: that it
 * will be filled, so that huge pages pay. */
void *chunk_pool_take(bool huge);

void chunk_pool_give(void *chunk);

#endif
