/* SPDX-License-Identifier: MIT */
/*
 * Writes corpus/tree/all_kinds, the seed of fuzz_tree.c: a tree with a row of
 * every kind.
 *
 *	make_tree_seed > corpus/tree/all_kinds
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/slice.h"
#include "support/mem_engine/mem_engine.h"
#include "tree/schema_format.h"
#include "tree/schema_key.h"
#include "tree/tree.h"

static void put_row(struct tt_slice key, struct tt_slice value)
{
	uint8_t n[4] = { (uint8_t)key.len, (uint8_t)(key.len >> 8),
			 (uint8_t)value.len, (uint8_t)(value.len >> 8) };

	(void)fwrite(n, 1, sizeof(n), stdout);
	(void)fwrite(key.data, 1, key.len, stdout);
	(void)fwrite(value.data, 1, value.len, stdout);
}

/* A trim: what a cut through a big file leaves for the background. */
static void put_trim(uint64_t ino)
{
	struct schema_trim t = { .head = SCHEMA_HEAD_TRIM };
	struct schema_key k;

	put_row(key_orphan(&k, ino), SLICE(&t, sizeof(t)));
}

static struct tree *t;

/* Aborts where a result is a failure. */
static void ok(int r)
{
	if (r < 0) {
		fprintf(stderr, "make_tree_seed: %s\n", err_text());
		abort();
	}
}

/* The number of what was set. */
static uint64_t set(const char *key, const char *value)
{
	struct tree_op op = { .kind = TREE_OP_SET,
			      .key = tt_str(key),
			      .value = tt_str(value) };
	struct tree_attr a;

	ok(tree_key_apply(t, &op, 1, NULL, NULL));
	ok(tree_key_stat(t, op.key, &a));
	return a.ino;
}

static uint64_t look_up(uint64_t parent, const char *name)
{
	struct tree_attr a;

	ok(tree_lookup(t, parent, tt_str(name), &a));
	return a.ino;
}

/* u::rwx, u:5:r--, g::r-x, m::r-x, o::--- as setxattr() has it. */
/* clang-format off */
static const uint8_t acl[] = {
	2, 0, 0, 0, /* version */
	1, 0, 7, 0, 255, 255, 255, 255,
	2, 0, 4, 0, 5, 0, 0, 0,
	4, 0, 5, 0, 255, 255, 255, 255,
	16, 0, 5, 0, 255, 255, 255, 255,
	32, 0, 0, 0, 255, 255, 255, 255,
};
/* clang-format on */

static void put_acl(uint64_t ino, const char *name)
{
	ok(tree_setxattr(t, ino, tt_str(name), SLICE(acl, sizeof(acl)), 0));
}

static void make_tree(void)
{
	struct tree_cred cred = { 0, 0, 0 };
	struct tree_attr a;
	uint64_t d, ino;

	(void)set("d/inline", "contents");
	(void)set("d/e/f", "below");
	(void)set("d/linked", "twice");
	d = look_up(TREE_ROOT, "d");
	ino = look_up(d, "linked");
	ok(tree_link(t, ino, TREE_ROOT, tt_str("other"), &a));
	ok(tree_symlink(t, d, tt_str("symlink"), &cred, tt_str("target"), &a));
	(void)set("open", "unlinked");
	(void)look_up(TREE_ROOT, "open");
	ok(tree_unlink(t, TREE_ROOT, tt_str("open")));
	(void)set("blocks", "");
	ino = look_up(TREE_ROOT, "blocks");
	ok(tree_write(t, ino, 10, "a", 1, 0, NULL));
	ok(tree_write(t, ino, 16390, "bc", 2, 0, NULL));
	ok(tree_write(t, ino, 65537, "d", 1, 0, NULL));
	ok(tree_setxattr(t, ino, tt_str("user.a"), tt_str("1"), 0));
	ok(tree_setxattr(t, ino, tt_str("user.b"), tt_str("2"), 0));
	put_acl(d, SCHEMA_ACL_DEFAULT);
	put_acl(ino, SCHEMA_ACL_ACCESS);
	ok(tree_sync(t));
	put_trim(ino);
}

int main(void)
{
	struct tt_iter *it;
	struct tt *db;

	ok(tt_open("seed", NULL, &db));
	ok(tree_open(db, &t));
	make_tree();
	ok(tt_iter_new(db, NULL, &it));
	for (int r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		put_row(tt_iter_key(it), tt_iter_value(it));
	tt_iter_free(it);
	ok(tree_close(t));
	ok(tt_close(db));
	mem_engine_forget("seed");
	return 0;
}
