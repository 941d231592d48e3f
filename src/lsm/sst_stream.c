/* SPDX-License-Identifier: MIT */
#include "lsm/sst_stream.h"

#include <inttypes.h>

#include "base/checksum.h"
#include "base/err.h"
#include "lsm/sst_reader_impl.h"

/* Behind the last block nothing is expected. */
static void begin_part(struct sst_stream *s)
{
	const struct sst_reader *t = s->table;
	struct sst_block_ref b;

	if (s->n_parts == 0) {
		s->from = 0;
		s->to = t->header_len - SST_CHECKSUM_LEN;
		s->want = le64_load(t->header + s->to);
	} else if (s->n_parts <= t->index.n_blocks) {
		sst_index_block(&t->index, s->n_parts - 1, &b);
		s->from = b.offset;
		s->to = b.offset + b.stored_len;
		s->want = b.checksum;
	} else {
		s->from = s->to = UINT64_MAX;
	}
	s->n_parts++;
	checksum_stream_reset(s->sum, 0);
}

int sst_stream_init(struct sst_stream *s, const struct sst_reader *table)
{
	*s = (struct sst_stream){ .table = table };
	s->sum = checksum_stream_new(0);
	if (!s->sum)
		return err_nomem("a table's check");
	begin_part(s);
	return 0;
}

void sst_stream_fini(struct sst_stream *s)
{
	checksum_stream_free(s->sum);
	s->sum = NULL;
}

static int end_part(struct sst_stream *s)
{
	if (checksum_stream_sum(s->sum) != s->want)
		return err_set(TT_ECORRUPT,
			       "%s: %s of %" PRIu64 " bytes at offset %" PRIu64
			       " fails its checksum",
			       s->table->path,
			       s->n_parts == 1 ? "header" : "block",
			       s->to - s->from, s->from);
	begin_part(s);
	return 0;
}

int sst_stream_add(void *arg, uint64_t off, const void *p, size_t n)
{
	struct sst_stream *s = arg;
	const uint8_t *at = p;
	int r = 0;

	while (n && r == 0) {
		bool is_between = off < s->from;
		uint64_t until = is_between ? s->from : s->to;
		size_t take = (size_t)MIN_OF(until - off, (uint64_t)n);

		if (!is_between)
			checksum_stream_add(s->sum, at, take);
		at += take;
		off += take;
		n -= take;
		if (off == s->to)
			r = end_part(s);
	}
	return r;
}
