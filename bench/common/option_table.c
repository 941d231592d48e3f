/* SPDX-License-Identifier: MIT */
/*
 * getopt_long() splits the command line, the table of a program says what
 * each value may be. Not base/opt.h, whose options have no letters and no
 * fractions.
 */
#include "bench/common/option_table.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/opt.h"

#define NAME_MAX_LEN 24
/* What getopt_long() returns for row i; above all letters. */
#define ROW_CODE 1000

#define HELP_COLUMN 29
#define HELP_WIDTH 79

/* "max_sec" as it is typed: "max-sec". */
static const char *typed_name(const struct option_row *row,
			      char out[NAME_MAX_LEN])
{
	snprintf(out, NAME_MAX_LEN, "%s", row->name);
	for (char *p = out; *p; p++)
		if (*p == '_')
			*p = '-';
	return out;
}

static int parse_real(const char *text, double *out)
{
	char *end;

	errno = 0;
	*out = strtod(text, &end);
	return errno || end == text || *end || !isfinite(*out) ? -EINVAL : 0;
}

static int bad_value(const struct option_row *row, const char *text)
{
	static const char *const what[] = { "a number", "a size", "a number" };
	char name[NAME_MAX_LEN];

	return err_set(TT_EOPTION, "--%s=%s: want %s from %.15g to %.15g",
		       typed_name(row, name), text, what[row->type], row->min,
		       row->max);
}

static int assign_number(const struct option_row *row, const char *text,
			 void *to)
{
	int64_t count = 0;
	uint64_t size = 0;
	double v = 0;
	int r;

	if (row->type == OPTION_COUNT) {
		r = opt_parse_int(text, &count);
		v = (double)count;
		size = (uint64_t)count;
	} else if (row->type == OPTION_SIZE) {
		r = opt_parse_size(text, &size);
		v = (double)size;
	} else {
		r = parse_real(text, &v);
	}
	if (r < 0 || v < row->min || v > row->max)
		return bad_value(row, text);
	if (row->type == OPTION_REAL)
		*(double *)to = v;
	else
		*(uint64_t *)to = size;
	return 0;
}

static int assign(const struct option_row *row, const char *text)
{
	void *to = row->to;

	if (row->type == OPTION_TEXT) {
		*(const char **)to = text;
		return 0;
	}
	if (row->type == OPTION_FLAG) {
		*(bool *)to = *text != 0;
		return 0;
	}
	return assign_number(row, text, to);
}

static int assign_defaults(const struct option_row *rows, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = assign(&rows[i], rows[i].def);
	return r;
}

/* The tables of getopt_long(), of `rows`. */
struct getopt_tables {
	char letters[2 * OPTION_ROWS_MAX + 2];
	char names[OPTION_ROWS_MAX][NAME_MAX_LEN];
	struct option longs[OPTION_ROWS_MAX + 1];
};

static void make_tables(struct getopt_tables *t, const struct option_row *rows,
			size_t n)
{
	char *p = t->letters;

	assert(n <= OPTION_ROWS_MAX);
	memset(t, 0, sizeof(*t));
	*p++ = ':'; /* tell a missing value from an unknown option */
	for (size_t i = 0; i < n; i++) {
		const struct option_row *row = &rows[i];

		t->longs[i].name = typed_name(row, t->names[i]);
		t->longs[i].has_arg = row->type != OPTION_FLAG;
		t->longs[i].val = ROW_CODE + (int)i;
		if (!row->letter)
			continue;
		*p++ = (char)row->letter;
		if (row->type != OPTION_FLAG)
			*p++ = ':';
	}
}

static const struct option_row *row_of(const struct option_row *rows, size_t n,
				       int code)
{
	for (size_t i = 0; i < n; i++)
		if (code == ROW_CODE + (int)i ||
		    (rows[i].letter && code == rows[i].letter))
			return &rows[i];
	return NULL;
}

/* `word` is the last that getopt looked at: several letters may be in it. */
static int bad_option(int code, const char *word)
{
	char letter[3] = { '-', (char)optopt, 0 };

	if (optopt > 0 && optopt < ROW_CODE)
		word = letter;
	if (code == ':')
		return err_set(TT_EOPTION, "option \"%s\" needs a value", word);
	if (optopt >= ROW_CODE)
		return err_set(TT_EOPTION, "option \"%s\" takes no value",
			       word);
	return err_set(TT_EOPTION, "unknown option \"%s\"", word);
}

int option_table_read(const struct option_row *rows, size_t n, int argc,
		      char **argv)
{
	struct getopt_tables t;
	int r = assign_defaults(rows, n), code;

	make_tables(&t, rows, n);
	opterr = 0;
	while (r == 0 && (code = getopt_long(argc, argv, t.letters, t.longs,
					     NULL)) != -1) {
		if (code == '?' || code == ':')
			return bad_option(code, argv[optind - 1]);
		r = assign(row_of(rows, n, code), optarg ? optarg : "yes");
	}
	if (r == 0 && optind < argc)
		r = err_set(TT_EOPTION, "unexpected argument \"%s\"",
			    argv[optind]);
	return r;
}

/* Prints `text` at HELP_COLUMN, in lines that end before HELP_WIDTH. */
static void print_wrapped(const char *text)
{
	size_t at = HELP_COLUMN;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (at + 1 + len > HELP_WIDTH) {
			printf("\n%*s", HELP_COLUMN, "");
			at = HELP_COLUMN;
		}
		printf(" %.*s", (int)len, text);
		at += 1 + len;
		text += len + (text[len] == ' ');
	}
	putchar('\n');
}

static void help_row(const struct option_row *row)
{
	char name[NAME_MAX_LEN], left[64], right[256], letter[5] = "    ";

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	snprintf(left, sizeof(left), "  %s--%s%s%s", letter,
		 typed_name(row, name), row->unit ? "=" : "",
		 row->unit ? row->unit : "");
	snprintf(right, sizeof(right), "%s%s%s%s", row->help,
		 *row->def ? " (" : "", row->def, *row->def ? ")" : "");
	printf("%-*s", HELP_COLUMN, left);
	print_wrapped(right);
}

void option_table_help(const struct option_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		help_row(&rows[i]);
}
