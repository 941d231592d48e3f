/* SPDX-License-Identifier: MIT */
#include "lsm/batch_fold.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "lsm/batch.h"
#include "lsm/merge_chain.h"
#include "lsm/record.h"

struct fold {
	struct batch_op *ops; /* by key, then from the last to the first */
	size_t n;
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

static int read_ops(struct fold *f, const struct tt_batch *b)
{
	struct batch_reader rd;
	int r;

	f->ops = malloc(b->n_ops * sizeof(*f->ops));
	if (!f->ops)
		return err_nomem("batch");
	r = batch_reader_init(&rd, batch_encoded(b));
	while (r == 0 && (r = batch_reader_next(&rd, &f->ops[f->n])) == 0)
		f->n++;
	assert(r == TT_END && f->n == b->n_ops); /* our own bytes */
	qsort(f->ops, f->n, sizeof(*f->ops), op_cmp);
	return 0;
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

/* What is left of the operations [i, end) on one key. */
static int fold_key(struct fold *f, size_t i, size_t end)
{
	const struct batch_op *op = &f->ops[i];
	const struct tt_slice *base;
	int r = 0;

	if (op->kind != RECORD_MERGE)
		return batch_add(f->out, op->kind, op->key, op->value);
	merge_chain_reset(&f->chain);
	for (; i < end && f->ops[i].kind == RECORD_MERGE && r == 0; i++)
		r = merge_chain_push(&f->chain, f->ops[i].value);
	if (r < 0)
		return r;
	if (i == end) {
		r = merge_chain_fuse(&f->chain, &f->value);
		return r < 0 ? r
			     : batch_add(f->out, RECORD_MERGE, op->key,
					 buf_slice(&f->value));
	}
	base = f->ops[i].kind == RECORD_VALUE ? &f->ops[i].value : NULL;
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

	if (b->n_merges == 0)
		return 0;
	if (b->needs_function && !fn->fn)
		return err_set(TT_EMERGE, "no merge function is registered");
	merge_chain_init(&f.chain, fn);
	r = read_ops(&f, b);
	if (r < 0 || !is_needed(&f))
		goto out;
	for (size_t i = 0, end; i < f.n && r == 0; i = end) {
		end = key_end(&f, i);
		r = fold_key(&f, i, end);
	}
	if (r == 0)
		r = 1;
out:
	free(f.ops);
	merge_chain_fini(&f.chain);
	buf_fini(&f.value);
	return r;
}
