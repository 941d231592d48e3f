/* SPDX-License-Identifier: MIT */
/*
 * fallocate(2), SEEK_DATA and SEEK_HOLE.
 *
 * Allocating reserves nothing: a log-structured store has no place that a
 * later write would reuse. It only sets the size.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include "base/err.h"
#include "tree/block.h"
#include "tree/file.h"
#include "tree/inode_reader.h"
#include "tree/schema_key.h"
#include "tree/sweep_now.h"
#include "tree/sweeper.h"
#include "tree/txn_rows.h"

/* ---- fallocate -------------------------------------------------------- */

struct fallocate_op {
	uint64_t ino, off, end;
	int mode;
	bool kills_priv;
};

static int fallocate_locked(struct txn *tx, struct inode *in,
			    const struct fallocate_op *op, bool *lazy)
{
	struct inode_state *st;
	int r = state_check_file(&in->st);

	if (r < 0)
		return r;
	if (op->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		r = file_zero(tx, in, op->off, op->end, lazy);
	st = r == 0 ? txn_edit(tx, in) : NULL;
	if (!st)
		return r < 0 ? r : -ENOMEM;
	if (!(op->mode & FALLOC_FL_KEEP_SIZE))
		st->size = MAX_OF(st->size, op->end);
	if (op->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		st->mtime_ns = tx->now_ns;
	if (op->kills_priv)
		state_kill_priv(st);
	st->ctime_ns = tx->now_ns;
	return txn_commit(tx);
}

static int fallocate_once(struct tree *t, const struct fallocate_op *op)
{
	bool lazy = false;
	struct inode *in;
	struct txn tx;
	int r = txn_begin(&tx, t, TXN_SHARED);

	if (r < 0)
		return r;
	r = txn_get(&tx, op->ino, &in);
	if (r == 0) {
		txn_lock(&tx, &in, 1);
		r = fallocate_locked(&tx, in, op, &lazy);
	}
	txn_end(&tx);
	if (r == 0 && lazy)
		sweeper_add_orphan(t->sweeper, op->ino);
	return r;
}

int tree_fallocate(struct tree *t, uint64_t ino, int mode, uint64_t off,
		   uint64_t len, unsigned flags)
{
	struct fallocate_op op = {
		.ino = ino,
		.off = off,
		.end = off + len,
		.mode = mode,
		.kills_priv = flags & TREE_WRITE_KILL_PRIV,
	};
	int r;

	if (len == 0)
		return err_set(-EINVAL, "nothing to allocate");
	if (off > INT64_MAX || len > INT64_MAX - off)
		return err_set(-EFBIG, "a file ends at 8 EiB");
	switch (mode) {
	case 0:
	case FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_ZERO_RANGE:
	case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
		break;
	default:
		return err_set(-EOPNOTSUPP, "fallocate mode %d", mode);
	}
	r = fallocate_once(t, &op);
	while (r == -EAGAIN) {
		r = sweep_trims_now(t, ino);
		if (r == 0)
			r = fallocate_once(t, &op);
	}
	return r;
}

/* ---- holes ------------------------------------------------------------ */

/* 1 when the block under the iterator was cut off, 0 when not, < 0. Where
 * nothing was ever cut off, keys are all that the iterator shows. */
static int is_garbage(const struct tt_iter *it, const struct inode_state *st,
		      uint64_t k)
{
	struct tt_slice bytes;
	uint32_t gen;
	int r;

	if (st->n_trims == 0)
		return 0;
	r = block_decode(tt_iter_value(it), st, &gen, &bytes);
	return r < 0 ? r : state_is_garbage(st, k, gen);
}

/* The first stored block from `k` on; 0, TT_END or < 0. */
static int next_data(struct tt_iter *it, const struct inode_state *st,
		     uint64_t *k)
{
	struct schema_key key;
	int r;

	for (r = tt_iter_seek(it, key_block(&key, st->ino, *k)); r == 0;
	     r = tt_iter_next(it)) {
		*k = key_rest_block(key_rest(tt_iter_key(it)));
		r = is_garbage(it, st, *k);
		if (r <= 0)
			return r;
	}
	return r;
}

/* The first block from `k` on that is not stored. */
static int next_hole(struct tt_iter *it, const struct inode_state *st,
		     uint64_t *k)
{
	uint64_t end = state_n_slots(st);
	struct schema_key key;
	int r;

	if (state_is_dense(st)) {
		*k = end;
		return 0;
	}
	for (r = tt_iter_seek(it, key_block(&key, st->ino, *k)); r == 0;
	     r = tt_iter_next(it), ++*k) {
		if (*k >= end ||
		    key_rest_block(key_rest(tt_iter_key(it))) != *k)
			return 0;
		r = is_garbage(it, st, *k);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return r == TT_END ? 0 : r;
}

static int seek_blocks(struct tree *t, const struct inode_state *st,
		       uint64_t off, int whence, uint64_t *out)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_prefix(&lo, KEY_BLOCK, st->ino),
		.upper = key_prefix_end(&hi, KEY_BLOCK, st->ino),
		.snapshot = t->past,
		.keys_only = st->n_trims == 0,
		.no_fill = true,
	};
	uint64_t first = off >> st->block_shift, k = first;
	struct tt_iter *it;
	int r = tt_iter_new(t->db, &io, &it);

	if (r < 0)
		return r;
	r = whence == SEEK_DATA ? next_data(it, st, &k) : next_hole(it, st, &k);
	tt_iter_free(it);
	if (r < 0)
		return r;
	if (k != first)
		off = k << st->block_shift;
	if (r == TT_END || (whence == SEEK_DATA && off >= st->size))
		return -ENXIO;
	*out = MIN_OF(off, st->size);
	return 0;
}

static int seek_locked(struct tree *t, const struct inode_state *st,
		       uint64_t off, int whence, uint64_t *out)
{
	uint64_t data_end = st->tail_len; /* of an inline file */

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return err_set(-EINVAL, "only for data and holes");
	if (off >= st->size)
		return -ENXIO;
	if (!st->is_inline)
		return seek_blocks(t, st, off, whence, out);
	if (whence == SEEK_DATA && off >= data_end)
		return -ENXIO;
	*out = whence == SEEK_DATA ? off : MAX_OF(off, data_end);
	return 0;
}

int tree_lseek(struct tree *t, uint64_t ino, uint64_t off, int whence,
	       uint64_t *out)
{
	struct inode_reader rd;
	int r = inode_reader_begin(&rd, t, ino);

	if (r < 0)
		return r;
	r = state_check_file(&rd.in->st);
	if (r == 0)
		r = seek_locked(t, &rd.in->st, off, whence, out);
	inode_reader_end(&rd);
	return r;
}
