/* SPDX-License-Identifier: MIT */
#include "bench/common/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

static int read_all(FILE *f, const char *name, char **out)
{
	struct buf b = BUF_INIT;
	size_t n;
	int r = 0;

	do {
		r = buf_reserve(&b, 65536);
		if (r < 0)
			break;
		n = fread(buf_tail(&b), 1, 65536, f);
		buf_advance(&b, n);
	} while (n);
	if (r == 0 && ferror(f))
		r = err_errno(EIO, "%s", name);
	if (r == 0)
		r = buf_append_byte(&b, 0);
	if (r == 0)
		*out = (char *)buf_steal(&b, &n);
	buf_fini(&b);
	return r;
}

static size_t count(const char *text, char c)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

/* Cuts the line at `line` into cells. Returns how many there were. */
static size_t split_line(char *line, char **cells, size_t max)
{
	size_t n = 0;

	for (char *at = line;; at++) {
		size_t len = strcspn(at, "\t");

		if (n < max)
			cells[n] = at;
		n++;
		at += len;
		if (!*at)
			return n;
		*at = 0;
	}
}

/* Cuts the text into lines and these into cells; repeated headers go. */
static int split(struct sheet *s)
{
	size_t line_no = 0;
	char *line = s->text;

	while (*line) {
		char **cells = s->cells + s->n_rows * s->n_cols;
		size_t len = strcspn(line, "\n");
		char *next = line + len + (line[len] == '\n');

		line[len] = 0;
		line_no++;
		if (len && split_line(line, cells, s->n_cols) != s->n_cols)
			return err_set(TT_ECORRUPT,
				       "%s: line %zu has not %zu columns",
				       s->name, line_no, s->n_cols);
		if (len &&
		    (s->n_rows == 0 || strcmp(cells[0], s->cells[0]) != 0))
			s->n_rows++;
		line = next;
	}
	return 0;
}

int sheet_read(struct sheet *s, FILE *f, const char *name)
{
	size_t lines, header;
	int r;

	*s = (struct sheet){ .name = name };
	r = read_all(f, name, &s->text);
	if (r < 0)
		return r;
	header = strcspn(s->text, "\n");
	if (header == 0)
		return err_set(TT_ECORRUPT, "%s: no header", name);
	for (size_t i = 0; i < header; i++)
		s->n_cols += s->text[i] == '\t';
	s->n_cols++;
	lines = count(s->text, '\n') + 1;
	s->cells = calloc(lines * s->n_cols, sizeof(*s->cells));
	return s->cells ? split(s) : err_nomem("sheet");
}

void sheet_free(struct sheet *s)
{
	free(s->text);
	free(s->cells);
	*s = (struct sheet){ 0 };
}

int sheet_column(const struct sheet *s, const char *title)
{
	for (size_t i = 0; i < s->n_cols; i++)
		if (!strcmp(s->cells[i], title))
			return (int)i;
	return err_set(TT_ECORRUPT, "%s: no column %s", s->name, title);
}

const char *sheet_cell(const struct sheet *s, size_t row, int column)
{
	return s->cells[row * s->n_cols + (size_t)column];
}

double sheet_number(const struct sheet *s, size_t row, int column)
{
	return strtod(sheet_cell(s, row, column), NULL);
}

static int has(const char **texts, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(texts[i], text))
			return 1;
	return 0;
}

const char **sheet_distinct(const struct sheet *s, int column, size_t *out_n)
{
	const char **out = calloc(s->n_rows, sizeof(*out));
	size_t n = 0;

	if (!out)
		return NULL;
	for (size_t row = 1; row < s->n_rows; row++) {
		const char *text = sheet_cell(s, row, column);

		if (!has(out, n, text))
			out[n++] = text;
	}
	*out_n = n;
	return out;
}
