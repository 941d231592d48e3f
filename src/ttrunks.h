/* SPDX-License-Identifier: MIT */
/*
 * libttrunks: an embeddable, ordered, crash-safe key-value store.
 *
 * A store is a directory. Keys and values are byte strings; keys are ordered
 * by memcmp. Writes go to a write-ahead log and a memtable and reach sorted
 * tables in the background; several writes form an atomic batch; reads see a
 * consistent snapshot.
 *
 *	struct tt *db;
 *	int r = tt_open("/srv/store", NULL, &db);
 *	if (r == 0)
 *		r = tt_put(db, NULL, tt_str("k"), tt_str("v"), NULL);
 *	if (r < 0)
 *		fprintf(stderr, "%s\n", tt_error_text(r));
 *	tt_close(db);
 *
 * Results. Every function that can fail returns an int: < 0 failed (-errno or
 * a code of tt_errors.h), 0 done, > 0 an answer (TT_NOTFOUND, TT_END).
 * tt_error_text() describes the calling thread's last failure with the file
 * and place it concerns. Output arguments are set only on success.
 *
 * Threads. A struct tt may be used by any number of threads at once. Iterators
 * and batches belong to one thread at a time. The library starts threads of
 * its own and never prints; it installs no signal handlers.
 *
 * Durability. A write that returned survives the death of the process. It
 * survives power loss once a later write with `sync`, tt_sync(), or the
 * background sync (option sync_interval) has covered it. After a crash the
 * store holds exactly a prefix of the completed writes.
 *
 * Memory. Slices passed in are borrowed for the call. The comment of each
 * returned pointer says how long it lives.
 */
#ifndef TTRUNKS_H
#define TTRUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tt_errors.h"
#include "tt_slice.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TT_API __attribute__((visibility("default")))
#else
#define TT_API
#endif

/* Limits. A longer key or value is refused with TT_ETOOBIG. */
#define TT_KEY_MAX 65535u	/* bytes */
#define TT_VALUE_MAX (1u << 30) /* bytes */
#define TT_BATCH_MAX (1u << 30) /* bytes, encoded */

struct tt;	    /* an open store */
struct tt_options;  /* how to open it */
struct tt_batch;    /* operations to apply as one */
struct tt_snapshot; /* a moment of the store, held readable */
struct tt_iter;	    /* a cursor over keys in order */

/* The slice over a NUL-terminated string, without the NUL. */
static inline struct tt_slice tt_str(const char *s)
{
	struct tt_slice r = { s, strlen(s) };
	return r;
}

/* ---- errors ----------------------------------------------------------- */

/*
 * What the calling thread's last failure was, for people: what happened, to
 * which file, at which offset. If that failure was not `code`, the table text
 * of `code`. Valid until the thread's next failing call.
 */
TT_API const char *tt_error_text(int code);

/* The stable symbolic name of a code, e.g. "TT_ECORRUPT" or "ENOSPC". */
TT_API const char *tt_error_name(int code);

/* The positive errno that stands for a code; 0 for codes >= 0. */
TT_API int tt_error_errno(int code);

/* ---- options ---------------------------------------------------------- */

/* One row of the option table, for help texts and configuration files. */
struct tt_option_info {
	const char *name;
	const char *type; /* "size", "int", "bool", "duration", "enum" */
	const char *default_value; /* as text */
	const char *range;	   /* legal values, as text */
	const char *help;	   /* one sentence */
};

/* A set of options with every default. Returns NULL when out of memory. */
TT_API struct tt_options *tt_options_new(void);
TT_API void tt_options_free(struct tt_options *opts);

/*
 * Sets one option from text, e.g. ("memory", "256M") or ("compression",
 * "lz4"). TT_EOPTION for an unknown name or a value out of range; the error
 * text names the legal range.
 */
TT_API int tt_options_set(struct tt_options *opts, const char *name,
			  const char *value);

struct tt_merge_result; /* where a merge function puts its value */

