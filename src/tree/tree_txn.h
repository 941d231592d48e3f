/* SPDX-License-Identifier: MIT */
/*
 * One change of the tree: locks inodes, collects what is to be different,
 * commits it as one engine batch, then publishes it to the inodes in memory
 * and the name cache. A commit that fails publishes nothing.
 *
 *	struct txn tx;
 *	r = txn_begin(&tx, t, TXN_SHARED);
 *	r = txn_get(&tx, ino, &in);            held until txn_end()
 *	txn_lock(&tx, &in, 1);
 *	st = txn_edit(&tx, in);                a copy; change it
 *	r = txn_commit(&tx);
 *	txn_end(&tx);
 *
 * The change is kept as final states, not as steps: of each inode its new
 * state, of each entry what it shall name. So later steps of one change see
 * earlier ones, and each row is written once. Rows of blocks and attributes
 * go to tx->batch directly.
 *
 * One thread. In TXN_EXCLUSIVE nothing else runs in the tree and no inode
 * lock is taken.
 */
#ifndef TREE_TREE_TXN_H
#define TREE_TREE_TXN_H

#include "base/arena.h"
#include "tree/tree_priv.h"

enum txn_mode { TXN_SHARED, TXN_EXCLUSIVE };

#define TXN_LOCKS_MAX 6
#define TXN_HELD_INLINE 8
#define TXN_INODES_INLINE 4
#define TXN_DENTS_INLINE 3

/* An inode this change touches. */
struct txn_inode {
	struct txn_inode *next;
	struct hmap_node node;
	struct inode *in;
	struct inode_state st; /* what it shall be */
	bool is_new;
	bool is_dirty;	 /* its row must be written */
	bool is_touched; /* only times, which may wait */
	bool has_tail;	 /* tail replaces contents or target */
	bool is_published;
	uint8_t *tail;	   /* st.tail_len bytes, heap */
	struct held *held; /* what it shall have, while HOME_MEMORY */
	char *name;	   /* its new name, heap; NULL: as it was */
	uint32_t name_len;
	uint64_t lookups; /* to be added when published */
	/* a new inode's attributes are copies of this one's; 0: none */
	uint64_t xattrs_from;
	/* whose default ACL a new inode has inherited; 0: nobody's */
	uint64_t acl_from;
};

/* An entry this change sets. */
struct txn_dent {
	struct txn_dent *next;
	struct hmap_node node;
	uint64_t parent;
	struct tt_slice name; /* borrowed from the operation's caller */
	uint64_t hash;
	uint64_t ino; /* 0: gone */
	uint32_t mode;
	bool has_own_row;
};

struct txn {
	struct tree *t;
	struct tt_batch *batch;
	int64_t now_ns;
	int64_t ts; /* of the commit */
	bool is_exclusive;
	bool no_wait;
	unsigned ns_token;
	unsigned n_locked;
	struct inode *locked[TXN_LOCKS_MAX]; /* rising ino */

	struct inode **held;
	size_t n_held, cap_held;
	struct inode *held_inline[TXN_HELD_INLINE];

	struct txn_inode *inodes; /* newest first */
	size_t n_inodes;
	struct txn_dent *dents; /* newest first */
	size_t n_dents;
	bool is_indexed; /* the maps are in use: many of either */
	struct hmap inode_map, dent_map;
	struct arena arena; /* records beyond the inline ones */
	/* Rows that get the values of others, behind the batch; set before the
	 * commit, which says what became of them. */
	const struct tt_copy *copies;
	size_t n_copies;
	struct tt_copied copied;
	struct txn_inode inodes_inline[TXN_INODES_INLINE];
	struct txn_dent dents_inline[TXN_DENTS_INLINE];
};

/* Takes the namespace lock. On failure nothing is held. */
int txn_begin(struct txn *tx, struct tree *t, enum txn_mode mode);
/* For who must not wait for others: -EAGAIN, here, of txn_lock_if_free() and
 * of txn_commit(), where txn_begin() and its like would have waited. */
