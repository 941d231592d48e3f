/* SPDX-License-Identifier: MIT */
/*
 * A file of tab-separated values in memory: a header that names the columns,
 * and rows. Several files one after the other, each with its header, are one
 * sheet.
 */
#ifndef BENCH_SHEET_H
#define BENCH_SHEET_H

#include <stddef.h>
#include <stdio.h>

struct sheet {
	const char *name; /* for messages; kept */
	char *text;	  /* all of the file */
	char **cells;	  /* n_rows times n_cols, header first; in `text` */
	size_t n_cols, n_rows;
};

/* Reads `f` to its end. 0; TT_ECORRUPT for a file that is none. */
int sheet_read(struct sheet *s, FILE *f, const char *name);
void sheet_free(struct sheet *s);

/* The number of a column; negative, with a text, if there is none. */
int sheet_column(const struct sheet *s, const char *title);

/* Row 0 is the header. */
const char *sheet_cell(const struct sheet *s, size_t row, int column);
/* 0 for what is no number. */
double sheet_number(const struct sheet *s, size_t row, int column);

/*
 * The different texts of a column, each once, in order of first appearance.
 * The caller frees the array; the texts live as long as the sheet. NULL:
 * out of memory.
 */
const char **sheet_distinct(const struct sheet *s, int column, size_t *out_n);

#endif