/*
 * Makes the value of `key` out of `base` (NULL: the key has no value) and `n`
 * operands of tt_merge(), oldest first, and hands it to tt_merge_emit().
 * Returns 0, or < 0: then who reads the key gets that failure, and nothing
 * stored is lost. Called by readers and background threads, several at once;
 * must depend on nothing but its arguments and must not call the store.
 */
typedef int (*tt_merge_fn)(void *arg, struct tt_slice key,
			   const struct tt_slice *base,
			   const struct tt_slice *operands, size_t n,
			   struct tt_merge_result *result);

/* Appends to the value that a merge function makes; -ENOMEM. */
TT_API int tt_merge_emit(struct tt_merge_result *result, struct tt_slice bytes);

/*
 * Registers the merge function of the store that will be opened with `opts`.
 * `name` (1 to 64 bytes, copied) is recorded in the store: opening it with
 * another name is refused (TT_EOPTION). Without the function a store opens
 * too; values that need it then read as TT_EMERGE. `arg` is kept.
 */
TT_API int tt_options_set_merge(struct tt_options *opts, const char *name,
				tt_merge_fn fn, void *arg);

/* Row `i` of the option table; NULL past its end. Static storage. */
TT_API const struct tt_option_info *tt_option_info(size_t i);

/*
 * Calls `fn` for every option with its value as text, and whether somebody set
 * it (it is the default otherwise). A non-zero return ends the walk and is
 * returned. The texts live until `fn` returns.
 */
TT_API int tt_options_each(const struct tt_options *opts,
			   int (*fn)(void *arg, const char *name,
				     const char *value, bool is_set),
			   void *arg);

/*
 * A store remembers what it was opened with, in its file OPTIONS: every option
 * but create_if_missing that a caller has set, until it is set differently.
 * tt_open() takes from there what the caller leaves unset, except what is a
 * matter of the machine: memory, memtable_bytes, cache_bytes,
 * table_cache_bytes and max_open_tables. tt_options_load() takes all of it:
 * whatever `opts` leaves unset becomes what the store was last opened with.
 * TT_NOTFOUND when the store remembers nothing (or is none); TT_ECORRUPT or
 * TT_EVERSION when the file cannot be understood.
 *
 * Such a file does not keep tt_open() from working. It goes on without, says
 * so in the store's LOG and in the statistic engine.options_ignored, and as
 * long as the option retention is not set drops nothing of history. What a
 * newer version has recorded and this one does not know is kept there.
 */
TT_API int tt_options_load(const char *dir, struct tt_options *opts);

/* ---- opening ---------------------------------------------------------- */

/*
 * Opens the store in directory `dir`, creating it unless the option
 * create_if_missing is off; recovers whatever a crash left. `opts` may be
 * NULL for defaults and is not kept. TT_ELOCKED when another process (or this
 * one) has it open: the text names its pid. TT_EFOREIGN for a directory that
 * holds something else: nothing in it is touched. The caller closes *out.
 */
TT_API int tt_open(const char *dir, const struct tt_options *opts,
		   struct tt **out);

/* What an open store works with; valid until tt_close(). */
TT_API const struct tt_options *tt_options_of(const struct tt *db);

/*
 * Makes everything durable, stops background work and frees the handle, also
 * when it returns an error (which then says what could not be made durable).
 * Iterators, snapshots and pinned values must be gone. NULL is allowed.
 */
TT_API int tt_close(struct tt *db);

/* ---- writing ---------------------------------------------------------- */

struct tt_write_options {
	bool sync;    /* return only when durable against power loss */
	bool no_wait; /* -EAGAIN instead of waiting for back-pressure */
};

/*
 * Puts or deletes one key. `wo` may be NULL (neither flag). When `out_ts` is
 * not NULL it receives the write's timestamp: microseconds since the epoch,
 * strictly rising over the store's history. Deleting an absent key is not an
 * error. After a failed log write or fsync every later write fails with
 * TT_EPOISONED until the store is reopened; after other failures in the
 * background, see tt_background_error(). Reads go on.
 */
