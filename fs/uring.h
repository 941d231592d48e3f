/* SPDX-License-Identifier: MIT */
/*
 * Requests by io_uring instead of reads of /dev/fuse: whether that can be had.
 * libfuse falls back by itself where the kernel refuses it later.
 */
#ifndef FS_URING_H
#define FS_URING_H

#include <stdbool.h>

/* NULL when it can; else a static text, what is missing. */
const char *uring_why_not(void);

#endif
