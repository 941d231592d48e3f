/* SPDX-License-Identifier: MIT */
/*
 * What a workload did in each second: throughput and latencies over time,
 * which is where stalls show. A row a second, zeros for one in which nothing
 * ended. Used by the one thread that works.
 */
#ifndef KVBENCH_SERIES_H
#define KVBENCH_SERIES_H

#include <stdint.h>

#include "bench/common/latency.h"

struct series {
	const char *engine, *workload;
	uint64_t second_ns; /* when the second under way began */
	uint64_t second;    /* its number, from 0 */
	struct latency latency;
};

void series_begin(struct series *s);
/* The second that `now_ns` is not in any more gets its row. */
void series_next(struct series *s, uint64_t now_ns);
/* Gives the piece of a second that is left its row. */
void series_end(struct series *s);

static ALWAYS_INLINE void series_add(struct series *s, uint64_t now_ns,
				     uint64_t ns)
{
	if (now_ns - s->second_ns >= 1000000000u)
		series_next(s, now_ns);
	latency_add(&s->latency, ns);
}

#endif
