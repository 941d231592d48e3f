/* SPDX-License-Identifier: MIT */
/*
 * Range tombstones: "at `ts`, every key of [start, end) was deleted". One hides
 * records of strictly lower timestamps; what its own batch put after it has
 * the same one and lives.
 *
 * A range set answers which of many range tombstones covers a key. It is a
 * skyline: edges in key order, each with the newest timestamp that covers the
 * keys from it up to the next edge. Readers of the present need no more: one
 * binary search. For a moment at which the newest one had not happened yet,
 * the set keeps the sets that it was made of, each with what happened in a
 * part of the time (a merge sort tree over time): O(log^2) then, and
 * O(n log n) memory however the ranges nest. Where no two of different times
 * overlap there is nothing to keep.
 *
 * Immutable once made; any number of threads may read one. Keys are borrowed
 * from who made it.
 */
#ifndef LSM_RANGE_SET_H
#define LSM_RANGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "lsm/record.h"

/* Not a timestamp: nothing covers the key. */
#define RANGE_NONE TS_OLDEST

/* So many sets become one. */
#define RANGE_FANOUT 4

struct range_del {
	struct tt_slice start;
	struct tt_slice end; /* not included; empty: no end */
	int64_t ts;
};

/* From here to the next edge; the last one reaches to the end of all keys. */
struct range_edge {
	struct tt_slice key;
	int64_t ts; /* RANGE_NONE: nothing covers these keys */
};

struct range_set {
	int64_t min_ts, max_ts; /* of all range tombstones in it */
	size_t bytes;		/* memory, kids included */
	uint32_t n;		/* edges, at least 1 */
	bool is_flat;		/* no two of different times overlap */
	uint8_t n_kids;		/* 0 or at least 2; if not flat, at least 2 */
	/* Owned. Newest first: the oldest of one is not older than the newest
	 * of the next. */
	struct range_set *kids[RANGE_FANOUT];
	struct range_edge edges[];
};

/* True when `d` covers the key. */
static inline bool range_del_has(const struct range_del *d, struct tt_slice key)
{
	return key_cmp(d->start, key) <= 0 &&
	       (d->end.len == 0 || key_cmp(key, d->end) < 0);
}

/* Order of two ends, where an empty one is behind all others. */
static inline int range_end_cmp(struct tt_slice a, struct tt_slice b)
{
	if (a.len == 0 || b.len == 0)
		return (a.len == 0) - (b.len == 0);
	return key_cmp(a, b);
}

/* By start, the newest first. */
int range_del_cmp(const struct range_del *a, const struct range_del *b);

/*
 * A set of `n` >= 1 range tombstones (none of them empty), which it sorts in
 * place. 0 or -ENOMEM.
 */
int range_set_build(struct range_del *dels, size_t n, struct range_set **out);

/*
 * The set of 1 to RANGE_FANOUT others, newest first, whose times do not
 * interleave. On success they are the new set's; if `keep` is false and it is
 * flat, they are freed. 0 or -ENOMEM.
 */
int range_set_merge(struct range_set *const *kids, size_t n, bool keep,
		    struct range_set **out);

/* Frees the kids too. NULL does nothing. */
void range_set_free(struct range_set *s);

/* The newest timestamp <= as_of that covers the key, or RANGE_NONE. */
int64_t range_set_cover(const struct range_set *s, struct tt_slice key,
			int64_t as_of);

/*
 * The oldest timestamp > ts that covers the key, TS_NEWEST when there is none:
 * when a record of the key and of `ts` was deleted by a range.
 */
int64_t range_set_deleted_at(const struct range_set *s, struct tt_slice key,
			     int64_t ts);

/* What covers a key, and for which keys around it that is the same. */
struct range_hit {
	int64_t ts;	      /* or RANGE_NONE */
	struct tt_slice from; /* included; empty: from the first key on */
	struct tt_slice to;   /* not included; empty: no end */
};

/* What a search of several sets begins with: nothing, for all keys. */
#define RANGE_HIT_INIT ((struct range_hit){ RANGE_NONE, { 0 }, { 0 } })

/* The hit is for no more keys than [from, to). */
void range_hit_clip(struct range_hit *h, struct tt_slice from,
		    struct tt_slice to);

/*
 * Looks for what covers the key as of a time; h->ts is RANGE_NONE before.
 * Clips the hit to where the answer is the same.
 */
void range_set_find(const struct range_set *s, struct tt_slice key,
		    int64_t as_of, struct range_hit *h);

#endif
