/* SPDX-License-Identifier: MIT */
/*
 * The blocked Bloom filter: an array of 64-byte lines, all bits of one key
 * in one line.
 *
 * With h the 64-bit hash of a key (key_hash.h), its line is the high half of
 * the 128-bit product h * n_lines, and its n_probes bits are consecutive
 * 9-bit groups, lowest first, of h * FILTER_MIX mod 2^64. Bit i of a line is
 * bit i % 8 of its byte i / 8.
 *
 * A line holds as many keys as chance puts there, which costs some precision
 * against a filter that spreads bits over everything: 0.95 % false positives
 * at 10 bits a key instead of 0.82 %.
 */
#include <string.h>

#include "base/err.h"
#include "lsm/filter.h"
#include "lsm/sst_format.h"

static size_t lines_for(size_t n_keys, unsigned bits)
{
	size_t line_bits = (size_t)FILTER_LINE * 8;

	return n_keys ? (n_keys * bits + line_bits - 1) / line_bits : 0;
}

/* The best number of bits a key, about 0.69 bits_per_key, within what one
 * hash can place. */
static uint8_t probes_for(unsigned bits)
{
	unsigned n = bits * 69 / 100;

	return (uint8_t)(n < 1 ? 1 : MIN_OF(n, (unsigned)FILTER_PROBES_MAX));
}

size_t filter_box_len(size_t n_keys, unsigned bits_per_key)
{
	return sizeof(struct filter_header) +
	       lines_for(n_keys, bits_per_key) * FILTER_LINE;
}

int filter_build(const uint64_t *hashes, size_t n, unsigned bits_per_key,
		 struct buf *out)
{
	size_t len = filter_box_len(n, bits_per_key);
	size_t n_lines = lines_for(n, bits_per_key);
	struct filter_header h = { .kind = FILTER_NONE };
	uint8_t *lines;

	if (len > SST_BOX_MAX)
		return err_set(TT_ETOOBIG, "a table of %zu keys is too large",
			       n);
	if (buf_reserve(out, len) < 0)
		return err_nomem("a filter");
	if (n_lines) {
		h.kind = FILTER_BLOCKED_BLOOM;
		h.n_probes = probes_for(bits_per_key);
		h.n_lines = le32_make((uint32_t)n_lines);
	}
	buf_put(out, &h, sizeof(h));
	lines = buf_tail(out);
	if (n_lines)
		memset(lines, 0, n_lines * FILTER_LINE);
	for (size_t i = 0; n_lines && i < n; i++) {
		uint64_t x = hashes[i] * FILTER_MIX;
		struct filter f = { .lines = lines,
				    .n_lines = (uint32_t)n_lines };
		uint8_t *line = lines + (filter_line(&f, hashes[i]) - lines);

		for (unsigned j = 0; j < h.n_probes; j++) {
			unsigned bit = (unsigned)(x & 511);

			line[bit >> 3] |= (uint8_t)(1u << (bit & 7));
			x >>= 9;
		}
	}
	buf_advance(out, n_lines * FILTER_LINE);
	return 0;
}

int filter_open(const uint8_t *box, size_t len, struct filter *out)
{
	struct filter_header h;
	uint32_t n_lines;

	if (len < sizeof(h))
		return err_set(TT_ECORRUPT, "filter box of %zu bytes", len);
	memcpy(&h, box, sizeof(h));
	n_lines = le32_get(h.n_lines);
	if (h.kind != FILTER_NONE && h.kind != FILTER_BLOCKED_BLOOM)
		return err_set(TT_EVERSION,
			       "filter of kind %u, known are 0 and 1", h.kind);
	if (len - sizeof(h) != (uint64_t)n_lines * FILTER_LINE ||
	    h.n_probes > FILTER_PROBES_MAX || (n_lines && !h.n_probes) ||
	    (n_lines != 0) != (h.kind == FILTER_BLOCKED_BLOOM))
		return err_set(TT_ECORRUPT, "filter box contradicts itself");
	out->lines = box + sizeof(h);
	out->n_lines = n_lines;
	out->n_probes = h.n_probes;
	return 0;
}
