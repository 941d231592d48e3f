/* SPDX-License-Identifier: MIT */
/*
 * The operating system as the engine sees it: files, directories, clocks,
 * behind one vtable. All engine I/O goes through here, so that tests can put
 * an environment in its place that fails the n-th call or loses what was not
 * synced (tests/support/fault_env.h).
 *
 * Functions return 0 or negative (-errno) unless they say otherwise, and
 * record a text that names the path and what strerror() says. Interrupted
 * and short system calls are resumed inside: a read or write moves all bytes
 * or fails.
 *
 * An env may be used by any number of threads. So may a file, except that
 * env_append() and env_close() want one caller at a time. Positions never
 * interact: reads and writes name their offset.
 *
 * A failed env_sync() leaves it unknown what is on disk. Never retry it:
 * poison what depended on it.
 */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/compiler.h"

/* env_open() flags. */
enum env_open_flag {
	ENV_READ = 1,
	ENV_WRITE = 2,
	ENV_CREATE = 4, /* make it when missing, mode 0644 */
	ENV_EXCL = 8,	/* with ENV_CREATE: -EEXIST when present */
	ENV_TRUNC = 16, /* empty it */
	/*
	 * O_DIRECT: buffer address, offset and length of every transfer are
	 * multiples of ENV_DIRECT_ALIGN (asserted; direct.h sees to it).
	 * Filesystems that refuse it (tmpfs) get ordinary I/O under the same
	 * rules. A read tells what is on the disk: dirty pages of the page
	 * cache are written first, and when that fails the read fails.
	 */
	ENV_DIRECT = 32,
	ENV_DSYNC = 64, /* every write is durable on return */
};

#define ENV_DIRECT_ALIGN 4096
#define ENV_CACHE_PAGE 4096 /* what env_cached() tells about */

enum env_sync_kind {
	ENV_SYNC_DATA, /* fdatasync: contents and size */
	ENV_SYNC_FULL, /* fsync: times too */
};

enum env_advice {
	ENV_ADVICE_RANDOM,
	ENV_ADVICE_SEQUENTIAL,
	ENV_ADVICE_WILLNEED,
	ENV_ADVICE_DONTNEED, /* drop clean pages from the page cache */
	ENV_ADVICE_WRITE,    /* begin to write dirty pages to the disk */
};

enum env_file_type { ENV_TYPE_FILE, ENV_TYPE_DIR, ENV_TYPE_OTHER };

struct env_stat {
	uint64_t size;	 /* bytes */
	uint64_t stored; /* bytes on disk: blocks taken */
	uint64_t ino;
	uint64_t n_links;
	int64_t mtime_us; /* microseconds since the epoch */
	enum env_file_type type;
};

struct env_space {
	uint64_t total;	      /* bytes in the filesystem */
	uint64_t free;	      /* free to root */
	uint64_t avail;	      /* free to us */
	uint64_t files_total; /* inodes */
	uint64_t files_free;
};

struct env;
struct env_file;
struct env_map;
struct env_lock;

/* One name of a directory; never "." or "..". A return other than 0 ends the
 * listing and is handed through. */
typedef int (*env_list_fn)(void *arg, const char *name,
			   enum env_file_type type);

/*
 * What an environment implements; users call the env_ functions below, whose
 * comments are the contract. Objects are made by the environment and begin
 * with the structs shown here.
 */
struct env_ops {
	int (*open)(struct env *, const char *path, unsigned flags,
		    struct env_file **out);
	int (*close)(struct env_file *);
	int (*read)(struct env_file *, uint64_t off, void *dst, size_t len,
		    size_t *out_len);
	int (*write)(struct env_file *, uint64_t off, const void *src,
		     size_t len);
	int (*append)(struct env_file *, const void *src, size_t len);
	int (*allocate)(struct env_file *, uint64_t off, uint64_t len);
	int (*truncate)(struct env_file *, uint64_t size);
	int (*sync)(struct env_file *, enum env_sync_kind);
	int (*file_size)(struct env_file *, uint64_t *out);
	int (*advise)(struct env_file *, uint64_t off, uint64_t len,
		      enum env_advice);
	int (*cached)(struct env_file *, uint64_t len, uint8_t *out);
	int (*map)(struct env_file *, uint64_t off, size_t len, bool writable,
		   struct env_map **out);
	int (*map_populate)(struct env_map *, size_t off, size_t len);
	int (*map_sync)(struct env_map *, size_t off, size_t len);
	int (*unmap)(struct env_map *);
	int (*rename)(struct env *, const char *from, const char *to);
	int (*unlink)(struct env *, const char *path);
	int (*link)(struct env *, const char *from, const char *to);
	int (*mkdir)(struct env *, const char *path);
	int (*rmdir)(struct env *, const char *path);
	int (*list)(struct env *, const char *path, env_list_fn fn, void *arg);
	int (*stat)(struct env *, const char *path, struct env_stat *out);
	int (*sync_dir)(struct env *, const char *path);
	int (*lock)(struct env *, const char *path, struct env_lock **out);
	int (*unlock)(struct env_lock *);
	int (*space)(struct env *, const char *path, struct env_space *out);
	int64_t (*now_us)(struct env *);
	uint64_t (*mono_ns)(struct env *);
};

