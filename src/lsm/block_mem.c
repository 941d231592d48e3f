/* SPDX-License-Identifier: MIT */
/*
 * A region is 2 MiB, aligned to its size, and consists of 16 spans. A span is
 * free, or serves one size class. Sizes are rounded up by a sixteenth of a
 * power of two at most. The region's head lies in its first span, so a
 * pointer leads to its region and span by masking.
 *
 * Invariants, with the lock held:
 *  1. A span with a class is in that class's list exactly when it has a slot
 *     to give.
 *  2. A region is in `regions` exactly when it has a free span.
 *  3. At most one region has no span in use: others are unmapped.
 */
#include "lsm/block_mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/list.h"
#include "base/mutex.h"

#define REGION_BYTES ((size_t)2 << 20)
#define SPAN_BYTES ((size_t)128 << 10)
#define N_SPANS (REGION_BYTES / SPAN_BYTES)
#define HEAD_BYTES ((size_t)4096)

/* Classes: 1 KiB, then sixteenths of each power of two up to 32 KiB. */
#define MIN_SHIFT 10
#define MAX_SHIFT 15
#define STEP_BITS 4
#define N_CLASSES (((MAX_SHIFT - MIN_SHIFT) << STEP_BITS) + 1)

/* A slot that was given back. */
struct free_slot {
	struct free_slot *next;
};

struct span {
	struct list_node link; /* see the invariants */
	struct free_slot *free;
	uint8_t *fresh; /* slots never given out: from here … */
	uint8_t *end;	/* … to here */
	uint32_t n_used;
	uint32_t slot_bytes; /* 0: the span is free */
	unsigned class;
};

struct region {
	struct list_node link;
	uint32_t n_free; /* spans */
	struct span spans[N_SPANS];
};
_Static_assert(sizeof(struct region) <= HEAD_BYTES, "region head");

static struct mutex mu = MUTEX_INIT(RANK_BLOCK_MEM);
/* guarded by mu */
static struct list_node classes[N_CLASSES]; /* made on first use */
static struct list_node regions = LIST_INIT(regions);
static bool is_made;
static size_t n_empty; /* regions without a span in use */
static size_t mapped;

/* The class of a size, and the size of a class. */
static unsigned class_of(size_t n)
{
	unsigned shift, step;

	if (n <= (size_t)1 << MIN_SHIFT)
		return 0;
	n--;
	shift = 63 - (unsigned)__builtin_clzll(n);
	step = (unsigned)(n >> (shift - STEP_BITS)) - (1u << STEP_BITS);
	return ((shift - MIN_SHIFT) << STEP_BITS) + step + 1;
}

static size_t class_bytes(unsigned class)
{
	unsigned shift, step;

	if (class == 0)
		return (size_t)1 << MIN_SHIFT;
	class --;
	shift = MIN_SHIFT + (class >> STEP_BITS);
	step = class & ((1u << STEP_BITS) - 1);
	return ((size_t)(1u << STEP_BITS) + step + 1) << (shift - STEP_BITS);
}

size_t block_mem_size(size_t n)
{
	return n > BLOCK_MEM_MAX ? ROUND_UP(n, (size_t)CACHE_LINE)
				 : class_bytes(class_of(n));
}

/* ---- regions --------------------------------------------------------------- */

/* Maps a region aligned to its size: twice as much, less what is over. */
static struct region *map_region(void)
{
	uint8_t *p, *aligned;
	size_t before;

	p = mmap(NULL, 2 * REGION_BYTES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	aligned = (uint8_t *)ROUND_UP((uintptr_t)p, (uintptr_t)REGION_BYTES);
	before = (size_t)(aligned - p);
	/* Unmapping the ends of our own mapping cannot fail for a reason
	 * that we could act on; what stays mapped is never touched. */
	if (before)
		(void)munmap(p, before);
	(void)munmap(aligned + REGION_BYTES, REGION_BYTES - before);
	/* A hint: without huge pages all works as well, but slower. */
	(void)madvise(aligned, REGION_BYTES, MADV_HUGEPAGE);
	return (struct region *)(void *)aligned;
}

static struct region *add_region_locked(void)
{
	struct region *r = map_region();

