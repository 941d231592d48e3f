/* SPDX-License-Identifier: MIT */
/*
 * Batches: operations kept in their stored form (batch_format.h), so that
 * committing one copies it once, into the log. Implements tt_batch_* of
 * ttrunks.h. Not thread-safe.
 *
 * Decoding trusts nothing: a batch read from a log may hold anything.
 */
#ifndef LSM_BATCH_H
#define LSM_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "lsm/batch_format.h"
#include "ttrunks.h"

struct tt_batch {
	/* struct batch_header and operations; empty as long as n_ops is 0 */
	struct buf data;
	uint32_t n_ops;
	uint32_t n_merges;     /* of them merge records */
	uint32_t n_ranges;     /* of them range deletions */
	bool needs_function;   /* a merge record has a tt_merge() operand */
	struct buf savepoints; /* struct batch_savepoint, the last one behind */
	size_t longest;	       /* no value of a put is longer */
	uint64_t separated_bytes; /* that its pointers name */
};

/* What a batch was like. */
struct batch_savepoint {
	size_t bytes; /* of data */
	uint32_t n_ops, n_merges, n_ranges;
	bool needs_function;
};

/* One operation; slices borrow from the encoded bytes. */
struct batch_op {
	struct tt_slice key;
	struct tt_slice value; /* empty for a tombstone; the end of a range */
	uint8_t kind;
};

/*
 * 0 when key and value are within the limits of ttrunks.h; TT_EKEY for an
 * empty key, TT_ETOOBIG for too long a key or value.
 */
int batch_check_op(struct tt_slice key, size_t value_len);

/* 0 when [lower, upper) can be deleted; TT_EKEY when it cannot hold a key,
 * TT_ETOOBIG when a bound is too long. */
int batch_check_range(struct tt_slice lower, struct tt_slice upper);

/* A batch on the caller's stack: batch_fini() afterwards. */
void batch_init(struct tt_batch *b);
void batch_fini(struct tt_batch *b);

/* Appends an operation; as tt_batch_put(), any kind. */
int batch_add(struct tt_batch *b, uint8_t kind, struct tt_slice key,
	      struct tt_slice value);

/* Bytes of a value file that a pointer, the value of `key`, stands for. */
uint64_t batch_separated(struct tt_slice key, struct tt_slice stored);

/* The encoded form, without copying; valid until the batch changes. */
struct tt_slice batch_encoded(const struct tt_batch *b);

/*
 * Encodes a batch of one operation around the caller's key and value: the
 * payload is the concatenation of the four parts, which borrow `head` and
 * the arguments. For commits without an allocation.
 */
#define BATCH_HEAD_MAX (4 + 1 + 5 + 5)
struct batch_one {
	uint8_t head[BATCH_HEAD_MAX];
	struct tt_slice parts[4];
	size_t len; /* of all parts */
};
void batch_one_encode(struct batch_one *o, uint8_t kind, struct tt_slice key,
		      struct tt_slice value);

/* Walks the operations of an encoded batch. */
struct batch_reader {
	const uint8_t *at;
	const uint8_t *end;
	uint32_t n_ops;	 /* as the header says */
	uint32_t n_left; /* not yet read */
};

/* TT_ECORRUPT when even the header is impossible. */
int batch_reader_init(struct batch_reader *r, struct tt_slice encoded);

/*
 * The next operation: 0, TT_END after the last one, TT_ECORRUPT when the
 * bytes make no sense (also when the count and the bytes disagree).
 */
int batch_reader_next(struct batch_reader *r, struct batch_op *out);

/* Reads all of it: 0 when every operation decodes. */
int batch_verify(struct tt_slice encoded);

#endif
