/* SPDX-License-Identifier: MIT */
/*
 * A chart of bars. Workloads differ by factors of a thousand, so each has a
 * panel with a scale of its own, and every bar its figure.
 */
#ifndef BENCH_BARS_H
#define BENCH_BARS_H

struct sheet;

/*
 * DIR/NAME.svg: bars of one column, a panel a workload (the column of that
 * name), a bar a subject (the column `subject`); of repeated rows the median.
 * 0 or negative.
 */
int plot_bars(const char *dir, const char *name, const char *title,
	      const struct sheet *rows, const char *subject,
	      const char *column);

#endif
