/* SPDX-License-Identifier: MIT */
#include "fs/ll_reply.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "fs/ll_statx.h"

/*
 * What stat(2) recommends for I/O. The kernel has no part of a file smaller
 * than a page, and a larger figure would make it refuse nothing but would
 * grow every stdio buffer.
 */
#define STAT_BLKSIZE 4096

static int errno_of(int r)
{
	int e = err_to_errno(r);

	if (e == EIO)
		log_error(LOG_FS, "%s",
			  err_code() == r ? err_text() : err_describe(r));
	return e;
}

void ll_reply(fuse_req_t req, int r)
{
	/* A failed reply means that nobody waits for it any more. */
	(void)fuse_reply_err(req, r < 0 ? errno_of(r) : 0);
}

static void attr_to_stat(const struct ll *ll, const struct tree_attr *a,
			 struct stat *st)
{
	const struct ll_options *o = &ll->opts;

	memset(st, 0, sizeof(*st));
	st->st_ino = a->ino;
	st->st_mode = o->umask < 0 ? a->mode
				   : (a->mode & S_IFMT) |
					     (0777 & ~(uint32_t)o->umask);
	st->st_nlink = a->nlink;
	st->st_uid = o->uid < 0 ? a->uid : (uint32_t)o->uid;
	st->st_gid = o->gid < 0 ? a->gid : (uint32_t)o->gid;
	st->st_rdev = a->rdev;
	st->st_size = (off_t)a->size;
	st->st_blksize = STAT_BLKSIZE;
	st->st_blocks = (blkcnt_t)a->blocks;
	st->st_atim = a->atime;
	st->st_mtim = a->mtime;
	st->st_ctim = a->ctime;
}

/*
 * How long the kernel may keep attributes. Another name of a file with several
 * links may go through the port while a LINK or LOOKUP of this one is being
 * answered; those replies carry no version, so the kernel could take an old
 * link count after the notice of the new one. It is bounded to a second here.
 */
static double attr_timeout(const struct ll *ll, const struct tree_attr *a)
{
	bool is_linked = !S_ISDIR(a->mode) && a->nlink > 1;

	return is_linked ? MIN_OF(ll->opts.attr_timeout, 1.0)
			 : ll->opts.attr_timeout;
}

void ll_attr_to_entry(const struct ll *ll, const struct tree_attr *a,
		      struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	e->ino = a->ino;
	e->attr_timeout = attr_timeout(ll, a);
	e->entry_timeout = ll->opts.entry_timeout;
	attr_to_stat(ll, a, &e->attr);
}

void ll_reply_attr(fuse_req_t req, const struct tree_attr *a)
{
	const struct ll *ll = fuse_req_userdata(req);
	struct stat st;

	attr_to_stat(ll, a, &st);
	ll_statx_note_birth(&a->btime);
	(void)fuse_reply_attr(req, &st, attr_timeout(ll, a));
}

/* `req` is gone by the time a reply has failed, hence `ll` and `ino`. */
static void undo_lookup(struct ll *ll, int reply, uint64_t ino)
{
	if (reply < 0)
		tree_forget(ll->tree, ino, 1);
}

void ll_reply_entry(fuse_req_t req, const struct tree_attr *a)
{
	struct ll *ll = fuse_req_userdata(req);
	struct fuse_entry_param e;

	ll_attr_to_entry(ll, a, &e);
	undo_lookup(ll, fuse_reply_entry(req, &e), a->ino);
	ll_relieve(ll);
}

void ll_reply_create(fuse_req_t req, const struct tree_attr *a,
		     const struct fuse_file_info *fi)
{
	struct ll *ll = fuse_req_userdata(req);
	struct fuse_entry_param e;

	ll_attr_to_entry(ll, a, &e);
	undo_lookup(ll, fuse_reply_create(req, &e, fi), a->ino);
	ll_relieve(ll);
}

void ll_reply_negative(fuse_req_t req)
{
	const struct ll *ll = fuse_req_userdata(req);
	struct fuse_entry_param e = { .ino = 0,
				      .entry_timeout =
					      ll->opts.negative_timeout };

	(void)fuse_reply_entry(req, &e);
}

struct tree_cred ll_cred(fuse_req_t req)
{
	const struct ll *ll = fuse_req_userdata(req);
	const struct ll_options *o = &ll->opts;
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return (struct tree_cred){
		.uid = o->uid < 0 ? ctx->uid : (uint32_t)o->uid,
		.gid = o->gid < 0 ? ctx->gid : (uint32_t)o->gid,
		.umask = ctx->umask,
	};
}
