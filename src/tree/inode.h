/* SPDX-License-Identifier: MIT */
/*
 * Inodes in memory. One exists only while the kernel has it looked up or an
 * operation uses it, so memory follows what is in use, not the tree's size.
 * While it exists its state is the truth; its row equals it, but for a
 * directory's coalesced times.
 *
 * Loading. An inode is loaded from a row by whoever needs it; the row may
 * change between being read and the insertion only if somebody else loaded,
 * changed and dropped the inode meanwhile. Dropping therefore counts up a
 * generation, chosen by where the row is, and an insertion whose generation
 * has moved reads its row again.
 */
#ifndef TREE_INODE_H
#define TREE_INODE_H

#include <stdatomic.h>

#include "base/hmap.h"
#include "base/list.h"
#include "base/mutex.h"
#include "tree/inode_rec.h"

struct held;

struct inode {
	struct hmap_node node; /* guarded by the shard's mu */
	/* constant once others can see it */
	uint64_t ino;
	bool is_dir;

	struct rwlock lock; /* RANK_TREE_INODE; several by rising ino */
	/* guarded by lock, or by the namespace lock held exclusively */
	struct inode_state st;
	char *name; /* in st.parent; directories and HOME_ENTRY; heap */
	uint32_t name_len;
	bool times_dirty;  /* st has newer times than the row */
	struct held *held; /* contents while HOME_MEMORY; NULL: none */

	/* guarded by the shard's mu */
	uint32_t refs;
	bool is_used;	 /* since the hand came by */
	bool is_offered; /* to the face, to be forgotten; not used since */
	uint64_t lookups;

	/* guarded by the sweeper's mu */
	struct list_node queue_link; /* orphans to delete, times to write */
};

static inline struct tt_slice inode_name(const struct inode *in)
{
	return SLICE(in->name, in->name_len);
}

#define N_INODE_SHARDS 64u
#define N_LOAD_GENS 1024u

struct inode_shard {
	struct mutex mu; /* RANK_TREE_TABLE */
	/* guarded by mu */
	struct hmap map;
	size_t n_offered; /* inodes that is_offered is set of */
	size_t hand;	  /* cursor of the clock, see inode_idle() */
} ALIGNED(CACHE_LINE);

struct inode_table {
	/* set before the first operation */
	size_t shard_max; /* inodes of a shard; more make a crowd */

	/* A hint: set by who inserts, cleared by inode_idle(), read by the
	 * face; nothing else depends on it (relaxed). */
	_Atomic bool is_crowded;
	unsigned next_shard; /* owned by the caller of inode_idle() */

	struct inode_shard shards[N_INODE_SHARDS];
	/* Counted up (release, under a shard's mu) when an inode whose row
	 * hashes here is dropped; read by loaders (acquire) before the row. */
	_Atomic uint32_t load_gens[N_LOAD_GENS];
};

struct tree;

int inode_table_init(struct inode_table *t);
/* Every inode must be unused. */
void inode_table_fini(struct inode_table *t);
size_t inode_table_count(struct inode_table *t);
/* Frees every inode, whatever its counts: for tree_close(). */
void inode_table_drop_all(struct inode_table *t);

/* The hash of an entry's place, for load generations and the name cache. */
uint64_t entry_hash(uint64_t parent, struct tt_slice name);
static inline uint64_t inode_row_hash(uint64_t ino)
{
	return hash_u64(ino) + 1;
}

/* The generation to note before reading a row at `place`. */
uint32_t inode_load_gen(struct inode_table *t, uint64_t place);

/* An unshared inode with one reference and no state; NULL: no memory. */
struct inode *inode_new(uint64_t ino);
/* Frees one that never was inserted; NULL is fine. */
void inode_discard(struct inode *in);
/* Sets the name (copied); 0 or -ENOMEM. */
int inode_set_name(struct inode *in, struct tt_slice name);

/* A reference on a resident inode, `lookups` more lookups; NULL if it is not
 * resident. */
struct inode *inode_find(struct inode_table *t, uint64_t ino, uint64_t lookups);

/* Makes a new inode known; takes the caller's reference along. */
void inode_publish(struct inode_table *t, struct inode *in, uint64_t lookups);

/*
 * Makes a loaded inode known, unless it became resident meanwhile: then `in`
 * is discarded and *in the resident one, with a reference. INODE_RETRY (> 0)
 * when the row must be read again; then `in` is discarded too.
 */
#define INODE_RETRY 100
int inode_insert_loaded(struct inode_table *t, struct inode **in,
			uint64_t place, uint32_t gen, uint64_t lookups);

/*
 * A reference (and `lookups` lookups) on `ino`, resident or loaded from its I
 * row. -ESTALE when there is no such inode (an embedded one that is not
 * resident cannot be found by number).
 */
int inode_get(struct tree *t, uint64_t ino, uint64_t lookups,
	      struct inode **out);

void inode_ref(struct tree *t, struct inode *in);
/* Drops a reference, and `lookups` lookups. The last one drops the inode, or
 * queues it if it is an orphan. NULL is fine. */
void inode_unref(struct tree *t, struct inode *in, uint64_t lookups);

/* Says how many inodes there may be before is_crowded is set. */
void inode_table_set_max(struct inode_table *t, size_t n);

/*
 * Numbers of up to `max` inodes that nothing but lookups keeps, so that the
 * face may have them forgotten: as many as are too many, and an eighth below
 * that. By a second-chance clock; none is named twice before the hand has gone
 * round. 0, and is_crowded cleared, when that is done. One thread at a time.
 */
size_t inode_idle(struct inode_table *t, uint64_t *out, size_t max);

/* How many lookups there are now. */
uint64_t inode_lookups(struct tree *t, struct inode *in);
bool inode_is_looked_up(struct tree *t, uint64_t ino);

#endif