int txn_begin_no_wait(struct txn *tx, struct tree *t, enum txn_mode mode);
/* So much is going to be put, nothing has been yet. 0 or -ENOMEM. */
int txn_expect(struct txn *tx, size_t bytes);
/* Releases locks, references and what was not committed. */
void txn_end(struct txn *tx);

/* Gives the txn the caller's reference, dropped in txn_end(). On -ENOMEM the
 * reference is dropped at once. */
int txn_hold(struct txn *tx, struct inode *in);
/* inode_get() + txn_hold(), seeing inodes made by this change too. */
int txn_get(struct txn *tx, uint64_t ino, struct inode **out);

/* Locks inodes exclusively in rising order, doubles and NULLs ignored. At
 * most TXN_LOCKS_MAX, once; txn_unlock() before another try. */
void txn_lock(struct txn *tx, struct inode *const *ins, size_t n);
/* The same for a change that may be one that must not wait: -EAGAIN, with
 * nothing locked. */
int txn_lock_if_free(struct txn *tx, struct inode *const *ins, size_t n);
void txn_unlock(struct txn *tx);

/* The inode's state as this change sees it. Valid until the next edit. */
const struct inode_state *txn_state(struct txn *tx, struct inode *in);
/* Its state to be changed; the row will be written. NULL: no memory. */
struct inode_state *txn_edit(struct txn *tx, struct inode *in);
/* A directory's entries changed: mtime and ctime, written with the row if it
 * is, else coalesced. */
int txn_touch(struct txn *tx, struct inode *dir);
/* A new inode of a fresh number, one lookup to come with `lookups`. The
 * caller fills the rest of *st. */
int txn_new_inode(struct txn *tx, uint64_t lookups, struct inode **out,
		  struct inode_state **st);
/* Where a new inode's attributes were copied from, 0 for others. */
uint64_t txn_xattrs_from(struct txn *tx, struct inode *in);
int txn_set_xattrs_from(struct txn *tx, struct inode *in, uint64_t ino);
/* Whose default ACL a new inode has inherited, 0 for others. */
uint64_t txn_acl_from(struct txn *tx, struct inode *in);
int txn_set_acl_from(struct txn *tx, struct inode *in, uint64_t ino);
/* Another lookup when published. */
int txn_add_lookup(struct txn *tx, struct inode *in);

/* Replaces contents or target; sets st.tail_len. Copied. */
int txn_set_tail(struct txn *tx, struct inode *in, struct tt_slice tail);
/* The tail as this change sees it: its own, or pinned from the row. *pin is
 * the caller's to unpin. */
int txn_tail(struct txn *tx, struct inode *in, struct tt_slice *tail,
	     struct tt_pinned *pin);
/* Where the row shall be; `name` as in txn_set_entry(). */
int txn_set_home(struct txn *tx, struct inode *in, enum inode_home home,
		 uint64_t parent, struct tt_slice name);

/* Copies contents or target to memory, for HOME_MEMORY. 1 when there is no
 * room for them. */
int txn_hold_tail(struct txn *tx, struct inode *in);

/* The inode under `name`, held by the txn; TT_NOTFOUND. The directory is
 * locked. */
int txn_find(struct txn *tx, struct inode *dir, struct tt_slice name,
	     struct inode **out);
/* Makes `name` lead to `in` (NULL: nowhere). `name` is borrowed until
 * txn_end(). */
int txn_set_entry(struct txn *tx, struct inode *dir, struct tt_slice name,
		  struct inode *in);

/* 1 when no entry is left in `dir`, 0 when one is, or < 0. */
int txn_dir_is_empty(struct txn *tx, struct inode *dir);

/* Whether `in` was made by this change. */
bool txn_is_new(struct txn *tx, struct inode *in);

/* Writes and publishes. The locks stay. */
int txn_commit(struct txn *tx);

/* The attributes as this change left them. */
void txn_attr(struct txn *tx, struct inode *in, struct tree_attr *out);

#endif
