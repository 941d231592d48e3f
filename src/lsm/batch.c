/* SPDX-License-Identifier: MIT */
/*
 * Batches, encoded as they grow. The operation count in the header is kept
 * current, so the bytes are ready to be logged at any time.
 */
#include "lsm/batch.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/varint.h"
#include "lsm/operand.h"
#include "lsm/record.h"
#include "lsm/value_format.h"

int batch_check_op(struct tt_slice key, size_t value_len)
{
	if (key.len == 0)
		return err_set(TT_EKEY, "empty key");
	if (key.len > TT_KEY_MAX)
		return err_set(TT_ETOOBIG, "key of %zu bytes: at most %u",
			       key.len, TT_KEY_MAX);
	if (value_len > TT_VALUE_MAX)
		return err_set(TT_ETOOBIG, "value of %zu bytes: at most %u",
			       value_len, TT_VALUE_MAX);
	return 0;
}

int batch_check_range(struct tt_slice lower, struct tt_slice upper)
{
	int r = batch_check_op(lower, 0);

	if (r < 0)
		return r;
	if (upper.len > TT_KEY_MAX)
		return err_set(TT_ETOOBIG, "key of %zu bytes: at most %u",
			       upper.len, TT_KEY_MAX);
	if (!record_range_is_sound(lower, upper))
		return err_set(TT_EKEY, "range that ends where it begins, or "
					"before");
	return 0;
}

void batch_init(struct tt_batch *b)
{
	*b = (struct tt_batch){ .data = BUF_INIT, .savepoints = BUF_INIT };
}

void batch_fini(struct tt_batch *b)
{
	buf_fini(&b->data);
	buf_fini(&b->savepoints);
}

struct tt_batch *tt_batch_new(void)
{
	struct tt_batch *b = malloc(sizeof(*b));

	if (b)
		batch_init(b);
	return b;
}

void tt_batch_free(struct tt_batch *b)
{
	if (!b)
		return;
	batch_fini(b);
	free(b);
}

void tt_batch_clear(struct tt_batch *b)
{
	buf_clear(&b->data);
	buf_clear(&b->savepoints);
	b->n_ops = b->n_merges = b->n_ranges = 0;
	b->needs_function = false;
	b->longest = 0;
	b->separated_bytes = 0;
}

size_t tt_batch_count(const struct tt_batch *b)
{
	return b->n_ops;
}

size_t tt_batch_bytes(const struct tt_batch *b)
{
	return b->data.len;
}

struct tt_slice batch_encoded(const struct tt_batch *b)
{
	return buf_slice(&b->data);
}

/* Room for an operation, and the header before the first one. */
static int make_room(struct tt_batch *b, size_t key_len, size_t value_len)
{
	size_t more = BATCH_OP_OVERHEAD + key_len + value_len;
	struct batch_header h = { le32_make(0) };
	int r;

	if (b->data.len + more > TT_BATCH_MAX)
		return err_set(TT_ETOOBIG, "batch of over %u bytes",
			       TT_BATCH_MAX);
	r = buf_reserve(&b->data, sizeof(h) + more);
	if (r < 0)
		return r;
	if (b->data.len == 0)
		buf_put(&b->data, &h, sizeof(h));
	return 0;
}

static void put_varint(struct buf *d, uint64_t v)
{
	buf_advance(d, varint_put(buf_tail(d), v));
}

static void put_head(struct tt_batch *b, uint8_t kind, struct tt_slice key)
{
	buf_put(&b->data, &kind, 1);
	put_varint(&b->data, key.len);
	buf_put(&b->data, key.data, key.len);
	b->n_ops++;
	b->n_ranges += kind == RECORD_RANGE;
	le32_store(b->data.data, b->n_ops);
}

