/* SPDX-License-Identifier: MIT */
/*
 * Three panels over the same seconds: throughput on a linear scale, latencies
 * on a logarithmic one, where a stall stands out by powers of ten.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/err.h"
#include "bench/common/sheet.h"
#include "bench/common/svg.h"
#include "bench/common/units.h"
#include "plot.h"

#define WIDTH 960.0
#define LEFT 72.0
#define RIGHT 24.0
#define TOP 84.0 /* title and legend */
#define PANEL_H 170.0
#define PANEL_STEP 232.0
#define LEGEND_STEP 130.0

struct scale {
	bool is_log;
	double low, high; /* of the data; for a logarithmic one powers of 10 */
	double y, height; /* of the panel */
};

struct chart {
	const struct sheet *rows;
	const char *workload;
	int engine_col, workload_col, second_col;
	const char **engines;
	size_t n_engines;
	double last_second;
	struct svg svg;
};

static bool is_ours(const struct chart *c, size_t row)
{
	return !strcmp(sheet_cell(c->rows, row, c->workload_col), c->workload);
}

/* ---- scales ------------------------------------------------------------ */

static double x_of(const struct chart *c, double second)
{
	double room = WIDTH - LEFT - RIGHT;

	return LEFT + room * second / MAX_OF(c->last_second, 1);
}

static double y_of(const struct scale *s, double v)
{
	double part;

	if (s->is_log)
		part = (log10(MAX_OF(v, s->low)) - log10(s->low)) /
		       (log10(s->high) - log10(s->low));
	else
		part = v / s->high;
	return s->y + s->height * (1 - MIN_OF(part, 1));
}

/* 1, 2 or 5 times a power of ten, so that some four fit into `range`. */
static double nice_step(double range)
{
	double raw = range / 4, power = pow(10, floor(log10(raw)));
	double lead = raw / power;

	return power * (lead > 5 ? 10 : lead > 2 ? 5 : lead > 1 ? 2 : 1);
}

static struct scale scale_of(const struct chart *c, int column, bool is_log,
			     double y)
{
	struct scale s = { .is_log = is_log, .y = y, .height = PANEL_H };
	double low = INFINITY, high = 0;

	for (size_t row = 1; row < c->rows->n_rows; row++) {
		double v = sheet_number(c->rows, row, column);

		if (!is_ours(c, row))
			continue;
		high = MAX_OF(high, v);
		if (v > 0)
			low = MIN_OF(low, v);
	}
	if (!(high > 0))
		high = low = 1;
	s.high = is_log ? pow(10, ceil(log10(high))) : high * 1.05;
	s.low = is_log ? pow(10, floor(log10(low))) : 0;
	if (is_log && s.high <= s.low)
		s.high = s.low * 10;
	return s;
}

/* ---- drawing ----------------------------------------------------------- */

static void draw_level(struct chart *c, const struct scale *s, double v)
{
	char text[UNITS_TEXT];
	double y = y_of(s, v);

	svg_line(&c->svg, LEFT, y, WIDTH - RIGHT, y, SVG_GRID);
	svg_text(&c->svg, LEFT - 8, y + 4, 11, SVG_FAINT, SVG_END,
		 units_short(v, text));
}

static void draw_grid(struct chart *c, const struct scale *s)
{
	double step = s->is_log ? 0 : nice_step(s->high);
	double x_step = MAX_OF(nice_step(MAX_OF(c->last_second, 1)), 1);
	char text[UNITS_TEXT];

	if (s->is_log)
		for (double v = s->low; v <= s->high * 1.001; v *= 10)
			draw_level(c, s, v);
	else
		for (double v = 0; v <= s->high; v += step)
			draw_level(c, s, v);
	for (double x = 0; x <= c->last_second; x += x_step) {
		snprintf(text, sizeof(text), "%.0f s", x);
		svg_text(&c->svg, x_of(c, x), s->y + s->height + 18, 11,
			 SVG_FAINT, SVG_MIDDLE, text);
	}
}

static void draw_engine(struct chart *c, const struct scale *s, int column,
			size_t engine)
{
	svg_path_begin(&c->svg);
	for (size_t row = 1; row < c->rows->n_rows; row++) {
		if (!is_ours(c, row) ||
		    strcmp(sheet_cell(c->rows, row, c->engine_col),
			   c->engines[engine]) != 0)
			continue;
		svg_path_point(&c->svg,
			       x_of(c,
				    sheet_number(c->rows, row, c->second_col)),
			       y_of(s, sheet_number(c->rows, row, column)));
	}
	svg_path_end(&c->svg, svg_colour(engine));
}

static int draw_panel(struct chart *c, unsigned number, const char *title,
		      const char *column_name, bool is_log)
{
	int column = sheet_column(c->rows, column_name);
	double y = TOP + PANEL_STEP * number;
	struct scale s;

	if (column < 0)
		return column;
	s = scale_of(c, column, is_log, y);
	svg_text(&c->svg, LEFT, y - 10, 12, SVG_INK, SVG_START, title);
	draw_grid(c, &s);
	for (size_t e = 0; e < c->n_engines; e++)
		draw_engine(c, &s, column, e);
	return 0;
}

static void draw_legend(struct chart *c)
{
	for (size_t e = 0; e < c->n_engines; e++) {
		double x = LEFT + LEGEND_STEP * (double)e;

		svg_rect(&c->svg, x, 44, 14, 4, 2, svg_colour(e));
		svg_text(&c->svg, x + 20, 50, 12, SVG_INK, SVG_START,
			 c->engines[e]);
	}
}

/* A workload's name as one of a file. */
static const char *file_name(const char *workload, char *out, size_t cap)
{
	snprintf(out, cap, "%s", workload);
	for (char *p = out; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", *p))
			*p = '-';
	return out;
}

static int draw(struct chart *c, const char *dir)
{
	char name[128], title[192];
	int r = svg_open(&c->svg, dir,
			 file_name(c->workload, name, sizeof(name)), WIDTH,
			 TOP + 3 * PANEL_STEP - 20);

	if (r < 0)
		return r;
	snprintf(title, sizeof(title), "%s, second by second", c->workload);
	svg_bold(&c->svg, LEFT, 28, 16, SVG_INK, title);
	draw_legend(c);
	r = draw_panel(c, 0, "operations per second", "ops_s", false);
	if (r == 0)
		r = draw_panel(c, 1, "99th percentile, \302\265s", "p99_us",
			       true);
	if (r == 0)
		r = draw_panel(c, 2, "slowest, \302\265s", "max_us", true);
	return svg_close(&c->svg) < 0 ? -EIO : r;
}

int plot_lines(const char *dir, const struct sheet *seconds,
	       const char *workload)
{
	struct chart c = {
		.rows = seconds,
		.workload = workload,
		.engine_col = sheet_column(seconds, "engine"),
		.workload_col = sheet_column(seconds, "workload"),
		.second_col = sheet_column(seconds, "second"),
	};
	int r;

	if (c.engine_col < 0 || c.workload_col < 0 || c.second_col < 0)
		return TT_ECORRUPT;
	for (size_t row = 1; row < seconds->n_rows; row++)
		if (is_ours(&c, row))
			c.last_second = MAX_OF(c.last_second,
					       sheet_number(seconds, row,
							    c.second_col));
	c.engines = sheet_distinct(seconds, c.engine_col, &c.n_engines);
	if (!c.engines)
		return err_nomem("plot");
	r = draw(&c, dir);
	free(c.engines);
	return r;
}
