/* SPDX-License-Identifier: MIT */
#include "bench/common/latency.h"

void latency_merge(struct latency *to, const struct latency *from)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		to->n[i] += from->n[i];
	to->count += from->count;
	to->max_ns = MAX_OF(to->max_ns, from->max_ns);
}

double latency_us(const struct latency *l, double percent)
{
	double want = percent / 100 * (double)l->count;
	uint64_t seen = 0, ns = l->max_ns;

	if (l->count == 0)
		return 0;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		seen += l->n[i];
		if (seen && (double)seen >= want) {
			ns = MIN_OF(hist_bucket_max(i), l->max_ns);
			break;
		}
	}
	return (double)ns / 1000;
}
