/* SPDX-License-Identifier: MIT */
/* Requests about names: finding, making, moving and removing them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fs/ll.h"
#include "fs/ll_notify.h"
#include "fs/ll_raw.h"
#include "fs/ll_reply.h"

/* The kernel's flags are the tree's. */
_Static_assert((int)TREE_RENAME_NOREPLACE == (int)RENAME_NOREPLACE, "flags");
_Static_assert((int)TREE_RENAME_EXCHANGE == (int)RENAME_EXCHANGE, "flags");
_Static_assert((int)TREE_RENAME_WHITEOUT == (int)RENAME_WHITEOUT, "flags");

/* The face of a request that will tell the kernel about a name in `parent`. */
static struct ll *ll_of_name(fuse_req_t req, enum ll_counter what,
			     fuse_ino_t parent)
{
	struct ll *ll = ll_of(req, what);

	ll_notify_will_know(ll->notify, parent);
	return ll;
}

static void reply_made(fuse_req_t req, int r, const struct tree_attr *a)
{
	if (r < 0)
		ll_reply(req, r);
	else
		ll_reply_entry(req, a);
}

void ll_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ll *ll = ll_of_name(req, LL_LOOKUP, parent);
	struct tree_attr a;
	int r = tree_lookup(ll->tree, parent, slice_str(name), &a);

	if (r == -ENOENT)
		ll_reply_negative(req);
	else
		reply_made(req, r, &a);
}

void ll_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	tree_forget(ll_of(req, LL_FORGET)->tree, ino, n);
	fuse_reply_none(req);
}

void ll_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *f)
{
	struct ll *ll = ll_of(req, LL_FORGET);

	for (size_t i = 0; i < n; i++)
		tree_forget(ll->tree, f[i].ino, f[i].nlookup);
	fuse_reply_none(req);
}

void ll_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct ll *ll = ll_of(req, LL_READLINK);
	char target[PATH_MAX];
	size_t len;
	int r = tree_readlink(ll->tree, ino, target, sizeof(target) - 1, &len);

	if (r < 0) {
		ll_reply(req, r);
		return;
	}
	target[len] = '\0';
	(void)fuse_reply_readlink(req, target);
}

void ll_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	      dev_t rdev)
{
	struct ll *ll = ll_of_name(req, LL_MKNOD, parent);
	struct tree_cred cred = ll_cred(req);
	struct tree_attr a;

	reply_made(req,
		   tree_mknod(ll->tree, parent, slice_str(name), &cred, mode,
			      rdev, &a),
		   &a);
}

void ll_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct ll *ll = ll_of_name(req, LL_MKDIR, parent);
	struct tree_cred cred = ll_cred(req);
	struct tree_attr a;

	reply_made(req,
		   tree_mkdir(ll->tree, parent, slice_str(name), &cred, mode,
			      &a),
		   &a);
}

void ll_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		const char *name)
{
	struct ll *ll = ll_of_name(req, LL_SYMLINK, parent);
	struct tree_cred cred = ll_cred(req);
	struct tree_attr a;

	reply_made(req,
		   tree_symlink(ll->tree, parent, slice_str(name), &cred,
				slice_str(target), &a),
		   &a);
}

void ll_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent,
	     const char *new_name)
{
	struct ll *ll = ll_of_name(req, LL_LINK, new_parent);
	struct tree_attr a;

	reply_made(req,
		   tree_link(ll->tree, ino, new_parent, slice_str(new_name),
			     &a),
		   &a);
}

/* After these the kernel remembers the absence of the name by itself. */
void ll_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ll *ll = ll_of_name(req, LL_UNLINK, parent);

	ll_reply(req, tree_unlink(ll->tree, parent, slice_str(name)));
}

void ll_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ll *ll = ll_of_name(req, LL_RMDIR, parent);

	ll_reply(req, tree_rmdir(ll->tree, parent, slice_str(name)));
}

void ll_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	       fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	struct ll *ll = ll_of_name(req, LL_RENAME, parent);

	ll_notify_will_know(ll->notify, new_parent);
	ll_reply(req, tree_rename(ll->tree, parent, slice_str(name), new_parent,
				  slice_str(new_name), flags));
}

/*
 * A file that was there already: the kernel believed that it was not, so it
 * leaves O_TRUNC to us.
 */
static int truncate_found(fuse_req_t req, struct ll *ll, struct tree_attr *a)
{
	struct tree_attr in = { .size = 0 };
	unsigned set =
		TREE_SET_SIZE |
		(ll_raw_kills_priv(req) ? (unsigned)TREE_SET_KILL_PRIV : 0u);

	return tree_setattr(ll->tree, a->ino, &in, set, a);
}

static void create_named(fuse_req_t req, fuse_ino_t parent, const char *name,
			 mode_t mode, struct fuse_file_info *fi)
{
	struct ll *ll = ll_of_name(req, LL_CREATE, parent);
	struct tree_cred cred = ll_cred(req);
	struct tree_attr a;
	bool created;
	int r = tree_create(ll->tree, parent, slice_str(name), &cred,
			    S_IFREG | (mode & 07777), fi->flags & O_EXCL,
			    &created, &a);

	if (r == 0 && !created && (fi->flags & O_TRUNC)) {
		uint64_t ino = a.ino;

		r = truncate_found(req, ll, &a);
		if (r < 0)
			tree_forget(ll->tree, ino, 1);
	}
	if (r < 0) {
		ll_reply(req, r);
		return;
	}
	fi->keep_cache = 1;
	ll_reply_create(req, &a, fi);
}

void ll_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode,
		struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_TMPFILE);
	struct tree_cred cred = ll_cred(req);
	struct tree_attr a;
	int r = tree_tmpfile(ll->tree, parent, &cred, S_IFREG | (mode & 07777),
			     &a);

	if (r < 0) {
		ll_reply(req, r);
		return;
	}
	fi->keep_cache = 1;
	ll_reply_create(req, &a, fi);
}

void ll_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi)
{
	if (ll_raw_is_tmpfile())
		ll_tmpfile(req, parent, mode, fi);
	else
		create_named(req, parent, name, mode, fi);
}