	if (!r)
		return NULL;
	r->n_free = N_SPANS;
	for (size_t i = 0; i < N_SPANS; i++)
		r->spans[i].slot_bytes = 0;
	list_push_front(&regions, &r->link);
	mapped += REGION_BYTES;
	n_empty++;
	return r;
}

static struct region *region_of(const void *p)
{
	return (struct region *)((uintptr_t)p & ~(uintptr_t)(REGION_BYTES - 1));
}

static struct span *span_of(const void *p)
{
	struct region *r = region_of(p);

	return &r->spans[((uintptr_t)p - (uintptr_t)r) / SPAN_BYTES];
}

/* A free span becomes one of `class`, listed there. */
static struct span *take_span_locked(unsigned class)
{
	struct list_node *n = list_first(&regions);
	struct region *r =
		n ? container_of(n, struct region, link) : add_region_locked();
	struct span *s;
	size_t i = 0;

	if (!r)
		return NULL;
	while (r->spans[i].slot_bytes)
		i++;
	s = &r->spans[i];
	s->free = NULL;
	s->fresh = (uint8_t *)r + i * SPAN_BYTES + (i ? 0 : HEAD_BYTES);
	s->end = (uint8_t *)r + (i + 1) * SPAN_BYTES;
	s->n_used = 0;
	s->class = class;
	s->slot_bytes = (uint32_t)class_bytes(class);
	list_push_front(&classes[class], &s->link);
	if (r->n_free == N_SPANS)
		n_empty--;
	if (--r->n_free == 0)
		list_remove(&r->link);
	return s;
}

/* A span without a used slot goes back; perhaps its region too. The region
 * to unmap is returned. */
static struct region *give_span_locked(struct span *s)
{
	struct region *r = region_of(s);

	list_remove(&s->link);
	s->slot_bytes = 0;
	if (r->n_free++ == 0)
		list_push_back(&regions, &r->link);
	if (r->n_free < N_SPANS)
		return NULL;
	if (n_empty == 0) {
		n_empty = 1;
		return NULL;
	}
	list_remove(&r->link);
	mapped -= REGION_BYTES;
	return r;
}

/* ---- slots ------------------------------------------------------------------- */

static bool has_slot(const struct span *s)
{
	return s->free || s->fresh + s->slot_bytes <= s->end;
}

static void *take_slot_locked(struct span *s)
{
	void *p = s->free;

	if (p) {
		s->free = s->free->next;
	} else {
		p = s->fresh;
		s->fresh += s->slot_bytes;
	}
	s->n_used++;
	if (!has_slot(s))
		list_remove(&s->link);
	return p;
}

static void make_lists_locked(void)
{
	for (size_t i = 0; i < N_CLASSES; i++)
		list_init(&classes[i]);
	is_made = true;
}

void *block_mem_alloc(size_t n)
{
	unsigned class = class_of(n);
	struct list_node *link;
	struct span *s;
	void *p = NULL;

	if (n > BLOCK_MEM_MAX)
		return aligned_alloc(CACHE_LINE, block_mem_size(n));
	mutex_lock(&mu);
	if (!is_made)
		make_lists_locked();
	link = list_first(&classes[class]);
	s = link ? container_of(link, struct span, link)
		 : take_span_locked(class);
	if (s)
		p = take_slot_locked(s);
	mutex_unlock(&mu);
	return p;
}

void block_mem_free(void *p, size_t n)
{
	struct region *gone = NULL;
	struct free_slot *slot = p;
	struct span *s;

	if (n > BLOCK_MEM_MAX) {
		free(p);
		return;
	}
	s = span_of(p);
	mutex_lock(&mu);
	assert(s->n_used > 0 && s->class == class_of(n));
	if (!has_slot(s))
		list_push_front(&classes[s->class], &s->link);
	slot->next = s->free;
	s->free = slot;
	if (--s->n_used == 0)
		gone = give_span_locked(s);
	mutex_unlock(&mu);
	if (gone)
		(void)munmap(gone, REGION_BYTES); /* as in map_region() */
}

size_t block_mem_mapped(void)
{
	size_t n;

	mutex_lock(&mu);
	n = mapped;
	mutex_unlock(&mu);
	return n;
}
