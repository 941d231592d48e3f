/* SPDX-License-Identifier: MIT */
#include "lsm/chunk_pool.h"

#include <sys/mman.h>

#include "base/mutex.h"

/* More are not kept: 64 MiB. */
#define MAX_KEPT 32
/* A store of small memtables keeps none: its budget is small as well. */
#define LEAST_USED 4

static struct mutex mu = MUTEX_INIT(RANK_CHUNK_POOL);
/* guarded by mu */
static void *kept[MAX_KEPT];
static size_t n_kept;
static size_t n_used;

void *chunk_pool_take(bool huge)
{
	void *p = NULL;

	mutex_lock(&mu);
	if (n_kept)
		p = kept[--n_kept];
	n_used++;
	mutex_unlock(&mu);
	if (p)
		return p;
	p = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		mutex_lock(&mu);
		n_used--;
		mutex_unlock(&mu);
		return NULL;
	}
	/* A hint: without huge pages all works as well, but slower. */
	if (huge)
		(void)madvise(p, CHUNK_BYTES, MADV_HUGEPAGE);
	return p;
}

void chunk_pool_give(void *chunk)
{
	void *gone[MAX_KEPT + 1];
	size_t n_gone = 0;

	mutex_lock(&mu);
	n_used--;
	if (n_kept < MAX_KEPT && n_kept + LEAST_USED <= n_used)
		kept[n_kept++] = chunk;
	else
		gone[n_gone++] = chunk;
	while (n_used == 0 && n_kept)
		gone[n_gone++] = kept[--n_kept];
	mutex_unlock(&mu);
	while (n_gone) /* mappings of ours, whole: cannot fail */
		(void)munmap(gone[--n_gone], CHUNK_BYTES);
}
