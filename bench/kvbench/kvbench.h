/* SPDX-License-Identifier: MIT */
/*
 * kvbench runs the same workloads on many key-value engines. This is what it
 * asks of one: an adapter is a file that fills in a struct kv_engine and knows
 * nothing else of the harness.
 *
 * Calls answer 0 where they did it and < 0 where they failed; get() and the
 * moves of an iterator have answers of their own. An adapter says on stderr
 * what failed: the harness only counts. open() and close() have the store to
 * themselves; the others may run in many threads, each with its own `tc`.
 */
#ifndef KVBENCH_H
#define KVBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kv_compression { KV_COMP_NONE, KV_COMP_LZ4 };

/* The settings that all engines share. */
struct kv_opts {
	const char *dir;	   /* exists, belongs to the engine */
	size_t cache_bytes;	   /* block cache */
	size_t write_buffer_bytes; /* memtable */
	size_t memory_bytes; /* for all together, instead of the two; or 0 */
	size_t map_bytes;    /* bound of the store for what maps it */
	int bloom_bits;	     /* a key; 0: no filter */
	int compression;     /* enum kv_compression */
	int sync;	     /* a write returns when it is durable */
	int max_threads;     /* that will use the store at a time */
};

/* One operation of a batch; a NULL value deletes. */
struct kv_op {
	const void *key, *val;
	size_t klen, vlen;
};

struct kv_engine {
	const char *name;
	/* It forgets what it is told (null): what it reads is not checked. */
	bool keeps_nothing;
	/* It knows kv_opts.memory_bytes. */
	bool has_budget;

	/* Opens the store, making it where it is missing; NULL: failed. */
	void *(*open)(const struct kv_opts *o);
	void (*close)(void *db);

	/* The handle of one thread, the `tc` of the calls below. */
	void *(*thread_begin)(void *db);
	void (*thread_end)(void *tc);

	int (*put)(void *tc, const void *k, size_t kl, const void *v,
		   size_t vl);
	/* 0 found and copied, at most `cap` bytes; 1 absent. *vl is the whole
	 * length. */
	int (*get)(void *tc, const void *k, size_t kl, void *buf, size_t cap,
		   size_t *vl);
	int (*del)(void *tc, const void *k, size_t kl);
	/* Atomic. */
	int (*write_batch)(void *tc, const struct kv_op *ops, size_t n);

	/* A thread has one iterator at a time. NULL: failed. */
	void *(*iter_new)(void *tc);
	/* To the first key >= k; of length 0: to the very first. 1 on a key, 0
	 * past the end. */
	int (*iter_seek)(void *it, const void *k, size_t kl);
	int (*iter_next)(void *it);
	/* Valid until the iterator moves. */
	int (*iter_get)(void *it, const void **k, size_t *kl, const void **v,
			size_t *vl);
	void (*iter_free)(void *it);

	/* What is in memory goes to disk, now or soon. */
	int (*flush)(void *db);
	/* Everything to its last place; may be NULL. */
	int (*compact)(void *db);
	/* Text about the engine, which the caller frees; may be NULL. */
	char *(*property)(void *db, const char *name);
};

#endif