static int add_parts(struct tt_batch *b, uint8_t kind, struct tt_slice key,
		     const struct tt_slice *parts, size_t n)
{
	size_t len = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		if (parts[i].len > TT_VALUE_MAX - len)
			len = TT_VALUE_MAX + (size_t)1;
		else
			len += parts[i].len;
	}
	r = batch_check_op(key, len);
	if (r == 0)
		r = make_room(b, key.len, len);
	if (r < 0)
		return r;
	put_head(b, kind, key);
	if (kind == RECORD_TOMBSTONE)
		return 0;
	put_varint(&b->data, len);
	for (size_t i = 0; i < n; i++)
		buf_put(&b->data, parts[i].data, parts[i].len);
	b->longest = MAX_OF(b->longest, len);
	if (unlikely(kind == RECORD_POINTER))
		b->separated_bytes += batch_separated(key, parts[0]);
	return 0;
}

uint64_t batch_separated(struct tt_slice key, struct tt_slice stored)
{
	struct value_ptr p;

	value_ptr_decode(stored.data, key.len, &p);
	return value_ptr_space(&p);
}

int batch_add(struct tt_batch *b, uint8_t kind, struct tt_slice key,
	      struct tt_slice value)
{
	return add_parts(b, kind, key, &value, 1);
}

int tt_batch_put(struct tt_batch *b, struct tt_slice key, struct tt_slice value)
{
	return add_parts(b, RECORD_VALUE, key, &value, 1);
}

int tt_batch_putv(struct tt_batch *b, struct tt_slice key,
		  const struct tt_slice *parts, size_t n)
{
	return add_parts(b, RECORD_VALUE, key, parts, n);
}

int tt_batch_delete(struct tt_batch *b, struct tt_slice key)
{
	return add_parts(b, RECORD_TOMBSTONE, key, NULL, 0);
}

/* Adds a merge record of one operand. */
static int add_operand(struct tt_batch *b, struct tt_slice key,
		       const struct operand *op)
{
	uint8_t head[OPERAND_OVERHEAD];
	const struct tt_slice parts[] = {
		SLICE(head, operand_head(op, head)),
		op->bytes,
	};
	int r = add_parts(b, RECORD_MERGE, key, parts, ARRAY_LEN(parts));

	if (r == 0) {
		b->n_merges++;
		b->needs_function |= op->type == OPERAND_MERGE;
	}
	return r;
}

int tt_batch_patch(struct tt_batch *b, struct tt_slice key, size_t offset,
		   struct tt_slice bytes)
{
	struct operand op;
	int r = operand_patch(&op, offset, bytes);

	return r < 0 ? r : add_operand(b, key, &op);
}

int tt_batch_merge(struct tt_batch *b, struct tt_slice key,
		   struct tt_slice operand)
{
	const struct operand op = { OPERAND_MERGE, 0, operand };

	return add_operand(b, key, &op);
}

int tt_batch_delete_range(struct tt_batch *b, struct tt_slice lower,
			  struct tt_slice upper)
{
	int r = batch_check_range(lower, upper);

	return r < 0 ? r : add_parts(b, RECORD_RANGE, lower, &upper, 1);
}

/* A merge record as the operations it is made of. */
static int show_operands(const struct batch_op *op,
			 int (*fn)(void *arg, const struct tt_batch_op *op),
			 void *arg)
{
	struct tt_slice list = op->value;
	struct operand part;
	int r;

	while ((r = operand_take(&list, &part)) == 0) {
		bool is_patch = part.type == OPERAND_PATCH;
		const struct tt_batch_op user = {
			.kind = is_patch ? TT_OP_PATCH : TT_OP_MERGE,
			.key = op->key,
			.value = part.bytes,
			.offset = is_patch ? part.offset : 0,
		};

		r = fn(arg, &user);
		if (r != 0)
			return r;
	}
	assert(r == TT_END); /* our own bytes */
	return 0;
}

static int show_op(const struct batch_op *op,
		   int (*fn)(void *arg, const struct tt_batch_op *op),
		   void *arg)
{
	const struct tt_batch_op user = {
		.kind = op->kind == RECORD_TOMBSTONE ? TT_OP_DELETE
			: op->kind == RECORD_RANGE   ? TT_OP_DELETE_RANGE
						     : TT_OP_PUT,
		.key = op->key,
		.value = op->value,
	};

	return op->kind == RECORD_MERGE ? show_operands(op, fn, arg)
					: fn(arg, &user);
}

