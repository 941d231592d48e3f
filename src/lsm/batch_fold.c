/* SPDX-License-Identifier: MIT */
#include "lsm/batch_fold.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "lsm/batch.h"
#include "lsm/merge_chain.h"
#include "lsm/range_set.h"
#include "lsm/record.h"

struct fold {
	struct batch_op *ops; /* by key, then from the last to the first */
	size_t n;
	/* Range deletions; their times are numbers that rise within the batch:
	 * op_no(). NULL: none. */
	struct range_set *ranges;
	struct tt_slice bytes; /* of the batch */
	struct merge_chain chain;
	struct buf value;
	struct tt_batch *out;
};

/* The operations borrow their bytes from one buffer: their keys' addresses
 * tell their order. */
static int op_cmp(const void *a, const void *b)
{
	const struct batch_op *x = a, *y = b;
	int c = key_cmp(x->key, y->key);

	if (c)
		return c;
	return (x->key.data < y->key.data) - (x->key.data > y->key.data);
}

/* A number that says when in the batch an operation comes. */
static int64_t op_no(const struct fold *f, const struct batch_op *op)
{
	return slice_bytes(op->key) - slice_bytes(f->bytes);
}

/* Moves the range deletions from the operations to the output and the set. */
static int take_ranges(struct fold *f, size_t n_ranges)
{
	struct range_del *dels = malloc(n_ranges * sizeof(*dels));
	size_t n = 0, n_dels = 0;
	int r = 0;

	if (!dels)
		return err_nomem("batch");
	for (size_t i = 0; i < f->n && r == 0; i++) {
		const struct batch_op *op = &f->ops[i];

		if (op->kind != RECORD_RANGE) {
			f->ops[n++] = *op;
			continue;
		}
		dels[n_dels++] =
			(struct range_del){ op->key, op->value, op_no(f, op) };
		r = batch_add(f->out, RECORD_RANGE, op->key, op->value);
	}
	f->n = n;
	if (r == 0)
		r = range_set_build(dels, n_dels, &f->ranges);
	free(dels);
	return r;
}

static int read_ops(struct fold *f, const struct tt_batch *b)
{
	struct batch_reader rd;
	int r;

	f->ops = malloc(b->n_ops * sizeof(*f->ops));
	if (!f->ops)
		return err_nomem("batch");
	f->bytes = batch_encoded(b);
	r = batch_reader_init(&rd, f->bytes);
	while (r == 0 && (r = batch_reader_next(&rd, &f->ops[f->n])) == 0)
		f->n++;
	assert(r == TT_END && f->n == b->n_ops); /* our own bytes */
	return b->n_ranges ? take_ranges(f, b->n_ranges) : 0;
}

/* The end of the operations on the key of operation `i`. */
static size_t key_end(const struct fold *f, size_t i)
{
	size_t end = i + 1;

	while (end < f->n && key_eq(f->ops[end].key, f->ops[i].key))
		end++;
	return end;
}

/* True when a merge record is not the only operation on its key. */
static bool is_needed(const struct fold *f)
{
	for (size_t i = 0, end; i < f->n; i = end) {
		end = key_end(f, i);
		if (end > i + 1 && f->ops[i].kind == RECORD_MERGE)
			return true;
	}
	return false;
}

/* Sorts, and answers whether there is anything to fold. */
static bool sort_ops(struct fold *f)
{
	qsort(f->ops, f->n, sizeof(*f->ops), op_cmp);
	return f->ranges || is_needed(f);
}

/* True when range deletions come first and there are no merge records: the
 * batch is as it should be. */
static bool ranges_are_first(const struct tt_batch *b)
{
	struct batch_reader rd;
	struct batch_op op;
	uint32_t n = 0;
	int r = batch_reader_init(&rd, batch_encoded(b));

	while (r == 0 && n < b->n_ranges &&
	       (r = batch_reader_next(&rd, &op)) == 0 &&
	       op.kind == RECORD_RANGE)
		n++;
	return n == b->n_ranges && b->n_merges == 0;
}

/* Moves the end of the operations on a key up to the first one that no range
 * deletion comes behind. True when there was one. */
static bool leave_deleted(const struct fold *f, size_t i, size_t *end)
{
	int64_t at;

	if (!f->ranges)
		return false;
	at = range_set_cover(f->ranges, f->ops[i].key, INT64_MAX);
	while (*end > i && op_no(f, &f->ops[*end - 1]) < at)
		(*end)--;
	return at != RANGE_NONE;
}

/* What is left of the operations [i, end) on one key. */
static int fold_key(struct fold *f, size_t i, size_t end)
{
	bool is_deleted = leave_deleted(f, i, &end);
	const struct batch_op *op = &f->ops[i];
	const struct tt_slice *base;
	int r = 0;

	if (i == end)
		return 0;
	if (op->kind != RECORD_MERGE)
		return batch_add(f->out, op->kind, op->key, op->value);
	merge_chain_reset(&f->chain);
	for (; i < end && f->ops[i].kind == RECORD_MERGE && r == 0; i++)
		r = merge_chain_push(&f->chain, f->ops[i].value);
	if (r < 0)
		return r;
	if (i == end && !is_deleted) {
		r = merge_chain_fuse(&f->chain, &f->value);
		return r < 0 ? r
			     : batch_add(f->out, RECORD_MERGE, op->key,
					 buf_slice(&f->value));
	}
	base = i < end && f->ops[i].kind == RECORD_VALUE ? &f->ops[i].value
							 : NULL;
	r = merge_chain_resolve(&f->chain, op->key, base, &f->value);
	return r < 0 ? r
		     : batch_add(f->out, RECORD_VALUE, op->key,
				 buf_slice(&f->value));
}

int batch_fold(const struct tt_batch *b, const struct merge_function *fn,
	       struct tt_batch *out)
{
	struct fold f = { .value = BUF_INIT, .out = out };
	int r;

	if (b->n_merges == 0 && (b->n_ranges == 0 || ranges_are_first(b)))
		return 0;
	if (b->needs_function && !fn->fn)
		return err_set(TT_EMERGE, "no merge function is registered");
	merge_chain_init(&f.chain, fn);
	r = read_ops(&f, b);
	if (r < 0 || !sort_ops(&f))
		goto out;
	for (size_t i = 0, end; i < f.n && r == 0; i = end) {
		end = key_end(&f, i);
		r = fold_key(&f, i, end);
	}
	if (r == 0)
		r = 1;
out:
	free(f.ops);
	range_set_free(f.ranges);
	merge_chain_fini(&f.chain);
	buf_fini(&f.value);
	return r;
}
