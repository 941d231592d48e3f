/* SPDX-License-Identifier: MIT */
/* Attributes, and the size of the whole. */
#include <sys/statvfs.h>

#include "fs/ll.h"
#include "fs/ll_raw.h"
#include "fs/ll_reply.h"

void ll_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_GETATTR);
	struct tree_attr a;
	int r = tree_getattr(ll->tree, ino, &a);

	(void)fi;
	if (r < 0)
		ll_reply(req, r);
	else
		ll_reply_attr(req, &a);
}

/* The kernel's bits and the tree's. */
static const struct {
	int fuse;
	unsigned tree;
} set_bits[] = {
	{ FUSE_SET_ATTR_MODE, TREE_SET_MODE },
	{ FUSE_SET_ATTR_UID, TREE_SET_UID },
	{ FUSE_SET_ATTR_GID, TREE_SET_GID },
	{ FUSE_SET_ATTR_SIZE, TREE_SET_SIZE },
	{ FUSE_SET_ATTR_ATIME, TREE_SET_ATIME },
	{ FUSE_SET_ATTR_MTIME, TREE_SET_MTIME },
	{ FUSE_SET_ATTR_ATIME_NOW, TREE_SET_ATIME_NOW },
	{ FUSE_SET_ATTR_MTIME_NOW, TREE_SET_MTIME_NOW },
	{ FUSE_SET_ATTR_CTIME, TREE_SET_CTIME },
};

/* Whether setuid and setgid are to be cleared: the kernel says so, or what it
 * would say is known. */
static bool kills_priv(fuse_req_t req, int to_set)
{
	if (ll_raw_is_attached())
		return ll_raw_kills_priv(req);
	if (to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		return true;
	return (to_set & FUSE_SET_ATTR_SIZE) && ll_raw_kills_priv(req);
}

static unsigned set_of(fuse_req_t req, int to_set)
{
	unsigned set = kills_priv(req, to_set) ? TREE_SET_KILL_PRIV : 0;

	for (size_t i = 0; i < ARRAY_LEN(set_bits); i++)
		if (to_set & set_bits[i].fuse)
			set |= set_bits[i].tree;
	/* "Now" comes with both bits set. */
	if (set & TREE_SET_ATIME_NOW)
		set &= ~(unsigned)TREE_SET_ATIME;
	if (set & TREE_SET_MTIME_NOW)
		set &= ~(unsigned)TREE_SET_MTIME;
	return set;
}

void ll_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
		struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_SETATTR);
	struct tree_attr in = {
		.size = (uint64_t)st->st_size,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.atime = st->st_atim,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
	};
	struct tree_attr a;
	int r = tree_setattr(ll->tree, ino, &in, set_of(req, to_set), &a);

	(void)fi;
	if (r < 0)
		ll_reply(req, r);
	else
		ll_reply_attr(req, &a);
}

void ll_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct ll *ll = ll_of(req, LL_STATFS);
	struct tree_statfs s;
	int r = tree_statfs(ll->tree, &s);
	struct statvfs out = { 0 };

	(void)ino;
	if (r < 0) {
		ll_reply(req, r);
		return;
	}
	out.f_bsize = s.block_size;
	out.f_frsize = s.block_size;
	out.f_blocks = s.blocks;
	out.f_bfree = s.blocks_free;
	out.f_bavail = s.blocks_avail;
	out.f_files = s.files;
	out.f_ffree = s.files_free;
	out.f_favail = s.files_free;
	out.f_namemax = s.name_max;
	(void)fuse_reply_statfs(req, &out);
}