TT_API int tt_put(struct tt *db, const struct tt_write_options *wo,
		  struct tt_slice key, struct tt_slice value, int64_t *out_ts);
TT_API int tt_delete(struct tt *db, const struct tt_write_options *wo,
		     struct tt_slice key, int64_t *out_ts);

/*
 * Deletes every key from `lower` up to `upper`, which stays; up to the end of
 * all keys when `upper` is empty. Costs what one write does, however many keys
 * there are; what they took on disk comes back in the background. TT_EKEY when
 * `lower` is empty or `upper` not above it.
 */
TT_API int tt_delete_range(struct tt *db, const struct tt_write_options *wo,
			   struct tt_slice lower, struct tt_slice upper,
			   int64_t *out_ts);

/*
 * Writes `bytes` at `offset` of the key's value, without reading it: the rest
 * of the value stays, a missing value counts as empty, and a gap before
 * `offset` reads as zeros. The value is put together when it is read or
 * compacted, so that 4 KiB written into a value of 128 KiB cost 4 KiB.
 * TT_ETOOBIG when offset + bytes.len is over TT_VALUE_MAX. Otherwise as
 * tt_put().
 */
TT_API int tt_patch(struct tt *db, const struct tt_write_options *wo,
		    struct tt_slice key, size_t offset, struct tt_slice bytes,
		    int64_t *out_ts);

/*
 * Hands `operand` to the store's merge function (tt_options_set_merge()), to
 * be applied to the key's value when that is read or compacted. TT_EMERGE when
 * none is registered. Otherwise as tt_put().
 */
TT_API int tt_merge(struct tt *db, const struct tt_write_options *wo,
		    struct tt_slice key, struct tt_slice operand,
		    int64_t *out_ts);

/*
 * Applies a batch atomically: after a crash all of it is there or none. All
 * its operations share one timestamp; they count in their order, so of several
 * puts and deletes of one key the last, and a range deletion deletes what
 * stands before it in the batch too, not what stands behind it.
 * TT_ETOOBIG when it has so many small operations (some 90 millions, or 7 of
 * range deletions) that they would take over 4 GiB of memory.
 * The batch is unchanged and may be reused. An empty batch does nothing.
 */
TT_API int tt_write(struct tt *db, const struct tt_write_options *wo,
		    const struct tt_batch *batch, int64_t *out_ts);

/*
 * Returns when every write that had returned before this call is durable.
 * Concurrent callers share one device flush.
 */
TT_API int tt_sync(struct tt *db);

/* An empty batch; NULL when out of memory. Not thread-safe. */
TT_API struct tt_batch *tt_batch_new(void);
TT_API void tt_batch_free(struct tt_batch *b);
/* Empties it, keeping its memory for reuse. */
TT_API void tt_batch_clear(struct tt_batch *b);
/* Keys and values are copied. -ENOMEM or TT_ETOOBIG; then b is unchanged. */
TT_API int tt_batch_put(struct tt_batch *b, struct tt_slice key,
			struct tt_slice value);
TT_API int tt_batch_delete(struct tt_batch *b, struct tt_slice key);
/* As tt_delete_range(). */
TT_API int tt_batch_delete_range(struct tt_batch *b, struct tt_slice lower,
				 struct tt_slice upper);
/* A put whose value is the concatenation of `n` slices. */
TT_API int tt_batch_putv(struct tt_batch *b, struct tt_slice key,
			 const struct tt_slice *parts, size_t n);
/* As tt_patch() and tt_merge(). */
TT_API int tt_batch_patch(struct tt_batch *b, struct tt_slice key,
			  size_t offset, struct tt_slice bytes);
TT_API int tt_batch_merge(struct tt_batch *b, struct tt_slice key,
			  struct tt_slice operand);
TT_API size_t tt_batch_count(const struct tt_batch *b); /* operations */
TT_API size_t tt_batch_bytes(const struct tt_batch *b); /* encoded size */

