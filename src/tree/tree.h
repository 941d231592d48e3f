/* SPDX-License-Identifier: MIT */
/*
 * The tree: paths, inodes, directories and file contents as rows of the
 * engine. One plain function per operation; no FUSE, no JSON. Both faces are
 * thin over this header, and every filesystem rule lives behind it.
 *
 * Inodes are named by number. A face that holds on to a number (the kernel
 * does) holds a lookup count on it: functions marked "+1 lookup" add one, and
 * tree_forget() gives them back. While its count is above zero an inode stays
 * usable by number, also after its last name is gone (it is then an orphan,
 * deleted when the count reaches zero, or by the next start after a crash).
 * TREE_ROOT is always usable.
 *
 * Results: 0 done, < 0 -errno or a code of tt_errors.h; names that do not
 * exist are -ENOENT here. Every operation that changes something commits as
 * one engine batch: after a crash it happened wholly or not at all.
 *
 * Threads: every function may be called by any number of threads at once,
 * unless it says otherwise. Functions may block on the engine's back-pressure
 * and on disk reads, never on another client.
 *
 * Permissions are the kernel's to check (default_permissions); the tree
 * enforces what the kernel cannot: types, link counts, name rules, inheritance
 * of setgid and of default ACLs, clearing of setuid/setgid on writes by others.
 */
#ifndef TREE_TREE_H
#define TREE_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "ttrunks.h"

#define TREE_ROOT 1u
#define TREE_NAME_MAX 255u
#define TREE_KEY_MAX 4096u    /* a port key, bytes */
#define TREE_XATTR_MAX 65536u /* an attribute's value, bytes */

struct tree;
struct tree_dir;  /* an open directory listing */
struct tree_scan; /* a cursor over keys */

/* ---- life ------------------------------------------------------------- */

/* Who must hear of changes that did not come through the mount itself. */
struct tree_listener {
	/*
	 * Called after a change made through a key (tree_key_*) is committed,
	 * with no tree lock held, in the calling thread. It must not block and
	 * must not call back into the tree.
	 */
	/* The entry `name` of directory `parent` appeared, changed or went. */
	void (*entry_changed)(void *arg, uint64_t parent, struct tt_slice name);
	/* Attributes or contents of `ino` changed (and `ino` is looked up). What
	 * a recursive DELETE removes in the background is told by the tree's
	 * own thread, until tree_close(). */
	void (*inode_changed)(void *arg, uint64_t ino);
	/*
	 * Called once when all changes of one tree_key_apply() have been told,
	 * before it returns, with no lock held; may wait a bounded time until
	 * they have taken effect, so that whoever is answered next finds the
	 * other face agreeing. May be NULL.
	 */
	void (*changes_told)(void *arg);
	void *arg;
};

/* Makes an empty tree in an empty store, or opens the one that is there
 * (`db` is kept: it must outlive the tree). Starts the tree's background
 * thread (orphan sweep, coalesced directory times). A store that holds rows of
 * something else is refused with TT_EFOREIGN. */
int tree_open(struct tt *db, struct tree **out);

/*
 * Opens the tree as it was at `ts` (see tt_snapshot_at()), for reading only:
 * what would change it is TT_EREADONLY. TT_ETOOOLD for a time that is not
 * kept any more, -ENOENT for one when there was no tree.
 */
int tree_open_past(struct tt *db, int64_t ts, struct tree **out);

/* Writes what is coalesced in memory, makes it durable, stops the background
 * thread and frees. No call may be under way, no handle open. NULL is fine. */
int tree_close(struct tree *t);

/* At most one; set before the first operation. Copied. */
void tree_set_listener(struct tree *t, const struct tree_listener *l);

enum tree_atime {
	TREE_ATIME_NEVER,
	/* when it is not behind mtime and ctime only, or a day old */
	TREE_ATIME_RELATIVE,
	TREE_ATIME_ALWAYS,
};
/*
 * What reading does to access times of files and directories: nothing, unless
 * set before the first operation. A change of one is a write of its own, which
 * gives the key another version.
 */
