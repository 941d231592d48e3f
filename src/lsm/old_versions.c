/* SPDX-License-Identifier: MIT */
#include "lsm/old_versions.h"

#include "lsm/tombstones.h"
#include "lsm/version.h"

#define SECOND_US ((uint64_t)1000000)
/* A table of which old versions are at least this part is worth it at once. */
#define GOOD_PART 16
/* The first one of which they are less waits so long, one of which they are
 * half as much twice as long, and none longer than: */
#define WAIT_US (10 * SECOND_US)
#define WAIT_MOST_US (3600 * SECOND_US)

static uint64_t wait_us(const struct table_desc *d)
{
	uint64_t bytes = d->raw_bytes + d->value_bytes;
	uint64_t part = bytes / d->old.bytes;

	if (part < GOOD_PART)
		return 0;
	return part < GOOD_PART * (WAIT_MOST_US / WAIT_US)
		       ? WAIT_US / GOOD_PART * part
		       : WAIT_MOST_US;
}

int64_t old_versions_ripe_at(const struct table_desc *d)
{
	int64_t wait;

	if (d->old.n == 0)
		return TS_NEWEST;
	wait = (int64_t)wait_us(d);
	return d->old.until < TS_NEWEST - wait ? d->old.until + wait
					       : TS_NEWEST;
}

uint32_t run_find_old(const struct run *run)
{
	int64_t best_at = TS_NEWEST;
	uint32_t best = RUN_NONE;

	for (uint32_t i = 0; i < run->n; i++) {
		int64_t at = old_versions_ripe_at(&run->tables[i]->desc);

		if (at < best_at) {
			best = i;
			best_at = at;
		}
	}
	return best;
}
