/* SPDX-License-Identifier: MIT */
#include "lsm/value_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"

/* What one read brings at least, where the file has it. */
#define WINDOW_BYTES ((size_t)256 << 10)
/* Values are summed in pieces of this many bytes. */
#define SUM_BYTES ((size_t)256 << 10)

int value_check_header(struct env_file *file, uint64_t no)
{
	struct value_file_header h;
	int r = env_read_exact(file, 0, &h, sizeof(h));

	if (r < 0)
		return r;
	if (memcmp(h.magic, VALUE_MAGIC, sizeof(h.magic)) != 0)
		return err_set(TT_ECORRUPT, "%s: offset 0: not a value file",
			       file->path);
	if (le64_get(h.checksum) != checksum(&h, 24))
		return err_set(TT_ECORRUPT,
			       "%s: offset 0: header fails its checksum",
			       file->path);
	if (le32_get(h.version) != VALUE_VERSION || le64_get(h.features) != 0)
		return err_set(TT_EVERSION,
			       "%s: values of format version %" PRIu32
			       " with features %" PRIx64
			       "; this program reads version %u without",
			       file->path, le32_get(h.version),
			       le64_get(h.features), VALUE_VERSION);
	if (no && le64_get(h.file_no) != no)
		return err_set(TT_ECORRUPT,
			       "%s: offset 0: says that it is file %" PRIu64,
			       file->path, le64_get(h.file_no));
	return 0;
}

/* The header and key at `head`: sound, and *out says what they say. */
static bool read_head(const uint8_t *head, uint64_t len, uint64_t file_no,
		      uint64_t off, struct value_found *out)
{
	struct value_record_header h;
	uint32_t key_len;

	if (len < sizeof(h))
		return false;
	memcpy(&h, head, sizeof(h));
	key_len = le16_get(h.key_len);
	if (key_len == 0 || key_len > len - sizeof(h) ||
	    !value_lens_are_sound(le32_get(h.stored_len), le32_get(h.raw_len),
				  h.codec) ||
	    le64_get(h.checksum) != checksum_seeded(head + 8,
						    sizeof(h) - 8 + key_len,
						    value_seed(file_no, off)))
		return false;
	*out = (struct value_found){
		.offset = off,
		.is_record = true,
		.ts = (int64_t)le64_get(h.ts),
		.key = SLICE(head + sizeof(h), key_len),
		.ptr = {
			.file_no = file_no,
			.offset = off,
			.checksum = le64_get(h.value_checksum),
			.stored_len = le32_get(h.stored_len),
			.raw_len = le32_get(h.raw_len),
			.codec = h.codec,
		},
	};
	out->space = value_record_space(key_len, out->ptr.stored_len);
	return true;
}

/* The checksum of bytes of the file, without holding them all. */
static int sum_file(struct env_file *file, uint64_t off, uint64_t len,
		    uint64_t *out)
{
	struct checksum_stream *sum = checksum_stream_new(0);
	uint8_t *p = malloc(SUM_BYTES);
	int r = sum && p ? 0 : err_nomem("a checksum");

	while (r == 0 && len) {
		size_t n = (size_t)MIN_OF(len, (uint64_t)SUM_BYTES);

		r = env_read_exact(file, off, p, n);
		if (r == 0)
			checksum_stream_add(sum, p, n);
		off += n;
		len -= n;
	}
	if (r == 0)
		*out = checksum_stream_sum(sum);
	checksum_stream_free(sum);
	free(p);
	return r;
}

int value_verify_record(struct env_file *file, const struct value_ptr *p,
			struct tt_slice key)
{
	size_t head_len = sizeof(struct value_record_header) + key.len;
	uint8_t *head = malloc(head_len);
	struct value_found found;
	uint64_t sum = 0;
	int r;

	if (!head)
		return err_nomem("a value");
	r = env_read_exact(file, p->offset, head, head_len);
	if (r == 0 &&
	    (!read_head(head, head_len, p->file_no, p->offset, &found) ||
	     !slice_eq(found.key, key) || found.ptr.codec != p->codec ||
	     found.ptr.stored_len != p->stored_len ||
	     found.ptr.raw_len != p->raw_len ||
	     found.ptr.checksum != p->checksum))
		r = err_set(TT_ECORRUPT,
			    "%s: offset %" PRIu64
			    ": not the record that a pointer names",
			    file->path, p->offset);
	if (r == 0)
		r = sum_file(file, value_offset(p, key.len), p->stored_len,
			     &sum);
	if (r == 0 && sum != p->checksum)
		r = err_set(TT_ECORRUPT,
			    "%s: value of %" PRIu32 " bytes at offset %" PRIu64
			    " fails its checksum",
			    file->path, p->stored_len,
			    value_offset(p, key.len));
	free(head);
	return r;
}

