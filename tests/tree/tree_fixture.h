/* SPDX-License-Identifier: MIT */
/*
 * A tree over a fresh store, and short ways to use it in tests. Functions
 * abort the test on failure, unless they return a result.
 */
#ifndef TESTS_TREE_TREE_FIXTURE_H
#define TESTS_TREE_TREE_FIXTURE_H

#include <check.h>

#include "base/buf.h"
#include "base/slice.h"
#include "support/check_main.h"
#include "tree/tree.h"

struct fixture {
	char *dir;
	struct tt *db;
	struct tree *t;
};

extern const struct tree_cred test_cred;

void fixture_open(struct fixture *f);
/* With an option of the engine. */
void fixture_open_with(struct fixture *f, const char *name, const char *value);
/* Closes without the check. */
void fixture_close(struct fixture *f);
/* Closes and opens again, as a restart does. */
void fixture_reopen(struct fixture *f);
/* Waits for background work, then every invariant must hold. */
void fixture_check(struct fixture *f);

/* The inode number of a path from the root, without a lookup kept; or < 0 in
 * *r. "" is the root. */
uint64_t path_ino(struct tree *t, const char *path, int *r);
/* The same, looked up once more: tree_forget() it. */
int path_lookup(struct tree *t, const char *path, struct tree_attr *out);
/* Directory and last name of a path: the directory is looked up. */
int path_parent(struct tree *t, const char *path, uint64_t *parent,
		struct tt_slice *name);

/* By path; results as the tree's. Lookups are given back. */
int do_mkdir(struct tree *t, const char *path);
int do_create(struct tree *t, const char *path);
int do_unlink(struct tree *t, const char *path);
int do_rmdir(struct tree *t, const char *path);
int do_rename(struct tree *t, const char *from, const char *to, unsigned flags);
int do_link(struct tree *t, const char *from, const char *to);
int do_symlink(struct tree *t, const char *target, const char *path);
int do_write(struct tree *t, const char *path, uint64_t off, const void *data,
	     size_t len);
int do_truncate(struct tree *t, const char *path, uint64_t size);
int do_stat(struct tree *t, const char *path, struct tree_attr *out);
int do_read(struct tree *t, const char *path, struct buf *out);
int read_ino(struct tree *t, uint64_t ino, uint64_t off, size_t len,
	     struct buf *out);

/* Keys. */
int do_set(struct tree *t, const char *key, const char *value);
int do_del(struct tree *t, const char *key, bool recursive);
/* The value, NUL-ended, or NULL; valid until the next call. */
const char *do_get(struct tree *t, const char *key);

/* The names of a directory in order, "." and ".." left out, joined by
 * spaces; valid until the next call. */
const char *names_in(struct tree *t, const char *path);
/* The keys of a scan, joined by spaces; valid until the next call. */
const char *keys_in(struct tree *t, const char *lower, const char *upper,
		    bool reverse);

#endif
