/* SPDX-License-Identifier: MIT */
/*
 * The data record of a table, as published. Integers are little-endian; a
 * record has no padding and no checksum of its own (its block has one).
 *
 *	offset       size  meaning
 *	0            4     key length N, 0 to TT_KEY_MAX
 *	4            N     key
 *	4+N          4     value length M, 0 to TT_VALUE_MAX
 *	8+N          M     value
 *	8+N+M        4     timestamp size, always 8
 *	12+N+M       8     timestamp, int64
 *	20+N+M       4     tombstone size, always 1
 *	24+N+M       1     flag (enum record_kind): 0 value, 1 tombstone,
 *	                   3 pointer, whose value is a struct value_ptr_stored,
 *	                   4 range tombstone, whose value is a key
 *
 * The old Go program wrote its timestamp size as 8 bytes; only the dumper
 * reads that variant.
 */
#ifndef LSM_RECORD_FORMAT_H
#define LSM_RECORD_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/le.h"
#include "base/slice.h"
#include "lsm/record.h"
#include "lsm/value_format.h"
#include "ttrunks.h"

#define RECORD_TS_SIZE 8u
#define RECORD_FLAG_SIZE 1u

/* What follows the value. */
struct record_tail {
	le32 ts_size;	/*  0: RECORD_TS_SIZE */
	le64 ts;	/*  4: two's complement */
	le32 flag_size; /* 12: RECORD_FLAG_SIZE */
	uint8_t flag;	/* 16: enum record_kind */
};
_Static_assert(sizeof(struct record_tail) == 17, "record tail layout");

/* Bytes of a record beyond its key and value; also the smallest record. */
#define RECORD_OVERHEAD (4 + 4 + sizeof(struct record_tail))

static ALWAYS_INLINE size_t record_stored_len(const struct record *r)
{
	return RECORD_OVERHEAD + r->key.len + r->value.len;
}

/* Writes record_stored_len() bytes at `p`; returns the end. */
static ALWAYS_INLINE uint8_t *record_encode(uint8_t *p, const struct record *r)
{
	struct record_tail tail = {
		.ts_size = le32_make(RECORD_TS_SIZE),
		.ts = le64_make((uint64_t)r->ts),
		.flag_size = le32_make(RECORD_FLAG_SIZE),
		.flag = r->kind,
	};

	le32_store(p, (uint32_t)r->key.len);
	p += 4;
	if (r->key.len)
		memcpy(p, r->key.data, r->key.len);
	p += r->key.len;
	le32_store(p, (uint32_t)r->value.len);
	p += 4;
	if (r->value.len)
		memcpy(p, r->value.data, r->value.len);
	p += r->value.len;
	memcpy(p, &tail, sizeof(tail));
	return p + sizeof(tail);
}

/* The key of a record that has been checked. */
static ALWAYS_INLINE struct tt_slice record_key_at(const uint8_t *p)
{
	return SLICE(p + 4, le32_load(p));
}

/* Reads a record that has been checked; the slices point into it. */
static ALWAYS_INLINE void record_decode(const uint8_t *p, struct record *out)
{
	size_t n = le32_load(p);

	out->key = SLICE(p + 4, n);
	p += 4 + n;
	n = le32_load(p);
	out->value = SLICE(p + 4, n);
	p += 4 + n;
	out->ts = (int64_t)le64_load(p + 4);
	out->kind = p[16];
}

/*
 * The length of the record at `p`, of which `len` bytes are there, if every
 * field of it is in bounds and of a kind we know; 0 if not.
 */
static ALWAYS_INLINE size_t record_check_at(const uint8_t *p, size_t len)
{
	size_t klen, vlen;
	const uint8_t *t;

	if (unlikely(len < RECORD_OVERHEAD))
		return 0;
	klen = le32_load(p);
	if (unlikely(klen > TT_KEY_MAX || klen > len - RECORD_OVERHEAD))
		return 0;
	vlen = le32_load(p + 4 + klen);
	if (unlikely(vlen > TT_VALUE_MAX ||
		     vlen > len - RECORD_OVERHEAD - klen))
		return 0;
	t = p + 8 + klen + vlen;
	if (unlikely(le32_load(t) != RECORD_TS_SIZE ||
		     le32_load(t + 12) != RECORD_FLAG_SIZE ||
		     !record_kind_is_known(t[16])))
		return 0;
	if (unlikely(t[16] == RECORD_POINTER) &&
	    !value_ptr_is_sound(t - vlen, vlen))
		return 0;
	return RECORD_OVERHEAD + klen + vlen;
}

#endif
