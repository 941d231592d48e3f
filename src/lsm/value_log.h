/* SPDX-License-Identifier: MIT */
/*
 * Separated values: the value files of a store, written and kept.
 *
 * A large value is written once, to a value file, by the thread that puts it,
 * before it enters the write queue; what is logged, kept in memtables and
 * sorted into tables is a pointer (value_format.h). So values are not part of
 * what compaction moves. WiscKey (Lu et al., FAST 2016) is where this comes
 * from.
 *
 * Writers are given places in the current file of a stream under a lock held
 * for a few stores, and write there at the same time, through the page cache:
 * what they wrote survives the death of the process. Power loss it survives
 * after value_log_sync(), which the write-ahead log calls before it says that
 * it is durable itself.
 *
 * Two streams: what users put, and what the collector moves, which is older
 * and will live longer.
 *
 * The life of a file. It is made, durable but for its contents, and named in
 * the manifest before anything points into it; sealed when it is full: synced,
 * then its length named in the manifest; dropped from the manifest when
 * neither a table of the current version nor a memtable (so, no log that a
 * start would replay) points into it; removed when its last reader is gone.
 * The last file of the first life continues in the next.
 *
 * A thread stands by: it makes the next file, asks the kernel early to write,
 * and seals.
 *
 * Failures. A value that cannot be written fails that write alone; its place
 * stays unused. A failed sync of what users put poisons: every later write and
 * sync fails with TT_EPOISONED until the store is reopened. That of a file of
 * the collector fails what needs it, and the file is left alone: the next
 * moves go to another one. No room for a new file fails the writes that need
 * it, and the next one tries again.
 *
 * Thread-safe, but for new, recover, start and free.
 */
#ifndef LSM_VALUE_LOG_H
#define LSM_VALUE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compress.h"
#include "base/slice.h"
#include "lsm/value_file.h"
#include "lsm/value_format.h"
#include "lsm/value_refs.h"

struct env;
struct value_log;

/* What the log of values needs from the database. */
struct value_hooks {
	void *arg;
	uint64_t (*new_file_no)(void *arg);
	/* Names a file in the manifest, durably. After a failure *is_refused
	 * says that it surely is not named. Called without locks. */
	int (*name_file)(void *arg, const struct value_name *name,
			 bool *is_refused);
	/* A dropped file has lost its last reference: somebody should call
	 * value_log_collect() soon. May be called with locks held. */
	void (*wake)(void *arg);
};

struct value_log_options {
	struct env *env;     /* kept */
	const char *dir;     /* the store; copied */
	uint64_t file_bytes; /* where a file ends */
	unsigned max_open;   /* descriptors of sealed files */
	enum codec codec;    /* for values that shrink by it */
	struct value_hooks hooks;
};

int value_log_new(const struct value_log_options *o, struct value_log **out);
/* Nobody may hold a reference any more. NULL does nothing. */
void value_log_free(struct value_log *l);

/* ---- starting --------------------------------------------------------- */

/* A file that the manifest names; `bytes` 0: not sealed. */
int value_log_add(struct value_log *l, const struct value_name *name);

/*
 * Opens the unsealed files, which may be read then. One that is missing or
 * damaged is no failure here: reads of its values are.
 */
int value_log_recover(struct value_log *l);

/* Whether file `no` was not sealed: its values may not be durable. */
bool value_log_is_unsealed(struct value_log *l, uint64_t no);

/* Whether there are unsealed files; after a power cut they may be empty. */
bool value_log_has_unsealed(struct value_log *l);

/* Begins work: writes are possible from now on. The unsealed files must have
 * been synced. */
int value_log_start(struct value_log *l);

/* Ends it; 0, or what could not be made durable. */
int value_log_stop(struct value_log *l);

/* ---- files ------------------------------------------------------------ */

/* The file of that number with a reference for the caller, NULL when there is
 * none. */
struct value_file *value_log_find(struct value_log *l, uint64_t no);

/*
 * A use of file `no`, for a pointer to a value that lies in it already.
 * NULL when no other pointer may lead there: the value must be copied.
 * value_file_unuse() it when the pointer stands in a memtable, or is given up.
 */
struct value_file *value_log_share(struct value_log *l, uint64_t no);

/* A durable manifest record has dropped the file. */
void value_log_drop(struct value_log *l, struct value_file *f);

/* Removes what nobody refers to any more. */
void value_log_collect(struct value_log *l);

/* ---- writing ---------------------------------------------------------- */

/*
 * Writes a value; `ts` is 0 as long as it has none. *file (value_file_unuse()
 * it when the pointer stands where it is counted, or is given up) is where it
 * lies.
 */
int value_log_put(struct value_log *l, enum value_stream stream,
		  struct tt_slice key, int64_t ts, struct tt_slice value,
		  struct value_ptr *out, struct value_file **file);

/* A user's value, but -EAGAIN when it would have to wait for the next file,
 * which is being made then. */
int value_log_put_now(struct value_log *l, struct tt_slice key,
		      struct tt_slice value, struct value_ptr *out,
		      struct value_file **file);

/* Writes a stored value as it is, with the lengths, codec and checksum of
 * `from`, which lies elsewhere. */
int value_log_move(struct value_log *l, struct tt_slice key, int64_t ts,
		   struct tt_slice stored, const struct value_ptr *from,
		   struct value_ptr *out, struct value_file **file);

/* 0, or TT_EPOISONED. */
int value_log_check(struct value_log *l);
/* Takes up again what failed without poisoning. */
void value_log_resume(struct value_log *l);

/* Takes back a value that nobody was told of, if it is the last one. */
void value_log_take_back(struct value_log *l, struct value_file *file,
			 const struct value_ptr *p);

/* Makes durable every value that has been put before the call. */
int value_log_sync(struct value_log *l);

/* Makes durable whatever has been written to one file. -EIO: a sync of it has
 * failed before, and it is a file of the collector. */
int value_log_sync_file(struct value_file *f);

/* ---- copies ----------------------------------------------------------- */

/*
 * The value files of a store at this moment, and how far each of them counts:
 * what a copy of the store must have beside its tables and its log. Take it
 * after the end of the log. The files stay on disk until the cut is finished.
 * Only the unsealed ones still grow, behind what counts. In the copy they are
 * sealed, each time with another seal unless nothing was written in between:
 * what they hold up to there may differ in places that were being written to.
 */
struct value_cut_file {
	struct value_file *file; /* a reference */
	struct value_name name;
	bool is_sealed;
};

struct value_cut {
	struct value_cut_file *files; /* rising numbers */
	size_t n;
};

/*
 * Before a cut: has the unsealed files sealed that have much in them, so that
 * copies can share them; for what is written from now on there are others.
 * Where that fails, they are copied as they are. Waits for the disk.
 */
void value_log_seal_large(struct value_log *l);

int value_log_cut(struct value_log *l, struct value_cut *out);
void value_cut_fini(struct value_cut *c);

/* ---- figures ---------------------------------------------------------- */

struct value_log_stats {
	uint64_t n_puts;     /* values written for users */
	uint64_t put_bytes;  /* of their records */
	uint64_t n_moves;    /* values moved */
	uint64_t move_bytes; /* of their records */
	uint64_t n_syncs;    /* of files, one each */
	uint64_t n_waits;    /* writes that waited for a file */
	uint64_t n_open;     /* descriptors */
	uint64_t n_files;    /* all, dropped ones with readers too */
	uint64_t bytes;	     /* of unsealed files */
	uint64_t n_removed;
};
void value_log_get_stats(struct value_log *l, struct value_log_stats *out);

#endif
