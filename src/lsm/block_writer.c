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
	w->dict = NULL;
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

/* 0, or 1 when it does not pay, with *len set. */
static int pack(struct block_writer *w, struct tt_slice raw, size_t *len)
{
	size_t most = raw.len - raw.len / 8;

	return w->dict ? compress_dict_pack(w->dict, raw, buf_tail(&w->stored),
					    most, len)
		       : compress_into(w->codec, 0, raw, buf_tail(&w->stored),
				       most, len);
}

static void describe(const struct block_writer *w, size_t at, size_t raw_len,
		     struct block_done *out)
{
	out->offset = at;
	out->stored_len = (uint32_t)(w->stored.len - at);
	out->raw_len = (uint32_t)raw_len;
	out->checksum = checksum(w->stored.data + at, out->stored_len);
}

int block_writer_store(struct block_writer *w, struct tt_slice raw,
		       struct block_done *out)
{
	size_t at = w->stored.len, len;
	int r;

	if (buf_reserve(&w->stored, raw.len) < 0)
		return err_nomem("a table being built");
	r = pack(w, raw, &len);
	if (r < 0)
		return r;
	if (r == 0)
		buf_advance(&w->stored, len);
	else
		buf_put(&w->stored, raw.data, raw.len);
	describe(w, at, raw.len, out);
	return 0;
}

int block_writer_put_off(struct block_writer *w, struct buf *to,
			 struct block_done *out)
{
	assert(w->n > 0 && w->codec != CODEC_NONE);
	if (buf_append_slice(to, buf_slice(&w->raw)) < 0)
		return err_nomem("a table being built");
	*out = (struct block_done){ .raw_len = (uint32_t)w->raw.len,
				    .n_records = w->n };
	buf_clear(&w->raw);
	w->n = 0;
	return 0;
}

int block_writer_finish(struct block_writer *w, struct block_done *out)
{
	int r = 0;

	assert(w->n > 0);
	if (w->codec == CODEC_NONE)
		describe(w, w->start, w->stored.len - w->start, out);
	else
		r = block_writer_store(w, buf_slice(&w->raw), out);
	if (r < 0)
		return r;
	buf_clear(&w->raw);
	out->n_records = w->n;
	w->n = 0;
	w->start = w->stored.len;
	return 0;
}
