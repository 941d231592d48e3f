/* SPDX-License-Identifier: MIT */
/*
 * The set of settings: where values live, who may replace whom, and what is
 * said about a value that is none. Parsing of values is in opt_value.c, of
 * files, environments and lists in opt_source.c, of command lines in
 * opt_args.c; texts for people are made in opt_text.c.
 */
#include "base/opt.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/opt_row.h"

static void *opt_field(const struct opt_set *s, const struct opt_row *row)
{
	return (uint8_t *)s->values + row->offset;
}

/* Stores a parsed value; strings are copied. 0 or -ENOMEM. */
static int opt_store(struct opt_set *s, const struct opt_row *row,
		     const union opt_value *v)
{
	void *field = opt_field(s, row);
	char *copy;

	switch (row->type) {
	case OPT_BOOL:
		*(bool *)field = v->b;
		break;
	case OPT_INT:
	case OPT_DURATION:
		*(int64_t *)field = v->i;
		break;
	case OPT_SIZE:
		*(uint64_t *)field = v->size;
		break;
	case OPT_ENUM:
		*(int *)field = v->choice;
		break;
	case OPT_STRING:
		copy = strdup(v->s);
		if (!copy)
			return err_nomem("setting");
		free(*(char **)field);
		*(char **)field = copy;
		break;
	}
	return 0;
}

int opt_init(struct opt_set *s, const struct opt_row *rows, size_t n_rows,
	     void *values)
{
	union opt_value v;
	int r;

	assert(n_rows <= OPT_MAX_ROWS);
	*s = (struct opt_set){
		.rows = rows,
		.n_rows = n_rows,
		.values = values,
	};
	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].type == OPT_STRING)
			*(char **)opt_field(s, &rows[i]) = NULL;
	for (size_t i = 0; i < n_rows; i++) {
		if (!rows[i].def)
			continue;
		r = opt_row_parse(&rows[i], rows[i].def, &v);
		assert(r == 0);
		r = opt_store(s, &rows[i], &v);
		if (r < 0) {
			opt_fini(s);
			return r;
		}
	}
	return 0;
}

void opt_fini(struct opt_set *s)
{
	for (size_t i = 0; i < s->n_rows; i++) {
		char **field = opt_field(s, &s->rows[i]);

		free(s->where[i]);
		s->where[i] = NULL;
		if (s->rows[i].type != OPT_STRING)
			continue;
		free(*field);
		*field = NULL;
	}
	s->n_rows = 0;
}

static char fold(char c)
{
	return c == '-' ? '_' : c;
}

bool opt_name_eq(const char *a, const char *b)
{
	while (*a && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

const struct opt_row *opt_find(const struct opt_set *s, const char *name)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (opt_name_eq(s->rows[i].name, name))
			return &s->rows[i];
	return NULL;
}

bool opt_is_also_known(const struct opt_set *s, const char *name)
{
	for (size_t i = 0; s->also_known && s->also_known[i]; i++)
		if (opt_name_eq(s->also_known[i], name))
			return true;
	return false;
}

const char *opt_source_name(enum opt_source source)
{
	static const char *const names[] = {
		[OPT_SOURCE_DEFAULT] = "default",
		[OPT_SOURCE_FILE] = "configuration file",
		[OPT_SOURCE_DOTENV] = ".env",
		[OPT_SOURCE_ENV] = "environment",
		[OPT_SOURCE_ARGS] = "command line",
	};

	return names[source];
}

static const char *row_name(const void *arg, size_t i)
{
	return ((const struct opt_row *)arg)[i].name;
}

int opt_unknown(const struct opt_set *s, const char *name,
		enum opt_source source, const char *where)
{
	const char *near = opt_nearest(name, s->n_rows, row_name, s->rows);

	if (!where)
		where = opt_source_name(source);
	if (near)
		return err_set(
			TT_EOPTION,
			"%s: unknown option \"%s\"; did you mean \"%s\"?",
			where, name, near);
	return err_set(TT_EOPTION, "%s: unknown option \"%s\"", where, name);
}

static int opt_bad_value(const struct opt_row *row, const char *value,
			 const char *where, int why)
{
	struct buf range = BUF_INIT;
	const char *text = "";

	if (opt_range_text(row, &range) == 0 && buf_cstr(&range))
		text = buf_cstr(&range);
	if (!*value)
		(void)err_set(TT_EOPTION, "%s: option \"%s\" needs a value: %s",
			      where, row->name, text);
	else
		(void)err_set(TT_EOPTION,
			      "%s: option \"%s\": \"%s\" is %s: give %s", where,
			      row->name, value,
			      why == -ERANGE ? "out of range" : "not valid",
			      text);
	buf_fini(&range);
	return TT_EOPTION;
}

int opt_assign(struct opt_set *s, const char *name, const char *value,
	       enum opt_source source, const char *where)
{
	const struct opt_row *row = opt_find(s, name);
	union opt_value v;
	char *place = NULL;
	size_t i;
	int r;

	if (!row)
		return opt_unknown(s, name, source, where);
	if (!value)
		value = "";
	r = opt_row_parse(row, value, &v);
	if (r < 0)
		return opt_bad_value(
			row, value, where ? where : opt_source_name(source), r);
	i = (size_t)(row - s->rows);
	if (source < s->source[i])
		return 0;
	if (where) {
		place = strdup(where);
		if (!place)
			return err_nomem("setting");
	}
	r = opt_store(s, row, &v);
	if (r < 0) {
		free(place);
		return r;
	}
	free(s->where[i]);
	s->where[i] = place;
	s->source[i] = source;
	return 0;
}

const char *opt_source_text(const struct opt_set *s, const struct opt_row *row)
{
	size_t i = (size_t)(row - s->rows);

	return s->where[i] ? s->where[i] : opt_source_name(s->source[i]);
}

/* Edit distance, '-' and '_' being the same, case too; two rows of the
 * table suffice. */
#define NEAR_MAX_LEN 48

static size_t edit_distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t row[NEAR_MAX_LEN + 1];

	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			char x = (char)tolower((unsigned char)fold(a[i - 1]));
			char y = (char)tolower((unsigned char)fold(b[j - 1]));
			size_t best = diagonal + (x != y);

			diagonal = row[j];
			best = MIN_OF(best, row[j] + 1);
			row[j] = MIN_OF(best, row[j - 1] + 1);
		}
	}
	return row[m];
}

const char *opt_nearest(const char *name, size_t n,
			const char *(*get)(const void *arg, size_t i),
			const void *arg)
{
	size_t len = strlen(name), best = len / 3 + 2;
	const char *near = NULL;

	if (len == 0 || len > NEAR_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const char *other = get(arg, i);
		size_t other_len = other ? strlen(other) : 0;
		size_t d;

		if (!other || other_len > NEAR_MAX_LEN)
			continue;
		d = edit_distance(name, len, other, other_len);
		if (d < best && d < other_len) {
			best = d;
			near = other;
		}
	}
	return near;
}
