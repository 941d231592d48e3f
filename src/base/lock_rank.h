/* SPDX-License-Identifier: MIT */
/*
 * The order of all locks, outermost first. A thread may take a lock only
 * when every lock it holds stands above it in this list; a row marked MANY
 * may also be taken several times over (by an order of its own, such as
 * rising inode numbers, which its user states). Debug builds assert it on
 * every mutex_lock() and rwlock_*lock().
 *
 * A new lock gets a row in its right place: below all that may be held when
 * it is taken.
 */
#ifndef BASE_LOCK_RANK_H
#define BASE_LOCK_RANK_H

/* clang-format off */
/* X(name, ONE or MANY, what it guards) */
#define LOCK_RANKS(X)                                                      \
	X(RANK_OUTER, ONE, "programs: start and stop")                     \
	X(RANK_FS, ONE, "fs: mount state")                                 \
	X(RANK_SERVER, ONE, "server: start, stop, hand-over queues")       \
	X(RANK_TREE_NS, MANY, "tree: the namespace; all slots when exclusive") \
	X(RANK_TREE_INODE, MANY, "tree: one inode; several by rising ino") \
	X(RANK_TREE_TABLE, MANY, "tree: inode table shard")                \
	X(RANK_TREE_DENTRY, MANY, "tree: name cache shard")                \
	X(RANK_TREE, ONE, "tree: everything small")                        \
	X(RANK_TREE_NOTIFY, ONE, "tree: queue of changes to tell")         \
	X(RANK_DB_WRITE, ONE, "lsm: the write queue's leader")             \
	X(RANK_MANIFEST, ONE, "lsm: version set, manifest writer")         \
	X(RANK_DB, ONE, "lsm: memtable set, versions, schedule")           \
	X(RANK_WAL, ONE, "lsm: log writer")                                \
	X(RANK_VALUES, ONE, "lsm: value files")                            \
	X(RANK_SNAPSHOT, ONE, "lsm: list of snapshots")                    \
	X(RANK_GC, ONE, "lsm: tables nobody refers to")                    \
	X(RANK_TABLE_CACHE, MANY, "lsm: open tables, one shard")           \
	X(RANK_BLOCK_CACHE, MANY, "lsm: cached blocks, one shard")         \
	X(RANK_BLOCK_MEM, ONE, "lsm: memory for blocks")                    \
	X(RANK_CHUNK_POOL, ONE, "lsm: memory for memtables")               \
	X(RANK_ITER_POOL, ONE, "lsm: idle iterators")                      \
	X(RANK_POOL, ONE, "base: task queues of a thread pool")            \
	X(RANK_PAGES, ONE, "base: pages freed last")                       \
	X(RANK_FAULT_ENV, ONE, "tests: the fault-injecting environment")   \
	X(RANK_THREAD_SLOT, ONE, "base: thread slot numbers")              \
	X(RANK_LOG, ONE, "base: event log; nothing is taken under it")
/* clang-format on */

enum lock_rank {
	RANK_NONE,
#define X(name, nest, what) name,
	LOCK_RANKS(X)
#undef X
		N_LOCK_RANKS
};

#endif
