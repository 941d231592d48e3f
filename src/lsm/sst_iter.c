/* SPDX-License-Identifier: MIT */
/*
 * The cursor over one table. It keeps one block referenced; within a block a
 * step is the decoding of one record.
 *
 * Reading ahead. Blocks that follow each other and are not in the cache are
 * taken from a window: one read of several blocks' bytes. The window begins
 * at the second such block and doubles from 16 KiB to 256 KiB; compactions
 * begin with the largest. A block that is in the cache is used from there.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"
#include "lsm/sst_reader_impl.h"

#define WINDOW_MIN ((size_t)16 << 10)
#define WINDOW_MAX ((size_t)256 << 10)

struct sst_iter {
	struct rec_iter base;
	struct sst_reader *table;  /* a reference */
	struct block_cache *cache; /* kept; NULL: none */
	bool no_fill;

	struct block *block; /* referenced, or NULL */
	uint32_t block_no;   /* of `block` */
	uint32_t at;	     /* record in `block` */

	/* file bytes [window_off, window_off + window.len) */
	struct buf window;
	uint64_t window_off;
	size_t next_window; /* bytes to read next time; 0: no window yet */
	uint32_t expect;    /* the block that would follow the last miss */
};

static struct sst_iter *from_base(struct rec_iter *it)
{
	return container_of(it, struct sst_iter, base);
}

/* Makes the window begin at `off` and hold at least `need` bytes. */
static int read_window(struct sst_iter *it, uint64_t off, size_t need)
{
	uint64_t left = it->table->file_bytes - off;
	size_t want = MAX_OF(it->next_window, need);
	int r;

	want = (size_t)MIN_OF((uint64_t)want, left);
	buf_clear(&it->window);
	if (buf_reserve(&it->window, want) < 0)
		return err_nomem("a read-ahead window");
	r = env_read_exact(it->table->file, off, buf_tail(&it->window), want);
	if (r < 0)
		return r;
	it->window_off = off;
	buf_advance(&it->window, want);
	it->next_window = MIN_OF(it->next_window * 2, WINDOW_MAX);
	return 0;
}

static bool in_window(const struct sst_iter *it, uint64_t off, size_t len)
{
	return off >= it->window_off &&
	       off + len <= it->window_off + it->window.len;
}

static int read_block(struct sst_iter *it, uint32_t i, struct block **out)
{
	struct sst_block_ref ref;
	bool follows = i == it->expect;
	int r;

	it->expect = i + 1;
	if (!follows)
		it->next_window = 0;
	else if (it->next_window == 0)
		it->next_window = WINDOW_MIN;
	sst_index_block(&it->table->index, i, &ref);
	if (!in_window(it, ref.offset, ref.stored_len)) {
		if (it->next_window <= ref.stored_len)
			return sst_read_block(it->table, i, out);
		r = read_window(it, ref.offset, ref.stored_len);
		if (r < 0)
			return r;
	}
	return sst_make_block(it->table, i,
			      it->window.data + (ref.offset - it->window_off),
			      out);
}

/* Makes block `i` the current one. */
static int load_block(struct sst_iter *it, uint32_t i)
{
	struct block *b = NULL;
	int r;

	if (it->block && it->block_no == i)
		return 0;
	if (it->cache)
		b = block_cache_get(it->cache, it->table->file_no, i);
	if (!b) {
		r = read_block(it, i, &b);
		if (r < 0)
			return r;
		if (it->cache && !it->no_fill)
			b = block_cache_insert(it->cache, b, it->table->file_no,
					       i);
	}
	block_unref(it->block);
	it->block = b;
	it->block_no = i;
	return 0;
}

static ALWAYS_INLINE int show(struct sst_iter *it, uint32_t at)
{
	it->at = at;
	block_record(it->block, at, &it->base.rec);
	return 0;
}

static int first_of_block(struct sst_iter *it, uint32_t i)
{
	int r;

	if (i >= it->table->index.n_blocks)
		return TT_END;
	r = load_block(it, i);
	return r < 0 ? r : show(it, 0);
}

/* The last record of the block before `i`. */
static int last_before_block(struct sst_iter *it, uint32_t i)
{
	int r;

	if (i == 0)
		return TT_END;
	r = load_block(it, i - 1);
	return r < 0 ? r : show(it, it->block->n - 1);
}

static int sst_iter_first(struct rec_iter *base)
{
	return first_of_block(from_base(base), 0);
}

static int sst_iter_last(struct rec_iter *base)
{
	struct sst_iter *it = from_base(base);

	return last_before_block(it, it->table->index.n_blocks);
}

static int sst_iter_seek(struct rec_iter *base, struct tt_slice key, int64_t ts)
{
	struct sst_iter *it = from_base(base);
	uint32_t i = sst_index_seek(&it->table->index, key, ts), at;
	int r = load_block(it, i);

	if (r < 0)
		return r;
	at = block_seek(it->block, key, ts);
	return at < it->block->n ? show(it, at) : first_of_block(it, i + 1);
}

static int sst_iter_seek_for_prev(struct rec_iter *base, struct tt_slice key,
				  int64_t ts)
{
	struct sst_iter *it = from_base(base);
	uint32_t i = sst_index_seek(&it->table->index, key, ts), at;
	int r = load_block(it, i);

	if (r < 0)
		return r;
	at = block_seek(it->block, key, ts);
	if (at < it->block->n) {
		show(it, at);
		if (record_cmp_at(base->rec.key, base->rec.ts, key, ts) == 0)
			return 0;
	}
	return at ? show(it, at - 1) : last_before_block(it, i);
}

static int sst_iter_next(struct rec_iter *base)
{
	struct sst_iter *it = from_base(base);

	if (likely(it->at + 1 < it->block->n))
		return show(it, it->at + 1);
	return first_of_block(it, it->block_no + 1);
}

static int sst_iter_prev(struct rec_iter *base)
{
	struct sst_iter *it = from_base(base);

	if (likely(it->at > 0))
		return show(it, it->at - 1);
	return last_before_block(it, it->block_no);
}

static void sst_iter_free(struct rec_iter *base)
{
	struct sst_iter *it = from_base(base);

	block_unref(it->block);
	sst_close(it->table);
	buf_fini(&it->window);
	free(it);
}

static const struct rec_iter_ops sst_iter_ops = {
	.first = sst_iter_first,
	.last = sst_iter_last,
	.seek = sst_iter_seek,
	.seek_for_prev = sst_iter_seek_for_prev,
	.next = sst_iter_next,
	.prev = sst_iter_prev,
	.free = sst_iter_free,
};

int sst_iter_new(struct sst_reader *r, struct block_cache *cache,
		 unsigned flags, struct rec_iter **out)
{
	struct sst_iter *it = calloc(1, sizeof(*it));

	if (!it)
		return err_nomem("a table cursor");
	it->base.ops = &sst_iter_ops;
	sst_ref(r);
	it->table = r;
	it->cache = flags & SST_ITER_SEQUENTIAL ? NULL : cache;
	it->no_fill = flags & SST_ITER_NO_FILL;
	it->expect = UINT32_MAX;
	if (flags & SST_ITER_SEQUENTIAL) {
		it->expect = 0;
		it->next_window = WINDOW_MAX;
	}
	*out = &it->base;
	return 0;
}
