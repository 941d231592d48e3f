/* SPDX-License-Identifier: MIT */
#include "lsm/tombstones.h"

#include <stdbool.h>

#include "lsm/version.h"

/* Fewer cost a scan less than the read of a block. */
#define DENSE_LEAST 1024
/* Dense: not more records around and below than so many per tombstone. */
#define RECORDS_PER_TOMBSTONE 4

/* Records of the tables of the older runs that overlap the description. */
static uint64_t records_below(const struct table_desc *d,
			      const struct run *older, uint32_t n_older)
{
	uint64_t n = 0;
	uint32_t from, to;

	for (uint32_t i = 0; i < n_older; i++) {
		run_overlap(&older[i], d->min_key, d->max_key, &from, &to);
		for (; from < to; from++)
			n += older[i].tables[from]->desc.n_records;
	}
	return n;
}

static bool is_dense(const struct table_desc *d, const struct run *older,
		     uint32_t n_older)
{
	uint64_t most = d->n_tombstones * RECORDS_PER_TOMBSTONE;
	uint64_t own = d->n_records - d->n_tombstones;

	return d->n_tombstones >= DENSE_LEAST && own <= most &&
	       own + records_below(d, older, n_older) <= most;
}

uint32_t run_find_dense(const struct run *run, const struct run *older,
			uint32_t n_older)
{
	uint32_t best = RUN_NONE;

	for (uint32_t i = 0; i < run->n; i++) {
		const struct table_desc *d = &run->tables[i]->desc;

		if ((best == RUN_NONE ||
		     d->max_ts < run->tables[best]->desc.max_ts) &&
		    is_dense(d, older, n_older))
			best = i;
	}
	return best;
}

uint32_t run_find_dead(const struct run *run)
{
	uint32_t best = RUN_NONE;

	for (uint32_t i = 0; i < run->n; i++) {
		const struct table_desc *d = &run->tables[i]->desc;

		if ((d->n_tombstones || d->n_ranges) &&
		    (best == RUN_NONE ||
		     d->max_ts < run->tables[best]->desc.max_ts))
			best = i;
	}
	return best;
}
