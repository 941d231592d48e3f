/* SPDX-License-Identifier: MIT */
/* What the table of settings says to people: help, examples, manuals. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/opt_row.h"

#define WIDTH 79
#define HELP_COLUMN 30

/*
 * Appends words of `text`, broken so that no line exceeds WIDTH. The text
 * begins at column `at`; further lines are opened by `indent`.
 */
static int wrap(struct buf *out, const char *text, size_t at,
		const char *indent)
{
	bool is_first = true;
	int r = 0;

	while (r == 0 && *(text += strspn(text, " "))) {
		size_t n = strcspn(text, " ");

		if (!is_first && at + 1 + n > WIDTH) {
			r = buf_printf(out, "\n%s", indent);
			at = strlen(indent);
			is_first = true;
		}
		if (r == 0 && !is_first) {
			r = buf_append_byte(out, ' ');
			at++;
		}
		if (r == 0)
			r = buf_append(out, text, n);
		at += n;
		text += n;
		is_first = false;
	}
	return r == 0 ? buf_append_byte(out, '\n') : r;
}

static int range_of(const struct opt_row *row,
		    int (*format)(const struct opt_row *, int64_t,
				  struct buf *),
		    const char *what, struct buf *out)
{
	int r = buf_printf(out, "%s from ", what);

	if (r == 0)
		r = format(row, row->min, out);
	if (r == 0)
		r = buf_append_str(out, " to ");
	if (r == 0)
		r = format(row, row->max, out);
	return r;
}

static int format_number(const struct opt_row *row, int64_t v, struct buf *out)
{
	switch (row->type) {
	case OPT_SIZE:
		return opt_format_size((uint64_t)v, out);
	case OPT_DURATION:
		return opt_format_duration(v, out);
	default:
		return buf_printf(out, "%" PRId64, v);
	}
}

int opt_range_text(const struct opt_row *row, struct buf *out)
{
	switch (row->type) {
	case OPT_BOOL:
		return buf_append_str(out, "yes or no");
	case OPT_INT:
		return range_of(row, format_number, "a number", out);
	case OPT_SIZE:
		return range_of(row, format_number, "a size", out);
	case OPT_DURATION:
		return range_of(row, format_number, "a time", out);
	case OPT_STRING:
		return buf_append_str(out, row->unit ? row->unit : "a text");
	case OPT_ENUM:
		return buf_printf(out, "one of %s", row->choices);
	}
	return 0;
}

int opt_value_text(const struct opt_set *s, const struct opt_row *row,
		   struct buf *out)
{
	const void *field = (const uint8_t *)s->values + row->offset;
	const char *text;

	switch (row->type) {
	case OPT_BOOL:
		return buf_append_str(out, *(const bool *)field ? "yes" : "no");
	case OPT_INT:
	case OPT_DURATION:
		return format_number(row, *(const int64_t *)field, out);
	case OPT_SIZE:
		return opt_format_size(*(const uint64_t *)field, out);
	case OPT_STRING:
		text = *(char *const *)field;
		return buf_append_str(out, text ? text : "");
	case OPT_ENUM:
		return buf_append_slice(
			out, opt_row_choice(row, *(const int *)field));
	}
	return 0;
}

/* "help (default X; a size from A to B)" */
static int row_sentence(const struct opt_row *row, struct buf *out)
{
	int r = buf_append_str(out, row->help);

	if (r == 0 && row->def)
		r = buf_printf(out, " (default %s", row->def);
	else if (r == 0)
		r = buf_append_str(out, " (no default");
	if (r == 0 && row->type != OPT_STRING && row->type != OPT_BOOL) {
		r = buf_append_str(out, "; ");
		if (r == 0)
			r = opt_range_text(row, out);
	}
	return r == 0 ? buf_append_byte(out, ')') : r;
}

/* Pads from column `at` to HELP_COLUMN, on a new line when beyond, and wraps
 * the text there. */
static int help_text(struct buf *out, size_t line_start, const char *text)
{
	static const char indent[HELP_COLUMN + 1] =
		"                              ";
	size_t at = out->len - line_start;
	int r;

	if (at + 2 > HELP_COLUMN)
		r = buf_printf(out, "\n%s", indent);
	else
		r = buf_append_fill(out, ' ', HELP_COLUMN - at);
	return r == 0 ? wrap(out, text, HELP_COLUMN, indent) : r;
}

static int help_flag(const struct opt_flag *f, struct buf *out)
{
	size_t start = out->len;
	int r;

	if (f->letter)
		r = buf_printf(out, "  -%c%s", f->letter, f->name ? ", " : "");
	else
		r = buf_append_str(out, "      ");
	if (r == 0 && f->name)
		r = buf_printf(out, "--%s", f->name);
	if (r == 0 && f->unit)
		r = buf_printf(out, "%s%s", f->name ? "=" : " ", f->unit);
	return r == 0 ? help_text(out, start, f->help) : r;
}

