/* SPDX-License-Identifier: MIT */
#include "fs/ll_raw.h"

#include <linux/fuse.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"
#include "fs/ll.h"

/* Of the request this thread read last. */
static _Thread_local bool kills_priv;
static _Thread_local bool init_offers_killpriv;

bool ll_raw_kills_priv(void)
{
	return kills_priv;
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
	init_offers_killpriv = false;
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
	case FUSE_INIT:
		init_offers_killpriv =
			WORD(req, len, struct fuse_init_in, flags) &
			FUSE_HANDLE_KILLPRIV_V2;
		break;
	default:
		break;
	}
}

static ssize_t raw_read(int fd, void *buf, size_t len, void *userdata)
{
	ssize_t n = read(fd, buf, len);

	(void)userdata;
	if (n > 0)
		note_request(buf, (size_t)n);
	return n;
}

/* The thread that answers INIT is the one that read it. */
static ssize_t raw_writev(int fd, struct iovec *iov, int n, void *userdata)
{
	(void)userdata;
	if (init_offers_killpriv && n == 2 &&
	    iov[1].iov_len > offsetof(struct fuse_init_out, flags)) {
		struct fuse_init_out *out = iov[1].iov_base;

		out->flags |= FUSE_HANDLE_KILLPRIV_V2;
		init_offers_killpriv = false;
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

	return r < 0 ? err_errno(-r, "cannot take over the mount's channel")
		     : 0;
}
