/* SPDX-License-Identifier: MIT */
/*
 * A value file in use: counted references, its place in the life of a value
 * file, and its descriptor, which is open while somebody needs it.
 *
 *	open    a stream of value_log.h adds to it, or will
 *	full    nothing is added any more
 *	sealed  durable, and the manifest knows its length
 *	broken  a sync of it failed; nothing is added to it and it is not
 *	        synced again before the next start
 *
 * Files that are not sealed count as unsealed: what lies in them may not be
 * durable yet, and the log decides how far they count.
 *
 * Thread-safe. Files belong to the log of values (value_log.h), whose lock
 * guards what is not atomic here.
 */
#ifndef LSM_VALUE_FILE_H
#define LSM_VALUE_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/hmap.h"
#include "base/list.h"

struct env_file;
struct value_log;

/* Who writes: users, or the collector. */
enum value_stream { VALUE_STREAM_USER, VALUE_STREAM_MOVED };
#define N_VALUE_STREAMS 2

enum value_file_state {
	VALUE_FILE_OPEN,
	VALUE_FILE_FULL,
	VALUE_FILE_SEALED,
	VALUE_FILE_BROKEN,
};

/* The bit of fd_use that says that the descriptor is open. */
#define VALUE_FD_OPEN (1u << 31)

struct value_file {
	/* set at birth, then constant */
	struct value_log *log;
	uint64_t no;
	enum value_stream stream;
	bool is_lost; /* a start could not open it: it counts as sealed, but
		       * nobody knows how */

	/* Added to by who has a reference, or under the log's lock; the release
	 * of the last decrement is acquired by who frees. */
	_Atomic uint32_t refs;
	/* Memtables that point into it, and writes and rewrites that are about
	 * to. Rises under the log's lock or while it is above 0; falls with
	 * release. Who wants to drop the file asks value_file_condemn(): once it
	 * is condemned it stays 0. */
	_Atomic uint32_t n_users;
	/* Set with release once a durable manifest record has dropped the file,
	 * acquired by who frees: it may be removed. */
	_Atomic bool is_dropped;
	/* Set and cleared by the collector, loaded by compactions, relaxed: its
	 * values are to be moved elsewhere. */
	_Atomic bool is_victim;
	/* Set by who could not move a value of it, loaded by the collector,
	 * relaxed: it is left alone. */
	_Atomic bool is_unreadable;

	/* VALUE_FD_OPEN, and how many are using the descriptor. Users add and
	 * sub with acquire and release; who closes swaps VALUE_FD_OPEN alone
	 * for 0, so that nobody is inside. */
	_Atomic uint32_t fd_use;
	/* Stored by users, cleared by who looks for one to close, relaxed. */
	_Atomic uint8_t is_used;
	struct env_file *file; /* valid while fd_use says so and one uses it */

	/* guarded by the log's lock */
	struct hmap_node node; /* by number */
	struct list_node link; /* of the unsealed ones */
	struct list_node idle; /* of those whose descriptor may be closed */
	enum value_file_state state;
	bool is_condemned; /* see value_file_condemn() */
	bool is_opening;
	bool is_syncing;
	uint32_t n_writing; /* places given out and not yet written */
	uint64_t end;	    /* where the next record goes; the length */
	uint64_t seal;	    /* of a sealed file */
	/* The last cut of an unsealed one to which nobody was writing: its
	 * length, n_written and what seal its copies have. */
	uint64_t cut_end, cut_written, cut_seal;
	uint64_t flushed;   /* the kernel was asked to write up to here */
	uint64_t n_written; /* records, rises */
	uint64_t n_synced;  /* of them surely durable */
};

struct value_file *value_file_ref(struct value_file *f);
/* NULL does nothing. */
void value_file_unref(struct value_file *f);

/* A use keeps a file from being dropped, and holds a reference. The file must
 * have one already, or be open for writing. */
void value_file_use(struct value_file *f);
/* NULL does nothing. */
void value_file_unuse(struct value_file *f);

/*
 * For who is about to drop a file into which no table points: true when nobody
 * uses it, and from then on nobody will, for value_log_share() refuses it. One
 * that is not dropped after all may be condemned again.
 */
bool value_file_condemn(struct value_file *f);

/* Slow path of value_file_open(). */
int value_file_open_slow(struct value_file *f, struct env_file **out);

/* The open file, until value_file_close(). TT_ECORRUPT when it is missing. */
static ALWAYS_INLINE int value_file_open(struct value_file *f,
					 struct env_file **out)
{
	uint32_t was =
		atomic_fetch_add_explicit(&f->fd_use, 1, memory_order_acquire);

	if (unlikely(!(was & VALUE_FD_OPEN))) {
		(void)atomic_fetch_sub_explicit(&f->fd_use, 1,
						memory_order_relaxed);
		return value_file_open_slow(f, out);
	}
	if (!atomic_load_explicit(&f->is_used, memory_order_relaxed))
		atomic_store_explicit(&f->is_used, 1, memory_order_relaxed);
	*out = f->file;
	return 0;
}

static ALWAYS_INLINE void value_file_close(struct value_file *f)
{
	(void)atomic_fetch_sub_explicit(&f->fd_use, 1, memory_order_release);
}

#endif
