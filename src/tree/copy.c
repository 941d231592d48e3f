/* SPDX-License-Identifier: MIT */
/*
 * Copying inside the store.
 *
 * Where blocks of one file are to be whole blocks of another, their rows are
 * copied, and the engine shares what is large in them: nothing is read or
 * written. Both inodes are locked meanwhile, so there is one state of both. The
 * rest, ragged ends, files in their rows and files of another block size, is
 * read and written.
 *
 * A row says of which generation of its inode it is, and a copied one goes on
 * saying so. What that decides is whether the row is garbage (inside a trim). So
 * no rows are copied as long as trims wait in either file, and a file that gets
 * some takes over the generation of where they come from, if that is higher:
 * whatever is cut off later is garbage then, as if it had been written here.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "tree/atime.h"
#include "tree/block.h"
#include "tree/file.h"
#include "tree/inode_reader.h"
#include "tree/schema_key.h"
#include "tree/txn_rows.h"

/* Bytes that are read and written in one batch, and by one call. */
#define COPY_STEP (1u << 20)
#define COPY_MAX (16u << 20)
/* The same for rows that are copied: they may turn out not to be shared. */
#define SHARE_STEP (4u << 20)
#define SHARE_MAX ((uint64_t)1 << 30)
#define SHARE_BLOCKS (SHARE_STEP >> SCHEMA_BLOCK_SHIFT_MIN)

#define BLOCK_KEY_LEN 17u

struct block_keys {
	uint8_t from[BLOCK_KEY_LEN], to[BLOCK_KEY_LEN];
};

/* What is still to be copied. */
struct copy {
	struct tree *t;
	uint64_t src, src_off;
	uint64_t dst, dst_off;
	uint64_t len;
	unsigned flags;
	uint64_t n_written; /* bytes that had to be */
	uint64_t head;	    /* bytes up to where blocks begin */
	bool is_read;	    /* the access time is to change */
	uint8_t *data;	    /* COPY_STEP bytes, or NULL */
};

static void advance(struct copy *c, uint64_t n)
{
	c->src_off += n;
	c->dst_off += n;
	c->len -= n;
}

/* ---- blocks ----------------------------------------------------------- */

/* Whole blocks of both files, which follow each other. */
struct block_run {
	uint64_t from, to; /* the first ones */
	size_t n;
	uint64_t bytes;
};

static bool has_rows(const struct inode_state *st)
{
	return !st->is_inline && st->n_blocks;
}

/* Whether rows of `src` can be rows of `dst`. */
static bool rows_fit(const struct inode_state *src,
		     const struct inode_state *dst)
{
	if (!has_rows(src) || src->n_trims || dst->n_trims)
		return false;
	if (has_rows(dst))
		return dst->block_shift == src->block_shift;
	return !dst->is_inline || dst->tail_len == 0;
}

/* What of the copy is whole blocks, from its first byte on; sets c->head when
 * blocks begin later. A last block that is not full counts as whole where both
 * files end in it. */
static void find_run(struct copy *c, const struct inode_state *src,
		     const struct inode_state *dst, struct block_run *run)
{
	unsigned shift = src->block_shift;
	uint64_t mask = state_block_bytes(src) - 1;
	uint64_t len = src->size - MIN_OF(c->src_off, src->size);

	*run = (struct block_run){ c->src_off >> shift, c->dst_off >> shift, 0,
				   0 };
	c->head = 0;
	if (!rows_fit(src, dst) || ((c->src_off ^ c->dst_off) & mask))
		return;
	if (c->src_off & mask) {
		c->head = mask + 1 - (c->src_off & mask);
		return;
	}
	len = MIN_OF(len, c->len);
	run->bytes = MIN_OF(len, (uint64_t)SHARE_STEP) & ~mask;
	if (len - run->bytes <= mask && c->src_off + len == src->size &&
	    c->dst_off + len >= dst->size)
		run->bytes = len;
	run->n = (size_t)((run->bytes + mask) >> shift);
}

