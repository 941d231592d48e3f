/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a manifest, and as the edit in one of its records: refused, or
 * read without harm. The first record is tried again with its checksums made
 * right.
 */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "fuzz/replay.h"
#include "lsm/manifest_format.h"
#include "lsm/manifest_reader.h"

const struct fuzz_target fuzz_target = {
	.name = "manifests",
	.seed_dirs = { "fuzz/corpus/manifest" },
	.n_mutations = 10000,
};

static int use_edit(void *arg, uint64_t offset, const struct version_edit *e)
{
	(void)arg;
	(void)offset;
	for (size_t i = 0; i < e->n_added; i++) {
		volatile uint64_t sum = checksum_slice(e->added[i].min_key);

		sum = sum ^ checksum_slice(e->added[i].max_key);
	}
	return 0;
}

static void read_manifest(const uint8_t *data, size_t size)
{
	struct manifest_end end;

	(void)manifest_read(env_posix(), fuzz_file(data, size), use_edit, NULL,
			    &end);
}

static void reseal(uint8_t *p, size_t size)
{
	struct manifest_header *h = (void *)p;
	struct manifest_record *r = (void *)(p + sizeof(*h));

	if (size < sizeof(*h) + sizeof(*r))
		return;
	h->checksum = le64_make(checksum(h, 24));
	if (le32_get(r->len) > size - sizeof(*h) - sizeof(*r))
		return;
	r->checksum = le64_make(manifest_record_sum(
		r, le64_get(h->file_no), sizeof(struct manifest_header)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	struct version_edit e;

	if (!copy)
		abort();
	read_manifest(data, size);
	if (size)
		memcpy(copy, data, size);
	reseal(copy, size);
	read_manifest(copy, size);
	version_edit_init(&e);
	(void)version_edit_decode(&e, SLICE(data, size));
	version_edit_fini(&e);
	free(copy);
	return 0;
}
