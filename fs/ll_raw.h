/* SPDX-License-Identifier: MIT */
/*
 * What libfuse does not carry, taken from the wire: FUSE_HANDLE_KILLPRIV_V2.
 *
 * With it the kernel remembers that a file has no privileges to drop, instead
 * of asking for the attribute security.capability before every single write.
 * libfuse has no capability for it, and drops the flag by which a WRITE, a
 * SETATTR or a CREATE says that setuid and setgid are to be cleared. So the
 * session reads and writes /dev/fuse through two functions of ours: one sets
 * the flag in the answer to INIT, the other notes the kernel's flag for the
 * handler that the same thread runs next.
 *
 * FUSE_SETXATTR_EXT, by which a SETXATTR of an ACL says that setgid is to be
 * cleared, goes the same way: only newer versions of libfuse know it, so the
 * request is given to libfuse in its older, shorter form.
 *
 * TMPFILE, where libfuse has no handler for it, is given to it as a CREATE,
 * which looks the same and is answered in the same way. A STATX is given to it
 * as a GETATTR (ll_statx.h).
 */
#ifndef FS_LL_RAW_H
#define FS_LL_RAW_H

#include "fs/ll.h"

/* For a session that is mounted and has read nothing yet. 0 or negative. */
int ll_raw_attach(struct fuse_session *se);

/* Whether it was: not where requests come by io_uring. */
bool ll_raw_is_attached(void);

/*
 * Whether the request that this thread is handling is to clear setuid and
 * setgid (a SETXATTR: setgid alone). For handlers, before they answer. Where
 * nothing is attached nobody says so, and root is taken for privileged, and
 * nobody else.
 */
bool ll_raw_kills_priv(fuse_req_t req);

/* Whether the CREATE that this thread is handling is a TMPFILE. */
bool ll_raw_is_tmpfile(void);

#endif
