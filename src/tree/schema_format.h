/* SPDX-License-Identifier: MIT */
/*
 * The rows of the tree as they are stored. Keys sort by memcmp(); numbers in
 * keys are big-endian, numbers in values little-endian.
 *
 *	key                            value
 *	'S' name                       schema_fact: facts of the store
 *	'D' be64(parent) name          schema_link, or schema_inode when the
 *	                               entry is the inode's only name
 *	'I' be64(ino)                  schema_inode: directories, and files
 *	                               that have had several names
 *	'B' be64(ino) be64(block)      schema_block + bytes
 *	'X' be64(ino) name             schema_xattr + value
 *	'O' be64(ino)                  schema_inode (an orphan), or schema_trim
 *
 * Every value opens with a head byte: the layout's version in the upper four
 * bits, what it is in the lower four. A reader refuses heads it does not
 * know. Retired numbers are never used again.
 */
#ifndef TREE_SCHEMA_FORMAT_H
#define TREE_SCHEMA_FORMAT_H

#include "base/le.h"

#define SCHEMA_VERSION 1u /* of the whole, in the S row "format" */

enum schema_head {
	SCHEMA_HEAD_FACT = 0x11,
	SCHEMA_HEAD_LINK = 0x12,
	SCHEMA_HEAD_INODE = 0x13,
	SCHEMA_HEAD_BLOCK = 0x14,
	SCHEMA_HEAD_XATTR = 0x15,
	SCHEMA_HEAD_TRIM = 0x16,
};

/* 'S' "format": value = SCHEMA_VERSION; 'S' "ino": every inode number ever
 * given out is below value. */
struct schema_fact {
	uint8_t head;	 /* 0: SCHEMA_HEAD_FACT */
	uint8_t zero[7]; /* 1 */
	le64 value;	 /* 8 */
};
_Static_assert(sizeof(struct schema_fact) == 16, "fact layout");

/* A name of an inode that has a row of its own. */
struct schema_link {
	uint8_t head; /* 0: SCHEMA_HEAD_LINK */
	uint8_t type; /* 1: mode >> 12 */
	le64 ino;     /* 2 */
};
_Static_assert(sizeof(struct schema_link) == 10, "link layout");

enum schema_inode_flags {
	/* All of the contents that is not zero is the row's tail. */
	SCHEMA_INLINE = 1 << 0,
};
#define SCHEMA_INODE_FLAGS 1u

#define SCHEMA_TRIMS_MAX 4

/*
 * An inode. Behind it come n_trims times schema_range, then the tail: the
 * contents of an inline file, the target of a symlink, the name of a
 * directory in its parent; nothing otherwise.
 */
struct schema_inode {
	uint8_t head;	     /*  0: SCHEMA_HEAD_INODE */
	uint8_t flags;	     /*  1: SCHEMA_INLINE */
	uint8_t block_shift; /*  2: log2 of the bytes of a block, 12 to 16 */
	uint8_t n_trims;     /*  3: ranges being removed, at most 4 */
	le32 mode;	     /*  4 */
	le64 ino;	     /*  8 */
	le32 uid;	     /* 16 */
	le32 gid;	     /* 20 */
	le64 rdev;	     /* 24 */
	le64 size;	     /* 32: bytes */
	le64 n_blocks;	     /* 40: B rows there are */
	le64 atime_ns;	     /* 48: signed, since the epoch */
	le64 mtime_ns;	     /* 56 */
	le64 ctime_ns;	     /* 64 */
	le64 btime_ns;	     /* 72 */
	le32 nlink;	     /* 80 */
	le32 gen;	     /* 84: given to blocks as they are written */
	le64 parent;	     /* 88: of a directory; 0 otherwise */
	le32 n_xattrs;	     /* 96: X rows there are */
	le32 zero;	     /* 100 */
};
_Static_assert(sizeof(struct schema_inode) == 104, "inode layout");

/*
 * Blocks from..to-1 whose gen is below `gen` are garbage: they read as holes
 * and wait for their removal. `to` is all ones for "to the end".
 */
struct schema_range {
	le64 from; /*  0 */
	le64 to;   /*  8 */
	le32 gen;  /* 16 */
};
_Static_assert(sizeof(struct schema_range) == 20, "range layout");

/* A block's bytes follow; trailing zeros need not be stored. */
struct schema_block {
	uint8_t head; /* 0: SCHEMA_HEAD_BLOCK */
	le32 gen;     /* 1: the inode's when it was written */
};
_Static_assert(sizeof(struct schema_block) == 5, "block layout");

/* The attribute's value follows. */
struct schema_xattr {
	uint8_t head; /* 0: SCHEMA_HEAD_XATTR */
};
_Static_assert(sizeof(struct schema_xattr) == 1, "xattr layout");

/*
 * POSIX ACLs are the attributes SCHEMA_ACL_ACCESS and SCHEMA_ACL_DEFAULT. Their
 * value is what the kernel's interface carries: this head, then entries in the
 * order of their tags. An access ACL is stored only where it says more than the
 * mode; it and the mode always agree.
 */
#define SCHEMA_ACL_ACCESS "system.posix_acl_access"
#define SCHEMA_ACL_DEFAULT "system.posix_acl_default"
#define SCHEMA_ACL_VERSION 2u

enum schema_acl_tag {
	SCHEMA_ACL_USER_OBJ = 0x01,
	SCHEMA_ACL_USER = 0x02,
	SCHEMA_ACL_GROUP_OBJ = 0x04,
	SCHEMA_ACL_GROUP = 0x08,
	SCHEMA_ACL_MASK = 0x10,
	SCHEMA_ACL_OTHER = 0x20,
};

struct schema_acl {
	le32 version; /* 0: SCHEMA_ACL_VERSION */
};
_Static_assert(sizeof(struct schema_acl) == 4, "ACL layout");

struct schema_acl_entry {
	le16 tag;  /* 0: enum schema_acl_tag */
	le16 perm; /* 2: bits 4, 2, 1: read, write, execute */
	le32 id;   /* 4: of a user or group; all ones elsewhere */
};
_Static_assert(sizeof(struct schema_acl_entry) == 8, "ACL entry layout");

/*
 * Marks an inode that has trims, and says where its row is: in directory
 * `parent` under the name that follows, or, with parent 0, in its I row.
 */
struct schema_trim {
	uint8_t head; /* 0: SCHEMA_HEAD_TRIM */
	le64 parent;  /* 1 */
};
_Static_assert(sizeof(struct schema_trim) == 9, "trim layout");

/* Contents up to this many bytes stay in the inode's row. */
#define SCHEMA_INLINE_MAX 4096u

/*
 * The block size of a file is chosen when it outgrows its row, by the write
 * that does it. Reading a part of a block takes and verifies all of it, so
 * who writes pages wants it small; each block costs one row, so streams want
 * it large.
 */
#define SCHEMA_BLOCK_SHIFT 14u
#define SCHEMA_BLOCK_SHIFT_STREAM 16u
#define SCHEMA_STREAM_BYTES 131072u /* a write of so much begins a stream */
#define SCHEMA_BLOCK_SHIFT_MIN 12u
#define SCHEMA_BLOCK_SHIFT_MAX 16u

#endif
