/* SPDX-License-Identifier: MIT */
#include "lsm/value_pass.h"

#include <string.h>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/err.h"
#include "lsm/value_reader.h"

int value_pass_init(struct value_pass *s, const char *path, uint64_t no)
{
	*s = (struct value_pass){ .path = path, .no = no };
	s->sum = checksum_stream_new(0);
	return s->sum ? 0 : err_nomem("the check of a value file");
}

void value_pass_fini(struct value_pass *s)
{
	checksum_stream_free(s->sum);
	s->sum = NULL;
	buf_fini(&s->queue);
}

/* ---- the queue -------------------------------------------------------- */

static size_t n_queued(const struct value_pass *s)
{
	return s->queue.len - s->used;
}

static const uint8_t *queued(const struct value_pass *s)
{
	return s->queue.data + s->used;
}

/* What is used up goes now and then, so that this costs little. */
static void use_up(struct value_pass *s, size_t n)
{
	s->pos += n;
	s->used += n;
	if (s->used < 4096 && n_queued(s))
		return;
	memmove(s->queue.data, queued(s), n_queued(s));
	s->queue.len -= s->used;
	s->used = 0;
}

/* How many bytes what comes next must have in the queue. */
static size_t wanted(const struct value_pass *s)
{
	struct value_record_header h;

	if (s->pos == 0)
		return VALUE_FIRST_OFFSET;
	if (n_queued(s) < sizeof(h))
		return sizeof(h);
	memcpy(&h, queued(s), sizeof(h));
	return value_lens_are_sound(le32_get(h.stored_len), le32_get(h.raw_len),
				    h.codec)
		       ? sizeof(h) + le16_get(h.key_len)
		       : sizeof(h);
}

/* Queues as many bytes as that, or all there are: 1, 0, or negative. */
static int fill(struct value_pass *s, struct tt_slice *in)
{
	size_t have, want;

	while ((have = n_queued(s)) < (want = wanted(s))) {
		size_t n = MIN_OF(want - have, in->len);
		int r;

		if (n == 0)
			return 0;
		r = buf_append(&s->queue, in->data, n);
		if (r < 0)
			return r;
		*in = slice_skip(*in, n);
	}
	return 1;
}

/* ---- records ---------------------------------------------------------- */

/* 1 or negative. */
static int take_file_header(struct value_pass *s)
{
	struct value_file_header h;
	int r;

	memcpy(&h, queued(s), sizeof(h));
	use_up(s, sizeof(h));
	s->next = s->pos;
	r = value_header_check(s->path, &h, s->no);
	return r < 0 ? r : 1;
}

static void end_body(struct value_pass *s)
{
	if (checksum_stream_sum(s->sum) != s->want)
		s->n_odd += s->space;
}

/* A record begins here, or perhaps one does at the next place. 1. */
static int take_head(struct value_pass *s)
{
	struct value_found found;

	if (!value_head_read(queued(s), n_queued(s), s->no, s->pos, &found)) {
		size_t n = MIN_OF((size_t)VALUE_ALIGN, n_queued(s));

		use_up(s, n);
		s->n_odd += n;
		s->next = s->pos;
		return 1;
	}
	s->next = s->pos + found.space;
	use_up(s, sizeof(struct value_record_header) + found.key.len);
	checksum_stream_reset(s->sum, 0);
	s->body_left = found.ptr.stored_len;
	s->want = found.ptr.checksum;
	s->space = found.space;
	if (s->body_left == 0)
		end_body(s);
	return 1;
}

/* A value, or the padding behind it. */
static void take_body(struct value_pass *s, const uint8_t *p, size_t n)
{
	if (s->body_left == 0)
		return;
	checksum_stream_add(s->sum, p, n);
	s->body_left -= n;
	if (s->body_left == 0)
		end_body(s);
}

/* Goes as far as it can with the bytes there are; `is_last`: no more come. */
static int run(struct value_pass *s, struct tt_slice in, bool is_last)
{
	int r = 1;

	while (r > 0) {
		uint64_t ahead = s->body_left ? s->body_left : s->next - s->pos;
		size_t part;

		if (ahead && n_queued(s)) {
			part = (size_t)MIN_OF(ahead, (uint64_t)n_queued(s));
			take_body(s, queued(s), part);
			use_up(s, part);
		} else if (ahead && in.len) {
			part = (size_t)MIN_OF(ahead, (uint64_t)in.len);
			take_body(s, slice_bytes(in), part);
			s->pos += part;
			in = slice_skip(in, part);
		} else if (ahead) {
			return 0;
		} else if ((r = fill(s, &in)) > 0 ||
			   (r == 0 && is_last && n_queued(s) && s->pos)) {
			r = s->pos ? take_head(s) : take_file_header(s);
		}
	}
	return r;
}

int value_pass_add(void *arg, uint64_t off, const void *p, size_t n)
{
	struct value_pass *s = arg;

	assert(off == s->pos + n_queued(s));
	return run(s, SLICE(p, n), false);
}

void value_pass_end(struct value_pass *s)
{
	(void)run(s, SLICE_EMPTY, true); /* of the queue: it cannot fail */
	s->n_odd += s->body_left ? s->space : 0;
}
