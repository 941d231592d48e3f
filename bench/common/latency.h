/* SPDX-License-Identifier: MIT */
/*
 * How long the operations of one thread took, in nanoseconds: the buckets of
 * base/hist.h without its atomics, which cost as much as a small operation.
 */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "base/hist.h"

/* For what has one of these beside others of its kind: processors fetch lines
 * of memory in pairs, and a thread that counts must not take from another what
 * that one reads. */
#define THREAD_ALIGN (2 * CACHE_LINE)

struct latency {
	uint64_t n[HIST_BUCKETS];
	uint64_t count;
	uint64_t max_ns;
};

static ALWAYS_INLINE void latency_add(struct latency *l, uint64_t ns)
{
	l->n[hist_bucket(ns)]++;
	l->count++;
	if (ns > l->max_ns)
		l->max_ns = ns;
}

void latency_merge(struct latency *to, const struct latency *from);

/* The time, in microseconds, that `percent` of the operations did not exceed
 * by more than a bucket; 0 when there were none. */
double latency_us(const struct latency *l, double percent);

#endif
