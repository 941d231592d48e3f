/* SPDX-License-Identifier: MIT */
/*
 * getopt_long() splits the command line, the table of options.def says what
 * each value may be. Not base/opt.h, whose options have no letters and no
 * fractions.
 */
#include "options.h"

#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/opt.h"

enum type { TYPE_COUNT, TYPE_SIZE, TYPE_REAL, TYPE_TEXT, TYPE_FLAG };

struct row {
	int letter; /* 0: none */
	const char *name;
	enum type type;
	const char *def;
	double min, max;
	const char *unit;
	const char *help;
	size_t offset; /* in struct options */
};

static const struct row rows[] = {
#define OPT(letter, name, TYPE, ...)               \
	{ letter, #name, TYPE_##TYPE, __VA_ARGS__, \
	  offsetof(struct options, name) },
#include "options.def"
#undef OPT
};

#define N_ROWS ARRAY_LEN(rows)
#define NAME_MAX_LEN 24
/* What getopt_long() returns for row i; above all letters. */
#define ROW_CODE 1000

#define HELP_COLUMN 29
#define HELP_WIDTH 79

struct options cfg;

/* "max_sec" as it is typed: "max-sec". */
static const char *typed_name(const struct row *row, char out[NAME_MAX_LEN])
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

static int bad_value(const struct row *row, const char *text)
{
	static const char *const what[] = { "a number", "a size", "a number" };
	char name[NAME_MAX_LEN];

	return err_set(TT_EOPTION, "--%s=%s: want %s from %.15g to %.15g",
		       typed_name(row, name), text, what[row->type], row->min,
		       row->max);
}

static int assign_number(const struct row *row, const char *text, void *to)
{
	int64_t count = 0;
	uint64_t size = 0;
	double v = 0;
	int r;

	if (row->type == TYPE_COUNT) {
		r = opt_parse_int(text, &count);
		v = (double)count;
		size = (uint64_t)count;
	} else if (row->type == TYPE_SIZE) {
		r = opt_parse_size(text, &size);
		v = (double)size;
	} else {
		r = parse_real(text, &v);
	}
	if (r < 0 || v < row->min || v > row->max)
		return bad_value(row, text);
	if (row->type == TYPE_REAL)
		*(double *)to = v;
	else
		*(uint64_t *)to = size;
	return 0;
}

static int assign(const struct row *row, const char *text)
{
	void *to = (char *)&cfg + row->offset;

	if (row->type == TYPE_TEXT) {
		*(const char **)to = text;
		return 0;
	}
	if (row->type == TYPE_FLAG) {
		*(bool *)to = *text != 0;
		return 0;
	}
	return assign_number(row, text, to);
}

static int assign_defaults(void)
{
	int r = 0;

	for (size_t i = 0; i < N_ROWS && r == 0; i++)
		r = assign(&rows[i], rows[i].def);
	return r;
}

/* What must hold between options. */
static int check(void)
{
	if (strcmp(cfg.compression, "none") != 0 &&
	    strcmp(cfg.compression, "lz4") != 0)
		return err_set(TT_EOPTION, "--compression=%s: want none or lz4",
			       cfg.compression);
	if (*cfg.input && !*cfg.plot)
		return err_set(TT_EOPTION, "--input is for --plot");
	return 0;
}

/* The tables of getopt_long(), of `rows`. */
struct getopt_tables {
	char letters[2 * N_ROWS + 2];
	char names[N_ROWS][NAME_MAX_LEN];
	struct option longs[N_ROWS + 1];
};

static void make_tables(struct getopt_tables *t)
{
	char *p = t->letters;

	memset(t, 0, sizeof(*t));
	*p++ = ':'; /* tell a missing value from an unknown option */
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *row = &rows[i];

		t->longs[i].name = typed_name(row, t->names[i]);
		t->longs[i].has_arg = row->type != TYPE_FLAG;
		t->longs[i].val = ROW_CODE + (int)i;
		if (!row->letter)
			continue;
		*p++ = (char)row->letter;
		if (row->type != TYPE_FLAG)
			*p++ = ':';
	}
}

static const struct row *row_of(int code)
{
	for (size_t i = 0; i < N_ROWS; i++)
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

int options_read(int argc, char **argv)
{
	struct getopt_tables t;
	int r = assign_defaults(), code;

	make_tables(&t);
	opterr = 0;
	while (r == 0 && (code = getopt_long(argc, argv, t.letters, t.longs,
					     NULL)) != -1) {
		if (code == '?' || code == ':')
			return bad_option(code, argv[optind - 1]);
		r = assign(row_of(code), optarg ? optarg : "yes");
	}
	if (r == 0 && optind < argc)
		r = err_set(TT_EOPTION, "unexpected argument \"%s\"",
			    argv[optind]);
	return r == 0 ? check() : r;
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

static void help_row(const struct row *row)
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

void options_help(void)
{
	for (size_t i = 0; i < N_ROWS; i++)
		help_row(&rows[i]);
}

/* ---- lists ------------------------------------------------------------- */

static bool is_word(const char *word, size_t len, const char *name)
{
	return strlen(name) == len && !memcmp(word, name, len);
}

bool list_has(const char *list, const char *name)
{
	for (;;) {
		size_t len = strcspn(list, ",");

		if (is_word(list, len, name))
			return true;
		if (!list[len])
			return false;
		list += len + 1;
	}
}

static bool is_known(const char *word, size_t len,
		     const char *(*name_at)(unsigned i))
{
	if (is_word(word, len, "all"))
		return true;
	for (unsigned i = 0; name_at(i); i++)
		if (is_word(word, len, name_at(i)))
			return true;
	return false;
}

static int unknown_word(const char *option, const char *word, size_t len,
			const char *(*name_at)(unsigned i))
{
	char known[256] = "all";
	size_t at = strlen(known);

	for (unsigned i = 0; name_at(i) && at < sizeof(known); i++)
		at += (size_t)snprintf(known + at, sizeof(known) - at, " %s",
				       name_at(i));
	return err_set(TT_EOPTION, "--%s: no \"%.*s\"; there are: %s", option,
		       (int)len, word, known);
}

int list_check(const char *option, const char *list,
	       const char *(*name_at)(unsigned i))
{
	for (;;) {
		size_t len = strcspn(list, ",");

		if (!is_known(list, len, name_at))
			return unknown_word(option, list, len, name_at);
		if (!list[len])
			return 0;
		list += len + 1;
	}
}
