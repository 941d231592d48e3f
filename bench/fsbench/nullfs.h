/* SPDX-License-Identifier: MIT */
/*
 * nullfs: a file system that does nothing but remember, in memory. With the
 * same answers to the kernel's questions as ttrunksfs it is the ceiling of
 * what a FUSE file system reaches on a machine. It has what the workloads of
 * fsbench need and no more: no extended attributes, no device nodes, no
 * hard links, no limit of memory.
 */
#ifndef FSBENCH_NULLFS_H
#define FSBENCH_NULLFS_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 312
#endif

#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/hmap.h"
#include "base/slice.h"

#define NULLFS_TIMEOUT 3600.0

struct null_entry;

/* A file, a directory or a symbolic link. Guarded by null_ns_lock but for
 * `lookups`. */
struct null_node {
	_Atomic uint64_t lookups; /* added and taken by any thread */
	uint64_t number;
	struct stat st;
	/* of a directory */
	struct null_node *parent;
	struct null_entry **slots; /* NULL: a name that is gone */
	size_t n_slots, cap_slots, n_entries;
	/* of a file: NULL where nothing was written */
	char **chunks;
	size_t n_chunks;
	char *target; /* of a link */
};

struct null_entry {
	struct hmap_node hash_node;
	struct null_node *dir, *node;
	size_t slot; /* its place in the listing */
	char name[];
};

/* All of it, behind one lock. */
void null_lock(void);
void null_lock_shared(void);
void null_unlock(void);
void null_unlock_shared(void);

/* ---- nullfs_nodes.c; locked by the caller ------------------------------- */

int nodes_init(void);
struct null_node *node_of(fuse_ino_t ino);
fuse_ino_t ino_of(const struct null_node *n);
/* NULL: no memory. */
struct null_node *node_new(const struct fuse_ctx *who, mode_t mode);
/* Frees it when no name and no lookup is left. */
void node_put(struct null_node *n);

struct null_entry *entry_find(struct null_node *dir, const char *name);
int entry_add(struct null_node *dir, const char *name, struct null_node *n);
/* Takes the name away; the node stays. */
void entry_remove(struct null_entry *e);

/* ---- nullfs_data.c; locked by the caller -------------------------------- */

int data_write(struct null_node *n, const char *buf, size_t len, off_t off);
void data_truncate(struct null_node *n, off_t size);
void data_reply(fuse_req_t req, const struct null_node *n, size_t len,
		off_t off);

#endif
