/* SPDX-License-Identifier: MIT */
/*
 * Checking a table while its bytes pass by, front to back, on their way to
 * somewhere else: every checksum that the file has, without a second read.
 * One thread at a time.
 */
#ifndef LSM_SST_STREAM_H
#define LSM_SST_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "lsm/sst_reader.h"

struct checksum_stream;

struct sst_stream {
	const struct sst_reader *table; /* keeps */
	struct checksum_stream *sum;
	uint32_t n_parts; /* begun: the header, then the blocks */
	uint64_t from, to;
	uint64_t want; /* what the bytes of [from, to) sum up to */
};

/* On failure too, sst_stream_fini() it. */
int sst_stream_init(struct sst_stream *s, const struct sst_reader *table);
void sst_stream_fini(struct sst_stream *s);

/*
 * The next `n` bytes, those at offset `off`; `arg` is the stream (a
 * copier_see_fn). TT_ECORRUPT with file and offset of what does not verify.
 */
int sst_stream_add(void *arg, uint64_t off, const void *p, size_t n);

#endif
