/* SPDX-License-Identifier: MIT */
/*
 * A chain of merge records: the versions of one key that say how its value
 * differs from the one before, gathered from the newest to the oldest until a
 * whole value, a tombstone or nothing at all is met. Then it is resolved into
 * a value, or, where the older versions lie elsewhere, fused into one record.
 *
 * Of patches only the bytes are kept that no newer patch of the chain covers,
 * so a place that is patched a thousand times costs a thousand looks and one
 * copy. Operands of the merge function are all kept.
 *
 * One thread at a time. Failures leave the chain usable for reset and fini
 * only.
 */
#ifndef LSM_MERGE_CHAIN_H
#define LSM_MERGE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "ttrunks.h"

struct operand;

/* The function of a store; fn is NULL when none is registered. */
struct merge_function {
	tt_merge_fn fn;
	void *arg;
};

/* Where a merge function puts its result. */
struct tt_merge_result {
	struct buf value;
};

/* Some bytes of a patch, or the operand of a merge. */
struct chain_piece {
	size_t at; /* in bytes */
	uint32_t len;
	uint32_t offset; /* patch: where in the value */
};

/* Neighbouring operands of one type. */
struct chain_run {
	uint8_t type; /* OPERAND_PATCH or OPERAND_MERGE */
	size_t first; /* piece; up to the next run's first */
};

/*
 * Runs from the newest to the oldest. The pieces of a run of patches are
 * disjoint and ascending by offset; those of a run of merges go from the
 * newest to the oldest.
 */
struct merge_chain {
	const struct merge_function *fn; /* constant; kept */
	struct buf bytes;
	struct chain_run *runs;
	size_t n_runs, cap_runs;
	struct chain_piece *pieces;
	size_t n_pieces, cap_pieces;
	struct operand *ops; /* of the list being added */
	size_t n_ops, cap_ops;
};

void merge_chain_init(struct merge_chain *c, const struct merge_function *fn);
void merge_chain_fini(struct merge_chain *c);
/* Empties it, keeping memory of moderate size. */
void merge_chain_reset(struct merge_chain *c);

static inline bool merge_chain_is_empty(const struct merge_chain *c)
{
	return c->n_runs == 0;
}

/*
 * Adds the operands (the value of a merge record, copied) of the next older
 * version. TT_ECORRUPT, -ENOMEM.
 */
int merge_chain_push(struct merge_chain *c, struct tt_slice operands);

/*
 * The value of `key`: the chain over `base` (NULL: there is none), into `out`,
 * replacing what it held. The merge function's failure, TT_EMERGE when it is
 * not registered, TT_ETOOBIG, -ENOMEM.
 */
int merge_chain_resolve(struct merge_chain *c, struct tt_slice key,
			const struct tt_slice *base, struct buf *out);

/* The chain as the operands of one record, into `out`, replacing what it
 * held. */
int merge_chain_fuse(const struct merge_chain *c, struct buf *out);

#endif
