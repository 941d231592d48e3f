/* SPDX-License-Identifier: MIT */
/*
 * Block compression: four codecs behind one call. Codec numbers are stored
 * on disk and never change. Thread-safe: what a codec needs to work with is
 * kept per thread and reused; we allocate nothing in the steady state (the
 * snappy library does, within itself).
 */
#ifndef BASE_COMPRESS_H
#define BASE_COMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* clang-format off */
/* X(UPPER, name, number on disk) */
#define CODECS(X)           \
	X(NONE, none, 0)    \
	X(LZ4, lz4, 1)      \
	X(SNAPPY, snappy, 2) \
	X(ZSTD, zstd, 3)
/* clang-format on */

enum codec {
#define X(upper, name, id) CODEC_##upper = id,
	CODECS(X)
#undef X
};
#define N_CODECS 4

/* Largest block taken or given, in bytes. */
#define COMPRESS_MAX ((size_t)1 << 30)

/* Largest output of compress_into() for `n` bytes of input. */
size_t compress_bound(enum codec codec, size_t n);

/*
 * Compresses `src` into `dst` with room for `cap` bytes. `level` 0 is the
 * codec's default; lz4 knows negative ones (faster, less dense), zstd all of
 * its own. Returns 0
 * with *out_len set, or 1 when the result does not fit `cap`: give a `cap`
 * under compress_bound() to learn cheaply that a block does not pay.
 * Negative on failure.
 */
int compress_into(enum codec codec, int level, struct tt_slice src, void *dst,
		  size_t cap, size_t *out_len);

/*
 * Inflates `src` into exactly `raw_len` bytes at `dst`. TT_ECORRUPT when
 * `src` is damaged or inflates to any other length; never writes beyond
 * `dst + raw_len`. `src` may be hostile.
 */
int decompress_into(enum codec codec, struct tt_slice src, void *dst,
		    size_t raw_len);

/* ---- dictionaries (zstd alone) ----------------------------------------- */

/*
 * What blocks of one table have in common, given to the codec beforehand:
 * small blocks compress about as densely as large ones then. Immutable;
 * thread-safe.
 */
struct compress_dict;

/* A longer dictionary is not made and not taken. */
#define COMPRESS_DICT_MAX ((size_t)16 << 10)

/*
 * Appends to `out` a dictionary for data like `sample`, which is `n` pieces of
 * the given lengths back to back; of at most `cap` bytes. 0, 1 when nothing
 * came of it, or -ENOMEM.
 */
int compress_dict_train(struct tt_slice sample, const size_t *lens, size_t n,
			size_t cap, struct buf *out);

/* For compress_dict_pack() or for compress_dict_inflate(); copies. 0, -ENOMEM,
 * or TT_ECORRUPT for what is no dictionary; `bytes` may be hostile. */
int compress_dict_new_pack(struct tt_slice bytes, struct compress_dict **out);
int compress_dict_new_inflate(struct tt_slice bytes,
			      struct compress_dict **out);
void compress_dict_free(struct compress_dict *d);

/* About what it takes in memory. */
size_t compress_dict_memory(const struct compress_dict *d);

/* As compress_into() and decompress_into() do. */
int compress_dict_pack(const struct compress_dict *d, struct tt_slice src,
		       void *dst, size_t cap, size_t *out_len);
int compress_dict_inflate(const struct compress_dict *d, struct tt_slice src,
			  void *dst, size_t raw_len);

/* Name of a codec: "lz4"; NULL for a number that is none. */
const char *codec_name(unsigned id);

/* Number of a name, or -EINVAL. */
int codec_by_name(const char *name);

#endif