/* Later versions add more: whoever inspects batches must expect kinds it does
 * not know. */
enum tt_op_kind {
	TT_OP_PUT,
	TT_OP_DELETE,
	TT_OP_PATCH,
	TT_OP_MERGE,
	TT_OP_DELETE_RANGE,
};

/* One operation as a batch shows it; slices live as long as the batch. */
struct tt_batch_op {
	enum tt_op_kind kind;
	struct tt_slice key;
	/* what is put; the bytes of a patch; the operand of a merge; the upper
	 * key of a range, whose lower one is `key` */
	struct tt_slice value;
	size_t offset; /* of a patch */
};
/*
 * Calls `fn` for each operation in order; a non-zero return ends the walk and
 * is returned.
 */
TT_API int tt_batch_each(const struct tt_batch *b,
			 int (*fn)(void *arg, const struct tt_batch_op *op),
			 void *arg);

/* Adds the operations of `from` behind those of `to`; they may be the same
 * batch. -ENOMEM or TT_ETOOBIG; then `to` is unchanged. */
TT_API int tt_batch_append(struct tt_batch *to, const struct tt_batch *from);

/*
 * The encoded form, to be stored or sent and replayed elsewhere: what the log
 * holds, described in data/README.md, the same in every version; an empty
 * batch has none. It has no checksum of its own. Valid until the batch
 * changes.
 */
TT_API struct tt_slice tt_batch_data(const struct tt_batch *b);

/*
 * A new batch from an encoded form, which is copied. TT_ECORRUPT when the
 * bytes are no batch: they may come from anywhere. The caller frees *out.
 */
TT_API int tt_batch_from(struct tt_slice data, struct tt_batch **out);

/*
 * Savepoints: a rollback takes back all that was added since the last one and
 * removes it; dropping removes it and keeps what was added. They nest;
 * clearing the batch removes all. TT_NOTFOUND when there is none.
 */
TT_API int tt_batch_savepoint(struct tt_batch *b); /* 0 or -ENOMEM */
TT_API int tt_batch_rollback(struct tt_batch *b);
TT_API int tt_batch_drop_savepoint(struct tt_batch *b);

/* ---- reading ---------------------------------------------------------- */

/*
 * Reads see the newest state, that of a snapshot, or the state as of a time:
 * everything written with a timestamp up to it, and nothing later. Such a past
 * is kept for as long as the option `retention` says. TT_ETOOOLD when
 * something that was readable then has been dropped meanwhile: an answer is
 * right or refused. With retention it is right at least as far back as
 * retention says, counted from when the store was first opened with it; a time
 * beyond the newest write reads the newest state. What no snapshot and no such
 * read needs any more is removed in the background, also while nothing is
 * written; a few old versions among much else may stay for an hour.
 *
 * The window is measured by the store's clock, which gives the timestamps and
 * never runs backwards. When the wall clock is set back, the window stands
 * still until that has caught up: history is kept for longer. When it is set
 * forward, the window moves on with it.
 */
struct tt_read_options {
	const struct tt_snapshot *snapshot; /* NULL: the newest state */
	bool no_fill;  /* do not bring what is read into the block cache */
	int64_t as_of; /* timestamp, microseconds; 0: now; no snapshot then */
	/* Read what tables hold from the disk and verify its checksums, not
	 * from memory where it may be cached. Slow. */
	bool verify;
};

/*
 * Reads one value into `buf` (capacity `cap`). *out_len is the value's whole
 * length: when it is over `cap`, only the first `cap` bytes were copied. The
 * outputs may be NULL. TT_NOTFOUND when absent. Never waits for a writer.
 */
TT_API int tt_get(struct tt *db, const struct tt_read_options *ro,
		  struct tt_slice key, void *buf, size_t cap, size_t *out_len,
		  int64_t *out_ts);

/*
 * A value in the engine's own memory, not copied. `value` is valid until
 * tt_unpin(); a pin holds a block or a memtable in memory, so keep it briefly.
 * Pins may be released by any thread.
 */
