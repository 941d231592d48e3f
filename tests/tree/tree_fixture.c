/* SPDX-License-Identifier: MIT */
#include "tree/tree_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/tmpdir.h"
#include "tree/sweeper.h"
#include "tree/tree_priv.h"

const struct tree_cred test_cred = { 0, 0, 0 };

static struct buf answer;

void fixture_open(struct fixture *f)
{
	f->dir = tmpdir_new();
	ck_ok(tt_open(tmpdir_path(f->dir, "store"), NULL, &f->db));
	ck_ok(tree_open(f->db, &f->t));
}

void fixture_open_with(struct fixture *f, const char *name, const char *value)
{
	struct tt_options *o = tt_options_new();

	f->dir = tmpdir_new();
	ck_ok(tt_options_set(o, name, value));
	ck_ok(tt_open(tmpdir_path(f->dir, "store"), o, &f->db));
	tt_options_free(o);
	ck_ok(tree_open(f->db, &f->t));
}

void fixture_close(struct fixture *f)
{
	ck_ok(tree_close(f->t));
	ck_ok(tt_close(f->db));
	tmpdir_free(f->dir);
	buf_fini(&answer);
}

void fixture_reopen(struct fixture *f)
{
	ck_ok(tree_close(f->t));
	ck_ok(tt_close(f->db));
	ck_ok(tt_open(tmpdir_path(f->dir, "store"), NULL, &f->db));
	ck_ok(tree_open(f->db, &f->t));
}

static void say(void *arg, const char *text)
{
	(void)arg;
	printf("# check: %s\n", text);
}

void fixture_check(struct fixture *f)
{
	sweeper_drain(f->t->sweeper);
	ck_ok(tree_check(f->db, say, NULL));
}

/* ---- paths ------------------------------------------------------------ */

static int walk(struct tree *t, struct tt_slice path, struct tree_attr *out)
{
	uint64_t ino = TREE_ROOT;
	int r = tree_lookup(t, ino, SLICE_LIT("."), out);

	while (r == 0 && path.len) {
		const char *slash = memchr(path.data, '/', path.len);
		size_t n = slash ? (size_t)(slash - (const char *)path.data)
				 : path.len;

		r = tree_lookup(t, ino, slice_first(path, n), out);
		tree_forget(t, ino, 1);
		if (r < 0)
			return r;
		ino = out->ino;
		path = slice_skip(path, slash ? n + 1 : n);
	}
	return r;
}

int path_lookup(struct tree *t, const char *path, struct tree_attr *out)
{
	return walk(t, tt_str(path), out);
}

uint64_t path_ino(struct tree *t, const char *path, int *r)
{
	struct tree_attr a = { 0 };

	*r = path_lookup(t, path, &a);
	if (*r == 0)
		tree_forget(t, a.ino, 1);
	return a.ino;
}

int path_parent(struct tree *t, const char *path, uint64_t *parent,
		struct tt_slice *name)
{
	const char *slash = strrchr(path, '/');
	struct tree_attr a;
	int r;

	*name = tt_str(slash ? slash + 1 : path);
	r = walk(t, SLICE(path, slash ? (size_t)(slash - path) : 0), &a);
	if (r < 0)
		return r;
	*parent = a.ino;
	if (!S_ISDIR(a.mode)) {
		tree_forget(t, a.ino, 1);
		return -ENOTDIR;
	}
	return 0;
}

#define IN_PARENT(path, call)                                  \
	do {                                                   \
		struct tt_slice name;                          \
		uint64_t parent;                               \
		int r_ = path_parent(t, path, &parent, &name); \
		if (r_ < 0)                                    \
			return r_;                             \
		r_ = (call);                                   \
		tree_forget(t, parent, 1);                     \
		return r_;                                     \
	} while (0)

/* For calls that look up what they make. */
static int given_back(struct tree *t, int r, const struct tree_attr *a)
{
	if (r == 0)
		tree_forget(t, a->ino, 1);
	return r;
}

int do_mkdir(struct tree *t, const char *path)
{
	struct tree_attr a;

	IN_PARENT(path,
		  given_back(t,
			     tree_mkdir(t, parent, name, &test_cred, 0755, &a),
			     &a));
}

int do_create(struct tree *t, const char *path)
{
	struct tree_attr a;
	bool created;

	IN_PARENT(path, given_back(t,
				   tree_create(t, parent, name, &test_cred,
					       0644, true, &created, &a),
				   &a));
}

int do_unlink(struct tree *t, const char *path)
{
	IN_PARENT(path, tree_unlink(t, parent, name));
}

int do_rmdir(struct tree *t, const char *path)
{
	IN_PARENT(path, tree_rmdir(t, parent, name));
}

static int rename_into(struct tree *t, uint64_t old_parent,
		       struct tt_slice old_name, const char *to, unsigned flags)
{
	IN_PARENT(to,
		  tree_rename(t, old_parent, old_name, parent, name, flags));
}

