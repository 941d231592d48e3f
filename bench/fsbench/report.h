/* SPDX-License-Identifier: MIT */
/*
 * Rows of tab-separated values on standard output; a copy is kept for the
 * charts. bench/README.md has what columns mean.
 */
#ifndef FSBENCH_REPORT_H
#define FSBENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct latency;
struct run;

struct row {
	const char *name;
	unsigned clients;
	uint64_t ops, errors;
	uint64_t bytes, written; /* given to be stored; written to disk */
	uint64_t requests, disk_bytes;
	double elapsed_s, settle_s, daemon_s, client_s;
	double peak_rss_mib;
	bool has_latency, has_disk;
	const struct latency *latency;
};

/* Before the first row, once. 0 or negative. */
int report_init(void);
/* Prints it, and adds its errors to those of the run. */
void report_row(struct run *r, const struct row *row);
/* All rows so far, header first, from their beginning. */
FILE *report_rows(void);

#endif
