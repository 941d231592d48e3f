/* SPDX-License-Identifier: MIT */
/*
 * Checking an index box and searching it; see sst_index.h.
 */
#include "lsm/sst_index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lsm/record.h"
#include "lsm/record_format.h"

static int corrupt(const char *path, const char *what)
{
	return err_set(TT_ECORRUPT, "%s: table index: %s", path, what);
}

static int check_version(const char *path, const struct sst_index_header *h)
{
	uint32_t version = le32_get(h->version);
	uint32_t incompat = le32_get(h->incompat);

	if (version != SST_VERSION)
		return err_set(TT_EVERSION,
			       "%s: table of format version %" PRIu32
			       "; this program reads version %d",
			       path, version, SST_VERSION);
	if (incompat & ~SST_INCOMPAT_KNOWN)
		return err_set(TT_EVERSION,
			       "%s: table with incompatible features %#" PRIx32
			       "; this program knows %#x",
			       path, incompat, SST_INCOMPAT_KNOWN);
	if (h->codec >= N_CODECS)
		return err_set(TT_EVERSION,
			       "%s: table with codec %u; this program knows "
			       "codecs 0 to %d",
			       path, h->codec, N_CODECS - 1);
	return 0;
}

/* Where the keys end in the box; what features add follows. */
static uint64_t keys_end(const struct sst_index_header *h)
{
	return sizeof(*h) +
	       (uint64_t)le32_get(h->n_blocks) *
		       sizeof(struct sst_block_entry) +
	       le32_get(h->keys_len);
}

/* The header's own numbers. */
static int check_header(struct sst_index *ix, const char *path, size_t len,
			uint64_t file_bytes)
{
	const struct sst_index_header *h = ix->header;

	if (le32_get(h->n_blocks) == 0 || keys_end(h) + SST_CHECKSUM_LEN > len)
		return corrupt(path, "its parts do not fill it");
	if (le64_get(h->file_bytes) != file_bytes)
		return err_set(TT_ECORRUPT,
			       "%s: file of %" PRIu64
			       " bytes, but the table has %" PRIu64,
			       path, file_bytes, le64_get(h->file_bytes));
	if (le64_get(h->n_tombstones) > le64_get(h->n_records) ||
	    (int64_t)le64_get(h->min_ts) > (int64_t)le64_get(h->max_ts))
		return corrupt(path, "impossible counts");
	return 0;
}

/* One entry: `*at` is where its block must begin, `*key_at` its key. */
static int check_entry(struct sst_index *ix, const char *path, uint32_t i,
		       uint64_t *at, uint32_t *key_at, uint64_t file_bytes)
{
	const struct sst_block_entry *e = &ix->entries[i];
	uint32_t stored = le32_get(e->stored_len), raw = le32_get(e->raw_len);
	uint32_t end = le32_get(e->key_end), n = le32_get(e->n_records);

	if (le64_get(e->offset) != *at || stored == 0 || stored > raw ||
	    raw > SST_BLOCK_MAX || stored > file_bytes - *at)
		return corrupt(path, "a block is out of place");
	if (ix->codec == CODEC_NONE && stored != raw)
		return corrupt(path, "a literal block has two lengths");
	if (n == 0 || (uint64_t)n * RECORD_OVERHEAD > raw)
		return corrupt(path, "impossible number of records");
	if (end < *key_at || end > le32_get(ix->header->keys_len) ||
	    end - *key_at > TT_KEY_MAX)
		return corrupt(path, "a separator is out of bounds");
	if (i &&
	    record_cmp_at(sst_index_sep_key(ix, i - 1),
			  sst_index_sep_ts(ix, i - 1), sst_index_sep_key(ix, i),
			  sst_index_sep_ts(ix, i)) >= 0)
		return corrupt(path, "separators are out of order");
	*at += stored;
	*key_at = end;
	return 0;
}

static int check_entries(struct sst_index *ix, const char *path,
			 uint64_t data_off, uint64_t file_bytes)
{
	const struct sst_index_header *h = ix->header;
	uint64_t at = data_off, n_records = 0, raw_bytes = 0;
	uint32_t key_at = 0, max_len;
	int r;

	for (uint32_t i = 0; i < ix->n_blocks; i++) {
		r = check_entry(ix, path, i, &at, &key_at, file_bytes);
		if (r < 0)
			return r;
		n_records += le32_get(ix->entries[i].n_records);
		raw_bytes += le32_get(ix->entries[i].raw_len);
	}
	max_len = le32_get(h->keys_len) - key_at;
	if (at != file_bytes || n_records != le64_get(h->n_records) ||
	    raw_bytes != le64_get(h->raw_bytes) || max_len > TT_KEY_MAX)
		return corrupt(path, "its sums do not add up");
	ix->min_key = sst_index_sep_key(ix, 0);
	ix->max_key = SLICE(ix->keys + key_at, max_len);
	if (slice_cmp(ix->min_key, ix->max_key) > 0 ||
	    slice_cmp(sst_index_sep_key(ix, ix->n_blocks - 1), ix->max_key) > 0)
		return corrupt(path, "smallest key above the largest");
	return 0;
}