struct env {
	const struct env_ops *ops;
};

struct env_file {
	const struct env_ops *ops;
	const char *path; /* as opened; valid until env_close() */
};

struct env_map {
	const struct env_ops *ops;
	uint8_t *base; /* where the mapped bytes are */
	size_t len;
};

struct env_lock {
	const struct env_ops *ops;
};

/* The real operating system; lives for ever, needs no free. */
struct env *env_posix(void);

/* ------------------------------------------------------------- files */

/*
 * Opens a file. ENV_READ or ENV_WRITE or both must be given. The file's
 * append position starts at its end.
 */
static inline int env_open(struct env *e, const char *path, unsigned flags,
			   struct env_file **out)
{
	return e->ops->open(e, path, flags, out);
}

/* Closes and frees, also when it reports a failure. NULL does nothing.
 * Closing makes nothing durable. */
static inline int env_close(struct env_file *f)
{
	return f ? f->ops->close(f) : 0;
}

/* Reads up to `len` bytes; *out_len is less only at the end of the file. */
static inline int env_read(struct env_file *f, uint64_t off, void *dst,
			   size_t len, size_t *out_len)
{
	return f->ops->read(f, off, dst, len, out_len);
}

/* Reads exactly `len` bytes; TT_ECORRUPT when the file ends before. */
int env_read_exact(struct env_file *f, uint64_t off, void *dst, size_t len);

/* Writes all bytes at `off`; on failure any part of them may be there. */
static inline int env_write(struct env_file *f, uint64_t off, const void *src,
			    size_t len)
{
	return f->ops->write(f, off, src, len);
}

/* Writes at the append position and moves it, also by what a failed call has
 * written. */
static inline int env_append(struct env_file *f, const void *src, size_t len)
{
	return f->ops->append(f, src, len);
}

/* Reserves disk space and extends the size to off + len: later writes there
 * do not fail for space. The bytes read as zeros. -EOPNOTSUPP is possible for
 * files opened with ENV_DIRECT. */
static inline int env_allocate(struct env_file *f, uint64_t off, uint64_t len)
{
	return f->ops->allocate(f, off, len);
}

static inline int env_truncate(struct env_file *f, uint64_t size)
{
	return f->ops->truncate(f, size);
}

/* Makes the contents durable; the name needs env_sync_dir(). */
static inline int env_sync(struct env_file *f, enum env_sync_kind kind)
{
	return f->ops->sync(f, kind);
}

static inline int env_file_size(struct env_file *f, uint64_t *out)
{
	return f->ops->file_size(f, out);
}

/* A hint; failures are of no consequence. `len` 0: to the end. */
static inline int env_advise(struct env_file *f, uint64_t off, uint64_t len,
			     enum env_advice advice)
{
	return f->ops->advise(f, off, len, advice);
}

/*
 * Tells which pages of the first `len` bytes are in the page cache: one byte
 * for each begun ENV_CACHE_PAGE, 1 or 0. It may have changed by the return.
 */
static inline int env_cached(struct env_file *f, uint64_t len, uint8_t *out)
{
	return f->ops->cached(f, len, out);
}

/* ---------------------------------------------------------- mappings */

/*
 * Maps `len` bytes of the file at `off` (both multiples of the page size,
 * within the file's size: a store beyond the end would be fatal). Stores
 * survive the death of the process at once and power loss after
 * env_map_sync(). The map keeps the file.
 */