static int help_row(const struct opt_row *row, struct buf *out)
{
	struct buf text = BUF_INIT;
	size_t start = out->len;
	int r;

	r = buf_printf(out, "      --%s", row->name);
	if (r == 0 && row->type != OPT_BOOL)
		r = buf_printf(out, "=%s", row->unit);
	if (r == 0)
		r = row_sentence(row, &text);
	if (r == 0 && !buf_cstr(&text))
		r = -ENOMEM;
	if (r == 0)
		r = help_text(out, start, (const char *)text.data);
	buf_fini(&text);
	return r;
}

int opt_print_help(const struct opt_set *s, const struct opt_args *a,
		   struct buf *out)
{
	size_t start;
	int r = 0;

	for (size_t i = 0; r == 0 && a && i < a->n_flags; i++)
		r = help_flag(&a->flags[i], out);
	if (r == 0 && a && a->takes_lists) {
		start = out->len;
		r = buf_append_str(out, "  -o NAME=VALUE,...");
		if (r == 0)
			r = help_text(out, start,
				      "The same options as below, as mount(8) "
				      "gives them.");
	}
	for (size_t i = 0; r == 0 && i < s->n_rows; i++)
		r = help_row(&s->rows[i], out);
	return r;
}

/* "# " and the row's sentence as a comment block. */
static int comment_row(const struct opt_row *row, struct buf *out)
{
	struct buf text = BUF_INIT;
	int r = row_sentence(row, &text);

	if (r == 0 && !buf_cstr(&text))
		r = -ENOMEM;
	if (r == 0)
		r = buf_append_str(out, "# ");
	if (r == 0)
		r = wrap(out, (const char *)text.data, 2, "# ");
	buf_fini(&text);
	return r;
}

static int upper(struct buf *out, const char *name)
{
	int r = 0;

	for (; r == 0 && *name; name++)
		r = buf_append_byte(out,
				    (uint8_t)toupper((unsigned char)*name));
	return r;
}

int opt_print_dotenv(const struct opt_set *s, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_rows; i++) {
		const struct opt_row *row = &s->rows[i];

		r = comment_row(row, out);
		if (r == 0)
			r = buf_append_str(out, "#TTRUNKSDB_");
		if (r == 0)
			r = upper(out, row->name);
		if (r == 0)
			r = buf_printf(out, "=%s\n\n",
				       row->def ? row->def : "");
	}
	return r;
}

int opt_print_conf(const struct opt_set *s, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_rows; i++) {
		const struct opt_row *row = &s->rows[i];

		r = comment_row(row, out);
		if (r == 0)
			r = buf_printf(out, "#%s = %s\n\n", row->name,
				       row->def ? row->def : "");
	}
	return r;
}

/* Text for roff: no escapes, no hyphens of its own, no requests. */
static int roff_text(struct buf *out, const char *text)
{
	bool at_start = true;
	int r = 0;

	for (; r == 0 && *text; text++) {
		if (at_start && (*text == '.' || *text == '\''))
			r = buf_append_str(out, "\\&");
		if (r == 0 && (*text == '\\' || *text == '-'))
			r = buf_append_byte(out, '\\');
		if (r == 0)
			r = buf_append_byte(
				out, *text == '\\' ? 'e' : (uint8_t)*text);
		at_start = *text == '\n';
	}
	return r;
}

static int man_row(const struct opt_row *row, struct buf *out)
{
	struct buf text = BUF_INIT;
	int r = buf_append_str(out, ".TP\n\\fB\\-\\-");

	if (r == 0)
		r = roff_text(out, row->name);
	if (r == 0 && row->type != OPT_BOOL)
		r = buf_append_str(out, "=\\fI");
	if (r == 0 && row->type != OPT_BOOL)
		r = roff_text(out, row->unit);
	if (r == 0)
		r = buf_append_str(out, "\\fR\n");
	if (r == 0)
		r = row_sentence(row, &text);
	if (r == 0 && !buf_cstr(&text))
		r = -ENOMEM;
	if (r == 0)
		r = roff_text(out, (const char *)text.data);
	buf_fini(&text);
	return r == 0 ? buf_append_byte(out, '\n') : r;
}

int opt_print_man(const struct opt_set *s, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_rows; i++)
		r = man_row(&s->rows[i], out);
	return r;
}

int opt_print_effective(const struct opt_set *s, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_rows; i++) {
		const struct opt_row *row = &s->rows[i];

		r = buf_printf(out, "%s = ", row->name);
		if (r == 0)
			r = opt_value_text(s, row, out);
		if (r == 0)
			r = buf_printf(out, "  (%s)\n",
				       opt_source_text(s, row));
	}
	return r;
}
