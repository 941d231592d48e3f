/* SPDX-License-Identifier: MIT */
/*
 * Scalable vector graphics, as much as a chart needs. Lengths are pixels,
 * colours "#rrggbb". What fails shows in svg_close().
 */
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include <stdio.h>

#define SVG_INK "#1f2328"   /* text */
#define SVG_FAINT "#656d76" /* text beside the point */
#define SVG_GRID "#e4e7eb"
#define SVG_PAPER "#ffffff"

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

struct svg {
	FILE *f;
	char path[4096];
};

/* Begins DIR/NAME.svg. 0 or negative. */
int svg_open(struct svg *g, const char *dir, const char *name, double width,
	     double height);
int svg_close(struct svg *g);

/* `y` is the base line. */
void svg_text(struct svg *g, double x, double y, double size,
	      const char *colour, enum svg_anchor anchor, const char *text);
void svg_bold(struct svg *g, double x, double y, double size,
	      const char *colour, const char *text);
/* Corners are round by `radius`. */
void svg_rect(struct svg *g, double x, double y, double width, double height,
	      double radius, const char *colour);
void svg_line(struct svg *g, double x1, double y1, double x2, double y2,
	      const char *colour);

/* A line through many points: begin, points, end. */
void svg_path_begin(struct svg *g);
void svg_path_point(struct svg *g, double x, double y);
void svg_path_end(struct svg *g, const char *colour);

/* The colour of series number `i` of a chart. */
const char *svg_colour(size_t i);

#endif
