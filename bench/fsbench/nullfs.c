/* SPDX-License-Identifier: MIT */
/* The requests; see nullfs.h. `nullfs MOUNTPOINT` stays in the foreground. */
#include "nullfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* Requests answered, forgetting apart. Added to and read relaxed. */
static _Atomic uint64_t n_requests;

static void count(void)
{
	atomic_fetch_add_explicit(&n_requests, 1, memory_order_relaxed);
}

static void null_init(void *userdata, struct fuse_conn_info *conn)
{
	const unsigned want = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
			      FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
			      FUSE_CAP_CACHE_SYMLINKS |
			      FUSE_CAP_EXPLICIT_INVAL_DATA;

	(void)userdata;
	conn->want = conn->capable & want;
	conn->max_background = 128;
	conn->congestion_threshold = 96;
}

/* ---- answers; locked ----------------------------------------------------- */

static struct fuse_entry_param entry_param(struct null_node *n)
{
	atomic_fetch_add(&n->lookups, 1);
	return (struct fuse_entry_param){
		.ino = ino_of(n),
		.attr = n->st,
		.attr_timeout = NULLFS_TIMEOUT,
		.entry_timeout = NULLFS_TIMEOUT,
	};
}

static void reply_entry(fuse_req_t req, struct null_node *n)
{
	struct fuse_entry_param e = entry_param(n);

	(void)fuse_reply_entry(req, &e);
}

/* A new node under a name; *out NULL and an errno when not. */
static int make(fuse_req_t req, fuse_ino_t parent, const char *name,
		mode_t mode, struct null_node **out)
{
	struct null_node *dir = node_of(parent), *n;

	if (entry_find(dir, name))
		return EEXIST;
	n = node_new(fuse_req_ctx(req), mode);
	if (!n)
		return ENOMEM;
	if (entry_add(dir, name, n) < 0) {
		n->st.st_nlink = 0;
		node_put(n);
		return ENOMEM;
	}
	*out = n;
	return 0;
}

/* ---- names --------------------------------------------------------------- */

static void null_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param none = { .entry_timeout = NULLFS_TIMEOUT };
	struct null_entry *e;

	count();
	null_lock_shared();
	e = entry_find(node_of(parent), name);
	if (e)
		reply_entry(req, e->node);
	else
		(void)fuse_reply_entry(req, &none);
	null_unlock_shared();
}

static void forget(fuse_ino_t ino, uint64_t n)
{
	struct null_node *node = node_of(ino);

	null_lock();
	atomic_fetch_sub(&node->lookups, n);
	node_put(node);
	null_unlock();
}

static void null_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	forget(ino, n);
	fuse_reply_none(req);
}

static void null_forget_multi(fuse_req_t req, size_t n,
			      struct fuse_forget_data *f)
{
	for (size_t i = 0; i < n; i++)
		forget(f[i].ino, f[i].nlookup);
	fuse_reply_none(req);
}

static void null_create(fuse_req_t req, fuse_ino_t parent, const char *name,
			mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param e;
	struct null_node *n;
	int r;

	count();
	null_lock();
	r = make(req, parent, name, S_IFREG | (mode & 07777), &n);
	if (r == 0)
		e = entry_param(n);
	null_unlock();
	fi->keep_cache = 1;
	if (r)
		(void)fuse_reply_err(req, r);
	else
		(void)fuse_reply_create(req, &e, fi);
}

static void reply_made(fuse_req_t req, fuse_ino_t parent, const char *name,
		       mode_t mode, const char *target)
{
	struct null_node *n;
	int r;

	count();
	null_lock();
	r = make(req, parent, name, mode, &n);
	if (r == 0 && target) {
		n->target = strdup(target);
		n->st.st_size = (off_t)strlen(target);
	}
	if (r)
		(void)fuse_reply_err(req, r);
	else
		reply_entry(req, n);
	null_unlock();
}

static void null_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		       mode_t mode)
{
	reply_made(req, parent, name, S_IFDIR | (mode & 07777), NULL);
}

static void null_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		       mode_t mode, dev_t rdev)
{
	(void)rdev;
	reply_made(req, parent, name, mode, NULL);
}

static void null_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
			 const char *name)
{
	reply_made(req, parent, name, S_IFLNK | 0777, target);
}

static void null_readlink(fuse_req_t req, fuse_ino_t ino)
{
	count();
	null_lock_shared();
	(void)fuse_reply_readlink(req, node_of(ino)->target);
	null_unlock_shared();
}

