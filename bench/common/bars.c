/* SPDX-License-Identifier: MIT */
#include "bench/common/bars.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/err.h"
#include "bench/common/sheet.h"
#include "bench/common/svg.h"
#include "bench/common/units.h"

#define COLUMNS 3
#define MARGIN 24.0
#define TOP 56.0 /* of the panels, below the title */
#define PANEL_W 300.0
#define PANEL_GAP 28.0
#define PANEL_TITLE 24.0
#define BAR_H 13.0
#define BAR_STEP 19.0
#define LABEL_W 92.0  /* left of the bars */
#define FIGURE_W 48.0 /* right of the longest */

struct chart {
	const struct sheet *rows;
	int subject_col, workload_col, value_col;
	const char **subjects, **workloads;
	size_t n_subjects, n_workloads;
	double *values; /* room for those of one bar */
	struct svg svg;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median over repetitions; negative where there is no row. */
static double value_of(struct chart *c, const char *workload,
		       const char *subject)
{
	size_t n = 0;

	for (size_t row = 1; row < c->rows->n_rows; row++)
		if (!strcmp(sheet_cell(c->rows, row, c->subject_col),
			    subject) &&
		    !strcmp(sheet_cell(c->rows, row, c->workload_col),
			    workload))
			c->values[n++] =
				sheet_number(c->rows, row, c->value_col);
	if (n == 0)
		return -1;
	qsort(c->values, n, sizeof(*c->values), by_value);
	return (c->values[(n - 1) / 2] + c->values[n / 2]) / 2;
}

static double panel_height(const struct chart *c)
{
	return PANEL_TITLE + BAR_STEP * (double)c->n_subjects + PANEL_GAP;
}

static void draw_bar(struct chart *c, double x, double y, size_t subject,
		     double value, double largest)
{
	double room = PANEL_W - LABEL_W - FIGURE_W, width;
	double base = y + BAR_H - 2;
	char figure[UNITS_TEXT];

	svg_text(&c->svg, x + LABEL_W - 8, base, 11,
		 subject == 0 ? SVG_INK : SVG_FAINT, SVG_END,
		 c->subjects[subject]);
	width = largest > 0 ? MAX_OF(room * value / largest, 1) : 1;
	svg_rect(&c->svg, x + LABEL_W, y, width, BAR_H, 2, svg_colour(subject));
	svg_text(&c->svg, x + LABEL_W + width + 6, base, 11, SVG_INK, SVG_START,
		 units_short(value, figure));
}

static void draw_panel(struct chart *c, size_t workload, double x, double y)
{
	const char *name = c->workloads[workload];
	double largest = 0;

	svg_bold(&c->svg, x, y + 12, 13, SVG_INK, name);
	for (size_t e = 0; e < c->n_subjects; e++)
		largest = MAX_OF(largest, value_of(c, name, c->subjects[e]));
	y += PANEL_TITLE;
	svg_line(&c->svg, x + LABEL_W - 0.5, y - 4, x + LABEL_W - 0.5,
		 y + BAR_STEP * (double)c->n_subjects, SVG_GRID);
	for (size_t e = 0; e < c->n_subjects; e++) {
		double value = value_of(c, name, c->subjects[e]);

		if (value >= 0)
			draw_bar(c, x, y, e, value, largest);
		y += BAR_STEP;
	}
}

static int draw(struct chart *c, const char *dir, const char *name,
		const char *title)
{
	size_t lines = (c->n_workloads + COLUMNS - 1) / COLUMNS;
	double width = 2 * MARGIN + COLUMNS * PANEL_W + 2 * PANEL_GAP;
	int r = svg_open(&c->svg, dir, name, width,
			 TOP + (double)lines * panel_height(c) + MARGIN / 2);

	if (r < 0)
		return r;
	svg_bold(&c->svg, MARGIN, 32, 16, SVG_INK, title);
	for (size_t i = 0; i < c->n_workloads; i++) {
		double col = (double)(i % COLUMNS);
		double line = (double)(i / COLUMNS);

		draw_panel(c, i, MARGIN + col * (PANEL_W + PANEL_GAP),
			   TOP + line * panel_height(c));
	}
	return svg_close(&c->svg);
}

int plot_bars(const char *dir, const char *name, const char *title,
	      const struct sheet *rows, const char *subject, const char *column)
{
	struct chart c = {
		.rows = rows,
		.subject_col = sheet_column(rows, subject),
		.workload_col = sheet_column(rows, "workload"),
		.value_col = sheet_column(rows, column),
	};
	int r;

	if (c.subject_col < 0 || c.workload_col < 0 || c.value_col < 0)
		return TT_ECORRUPT;
	c.subjects = sheet_distinct(rows, c.subject_col, &c.n_subjects);
	c.workloads = sheet_distinct(rows, c.workload_col, &c.n_workloads);
	c.values = calloc(rows->n_rows, sizeof(*c.values));
	if (c.subjects && c.workloads && c.values)
		r = draw(&c, dir, name, title);
	else
		r = err_nomem("plot");
	free(c.subjects);
	free(c.workloads);
	free(c.values);
	return r;
}
