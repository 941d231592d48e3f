/* SPDX-License-Identifier: MIT */
/*
 * The state of the log of values, shared by value_log.c (writing, syncing),
 * value_file.c (references, descriptors), value_make.c (the thread that makes
 * and seals files) and value_start.c (start and end). Internal to these.
 */
#ifndef LSM_VALUE_LOG_IMPL_H
#define LSM_VALUE_LOG_IMPL_H

#include "base/err.h"
#include "base/hmap.h"
#include "base/mutex.h"
#include "base/rand.h"
#include "base/thread_pool.h"
#include "lsm/value_log.h"

/* The kernel is asked to write this much at a time. */
#define VALUE_FLUSH_BYTES ((uint64_t)4 << 20)

struct value_stream_state {
	struct value_file *active; /* NULL: none yet; a reference */
	struct value_file *next;   /* ready to follow; a reference */
	bool is_making;		   /* somebody makes the next one */
	bool is_waited;		   /* a writer waits for it */
};

struct value_log {
	/* set in value_log_new(), then constant */
	struct env *env;
	char *dir; /* the store */
	uint64_t file_bytes;
	unsigned max_open;
	enum codec codec;
	struct value_hooks hooks;

	struct mutex mu; /* RANK_VALUES; never held across I/O */
	/* guarded by mu */
	struct cond work;    /* for the thread */
	struct cond changed; /* files made, opened, synced, written */
	bool is_stopping;
	bool has_failed; /* making or sealing did, and why: */
	struct err_saved failed_why;
	struct err_saved poison_why;
	struct value_stream_state streams[N_VALUE_STREAMS];
	struct hmap files; /* all, by number; each has a reference of the map's
			    * until it is dropped */
	struct list_node unsealed; /* rising numbers */
	struct list_node idle;	   /* descriptors that may be closed */
	struct list_node dead;	   /* by `link`: no references any more */
	unsigned n_idle;	   /* of idle */
	uint32_t n_full;
	struct rng seals;
	struct value_log_stats stats; /* n_puts to n_waits, n_removed */

	struct thread_pool *threads; /* NULL: not started */
	struct pool_task task;
};

/* The failure of whoever comes to a poisoned log. */
int value_log_refuse_locked(struct value_log *l) REQUIRES(l->mu);

/* For a file that is sealed now. */
uint64_t value_log_new_seal_locked(struct value_log *l) REQUIRES(l->mu);

/* A file in memory, in the map, with the map's reference. */
int value_file_new(struct value_log *l, uint64_t no, enum value_stream stream,
		   enum value_file_state state, struct value_file **out);

/* Gives the descriptor to `f`, which is unsealed: it stays open. */
void value_file_set_open(struct value_file *f, struct env_file *file);

/* From now on the descriptor may be closed when others are wanted more. */
void value_file_set_idle(struct value_file *f);

/* Closes and frees a file that has left the map. */
void value_file_free(struct value_file *f);

/* Makes everything written to `f`, a file of `l`, durable; drops the lock
 * meanwhile. */
int value_file_sync_locked(struct value_log *l, struct value_file *f)
	REQUIRES(l->mu);

/* Makes the stream's next file; without the lock. */
int value_make_file(struct value_log *l, enum value_stream which);

/* The thread; returns when is_stopping. */
void value_make_run(void *arg);

#endif
