/* SPDX-License-Identifier: MIT */
/* Log-linear histograms; hist_bucket() in the header is the layout. */
#include "base/hist.h"

#include "base/assert.h"

static uint64_t get(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static void add(_Atomic uint64_t *p, uint64_t v)
{
	atomic_fetch_add_explicit(p, v, memory_order_relaxed);
}

static void lower(_Atomic uint64_t *p, uint64_t v)
{
	uint64_t was = get(p);

	while (v < was &&
	       !atomic_compare_exchange_weak_explicit(
		       p, &was, v, memory_order_relaxed, memory_order_relaxed))
		;
}

static void raise_to(_Atomic uint64_t *p, uint64_t v)
{
	uint64_t was = get(p);

	while (v > was &&
	       !atomic_compare_exchange_weak_explicit(
		       p, &was, v, memory_order_relaxed, memory_order_relaxed))
		;
}

void hist_init(struct hist *h)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		atomic_init(&h->n[i], 0);
	atomic_init(&h->sum, 0);
	atomic_init(&h->min, UINT64_MAX);
	atomic_init(&h->max, 0);
}

void hist_record(struct hist *h, uint64_t value)
{
	add(&h->n[hist_bucket(value)], 1);
	add(&h->sum, value);
	lower(&h->min, value);
	raise_to(&h->max, value);
}

void hist_merge(struct hist *to, const struct hist *from)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		uint64_t n = get(&from->n[i]);

		if (n)
			add(&to->n[i], n);
	}
	add(&to->sum, get(&from->sum));
	lower(&to->min, get(&from->min));
	raise_to(&to->max, get(&from->max));
}

uint64_t hist_count(const struct hist *h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		n += get(&h->n[i]);
	return n;
}

uint64_t hist_sum(const struct hist *h)
{
	return get(&h->sum);
}

uint64_t hist_min(const struct hist *h)
{
	uint64_t min = get(&h->min);

	return min == UINT64_MAX && hist_count(h) == 0 ? 0 : min;
}

uint64_t hist_max(const struct hist *h)
{
	return get(&h->max);
}

double hist_mean(const struct hist *h)
{
	uint64_t n = hist_count(h);

	return n ? (double)get(&h->sum) / (double)n : 0;
}

uint64_t hist_bucket_max(unsigned bucket)
{
	unsigned shift;
	uint64_t top;

	assert(bucket < HIST_BUCKETS);
	if (bucket < (2u << HIST_SUB_BITS))
		return bucket;
	shift = (bucket >> HIST_SUB_BITS) - 1;
	top = (1u << HIST_SUB_BITS) + (bucket & ((1u << HIST_SUB_BITS) - 1));
	/* Of the last bucket the sum wraps to 0, and less 1 is right again. */
	return ((top + 1) << shift) - 1;
}

uint64_t hist_percentile(const struct hist *h, double percent)
{
	uint64_t total = hist_count(h), seen = 0;
	uint64_t max = get(&h->max);
	double want = percent / 100.0 * (double)total;

	if (total == 0)
		return 0;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		seen += get(&h->n[i]);
		if (seen && (double)seen >= want)
			return MIN_OF(hist_bucket_max(i), max);
	}
	return max;
}