struct tt_pinned {
	struct tt_slice value;
	int64_t ts; /* the timestamp it was written with */
	/* How it is released. Who hands out bytes of its own as a pin sets
	 * these; of the engine's they are private. */
	void (*release)(void *a, void *b);
	void *a, *b;
};
TT_API int tt_get_pinned(struct tt *db, const struct tt_read_options *ro,
			 struct tt_slice key, struct tt_pinned *out);
/* Releases and clears; a cleared or zeroed pin is ignored. */
TT_API void tt_unpin(struct tt_pinned *pin);

/*
 * Reads `n` keys as of one moment: in two thirds of the time of one by one
 * when they are in memory, and with the reads of a slow disk under way at the
 * same time. For each i, statuses[i] is what tt_get_pinned() would return for
 * keys[i]; values[i] is its value, to be released by tt_unpin() like any other
 * pin, or, unless the status is 0, a cleared pin. Keys may come in any order
 * and repeat; ascending ones are cheapest.
 *
 * Returns 0 when every key was read (found or not), else the last failure
 * among the statuses, which tt_error_text() then describes; the other keys
 * are read all the same. As every pin holds a block, ask for thousands of
 * keys in portions.
 */
TT_API int tt_multi_get(struct tt *db, const struct tt_read_options *ro,
			const struct tt_slice *keys, size_t n,
			struct tt_pinned *values, int *statuses);

/* ---- copying values ---------------------------------------------------- */

/* A key that is to get the value of another, or of its own past. */
struct tt_copy {
	struct tt_slice from, to;
};

/* What became of copies. */
struct tt_copied {
	uint64_t n_shared;     /* keys that share the value of another … */
	uint64_t shared_bytes; /* … and what a copy of it had taken */
	uint64_t copied_bytes; /* of the values of all others */
};

/*
 * tt_write(), with copies behind what the batch does, as one change: each `to`
 * gets the value that its `from` has in the state that `ro` names (NULL: the
 * newest one, before this change). Whether that is a value as it was put, or
 * put together from merges, makes no difference. TT_NOTFOUND when a `from` has
 * none; nothing is written then.
 *
 * Large values, which are kept outside of tables (option separate_bytes), are
 * shared where that can be: what lies on the disk for one key is from then on
 * there for both, however each of them changes or goes. Nothing of it is read
 * or written, nor verified, however large it is; a damaged value is that of
 * both. Others are read and written, through memory like a batch: those with
 * merges over them, and those in files that are being emptied. Sharing ends,
 * each key with a value of its own, where that is cheaper than to keep what
 * was overwritten beside it.
 *
 * With `verify` in `ro` every value is read, verified and copied. `batch` (NULL:
 * nothing) is unchanged; `wo`, `ro`, `out` and `out_ts` may be NULL. TT_ETOOBIG
 * when batch and copies come to more than TT_BATCH_MAX.
 */
TT_API int tt_write_copies(struct tt *db, const struct tt_write_options *wo,
			   const struct tt_batch *batch,
			   const struct tt_read_options *ro,
			   const struct tt_copy *copies, size_t n,
			   struct tt_copied *out, int64_t *out_ts);

/* ---- snapshots -------------------------------------------------------- */

/* Holds the newest state readable until released. Cheap: no data moves. */
TT_API int tt_snapshot_new(struct tt *db, struct tt_snapshot **out);
/*
 * Holds the state as of a time, within the window that `retention` keeps;
 * later than the newest write: the newest state. TT_ETOOOLD before it.
 */
TT_API int tt_snapshot_at(struct tt *db, int64_t ts, struct tt_snapshot **out);
TT_API void tt_snapshot_free(struct tt *db, struct tt_snapshot *snap);
/* The timestamp it reads at. */
TT_API int64_t tt_snapshot_ts(const struct tt_snapshot *snap);

/* ---- iterating -------------------------------------------------------- */