void tree_set_atime(struct tree *t, enum tree_atime files,
		    enum tree_atime dirs);

struct tt *tree_db(struct tree *t);

/*
 * An inode that is looked up is in memory, so memory follows what a face
 * holds. Above a budget of `bytes` for them the tree says that it is crowded,
 * and which of them the face should give back by tree_forget() if it can.
 * Without a limit until it is called; before the first operation.
 */
void tree_set_inode_budget(struct tree *t, size_t bytes);
/* Whether that is the case; costs nothing. */
bool tree_is_crowded(const struct tree *t);
/*
 * Numbers of up to `max` inodes that have not been used for long. 0 when
 * enough have been named. One that the face has to keep is named again, later.
 * One thread at a time.
 */
size_t tree_idle_inodes(struct tree *t, uint64_t *out, size_t max);

/* Everything that had returned becomes durable, coalesced times included. */
int tree_sync(struct tree *t);

/* ---- attributes ------------------------------------------------------- */

struct tree_attr {
	uint64_t ino;
	uint64_t size;	 /* bytes */
	uint64_t blocks; /* 512-byte units actually stored */
	uint32_t mode;	 /* type and permission bits */
	uint32_t nlink;
	uint32_t uid, gid;
	uint64_t rdev;
	struct timespec atime, mtime, ctime, btime;
	int64_t version; /* timestamp of the write that last touched it */
};

/* The caller on whose behalf an operation runs. */
struct tree_cred {
	uint32_t uid, gid;
	uint32_t umask; /* counts where no default ACL decides */
};

int tree_getattr(struct tree *t, uint64_t ino, struct tree_attr *out);

enum tree_set {
	TREE_SET_MODE = 1 << 0,
	TREE_SET_UID = 1 << 1,
	TREE_SET_GID = 1 << 2,
	TREE_SET_SIZE = 1 << 3,
	TREE_SET_ATIME = 1 << 4,
	TREE_SET_MTIME = 1 << 5,
	TREE_SET_ATIME_NOW = 1 << 6,
	TREE_SET_MTIME_NOW = 1 << 7,
	TREE_SET_CTIME = 1 << 8,
	/* clear setuid, and setgid if g+x, of what is no directory */
	TREE_SET_KILL_PRIV = 1 << 9,
};
/* Sets the fields of `in` named by `set`, as one change. */
int tree_setattr(struct tree *t, uint64_t ino, const struct tree_attr *in,
		 unsigned set, struct tree_attr *out);

/* ---- names ------------------------------------------------------------ */

/* +1 lookup on success. -ENOENT, -ENOTDIR, -ENAMETOOLONG. "." and ".." work. */
int tree_lookup(struct tree *t, uint64_t parent, struct tt_slice name,
		struct tree_attr *out);

/* Gives back `n` lookups of `ino`. Never fails; may queue the deletion of an
 * orphan's contents for the background thread. */
void tree_forget(struct tree *t, uint64_t ino, uint64_t n);

/*
 * Creates a regular file, FIFO, socket or device node by `mode`'s type. The
 * owner is `cred`, the group the directory's when that is setgid. Permissions
 * are what `mode` and the directory's default ACL have in common; without such
 * an ACL, `mode` less the umask. +1 lookup. -EEXIST when the name is taken.
 */
int tree_mknod(struct tree *t, uint64_t parent, struct tt_slice name,
	       const struct tree_cred *cred, uint32_t mode, uint64_t rdev,
	       struct tree_attr *out);
/* As tree_mknod(); with `excl` false an existing regular file is returned
 * instead (+1 lookup either way); *created tells. */
int tree_create(struct tree *t, uint64_t parent, struct tt_slice name,
		const struct tree_cred *cred, uint32_t mode, bool excl,
		bool *created, struct tree_attr *out);
