/* SPDX-License-Identifier: MIT */
/*
 * What a store must hold: a history of batches over a small set of keys, and
 * the state after each prefix of it.
 *
 * Every batch also writes its number under ORACLE_SEQ, so a store that comes
 * back says which prefix it claims to be; oracle_check() then compares every
 * key with that prefix, by get and by iterating both ways. Values follow from
 * (batch, key, salt), so nothing large is kept. One thread at a time.
 */
#ifndef TESTS_MODEL_ORACLE_H
#define TESTS_MODEL_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"
#include "ttrunks.h"

#define ORACLE_SEQ "!seq"

enum oracle_op {
	ORACLE_PUT,
	ORACLE_DELETE,
	ORACLE_PATCH,
	ORACLE_MERGE,
	ORACLE_DELETE_RANGE,
	ORACLE_COPY, /* the value that another key had before the batch */
};

struct oracle_change {
	uint32_t batch; /* from 1 */
	uint16_t key;
	uint16_t end; /* of a range, not included; n_keys: no end. Of a copy:
		       * where it comes from */
	uint8_t op;   /* enum oracle_op */
	uint8_t salt; /* tells changes of one key in one batch apart */
};

#define ORACLE_COPIES 3 /* of a batch, at most */

struct oracle {
	unsigned n_keys;
	size_t max_value;
	unsigned large_one_in; /* puts of up to that; others are short */
	struct oracle_change *changes; /* in order */
	size_t n, cap;
	uint32_t n_batches;
	/* Which keys have a value; NULL: to be found out. */
	bool *is_live;
	unsigned n_copies; /* of the last batch, its last changes */
};

/* The merge function to register: values grow at their end, up to a bound
 * beyond which their beginning is forgotten. */
int oracle_merge(void *arg, struct tt_slice key, const struct tt_slice *base,
		 const struct tt_slice *operands, size_t n,
		 struct tt_merge_result *result);

/* Of 16 puts one is large; set large_one_in for another part. */
void oracle_init(struct oracle *o, unsigned n_keys, size_t max_value);
void oracle_fini(struct oracle *o);

/* Makes the next batch (1 to 8 random changes, and now and then copies) in `b`,
 * cleared before, and notes it in the history. */
void oracle_next(struct oracle *o, struct rng *rng, struct tt_batch *b);

/* Writes it to the store, which is in the state before it, with its copies: as
 * tt_write(). */
int oracle_write(const struct oracle *o, struct tt *db,
		 const struct tt_write_options *wo, const struct tt_batch *b,
		 int64_t *out_ts);

/* Forgets what came after batch number `n`. */
void oracle_truncate(struct oracle *o, uint32_t n);

/* The batch number that the store claims; 0 for an empty store. */
uint32_t oracle_seq(struct tt *db, const struct tt_snapshot *snap);

/* Aborts the test unless the store (at the snapshot, may be NULL) is exactly
 * the state after batch `n`. */
void oracle_check(const struct oracle *o, struct tt *db,
		  const struct tt_snapshot *snap, uint32_t n);

/* The same for reads as of a timestamp. 0, or TT_ETOOOLD as soon as one of
 * them is refused. */
int oracle_check_as_of(const struct oracle *o, struct tt *db, int64_t as_of,
		       uint32_t n);

#endif
