/* SPDX-License-Identifier: MIT */
/*
 * Places in a table (sst_cursor.h), and the cursor over one table.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/env.h"
#include "base/err.h"
#include "base/mutex.h"
#include "lsm/sst_cursor.h"
#include "lsm/sst_reader_impl.h"

#define WINDOW_MIN ((size_t)16 << 10)
#define WINDOW_MAX ((size_t)256 << 10)
/* With a small cache windows are small too: this part of it at most. */
#define WINDOW_CACHE_PART 64

/* A miss so many blocks behind the last one goes on with it: what lay
 * between was in the cache. */
#define GAP_MAX 4u

/* How far a search is: the last steps of sst_cursor_prepare() leave it in one
 * of two states. */
enum {
	STEP_FIND,
	STEP_ASK,
	STEP_SEARCH,
	DONE_FOUND,   /* c->at is the answer in the current block */
	DONE_MISSING, /* the block is not in the cache */
};

/* ---- reading ------------------------------------------------------------ */

static size_t window_max(const struct sst_cursor *c)
{
	size_t part;

	if (!c->lender)
		return WINDOW_MAX;
	part = block_cache_capacity(c->lender) / WINDOW_CACHE_PART;
	return part < WINDOW_MIN ? WINDOW_MIN : MIN_OF(part, WINDOW_MAX);
}

static void drop_window(struct sst_cursor *c)
{
	buf_fini(&c->window);
	if (c->borrowed)
		block_cache_give_back(c->lender, c->borrowed);
	c->borrowed = 0;
}

/* An empty window of `bytes`; false when there is no memory for it. */
static bool make_window(struct sst_cursor *c, size_t bytes)
{
	buf_clear(&c->window);
	if (c->window.cap >= bytes)
		return true;
	drop_window(c);
	if (c->lender && !block_cache_try_borrow(c->lender, bytes))
		return false;
	c->borrowed = c->lender ? bytes : 0;
	if (buf_reserve(&c->window, bytes) == 0)
		return true;
	drop_window(c);
	return false;
}

/* Makes the window hold block `ref`: as its beginning, or its end when the
 * cursor goes back. TT_NOTFOUND when there is no memory for a window. */
static int read_window(struct sst_cursor *c, const struct sst_block_ref *ref,
		       bool is_reverse)
{
	uint64_t end = ref->offset + ref->stored_len;
	uint64_t data = c->table->header_len;
	size_t want = MAX_OF(c->next_window, (size_t)ref->stored_len);
	uint64_t from = ref->offset;
	int r;

	if (is_reverse) {
		from = end - data > want ? end - want : data;
		want = (size_t)(end - from);
	} else if (c->table->file_bytes - from < want) {
		want = (size_t)(c->table->file_bytes - from);
	}
	if (!make_window(c, want))
		return TT_NOTFOUND;
	residency_drop_to(&c->cached, c->table->file, from);
	r = env_read_exact(c->table->file, from, buf_tail(&c->window), want);
	if (r < 0)
		return r;
	c->window_off = from;
	buf_advance(&c->window, want);
	c->next_window = MIN_OF(c->next_window * 2, window_max(c));
	return 0;
}

static bool in_window(const struct sst_cursor *c, uint64_t off, size_t len)
{
	return off >= c->window_off &&
	       off + len <= c->window_off + c->window.len;
}

/* From the disk; ahead, as far as windows are, but not going back. */
static int read_verified(struct sst_cursor *c, uint32_t i, bool is_reverse,
			 struct block **out)
{
	size_t window = is_reverse ? 0 : c->next_window;

	if (!c->direct)
		c->direct = calloc(1, sizeof(*c->direct));
	if (!c->direct)
		return err_nomem("a table cursor");
	c->next_window = MIN_OF(c->next_window * 2, window_max(c));
	return sst_direct_block(c->table, c->direct, i, window, out);
}

