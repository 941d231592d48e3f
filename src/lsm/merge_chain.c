/* SPDX-License-Identifier: MIT */
#include "lsm/merge_chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lsm/operand.h"

/* Memory beyond this is given back between chains. */
#define KEEP_BYTES ((size_t)256 << 10)
#define KEEP_PIECES 1024

void merge_chain_init(struct merge_chain *c, const struct merge_function *fn)
{
	*c = (struct merge_chain){ .fn = fn, .bytes = BUF_INIT };
}

void merge_chain_fini(struct merge_chain *c)
{
	buf_fini(&c->bytes);
	free(c->runs);
	free(c->pieces);
	free(c->ops);
	merge_chain_init(c, c->fn);
}

void merge_chain_reset(struct merge_chain *c)
{
	if (c->cap_pieces > KEEP_PIECES) {
		free(c->pieces);
		c->pieces = NULL;
		c->cap_pieces = 0;
	}
	buf_clear(&c->bytes);
	buf_shrink(&c->bytes, KEEP_BYTES);
	c->n_runs = c->n_pieces = 0;
}

/* ---- gathering -------------------------------------------------------- */

static int keep_bytes(struct merge_chain *c, struct tt_slice s, size_t *at)
{
	*at = c->bytes.len;
	return buf_append_slice(&c->bytes, s);
}

/* Room for one more piece. */
static int grow_pieces(struct merge_chain *c)
{
	size_t cap = c->cap_pieces ? 2 * c->cap_pieces : 16;
	struct chain_piece *p;

	if (c->n_pieces < c->cap_pieces)
		return 0;
	p = realloc(c->pieces, cap * sizeof(*p));
	if (!p)
		return err_nomem("merge");
	c->pieces = p;
	c->cap_pieces = cap;
	return 0;
}

/* Makes the oldest run one of `type`. */
static int open_run(struct merge_chain *c, uint8_t type)
{
	if (c->n_runs && c->runs[c->n_runs - 1].type == type)
		return 0;
	if (c->n_runs == c->cap_runs) {
		size_t cap = c->cap_runs ? 2 * c->cap_runs : 4;
		struct chain_run *p = realloc(c->runs, cap * sizeof(*p));

		if (!p)
			return err_nomem("merge");
		c->runs = p;
		c->cap_runs = cap;
	}
	c->runs[c->n_runs++] = (struct chain_run){ type, c->n_pieces };
	return 0;
}

static int insert_piece(struct merge_chain *c, size_t i, uint32_t offset,
			struct tt_slice bytes)
{
	struct chain_piece p = { .len = (uint32_t)bytes.len, .offset = offset };
	int r = grow_pieces(c);

	if (r == 0)
		r = keep_bytes(c, bytes, &p.at);
	if (r < 0)
		return r;
	memmove(c->pieces + i + 1, c->pieces + i,
		(c->n_pieces - i) * sizeof(*c->pieces));
	c->pieces[i] = p;
	c->n_pieces++;
	return 0;
}

static uint32_t piece_end(const struct chain_piece *p)
{
	return p->offset + p->len;
}

