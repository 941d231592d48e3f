/* SPDX-License-Identifier: MIT */
/*
 * What a disk would hold: the model behind fault_env's power cut.
 *
 * Two trees of names share their nodes: the live one (what system calls see)
 * and the durable one (what a power cut leaves). A file's node has an image
 * of its bytes at the last sync; a change to names is a transaction that
 * waits until one of its directories is synced. No locking here; fault_env
 * serializes. Paths are relative to the root, "" is the root itself.
 *
 * A sync that fails loses pages, as kernels do: the page cache goes on to show
 * them, but they count as written, so that no later sync writes them, and the
 * disk does not have them. Whoever reads past the page cache sees that. A page
 * that changes afterwards is an ordinary dirty one again.
 */
#ifndef TESTS_SUPPORT_FAULT_DISK_H
#define TESTS_SUPPORT_FAULT_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/rand.h"
#include "tests/support/fault_env.h"

struct disk;
struct disk_node;

/* The model of the directory `root` as `base` shows it, all of it durable. */
int disk_new(struct env *base, const char *root, struct disk **out);
void disk_free(struct disk *d);

/* Forgets everything and looks at `root` again. Nodes in use stay valid. */
int disk_rescan(struct disk *d);

/* The live node of a path, NULL when there is none. */
struct disk_node *disk_find(struct disk *d, const char *path);

/* A handle on a node keeps it from being forgotten. */
void disk_node_ref(struct disk_node *n);
void disk_node_unref(struct disk_node *n);

/* Changes of names, after the base env has made them. 0 or -ENOMEM. */
int disk_create(struct disk *d, const char *path, bool is_dir);
int disk_remove(struct disk *d, const char *path);
int disk_rename(struct disk *d, const char *from, const char *to);
int disk_link(struct disk *d, const char *from, const char *to);

/* Makes the names in a directory durable, and with them older changes that
 * they depend on. */
int disk_sync_dir(struct disk *d, const char *path);

/* Bytes of a file that changed and are not durable yet. */
void disk_mark_dirty(struct disk_node *n, uint64_t off, uint64_t len);
/* The same for what a write has put there, be it what was there before. */
void disk_note_write(struct disk_node *n, uint64_t off, uint64_t len);

/* Takes the dirty bytes, or those of one range, from `peek` (the file, open
 * for reading) into the image; not those lost before. */
int disk_sync_file(struct disk_node *n, struct env_file *peek);
int disk_sync_range(struct disk_node *n, struct env_file *peek, uint64_t off,
		    uint64_t len);

/*
 * What a failed sync of the file, or of one range, does: of the pages that are
 * not durable some, where the file's size is, are on the disk, all others are
 * lost. Returns how many were lost, or negative.
 */
int disk_fail_sync_file(struct disk_node *n, struct env_file *peek,
			struct rng *rng);
int disk_fail_sync_range(struct disk_node *n, struct env_file *peek,
			 uint64_t off, uint64_t len, struct rng *rng);

/* `p` has the `len` live bytes at `off`, whole pages but for the end of the
 * file: puts in what the disk has where pages were lost. */
void disk_show_lost(const struct disk_node *n, uint64_t off, uint8_t *p,
		    size_t len);

/* Sizes, for a disk of limited size: of one file … */
void disk_set_size(struct disk_node *n, uint64_t size);
/* … and of all files that have a live name or are open. */
uint64_t disk_used(const struct disk *d);

/* Rebuilds the root as a power cut leaves it. */
int disk_cut(struct disk *d, enum fault_cut how, struct rng *rng);

#endif
