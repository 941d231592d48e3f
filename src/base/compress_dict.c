/* SPDX-License-Identifier: MIT */
/*
 * zstd with a dictionary. It is made of evenly spaced pieces of the sample,
 * to which zstd adds the statistics of its entropy coders: 16 KiB from 1 MiB
 * in 2 ms. The library's own search for the best pieces takes longer and is
 * one percent denser.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zdict.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/assert.h"
#include "base/compress_impl.h"
#include "base/err.h"
#include "tt_errors.h"

/* With a dictionary zstd's third level is as fast as its first. */
#define LEVEL 3
#define PIECE ((size_t)256)
/* zstd's header and tables in front of the contents take about so much. */
#define HEADER_ROOM ((size_t)512)
#define LEAST ((size_t)1024)
/* The statistics are taken from so many blocks. */
#define STAT_PIECES 128
/* What zstd keeps beside a dictionary's bytes, about. */
#define STATE_BYTES ((size_t)28 << 10)

struct compress_dict {
	ZSTD_CDict *pack;
	ZSTD_DDict *inflate;
	size_t len;
};

/* Evenly spaced pieces of the sample; as many as fill `len` bytes. */
static size_t gather(struct tt_slice sample, uint8_t *dst, size_t len)
{
	size_t n = len / PIECE;

	for (size_t i = 0; i < n; i++)
		memcpy(dst + i * PIECE,
		       slice_bytes(sample) + (sample.len - PIECE) * i / n,
		       PIECE);
	return n * PIECE;
}

int compress_dict_train(struct tt_slice sample, const size_t *lens, size_t n,
			size_t cap, struct buf *out)
{
	ZDICT_params_t params = { .compressionLevel = LEVEL };
	uint8_t *content;
	size_t len;

	cap = MIN_OF(cap, COMPRESS_DICT_MAX);
	if (cap < LEAST || sample.len < cap || n == 0)
		return 1;
	content = malloc(cap);
	if (!content || buf_reserve(out, cap) < 0) {
		free(content);
		return err_nomem("a dictionary");
	}
	len = gather(sample, content, cap - HEADER_ROOM);
	len = ZDICT_finalizeDictionary(buf_tail(out), cap, content, len,
				       sample.data, lens,
				       (unsigned)MIN_OF(n, (size_t)STAT_PIECES),
				       params);
	free(content);
	if (ZDICT_isError(len))
		return 1;
	buf_advance(out, len);
	return 0;
}

static int dict_new(struct tt_slice bytes, struct compress_dict **out)
{
	struct compress_dict *d;

	if (bytes.len > COMPRESS_DICT_MAX ||
	    ZSTD_isError(ZDICT_getDictHeaderSize(bytes.data, bytes.len)))
		return err_set(TT_ECORRUPT, "a dictionary of %zu bytes is none",
			       bytes.len);
	d = calloc(1, sizeof(*d));
	if (!d)
		return err_nomem("a dictionary");
	d->len = bytes.len;
	*out = d;
	return 0;
}

int compress_dict_new_pack(struct tt_slice bytes, struct compress_dict **out)
{
	struct compress_dict *d;
	int r = dict_new(bytes, &d);

	if (r < 0)
		return r;
	d->pack = ZSTD_createCDict(bytes.data, bytes.len, LEVEL);
	if (!d->pack) {
		compress_dict_free(d);
		return err_nomem("a dictionary");
	}
	*out = d;
	return 0;
}

int compress_dict_new_inflate(struct tt_slice bytes, struct compress_dict **out)
{
	struct compress_dict *d;
	int r = dict_new(bytes, &d);

	if (r < 0)
		return r;
	d->inflate = ZSTD_createDDict(bytes.data, bytes.len);
	if (!d->inflate) {
		compress_dict_free(d);
		return err_nomem("a dictionary");
	}
	*out = d;
	return 0;
}

void compress_dict_free(struct compress_dict *d)
{
	if (!d)
		return;
	ZSTD_freeCDict(d->pack);
	ZSTD_freeDDict(d->inflate);
	free(d);
}

size_t compress_dict_memory(const struct compress_dict *d)
{
	return d ? sizeof(*d) + d->len + STATE_BYTES : 0;
}

int compress_dict_pack(const struct compress_dict *d, struct tt_slice src,
		       void *dst, size_t cap, size_t *out_len)
{
	ZSTD_CCtx *c = compress_zstd_in();
	size_t n;

	assert(d->pack);
	if (!c)
		return err_nomem("zstd context");
	n = ZSTD_compress_usingCDict(c, dst, cap, src.data, src.len, d->pack);
	if (ZSTD_isError(n)) {
		if (ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall)
			return 1;
		return err_set(-EIO, "zstd: cannot compress %zu bytes: %s",
			       src.len, ZSTD_getErrorName(n));
	}
	*out_len = n;
	return 0;
}

int compress_dict_inflate(const struct compress_dict *d, struct tt_slice src,
			  void *dst, size_t raw_len)
{
	ZSTD_DCtx *c = compress_zstd_out();
	size_t n;

	assert(d->inflate);
	if (!c)
		return err_nomem("zstd context");
	n = ZSTD_decompress_usingDDict(c, dst, raw_len, src.data, src.len,
				       d->inflate);
	if (ZSTD_isError(n) || n != raw_len)
		return err_set(TT_ECORRUPT,
			       "block of %zu bytes does not inflate to %zu "
			       "(zstd with a dictionary)",
			       src.len, raw_len);
	return 0;
}
