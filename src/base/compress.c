/* SPDX-License-Identifier: MIT */
/*
 * The codecs. Each thread keeps its zstd contexts and one scratch buffer
 * (snappy insists on room for its worst case), freed when the thread ends.
 */
#include <errno.h>
#include <lz4.h>
#include <pthread.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/compress_impl.h"
#include "base/err.h"

struct codec_state {
	ZSTD_CCtx *zstd_in;
	ZSTD_DCtx *zstd_out;
	struct buf scratch;
};

static pthread_once_t state_once = PTHREAD_ONCE_INIT;
static pthread_key_t state_key;
static _Thread_local struct codec_state *my_state;

static void state_free(void *arg)
{
	struct codec_state *s = arg;

	ZSTD_freeCCtx(s->zstd_in);
	ZSTD_freeDCtx(s->zstd_out);
	buf_fini(&s->scratch);
	free(s);
	my_state = NULL;
}

static void state_make_key(void)
{
	int r = pthread_key_create(&state_key, state_free);

	assert(r == 0);
}

/* This thread's state; NULL when memory is out. */
static struct codec_state *state_get(void)
{
	struct codec_state *s = my_state;

	if (likely(s))
		return s;
	pthread_once(&state_once, state_make_key);
	s = calloc(1, sizeof(*s));
	if (!s || pthread_setspecific(state_key, s) != 0) {
		free(s);
		(void)err_nomem("codec state");
		return NULL;
	}
	my_state = s;
	return s;
}

size_t compress_bound(enum codec codec, size_t n)
{
	switch (codec) {
	case CODEC_NONE:
		return n;
	case CODEC_LZ4:
		return (size_t)LZ4_compressBound((int)n);
	case CODEC_SNAPPY:
		return snappy_max_compressed_length(n);
	case CODEC_ZSTD:
		return ZSTD_compressBound(n);
	}
	return n;
}

static int none_compress(struct tt_slice src, void *dst, size_t cap,
			 size_t *out_len)
{
	if (src.len > cap)
		return 1;
	if (src.len)
		memcpy(dst, src.data, src.len);
	*out_len = src.len;
	return 0;
}

static int lz4_compress(int level, struct tt_slice src, void *dst, size_t cap,
			size_t *out_len)
{
	int acceleration = level < 0 ? -level : 1;
	int room = cap > COMPRESS_MAX ? (int)COMPRESS_MAX : (int)cap;
	int n = LZ4_compress_fast(src.data, dst, (int)src.len, room,
				  acceleration);

	if (n <= 0)
		return 1;
	*out_len = (size_t)n;
	return 0;
}

static int snappy_pack(struct tt_slice src, void *dst, size_t cap,
		       size_t *out_len)
{
	size_t bound = snappy_max_compressed_length(src.len);
	struct codec_state *s;
	char *to = dst;
	size_t n = bound;

	if (cap < bound) {
		s = state_get();
		if (!s)
			return -ENOMEM;
		buf_clear(&s->scratch);
		if (buf_reserve(&s->scratch, bound) < 0)
			return -ENOMEM;
		to = (char *)s->scratch.data;
	}
	if (snappy_compress(src.data, src.len, to, &n) != SNAPPY_OK)
		return err_set(-EIO, "snappy: cannot compress %zu bytes",
			       src.len);
	if (n > cap)
		return 1;
	if (to != dst)
		memcpy(dst, to, n);
	*out_len = n;
	return 0;
}

ZSTD_CCtx *compress_zstd_in(void)
{
	struct codec_state *s = state_get();

	if (s && !s->zstd_in)
		s->zstd_in = ZSTD_createCCtx();
	return s ? s->zstd_in : NULL;
}

