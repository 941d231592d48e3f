/* SPDX-License-Identifier: MIT */
#include "bench/common/svg.h"

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"

#define FONT "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"

int svg_open(struct svg *g, const char *dir, const char *name, double width,
	     double height)
{
	snprintf(g->path, sizeof(g->path), "%s/%s.svg", dir, name);
	g->f = fopen(g->path, "we");
	if (!g->f)
		return err_errno(errno, "%s", g->path);
	fprintf(g->f,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
		"height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
		"font-family=\"%s\">\n",
		width, height, width, height, FONT);
	svg_rect(g, 0, 0, width, height, 0, SVG_PAPER);
	return 0;
}

int svg_close(struct svg *g)
{
	bool failed;

	fputs("</svg>\n", g->f);
	failed = ferror(g->f) != 0;
	if (fclose(g->f) != 0 || failed)
		return err_errno(errno ? errno : EIO, "%s", g->path);
	return 0;
}

static void put_escaped(FILE *f, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		default:
			/* XML has no control characters. */
			fputc((unsigned char)*text < ' ' ? '?' : *text, f);
		}
	}
}

void svg_text(struct svg *g, double x, double y, double size,
	      const char *colour, enum svg_anchor anchor, const char *text)
{
	static const char *const anchors[] = { "start", "middle", "end" };

	fprintf(g->f,
		"<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\" fill=\"%s\" "
		"text-anchor=\"%s\">",
		x, y, size, colour, anchors[anchor]);
	put_escaped(g->f, text);
	fputs("</text>\n", g->f);
}

void svg_bold(struct svg *g, double x, double y, double size,
	      const char *colour, const char *text)
{
	fprintf(g->f,
		"<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\" "
		"font-weight=\"600\" fill=\"%s\">",
		x, y, size, colour);
	put_escaped(g->f, text);
	fputs("</text>\n", g->f);
}

void svg_rect(struct svg *g, double x, double y, double width, double height,
	      double radius, const char *colour)
{
	fprintf(g->f,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
		"rx=\"%.1f\" fill=\"%s\"/>\n",
		x, y, width, height, radius, colour);
}

void svg_line(struct svg *g, double x1, double y1, double x2, double y2,
	      const char *colour)
{
	fprintf(g->f,
		"<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
		"stroke=\"%s\"/>\n",
		x1, y1, x2, y2, colour);
}

void svg_path_begin(struct svg *g)
{
	fputs("<polyline points=\"", g->f);
}

void svg_path_point(struct svg *g, double x, double y)
{
	fprintf(g->f, "%.1f,%.1f ", x, y);
}

void svg_path_end(struct svg *g, const char *colour)
{
	fprintf(g->f,
		"\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" "
		"stroke-linejoin=\"round\"/>\n",
		colour);
}

/* Okabe and Ito's, which also the colour-blind tell apart. */
const char *svg_colour(size_t i)
{
	static const char *const colours[] = { "#0072b2", "#d55e00", "#e69f00",
					       "#009e73", "#cc79a7", "#56b4e9",
					       "#8c8c8c", "#5a4fcf" };

	return colours[i % ARRAY_LEN(colours)];
}
