/* SPDX-License-Identifier: MIT */
#include "fs/ll_raw.h"

#include <linux/fuse.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"
#include "fs/ll.h"
#include "fs/ll_statx.h"

/* Of the request this thread read last. */
static _Thread_local bool kills_priv;
static _Thread_local bool is_tmpfile;
/* Set before the session begins, then constant. */
static bool is_attached;
/* Flags that INIT offers and this file takes. */
static _Thread_local uint32_t init_offers;
/* Set by the thread that answers INIT before the kernel sends anything else,
 * read by all that read requests; relaxed, since the kernel stands between. */
static _Atomic bool has_long_setxattr;

#ifdef HAVE_STRUCT_FUSE_LOWLEVEL_OPS_TMPFILE
#define MUST_DISGUISE_TMPFILE false
#else
#define MUST_DISGUISE_TMPFILE true
#endif
#define OPCODE_TMPFILE 51 /* older headers do not have it */

#define INIT_WANTED (FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT)

bool ll_raw_is_attached(void)
{
	return is_attached;
}

bool ll_raw_kills_priv(fuse_req_t req)
{
	return is_attached ? kills_priv : fuse_req_ctx(req)->uid != 0;
}

bool ll_raw_is_tmpfile(void)
{
	return is_tmpfile;
}

/* The 32-bit word at `off` of the body, 0 when the request is shorter. */
static uint32_t body_word(const char *req, size_t len, size_t off)
{
	uint32_t w = 0;

	off += sizeof(struct fuse_in_header);
	if (off + sizeof(w) <= len)
		memcpy(&w, req + off, sizeof(w));
	return w;
}

#define WORD(req, len, type, field) body_word(req, len, offsetof(type, field))

static void note_request(const char *req, size_t len)
{
	struct fuse_in_header h;

	kills_priv = false;
	init_offers = 0;
	if (len < sizeof(h))
		return;
	memcpy(&h, req, sizeof(h));
	switch (h.opcode) {
	case FUSE_WRITE:
		kills_priv = WORD(req, len, struct fuse_write_in, write_flags) &
			     FUSE_WRITE_KILL_SUIDGID;
		break;
	case FUSE_SETATTR:
		kills_priv = WORD(req, len, struct fuse_setattr_in, valid) &
			     FATTR_KILL_SUIDGID;
		break;
	case FUSE_CREATE:
		kills_priv = WORD(req, len, struct fuse_create_in, open_flags) &
			     FUSE_OPEN_KILL_SUIDGID;
		break;
	case FUSE_SETXATTR:
		kills_priv = atomic_load_explicit(&has_long_setxattr,
						  memory_order_relaxed) &&
			     (WORD(req, len, struct fuse_setxattr_in,
				   setxattr_flags) &
			      FUSE_SETXATTR_ACL_KILL_SGID);
		break;
	case FUSE_INIT:
		init_offers = WORD(req, len, struct fuse_init_in, flags) &
			      INIT_WANTED;
		break;
	default:
		break;
	}
}

/* Makes a SETXATTR one of before FUSE_SETXATTR_EXT; returns its length. */
static size_t shorten_setxattr(char *req, size_t len)
{
	const size_t from =
		sizeof(struct fuse_in_header) + sizeof(struct fuse_setxattr_in);
	const size_t to =
		sizeof(struct fuse_in_header) + FUSE_COMPAT_SETXATTR_IN_SIZE;
	struct fuse_in_header h;

	if (len < from ||
	    !atomic_load_explicit(&has_long_setxattr, memory_order_relaxed))
		return len;
	memcpy(&h, req, sizeof(h));
	if (h.opcode != FUSE_SETXATTR)
		return len;
	memmove(req + to, req + from, len - from);
	h.len -= (uint32_t)(from - to);
	memcpy(req, &h, sizeof(h));
	return len - (from - to);
}

/* Makes a TMPFILE a CREATE for a libfuse that has no handler for the first. */
static void disguise_tmpfile(char *req, size_t len)
{
	struct fuse_in_header h;

	is_tmpfile = false;
	if (!MUST_DISGUISE_TMPFILE || len < sizeof(h))
		return;
	memcpy(&h, req, sizeof(h));
	if (h.opcode != OPCODE_TMPFILE)
		return;
	is_tmpfile = true;
	h.opcode = FUSE_CREATE;
	memcpy(req, &h, sizeof(h));
}

static ssize_t raw_read(int fd, void *buf, size_t len, void *userdata)
{
	ssize_t n = read(fd, buf, len);

	(void)userdata;
	if (n <= 0)
		return n;
	note_request(buf, (size_t)n);
	disguise_tmpfile(buf, (size_t)n);
	n = (ssize_t)ll_statx_disguise(buf, (size_t)n);
	return (ssize_t)shorten_setxattr(buf, (size_t)n);
}

/* The thread that answers INIT, or a STATX, is the one that read it. */
static ssize_t raw_writev(int fd, struct iovec *iov, int n, void *userdata)
{
	struct ll_statx_out statx;

	(void)userdata;
	ll_statx_answer(iov, n, &statx);
	if (init_offers && n == 2 &&
	    iov[1].iov_len > offsetof(struct fuse_init_out, flags)) {
		struct fuse_init_out *out = iov[1].iov_base;

		out->flags |= init_offers;
		atomic_store_explicit(&has_long_setxattr,
				      init_offers & FUSE_SETXATTR_EXT,
				      memory_order_relaxed);
		init_offers = 0;
	}
	return writev(fd, iov, n);
}

int ll_raw_attach(struct fuse_session *se)
{
	static const struct fuse_custom_io io = {
		.read = raw_read,
		.writev = raw_writev,
	};
	int r = fuse_session_custom_io(se, &io, fuse_session_fd(se));

	if (r < 0)
		return err_errno(-r, "cannot take over the mount's channel");
	is_attached = true;
	return 0;
}
