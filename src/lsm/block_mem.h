/* SPDX-License-Identifier: MIT */
/*
 * Memory for blocks. A cache of blocks is the largest thing in memory and is
 * read at random: on ordinary pages nearly every read would begin with a miss
 * of the address translation. So blocks live in regions of 2 MiB for which
 * huge pages are asked, and freed memory is reused for the next block of
 * about that size, without a search.
 *
 * Process-wide and thread-safe; one lock, held for a few stores.
 */
#ifndef LSM_BLOCK_MEM_H
#define LSM_BLOCK_MEM_H

#include <stddef.h>

/* Larger ones come from malloc(). */
#define BLOCK_MEM_MAX ((size_t)32 << 10)

/* What an allocation of `n` bytes really takes. */
size_t block_mem_size(size_t n);

/* At least `n` bytes, aligned to a cache line; NULL when memory is out. */
void *block_mem_alloc(size_t n);

/* `n` is what was asked for, or its block_mem_size(). */
void block_mem_free(void *p, size_t n);

/* Bytes of regions that exist now, in use or not. */
size_t block_mem_mapped(void);

#endif
