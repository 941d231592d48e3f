/* SPDX-License-Identifier: MIT */
/* Reading blocks: their rows are pinned and shown as pieces. */
#include <stdlib.h>

#include "base/err.h"
#include "tree/block.h"
#include "tree/schema_key.h"

const uint8_t zero_bytes[ZERO_BYTES];

static void view_add(struct block_view *v, const uint8_t *p, size_t len)
{
	if (!len)
		return;
	v->iov[v->n_iov].iov_base = (void *)(uintptr_t)p;
	v->iov[v->n_iov].iov_len = len;
	v->n_iov++;
	v->total += len;
}

static void view_add_zeros(struct block_view *v, size_t len)
{
	while (len) {
		struct iovec *last = v->n_iov ? &v->iov[v->n_iov - 1] : NULL;
		size_t n = MIN_OF(len, (size_t)ZERO_BYTES);

		if (last && last->iov_base == (void *)(uintptr_t)zero_bytes &&
		    last->iov_len < ZERO_BYTES) {
			n = MIN_OF(len, ZERO_BYTES - last->iov_len);
			last->iov_len += n;
			v->total += n;
		} else {
			view_add(v, zero_bytes, n);
		}
		len -= n;
	}
}

/* `len` bytes from `off` of something whose bytes end early. */
static void view_add_padded(struct block_view *v, struct tt_slice bytes,
			    uint64_t off, size_t len)
{
	size_t have = off < bytes.len ? bytes.len - off : 0;

	have = MIN_OF(have, len);
	if (have)
		view_add(v, slice_bytes(bytes) + off, have);
	view_add_zeros(v, len - have);
}

static int view_room(struct block_view *v, size_t n_slots, size_t len)
{
	size_t n_iov = 2 * n_slots + len / ZERO_BYTES + 3;

	v->iov = v->iov_inline;
	v->pins = v->pins_inline;
	v->n_iov = 0;
	v->n_pins = 0;
	v->total = 0;
	if (n_iov > ARRAY_LEN(v->iov_inline)) {
		v->iov = malloc(n_iov * sizeof(*v->iov));
		if (!v->iov)
			goto fail;
	}
	if (n_slots > ARRAY_LEN(v->pins_inline)) {
		v->pins = malloc(n_slots * sizeof(*v->pins));
		if (!v->pins)
			goto fail;
	}
	return 0;
fail:
	if (v->iov != v->iov_inline)
		free(v->iov);
	v->iov = v->iov_inline;
	v->pins = v->pins_inline;
	return err_nomem("a list of blocks");
}

/* What was got of block `k`: its bytes, none where it is absent or garbage. */
static int got_block(const struct inode_state *st, uint64_t k, int status,
		     const struct tt_pinned *pin, struct tt_slice *bytes)
{
	uint32_t gen;
	int r;

	*bytes = SLICE_EMPTY;
	if (status)
		return status < 0 ? status : 0;
	r = block_decode(pin->value, st, &gen, bytes);
	if (r == 0 && state_is_garbage(st, k, gen))
		*bytes = SLICE_EMPTY;
	return r;
}

/* Pins the blocks from *off on, PORTION at most, all with one call: the
 * engine has the reads of a slow disk under way together. */
#define PORTION 16u

static int view_portion(struct block_view *v, struct tt *db,
			const struct tt_read_options *ro,
			const struct inode_state *st, uint64_t *off,
			size_t *len)
{
	struct tt_pinned *pins = &v->pins[v->n_pins];
	struct schema_key keys[PORTION];
	struct tt_slice slices[PORTION] = { 0 };
	int statuses[PORTION];
	uint64_t bs = state_block_bytes(st), k = *off >> st->block_shift;
	size_t n = (size_t)MIN_OF(
		((*off + *len - 1) >> st->block_shift) - k + 1, PORTION);
	int r = 0;

	for (size_t i = 0; i < n; i++)
		slices[i] = key_block(&keys[i], st->ino, k + i);
	/* every failure is a status */
	(void)tt_multi_get(db, ro, slices, n, pins, statuses);
	v->n_pins += n;
	for (size_t i = 0; r == 0 && i < n; i++) {
		uint64_t in_block = *off & (bs - 1);
		size_t part = (size_t)MIN_OF(bs - in_block, (uint64_t)*len);
		struct tt_slice bytes;

		r = got_block(st, k + i, statuses[i], &pins[i], &bytes);
		if (r == 0)
			view_add_padded(v, bytes, in_block, part);
		*off += part;
		*len -= part;
	}
	return r;
}

int block_view_init(struct block_view *v, struct tt *db,
		    const struct tt_read_options *ro,
		    const struct inode_state *st, struct tt_slice tail,
		    uint64_t off, size_t len)
{
	bool has_blocks = !st->is_inline && st->n_blocks > 0;
	size_t n_slots = 0;
	int r;

	if (has_blocks && len)
		n_slots = (size_t)(((off + len - 1) >> st->block_shift) -
				   (off >> st->block_shift) + 1);
	r = view_room(v, n_slots, len);
	if (r < 0 || !has_blocks) {
		if (r == 0)
			view_add_padded(v, tail, off, len);
		return r;
	}
	while (r == 0 && len)
		r = view_portion(v, db, ro, st, &off, &len);
	return r;
}

void block_view_fini(struct block_view *v)
{
	for (size_t i = 0; i < v->n_pins; i++)
		tt_unpin(&v->pins[i]);
	if (v->iov != v->iov_inline)
		free(v->iov);
	if (v->pins != v->pins_inline)
		free(v->pins);
}
