/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a table: refused, or read without harm. Checksums would stop
 * nearly every mutation at the door, so each input is tried a second time
 * with its checksums made right.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/env.h"
#include "fuzz/replay.h"
#include "lsm/key_hash.h"
#include "lsm/sst_format.h"
#include "lsm/sst_reader.h"
#include "ttrunks.h"

const struct fuzz_target fuzz_target = {
	.name = "tables",
	.seed_dirs = { "golden" },
	.suffix = ".sst",
	.n_mutations = 3000,
};

/* Touches what an answer points at. */
static void use(const struct record *r)
{
	volatile uint64_t sum = checksum_slice(r->key);

	sum = sum ^ checksum_slice(r->value);
}

static void walk(struct sst_reader *r, struct block_cache *c)
{
	static const char *const keys[] = { "",	       "key0003", "key0012",
					    "key0038", "key0077", "zzz" };
	struct rec_iter *it;
	struct sst_hit hit;

	if (sst_iter_new(r, c, 0, &it) < 0)
		abort();
	for (int rc = rec_iter_first(it); rc == 0; rc = rec_iter_next(it))
		use(&it->rec);
	for (int rc = rec_iter_last(it); rc == 0; rc = rec_iter_prev(it))
		use(&it->rec);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct tt_slice key = tt_str(keys[i]);

		if (rec_iter_seek(it, key, TS_NEWEST) == 0)
			use(&it->rec);
		if (rec_iter_seek_for_prev(it, key, 1700000000000000) == 0)
			use(&it->rec);
		if (sst_get(r, c, key, key_hash(key), TS_NEWEST, false, &hit) ==
		    0) {
			use(&hit.rec);
			sst_hit_release(&hit);
		}
	}
	rec_iter_free(it);
}

static void read_table(const uint8_t *data, size_t size)
{
	struct block_cache *c;
	struct sst_reader *r;

	if (sst_open(env_posix(), fuzz_file(data, size), 1, &r) < 0)
		return;
	if (block_cache_new((size_t)1 << 20, &c) < 0)
		abort();
	(void)sst_verify(r, NULL, NULL); /* any answer will do */
	walk(r, c);
	sst_close(r);
	block_cache_free(c);
}

/* Makes every checksum right whose place can be told. */
static void reseal(uint8_t *p, size_t size)
{
	size_t n, m, at, n_blocks;

	if (size < 16)
		return;
	n = le32_load(p);
	if (n > size - 16)
		return;
	m = le32_load(p + 4 + n);
	at = n + 8;
	if (m < SST_INDEX_MIN || m > size - at)
		return;
	n_blocks = le32_load(p + at + 24);
	for (size_t i = 0; i < n_blocks; i++) {
		size_t e = at + sizeof(struct sst_index_header) +
			   i * sizeof(struct sst_block_entry);
		uint64_t off, len;

		if (e + sizeof(struct sst_block_entry) > at + m)
			break;
		off = le64_load(p + e);
		len = le32_load(p + e + 24);
		if (off <= size && len <= size - off)
			le64_store(p + e + 8, checksum(p + off, len));
	}
	/* A changed length is damage that is found at once: make it right. */
	le64_store(p + at + 56, size);
	le64_store(p + at + m - 8, checksum(p, at + m - 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	if (!copy)
		abort();
	read_table(data, size);
	if (size)
		memcpy(copy, data, size);
	reseal(copy, size);
	read_table(copy, size);
	free(copy);
	return 0;
}