int tt_batch_each(const struct tt_batch *b,
		  int (*fn)(void *arg, const struct tt_batch_op *op), void *arg)
{
	struct batch_reader rd;
	struct batch_op op;
	int r;

	if (b->n_ops == 0)
		return 0;
	r = batch_reader_init(&rd, batch_encoded(b));
	while (r == 0 && (r = batch_reader_next(&rd, &op)) == 0) {
		r = show_op(&op, fn, arg);
		if (r != 0)
			return r;
	}
	assert(r == TT_END); /* our own bytes */
	return 0;
}

void batch_one_encode(struct batch_one *o, uint8_t kind, struct tt_slice key,
		      struct tt_slice value)
{
	uint8_t *p = o->head;
	size_t n;

	le32_store(p, 1);
	p[4] = kind;
	n = 5 + varint_put(p + 5, key.len);
	o->parts[0] = SLICE(p, n);
	o->parts[1] = key;
	p += n;
	n = kind == RECORD_TOMBSTONE ? 0 : varint_put(p, value.len);
	o->parts[2] = SLICE(p, n);
	o->parts[3] = n ? value : SLICE_EMPTY;
	o->len = o->parts[0].len + key.len + n + o->parts[3].len;
}

/* ---- decoding --------------------------------------------------------- */

static COLD int bad(const struct batch_reader *r, const char *what)
{
	return err_set(TT_ECORRUPT, "batch: %s in operation %u of %u", what,
		       r->n_ops - r->n_left + 1, r->n_ops);
}

int batch_reader_init(struct batch_reader *r, struct tt_slice encoded)
{
	if (encoded.len < sizeof(struct batch_header))
		return err_set(TT_ECORRUPT, "batch of %zu bytes", encoded.len);
	r->n_ops = le32_load(encoded.data);
	r->n_left = r->n_ops;
	r->at = slice_bytes(encoded) + sizeof(struct batch_header);
	r->end = slice_bytes(encoded) + encoded.len;
	/* The shortest operation is a tombstone of a key of one byte. */
	if (r->n_ops == 0 || r->n_ops > (size_t)(r->end - r->at) / 3)
		return err_set(TT_ECORRUPT,
			       "batch of %zu bytes says %u "
			       "operations",
			       encoded.len, r->n_ops);
	return 0;
}

/* A length and that many bytes. */
static ALWAYS_INLINE bool take(struct batch_reader *r, uint64_t max,
			       struct tt_slice *out)
{
	uint64_t len;
	size_t n = varint_get(r->at, (size_t)(r->end - r->at), &len);

	if (n == 0 || len > max || len > (size_t)(r->end - r->at) - n)
		return false;
	*out = SLICE(r->at + n, (size_t)len);
	r->at += n + len;
	return true;
}

int batch_reader_next(struct batch_reader *r, struct batch_op *out)
{
	if (r->n_left == 0)
		return r->at == r->end
			       ? TT_END
			       : err_set(TT_ECORRUPT,
					 "batch: %zu bytes behind the last "
					 "operation",
					 (size_t)(r->end - r->at));
	if (r->at == r->end)
		return bad(r, "the end");
	out->kind = *r->at++;
	if (!record_kind_is_known(out->kind))
		return bad(r, "an unknown kind");
	if (!take(r, TT_KEY_MAX, &out->key) || out->key.len == 0)
		return bad(r, "an impossible key");
	out->value = SLICE_EMPTY;
	if (out->kind != RECORD_TOMBSTONE &&
	    !take(r, TT_VALUE_MAX, &out->value))
		return bad(r, "an impossible value");
	if (unlikely(out->kind == RECORD_POINTER) &&
	    !value_ptr_is_sound(out->value.data, out->value.len))
		return bad(r, "an impossible pointer to a value");
	if (unlikely(out->kind == RECORD_RANGE) &&
	    !record_range_is_sound(out->key, out->value))
		return bad(r, "an impossible range");
	r->n_left--;
	return 0;
}

int batch_verify(struct tt_slice encoded)
{
	struct batch_reader rd;
	struct batch_op op;
	int r = batch_reader_init(&rd, encoded);

	while (r == 0)
		r = batch_reader_next(&rd, &op);
	return r == TT_END ? 0 : r;
}
