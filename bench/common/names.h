/* SPDX-License-Identifier: MIT */
/* Lists of names, as options take them: "seq,rand". */
#ifndef BENCH_NAMES_H
#define BENCH_NAMES_H

#include <stdbool.h>

/* True where the comma-separated `list` has `name`. */
bool list_has(const char *list, const char *name);

/*
 * TT_EOPTION where `list`, given to --option, is empty or names something
 * that name_at(0..) does not have ("all" is always known).
 */
int list_check(const char *option, const char *list,
	       const char *(*name_at)(unsigned i));

/* "WHAT: one two three" for --help. */
void list_print(const char *what, const char *(*name_at)(unsigned i));

#endif