/* Which of `n` blocks from `k` on have a row. */
static int find_rows(struct tree *t, const struct inode_state *st, uint64_t k,
		     size_t n, bool *out)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_block(&lo, st->ino, k),
		.upper = key_block(&hi, st->ino, k + n),
		.keys_only = true,
	};
	struct tt_iter *it;
	int r;

	for (size_t i = 0; i < n; i++)
		out[i] = has_rows(st) && state_is_dense(st) &&
			 k + i < state_n_slots(st);
	if (!has_rows(st) || state_is_dense(st))
		return 0;
	r = tt_iter_new(t->db, &io, &it);
	if (r < 0)
		return r;
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		out[key_rest_block(key_rest(tt_iter_key(it))) - k] = true;
	tt_iter_free(it);
	return r == TT_END ? 0 : r;
}

static struct tt_slice keep_key(uint8_t *to, uint64_t ino, uint64_t k)
{
	struct schema_key key;

	key_block(&key, ino, k);
	assert(key.len == BLOCK_KEY_LEN);
	memcpy(to, key.b, BLOCK_KEY_LEN);
	return SLICE(to, BLOCK_KEY_LEN);
}

/* Adds what makes rows of `dst` what those of `src` are, holes too. */
static int copy_rows(struct txn *tx, const struct inode_state *src,
		     struct inode_state *dst, const struct block_run *run)
{
	struct tt_copy *copies =
		arena_alloc(&tx->arena, run->n * sizeof(*copies));
	struct block_keys *keys =
		arena_alloc(&tx->arena, run->n * sizeof(*keys));
	bool is_there[SHARE_BLOCKS], was_there[SHARE_BLOCKS];
	struct schema_key key;
	int r;

	if (!copies || !keys)
		return err_nomem("a copy");
	r = find_rows(tx->t, src, run->from, run->n, is_there);
	if (r == 0)
		r = find_rows(tx->t, dst, run->to, run->n, was_there);
	for (size_t i = 0; i < run->n && r == 0; i++) {
		if (is_there[i])
			copies[tx->n_copies++] = (struct tt_copy){
				keep_key(keys[i].from, src->ino, run->from + i),
				keep_key(keys[i].to, dst->ino, run->to + i),
			};
		else if (was_there[i])
			r = tt_batch_delete(tx->batch, key_block(&key, dst->ino,
								 run->to + i));
		dst->n_blocks += is_there[i];
		dst->n_blocks -= was_there[i];
	}
	tx->copies = copies;
	return r;
}

/* ---- sharing ---------------------------------------------------------- */

/* Copies the first of what is to be copied, *n bytes, as rows; none where that
 * cannot be. */
static int share_locked(struct txn *tx, struct copy *c, struct inode *from,
			struct inode *to, uint64_t *n)
{
	const struct inode_state src = from->st;
	struct inode_state *dst;
	struct block_run run;
	int r = state_check_file(&src);

	if (r == 0)
		r = state_check_file(&to->st);
	if (r < 0)
		return r;
	find_run(c, &src, &to->st, &run);
	if (run.n == 0)
		return 0;
	dst = txn_edit(tx, to);
	if (!dst)
		return -ENOMEM;
	r = copy_rows(tx, &src, dst, &run);
	if (r < 0)
		return r;
	if (!has_rows(&to->st))
		dst->block_shift = src.block_shift;
	dst->is_inline = false;
	dst->gen = MAX_OF(dst->gen, src.gen);
	dst->size = MAX_OF(dst->size, c->dst_off + run.bytes);
	dst->mtime_ns = dst->ctime_ns = tx->now_ns;
	if (c->flags & TREE_WRITE_KILL_PRIV)
		state_kill_priv(dst);
	c->is_read |= atime_is_due(c->t, &src);
	r = txn_commit(tx);
	*n = run.bytes;
	return r;
}