int value_inflate(const char *path, const struct value_ptr *p,
		  struct tt_slice stored, void *dst)
{
	int r;

	if (p->codec == CODEC_NONE) {
		if (stored.len)
			memcpy(dst, stored.data, stored.len);
		return 0;
	}
	r = decompress_into((enum codec)p->codec, stored, dst, p->raw_len);
	if (r == TT_ECORRUPT)
		return err_set(r,
			       "%s: value of record at offset %" PRIu64
			       " does not inflate",
			       path, p->offset);
	return r;
}

/* ---- a whole file ----------------------------------------------------- */

int value_scan_open(struct value_scan *s, struct env *env, const char *path)
{
	struct value_file_header h;
	int r;

	*s = (struct value_scan){ .at = VALUE_FIRST_OFFSET };
	r = env_open(env, path, ENV_READ, &s->file);
	if (r == 0)
		r = value_check_header(s->file, 0);
	if (r == 0)
		r = env_read_exact(s->file, 0, &h, sizeof(h));
	if (r == 0) {
		s->no = le64_get(h.file_no);
		r = env_file_size(s->file, &s->file_bytes);
	}
	return r;
}

void value_scan_fini(struct value_scan *s)
{
	(void)env_close(s->file); /* only read from */
	s->file = NULL;
	buf_fini(&s->window);
}

/* At least `len` bytes at `off`, fewer only at the end of the file. */
static int bytes_at(struct value_scan *s, uint64_t off, size_t len,
		    struct tt_slice *out)
{
	size_t want, got;
	int r;

	len = (size_t)MIN_OF((uint64_t)len, s->file_bytes - off);
	if (off < s->window_off || off + len > s->window_off + s->window.len) {
		want = MAX_OF(len, WINDOW_BYTES);
		buf_clear(&s->window);
		r = buf_reserve(&s->window, want);
		if (r < 0)
			return r;
		r = env_read(s->file, off, s->window.data, want, &got);
		if (r < 0)
			return r;
		s->window.len = got;
		s->window_off = off;
		len = MIN_OF(len, got);
	}
	*out = SLICE(s->window.data + (off - s->window_off), len);
	return 0;
}

/* 1 when a record begins at `off`, 0 when not, or negative. */
static int record_at(struct value_scan *s, uint64_t off,
		     struct value_found *out)
{
	const size_t most = sizeof(struct value_record_header) + TT_KEY_MAX;
	struct tt_slice head;
	int r = bytes_at(s, off, most, &head);

	if (r < 0)
		return r;
	return read_head(head.data, head.len, s->no, off, out);
}

static int sum_found(struct value_scan *s, struct value_found *out)
{
	uint64_t from = value_offset(&out->ptr, out->key.len), sum = 0;
	int r;

	if (s->file_bytes < from || s->file_bytes - from < out->ptr.stored_len)
		return 0; /* the value is cut short */
	r = sum_file(s->file, from, out->ptr.stored_len, &sum);
	out->is_sound = r == 0 && sum == out->ptr.checksum;
	return r;
}

int value_scan_next(struct value_scan *s, struct value_found *out)
{
	uint64_t from = s->at;
	int r = 0;

	if (s->at >= s->file_bytes)
		return TT_END;
	while (s->at < s->file_bytes && (r = record_at(s, s->at, out)) == 0)
		s->at += VALUE_ALIGN;
	if (r < 0)
		return r;
	if (r == 0 || s->at > from) { /* first what lies before it */
		s->at = MIN_OF(s->at, s->file_bytes);
		*out = (struct value_found){ .offset = from,
					     .space = s->at - from };
		return 0;
	}
	s->at += out->space;
	return sum_found(s, out);
}

int value_scan_value(struct value_scan *s, const struct value_found *rec,
		     struct buf *out)
{
	struct buf stored = BUF_INIT;
	int r;

	buf_clear(out);
	r = buf_reserve(out, rec->ptr.raw_len);
	if (r == 0)
		r = buf_reserve(&stored, rec->ptr.stored_len);
	if (r == 0)
		r = env_read_exact(s->file,
				   value_offset(&rec->ptr, rec->key.len),
				   stored.data, rec->ptr.stored_len);
	stored.len = rec->ptr.stored_len;
	if (r == 0)
		r = value_inflate(s->file->path, &rec->ptr, buf_slice(&stored),
				  out->data);
	if (r == 0)
		out->len = rec->ptr.raw_len;
	buf_fini(&stored);
	return r;
}
