/* SPDX-License-Identifier: MIT */
/*
 * Any rows as a tree: every operation on them fails or works, without harm
 * and without end. The engine's checksums would stop nearly all of it, so the
 * rows are in the engine's model.
 *
 * An input is a sequence of rows: the lengths of key and value, two bytes
 * each, little-endian, then both. corpus/tree/all_kinds was written by
 * make_tree_seed.c.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/le.h"
#include "base/slice.h"
#include "fuzz/replay.h"
#include "support/mem_engine/mem_engine.h"
#include "tree/tree.h"

/* An input that takes longer than this many seconds hangs. */
#define SECONDS 30u
#define ENTRIES_MAX 100
#define ITEMS_MAX 200
#define VALUE_MAX 65536u

const struct fuzz_target fuzz_target = {
	.name = "rows of a tree",
	.seed_dirs = { "fuzz/corpus/tree" },
	.n_mutations = 2000,
};

static const struct tree_cred cred = { 0, 0, 0 };

static void load(struct tt *db, const uint8_t *p, size_t left)
{
	while (left >= 4) {
		size_t key = p[0] | (size_t)p[1] << 8;
		size_t value = p[2] | (size_t)p[3] << 8;

		p += 4;
		left -= 4;
		if (key > left || value > left - key)
			return;
		if (key)
			(void)tt_put(db, NULL, SLICE(p, key),
				     SLICE(p + key, value), NULL);
		p += key + value;
		left -= key + value;
	}
}

/* ---- by number -------------------------------------------------------- */

struct found {
	char name[TREE_NAME_MAX + 1];
	size_t len;
	uint64_t ino;
};

struct listing {
	struct found e[ENTRIES_MAX];
	size_t n;
};

static int add(void *arg, const struct tree_dirent *e)
{
	struct listing *l = arg;

	if (l->n == ENTRIES_MAX)
		return 1;
	if (e->name.len > TREE_NAME_MAX)
		abort();
	if (slice_eq(e->name, SLICE_LIT(".")) ||
	    slice_eq(e->name, SLICE_LIT("..")))
		return 0;
	memcpy(l->e[l->n].name, e->name.data, e->name.len);
	l->e[l->n].len = e->name.len;
	l->e[l->n++].ino = e->ino;
	return 0;
}

static int touch_iov(void *arg, const struct iovec *iov, int n, size_t total)
{
	volatile uint8_t sum = 0;

	(void)arg;
	(void)total;
	for (int i = 0; i < n; i++)
		for (size_t k = 0; k < iov[i].iov_len; k++)
			sum = sum ^ ((const uint8_t *)iov[i].iov_base)[k];
	return 0;
}

static void look_at(struct tree *t, uint64_t ino)
{
	struct tree_attr a;
	char buf[1000];
	uint64_t at;
	size_t len;

	if (tree_getattr(t, ino, &a) < 0)
		return;
	(void)tree_read(t, ino, 0, VALUE_MAX, touch_iov, NULL);
	(void)tree_read(t, ino, a.size / 2, VALUE_MAX, touch_iov, NULL);
	(void)tree_readlink(t, ino, buf, sizeof(buf), &len);
	(void)tree_lseek(t, ino, 0, SEEK_DATA, &at);
	(void)tree_lseek(t, ino, 0, SEEK_HOLE, &at);
	(void)tree_listxattr(t, ino, buf, sizeof(buf), &len);
	(void)tree_getxattr(t, ino, tt_str("user.a"), buf, sizeof(buf), &len);
}

static void change(struct tree *t, uint64_t ino)
{
	struct tree_attr a = { .size = 5000, .mode = 0640 };

	(void)tree_setattr(t, ino, &a, TREE_SET_MODE, NULL);
	if (tree_mkdir(t, ino, tt_str("new"), &cred, 0750, &a) == 0)
		tree_forget(t, a.ino, 1);
	a.size = 5000;
	(void)tree_write(t, ino, 4090, "0123456789", 10, 0, &a);
	(void)tree_fallocate(t, ino, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			     100, 20000, 0);
	(void)tree_setattr(t, ino, &a, TREE_SET_SIZE, NULL);
	(void)tree_setxattr(t, ino, tt_str("user.a"), tt_str("v"), 0);
	(void)tree_removexattr(t, ino, tt_str("user.b"));
	(void)tree_fsync(t, ino);
}

