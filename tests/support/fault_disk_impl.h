/* SPDX-License-Identifier: MIT */
/* Inside of the model of a disk, shared by fault_disk.c and fault_cut.c. */
#ifndef TESTS_SUPPORT_FAULT_DISK_IMPL_H
#define TESTS_SUPPORT_FAULT_DISK_IMPL_H

#include "base/buf.h"
#include "tests/support/fault_disk.h"

#define PAGE 4096u
#define SECTOR 512u
#define MAX_IMAGE ((size_t)1 << 30)

struct disk_entry {
	char *name;
	struct disk_node *node;
};

struct disk_names {
	struct disk_entry *v;
	size_t n;
	size_t cap;
};

/* A page that a failed sync has lost. */
struct lost_page {
	uint64_t no;
	uint64_t sum; /* of its live bytes then: others mean that it is dirty */
	bool is_written; /* since, with whatever bytes */
};

struct disk_node {
	struct disk_node *next; /* of all nodes */
	bool is_dir;
	bool is_marked;	 /* while collecting garbage */
	unsigned n_refs; /* open handles */
	/* directories */
	struct disk_names live;
	struct disk_names durable;
	/* files: bytes at the last sync, and what changed since */
	struct buf image;
	uint64_t dirty_from;
	uint64_t dirty_to;
	uint64_t size; /* as the live file has it */
	struct lost_page *lost;
	size_t n_lost, cap_lost;
	/* while cutting: what the disk gives back, and where it was put */
	struct buf found;
	bool is_found;
	char *placed;
};

/* name -> node in dir, or no node: removed. */
struct disk_change {
	struct disk_node *dir;
	char *name;
	struct disk_node *node;
};

struct disk_txn {
	struct disk_txn *next;
	struct disk_change c[2];
	unsigned n;
	bool is_chosen;
};

struct disk {
	struct env *base;
	char *root;
	struct disk_node *nodes;
	struct disk_node *top;
	struct disk_txn *first; /* waiting, oldest first */
	struct disk_txn **last;
};

/* A random prefix of the waiting transactions reaches the disk. */
int disk_commit_some(struct disk *d, struct rng *rng);

/* True when the page, whose live bytes are `p`, is lost still. */
bool disk_page_is_lost(const struct disk_node *n, uint64_t no, const void *p,
		       size_t len);

#endif