int do_rename(struct tree *t, const char *from, const char *to, unsigned flags)
{
	IN_PARENT(from, rename_into(t, parent, name, to, flags));
}

int do_link(struct tree *t, const char *from, const char *to)
{
	struct tree_attr a, b;
	uint64_t parent;
	struct tt_slice name;
	int r = path_lookup(t, from, &a);

	if (r < 0)
		return r;
	r = path_parent(t, to, &parent, &name);
	if (r == 0) {
		r = tree_link(t, a.ino, parent, name, &b);
		given_back(t, r, &b);
		tree_forget(t, parent, 1);
	}
	tree_forget(t, a.ino, 1);
	return r;
}

int do_symlink(struct tree *t, const char *target, const char *path)
{
	struct tree_attr a;

	IN_PARENT(path, given_back(t,
				   tree_symlink(t, parent, name, &test_cred,
						tt_str(target), &a),
				   &a));
}

#define ON_PATH(path, call)                         \
	do {                                        \
		struct tree_attr at;                \
		int r_ = path_lookup(t, path, &at); \
		if (r_ < 0)                         \
			return r_;                  \
		r_ = (call);                        \
		tree_forget(t, at.ino, 1);          \
		return r_;                          \
	} while (0)

int do_write(struct tree *t, const char *path, uint64_t off, const void *data,
	     size_t len)
{
	ON_PATH(path, tree_write(t, at.ino, off, data, len, 0, NULL));
}

int do_truncate(struct tree *t, const char *path, uint64_t size)
{
	struct tree_attr in = { .size = size };

	ON_PATH(path, tree_setattr(t, at.ino, &in, TREE_SET_SIZE, NULL));
}

int do_stat(struct tree *t, const char *path, struct tree_attr *out)
{
	ON_PATH(path, tree_getattr(t, at.ino, out));
}

static int gather(void *arg, const struct iovec *iov, int n_iov, size_t total)
{
	struct buf *b = arg;
	size_t n = 0;

	for (int i = 0; i < n_iov; i++) {
		buf_append(b, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	ck_assert_uint_eq(n, total);
	return 0;
}

int read_ino(struct tree *t, uint64_t ino, uint64_t off, size_t len,
	     struct buf *out)
{
	buf_clear(out);
	return tree_read(t, ino, off, len, gather, out);
}

int do_read(struct tree *t, const char *path, struct buf *out)
{
	ON_PATH(path, read_ino(t, at.ino, 0, at.size, out));
}

/* ---- keys ------------------------------------------------------------- */

int do_set(struct tree *t, const char *key, const char *value)
{
	struct tree_op op = {
		.kind = TREE_OP_SET,
		.key = tt_str(key),
		.value = tt_str(value),
	};

	return tree_key_apply(t, &op, 1, NULL, NULL);
}

int do_del(struct tree *t, const char *key, bool recursive)
{
	struct tree_op op = {
		.kind = TREE_OP_DELETE,
		.key = tt_str(key),
		.recursive = recursive,
	};

	return tree_key_apply(t, &op, 1, NULL, NULL);
}

static int gather_piece(void *arg, struct tt_slice piece)
{
	return buf_append_slice(arg, piece);
}

const char *do_get(struct tree *t, const char *key)
{
	buf_clear(&answer);
	if (tree_key_get(t, tt_str(key), UINT64_MAX, gather_piece, &answer,
			 NULL))
		return NULL;
	return buf_cstr(&answer);
}

/* ---- listings --------------------------------------------------------- */

static void add_word(struct buf *b, struct tt_slice s)
{
	if (b->len)
		buf_append_byte(b, ' ');
	buf_append_slice(b, s);
}

static int add_name(void *arg, const struct tree_dirent *e)
{
	if (e->cookie > 2)
		add_word(arg, e->name);
	return 0;
}

const char *names_in(struct tree *t, const char *path)
{
	struct tree_attr a;
	struct tree_dir *d;

	buf_clear(&answer);
	ck_ok(path_lookup(t, path, &a));
	ck_ok(tree_opendir(t, a.ino, &d));
	ck_ok(tree_readdir(d, 0, false, add_name, &answer));
	tree_closedir(d);
	tree_forget(t, a.ino, 1);
	return buf_cstr(&answer);
}

const char *keys_in(struct tree *t, const char *lower, const char *upper,
		    bool reverse)
{
	struct tree_scan_options o = {
		.lower = tt_str(lower),
		.upper = tt_str(upper),
		.reverse = reverse,
	};
	struct tree_scan_item item;
	struct tree_scan *s;
	int r;

	buf_clear(&answer);
	ck_ok(tree_scan_new(t, &o, &s));
	while ((r = tree_scan_next(s, &item)) == 0)
		add_word(&answer, item.key);
	ck_err(r, TT_END);
	tree_scan_free(s);
	return buf_cstr(&answer);
}
