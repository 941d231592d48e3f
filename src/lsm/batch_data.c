/* SPDX-License-Identifier: MIT */
/*
 * Batches as bytes: encoded, replayed, joined, cut back. A batch is its
 * encoded form at any time, so all of this copies or shortens bytes.
 */
#include "base/assert.h"
#include "base/err.h"
#include "lsm/batch.h"
#include "lsm/operand.h"
#include "lsm/record.h"

struct tt_slice tt_batch_data(const struct tt_batch *b)
{
	return batch_encoded(b);
}

/* Notes what a merge record of `b` asks for. */
static int note_merge(struct tt_batch *b, struct tt_slice list)
{
	struct operand op;
	int r;

	if (list.len == 0)
		return err_set(TT_ECORRUPT, "batch: merge record of nothing");
	b->n_merges++;
	while ((r = operand_take(&list, &op)) == 0)
		b->needs_function |= op.type == OPERAND_MERGE;
	return r == TT_END ? 0 : r;
}

/* Counts what the bytes of `b` hold. The log may hold more than a user may
 * write. */
static int take_stock(struct tt_batch *b)
{
	struct batch_reader rd;
	struct batch_op op;
	int r = batch_reader_init(&rd, batch_encoded(b));

	while (r == 0 && (r = batch_reader_next(&rd, &op)) == 0) {
		if (op.kind == RECORD_VALUE)
			b->longest = MAX_OF(b->longest, op.value.len);
		else if (op.kind == RECORD_MERGE)
			r = note_merge(b, op.value);
		else if (op.kind == RECORD_RANGE)
			b->n_ranges++;
		else if (op.kind != RECORD_TOMBSTONE)
			r = err_set(TT_ECORRUPT,
				    "batch: operation %u is of kind %u, which "
				    "is none",
				    rd.n_ops - rd.n_left, op.kind);
	}
	b->n_ops = rd.n_ops;
	return r == TT_END ? 0 : r;
}

int tt_batch_from(struct tt_slice data, struct tt_batch **out)
{
	struct tt_batch *b;
	int r;

	if (data.len > TT_BATCH_MAX)
		return err_set(TT_ETOOBIG, "batch of %zu bytes: at most %u",
			       data.len, TT_BATCH_MAX);
	b = tt_batch_new();
	if (!b)
		return err_nomem("batch");
	r = buf_append_slice(&b->data, data);
	if (r == 0 && data.len)
		r = take_stock(b);
	if (r < 0) {
		tt_batch_free(b);
		return r;
	}
	*out = b;
	return 0;
}

int tt_batch_append(struct tt_batch *to, const struct tt_batch *from)
{
	size_t head = sizeof(struct batch_header), skip, more;
	uint32_t n = from->n_ops;
	int r;

	if (n == 0)
		return 0;
	/* The header of the first batch serves both. */
	skip = to->n_ops ? head : 0;
	more = from->data.len - skip;
	if (to->data.len + more > TT_BATCH_MAX)
		return err_set(TT_ETOOBIG, "batch of over %u bytes",
			       TT_BATCH_MAX);
	r = buf_reserve(&to->data, more);
	if (r < 0)
		return r;
	/* Read after the reservation: it may be the same batch. */
	buf_put(&to->data, from->data.data + skip, more);
	to->n_ops += n;
	to->n_merges += from->n_merges;
	to->n_ranges += from->n_ranges;
	to->needs_function |= from->needs_function;
	to->longest = MAX_OF(to->longest, from->longest);
	le32_store(to->data.data, to->n_ops);
	return 0;
}

/* ---- savepoints ------------------------------------------------------- */

int tt_batch_savepoint(struct tt_batch *b)
{
	struct batch_savepoint s;

	memset(&s, 0, sizeof(s)); /* its padding is copied */
	s.bytes = b->data.len;
	s.n_ops = b->n_ops;
	s.n_merges = b->n_merges;
	s.n_ranges = b->n_ranges;
	s.needs_function = b->needs_function;
	return buf_append(&b->savepoints, &s, sizeof(s));
}

/* Removes the last one. */
static int pop(struct tt_batch *b, struct batch_savepoint *out)
{
	size_t n = b->savepoints.len;

	if (n == 0)
		return TT_NOTFOUND;
	assert(n % sizeof(*out) == 0);
	memcpy(out, b->savepoints.data + n - sizeof(*out), sizeof(*out));
	buf_truncate(&b->savepoints, n - sizeof(*out));
	return 0;
}

int tt_batch_rollback(struct tt_batch *b)
{
	struct batch_savepoint s;
	int r = pop(b, &s);

	if (r != 0)
		return r;
	assert(s.bytes <= b->data.len && s.n_ops <= b->n_ops);
	buf_truncate(&b->data, s.bytes);
	b->n_ops = s.n_ops;
	b->n_merges = s.n_merges;
	b->n_ranges = s.n_ranges;
	b->needs_function = s.needs_function;
	if (b->n_ops)
		le32_store(b->data.data, b->n_ops);
	return 0;
}

int tt_batch_drop_savepoint(struct tt_batch *b)
{
	struct batch_savepoint s;

	return pop(b, &s);
}