int tree_mkdir(struct tree *t, uint64_t parent, struct tt_slice name,
	       const struct tree_cred *cred, uint32_t mode,
	       struct tree_attr *out); /* +1 lookup */
int tree_symlink(struct tree *t, uint64_t parent, struct tt_slice name,
		 const struct tree_cred *cred, struct tt_slice target,
		 struct tree_attr *out); /* +1 lookup */
/* An unnamed regular file (O_TMPFILE): an orphan until linked. +1 lookup. */
int tree_tmpfile(struct tree *t, uint64_t parent, const struct tree_cred *cred,
		 uint32_t mode, struct tree_attr *out);
/* Another name for `ino`; +1 lookup. -EPERM for directories, -EMLINK. */
int tree_link(struct tree *t, uint64_t ino, uint64_t parent,
	      struct tt_slice name, struct tree_attr *out);
int tree_unlink(struct tree *t, uint64_t parent, struct tt_slice name);
int tree_rmdir(struct tree *t, uint64_t parent, struct tt_slice name);

enum tree_rename_flags {
	TREE_RENAME_NOREPLACE = 1 << 0,
	TREE_RENAME_EXCHANGE = 1 << 1,
	TREE_RENAME_WHITEOUT = 1 << 2, /* leaves a character device 0:0 */
};
int tree_rename(struct tree *t, uint64_t parent, struct tt_slice name,
		uint64_t new_parent, struct tt_slice new_name, unsigned flags);

/* Copies the target, not NUL-terminated, of at most `cap` bytes. */
int tree_readlink(struct tree *t, uint64_t ino, char *buf, size_t cap,
		  size_t *out_len);

/* ---- directories ------------------------------------------------------ */

/*
 * Opens a listing of `ino` as it is now: the entries seen do not depend on
 * what happens meanwhile. -ENOTDIR. Close it. One thread at a time.
 */
int tree_opendir(struct tree *t, uint64_t ino, struct tree_dir **out);
void tree_closedir(struct tree_dir *d);

struct tree_dirent {
	struct tt_slice name; /* until the next call on the handle */
	uint64_t ino;
	uint32_t mode; /* type bits at least */
	/* Pass it to tree_readdir() to go on behind this entry: of any handle
	 * on the directory, whatever has changed in between. */
	uint64_t cookie;
	const struct tree_attr *attr; /* with want_attr; else NULL */
};
/*
 * Calls `fn` for each entry behind `cookie` (0: from the start, beginning
 * with "." and "..", and with a new view of the directory when the handle had
 * been read before). `fn` returns 0 to go on, 1 when the entry did not fit
 * (it will be given again), or < 0 to fail. With `want_attr` attributes come
 * along, each entry but "." and ".." that `fn` took gets +1 lookup, and
 * attributes are the current ones, an entry deleted meanwhile being left out.
 * Constant memory whatever the directory's size.
 */
int tree_readdir(struct tree_dir *d, uint64_t cookie, bool want_attr,
		 int (*fn)(void *arg, const struct tree_dirent *e), void *arg);

/* ---- contents --------------------------------------------------------- */

/*
 * Reads up to `len` bytes at `off` and gives them to `fn` as one call with a
 * list of pieces in the engine's own memory (holes are pieces of zeros),
 * valid during the call; short at the end of the file. `fn`'s result is
 * returned.
 */
int tree_read(struct tree *t, uint64_t ino, uint64_t off, size_t len,
	      int (*fn)(void *arg, const struct iovec *iov, int n_iov,
			size_t total),
	      void *arg);

enum tree_write_flags {
	TREE_WRITE_APPEND = 1 << 0,    /* at the end, whatever `off` is */
	TREE_WRITE_KILL_PRIV = 1 << 1, /* clear setuid, and setgid if g+x */
	TREE_WRITE_SYNC = 1 << 2,      /* durable when it returns */
};
/* Writes all of `len` bytes or fails. -EFBIG beyond 8 EiB - 1. `out` may be
 * NULL. */
