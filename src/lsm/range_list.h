/* SPDX-License-Identifier: MIT */
/*
 * The range tombstones that take part in a flush or a compaction: collected,
 * reduced to what somebody can still tell apart, asked which records they
 * hide, and handed on to the tables being written. One thread at a time.
 */
#ifndef LSM_RANGE_LIST_H
#define LSM_RANGE_LIST_H

#include <stddef.h>

#include "base/arena.h"
#include "lsm/range_set.h"

struct retained_times;
struct sst_ranges;
struct table_desc;

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

/* Sorts by range_del_cmp(), when they have been changed. */
void range_list_sort(struct range_list *l);

/*
 * Moves *end (empty: no end; not set yet when `is_first`) to where the table
 * ends, unless it lies behind. The new key lives as long as the list or the
 * description. -ENOMEM.
 */
int range_list_widen(struct range_list *l, const struct table_desc *d,
		     bool is_first, struct tt_slice *end);

/*
 * Of range tombstones between whose times nobody reads, only the newest one
 * that covers a key matters. So for each stretch of time that nobody looks
 * into they become one skyline, whose parts do not overlap. Sorts the outcome
 * by range_del_cmp() and makes the set. As `times` demand; -ENOMEM.
 */
int range_list_reduce(struct range_list *l, const struct retained_times *times);

#endif
