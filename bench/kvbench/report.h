/* SPDX-License-Identifier: MIT */
/*
 * Rows of tab-separated values: of workloads to standard output, of seconds
 * to the file of --series. A copy of both is kept for the charts; workloads
 * in child processes add to it. bench/README.md has what columns mean.
 */
#ifndef KVBENCH_REPORT_H
#define KVBENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "job.h"

struct series;

/* Before the first row, once. 0 or negative. */
int report_init(void);

/* What is known of a workload at its end. */
struct row {
	const char *name;
	unsigned threads;
	const struct result *result;
	double elapsed_s;
	/* -1: nothing was written, write amplification has no meaning */
	int64_t written_bytes;
	double peak_rss_mib;
	double settle_s;
	double cpu_s;
};

/* Prints it, and adds its errors to those of the run. */
void report_row(struct run *r, const struct row *row);

/* The second of `s` that ends, `took_s` long. */
void report_second(const struct series *s, double took_s);

/* All rows and all seconds so far, header first, from their beginning. */
FILE *report_rows(void);
FILE *report_seconds(void);

#endif
