/* SPDX-License-Identifier: MIT */
/*
 * The FUSE face: one handler per request of the kernel. A handler decodes the
 * request, calls one function of the tree and encodes the answer; every rule
 * of the file system is behind tree/tree.h.
 *
 * Handlers are run by libfuse's worker threads, any number at once. They hold
 * no lock of the face while they call the tree or libfuse, and never notify
 * the kernel (see ll_notify.h). They may block as the tree's functions may.
 *
 * Lookup counts: the kernel holds one lookup per answer that named an inode.
 * The tree adds it when it is asked; ll_reply.h gives it back when the answer
 * did not reach the kernel.
 */
#ifndef FS_LL_H
#define FS_LL_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 312
#endif

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/list.h"
#include "base/mutex.h"
#include "base/slice.h"
#include "fs/ll_notify.h"
#include "tree/tree.h"

/* clang-format off */
enum ll_counter {
#define REQUEST(id, name, help) LL_##id,
#define NOTICE(id, name, help) LL_NOTICE_##id,
#include "fs/requests.def"
#undef REQUEST
#undef NOTICE
	N_LL_COUNTERS
};
/* clang-format on */

struct ll_options {
	double entry_timeout;	 /* seconds the kernel trusts a name … */
	double attr_timeout;	 /* … attributes … */
	double negative_timeout; /* … and the absence of a name */
	unsigned max_write;	 /* bytes of one WRITE */
	unsigned max_background; /* read-ahead requests under way at once */
	bool writeback;		 /* the kernel's write-back cache */
	bool acl;		 /* the kernel checks POSIX ACLs */
	int64_t uid, gid;	 /* everybody's; < 0: what is stored */
	int64_t umask;		 /* what all modes lack; < 0: what is stored */
	bool no_xattr;		 /* the kernel need not ask for any */
};

struct ll {
	/* set before the session starts, then constant */
	struct tree *tree;
	struct counters *counters;
	struct ll_notify *notify;
	struct ll_options opts;

	/* set by ll_init(), which the kernel waits for; then constant */
	bool has_no_open; /* the kernel takes ENOSYS for OPEN */

	struct mutex mu; /* RANK_FS; leaf among the face's locks */
	/* guarded by mu */
	struct list_node dirs; /* open directory handles */
};

/* Prepares `ll` (caller's storage) over a tree, which is kept. 0 or -ENOMEM. */
int ll_start(struct ll *ll, struct tree *tree, const struct ll_options *opts);
/* After the session has ended: closes directory handles that the kernel never
 * released, frees what ll_start() made. */
void ll_finish(struct ll *ll);

/* The handlers, in the order of struct fuse_lowlevel_ops. */
extern const struct fuse_lowlevel_ops ll_ops;

/* Calls `fn` for each counter: "fuse.requests.lookup", … Any thread. `arg` is
 * the struct ll; the type suits server_options.extra_stats. */
void ll_stats_each(void *arg,
		   void (*fn)(void *fn_arg, const char *name, uint64_t value,
			      const char *help),
		   void *fn_arg);

/* The face of a request, counting it. */
static inline struct ll *ll_of(fuse_req_t req, enum ll_counter what)
{
	struct ll *ll = fuse_req_userdata(req);

	counter_inc(ll->counters, what);
	return ll;
}

/* Told the kernel of an inode: it may have too many by now. */
static inline void ll_relieve(const struct ll *ll)
{
	if (tree_is_crowded(ll->tree))
		ll_notify_crowded(ll->notify);
}

/* ---- handlers ---------------------------------------------------------- */

/* ll_init.c */
void ll_init(void *userdata, struct fuse_conn_info *conn);

/* ll_name.c */
void ll_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ll_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n);
void ll_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *f);
void ll_readlink(fuse_req_t req, fuse_ino_t ino);
void ll_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	      dev_t rdev);
void ll_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ll_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ll_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ll_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		const char *name);
void ll_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	       fuse_ino_t new_parent, const char *new_name, unsigned flags);
void ll_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent,
	     const char *new_name);
void ll_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi);
void ll_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		struct fuse_file_info *fi);

/* ll_attr.c */
void ll_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
		struct fuse_file_info *fi);
void ll_statfs(fuse_req_t req, fuse_ino_t ino);

/* ll_file.c */
void ll_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	     struct fuse_file_info *fi);
void ll_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size,
	      off_t off, struct fuse_file_info *fi);
void ll_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
	      struct fuse_file_info *fi);
void ll_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
		  off_t len, struct fuse_file_info *fi);
void ll_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
	      struct fuse_file_info *fi);
void ll_copy_file_range(fuse_req_t req, fuse_ino_t src, off_t src_off,
			struct fuse_file_info *src_fi, fuse_ino_t dst,
			off_t dst_off, struct fuse_file_info *dst_fi,
			size_t len, int flags);
void ll_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg,
	      struct fuse_file_info *fi, unsigned flags, const void *in_buf,
	      size_t in_size, size_t out_size);

/* ll_dir.c */
void ll_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi);
void ll_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi);
void ll_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
		 struct fuse_file_info *fi);
/* Closes every handle that is open still. No request may be under way. */
void ll_dir_close_all(struct ll *ll);

/* ll_xattr.c */
void ll_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		 const char *value, size_t size, int flags);
void ll_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void ll_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void ll_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

#endif
