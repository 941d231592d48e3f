/* SPDX-License-Identifier: MIT */
/*
 * Folding a batch: all operations of a batch share one timestamp, and a
 * memtable keeps one record per key and timestamp. For puts and deletes the
 * last one simply replaces the others; a merge record does not. So before a
 * batch with merge records is logged, the operations of one key become one: a
 * put or delete with what is merged over it, or merge records fused.
 *
 * For the same reason a range tombstone hides nothing of its own timestamp. So
 * what a batch deletes of what it has written before is left out of the folded
 * batch, and what is merged over that is merged over nothing. In a folded batch
 * range deletions come first.
 */
#ifndef LSM_BATCH_FOLD_H
#define LSM_BATCH_FOLD_H

struct merge_function;
struct tt_batch;

/*
 * 1 with `out` (initialized, empty) the folded form of `b`; 0 when `b` serves
 * as it is. TT_EMERGE when it needs a function and there is none; the
 * function's failure; -ENOMEM.
 */
int batch_fold(const struct tt_batch *b, const struct merge_function *fn,
	       struct tt_batch *out);

#endif
