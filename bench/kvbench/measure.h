/* SPDX-License-Identifier: MIT */
/* Runs jobs and reports what they cost. */
#ifndef KVBENCH_MEASURE_H
#define KVBENCH_MEASURE_H

#include "job.h"

/* What the process had used when a measurement began. */
struct meter {
	uint64_t start_ns;
	uint64_t written_bytes;
	double cpu_s;
};

void meter_start(struct meter *m);
double meter_elapsed_s(const struct meter *m);
double meter_cpu_s(const struct meter *m);
int64_t meter_written_bytes(const struct meter *m);

/*
 * Runs the job, settles where it asks for that, reports a row; processor time
 * and bytes written are those of all threads until then. Returns how many
 * operations were done.
 */
uint64_t measure(struct run *r, struct job job);

/*
 * Two jobs beside each other, a row each. What both cost is in both rows:
 * threads of the engine work for either.
 */
void measure_pair(struct run *r, struct job reader, struct job writer);

/* The whole store, first key to last; there must be run->n of them. */
void measure_readseq(struct run *r, const char *name);

#endif
