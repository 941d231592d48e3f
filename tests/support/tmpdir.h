/* SPDX-License-Identifier: MIT */
/*
 * A fresh directory per test, removed with all that is in it. Use as a
 * checked fixture:
 *
 *	static char *dir;
 *	static void setup(void) { dir = tmpdir_new(); }
 *	static void teardown(void) { tmpdir_free(dir); }
 *
 * TT_TEST_TMPDIR, TMPDIR, /tmp: the first that is set is where. Functions
 * abort the test on failure.
 */
#ifndef TESTS_SUPPORT_TMPDIR_H
#define TESTS_SUPPORT_TMPDIR_H

/* Makes a directory; its absolute path, for tmpdir_free(). */
char *tmpdir_new(void);

/* Removes the tree and frees the path. NULL does nothing. */
void tmpdir_free(char *dir);

/* "DIR/NAME" in one of eight static buffers per thread, used in turn. */
const char *tmpdir_path(const char *dir, const char *name);

/* Removes a tree, whatever is in it. */
void remove_tree(const char *path);

#endif
