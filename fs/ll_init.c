/* SPDX-License-Identifier: MIT */
/*
 * What is agreed with the kernel when the mount begins. Every capability that
 * libfuse would switch on by itself stands here too, so that its defaults
 * decide nothing.
 */
#include "base/log.h"
#include "fs/ll.h"
#include "fs/ll_raw.h"

struct capability {
	unsigned flag;
	bool is_wanted;
};

static const struct capability capabilities[] = {
	/* Several reads of one file at a time, read-ahead among them. */
	{ FUSE_CAP_ASYNC_READ, true },
	/* The same for O_DIRECT. */
	{ FUSE_CAP_ASYNC_DIO, true },
	/* Lookups and listings in one directory at a time: the tree is ready
	 * for it. */
	{ FUSE_CAP_PARALLEL_DIROPS, true },
	/* A listing brings the attributes along: no LOOKUP per name … */
	{ FUSE_CAP_READDIRPLUS, true },
	/* … unless nobody looks at them. */
	{ FUSE_CAP_READDIRPLUS_AUTO, true },
	/* A link's target never changes: another target is another inode. */
	{ FUSE_CAP_CACHE_SYMLINKS, true },
	/* Pages stay until we say otherwise … */
	{ FUSE_CAP_EXPLICIT_INVAL_DATA, true },
	/* … and are not doubted, with a GETATTR, whenever a time has moved. */
	{ FUSE_CAP_AUTO_INVAL_DATA, false },
	/* There is no OPEN that could truncate: O_TRUNC comes as SETATTR. */
	{ FUSE_CAP_ATOMIC_O_TRUNC, false },
	/* Version 1 would leave clearing setuid to us without saying who
	 * writes; version 2 is arranged in ll_raw.c. */
	{ FUSE_CAP_HANDLE_KILLPRIV, false },
	/* Data is in our memory, one copy away: pipes only add system calls. */
	{ FUSE_CAP_SPLICE_READ, false },
	{ FUSE_CAP_SPLICE_WRITE, false },
	{ FUSE_CAP_SPLICE_MOVE, false },
	/* Locks are the kernel's, see ll_ops.c. */
	{ FUSE_CAP_POSIX_LOCKS, false },
	{ FUSE_CAP_FLOCK_LOCKS, false },
	/* There are no ioctls, on directories neither. */
	{ FUSE_CAP_IOCTL_DIR, false },
	/* Inodes cannot be found by number alone, as NFS would need: a small
	 * file lives in its directory's rows. */
	{ FUSE_CAP_EXPORT_SUPPORT, false },
	/* The tree applies the umask: a default ACL may stand above it. */
	{ FUSE_CAP_DONT_MASK, true },
#ifdef FUSE_CAP_SETXATTR_EXT
	/* Arranged in ll_raw.c, since older libfuse does not carry it. */
	{ FUSE_CAP_SETXATTR_EXT, false },
#endif
#ifdef HAVE_FUSE_IO_URING
	/* Is there only where the session was told to use it. */
	{ FUSE_CAP_OVER_IO_URING, true },
#endif
};

static void want(struct fuse_conn_info *conn, unsigned flag, bool is_wanted)
{
	conn->want &= ~flag;
	if (is_wanted)
		conn->want |= conn->capable & flag;
}

void ll_init(void *userdata, struct fuse_conn_info *conn)
{
	struct ll *ll = userdata;

	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
		want(conn, capabilities[i].flag, capabilities[i].is_wanted);
	/* Off by default: the kernel would own size and times of every file,
	 * and keep showing them after the port has replaced it. */
	want(conn, FUSE_CAP_WRITEBACK_CACHE, ll->opts.writeback);
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
	/* Older libfuse does not carry it: see ll_raw.c. */
	want(conn, FUSE_CAP_HANDLE_KILLPRIV_V2, !ll_raw_is_attached());
#endif
	/* With it the kernel insists on default_permissions. */
	want(conn, FUSE_CAP_POSIX_ACL, ll->opts.acl);

	if (conn->max_write > ll->opts.max_write)
		conn->max_write = ll->opts.max_write;
	/* RELEASE and read-ahead count as background work. */
	conn->max_background = ll->opts.max_background;
	conn->congestion_threshold = ll->opts.max_background / 4 * 3;
	ll->has_no_open = conn->capable & FUSE_CAP_NO_OPEN_SUPPORT;
	log_info(LOG_FS, "kernel speaks FUSE %u.%u, offers %#x, agreed on %#x",
		 conn->proto_major, conn->proto_minor, conn->capable,
		 conn->want);
}
