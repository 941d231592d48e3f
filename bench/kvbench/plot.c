/* SPDX-License-Identifier: MIT */
#include "plot.h"

#include <stdlib.h>

#include "base/err.h"
#include "bench/common/bars.h"
#include "bench/common/disk.h"
#include "bench/common/sheet.h"

static int plot_rows(const char *dir, const struct sheet *s)
{
	int r = plot_bars(dir, "cpu",
			  "Processor time per operation, \302\265s (all "
			  "threads, background work included; less is better)",
			  s, "engine", "cpu_us_op");

	if (r < 0)
		return r;
	return plot_bars(dir, "throughput",
			 "Operations per second (more is better)", s, "engine",
			 "ops_s");
}

static int plot_seconds(const char *dir, const struct sheet *s)
{
	int column = sheet_column(s, "workload"), r = 0;
	const char **workloads;
	size_t n = 0;

	if (column < 0)
		return column;
	workloads = sheet_distinct(s, column, &n);
	if (!workloads)
		return err_nomem("plot");
	for (size_t i = 0; i < n && r == 0; i++)
		r = plot_lines(dir, s, workloads[i]);
	free(workloads);
	return r;
}

/* Reads one file and draws it. */
static int plot_file(const char *dir, FILE *f, const char *name,
		     int (*draw)(const char *dir, const struct sheet *s))
{
	struct sheet s;
	int r = sheet_read(&s, f, name);

	if (r == 0)
		r = draw(dir, &s);
	sheet_free(&s);
	return r;
}

int plot(const char *dir, FILE *rows, const char *rows_name, FILE *seconds,
	 const char *seconds_name)
{
	int r = disk_make(dir);

	if (r == 0)
		r = plot_file(dir, rows, rows_name, plot_rows);
	if (r == 0 && seconds)
		r = plot_file(dir, seconds, seconds_name, plot_seconds);
	return r;
}
