/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a log segment, and as the batch in a log record: refused, or
 * read without harm. A segment's first record is tried again with its
 * checksums made right.
 */
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "fuzz/replay.h"
#include "lsm/batch.h"
#include "lsm/wal_format.h"
#include "lsm/wal_reader.h"

const struct fuzz_target fuzz_target = {
	.name = "log segments",
	.seed_dirs = { "fuzz/corpus/wal" },
	.n_mutations = 10000,
};

static int use_batch(void *arg, uint64_t lsn, int64_t ts,
		     struct tt_slice payload)
{
	struct batch_reader r;
	struct batch_op op;

	(void)arg;
	(void)lsn;
	(void)ts;
	if (batch_reader_init(&r, payload) < 0)
		return 0;
	while (batch_reader_next(&r, &op) == 0) {
		volatile uint64_t sum = checksum_slice(op.key);

		sum = sum ^ checksum_slice(op.value) ^ op.kind;
	}
	return 0;
}

static void read_segment(const uint8_t *data, size_t size)
{
	struct wal_segment_info info;

	(void)wal_read_segment(env_posix(), fuzz_file(data, size), use_batch,
			       NULL, &info);
}

static void reseal(uint8_t *p, size_t size)
{
	struct wal_segment_header *h = (void *)p;
	struct wal_record_header *r = (void *)(p + sizeof(*h));
	uint64_t lsn;
	size_t len;

	if (size < sizeof(*h) + sizeof(*r))
		return;
	h->checksum = le64_make(wal_identity_sum(h));
	h->link_checksum = le64_make(wal_link_sum(h));
	lsn = wal_lsn((uint32_t)le64_get(h->segment_no), WAL_FIRST_OFFSET);
	len = le32_get(r->len);
	if (len > size - sizeof(*h) - sizeof(*r))
		return;
	r->payload_checksum = le64_make(wal_payload_sum(r + 1, len, lsn));
	r->checksum = le32_make(wal_record_sum(r, lsn));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	if (!copy)
		abort();
	read_segment(data, size);
	if (size)
		memcpy(copy, data, size);
	reseal(copy, size);
	read_segment(copy, size);
	use_batch(NULL, 0, 0, SLICE(data, size));
	free(copy);
	return 0;
}