static int open_dict(struct sst_index *ix, const char *path, const uint8_t *p,
		     size_t len, size_t *used)
{
	uint32_t n;

	if (len < 4 || ix->codec != CODEC_ZSTD)
		return corrupt(path, "no room for a dictionary");
	n = le32_load(p);
	if (n == 0 || n > COMPRESS_DICT_MAX || n > len - 4)
		return corrupt(path, "a dictionary is out of bounds");
	ix->dict = SLICE(p + 4, n);
	*used += 4 + (size_t)n;
	return 0;
}

/* What features have added behind the keys. */
static int open_sections(struct sst_index *ix, const char *path, size_t len)
{
	const uint8_t *box = (const uint8_t *)ix->header;
	size_t at = (size_t)keys_end(ix->header);
	size_t used = 0;
	int r = 0;

	len -= SST_CHECKSUM_LEN;
	if (le32_get(ix->header->incompat) & SST_INCOMPAT_DICT)
		r = open_dict(ix, path, box + at, len - at, &used);
	if (r == 0 && le32_get(ix->header->incompat) & SST_INCOMPAT_RANGES)
		r = sst_ranges_open(&ix->ranges, path, box + at + used,
				    len - at - used, ix->min_key, &used);
	if (r == 0 && at + used != len)
		r = corrupt(path, "its parts do not fill it");
	return r;
}

/* Eight bytes of a key from `at` on, as a number. */
static ALWAYS_INLINE uint64_t prefix_of(struct tt_slice key, size_t at)
{
	uint8_t pad[8] = { 0 };

	if (likely(key.len >= at + 8))
		return be64_load(slice_bytes(key) + at);
	if (key.len > at)
		memcpy(pad, slice_bytes(key) + at, key.len - at);
	return be64_load(pad);
}

static int make_prefixes(struct sst_index *ix)
{
	ix->prefixes = malloc(ix->n_blocks * sizeof(*ix->prefixes));
	if (!ix->prefixes)
		return err_nomem("a table index");
	ix->lcp = (uint32_t)slice_common_prefix(
		ix->min_key, sst_index_sep_key(ix, ix->n_blocks - 1));
	for (uint32_t i = 0; i < ix->n_blocks; i++)
		ix->prefixes[i] = prefix_of(sst_index_sep_key(ix, i), ix->lcp);
	return 0;
}

int sst_index_open(struct sst_index *ix, const char *path, const uint8_t *box,
		   size_t len, uint64_t data_off, uint64_t file_bytes)
{
	int r;

	*ix = (struct sst_index){ .header = NULL };
	if (len < SST_INDEX_MIN || memcmp(box, SST_MAGIC, 4) != 0)
		return corrupt(path, "not one of ours, or damaged");
	ix->header = (const void *)box;
	r = check_version(path, ix->header);
	if (r < 0)
		return r;
	r = check_header(ix, path, len, file_bytes);
	if (r < 0)
		return r;
	ix->codec = (enum codec)ix->header->codec;
	ix->n_blocks = le32_get(ix->header->n_blocks);
	ix->entries = (const void *)(box + sizeof(*ix->header));
	ix->keys = (const uint8_t *)(ix->entries + ix->n_blocks);
	r = check_entries(ix, path, data_off, file_bytes);
	if (r == 0)
		r = open_sections(ix, path, len);
	return r < 0 ? r : make_prefixes(ix);
}

void sst_index_fini(struct sst_index *ix)
{
	free(ix->prefixes);
	ix->prefixes = NULL;
	sst_ranges_fini(&ix->ranges);
}

size_t sst_index_memory(const struct sst_index *ix)
{
	return ix->n_blocks * sizeof(*ix->prefixes) +
	       (ix->ranges.set ? ix->ranges.set->bytes : 0);
}

/* The number of values <= `p` (or < `p`) in the `n` >= 1 values at `a`. */
static ALWAYS_INLINE uint32_t count_until(const uint64_t *a, uint32_t n,
					  uint64_t p, bool with_equal)
{
	const uint64_t *base = a;

	while (n > 1) {
		uint32_t half = n / 2;
		uint64_t v = base[half - 1];

		base += (with_equal ? v <= p : v < p) ? half : 0;
		n -= half;
	}
	return (uint32_t)(base - a) + (with_equal ? *base <= p : *base < p);
}

/* The last of the separators lo to hi - 1 that is <= (key, ts); the one
 * before lo when none is, or 0. */
static uint32_t seek_among_equals(const struct sst_index *ix, uint32_t lo,
				  uint32_t hi, struct tt_slice key, int64_t ts)
{
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (record_cmp_at(sst_index_sep_key(ix, mid),
				  sst_index_sep_ts(ix, mid), key, ts) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? lo - 1 : 0;
}

uint32_t sst_index_seek(const struct sst_index *ix, struct tt_slice key,
			int64_t ts)
{
	size_t n = MIN_OF(key.len, (size_t)ix->lcp);
	int c = n ? memcmp(key.data, ix->keys, n) : 0;
	uint32_t lo, hi;
	uint64_t p;

	if (c < 0 || (c == 0 && key.len < ix->lcp))
		return 0;
	if (c > 0)
		return ix->n_blocks - 1;
	p = prefix_of(key, ix->lcp);
	hi = count_until(ix->prefixes, ix->n_blocks, p, true);
	if (hi == 0)
		return 0;
	if (likely(ix->prefixes[hi - 1] != p))
		return hi - 1;
	lo = hi - 1;
	if (lo && ix->prefixes[lo - 1] == p)
		lo = count_until(ix->prefixes, hi, p, false);
	return seek_among_equals(ix, lo, hi, key, ts);
}
