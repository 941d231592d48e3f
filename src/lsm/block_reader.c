/* SPDX-License-Identifier: MIT */
/*
 * Making and searching blocks in memory. What is unusual:
 *
 * - Prefixes are the four bytes behind what all keys of the block share,
 *   zero-padded, as numbers. Neighbouring keys nearly always differ there;
 *   records that agree are told apart by their whole keys.
 * - A block whose records are out of order (damage that has a valid
 *   checksum, so none that hardware makes) is searched without harm: every
 *   offset is in bounds, answers are merely wrong. sst_verify() finds it.
 */
#include "lsm/block_reader.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/checksum.h"
#include "lsm/block_cache.h"
#include "lsm/block_mem.h"

/* Debug builds take each block from the heap, where sanitizers see who
 * reads beyond it or after its end. */
static void *take_memory(size_t bytes)
{
	return TT_DEBUG ? aligned_alloc(CACHE_LINE, bytes)
			: block_mem_alloc(bytes);
}

static void give_memory(struct block *b)
{
	if (TT_DEBUG)
		free(b);
	else
		block_mem_free(b, b->bytes);
}

struct block *block_alloc(uint32_t n, uint32_t raw_len)
{
	size_t bytes = block_mem_size(block_bytes(n, raw_len));
	struct block *b = take_memory(bytes);

	if (!b)
		return NULL;
	b->n = n;
	b->lcp = 0;
	b->raw_len = raw_len;
	b->block_no = 0;
	b->file_no = 0;
	b->bytes = bytes;
	b->shard = NULL;
	b->data = block_data(b);
	atomic_init(&b->refs, 1);
	atomic_init(&b->freq, 0);
	b->queue = 0;
	b->chain = b->newer = b->older = NULL;
	return b;
}

void block_unref(struct block *b)
{
	if (!b)
		return;
	if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (b->shard)
		block_cache_uncharge(b);
	give_memory(b);
}

/* Four bytes of a stored key from `at` on. Reading past the key's end is
 * safe: at least 21 bytes of its record follow. */
static ALWAYS_INLINE uint32_t stored_prefix(struct tt_slice key, size_t at)
{
	uint32_t v;

	if (unlikely(key.len <= at))
		return 0;
	v = be32_load(slice_bytes(key) + at);
	return key.len - at >= 4
		       ? v
		       : v & ~(UINT32_MAX >> (8 * (unsigned)(key.len - at)));
}

/* The same of a key that ends where it ends. */
static ALWAYS_INLINE uint32_t target_prefix(struct tt_slice key, size_t at)
{
	uint8_t pad[4] = { 0 };

	if (likely(key.len >= at + 4))
		return be32_load(slice_bytes(key) + at);
	if (key.len > at)
		memcpy(pad, slice_bytes(key) + at, key.len - at);
	return be32_load(pad);
}

int block_index(struct block *b)
{
	uint32_t *offsets = b->index + b->n;
	size_t at = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		size_t len = record_check_at(b->data + at, b->raw_len - at);

		if (unlikely(len == 0))
			return TT_ECORRUPT;
		offsets[i] = (uint32_t)at;
		at += len;
	}
	if (at != b->raw_len)
		return TT_ECORRUPT;
	b->lcp = (uint32_t)slice_common_prefix(
		record_key_at(b->data),
		record_key_at(b->data + offsets[b->n - 1]));
	for (uint32_t i = 0; i < b->n; i++)
		b->index[i] = stored_prefix(record_key_at(b->data + offsets[i]),
					    b->lcp);
	return 0;
}

int block_check_order(const struct block *b)
{
	struct record prev, cur;

	block_record(b, 0, &prev);
	for (uint32_t i = 1; i < b->n; i++) {
		block_record(b, i, &cur);
		if (!record_may_follow(&prev, &cur))
			return TT_ECORRUPT;
		prev = cur;
	}
	return 0;
}

int block_fill(struct block *b, struct tt_slice stored, uint64_t sum,
	       enum codec codec, const struct compress_dict *dict,
	       const char **why)
{
	uint8_t *data = block_data(b);
	int r;

	if (unlikely(checksum_slice(stored) != sum)) {
		*why = "fails its checksum";
		return TT_ECORRUPT;
	}
	if (stored.len != b->raw_len) {
		r = dict ? compress_dict_inflate(dict, stored, data, b->raw_len)
			 : decompress_into(codec, stored, data, b->raw_len);
		if (r < 0) {
			*why = "does not inflate";
			return r;
		}
	} else if (stored.data != data) {
		memcpy(data, stored.data, stored.len);
	}
	r = block_index(b);
	if (unlikely(r < 0))
		*why = "holds malformed records";
	return r;
}

/* The number of values below `p` in the `n` >= 1 ascending values at `a`. */
static ALWAYS_INLINE uint32_t count_below(const uint32_t *a, uint32_t n,
					  uint32_t p)
{
	const uint32_t *base = a;

	while (n > 1) {
		uint32_t half = n / 2;

		base += base[half - 1] < p ? half : 0;
		n -= half;
	}
	return (uint32_t)(base - a) + (base[0] < p);
}

/* Record `i` against (key, ts) in internal order. */
static ALWAYS_INLINE int cmp_at(const struct block *b, uint32_t i,
				struct tt_slice key, int64_t ts)
{
	struct record rec;
	int c;

	c = key_cmp(record_key_at(block_at(b, i)), key);
	if (likely(c))
		return c;
	block_record(b, i, &rec);
	return (rec.ts < ts) - (rec.ts > ts);
}

uint32_t block_find_exact(const struct block *b, struct tt_slice key,
			  int64_t ts)
{
	uint32_t p = target_prefix(key, b->lcp);
	uint32_t lo = count_below(b->index, b->n, p);
	uint32_t hi;

	if (lo == b->n || b->index[lo] != p)
		return lo;
	/* Records lo to hi - 1 agree with the key in the prefix. */
	if (lo + 1 == b->n || b->index[lo + 1] != p)
		hi = lo + 1;
	else if (p == UINT32_MAX)
		hi = b->n;
	else
		hi = lo + count_below(b->index + lo, b->n - lo, p + 1);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (cmp_at(b, mid, key, ts) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void block_ask(const struct block *b, struct tt_slice key)
{
	uint32_t p = target_prefix(key, b->lcp);
	uint32_t i = count_below(b->index, b->n, p);
	const uint8_t *at = block_at(b, i < b->n ? i : b->n - 1);

	for (int line = 0; line < 4; line++)
		__builtin_prefetch(at + line * CACHE_LINE);
}

uint32_t block_seek(const struct block *b, struct tt_slice key, int64_t ts)
{
	struct tt_slice first = record_key_at(b->data);
	size_t n = MIN_OF(key.len, (size_t)b->lcp);
	int c = n ? memcmp(key.data, first.data, n) : 0;

	if (c < 0 || (c == 0 && key.len < b->lcp))
		return 0;
	if (c > 0)
		return b->n;
	return block_find_exact(b, key, ts);
}
