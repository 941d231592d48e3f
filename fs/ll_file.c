/* SPDX-License-Identifier: MIT */
/*
 * Contents of files. There are no file handles: the inode number says all,
 * and the kernel stops asking to open and to close after the first answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/ll.h"
#include "fs/ll_raw.h"
#include "fs/ll_reply.h"

/* libfuse puts its header in front; writev() takes 1,024 pieces. */
#define READ_PIECES_MAX 1000

/*
 * ENOSYS: "opening always succeeds, and needs no message", once and for all.
 * The kernel then sends no RELEASE either, also for handles made by CREATE;
 * an unlinked file lives until the kernel forgets its inode, which it does
 * not while the file is open.
 */
void ll_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_OPEN);

	(void)ino;
	if (ll->has_no_open) {
		(void)fuse_reply_err(req, ENOSYS);
		return;
	}
	fi->keep_cache = 1;
	(void)fuse_reply_open(req, fi);
}

void ll_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ll_of(req, LL_RELEASE);
	(void)ino;
	(void)fi;
	(void)fuse_reply_err(req, 0);
}

/* Nothing is left to do at close: every write has been answered by then. */
void ll_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ll_of(req, LL_FLUSH);
	(void)ino;
	(void)fi;
	(void)fuse_reply_err(req, ENOSYS);
}

struct read_reply {
	fuse_req_t req;
	bool is_done;
};

static int reply_copied(fuse_req_t req, const struct iovec *iov, int n_iov,
			size_t total)
{
	char *all = malloc(total), *p = all;

	if (!all)
		return fuse_reply_err(req, ENOMEM);
	for (int i = 0; i < n_iov; i++) {
		memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	(void)fuse_reply_buf(req, all, total);
	free(all);
	return 0;
}

/* Straight from the engine's memory to the reader's pages: one copy. */
static int reply_pieces(void *arg, const struct iovec *iov, int n_iov,
			size_t total)
{
	struct read_reply *rr = arg;

	rr->is_done = true;
	if (n_iov > READ_PIECES_MAX)
		(void)reply_copied(rr->req, iov, n_iov, total);
	else
		(void)fuse_reply_iov(rr->req, iov, n_iov);
	return 0;
}

void ll_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	     struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_READ);
	struct read_reply rr = { .req = req };
	int r = tree_read(ll->tree, ino, (uint64_t)off, size, reply_pieces,
			  &rr);

	(void)fi;
	if (rr.is_done)
		return;
	if (r < 0)
		ll_reply(req, r);
	else
		(void)fuse_reply_buf(req, NULL, 0);
}

/*
 * `off` is right for O_APPEND too: all appends come through this kernel,
 * which knows the size. An O_SYNC write is followed by an FSYNC of its own.
 */
void ll_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size,
	      off_t off, struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_WRITE);
	unsigned flags = ll_raw_kills_priv(req) ? TREE_WRITE_KILL_PRIV : 0;
	int r = tree_write(ll->tree, ino, (uint64_t)off, data, size, flags,
			   NULL);

	(void)fi;
	if (r < 0)
		ll_reply(req, r);
	else
		(void)fuse_reply_write(req, size);
}

/* fdatasync() too: one log carries data and attributes alike. */
void ll_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
	      struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_FSYNC);

	(void)datasync;
	(void)fi;
	ll_reply(req, tree_fsync(ll->tree, ino));
}

/*
 * FALLOCATE and COPY_FILE_RANGE do not say whether setuid and setgid are to be
 * cleared, though with FUSE_HANDLE_KILLPRIV_V2 nobody else does it. Root is
 * taken for privileged, and nobody else: as it is unless somebody gave or took
 * CAP_FSETID alone.
 */
static unsigned write_flags_of(fuse_req_t req)
{
	return fuse_req_ctx(req)->uid ? TREE_WRITE_KILL_PRIV : 0;
}

void ll_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
		  off_t len, struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_FALLOCATE);

	(void)fi;
	ll_reply(req, tree_fallocate(ll->tree, ino, mode, (uint64_t)off,
				     (uint64_t)len, write_flags_of(req)));
}

/*
 * With the kernel's write-back cache nobody here knows what is data: whoever
 * skipped what we call a hole (cp does) would lose what was just written. After
 * ENOSYS the kernel takes all of a file for data, once and for all.
 */
void ll_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
	      struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_LSEEK);
	uint64_t found;
	int r = ll->opts.writeback ? -ENOSYS
				   : tree_lseek(ll->tree, ino, (uint64_t)off,
						whence, &found);

	(void)fi;
	if (r < 0)
		ll_reply(req, r);
	else
		(void)fuse_reply_lseek(req, (off_t)found);
}

void ll_copy_file_range(fuse_req_t req, fuse_ino_t src, off_t src_off,
			struct fuse_file_info *src_fi, fuse_ino_t dst,
			off_t dst_off, struct fuse_file_info *dst_fi,
			size_t len, int flags)
{
	struct ll *ll = ll_of(req, LL_COPY_FILE_RANGE);
	uint64_t copied;
	int r = flags ? -EINVAL
		      : tree_copy_range(ll->tree, src, (uint64_t)src_off, dst,
					(uint64_t)dst_off, len,
					write_flags_of(req), &copied);

	(void)src_fi;
	(void)dst_fi;
	if (r < 0)
		ll_reply(req, r);
	else
		(void)fuse_reply_write(req, copied);
}

/* Without a handler programs would see ENOSYS where they expect ENOTTY. */
void ll_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg,
	      struct fuse_file_info *fi, unsigned flags, const void *in_buf,
	      size_t in_size, size_t out_size)
{
	(void)ll_of(req, LL_IOCTL);
	(void)ino, (void)cmd, (void)arg, (void)fi, (void)flags;
	(void)in_buf, (void)in_size, (void)out_size;
	(void)fuse_reply_err(req, ENOTTY);
}
