/* SPDX-License-Identifier: MIT */
/*
 * ACLs inside a change whose inodes are locked: the rows of schema_format.h,
 * kept in step with modes (see acl.h). Files without attributes pay nothing.
 */
#ifndef TREE_ACL_ROWS_H
#define TREE_ACL_ROWS_H

#include "tree/tree_txn.h"

enum acl_kind {
	ACL_NONE, /* the name of another attribute */
	ACL_ACCESS,
	ACL_DEFAULT,
};

enum acl_kind acl_kind_of(struct tt_slice name);

/*
 * Gives `in`, which this change makes in `dir` with the mode that its maker
 * asked for, what is due to it: the directory's default ACL where there is
 * one, the umask otherwise.
 */
int acl_inherit(struct txn *tx, struct inode *dir, struct inode *in,
		uint32_t umask);

/* Takes back what acl_inherit() has put, of an inode that is not to be. */
int acl_disinherit(struct txn *tx, struct inode *in);

/* chmod: the access ACL, if there is one, follows the mode. */
int acl_chmod(struct txn *tx, struct inode *in);

/*
 * setxattr() of an ACL, as the kernel does it for its own file systems: the
 * mode follows, an ACL that says no more than a mode is not stored, and one
 * without entries removes what is there. -EINVAL; -EACCES for a default ACL of
 * what is no directory. *out says whether the row is to be `acl` or none; the
 * row is the caller's to write.
 */
int acl_set(struct txn *tx, struct inode *in, enum acl_kind kind,
	    struct tt_slice acl, bool kills_sgid, bool *out_is_stored);

#endif