struct tt_iter_options {
	const struct tt_snapshot *snapshot; /* NULL: the state at creation */
	struct tt_slice lower;		    /* inclusive; empty: unbounded */
	struct tt_slice upper;		    /* exclusive; empty: unbounded */
	bool keys_only; /* tt_iter_value() is empty, and costs nothing */
	bool no_fill;	/* do not bring what is read into the block cache */
	int64_t as_of;	/* timestamp; 0: at creation; no snapshot then */
	/* Only keys that begin with it: the same as `lower` = prefix and
	 * `upper` = the first key behind all of those. With bounds of their
	 * own besides, both hold. Empty: any. */
	struct tt_slice prefix;
	bool verify; /* as in tt_read_options */
};

/*
 * A cursor over the live keys within the bounds, over one consistent state.
 * The bounds are copied; the snapshot is not kept, but its state is. Not
 * positioned at first. `opts` may be NULL. Free every iterator: it holds
 * files and memory. One that stays open while much is written keeps the
 * memtables and tables of its time: refresh it now and then.
 */
TT_API int tt_iter_new(struct tt *db, const struct tt_iter_options *opts,
		       struct tt_iter **out);
TT_API void tt_iter_free(struct tt_iter *it);

/*
 * Positioning: 0 on a key, TT_END past either end, < 0 an error. When only the
 * value of the key that was reached cannot be read (it is damaged), the
 * iterator stands there all the same: tt_iter_valid() says so, the key can be
 * read, the value is empty, and the walk may go on.
 */
TT_API int tt_iter_first(struct tt_iter *it);
TT_API int tt_iter_last(struct tt_iter *it);
/* The first key >= `key`. */
TT_API int tt_iter_seek(struct tt_iter *it, struct tt_slice key);
/* The last key <= `key`. */
TT_API int tt_iter_seek_for_prev(struct tt_iter *it, struct tt_slice key);
/* From a valid position only. */
TT_API int tt_iter_next(struct tt_iter *it);
TT_API int tt_iter_prev(struct tt_iter *it);

/* The current entry. Valid position only; until the iterator next moves. */
TT_API bool tt_iter_valid(const struct tt_iter *it);
TT_API struct tt_slice tt_iter_key(const struct tt_iter *it);
TT_API struct tt_slice tt_iter_value(const struct tt_iter *it);
TT_API int64_t tt_iter_ts(const struct tt_iter *it);

/* Moves the iterator to the newest state, whichever it showed before,
 * unpositioned, keeping its bounds. */
TT_API int tt_iter_refresh(struct tt_iter *it);

/* ---- maintenance ------------------------------------------------------ */

/* Writes the memtables to tables and waits for it. */
TT_API int tt_flush(struct tt *db);

/*
 * Compacts the tables that overlap [lower, upper) down to the last level,
 * where those go that hold what nobody can read any more, and waits for it; an
 * empty slice is unbounded.
 */
TT_API int tt_compact(struct tt *db, struct tt_slice lower,
		      struct tt_slice upper);

/*
 * Reads and verifies every byte of every table (checksums, order, counts), and
 * every separated value that is pointed to, also by what is in no table yet.
 * `fn` (may be NULL) is told each damaged place with file and offset; returns
 * TT_ECORRUPT if there was one. Runs beside reads and writes.
 */
TT_API int tt_verify(struct tt *db, void (*fn)(void *arg, const char *text),
		     void *arg);

/* How background work is; a higher number is worse. */
enum tt_background {
	TT_BACKGROUND_WELL = 0,
	/* A damaged table ended compaction. Reads and writes go on. */
	TT_BACKGROUND_NO_COMPACTION = 1,
	/* No room for tables; tried again twice a second. Writes go on until
	 * the memtables are full, then they fail with -ENOSPC. */
	TT_BACKGROUND_NO_SPACE = 2,
	/* A flush or compaction failed otherwise: writes fail with its code. */
	TT_BACKGROUND_STOPPED = 3,
	/* Writes fail with TT_EPOISONED until the store is reopened. */
	TT_BACKGROUND_POISONED = 4,
};

