/* SPDX-License-Identifier: MIT */
#include "fs/ll_statx.h"

#include <linux/fuse.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Older headers do not have them. */
#define OPCODE_STATX 52
#define STATX_IN_BYTES 24

/* Of the request that this thread read last. */
static _Thread_local bool is_statx;
static _Thread_local struct timespec birth;

size_t ll_statx_disguise(char *req, size_t len)
{
	struct fuse_in_header h;

	is_statx = false;
	if (len < sizeof(h) + STATX_IN_BYTES)
		return len;
	memcpy(&h, req, sizeof(h));
	if (h.opcode != OPCODE_STATX)
		return len;
	is_statx = true;
	/* Flags and handle of the file stand where a GETATTR has them. */
	len = sizeof(h) + sizeof(struct fuse_getattr_in);
	h.opcode = FUSE_GETATTR;
	h.len = (uint32_t)len;
	memcpy(req, &h, sizeof(h));
	return len;
}

void ll_statx_note_birth(const struct timespec *btime)
{
	birth = *btime;
}

static struct ll_statx_time time_of(uint64_t sec, uint32_t nsec)
{
	return (struct ll_statx_time){ .sec = (int64_t)sec, .nsec = nsec };
}

static void convert(const struct fuse_attr_out *from, struct ll_statx_out *to)
{
	const struct fuse_attr *a = &from->attr;

	*to = (struct ll_statx_out){
		.attr_valid = from->attr_valid,
		.attr_valid_nsec = from->attr_valid_nsec,
		.mask = STATX_BASIC_STATS | STATX_BTIME,
		.blksize = a->blksize,
		.nlink = a->nlink,
		.uid = a->uid,
		.gid = a->gid,
		.mode = (uint16_t)a->mode,
		.ino = a->ino,
		.size = a->size,
		.blocks = a->blocks,
		.atime = time_of(a->atime, a->atimensec),
		.mtime = time_of(a->mtime, a->mtimensec),
		.ctime = time_of(a->ctime, a->ctimensec),
		.btime = time_of((uint64_t)birth.tv_sec,
				 (uint32_t)birth.tv_nsec),
		/* as the kernel packs 12 and 20 bits into 32 */
		.rdev_major = (a->rdev >> 8) & 0xfff,
		.rdev_minor = (a->rdev & 0xff) | ((a->rdev >> 12) & 0xfff00),
	};
}

void ll_statx_answer(struct iovec *iov, int n, struct ll_statx_out *out)
{
	struct fuse_attr_out attr;
	struct fuse_out_header h;

	/* An error is a header alone. */
	if (!is_statx || n != 2 || iov[0].iov_len != sizeof(h) ||
	    iov[1].iov_len != sizeof(attr))
		return;
	memcpy(&attr, iov[1].iov_base, sizeof(attr));
	convert(&attr, out);
	memcpy(&h, iov[0].iov_base, sizeof(h));
	h.len = (uint32_t)(sizeof(h) + sizeof(*out));
	memcpy(iov[0].iov_base, &h, sizeof(h));
	iov[1] = (struct iovec){ out, sizeof(*out) };
	is_statx = false;
}
