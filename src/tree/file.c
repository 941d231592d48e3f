/* SPDX-License-Identifier: MIT */
/*
 * Contents: inline while what is not zero fits into SCHEMA_INLINE_MAX, then
 * in blocks. A file goes back to inline when nothing of it is stored.
 */
#include "tree/file.h"

#include <stdlib.h>

#include "base/err.h"
#include "tree/atime.h"
#include "tree/block.h"
#include "tree/inode_reader.h"
#include "tree/sweeper.h"
#include "tree/txn_rows.h"

int state_check_file(const struct inode_state *st)
{
	if (st->home == HOME_NONE)
		return err_set(-ESTALE, "the inode is gone");
	if (state_is_dir(st))
		return err_set(-EISDIR, "is a directory");
	if (!state_is_reg(st))
		return err_set(-EINVAL, "is not a regular file");
	return 0;
}

void state_kill_priv(struct inode_state *st)
{
	st->mode &= ~(uint32_t)S_ISUID;
	if (st->mode & S_IXGRP)
		st->mode &= ~(uint32_t)S_ISGID;
}

static size_t len_without_zeros(const uint8_t *p, size_t len)
{
	while (len && !p[len - 1])
		len--;
	return len;
}

/* Puts `data` into inline contents `old`; the result fits. */
static int put_inline(struct txn *tx, struct inode *in, struct tt_slice old,
		      size_t off, struct tt_slice data)
{
	uint8_t tail[SCHEMA_INLINE_MAX] = { 0 };
	size_t len = MAX_OF(old.len, off + data.len);

	if (old.len)
		memcpy(tail, old.data, old.len);
	memcpy(tail + off, data.data, data.len);
	return txn_set_tail(tx, in, SLICE(tail, len_without_zeros(tail, len)));
}

/* Puts into an inline file, turning it into blocks when it outgrows. */
static int put_small(struct txn *tx, struct inode *in, struct inode_state *st,
		     uint64_t off, struct tt_slice data)
{
	struct block_base base = { true, SLICE_EMPTY };
	struct tt_pinned pin = { 0 };
	int r = 0;

	if (off > 0 || data.len < st->tail_len)
		r = txn_tail(tx, in, &base.tail, &pin);
	if (r < 0)
		return r;
	if (off + data.len <= SCHEMA_INLINE_MAX) {
		r = put_inline(tx, in, base.tail, (size_t)off, data);
	} else {
		st->block_shift = (uint8_t)block_shift_for(data.len);
		r = block_write(tx, st, &base, off, data);
		if (r == 0)
			r = txn_set_tail(tx, in, SLICE_EMPTY);
		st->is_inline = false;
	}
	tt_unpin(&pin);
	return r;
}

int file_put(struct txn *tx, struct inode *in, uint64_t off,
	     struct tt_slice data)
{
	struct inode_state *st = txn_edit(tx, in);
	struct block_base none = { false, SLICE_EMPTY };
	int r;

	if (!st)
		return -ENOMEM;
	if (data.len == 0)
		return 0;
	if (!st->is_inline && st->n_blocks == 0 && st->n_trims == 0)
		st->is_inline = true;
	if (st->is_inline)
		r = put_small(tx, in, st, off, data);
	else
		r = block_write(tx, st, &none, off, data);
	if (r == 0)
		st->size = MAX_OF(st->size, off + data.len);
	return r;
}

int file_zero(struct txn *tx, struct inode *in, uint64_t from, uint64_t to,
	      bool *out_lazy)
{
	struct inode_state *st = txn_edit(tx, in);
	struct tt_slice tail = SLICE_EMPTY;
	struct tt_pinned pin = { 0 };
	uint8_t copy[SCHEMA_INLINE_MAX];
	int r;

	*out_lazy = false;
	if (!st)
		return -ENOMEM;
	if (!st->is_inline)
		return block_clear(tx, st, from, to, out_lazy);
	if (from >= st->tail_len || from >= to)
		return 0;
	r = txn_tail(tx, in, &tail, &pin);
	if (r < 0)
		return r;
	memcpy(copy, tail.data, tail.len);
	memset(copy + from, 0, (size_t)(MIN_OF(to, (uint64_t)tail.len) - from));
	r = txn_set_tail(tx, in,
			 SLICE(copy, len_without_zeros(copy, tail.len)));
	tt_unpin(&pin);
	return r;
}

