/* SPDX-License-Identifier: MIT */
/*
 * Histograms of unsigned values (latencies in ns, sizes in bytes): 16 steps
 * per power of two, so a percentile is at most 6.25 % above the truth, over
 * the whole 64-bit range, in a fixed 8 KiB. Recording is a few relaxed
 * atomic additions, by any thread; reading beside recording sees some recent
 * state.
 */
#ifndef BASE_HIST_H
#define BASE_HIST_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/compiler.h"

#define HIST_SUB_BITS 4
#define HIST_BUCKETS ((64 - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

struct hist {
	/* added to by any thread, read by any, relaxed: independent gauges */
	_Atomic uint64_t n[HIST_BUCKETS];
	_Atomic uint64_t sum;
	_Atomic uint64_t min; /* UINT64_MAX when nothing was recorded */
	_Atomic uint64_t max;
};

void hist_init(struct hist *h);
void hist_record(struct hist *h, uint64_t value);

/* Adds the contents of `from` to `to`. */
void hist_merge(struct hist *to, const struct hist *from);

uint64_t hist_count(const struct hist *h);
uint64_t hist_sum(const struct hist *h);
/* 0 when nothing was recorded. */
uint64_t hist_min(const struct hist *h);
uint64_t hist_max(const struct hist *h);
double hist_mean(const struct hist *h);

/*
 * The smallest bucket's upper bound that at least `percent` (0 to 100) of
 * the values do not exceed, never above hist_max(); 0 when empty.
 */
uint64_t hist_percentile(const struct hist *h, double percent);

/* Which bucket counts `value`, and the largest value of a bucket. */
static ALWAYS_INLINE unsigned hist_bucket(uint64_t value)
{
	unsigned shift;

	if (value < (1u << HIST_SUB_BITS))
		return (unsigned)value;
	shift = 63 - (unsigned)__builtin_clzll(value) - HIST_SUB_BITS;
	return ((shift + 1) << HIST_SUB_BITS) +
	       ((unsigned)(value >> shift) & ((1u << HIST_SUB_BITS) - 1));
}
uint64_t hist_bucket_max(unsigned bucket);

#endif