/* The first piece of the oldest run that ends behind `offset`. */
static size_t find_piece(const struct merge_chain *c, uint32_t offset)
{
	size_t lo = c->runs[c->n_runs - 1].first, hi = c->n_pieces;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (piece_end(&c->pieces[mid]) <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Keeps what newer patches of the run do not cover. */
static int push_patch(struct merge_chain *c, const struct operand *op)
{
	uint32_t at = op->offset;
	uint32_t end = at + (uint32_t)op->bytes.len;
	int r = open_run(c, OPERAND_PATCH);
	size_t i;

	if (r < 0)
		return r;
	/* One of no bytes may still extend the value. */
	if (at == end)
		return insert_piece(c, find_piece(c, at), at, op->bytes);
	for (i = find_piece(c, at); at < end; i++) {
		uint32_t stop = end;

		if (i < c->n_pieces)
			stop = MIN_OF(end, c->pieces[i].offset);
		if (at < stop) {
			r = insert_piece(c, i++, at,
					 SLICE(slice_bytes(op->bytes) +
						       (at - op->offset),
					       stop - at));
			if (r < 0)
				return r;
		}
		if (i == c->n_pieces)
			break;
		at = MAX_OF(at, piece_end(&c->pieces[i]));
	}
	return 0;
}

static int push_merge(struct merge_chain *c, const struct operand *op)
{
	int r = open_run(c, OPERAND_MERGE);

	return r < 0 ? r : insert_piece(c, c->n_pieces, 0, op->bytes);
}

/* Reads a list into c->ops. */
static int read_list(struct merge_chain *c, struct tt_slice list)
{
	int r = operands_check(list);

	for (c->n_ops = 0; r == 0 && list.len; c->n_ops++) {
		if (c->n_ops == c->cap_ops) {
			size_t cap = c->cap_ops ? 2 * c->cap_ops : 8;
			struct operand *p = realloc(c->ops, cap * sizeof(*p));

			if (!p)
				return err_nomem("merge");
			c->ops = p;
			c->cap_ops = cap;
		}
		r = operand_take(&list, &c->ops[c->n_ops]);
	}
	return r;
}

int merge_chain_push(struct merge_chain *c, struct tt_slice operands)
{
	int r = read_list(c, operands);

	for (size_t i = c->n_ops; r == 0 && i-- > 0;)
		r = c->ops[i].type == OPERAND_PATCH ? push_patch(c, &c->ops[i])
						    : push_merge(c, &c->ops[i]);
	return r;
}

/* ---- resolving -------------------------------------------------------- */

/* The pieces of run `i`. */
static const struct chain_piece *run_pieces(const struct merge_chain *c,
					    size_t i, size_t *n)
{
	size_t end = i + 1 < c->n_runs ? c->runs[i + 1].first : c->n_pieces;

	*n = end - c->runs[i].first;
	return c->pieces + c->runs[i].first;
}

static struct tt_slice piece_bytes(const struct merge_chain *c,
				   const struct chain_piece *p)
{
	return SLICE(c->bytes.data + p->at, p->len);
}

static int apply_patches(const struct merge_chain *c, size_t run,
			 struct buf *value)
{
	size_t n, end;
	const struct chain_piece *p = run_pieces(c, run, &n);

	/* Ascending and disjoint: the last one ends last. */
	end = piece_end(&p[n - 1]);
	if (end > value->len) {
		int r = buf_reserve(value, end - value->len);

		if (r < 0)
			return r;
		memset(buf_tail(value), 0, end - value->len);
		buf_advance(value, end - value->len);
	}
	for (size_t i = 0; i < n; i++)
		if (p[i].len)
			memcpy(value->data + p[i].offset,
			       c->bytes.data + p[i].at, p[i].len);
	return 0;
}

static int call_function(const struct merge_chain *c, struct tt_slice key,
			 const struct tt_slice *base,
			 const struct tt_slice *operands, size_t n,
			 struct buf *value)
{
	struct tt_merge_result res = { BUF_INIT };
	int r = c->fn->fn(c->fn->arg, key, base, operands, n, &res);

	if (r == 0 && res.value.len > TT_VALUE_MAX)
		r = err_set(TT_ETOOBIG,
			    "the merge function made a value of "
			    "%zu bytes",
			    res.value.len);
	if (r == 0) {
		buf_fini(value);
		*value = res.value;
		return 0;
	}
	buf_fini(&res.value);
	return r < 0 ? r : -EINVAL;
}

static int apply_merges(const struct merge_chain *c, size_t run,
			struct tt_slice key, bool has_value, struct buf *value)
{
	size_t n;
	const struct chain_piece *p = run_pieces(c, run, &n);
	struct tt_slice base = buf_slice(value);
	struct tt_slice *operands;
	int r;

	if (!c->fn->fn)
		return err_set(TT_EMERGE, "a value needs the merge function "
					  "that it was written with");
	operands = malloc(n * sizeof(*operands));
	if (!operands)
		return err_nomem("merge");
	for (size_t i = 0; i < n; i++)
		operands[n - 1 - i] = piece_bytes(c, &p[i]);
	r = call_function(c, key, has_value ? &base : NULL, operands, n, value);
	free(operands);
	return r;
}

int merge_chain_resolve(struct merge_chain *c, struct tt_slice key,
			const struct tt_slice *base, struct buf *out)
{
	bool has_value = base != NULL;
	int r = 0;

	buf_clear(out);
	if (has_value)
		r = buf_append_slice(out, *base);
	for (size_t i = c->n_runs; r == 0 && i-- > 0; has_value = true)
		r = c->runs[i].type == OPERAND_PATCH
			    ? apply_patches(c, i, out)
			    : apply_merges(c, i, key, has_value, out);
	return r;
}

/* ---- fusing ----------------------------------------------------------- */

/* The pieces from `i` that follow each other without a gap, as one patch. */
static int fuse_patch(const struct merge_chain *c, const struct chain_piece *p,
		      size_t n, size_t *i, struct buf *out)
{
	size_t end = *i + 1;
	struct operand op = { OPERAND_PATCH, p[*i].offset, SLICE_EMPTY };
	uint8_t head[OPERAND_OVERHEAD];
	int r;

	while (end < n && p[end].offset == piece_end(&p[end - 1]))
		end++;
	op.bytes.len = piece_end(&p[end - 1]) - p[*i].offset;
	r = buf_append(out, head, operand_head(&op, head));
	for (; r == 0 && *i < end; (*i)++)
		r = buf_append_slice(out, piece_bytes(c, &p[*i]));
	return r;
}

static int fuse_run(const struct merge_chain *c, size_t run, struct buf *out)
{
	size_t n, i = 0;
	const struct chain_piece *p = run_pieces(c, run, &n);
	int r = 0;

	if (c->runs[run].type == OPERAND_PATCH) {
		while (r == 0 && i < n)
			r = fuse_patch(c, p, n, &i, out);
		return r;
	}
	for (i = n; r == 0 && i-- > 0;) {
		const struct operand op = { OPERAND_MERGE, 0,
					    piece_bytes(c, &p[i]) };

		r = operand_append(out, &op);
	}
	return r;
}

int merge_chain_fuse(const struct merge_chain *c, struct buf *out)
{
	int r = 0;

	buf_clear(out);
	for (size_t i = c->n_runs; r == 0 && i-- > 0;)
		r = fuse_run(c, i, out);
	return r;
}
