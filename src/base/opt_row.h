/* SPDX-License-Identifier: MIT */
/*
 * What the files of the settings module share among themselves; users
 * include opt.h.
 */
#ifndef BASE_OPT_ROW_H
#define BASE_OPT_ROW_H

#include "base/opt.h"

/* A parsed value of any type. */
union opt_value {
	bool b;
	int64_t i;
	uint64_t size;
	int choice;
	const char *s; /* borrowed from the text */
};

/*
 * Parses `text` as a value of `row` and checks the bounds. 0, or -EINVAL
 * (not such a value), -ERANGE (out of bounds). No error text is set.
 */
int opt_row_parse(const struct opt_row *row, const char *text,
		  union opt_value *out);

/* The i-th of the space-separated choices, not zero-ended; len 0 beyond. */
struct tt_slice opt_row_choice(const struct opt_row *row, int i);

/* Names are equal, '-' and '_' being the same. */
bool opt_name_eq(const char *a, const char *b);

/* True for a name that other programs know. */
bool opt_is_also_known(const struct opt_set *s, const char *name);

/* TT_EOPTION for a name that is none, with a suggestion. */
int opt_unknown(const struct opt_set *s, const char *name,
		enum opt_source source, const char *where);

/* How messages call a source: "command line". */
const char *opt_source_name(enum opt_source source);

/*
 * The value part of a line in a file: leading and trailing blanks go, "..."
 * with \" \\ \n inside, '...' as it stands, otherwise up to " #". Changes
 * the line in place. NULL when quotes do not match or text follows them.
 */
char *opt_unquote(char *text);

/* Cuts blanks from both ends, in place. */
char *opt_trim(char *text);

#endif
