/* SPDX-License-Identifier: MIT */
/*
 * Answers to the kernel: the one place where the tree's results become errno
 * values and its attributes become struct stat.
 *
 * Every function ends the request. Those that name an inode own the lookup
 * that the tree counted: when the kernel no longer wants the answer (the
 * request was interrupted), they give it back.
 */
#ifndef FS_LL_REPLY_H
#define FS_LL_REPLY_H

#include "fs/ll.h"

/* The answer to a request that returns nothing but success or failure. An
 * I/O error is logged with its place, once. */
void ll_reply(fuse_req_t req, int r);

void ll_reply_attr(fuse_req_t req, const struct tree_attr *a);

/* Owns one lookup of a->ino. */
void ll_reply_entry(fuse_req_t req, const struct tree_attr *a);
void ll_reply_create(fuse_req_t req, const struct tree_attr *a,
		     const struct fuse_file_info *fi);

/* There is no such name, and the kernel may remember that. */
void ll_reply_negative(fuse_req_t req);

void ll_attr_to_entry(const struct ll *ll, const struct tree_attr *a,
		      struct fuse_entry_param *e);

/* On whose behalf the request runs, and to whom belongs what it makes. */
struct tree_cred ll_cred(fuse_req_t req);

#endif