struct tt_background_error {
	enum tt_background state;
	int code;	/* what failed; 0 when all is well */
	char text[512]; /* … and where, for people; "" when all is well */
};

/* The state of background work; `out` may be NULL. Reads go on in each. */
TT_API int tt_background_error(struct tt *db, struct tt_background_error *out);

/*
 * Takes up background work again, after what stopped it has been mended:
 * compaction that a damaged table ended, and flushes and compactions that
 * failed. Does nothing when all is well. What still fails will stop it again;
 * wait for tt_flush() to know. Work that is under way and fails of what was
 * before is tried again by itself.
 *
 * No failed fsync is repeated. A table whose fsync failed is thrown away and
 * written anew from the memtable. A manifest whose write or fsync failed is
 * replaced by a new one; while that fails, this returns why, and writes stay
 * refused. A log whose fsync failed is beyond help: TT_EPOISONED, reopen the
 * store, which then shows what is on the disk.
 */
TT_API int tt_resume(struct tt *db);

struct tt_space {
	uint64_t store_bytes; /* what the store's files take on disk */
	uint64_t disk_bytes;  /* the file system's size … */
	uint64_t free_bytes;  /* … and what is free for an ordinary user */
};
TT_API int tt_space(struct tt *db, struct tt_space *out);

struct tt_estimate {
	uint64_t disk_bytes; /* of tables */
	uint64_t keys;
};

/*
 * About how much lies in [lower, upper); an empty slice is unbounded. Cheap:
 * of each level at most two tables are looked into, and of those the index.
 * Right to within two blocks a level for bytes; keys are guessed from the
 * counts of records, and too many where keys were overwritten since the last
 * compaction. What is still in memtables is not counted.
 */
TT_API int tt_estimate(struct tt *db, struct tt_slice lower,
		       struct tt_slice upper, struct tt_estimate *out);

/* ---- copies ----------------------------------------------------------- */

/* How far a copy has come. */
struct tt_progress {
	uint64_t bytes_done;
	uint64_t bytes_total;
	uint64_t files_done; /* linked, copied, or found to be there already */
	uint64_t files_total;
};

struct tt_copy_options {
	/* Write the memtables to tables first: it takes longer, and the copy
	 * has less of a log, which opening it would replay. */
	bool flush;
	/*
	 * Called in the calling thread after every file and every MiB; may be
	 * NULL. A return other than 0 ends the work, which then fails with
	 * -ECANCELED; sleeping in it slows the work down.
	 */
	int (*progress)(void *arg, const struct tt_progress *p);
	void *arg;
};

/*
 * Makes `dir` (a new or an empty directory) a copy of the store as it is now,
 * durable on return. Runs beside reads and writes and waits for neither. The
 * copy holds every write that had returned before the call and is a store by
 * itself: neither changes the other.
 *
 * Tables and all but the last bytes of the log are hard links, which takes
 * milliseconds and no space: as compaction replaces tables here, the links
 * keep the old ones. Where links are not to be had (another file system) they
 * are copied and checked meanwhile; TT_ECORRUPT names what is damaged.
 *
 * The directory appears whole under its name, or not at all: after a crash
 * there may be a `dir`.ttrunks-unfinished, which the next call removes.
 * -ENOTEMPTY when `dir` has something in it; nothing is changed then.
 * `opts` may be NULL.
 */
TT_API int tt_checkpoint(struct tt *db, const char *dir,
			 const struct tt_copy_options *opts);

/*
 * Backups. A directory of backups, on any file system, holds copies of one
 * store or of several, each with a number. Backups share tables: one more
 * backup copies only the tables that no earlier one has, and the log.
 * data/README.md describes the files; everything in them has a checksum.
 *
 * tt_backup(), tt_backup_delete() and tt_backup_prune() exclude each other
 * (TT_ELOCKED). The others change nothing in the directory, which may be
 * read-only, and may run beside them; what is deleted under their hands they
 * report as missing.
 */