static void drop_direct(struct sst_cursor *c)
{
	if (!c->direct)
		return;
	sst_direct_fini(c->direct);
	free(c->direct);
	c->direct = NULL;
}

/* A window of this size is the block asked for: most scans are short, and end
 * in the block behind the one where they began. */
#define ONE_BLOCK 1

static int read_block(struct sst_cursor *c, uint32_t i, struct block **out)
{
	struct sst_block_ref ref;
	bool goes_on = i - c->last_miss - 1 < GAP_MAX; /* modulo 2^32 */
	bool goes_back = c->last_miss - i - 1 < GAP_MAX;
	int r;

	c->last_miss = i;
	if (!goes_on && !goes_back)
		c->next_window = 0;
	else if (c->next_window < WINDOW_MIN)
		c->next_window = c->next_window ? WINDOW_MIN : ONE_BLOCK;
	if (c->flags & SST_ITER_VERIFY)
		return read_verified(c, i, goes_back, out);
	sst_index_block(&c->table->index, i, &ref);
	if (!in_window(c, ref.offset, ref.stored_len)) {
		if (c->next_window <= ref.stored_len)
			return sst_read_block(c->table, i, out);
		r = read_window(c, &ref, goes_back);
		if (r == TT_NOTFOUND)
			return sst_read_block(c->table, i, out);
		if (r < 0)
			return r;
	}
	return sst_make_block(c->table, i,
			      c->window.data + (ref.offset - c->window_off),
			      out);
}

static void take_block(struct sst_cursor *c, uint32_t i, struct block *b)
{
	block_unref(c->block);
	c->block = b;
	c->block_no = i;
}

/* Makes block `i` the current one, which the cache does not have. */
static int load_missing_block(struct sst_cursor *c, uint32_t i)
{
	struct block *b;
	int r = read_block(c, i, &b);

	if (r < 0)
		return r;
	if (c->cache && !(c->flags & SST_ITER_NO_FILL))
		b = block_cache_insert(c->cache, b, c->table->file_no, i);
	take_block(c, i, b);
	return 0;
}

/* Makes block `i` the current one. */
static int load_block(struct sst_cursor *c, uint32_t i)
{
	struct block *b;

	if (c->block && c->block_no == i)
		return 0;
	b = c->cache ? block_cache_get(c->cache, c->table->file_no, i) : NULL;
	if (!b)
		return load_missing_block(c, i);
	take_block(c, i, b);
	return 0;
}

/* ---- the place ----------------------------------------------------------- */

/* No block comes near this one: a table has fewer. */
#define FAR_AWAY (UINT32_MAX / 2)

/* Where a front-to-back reader stands before block 0: the next number is 0. */
#define BEFORE_FIRST UINT32_MAX

static void forget_misses(struct sst_cursor *c)
{
	bool is_sequential = c->flags & SST_ITER_SEQUENTIAL;

	c->last_miss = is_sequential ? BEFORE_FIRST : FAR_AWAY;
	c->next_window = is_sequential ? window_max(c) : 0;
	buf_clear(&c->window);
}

static bool may_use_cache(unsigned flags)
{
	return !(flags & (SST_ITER_SEQUENTIAL | SST_ITER_VERIFY));
}

void sst_cursor_init(struct sst_cursor *c, struct block_cache *cache,
		     unsigned flags)
{
	*c = (struct sst_cursor){
		.cache = may_use_cache(flags) ? cache : NULL,
		.lender = cache,
		.flags = flags,
	};
	forget_misses(c);
}

/* Leaves the page cache as it was before. */
static void leave_table(struct sst_cursor *c)
{
	if (!c->table)
		return;
	residency_drop_to(&c->cached, c->table->file, c->table->file_bytes);
	residency_fini(&c->cached);
	drop_direct(c);
	sst_close(c->table);
}

void sst_cursor_fini(struct sst_cursor *c)
{
	block_unref(c->block);
	leave_table(c);
	drop_window(c);
	c->block = NULL;
	c->table = NULL;
}

