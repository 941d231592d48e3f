/* SPDX-License-Identifier: MIT */
/*
 * Filters: "is this key surely not in the table?", asked with the key's hash
 * (key_hash.h) before anything else of a table is looked at.
 *
 * The one kind there is (bloom.c) keeps all bits of a key in one 64-byte
 * line, so a question costs at most one cache miss. At 10 bits a key less
 * than 1 % of absent keys pass.
 */
#ifndef LSM_FILTER_H
#define LSM_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"

#define FILTER_LINE 64
#define FILTER_PROBES_MAX 7
#define FILTER_BITS_MAX 64 /* bits a key */

/* A filter in memory; borrows its lines from the box it was read from. */
struct filter {
	const uint8_t *lines; /* n_lines of FILTER_LINE bytes */
	uint32_t n_lines;     /* 0: every key may be there */
	uint32_t n_probes;
};

/* Bytes of the box that filter_build() makes. */
size_t filter_box_len(size_t n_keys, unsigned bits_per_key);

/*
 * Appends the box for `n` key hashes; `bits_per_key` 0 makes a filter that
 * passes everything. 0, -ENOMEM, or TT_ETOOBIG beyond the box limit.
 */
int filter_build(const uint64_t *hashes, size_t n, unsigned bits_per_key,
		 struct buf *out);

/*
 * Reads a box of `len` bytes at `box`, which must live as long as the
 * filter; best when `box` + 8 is 64-aligned. 0, TT_ECORRUPT for a box that
 * contradicts itself, TT_EVERSION for a kind we do not know; the text does
 * not name the file.
 */
int filter_open(const uint8_t *box, size_t len, struct filter *out);

/* Where a key's line is, to be prefetched well before filter_may_have(). */
static ALWAYS_INLINE const uint8_t *filter_line(const struct filter *f,
						uint64_t hash)
{
	return f->lines +
	       (size_t)(((unsigned __int128)hash * f->n_lines) >> 64) *
		       FILTER_LINE;
}

/* The multiplier that turns a hash into probe positions; part of the format. */
#define FILTER_MIX 0x9e3779b97f4a7c15ULL

/* False when the key is surely absent. */
static ALWAYS_INLINE bool filter_may_have(const struct filter *f, uint64_t hash)
{
	const uint8_t *line;
	uint64_t x = hash * FILTER_MIX;
	unsigned hit = 1;

	if (unlikely(f->n_lines == 0))
		return true;
	line = filter_line(f, hash);
	for (uint32_t i = 0; i < f->n_probes; i++) {
		unsigned bit = (unsigned)(x & 511);

		hit &= (unsigned)line[bit >> 3] >> (bit & 7);
		x >>= 9;
	}
	return hit & 1;
}

#endif
