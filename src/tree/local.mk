# SPDX-License-Identifier: MIT
# The tree: files as rows of the engine.
libtree_la_SOURCES += \
	%D%/acl.c \
	%D%/acl.h \
	%D%/acl_rows.c \
	%D%/acl_rows.h \
	%D%/atime.c \
	%D%/atime.h \
	%D%/attr.c \
	%D%/block.c \
	%D%/block.h \
	%D%/block_view.c \
	%D%/check_counts.c \
	%D%/copy.c \
	%D%/counters.def \
	%D%/dentry_cache.c \
	%D%/dentry_cache.h \
	%D%/dir.c \
	%D%/dir.h \
	%D%/fallocate.c \
	%D%/file.c \
	%D%/file.h \
	%D%/held.c \
	%D%/held.h \
	%D%/ino_alloc.c \
	%D%/ino_alloc.h \
	%D%/inode.c \
	%D%/inode.h \
	%D%/inode_reader.c \
	%D%/inode_reader.h \
	%D%/inode_rec.c \
	%D%/inode_rec.h \
	%D%/key_apply.c \
	%D%/key_read.c \
	%D%/namei.c \
	%D%/names.c \
	%D%/names.h \
	%D%/ns_lock.h \
	%D%/path.c \
	%D%/path.h \
	%D%/readdir.c \
	%D%/rename.c \
	%D%/scan.c \
	%D%/schema_format.h \
	%D%/schema_key.c \
	%D%/schema_key.h \
	%D%/statfs.c \
	%D%/sweep_now.c \
	%D%/sweep_now.h \
	%D%/sweeper.c \
	%D%/sweeper.h \
	%D%/tree.c \
	%D%/tree.h \
	%D%/tree_check.c \
	%D%/tree_check.h \
	%D%/tree_priv.h \
	%D%/tree_txn.c \
	%D%/tree_txn.h \
	%D%/txn_rows.c \
	%D%/txn_rows.h \
	%D%/value.c \
	%D%/value.h \
	%D%/xattr.c

EXTRA_DIST += %D%/README.md