static int zstd_compress(int level, struct tt_slice src, void *dst, size_t cap,
			 size_t *out_len)
{
	ZSTD_CCtx *c = compress_zstd_in();
	size_t n;

	if (!c)
		return err_nomem("zstd context");
	n = ZSTD_compressCCtx(c, dst, cap, src.data, src.len, level);
	if (ZSTD_isError(n)) {
		if (ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall)
			return 1;
		return err_set(-EIO, "zstd: cannot compress %zu bytes: %s",
			       src.len, ZSTD_getErrorName(n));
	}
	*out_len = n;
	return 0;
}

int compress_into(enum codec codec, int level, struct tt_slice src, void *dst,
		  size_t cap, size_t *out_len)
{
	if (src.len > COMPRESS_MAX)
		return err_set(-EFBIG, "block of %zu bytes: too large",
			       src.len);
	switch (codec) {
	case CODEC_NONE:
		return none_compress(src, dst, cap, out_len);
	case CODEC_LZ4:
		return lz4_compress(level, src, dst, cap, out_len);
	case CODEC_SNAPPY:
		return snappy_pack(src, dst, cap, out_len);
	case CODEC_ZSTD:
		return zstd_compress(level, src, dst, cap, out_len);
	}
	return err_set(-EINVAL, "codec %d: unknown", (int)codec);
}

/* Each gives the inflated length, or SIZE_MAX when the input is damaged. */
static size_t lz4_inflate(struct tt_slice src, void *dst, size_t raw_len)
{
	int n = LZ4_decompress_safe(src.data, dst, (int)src.len, (int)raw_len);

	return n < 0 ? SIZE_MAX : (size_t)n;
}

static size_t snappy_inflate(struct tt_slice src, void *dst, size_t raw_len)
{
	size_t n;

	if (snappy_uncompressed_length(src.data, src.len, &n) != SNAPPY_OK ||
	    n != raw_len)
		return SIZE_MAX;
	if (snappy_uncompress(src.data, src.len, dst, &n) != SNAPPY_OK)
		return SIZE_MAX;
	return n;
}

static size_t zstd_inflate(ZSTD_DCtx *c, struct tt_slice src, void *dst,
			   size_t raw_len)
{
	size_t n = ZSTD_decompressDCtx(c, dst, raw_len, src.data, src.len);

	return ZSTD_isError(n) ? SIZE_MAX : n;
}

ZSTD_DCtx *compress_zstd_out(void)
{
	struct codec_state *s = state_get();

	if (s && !s->zstd_out)
		s->zstd_out = ZSTD_createDCtx();
	return s ? s->zstd_out : NULL;
}

int decompress_into(enum codec codec, struct tt_slice src, void *dst,
		    size_t raw_len)
{
	ZSTD_DCtx *c;
	size_t n = SIZE_MAX;

	if (src.len > COMPRESS_MAX || raw_len > COMPRESS_MAX)
		return err_set(TT_ECORRUPT, "block claims %zu bytes: too large",
			       raw_len);
	switch (codec) {
	case CODEC_NONE:
		n = src.len;
		if (n == raw_len && n)
			memcpy(dst, src.data, n);
		break;
	case CODEC_LZ4:
		n = lz4_inflate(src, dst, raw_len);
		break;
	case CODEC_SNAPPY:
		n = snappy_inflate(src, dst, raw_len);
		break;
	case CODEC_ZSTD:
		c = compress_zstd_out();
		if (!c)
			return err_nomem("zstd context");
		n = zstd_inflate(c, src, dst, raw_len);
		break;
	}
	if (n != raw_len)
		return err_set(TT_ECORRUPT,
			       "block of %zu bytes does not inflate to %zu "
			       "(codec %d)",
			       src.len, raw_len, (int)codec);
	return 0;
}

static const char *const codec_names[] = {
#define X(upper, name, id) [id] = #name,
	CODECS(X)
#undef X
};

const char *codec_name(unsigned id)
{
	return id < ARRAY_LEN(codec_names) ? codec_names[id] : NULL;
}

int codec_by_name(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(codec_names); i++)
		if (!strcmp(codec_names[i], name))
			return (int)i;
	return -EINVAL;
}
