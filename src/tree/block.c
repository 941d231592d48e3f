/* SPDX-License-Identifier: MIT */
/*
 * A write that leaves part of a block either patches its row, which the engine
 * does without reading it, or puts it whole, with what it leaves taken from
 * the old row. A put stores no trailing zeros, and nothing for a block of
 * zeros.
 *
 * Whoever reads a patched row puts it together from all patches since it was
 * last put. So one write in PATCHES_MEAN puts a row that it could have
 * patched, by chance: there are as many patches on average, and many times
 * more nowhere, whatever the order of writes, with nothing to remember.
 *
 * Counting rows. n_blocks is exact, so a write must know whether the row was
 * there. Of a dense file all are, of one without blocks none, and behind the
 * end there are none unless trims wait; only else it asks.
 */
#include "tree/block.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/err.h"
#include "tree/schema_key.h"

/* header, kept front, gap, data, gap, kept back */
#define PARTS_MAX 6

struct parts {
	struct tt_slice s[PARTS_MAX];
	size_t n;
};

int block_decode(struct tt_slice row, const struct inode_state *st,
		 uint32_t *gen, struct tt_slice *bytes)
{
	struct schema_block b;

	if (row.len < sizeof(b) || slice_bytes(row)[0] != SCHEMA_HEAD_BLOCK ||
	    row.len - sizeof(b) > state_block_bytes(st))
		return err_set(TT_ECORRUPT,
			       "inode %" PRIu64 ": block of unknown layout",
			       st->ino);
	memcpy(&b, row.data, sizeof(b));
	*gen = le32_get(b.gen);
	*bytes = slice_skip(row, sizeof(b));
	return 0;
}

/*
 * Pins block `k`. *bytes is empty when it is absent or garbage; *is_row tells
 * whether a row is there all the same.
 */
static int pin_block(struct tt *db, const struct tt_read_options *ro,
		     const struct inode_state *st, uint64_t k,
		     struct tt_pinned *pin, struct tt_slice *bytes,
		     bool *is_row)
{
	struct schema_key key;
	uint32_t gen;
	int r;

	*bytes = SLICE_EMPTY;
	*is_row = false;
	r = tt_get_pinned(db, ro, key_block(&key, st->ino, k), pin);
	if (r)
		return r < 0 ? r : 0;
	*is_row = true;
	r = block_decode(pin->value, st, &gen, bytes);
	if (r == 0 && state_is_garbage(st, k, gen))
		*bytes = SLICE_EMPTY;
	if (r < 0)
		tt_unpin(pin);
	return r;
}

/* ---- writing ---------------------------------------------------------- */

static void parts_add(struct parts *p, const void *data, size_t len)
{
	if (len)
		p->s[p->n++] = SLICE(data, len);
}

/* `len` bytes from `off` of old contents that end early. */
static void parts_add_old(struct parts *p, struct tt_slice old, size_t off,
			  size_t len)
{
	size_t have = off < old.len ? MIN_OF(old.len - off, len) : 0;

	if (have)
		parts_add(p, slice_bytes(old) + off, have);
	parts_add(p, zero_bytes, len - have);
}

static size_t without_zeros(const uint8_t *p, size_t len)
{
	while (len >= 8) {
		uint64_t w;

		memcpy(&w, p + len - 8, sizeof(w));
		if (w)
			break;
		len -= 8;
	}
	while (len && !p[len - 1])
		len--;
	return len;
}

/* Drops zeros from the end; part 0, the header, stays. */
static void parts_trim(struct parts *p)
{
	while (p->n > 1) {
		struct tt_slice *last = &p->s[p->n - 1];

		if (last->data != (const void *)zero_bytes) {
			last->len = without_zeros(last->data, last->len);
			if (last->len)
				return;
		}
		p->n--;
	}
}

/* Puts a block of these parts (part 0 is free for the header), or removes
 * it when nothing is left, and counts. */
static int put_block(struct txn *tx, struct inode_state *st, uint64_t k,
		     struct parts *p, bool was_row)
{
	struct schema_block head = {
		.head = SCHEMA_HEAD_BLOCK,
		.gen = le32_make(st->gen),
	};
	struct schema_key key;

	p->s[0] = SLICE(&head, sizeof(head));
	parts_trim(p);
	key_block(&key, st->ino, k);
	if (p->n == 1) {
		if (!was_row)
			return 0;
		st->n_blocks--;
		return tt_batch_delete(tx->batch, key_slice(&key));
	}
	if (!was_row)
		st->n_blocks++;
	return tt_batch_putv(tx->batch, key_slice(&key), p->s, p->n);
}

/* What is known of block `k`'s row without asking: 1 there, 0 not, -1. */
static int row_is_known(const struct inode_state *st, uint64_t n_blocks,
			bool was_dense, uint64_t k)
{
	if (n_blocks == 0)
		return 0;
	if (k >= state_n_slots(st))
		return st->n_trims ? -1 : 0;
	return was_dense ? 1 : -1;
}

#define PATCHES_MEAN 32u