static inline int env_map(struct env_file *f, uint64_t off, size_t len,
			  bool writable, struct env_map **out)
{
	return f->ops->map(f, off, len, writable, out);
}

/* Brings a range into memory, so that the first store does not wait. */
static inline int env_map_populate(struct env_map *m, size_t off, size_t len)
{
	return m->ops->map_populate(m, off, len);
}

/* Makes the stores to a range durable. Others may store elsewhere meanwhile. */
static inline int env_map_sync(struct env_map *m, size_t off, size_t len)
{
	return m->ops->map_sync(m, off, len);
}

/* NULL does nothing. Makes nothing durable. */
static inline int env_unmap(struct env_map *m)
{
	return m ? m->ops->unmap(m) : 0;
}

/* ------------------------------------------------------- directories */

/* Replaces `to` atomically. Durable after env_sync_dir() of the directory,
 * or of both. */
static inline int env_rename(struct env *e, const char *from, const char *to)
{
	return e->ops->rename(e, from, to);
}

static inline int env_unlink(struct env *e, const char *path)
{
	return e->ops->unlink(e, path);
}

/* A second name for a file; -EEXIST when `to` is there. */
static inline int env_link(struct env *e, const char *from, const char *to)
{
	return e->ops->link(e, from, to);
}

/* Mode 0755; -EEXIST when the name is taken. */
static inline int env_mkdir(struct env *e, const char *path)
{
	return e->ops->mkdir(e, path);
}

static inline int env_rmdir(struct env *e, const char *path)
{
	return e->ops->rmdir(e, path);
}

/* Calls fn for every name, in no order. What fn changes in the directory may
 * or may not show. */
static inline int env_list(struct env *e, const char *path, env_list_fn fn,
			   void *arg)
{
	return e->ops->list(e, path, fn, arg);
}

static inline int env_stat(struct env *e, const char *path,
			   struct env_stat *out)
{
	return e->ops->stat(e, path, out);
}

/* 1 when the path exists, 0 when not, negative when that is unknown. */
int env_exists(struct env *e, const char *path);

/* Makes the names in a directory durable: creations, renames, removals. */
static inline int env_sync_dir(struct env *e, const char *path)
{
	return e->ops->sync_dir(e, path);
}

/*
 * Takes the lock file `path` (made when missing) for this process and writes
 * the pid into it. TT_ELOCKED when another has it, with a text that names
 * its pid. The kernel frees it when the process dies, however it dies. Two
 * locks of one process exclude each other too.
 */
static inline int env_lock(struct env *e, const char *path,
			   struct env_lock **out)
{
	return e->ops->lock(e, path, out);
}

/* Frees the lock; the file stays. NULL does nothing. */
static inline int env_unlock(struct env_lock *l)
{
	return l ? l->ops->unlock(l) : 0;
}

/* The pid written in a lock file, 0 when there is none; negative on failure.
 * It tells who took it last, not that it is still held. */
pid_t env_lock_owner(struct env *e, const char *path);

/* Room in the filesystem that holds `path`. */
static inline int env_space(struct env *e, const char *path,
			    struct env_space *out)
{
	return e->ops->space(e, path, out);
}

/* ------------------------------------------------------------ clocks */

/* Microseconds since the epoch; may jump. */
static inline int64_t env_now_us(struct env *e)
{
	return e->ops->now_us(e);
}

/* Nanoseconds since some moment; never jumps. Deadlines of cond_wait_until()
 * use mono_ns() of mutex.h instead, the real clock. */
static inline uint64_t env_mono_ns(struct env *e)
{
	return e->ops->mono_ns(e);
}

/* ------------------------------------------- made of the above (env.c) */

/* Appends a whole file to `out`; -EFBIG when larger than `max`. */
int env_read_file(struct env *e, const char *path, size_t max, struct buf *out);

/*
 * Replaces (or makes) a file as one step, also across power loss: PATH.tmp
 * is written and synced, renamed over PATH, and the directory synced.
 */
int env_replace_file(struct env *e, const char *path, struct tt_slice bytes);

/* Makes a directory and its missing parents, each durable. */
int env_make_dirs(struct env *e, const char *path);

/* The directory part of a path: "a/b" -> "a", "a" -> ".", "/a" -> "/". Caller
 * frees; NULL when memory is out. */
char *env_dir_name(const char *path);

/* env_sync_dir() of the directory that holds `path`. */
int env_sync_parent(struct env *e, const char *path);

#endif
