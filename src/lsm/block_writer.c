/* SPDX-License-Identifier: MIT */
/*
 * Blocks are laid one behind the other, so the buffer is the table's data as
 * it will be stored. See block_writer.h.
 */
#include "lsm/block_writer.h"

#include "base/assert.h"
#include "base/checksum.h"
#include "base/err.h"
#include "lsm/record_format.h"

void block_writer_init(struct block_writer *w, enum codec codec)
{
	*w = (struct block_writer){ .codec = codec };
}

void block_writer_fini(struct block_writer *w)
{
	buf_fini(&w->stored);
	buf_fini(&w->raw);
}

void block_writer_reset(struct block_writer *w)
{
	w->n = 0;
	w->start = 0;
	buf_clear(&w->stored);
	buf_clear(&w->raw);
}

int block_writer_add(struct block_writer *w, const struct record *r)
{
	struct buf *b = w->codec == CODEC_NONE ? &w->stored : &w->raw;
	size_t n = record_stored_len(r);

	if (unlikely(buf_reserve(b, n) < 0))
		return err_nomem("a table being built");
	record_encode(buf_tail(b), r);
	buf_advance(b, n);
	w->n++;
	return 0;
}

/* Moves the raw block to the stored ones, smaller if that pays. */
static int store_raw(struct block_writer *w)
{
	size_t raw_len = w->raw.len, len;
	int r;

	if (buf_reserve(&w->stored, raw_len) < 0)
		return err_nomem("a table being built");
	r = compress_into(w->codec, 0, buf_slice(&w->raw), buf_tail(&w->stored),
			  raw_len - raw_len / 8, &len);
	if (r < 0)
		return r;
	if (r == 0)
		buf_advance(&w->stored, len);
	else
		buf_put(&w->stored, w->raw.data, raw_len);
	buf_clear(&w->raw);
	return 0;
}

int block_writer_finish(struct block_writer *w, struct block_done *out)
{
	size_t raw_len = block_writer_open_bytes(w);
	size_t at = w->codec == CODEC_NONE ? w->start : w->stored.len;
	int r = 0;

	assert(w->n > 0);
	if (w->codec != CODEC_NONE)
		r = store_raw(w);
	if (r < 0)
		return r;
	out->offset = at;
	out->stored_len = (uint32_t)(w->stored.len - at);
	out->raw_len = (uint32_t)raw_len;
	out->n_records = w->n;
	out->checksum = checksum(w->stored.data + at, out->stored_len);
	w->n = 0;
	w->start = w->stored.len;
	return 0;
}