void sst_cursor_set_table(struct sst_cursor *c, struct sst_reader *table)
{
	block_unref(c->block);
	c->block = NULL;
	leave_table(c);
	c->table = table;
	if (c->flags & SST_ITER_SEQUENTIAL)
		(void)residency_note(&c->cached, table->file,
				     table->file_bytes);
	c->progress = STEP_FIND;
	forget_misses(c);
}

void sst_cursor_set_flags(struct sst_cursor *c, unsigned flags)
{
	assert(!((c->flags | flags) & SST_ITER_SEQUENTIAL));
	if ((c->flags ^ flags) & SST_ITER_VERIFY) {
		/* What comes from memory must not be taken for verified. */
		block_unref(c->block);
		c->block = NULL;
		c->progress = STEP_FIND;
		drop_direct(c);
		forget_misses(c);
	}
	c->flags = flags;
	c->cache = may_use_cache(flags) ? c->lender : NULL;
}

void sst_cursor_shrink(struct sst_cursor *c, size_t keep)
{
	if (c->block && c->block->bytes > keep) {
		block_unref(c->block);
		c->block = NULL;
	}
	drop_window(c);
	drop_direct(c);
	forget_misses(c);
}

static int first_of_block(struct sst_cursor *c, uint32_t i, struct record *rec)
{
	int r;

	if (i >= c->table->index.n_blocks)
		return TT_END;
	r = load_block(c, i);
	return r < 0 ? r : sst_cursor_show(c, 0, rec);
}

/* The last record of the block before `i`. */
static int last_before_block(struct sst_cursor *c, uint32_t i,
			     struct record *rec)
{
	int r;

	if (i == 0)
		return TT_END;
	r = load_block(c, i - 1);
	return r < 0 ? r : sst_cursor_show(c, c->block->n - 1, rec);
}

int sst_cursor_next_block(struct sst_cursor *c, struct record *rec)
{
	return first_of_block(c, c->block_no + 1, rec);
}

int sst_cursor_prev_block(struct sst_cursor *c, struct record *rec)
{
	return last_before_block(c, c->block_no, rec);
}

int sst_cursor_first(struct sst_cursor *c, struct record *rec)
{
	return first_of_block(c, 0, rec);
}

int sst_cursor_last(struct sst_cursor *c, struct record *rec)
{
	return last_before_block(c, c->table->index.n_blocks, rec);
}

/* ---- searching ----------------------------------------------------------- */

/* Searches in the current block. */
static void search_block(struct sst_cursor *c, struct tt_slice key, int64_t ts)
{
	c->at = block_seek(c->block, key, ts);
}

static void prepare_search(struct sst_cursor *c, struct tt_slice key,
			   int64_t ts)
{
	const uint8_t *p;

	if (!c->block || c->block_no != c->sought) {
		struct block *b =
			block_cache_get(c->cache, c->table->file_no, c->sought);

		if (!b) {
			c->progress = DONE_MISSING;
			if (block_cache_is_slow(c->cache))
				sst_ask_disk(c->table, c->sought);
			return;
		}
		take_block(c, c->sought, b);
	}
	search_block(c, key, ts);
	c->progress = DONE_FOUND;
	if (c->at == c->block->n)
		return;
	p = block_at(c->block, c->at);
	for (int i = 0; i < SST_CURSOR_AHEAD / CACHE_LINE; i++)
		__builtin_prefetch(p + i * CACHE_LINE);
}

void sst_cursor_prepare(struct sst_cursor *c, struct tt_slice key, int64_t ts,
			unsigned step)
{
	if (step != c->progress || !c->cache)
		return;
	switch (step) {
	case STEP_FIND:
		c->sought = sst_index_seek(&c->table->index, key, ts);
		block_cache_ask(c->cache, c->table->file_no, c->sought);
		c->progress++;
		break;
	case STEP_ASK:
		block_cache_ask_block(c->cache, c->table->file_no, c->sought);
		c->progress++;
		break;
	case STEP_SEARCH:
		prepare_search(c, key, ts);
		break;
	default:
		break;
	}
}