/* Entries of a directory, then of those in it; each name is moved, linked
 * and removed. */
static void walk(struct tree *t, uint64_t dir, int depth)
{
	struct listing *l = calloc(1, sizeof(*l));
	struct tree_dir *d;
	struct tree_attr a;

	if (!l)
		abort();
	if (tree_opendir(t, dir, &d) == 0) {
		(void)tree_readdir(d, 0, false, add, l);
		l->n = 0;
		(void)tree_readdir(d, 0, true, add, l);
		tree_closedir(d);
	}
	for (size_t i = 0; i < l->n; i++) {
		struct tt_slice name = SLICE(l->e[i].name, l->e[i].len);
		uint64_t ino = l->e[i].ino;

		look_at(t, ino);
		change(t, ino);
		if (depth > 0)
			walk(t, ino, depth - 1);
		if (tree_lookup(t, dir, name, &a) == 0)
			tree_forget(t, a.ino, 1);
		if (tree_link(t, ino, TREE_ROOT, tt_str("link"), &a) == 0)
			tree_forget(t, a.ino, 1);
		(void)tree_rename(t, dir, name, TREE_ROOT, tt_str("moved"), 0);
		(void)tree_rename(t, TREE_ROOT, tt_str("moved"), ino, name, 0);
		(void)tree_rename(t, TREE_ROOT, tt_str("moved"), dir, name,
				  TREE_RENAME_NOREPLACE);
		if (i % 2 && tree_unlink(t, dir, name) < 0)
			(void)tree_rmdir(t, dir, name);
		(void)tree_unlink(t, TREE_ROOT, tt_str("link"));
		tree_forget(t, ino, 1);
	}
	free(l);
}

/* ---- by key ----------------------------------------------------------- */

static int touch_piece(void *arg, struct tt_slice piece)
{
	struct iovec v = { (void *)(uintptr_t)piece.data, piece.len };

	return touch_iov(arg, &v, 1, piece.len);
}

static void scan(struct tree *t, bool is_reverse)
{
	struct tree_scan_options o = { .reverse = is_reverse,
				       .lower = tt_str("a") };
	struct tree_scan_item item;
	struct tree_scan *s;

	if (tree_scan_new(t, &o, &s) < 0)
		return;
	for (int i = 0; i < ITEMS_MAX && tree_scan_next(s, &item) == 0; i++) {
		struct tree_attr a;

		(void)tree_scan_value(s, VALUE_MAX, touch_piece, NULL);
		(void)tree_key_stat(t, item.key, &a);
		(void)tree_key_get(t, item.key, VALUE_MAX, touch_piece, NULL,
				   &a);
	}
	tree_scan_free(s);
}

static void apply(struct tree *t)
{
	struct tree_op ops[] = {
		{ .kind = TREE_OP_SET,
		  .key = tt_str("d/inline"),
		  .value = tt_str("new") },
		{ .kind = TREE_OP_SET, .key = tt_str("d/x/y") },
		{ .kind = TREE_OP_DELETE, .key = tt_str("d/linked") },
		{ .kind = TREE_OP_DELETE,
		  .key = tt_str("d"),
		  .recursive = true },
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		(void)tree_key_apply(t, &ops[i], 1, NULL, NULL);
	(void)tree_key_apply(t, ops, 2, NULL, NULL);
}

/* ---- all of it -------------------------------------------------------- */

static void use(struct tt *db, bool by_number)
{
	struct tree_attr a;
	struct tree *t;

	(void)tree_check(db, NULL, NULL); /* any answer will do */
	if (tree_open(db, &t) < 0)
		return;
	scan(t, false);
	scan(t, true);
	if (by_number)
		walk(t, TREE_ROOT, 3);
	if (tree_mkdir(t, TREE_ROOT, tt_str("made"), &cred, 0755, &a) == 0)
		tree_forget(t, a.ino, 1);
	apply(t);
	(void)tree_sync(t);
	(void)tree_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tt *db;

	alarm(SECONDS);
	for (int i = 0; i < 2; i++) {
		if (tt_open("fuzz", NULL, &db) < 0)
			abort();
		load(db, data, size);
		use(db, i == 0);
		use(db, i == 0);
		if (tt_close(db) < 0)
			abort();
		mem_engine_forget("fuzz");
	}
	alarm(0);
	return 0;
}
