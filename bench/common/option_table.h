/* SPDX-License-Identifier: MIT */
/*
 * Command lines as tables: a row names an option, says what its value may be
 * and where it goes. The parser and --help come from the rows.
 */
#ifndef BENCH_OPTION_TABLE_H
#define BENCH_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What `to` of a row points at: uint64_t, uint64_t, double, const char *,
 * bool. */
enum option_type {
	OPTION_COUNT,
	OPTION_SIZE,
	OPTION_REAL,
	OPTION_TEXT,
	OPTION_FLAG,
};

/* The fields of a struct of options, by the names of the types. */
#define FIELD_COUNT(name) uint64_t name;
#define FIELD_SIZE(name) uint64_t name;
#define FIELD_REAL(name) double name;
#define FIELD_TEXT(name) const char *name;
#define FIELD_FLAG(name) bool name;

#define OPTION_ROWS_MAX 64

struct option_row {
	int letter;	  /* 0: none */
	const char *name; /* as a field: "max_sec" is typed "--max-sec" */
	enum option_type type;
	const char *def; /* as if typed */
	double min, max;
	const char *unit; /* of the value, for --help */
	const char *help;
	void *to;
};

/* Sets every option, to what was typed or its default. Texts are of `argv`.
 * 0, or TT_EOPTION with a text. */
int option_table_read(const struct option_row *rows, size_t n, int argc,
		      char **argv);

/* Prints what --help says of each. */
void option_table_help(const struct option_row *rows, size_t n);

#endif