int tree_write(struct tree *t, uint64_t ino, uint64_t off, const void *data,
	       size_t len, unsigned flags, struct tree_attr *out);

/* Everything of `ino` that had returned becomes durable (fsync of a file or
 * a directory). */
int tree_fsync(struct tree *t, uint64_t ino);

/* fallocate(2) with the kernel's FALLOC_FL_* `mode`; -EOPNOTSUPP for modes
 * that are not carried. `flags`: TREE_WRITE_KILL_PRIV or 0. */
int tree_fallocate(struct tree *t, uint64_t ino, int mode, uint64_t off,
		   uint64_t len, unsigned flags);

/* SEEK_DATA / SEEK_HOLE; -ENXIO past the end. */
int tree_lseek(struct tree *t, uint64_t ino, uint64_t off, int whence,
	       uint64_t *out);

/* Copies within the store; *out_len may be short. Blocks that are to be whole
 * blocks again share what is stored, up to 4 MiB as one change. -EINVAL when
 * ranges of one file overlap. `flags` as for tree_write(). */
int tree_copy_range(struct tree *t, uint64_t src, uint64_t src_off,
		    uint64_t dst, uint64_t dst_off, uint64_t len,
		    unsigned flags, uint64_t *out_len);

/* ---- extended attributes ---------------------------------------------- */

enum tree_xattr_flags {
	TREE_XATTR_CREATE = 1,
	TREE_XATTR_REPLACE = 2,
	TREE_XATTR_KILL_SGID = 4, /* with an access ACL: clear setgid */
};

/* -ENODATA when absent; -ERANGE when `cap` is not 0 and too small; *out_len is
 * the value's length in any case of success. */
int tree_getxattr(struct tree *t, uint64_t ino, struct tt_slice name, void *buf,
		  size_t cap, size_t *out_len);
/* "system.posix_acl_access" and "…_default" are checked (-EINVAL, -EACCES),
 * and the mode follows the first, as it follows the mode. */
int tree_setxattr(struct tree *t, uint64_t ino, struct tt_slice name,
		  struct tt_slice value, int flags);
/* Names, each ended by a NUL; sizes as in tree_getxattr(). */
int tree_listxattr(struct tree *t, uint64_t ino, char *buf, size_t cap,
		   size_t *out_len);
int tree_removexattr(struct tree *t, uint64_t ino, struct tt_slice name);

/* ---- the whole -------------------------------------------------------- */

struct tree_statfs {
	uint64_t block_size, blocks, blocks_free, blocks_avail;
	uint64_t files, files_free;
	uint32_t name_max;
};
int tree_statfs(struct tree *t, struct tree_statfs *out);

/* ---- keys: what the port speaks --------------------------------------- */

/*
 * A key is a path from the root: "users/alice". NULL when well formed, else a
 * static sentence why not. Functions below return TT_EKEY for such keys, with
 * that reason as the error text; -ENOENT, -EISDIR, -ENOTDIR, -ENOTEMPTY,
 * -EEXIST and TT_ECONFLICT otherwise. Symlinks: an intermediate component that
 * is one is -ENOTDIR; a final one is a value of its own (its target).
 */
const char *tree_key_why_invalid(struct tt_slice key);

/* The whole contents into `out_fn` in pieces, in order; sizes up to `max`
 * bytes, else TT_ETOOBIG. One state of the file: never a mixture. */
int tree_key_get(struct tree *t, struct tt_slice key, uint64_t max,
		 int (*fn)(void *arg, struct tt_slice piece), void *arg,
		 struct tree_attr *attr);
int tree_key_stat(struct tree *t, struct tt_slice key, struct tree_attr *out);

