/* SPDX-License-Identifier: MIT */
/*
 * What becomes of tables that nobody refers to any more: closed, removed from
 * disk if a durable manifest record dropped them, freed.
 *
 * The last reference may go in a reader, which must not wait for the disk:
 * gc_table() only queues. Background threads (and closing) call gc_run().
 * Thread-safe.
 */
#ifndef LSM_GC_H
#define LSM_GC_H

#include <stdint.h>

struct block_cache;
struct env;
struct gc;
struct table;
struct table_cache;

/*
 * For tables in STORE/sst. `wake` is called, with nothing locked that the
 * caller of gc_table() had not locked, when the queue was empty: somebody
 * should gc_run() soon. `dir` is copied, the others kept; `blocks` may be NULL.
 */
int gc_new(struct env *env, const char *dir, struct table_cache *tables,
	   struct block_cache *blocks, void (*wake)(void *arg), void *arg,
	   struct gc **out);
/* Runs a last time and frees. NULL does nothing. */
void gc_free(struct gc *g);

/* Takes a table whose last reference is gone. */
void gc_table(struct gc *g, struct table *t);

/* Works the queue off. A file that cannot be removed is logged, and found
 * again when the store is opened next. */
void gc_run(struct gc *g);

/* Table files removed so far, and tables queued now. */
uint64_t gc_n_removed(struct gc *g);
uint64_t gc_n_queued(struct gc *g);

#endif
