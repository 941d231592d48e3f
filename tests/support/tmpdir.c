/* SPDX-License-Identifier: MIT */
/* Temporary directories for tests. */
#include "tests/support/tmpdir.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *tmp_root(void)
{
	const char *root = getenv("TT_TEST_TMPDIR");

	if (!root || !*root)
		root = getenv("TMPDIR");
	return root && *root ? root : "/tmp";
}

char *tmpdir_new(void)
{
	char path[4096];
	char *dir;

	snprintf(path, sizeof(path), "%s/ttrunks-test-XXXXXX", tmp_root());
	ck_assert_msg(mkdtemp(path) != NULL, "%s: %s", path, strerror(errno));
	dir = realpath(path, NULL);
	ck_assert_ptr_nonnull(dir);
	return dir;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void remove_tree(const char *path)
{
	int r = nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);

	ck_assert_msg(r == 0, "%s: cannot remove: %s", path, strerror(errno));
}

void tmpdir_free(char *dir)
{
	if (!dir)
		return;
	remove_tree(dir);
	free(dir);
}

const char *tmpdir_path(const char *dir, const char *name)
{
	static _Thread_local char paths[8][4096];
	static _Thread_local unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}
