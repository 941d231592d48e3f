/* SPDX-License-Identifier: MIT */
#include "tree/path.h"

#include "base/err.h"
#include "tree/dir.h"
#include "tree/inode_reader.h"

static const char *component_wrong(struct tt_slice c)
{
	if (c.len == 0)
		return "a key has no empty component";
	if (name_is_dot(c) || name_is_dot_dot(c))
		return "a component is \".\" or \"..\"";
	if (c.len > TREE_NAME_MAX)
		return "a component is over 255 bytes";
	return NULL;
}

const char *tree_key_why_invalid(struct tt_slice key)
{
	const uint8_t *b = key.data;
	const char *why = NULL;

	if (key.len == 0)
		return "a key is not empty";
	if (key.len > TREE_KEY_MAX)
		return "a key is over 4096 bytes";
	if (memchr(b, 0, key.len))
		return "a key has no NUL";
	if (b[0] == '/')
		return "a key does not begin with a slash";
	if (b[key.len - 1] == '/')
		return "a key does not end in a slash";
	while (!why && key.len)
		why = component_wrong(path_next(&key));
	return why;
}

int path_check(struct tt_slice key)
{
	const char *why = tree_key_why_invalid(key);

	return why ? err_set(TT_EKEY, "%s", why) : 0;
}

struct tt_slice path_next(struct tt_slice *rest)
{
	const char *at = rest->data;
	const char *slash = memchr(at, '/', rest->len);
	struct tt_slice c = *rest;

	if (slash) {
		c.len = (size_t)(slash - at);
		*rest = slice_skip(*rest, c.len + 1);
	} else {
		*rest = slice_skip(*rest, rest->len);
	}
	return c;
}

/* Finds a directory's entry under its lock; brings it to the name cache. */
static int find_slowly(struct tree *t, uint64_t parent, struct tt_slice name,
		       uint64_t *ino, bool *is_dir)
{
	struct inode_reader rd;
	struct inode *in;
	int r = inode_reader_begin(&rd, t, parent);

	if (r < 0)
		return r == -ESTALE ? -ENOENT : r;
	r = dir_find(t, parent, name, 0, &in);
	inode_reader_end(&rd);
	if (r)
		return r < 0 ? r : -ENOENT;
	*ino = in->ino;
	*is_dir = in->is_dir;
	inode_unref(t, in, 0);
	return 0;
}

static int step_down(struct tree *t, uint64_t *dir, struct tt_slice name)
{
	uint64_t hash = entry_hash(*dir, name);
	struct dentry d;
	int r = 0;

	if (!dentry_cache_get(t->names, hash, *dir, name, &d))
		r = find_slowly(t, *dir, name, &d.ino, &d.is_dir);
	if (r < 0)
		return r;
	if (!d.ino)
		return -ENOENT;
	if (!d.is_dir)
		return err_set(-ENOTDIR, "a prefix of the key is a file");
	*dir = d.ino;
	return 0;
}

int path_find_parent(struct tree *t, struct tt_slice key, uint64_t *parent,
		     struct tt_slice *name)
{
	uint64_t dir = TREE_ROOT;
	struct tt_slice c = path_next(&key);
	int r = 0;

	while (r == 0 && key.len) {
		r = step_down(t, &dir, c);
		c = path_next(&key);
	}
	if (r < 0)
		return r;
	*parent = dir;
	*name = c;
	return 0;
}
