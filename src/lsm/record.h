/* SPDX-License-Identifier: MIT */
/*
 * A record: one version of one key. What the memtable holds, tables store
 * and iterators yield.
 *
 * Internal order: key ascending by memcmp, then timestamp descending, so the
 * newest version of a key comes first. A (key, ts) pair names one record; a
 * memtable keeps the last one added under it. But a range tombstone may have
 * both in common with another record, which stems from the same batch and is
 * not deleted by it: the range tombstone comes behind that one.
 *
 * The kind is the flag byte on disk. A number once given is never reused; a
 * reader that meets a kind it does not know refuses the file.
 */
#ifndef LSM_RECORD_H
#define LSM_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/le.h"
#include "base/slice.h"

struct buf;

enum record_kind {
	RECORD_VALUE = 0,
	RECORD_TOMBSTONE = 1, /* the key is deleted; the value is empty */
	RECORD_MERGE = 2, /* operands over an older version: operand_format.h */
	RECORD_POINTER = 3, /* the value lies in a value file: the record's says
			     * where (value_format.h) */
	/* Every key from this one up to the value, itself not included, is
	 * deleted; up to the end of all keys when the value is empty. */
	RECORD_RANGE = 4,
};

/* The kinds that this program knows, a bit each. */
#define RECORD_KINDS                                                        \
	(1u << RECORD_VALUE | 1u << RECORD_TOMBSTONE | 1u << RECORD_MERGE | \
	 1u << RECORD_POINTER | 1u << RECORD_RANGE)

static ALWAYS_INLINE bool record_kind_is_known(uint8_t kind)
{
	return kind < 32 && (RECORD_KINDS >> kind & 1);
}

/* Bounds for seeks: before every version of a key, and after every one. */
#define TS_NEWEST INT64_MAX
#define TS_OLDEST INT64_MIN

struct record {
	struct tt_slice key; /* both slices as long as their source says */
	struct tt_slice value;
	int64_t ts;
	uint8_t kind;
};

/*
 * memcmp order of two keys, with the first eight bytes compared as one
 * number: most keys differ there or are short.
 */
static ALWAYS_INLINE int key_cmp(struct tt_slice a, struct tt_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	size_t at = 0;
	int c;

	for (; at + 8 <= n; at += 8) {
		uint64_t x = be64_load(slice_bytes(a) + at);
		uint64_t y = be64_load(slice_bytes(b) + at);

		if (x != y)
			return x < y ? -1 : 1;
	}
	c = at < n ? memcmp(slice_bytes(a) + at, slice_bytes(b) + at, n - at)
		   : 0;
	return c ? c : (a.len > b.len) - (a.len < b.len);
}

/* Equality only: cheaper, since the lengths decide first. */
static ALWAYS_INLINE bool key_eq(struct tt_slice a, struct tt_slice b)
{
	const uint8_t *x = a.data, *y = b.data;

	if (a.len != b.len)
		return false;
	if (a.len < 8)
		return a.len == 0 || memcmp(x, y, a.len) == 0;
	/* Neighbours in a sorted sequence differ in their last bytes. */
	if (le64_load(x + a.len - 8) != le64_load(y + a.len - 8))
		return false;
	if (a.len <= 16)
		return le64_load(x) == le64_load(y);
	return memcmp(x, y, a.len - 8) == 0;
}

/* Internal order of two (key, ts) pairs: < 0, 0, > 0. */
static ALWAYS_INLINE int record_cmp_at(struct tt_slice a_key, int64_t a_ts,
				       struct tt_slice b_key, int64_t b_ts)
{
	int c = key_cmp(a_key, b_key);

	return c ? c : (a_ts < b_ts) - (a_ts > b_ts);
}

static ALWAYS_INLINE int record_cmp(const struct record *a,
				    const struct record *b)
{
	return record_cmp_at(a->key, a->ts, b->key, b->ts);
}

/* True when `b` may stand behind `a` in a sequence in internal order. */
static inline bool record_may_follow(const struct record *a,
				     const struct record *b)
{
	int c = record_cmp(a, b);

	return c < 0 ||
	       (c == 0 && b->kind == RECORD_RANGE && a->kind != RECORD_RANGE);
}

/* The largest key there can be: where tables end that have no end. */
extern const uint8_t key_largest_bytes[];
#define KEY_LARGEST SLICE(key_largest_bytes, KEY_LARGEST_LEN)
#define KEY_LARGEST_LEN 65535u /* TT_KEY_MAX */

static inline bool key_is_largest(struct tt_slice key)
{
	return key.data == key_largest_bytes;
}

/*
 * The first key behind `key`, in `out`, replacing what it holds; empty when
 * there is none. -ENOMEM.
 */
int key_successor(struct tt_slice key, struct buf *out);

/* A record that says that keys are deleted. */
static ALWAYS_INLINE bool record_is_deletion(const struct record *r)
{
	return r->kind == RECORD_TOMBSTONE || r->kind == RECORD_RANGE;
}

/*
 * True when [start, end) is what a range tombstone can be: bounds within the
 * limits, something between them.
 */
bool record_range_is_sound(struct tt_slice start, struct tt_slice end);

/*
 * 0 when a record read from outside is one we understand: known kind, key
 * and value within the limits of ttrunks.h. Otherwise TT_ECORRUPT with a
 * text that does not name the file: the caller knows it.
 */
int record_check(const struct record *r);

#endif
