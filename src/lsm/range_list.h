/* SPDX-License-Identifier: MIT */
/*
 * The range tombstones that take part in a flush or a compaction: collected,
 * reduced to what somebody can still tell apart, asked which records they
 * hide, and handed on to the tables being written. One thread at a time.
 */
#ifndef LSM_RANGE_LIST_H
#define LSM_RANGE_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "lsm/range_set.h"

struct retained_times;
struct run;
struct sst_ranges;

struct range_list {
	struct range_del *dels; /* owned; the keys lie in the arena */
	size_t n, cap;
	struct arena keys;
	/* After range_list_reduce(): the same as a set; NULL: none. */
	struct range_set *set;
	/* Who reads as of a time before it may miss one that was left out. */
	int64_t complete_from;
};

void range_list_init(struct range_list *l);
void range_list_fini(struct range_list *l);

/* Copies one, or all of a table. -ENOMEM. */
int range_list_add(struct range_list *l, const struct range_del *d);
int range_list_add_table(struct range_list *l, const struct sst_ranges *r);

/*
 * Of range tombstones between whose times nobody reads, only the newest one
 * that covers a key matters. So for each stretch of time that nobody looks
 * into they become one skyline, whose parts do not overlap. Sorts the outcome
 * by range_del_cmp() and makes the set. As `times` demand; -ENOMEM.
 */
int range_list_reduce(struct range_list *l, const struct retained_times *times);

/*
 * Afterwards: where no table of the `n` runs is, which hold all that is older
 * beside what takes part, nothing is left to hide for what is older than all
 * that is read. Those go, others are cut at their ends; they count as ever in
 * the set. `runs` are kept. -ENOMEM.
 */
int range_list_drop_spent(struct range_list *l,
			  const struct retained_times *times,
			  const struct run *runs, uint32_t n);

#endif
