/* SPDX-License-Identifier: MIT */
/* Charts of results, as SVG files. */
#ifndef KVBENCH_PLOT_H
#define KVBENCH_PLOT_H

#include <stdio.h>

struct sheet;

/*
 * Writes to the directory `dir`, which is made: cpu.svg and throughput.svg of
 * `rows`, and WORKLOAD.svg for each workload in `seconds` (NULL: none). The
 * names are for messages. 0 or negative.
 */
int plot(const char *dir, FILE *rows, const char *rows_name, FILE *seconds,
	 const char *seconds_name);

/* DIR/WORKLOAD.svg: throughput and latencies over time, a line an engine. */
int plot_lines(const char *dir, const struct sheet *seconds,
	       const char *workload);

#endif