static int share_some(struct copy *c, uint64_t *n)
{
	struct inode *ins[2];
	struct txn tx;
	int r;

	*n = 0;
	r = txn_begin(&tx, c->t, TXN_SHARED);
	if (r < 0)
		return r;
	r = txn_get(&tx, c->src, &ins[0]);
	if (r == 0)
		r = txn_get(&tx, c->dst, &ins[1]);
	if (r == 0) {
		txn_lock(&tx, ins, 2);
		r = share_locked(&tx, c, ins[0], ins[1], n);
	}
	if (r == 0 && tx.n_copies) {
		c->n_written += tx.copied.copied_bytes;
		tree_count(c->t, TREE_N_SHARED_BYTES, tx.copied.shared_bytes);
	}
	txn_end(&tx);
	return r;
}

/* ---- bytes ------------------------------------------------------------ */

struct copy_step {
	uint8_t *data;
	size_t len;
};

static int copy_out(void *arg, const struct iovec *iov, int n_iov, size_t total)
{
	struct copy_step *s = arg;
	uint8_t *at = s->data;

	for (int i = 0; i < n_iov; i++) {
		memcpy(at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	s->len = total;
	return 0;
}

/* Reads and writes up to where blocks begin, if they do; *n is 0 where the
 * source has become shorter. */
static int copy_some(struct copy *c, uint64_t *n)
{
	uint64_t most = MIN_OF(c->len, (uint64_t)COPY_STEP);
	struct copy_step s = { c->data, 0 };
	int r;

	if (!c->data)
		s.data = c->data = malloc(COPY_STEP);
	if (!c->data)
		return err_nomem("a copy");
	if (c->head)
		most = MIN_OF(most, c->head);
	r = tree_read(c->t, c->src, c->src_off, (size_t)most, copy_out, &s);
	if (r == 0 && s.len)
		r = tree_write(c->t, c->dst, c->dst_off, s.data, s.len,
			       c->flags & ~(unsigned)TREE_WRITE_SYNC, NULL);
	c->n_written += s.len;
	*n = s.len;
	return r;
}

/* ---- all of it -------------------------------------------------------- */

static int check_ranges(struct copy *c)
{
	struct tree_attr a;
	int r = tree_getattr(c->t, c->src, &a);

	if (r < 0)
		return r;
	c->len = c->src_off < a.size ? MIN_OF(c->len, a.size - c->src_off) : 0;
	if (c->dst_off > INT64_MAX || c->len > INT64_MAX - c->dst_off)
		return err_set(-EFBIG, "a file ends at 8 EiB");
	if (c->src == c->dst && c->len && c->src_off < c->dst_off + c->len &&
	    c->dst_off < c->src_off + c->len)
		return err_set(-EINVAL, "ranges of one file overlap");
	return 0;
}

int tree_copy_range(struct tree *t, uint64_t src, uint64_t src_off,
		    uint64_t dst, uint64_t dst_off, uint64_t len,
		    unsigned flags, uint64_t *out_len)
{
	struct copy c = {
		.t = t,
		.src = src,
		.src_off = src_off,
		.dst = dst,
		.dst_off = dst_off,
		.len = MIN_OF(len, SHARE_MAX),
		.flags = flags,
	};
	uint64_t n = 1;
	int r = check_ranges(&c);

	while (r == 0 && n && c.len && c.n_written < COPY_MAX) {
		r = share_some(&c, &n);
		if (r == 0 && n == 0)
			r = copy_some(&c, &n);
		if (r == 0)
			advance(&c, n);
	}
	free(c.data);
	if (c.is_read)
		atime_touch(t, src);
	*out_len = c.src_off - src_off;
	if (r == 0 && (flags & TREE_WRITE_SYNC))
		return tt_sync(t->db);
	return r < 0 && c.src_off == src_off ? r : 0;
}