int file_resize(struct txn *tx, struct inode *in, uint64_t size, bool *out_lazy)
{
	struct inode_state *st = txn_edit(tx, in);
	int r = 0;

	*out_lazy = false;
	if (!st)
		return -ENOMEM;
	if (size < st->size)
		r = file_zero(tx, in, size, UINT64_MAX, out_lazy);
	if (r == 0)
		st->size = size;
	return r;
}

/* ---- reading ---------------------------------------------------------- */

int tree_read(struct tree *t, uint64_t ino, uint64_t off, size_t len,
	      int (*fn)(void *arg, const struct iovec *iov, int n_iov,
			size_t total),
	      void *arg)
{
	struct tt_pinned pin = { 0 };
	struct tt_slice tail = SLICE_EMPTY;
	struct inode_reader rd;
	struct block_view v;
	bool has_view = false, is_due = false;
	int r;

	r = inode_reader_begin(&rd, t, ino);
	if (r < 0)
		return r;
	r = state_check_file(&rd.in->st);
	if (r == 0 && rd.in->st.is_inline)
		r = inode_tail_pin(t, rd.in, &tail, &pin);
	if (r == 0) {
		uint64_t size = rd.in->st.size;
		uint64_t n = off < size ? size - off : 0;

		n = MIN_OF(n, (uint64_t)len);
		has_view = true;
		r = block_view_init(&v, t->db, &t->reads, &rd.in->st, tail, off,
				    (size_t)n);
		is_due = atime_is_due(t, &rd.in->st);
	}
	inode_reader_end(&rd);
	/* The pins outlive the lock: they are values, not places. */
	if (r == 0) {
		tree_count(t, TREE_N_READS, 1);
		tree_count(t, TREE_N_READ_BYTES, v.total);
		r = fn(arg, v.iov, v.n_iov, v.total);
	}
	if (has_view)
		block_view_fini(&v);
	tt_unpin(&pin);
	if (r == 0 && is_due)
		atime_touch(t, ino);
	return r;
}

/* ---- writing ---------------------------------------------------------- */

static int write_locked(struct txn *tx, struct inode *in, uint64_t off,
			struct tt_slice data, unsigned flags)
{
	struct inode_state *st;
	int r = state_check_file(&in->st);

	if (r < 0)
		return r;
	if (flags & TREE_WRITE_APPEND)
		off = in->st.size;
	if (off > INT64_MAX || data.len > INT64_MAX - off)
		return err_set(-EFBIG, "a file ends at 8 EiB");
	r = file_put(tx, in, off, data);
	if (r < 0)
		return r;
	st = txn_edit(tx, in);
	st->mtime_ns = tx->now_ns;
	st->ctime_ns = tx->now_ns;
	if (flags & TREE_WRITE_KILL_PRIV)
		state_kill_priv(st);
	return txn_commit(tx);
}

int tree_write(struct tree *t, uint64_t ino, uint64_t off, const void *data,
	       size_t len, unsigned flags, struct tree_attr *out)
{
	struct inode *in;
	struct txn tx;
	int r;

	r = txn_begin(&tx, t, TXN_SHARED);
	if (r < 0)
		return r;
	r = txn_expect(&tx, len);
	if (r == 0)
		r = txn_get(&tx, ino, &in);
	if (r == 0) {
		txn_lock(&tx, &in, 1);
		r = write_locked(&tx, in, off, SLICE(data, len), flags);
	}
	if (r == 0 && out)
		txn_attr(&tx, in, out);
	txn_end(&tx);
	if (r < 0)
		return r;
	tree_count(t, TREE_N_WRITES, 1);
	tree_count(t, TREE_N_WRITE_BYTES, len);
	return flags & TREE_WRITE_SYNC ? tt_sync(t->db) : 0;
}
