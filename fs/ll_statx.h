/* SPDX-License-Identifier: MIT */
/*
 * STATX, by which the kernel asks for a time of birth (Linux 6.6). libfuse
 * has no handler for it before 3.18, so it is taken from the wire: the request
 * becomes the GETATTR that it begins with, and what libfuse answers to that
 * becomes the longer answer.
 */
#ifndef FS_LL_STATX_H
#define FS_LL_STATX_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

/* Layouts of the kernel's, as of its protocol 7.39. */
struct ll_statx_time {
	int64_t sec;
	uint32_t nsec;
	int32_t pad;
};

struct ll_statx_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec;
	uint32_t flags;
	uint64_t spare[2];
	uint32_t mask;
	uint32_t blksize;
	uint64_t attributes;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint16_t mode;
	uint16_t pad;
	uint64_t ino;
	uint64_t size;
	uint64_t blocks;
	uint64_t attributes_mask;
	struct ll_statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor;
	uint32_t dev_major, dev_minor;
	uint64_t spare2[14];
};

_Static_assert(sizeof(struct ll_statx_out) == 32 + 256, "wire layout");

/*
 * Of the `len` bytes of request that this thread has read: makes a STATX a
 * GETATTR. Returns its length then, else `len`.
 */
size_t ll_statx_disguise(char *req, size_t len);

/* When the inode was made whose attributes this thread is about to answer. */
void ll_statx_note_birth(const struct timespec *btime);

/*
 * Of an answer, `n` pieces of which the first is the header, that this thread
 * is about to write: if it is that of a STATX, makes *out of its second piece
 * and puts it in its place. `out` must live until the answer is written.
 */
void ll_statx_answer(struct iovec *iov, int n, struct ll_statx_out *out);

#endif