/*
 * Adds a backup of the store as it is now to `dir`, which is made when
 * missing; TT_EFOREIGN when it holds other things. Runs beside reads and
 * writes; the backup holds every write that had returned before the call, and
 * is durable on return. Its number, above all others there, goes to *out_id,
 * which may be NULL.
 *
 * What is copied is checked meanwhile: TT_ECORRUPT names the file and place
 * that is damaged, and there is no backup. After another failure or a crash
 * earlier backups are as they were; tables that had been copied already are
 * taken over by the next backup, or removed when it is done. A disk that is
 * full is left as it was found.
 */
TT_API int tt_backup(struct tt *db, const char *dir,
		     const struct tt_copy_options *opts, uint64_t *out_id);

struct tt_backup_info {
	uint64_t id;
	int64_t time;	/* when it was begun, microseconds since the epoch */
	uint64_t bytes; /* of the store that it restores to */
	uint64_t files;
	const char *damage; /* NULL, or why it cannot be read; bytes and files
			     * are 0 then */
};

/*
 * Tells `fn` of every backup, lowest number first. A return other than 0 ends
 * it and is returned. TT_ENOSTORE when `dir` is no directory of backups.
 */
TT_API int tt_backup_list(const char *dir,
			  int (*fn)(void *arg,
				    const struct tt_backup_info *info),
			  void *arg);

/*
 * Makes `target` (a new or an empty directory) the store that backup `id` (0:
 * the newest) is a copy of, durable on return. Every byte is checked against
 * its checksum: TT_ECORRUPT names a damaged file, and there is no target then.
 * The directory appears as that of tt_checkpoint() does. TT_NOTFOUND when
 * there is no such backup. `opts` may be NULL; `flush` means nothing here.
 */
TT_API int tt_backup_restore(const char *dir, uint64_t id, const char *target,
			     const struct tt_copy_options *opts);

/*
 * Reads all of backup `id` (0: the newest) and compares it with its
 * checksums. `fn` (may be NULL) is told each file that is damaged or missing;
 * TT_ECORRUPT if there was one. `opts` as above.
 */
TT_API int tt_backup_verify(const char *dir, uint64_t id,
			    void (*fn)(void *arg, const char *text), void *arg,
			    const struct tt_copy_options *opts);

/*
 * Deletes backup `id`, or all but the `keep` (at least 1) newest ones, and the
 * tables that no other backup needs; also what interrupted work has left.
 * TT_NOTFOUND when there is no backup `id`. TT_ECORRUPT when the list of a
 * backup that stays cannot be read: what it needs is not known, and nothing is
 * deleted.
 */
TT_API int tt_backup_delete(const char *dir, uint64_t id);
TT_API int tt_backup_prune(const char *dir, uint64_t keep);

/* ---- statistics ------------------------------------------------------- */

/*
 * Calls `fn` for every counter and gauge: `name` is dotted and stable (e.g.
 * "engine.writes", "engine.level0.files"), `help` one sentence. Safe at any
 * time; the numbers of one walk are not one instant.
 */
TT_API void tt_stats_each(struct tt *db,
			  void (*fn)(void *arg, const char *name,
				     uint64_t value, const char *help),
			  void *arg);

/* One of them by name; TT_NOTFOUND if there is none of that name. */
TT_API int tt_stat(struct tt *db, const char *name, uint64_t *out);

/*
 * What a person wants to see of them at a glance: levels, memory, work done.
 * Several lines of text for `*out`, which the caller gives to free(). Its form
 * may change.
 */
TT_API int tt_stats_text(struct tt *db, char **out);

/* The newest timestamp given to a write (0: none yet). */
TT_API int64_t tt_last_ts(struct tt *db);

/* "ttrunks 0.1.0"; static storage. */
TT_API const char *tt_version(void);

#ifdef __cplusplus
}
#endif

#endif