/* Loads the block that was looked for in vain among those of other tables.
 * Some of these reads are timed: the clock costs as much as the checksum. */
static int load_prepared(struct sst_cursor *c)
{
	uint64_t since_ns;
	int r;

	if (c->sought % 8)
		return load_missing_block(c, c->sought);
	since_ns = mono_ns();
	r = load_missing_block(c, c->sought);
	block_cache_note_reads(c->cache, 1, mono_ns() - since_ns);
	return r;
}

/* Loads the block where (key, ts) belongs and finds it there: c->at, the
 * block's n when all its records are before. */
static int find(struct sst_cursor *c, struct tt_slice key, int64_t ts)
{
	unsigned progress = c->progress;
	int r;

	c->progress = STEP_FIND;
	if (likely(progress == DONE_FOUND))
		return 0;
	if (progress == STEP_FIND)
		c->sought = sst_index_seek(&c->table->index, key, ts);
	r = progress == DONE_MISSING ? load_prepared(c)
				     : load_block(c, c->sought);
	if (r == 0)
		search_block(c, key, ts);
	return r;
}

int sst_cursor_seek(struct sst_cursor *c, struct tt_slice key, int64_t ts,
		    struct record *rec)
{
	int r = find(c, key, ts);

	if (r < 0)
		return r;
	return c->at < c->block->n ? sst_cursor_show(c, c->at, rec)
				   : sst_cursor_next_block(c, rec);
}

int sst_cursor_seek_for_prev(struct sst_cursor *c, struct tt_slice key,
			     int64_t ts, struct record *rec)
{
	int r = find(c, key, ts);

	if (r < 0)
		return r;
	if (c->at < c->block->n) {
		sst_cursor_show(c, c->at, rec);
		if (record_cmp_at(rec->key, rec->ts, key, ts) == 0)
			return 0;
	}
	return c->at ? sst_cursor_show(c, c->at - 1, rec)
		     : sst_cursor_prev_block(c, rec);
}

/* ---- the cursor over one table -------------------------------------------- */

struct sst_iter {
	struct rec_iter base;
	struct sst_cursor c;
};

static struct sst_iter *from_base(struct rec_iter *it)
{
	return container_of(it, struct sst_iter, base);
}

static int sst_iter_first(struct rec_iter *base)
{
	return sst_cursor_first(&from_base(base)->c, &base->rec);
}

static int sst_iter_last(struct rec_iter *base)
{
	return sst_cursor_last(&from_base(base)->c, &base->rec);
}

static int sst_iter_seek(struct rec_iter *base, struct tt_slice key, int64_t ts)
{
	return sst_cursor_seek(&from_base(base)->c, key, ts, &base->rec);
}

static int sst_iter_seek_for_prev(struct rec_iter *base, struct tt_slice key,
				  int64_t ts)
{
	return sst_cursor_seek_for_prev(&from_base(base)->c, key, ts,
					&base->rec);
}

static int sst_iter_next(struct rec_iter *base)
{
	return sst_cursor_next(&from_base(base)->c, &base->rec);
}

static int sst_iter_prev(struct rec_iter *base)
{
	return sst_cursor_prev(&from_base(base)->c, &base->rec);
}

static void sst_iter_free(struct rec_iter *base)
{
	struct sst_iter *it = from_base(base);

	sst_cursor_fini(&it->c);
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
	struct sst_iter *it = malloc(sizeof(*it));

	if (!it)
		return err_nomem("a table cursor");
	it->base.ops = &sst_iter_ops;
	sst_cursor_init(&it->c, cache, flags);
	sst_ref(r);
	sst_cursor_set_table(&it->c, r);
	*out = &it->base;
	return 0;
}
