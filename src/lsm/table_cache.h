/* SPDX-License-Identifier: MIT */
/*
 * Open tables, bounded by memory (filters and indexes) and by descriptors.
 *
 * What it may have in memory is `max_bytes` of its own and, from the block
 * cache, up to `max_loan` more: to read a table's index again costs a hundred
 * times what a block costs. Tables that are pinned stay open beyond either;
 * their memory is borrowed all the same, so that both caches together keep to
 * one number.
 *
 * Whoever describes a table (the version's file entry) embeds a struct
 * table_slot. The cache opens the table when it is first wanted, once even
 * if several threads want it at the same time, and closes tables that have
 * not been used lately when a bound is exceeded; the slot stays.
 *
 * Two ways to use a table:
 *
 *	Point reads, on the hot path, write nothing that other threads read:
 *
 *		struct table_guard g;
 *
 *		table_guard_enter(tc, &g);
 *		for each table of interest:
 *			r = table_peek(tc, slot, &reader);
 *			... sst_get(reader, ...) ...
 *		table_guard_leave(tc, &g);
 *
 *	A reader from table_peek() is valid until the guard is left. Guards
 *	are for moments: memory of closed tables waits for them. They nest.
 *
 *	Iterators and compactions pin:
 *
 *		r = table_pin(tc, slot, &reader);
 *		... as long as it takes ...
 *		table_unpin(reader);
 *
 * Why guards are safe. Each thread has a slot of its own (base/token.h) where
 * it stores the epoch it entered in. Who closes a table first clears the
 * pointer in the table's slot, then moves to the next epoch, and frees the
 * reader only when no thread is inside a guard of the old epoch: a thread
 * that entered later found the pointer clear. All four accesses are
 * sequentially consistent.
 *
 * Thread-safe, except that a slot's init and fini exclude everything else
 * about that slot.
 */
#ifndef LSM_TABLE_CACHE_H
#define LSM_TABLE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/token.h"
#include "lsm/sst_reader.h"

struct env;
struct table_cache;

struct table_slot {
	/* set at init, then constant */
	uint64_t file_no;

	/* Stored under the cache's lock, loaded by readers inside a guard;
	 * sequentially consistent, see above. NULL: not open. */
	struct sst_reader *_Atomic reader;
	/* Stored by readers, cleared by the evictor, relaxed: a hint. */
	_Atomic uint8_t is_used;

	/* guarded by the cache's lock */
	bool is_opening;
	size_t bytes;	       /* charged while open */
	struct list_node link; /* of the clock, while open */
};

struct table_cache_options {
	struct env *env;   /* kept */
	const char *dir;   /* where the tables are; copied */
	size_t max_bytes;  /* of filters and indexes */
	unsigned max_open; /* descriptors */
};

struct table_cache_stats {
	uint64_t opens;
	uint64_t evictions;
	uint64_t open_tables; /* now */
	uint64_t bytes;	      /* now */
	uint64_t max_bytes;
};

int table_cache_new(const struct table_cache_options *o,
		    struct table_cache **out);
/* Every slot must have been finished. */
void table_cache_free(struct table_cache *tc);

/*
 * Who drops pins that nobody needs: called, with no lock of the cache held,
 * when a bound is exceeded because so many tables are pinned. Set before the
 * first table is opened.
 */
void table_cache_set_relief(struct table_cache *tc, void (*relieve)(void *arg),
			    void *arg);

/* Who lends memory beyond max_bytes, and how much of it may be used for tables
 * that nobody has pinned. Kept; set before the first table is opened. */
void table_cache_set_lender(struct table_cache *tc, struct block_cache *lender,
			    size_t max_loan);

/* A slot for the table DIR/NNNNNN.sst. Opens nothing. */
void table_slot_init(struct table_slot *s, uint64_t file_no);
/* Closes the table if it is open. No one may be using the slot. */
void table_slot_fini(struct table_cache *tc, struct table_slot *s);

/* ---- guards ----------------------------------------------------------- */

struct table_guard {
	int slot;
	uint64_t outer; /* what the thread's slot held before */
};

void table_guard_enter(struct table_cache *tc, struct table_guard *g);
void table_guard_leave(struct table_cache *tc, struct table_guard *g);

/* Slow path of table_peek(): opens the table or waits for who does. */
int table_peek_slow(struct table_cache *tc, struct table_slot *s,
		    struct sst_reader **out);

/*
 * The open table, valid until the guard, which the caller is inside, is
 * left. 0 with *out set, or what sst_open() says.
 */
static ALWAYS_INLINE int table_peek(struct table_cache *tc,
				    struct table_slot *s,
				    struct sst_reader **out)
{
	struct sst_reader *r =
		atomic_load_explicit(&s->reader, memory_order_seq_cst);

	if (unlikely(!r))
		return table_peek_slow(tc, s, out);
	if (!atomic_load_explicit(&s->is_used, memory_order_relaxed))
		atomic_store_explicit(&s->is_used, 1, memory_order_relaxed);
	*out = r;
	return 0;
}

/* The table if it is open, else NULL; inside a guard, valid until that is
 * left. For hints: does not count as use. */
static ALWAYS_INLINE struct sst_reader *table_peek_open(struct table_slot *s)
{
	return atomic_load_explicit(&s->reader, memory_order_seq_cst);
}

/* ---- pins ------------------------------------------------------------- */

/* The open table, held open until table_unpin(). Needs no guard. */
int table_pin(struct table_cache *tc, struct table_slot *s,
	      struct sst_reader **out);
/* Any thread; NULL does nothing. */
static inline void table_unpin(struct sst_reader *r)
{
	sst_close(r);
}

void table_cache_read_stats(struct table_cache *tc,
			    struct table_cache_stats *out);

#endif