/* Takes a name away, and the node with the last of them. 0 or an errno. */
static int drop(struct null_entry *e, bool is_rmdir)
{
	struct null_node *n;

	if (!e)
		return ENOENT;
	n = e->node;
	if (is_rmdir != (bool)S_ISDIR(n->st.st_mode))
		return is_rmdir ? ENOTDIR : EISDIR;
	if (n->n_entries)
		return ENOTEMPTY;
	entry_remove(e);
	n->st.st_nlink = 0;
	node_put(n);
	return 0;
}

static void null_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	int r;

	count();
	null_lock();
	r = drop(entry_find(node_of(parent), name), false);
	null_unlock();
	(void)fuse_reply_err(req, r);
}

static void null_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	int r;

	count();
	null_lock();
	r = drop(entry_find(node_of(parent), name), true);
	null_unlock();
	(void)fuse_reply_err(req, r);
}

static int rename_locked(fuse_ino_t parent, const char *name,
			 fuse_ino_t new_parent, const char *new_name)
{
	struct null_entry *from = entry_find(node_of(parent), name);
	struct null_entry *to = entry_find(node_of(new_parent), new_name);
	struct null_node *n;
	int r = 0;

	if (!from)
		return ENOENT;
	n = from->node;
	if (to && to->node == n)
		return 0;
	if (to)
		r = drop(to, S_ISDIR(n->st.st_mode));
	if (r)
		return r;
	if (entry_add(node_of(new_parent), new_name, n) < 0)
		return ENOMEM;
	entry_remove(from);
	return 0;
}

static void null_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
			fuse_ino_t new_parent, const char *new_name,
			unsigned flags)
{
	int r = EINVAL;

	count();
	null_lock();
	if (!flags)
		r = rename_locked(parent, name, new_parent, new_name);
	null_unlock();
	(void)fuse_reply_err(req, r);
}

/* ---- attributes ---------------------------------------------------------- */

static void null_getattr(fuse_req_t req, fuse_ino_t ino,
			 struct fuse_file_info *fi)
{
	(void)fi;
	count();
	null_lock_shared();
	(void)fuse_reply_attr(req, &node_of(ino)->st, NULLFS_TIMEOUT);
	null_unlock_shared();
}

static void set_times(struct stat *st, const struct stat *to, int set)
{
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &st->st_ctim);
	if (set & FUSE_SET_ATTR_ATIME_NOW)
		st->st_atim = st->st_ctim;
	else if (set & FUSE_SET_ATTR_ATIME)
		st->st_atim = to->st_atim;
	if (set & FUSE_SET_ATTR_MTIME_NOW)
		st->st_mtim = st->st_ctim;
	else if (set & FUSE_SET_ATTR_MTIME)
		st->st_mtim = to->st_mtim;
}

static void null_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *to,
			 int set, struct fuse_file_info *fi)
{
	struct null_node *n = node_of(ino);

	(void)fi;
	count();
	null_lock();
	if (set & FUSE_SET_ATTR_MODE)
		n->st.st_mode = to->st_mode;
	if (set & FUSE_SET_ATTR_UID)
		n->st.st_uid = to->st_uid;
	if (set & FUSE_SET_ATTR_GID)
		n->st.st_gid = to->st_gid;
	if (set & FUSE_SET_ATTR_SIZE)
		data_truncate(n, to->st_size);
	set_times(&n->st, to, set);
	(void)fuse_reply_attr(req, &n->st, NULLFS_TIMEOUT);
	null_unlock();
}

/* There are no files to count: f_files tells how many requests there were. */
static void null_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs s = { .f_bsize = 4096,
			     .f_frsize = 4096,
			     .f_blocks = 1 << 28,
			     .f_bfree = 1 << 28,
			     .f_bavail = 1 << 28,
			     .f_files = atomic_load(&n_requests),
			     .f_namemax = 255 };

	(void)ino;
	(void)fuse_reply_statfs(req, &s);
}

/* ---- contents ------------------------------------------------------------ */

static void null_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	count();
	(void)fuse_reply_err(req, ENOSYS);
}

static void null_flush(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	null_open(req, ino, fi);
}

static void null_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	(void)fi;
	count();
	null_lock_shared();
	data_reply(req, node_of(ino), size, off);
	null_unlock_shared();
}

static void null_write(fuse_req_t req, fuse_ino_t ino, const char *buf,
		       size_t size, off_t off, struct fuse_file_info *fi)
{
	int r;

	(void)fi;
	count();
	null_lock();
	r = data_write(node_of(ino), buf, size, off);
	null_unlock();
	if (r < 0)
		(void)fuse_reply_err(req, -r);
	else
		(void)fuse_reply_write(req, size);
}

static void null_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		       struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	count();
	(void)fuse_reply_err(req, 0);
}

/* ---- listings ------------------------------------------------------------ */

