/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the public interface share. Like them it knows ttrunks.h
 * and the C library alone.
 */
#ifndef TESTS_API_API_H
#define TESTS_API_API_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check_main.h"
#include "ttrunks.h"

/* A call that must return 0. */
#define ok(call)                                           \
	do {                                               \
		int ok_r_ = (call);                        \
		ck_assert_msg(ok_r_ == 0, "%s: %s", #call, \
			      tt_error_text(ok_r_));       \
	} while (0)

/* The store holds this value under the key; NULL: none. */
static inline void expect(struct tt *db, const struct tt_read_options *ro,
			  const char *key, const char *want)
{
	char got[256];
	size_t n = 0;
	int r = tt_get(db, ro, tt_str(key), got, sizeof(got), &n, NULL);

	ck_assert_msg(r == (want ? 0 : TT_NOTFOUND), "%s: %d: %s", key, r,
		      tt_error_text(r));
	if (want)
		ck_assert_msg(n == strlen(want) && !memcmp(got, want, n),
			      "%s: \"%.*s\", not \"%s\"", key, (int)n, got,
			      want);
}

/* A new directory; its path, which remove_dir() removes it by and frees. */
static inline char *make_dir(void)
{
	char *dir = strdup("/tmp/ttrunks-api-XXXXXX");

	ck_assert_ptr_nonnull(dir);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	return dir;
}

static inline void remove_dir(char *dir)
{
	char cmd[96];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
	free(dir);
}

#endif