/* Whether so small a part of a block that is there is patched. */
static bool is_patched(const struct txn *tx, const struct inode_state *st,
		       uint64_t off, size_t len)
{
	uint64_t chance = hash_u64((uint64_t)tx->now_ns ^ off << 32 ^ st->ino);

	return len <= state_block_bytes(st) / 2 && chance % PATCHES_MEAN != 0;
}

static int patch_block(struct txn *tx, const struct inode_state *st, uint64_t k,
		       size_t at, struct tt_slice data)
{
	struct schema_key key;

	return tt_batch_patch(tx->batch, key_block(&key, st->ino, k),
			      sizeof(struct schema_block) + at, data);
}

struct write_state {
	const struct block_base *base;
	uint64_t n_blocks; /* before the write */
	bool was_dense;
};

static int write_one(struct txn *tx, struct inode_state *st,
		     const struct write_state *w, uint64_t off,
		     struct tt_slice data)
{
	uint64_t bs = state_block_bytes(st);
	uint64_t k = off >> st->block_shift;
	size_t at = (size_t)(off & (bs - 1));
	size_t end = at + data.len;
	bool keeps = at > 0 || (end < bs && off + data.len < st->size);
	int known = row_is_known(st, w->n_blocks, w->was_dense, k);
	struct parts p = { .n = 1 };
	struct tt_pinned pin = { 0 };
	struct tt_slice old = SLICE_EMPTY;
	bool is_row = known == 1;
	bool may_patch = keeps && !w->base->is_inline &&
			 is_patched(tx, st, off, data.len);
	int r = 0;

	if (may_patch && known == 1)
		return patch_block(tx, st, k, at, data);
	if (w->base->is_inline)
		old = k == 0 ? w->base->tail : SLICE_EMPTY;
	else if (known < 0 || (known == 1 && keeps))
		r = pin_block(tx->t->db, NULL, st, k, &pin, &old, &is_row);
	if (r < 0)
		return r;
	parts_add_old(&p, old, 0, at);
	parts_add(&p, data.data, data.len);
	if (keeps && end < old.len)
		parts_add(&p, slice_bytes(old) + end, old.len - end);
	if (may_patch && old.len) /* it is there, and no garbage */
		r = patch_block(tx, st, k, at, data);
	else
		r = put_block(tx, st, k, &p, is_row);
	tt_unpin(&pin);
	return r;
}

unsigned block_shift_for(size_t len)
{
	return len >= SCHEMA_STREAM_BYTES ? SCHEMA_BLOCK_SHIFT_STREAM
					  : SCHEMA_BLOCK_SHIFT;
}

int block_write(struct txn *tx, struct inode_state *st,
		const struct block_base *base, uint64_t off,
		struct tt_slice data)
{
	uint64_t bs = state_block_bytes(st);
	struct write_state w = { base, st->n_blocks, state_is_dense(st) };
	int r = 0;

	if (base->is_inline && off >= bs && base->tail.len) {
		struct parts p = { .n = 1 };

		parts_add(&p, base->tail.data, base->tail.len);
		r = put_block(tx, st, 0, &p, false);
	}
	while (r == 0 && data.len) {
		size_t n = (size_t)MIN_OF(bs - (off & (bs - 1)),
					  (uint64_t)data.len);

		r = write_one(tx, st, &w, off, slice_first(data, n));
		data = slice_skip(data, n);
		off += n;
	}
	return r;
}

/* ---- removing --------------------------------------------------------- */

/* Zeros bytes from..to-1 of block `k`. */
static int clear_in_block(struct txn *tx, struct inode_state *st, uint64_t k,
			  size_t from, size_t to)
{
	struct tt_pinned pin = { 0 };
	struct parts p = { .n = 1 };
	struct tt_slice old;
	bool is_row;
	int r;

	if (st->n_blocks == 0)
		return 0;
	r = pin_block(tx->t->db, NULL, st, k, &pin, &old, &is_row);
	if (r == 0 && old.len > from) {
		parts_add(&p, old.data, from);
		if (old.len > to) {
			parts_add(&p, zero_bytes, to - from);
			parts_add(&p, slice_bytes(old) + to, old.len - to);
		}
		r = put_block(tx, st, k, &p, true);
	}
	tt_unpin(&pin);
	return r;
}

int block_delete(struct tt_batch *b, uint64_t ino, uint64_t from, uint64_t to)
{
	struct schema_key lo, hi;
	int r = 0;

	if (to == UINT64_MAX || to - from > BLOCK_BLIND_MAX)
		return tt_batch_delete_range(
			b, key_block(&lo, ino, from),
			to == UINT64_MAX ? key_prefix_end(&hi, KEY_BLOCK, ino)
					 : key_block(&hi, ino, to));
	for (; r == 0 && from < to; from++)
		r = tt_batch_delete(b, key_block(&lo, ino, from));
	return r;
}

int block_delete_all(struct tt_batch *b, const struct inode_state *st)
{
	return block_delete(b, st->ino, 0,
			    state_is_dense(st) ? st->n_blocks : UINT64_MAX);
}