static void null_opendir(fuse_req_t req, fuse_ino_t ino,
			 struct fuse_file_info *fi)
{
	(void)ino;
	count();
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	(void)fuse_reply_open(req, fi);
}

static void null_releasedir(fuse_req_t req, fuse_ino_t ino,
			    struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	(void)fuse_reply_err(req, 0);
}

struct listing {
	fuse_req_t req;
	char *buf;
	size_t len, size;
	bool is_plus;
};

/* Whether it did fit. "." and ".." carry no lookup. */
static bool list_one(struct listing *l, const char *name, struct null_node *n,
		     bool is_dot, off_t next)
{
	size_t left = l->size - l->len, len;
	struct fuse_entry_param e = {
		.ino = is_dot ? 0 : ino_of(n),
		.attr = n->st,
		.attr_timeout = NULLFS_TIMEOUT,
		.entry_timeout = NULLFS_TIMEOUT,
	};

	if (l->is_plus)
		len = fuse_add_direntry_plus(l->req, l->buf + l->len, left,
					     name, &e, next);
	else
		len = fuse_add_direntry(l->req, l->buf + l->len, left, name,
					&e.attr, next);
	if (len > left)
		return false;
	l->len += len;
	if (l->is_plus && !is_dot)
		atomic_fetch_add(&n->lookups, 1);
	return true;
}

static void list_locked(struct listing *l, struct null_node *dir, size_t at)
{
	if (at == 0 && list_one(l, ".", dir, true, 1))
		at = 1;
	if (at == 1 && list_one(l, "..", dir->parent, true, 2))
		at = 2;
	if (at < 2)
		return;
	for (; at - 2 < dir->n_slots; at++) {
		struct null_entry *e = dir->slots[at - 2];

		if (e && !list_one(l, e->name, e->node, false, (off_t)at + 1))
			return;
	}
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 bool is_plus)
{
	struct listing l = { .req = req,
			     .buf = malloc(size),
			     .size = size,
			     .is_plus = is_plus };

	count();
	if (!l.buf) {
		(void)fuse_reply_err(req, ENOMEM);
		return;
	}
	null_lock_shared();
	list_locked(&l, node_of(ino), (size_t)off);
	null_unlock_shared();
	(void)fuse_reply_buf(req, l.buf, l.len);
	free(l.buf);
}

static void null_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			 struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

static void null_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			     off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}

/* ---- the program --------------------------------------------------------- */

static const struct fuse_lowlevel_ops null_ops = {
	.init = null_init,
	.lookup = null_lookup,
	.forget = null_forget,
	.forget_multi = null_forget_multi,
	.getattr = null_getattr,
	.setattr = null_setattr,
	.readlink = null_readlink,
	.mknod = null_mknod,
	.mkdir = null_mkdir,
	.symlink = null_symlink,
	.unlink = null_unlink,
	.rmdir = null_rmdir,
	.rename = null_rename,
	.open = null_open,
	.create = null_create,
	.read = null_read,
	.write = null_write,
	.flush = null_flush,
	.fsync = null_fsync,
	.opendir = null_opendir,
	.readdir = null_readdir,
	.readdirplus = null_readdirplus,
	.releasedir = null_releasedir,
	.fsyncdir = null_fsync,
	.statfs = null_statfs,
};

static int serve(struct fuse_session *se, const char *mountpoint)
{
	struct fuse_loop_config *c = fuse_loop_cfg_create();
	int r = -1;

	if (c && fuse_set_signal_handlers(se) == 0 &&
	    fuse_session_mount(se, mountpoint) == 0) {
		fuse_loop_cfg_set_max_threads(c, 32);
		fuse_loop_cfg_set_idle_threads(c, 10);
		r = fuse_session_loop_mt(se, c);
		fuse_session_unmount(se);
	}
	fuse_loop_cfg_destroy(c);
	return r;
}

int main(int argc, char **argv)
{
	char options[128];
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *se;
	int r = -1;

	if (argc != 2) {
		fputs("Usage: nullfs MOUNTPOINT\n", stderr);
		return 2;
	}
	snprintf(options, sizeof(options),
		 "-o%sdefault_permissions,fsname=null",
		 geteuid() == 0 ? "allow_other," : "");
	if (nodes_init() < 0 || fuse_opt_add_arg(&args, argv[0]) < 0 ||
	    fuse_opt_add_arg(&args, options) < 0)
		return 1;
	se = fuse_session_new(&args, &null_ops, sizeof(null_ops), NULL);
	if (se) {
		r = serve(se, argv[1]);
		fuse_session_destroy(se);
	}
	fuse_opt_free_args(&args);
	return r ? 1 : 0;
}
