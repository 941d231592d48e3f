/* SPDX-License-Identifier: MIT */
/*
 * The tree as a whole, in numbers.
 */
#include "tree/tree_priv.h"

#define STATFS_BLOCK 4096u

int tree_statfs(struct tree *t, struct tree_statfs *out)
{
	struct tt_space sp;
	int r = tt_space(t->db, &sp);
	uint64_t free_blocks;

	if (r < 0)
		return r;
	free_blocks = sp.free_bytes / STATFS_BLOCK;
	*out = (struct tree_statfs){
		.block_size = STATFS_BLOCK,
		.blocks = sp.store_bytes / STATFS_BLOCK + free_blocks,
		.blocks_free = free_blocks,
		.blocks_avail = free_blocks,
		/* numbers never run out; an inode needs about one block */
		.files = sp.store_bytes / STATFS_BLOCK + free_blocks,
		.files_free = free_blocks,
		.name_max = TREE_NAME_MAX,
	};
	return 0;
}

void tree_stats_each(struct tree *t,
		     void (*fn)(void *arg, const char *name, uint64_t value,
				const char *help),
		     void *arg)
{
	static const struct counter_desc descs[] = { COUNTER_DESCS(
		TREE_COUNTERS) };

	for (unsigned i = 0; i < N_TREE_COUNTERS; i++)
		fn(arg, descs[i].name, counter_read(t->counters, i),
		   descs[i].help);
	fn(arg, "tree.inodes.resident", inode_table_count(&t->inodes),
	   "inodes in memory");
	fn(arg, "tree.names.bytes", dentry_cache_bytes(t->names),
	   "bytes of the name cache");
}