static int add_trim(struct inode_state *st, uint64_t from, uint64_t to)
{
	unsigned n = 0;

	for (unsigned i = 0; i < st->n_trims; i++) {
		const struct inode_trim *o = &st->trims[i];

		if (o->from < from || o->to > to)
			st->trims[n++] = *o;
	}
	st->n_trims = (uint8_t)n;
	if (n == SCHEMA_TRIMS_MAX)
		return err_set(-EAGAIN, "too many ranges await removal");
	st->gen++;
	st->trims[n].from = from;
	st->trims[n].to = to;
	st->trims[n].gen = st->gen;
	st->n_trims++;
	return 0;
}

/* Whatever waits for the sweeper goes with them. */
static int clear_all(struct txn *tx, struct inode_state *st)
{
	int r = block_delete_all(tx->batch, st);

	st->n_blocks = 0;
	st->n_trims = 0;
	return r;
}

/*
 * Whole blocks from..to-1. Where the count of rows is known before, they go at
 * once, however many they are; few are counted; many become a trim.
 */
static int clear_blocks(struct txn *tx, struct inode_state *st, uint64_t from,
			uint64_t to, bool *out_lazy)
{
	uint64_t end = MIN_OF(to, state_n_slots(st));
	uint64_t at = from;
	size_t n = 0;
	int r;

	if (st->n_blocks == 0 || from >= to)
		return 0;
	if (from == 0 && to == UINT64_MAX)
		return clear_all(tx, st);
	if (state_is_dense(st)) {
		if (from >= end)
			return 0;
		st->n_blocks -= end - from;
		return block_delete(tx->batch, st->ino, from, end);
	}
	r = block_sweep(tx->t->db, tx->batch, st->ino, &at, to, NULL,
			BLOCK_SWEEP_MAX, &n);
	if (r < 0)
		return r;
	st->n_blocks -= n;
	if (r == 1)
		return 0;
	*out_lazy = true;
	return add_trim(st, from, to);
}

int block_clear(struct txn *tx, struct inode_state *st, uint64_t from,
		uint64_t to, bool *out_lazy)
{
	uint64_t bs = state_block_bytes(st);
	unsigned shift = st->block_shift;
	uint64_t first = from >> shift, last;
	int r = 0;

	*out_lazy = false;
	if (from >= to)
		return 0;
	if (from & (bs - 1)) {
		uint64_t end = to >> shift == first ? to & (bs - 1) : bs;

		r = clear_in_block(tx, st, first, (size_t)(from & (bs - 1)),
				   (size_t)end);
		if (to >> shift == first)
			return r;
		first++;
	}
	last = to == UINT64_MAX ? UINT64_MAX : to >> shift;
	if (r == 0)
		r = clear_blocks(tx, st, first, last, out_lazy);
	if (r == 0 && to != UINT64_MAX && (to & (bs - 1)))
		r = clear_in_block(tx, st, last, 0, (size_t)(to & (bs - 1)));
	return r;
}

/* Adds the deletion of the row under the iterator, when it is to go. */
static int sweep_row(struct tt_iter *it, struct tt_batch *batch,
		     const struct inode_state *st, uint64_t k, size_t *n)
{
	struct tt_slice bytes;
	uint32_t gen;
	int r;

	if (st) {
		r = block_decode(tt_iter_value(it), st, &gen, &bytes);
		if (r < 0)
			return r;
		if (!state_is_garbage(st, k, gen))
			return 0;
	}
	(*n)++;
	return tt_batch_delete(batch, tt_iter_key(it));
}

int block_sweep(struct tt *db, struct tt_batch *batch, uint64_t ino,
		uint64_t *from, uint64_t to, const struct inode_state *st,
		size_t max, size_t *n)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_block(&lo, ino, *from),
		.upper = to == UINT64_MAX ? key_prefix_end(&hi, KEY_BLOCK, ino)
					  : key_block(&hi, ino, to),
		.keys_only = st == NULL,
		.no_fill = true,
	};
	struct tt_iter *it;
	size_t n_seen = 0;
	int r;

	*n = 0;
	r = tt_iter_new(db, &io, &it);
	if (r < 0)
		return r;
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		uint64_t k = key_rest_block(key_rest(tt_iter_key(it)));

		if (n_seen++ == max) {
			*from = k;
			break;
		}
		r = sweep_row(it, batch, st, k, n);
		if (r < 0)
			break;
	}
	tt_iter_free(it);
	return r < 0 ? r : r == TT_END;
}

int xattr_sweep(struct tt *db, struct tt_batch *batch, uint64_t ino, size_t max,
		size_t *n)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_prefix(&lo, KEY_XATTR, ino),
		.upper = key_prefix_end(&hi, KEY_XATTR, ino),
		.keys_only = true,
	};
	struct tt_iter *it;
	int r;

	*n = 0;
	r = tt_iter_new(db, &io, &it);
	if (r < 0)
		return r;
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		if (*n == max)
			break;
		(*n)++;
		r = tt_batch_delete(batch, tt_iter_key(it));
		if (r < 0)
			break;
	}
	tt_iter_free(it);
	return r < 0 ? r : r == TT_END;
}
