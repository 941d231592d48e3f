/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes. The kernel checks who may use which name space, but
 * lets names of any through. POSIX ACLs are carried only where it enforces
 * them: storing what nobody enforces would promise a protection that is not
 * there.
 */
#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/ll.h"
#include "fs/ll_raw.h"
#include "fs/ll_reply.h"

_Static_assert((int)TREE_XATTR_CREATE == XATTR_CREATE, "flags");
_Static_assert((int)TREE_XATTR_REPLACE == XATTR_REPLACE, "flags");

#define SMALL 1024 /* values up to this size need no allocation */

static bool is_carried(const struct ll *ll, const char *name)
{
	static const char *const spaces[] = { "user.", "trusted.",
					      "security." };

	if (!strcmp(name, "system.posix_acl_access") ||
	    !strcmp(name, "system.posix_acl_default"))
		return ll->opts.acl;
	for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
		if (!strncmp(name, spaces[i], strlen(spaces[i])))
			return true;
	return false;
}

static bool is_in_group(fuse_req_t req, gid_t gid)
{
	gid_t groups[256]; /* whoever has more counts as a stranger */
	int n = fuse_req_getgroups(req, ARRAY_LEN(groups), groups);

	if (fuse_req_ctx(req)->gid == gid)
		return true;
	for (int i = 0; i < n && i < (int)ARRAY_LEN(groups); i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* Whether an ACL that is set clears setgid: as set by one outside the group. */
static bool kills_sgid(fuse_req_t req, struct ll *ll, fuse_ino_t ino)
{
	struct tree_attr a;

	if (ll_raw_is_attached() || !ll_raw_kills_priv(req))
		return ll_raw_kills_priv(req);
	return tree_getattr(ll->tree, ino, &a) == 0 && (a.mode & S_ISGID) &&
	       !is_in_group(req, a.gid);
}

/* Answers where the mount has none. After ENOSYS the kernel does not ask again:
 * it says EOPNOTSUPP by itself. */
static bool has_none(fuse_req_t req, const struct ll *ll)
{
	if (ll->opts.no_xattr)
		(void)fuse_reply_err(req, ENOSYS);
	return ll->opts.no_xattr;
}

void ll_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		 const char *value, size_t size, int flags)
{
	struct ll *ll = ll_of(req, LL_SETXATTR);

	if (has_none(req, ll))
		return;
	if (kills_sgid(req, ll, ino))
		flags |= TREE_XATTR_KILL_SGID;
	ll_reply(req, is_carried(ll, name)
			      ? tree_setxattr(ll->tree, ino, slice_str(name),
					      SLICE(value, size), flags)
			      : -EOPNOTSUPP);
}

void ll_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct ll *ll = ll_of(req, LL_REMOVEXATTR);

	if (has_none(req, ll))
		return;
	ll_reply(req, is_carried(ll, name)
			      ? tree_removexattr(ll->tree, ino, slice_str(name))
			      : -EOPNOTSUPP);
}

/* Size 0 asks how long the answer would be. */
static void reply_value(fuse_req_t req, int r, const void *buf, size_t size,
			size_t len)
{
	if (r < 0)
		ll_reply(req, r);
	else if (size == 0)
		(void)fuse_reply_xattr(req, len);
	else
		(void)fuse_reply_buf(req, buf, len);
}

static void get_value(fuse_req_t req, struct ll *ll, fuse_ino_t ino,
		      const char *name, char *buf, size_t size)
{
	size_t len = 0;
	int r = name ? tree_getxattr(ll->tree, ino, slice_str(name), buf, size,
				     &len)
		     : tree_listxattr(ll->tree, ino, buf, size, &len);

	reply_value(req, r, buf, size, len);
}

/* `name` NULL: the list of names. */
static void get(fuse_req_t req, struct ll *ll, fuse_ino_t ino, const char *name,
		size_t size)
{
	char small[SMALL], *large;

	if (size <= sizeof(small)) {
		get_value(req, ll, ino, name, small, size);
		return;
	}
	large = malloc(size);
	if (!large) {
		ll_reply(req, -ENOMEM);
		return;
	}
	get_value(req, ll, ino, name, large, size);
	free(large);
}

void ll_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct ll *ll = ll_of(req, LL_GETXATTR);

	if (has_none(req, ll))
		return;
	if (is_carried(ll, name))
		get(req, ll, ino, name, size);
	else
		ll_reply(req, -EOPNOTSUPP);
}

/* Takes the names out that are not carried; the new length. */
static size_t drop_not_carried(const struct ll *ll, char *names, size_t len)
{
	size_t kept = 0;

	for (size_t at = 0, n; at < len; at += n) {
		n = strlen(names + at) + 1;
		if (!is_carried(ll, names + at))
			continue;
		memmove(names + kept, names + at, n);
		kept += n;
	}
	return kept;
}

/* For a mount without ACLs, over a store that may have some. */
static void list_carried(fuse_req_t req, struct ll *ll, fuse_ino_t ino,
			 size_t size)
{
	char *names = malloc(XATTR_LIST_MAX);
	size_t len = 0;
	int r = -ENOMEM;

	if (names)
		r = tree_listxattr(ll->tree, ino, names, XATTR_LIST_MAX, &len);
	if (r == 0)
		len = drop_not_carried(ll, names, len);
	if (r == 0 && size && len > size)
		r = -ERANGE;
	reply_value(req, r, names, size, len);
	free(names);
}

void ll_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct ll *ll = ll_of(req, LL_LISTXATTR);

	if (has_none(req, ll))
		return;
	if (ll->opts.acl)
		get(req, ll, ino, NULL, size);
	else
		list_carried(req, ll, ino, size);
}