/* What a write demands of the present state; fails with TT_ECONFLICT. */
enum tree_cond_kind {
	TREE_COND_NONE = 0,
	TREE_COND_ABSENT,  /* the key must not exist */
	TREE_COND_EXISTS,  /* … must exist */
	TREE_COND_VERSION, /* … must have exactly this version */
};
struct tree_op {
	enum { TREE_OP_SET, TREE_OP_DELETE } kind;
	struct tt_slice key;
	struct tt_slice value; /* SET */
	bool recursive;	       /* DELETE: a directory with all it holds */
	enum tree_cond_kind cond;
	int64_t version; /* TREE_COND_VERSION */
};
/*
 * Applies `n` operations as one engine batch: all or nothing, one version.
 * Later operations see earlier ones. SET makes missing parents and replaces as
 * if a complete new file had been renamed over the name, keeping mode, owner
 * and xattrs. DELETE of an absent key is -ENOENT. On failure *failed (may be
 * NULL) is the index of the operation that failed. Does not wait for
 * durability: tree_sync() does.
 */
int tree_key_apply(struct tree *t, const struct tree_op *ops, size_t n,
		   int64_t *out_version, size_t *failed);

/*
 * The same for who must not wait for others: -EAGAIN, having changed nothing,
 * where tree_key_apply() would wait for the engine's back-pressure or for
 * another change under way. It reads what it needs from disk all the same.
 *
 * It does not wait for the listener either. *is_untold says that the caller has
 * to call tree_settle() before it tells anyone that the change is made, which
 * it can do for many changes at once. With `is_untold` NULL, and for more than
 * one operation, such a change is -EAGAIN too.
 */
int tree_key_try_apply(struct tree *t, const struct tree_op *ops, size_t n,
		       int64_t *out_version, size_t *failed, bool *is_untold);
/* Waits, for a bounded time, until changes made before have been told. */
void tree_settle(struct tree *t);

/*
 * A cursor over the keys of all regular files (and symlinks) in memcmp order
 * of the full key, over one state of the tree. `lower` inclusive, `upper`
 * exclusive, both may be empty; a prefix is expressed by the two. What lies
 * deeper than a key is long has none and is passed over. Memory is bounded by
 * the depth. Free it. One thread at a time.
 */
struct tree_scan_options {
	struct tt_slice lower, upper;
	bool reverse;
	bool keys_only;
};
int tree_scan_new(struct tree *t, const struct tree_scan_options *o,
		  struct tree_scan **out);
void tree_scan_free(struct tree_scan *s);
/* A prefix as bounds: sets lower to it and *upper (storage of TREE_KEY_MAX
 * bytes in `buf`) to its successor, empty when there is none. */
void tree_scan_prefix(struct tt_slice prefix, void *buf,
		      struct tt_slice *upper);

struct tree_scan_item {
	struct tt_slice key; /* until the next call */
	struct tree_attr attr;
};
/* 0 an item, TT_END, or < 0. */
int tree_scan_next(struct tree_scan *s, struct tree_scan_item *out);
/* The current item's contents as of the scan's state, in pieces. */
int tree_scan_value(struct tree_scan *s, uint64_t max,
		    int (*fn)(void *arg, struct tt_slice piece), void *arg);

/* ---- checking --------------------------------------------------------- */

/*
 * Checks every invariant of the rows (each entry has its inode, link counts,
 * no orphan rows without an O row, sizes against blocks, …) over one state, in
 * bounded memory; `fn` is told each violation. Returns their number, or < 0.
 */
int tree_check(struct tt *db, void (*fn)(void *arg, const char *text),
	       void *arg);

/* Counters of the tree ("tree.lookups", "tree.inodes.resident", …) as
 * tt_stats_each() gives the engine's. */
void tree_stats_each(struct tree *t,
		     void (*fn)(void *arg, const char *name, uint64_t value,
				const char *help),
		     void *arg);

#endif
