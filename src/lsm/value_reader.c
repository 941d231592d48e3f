/* SPDX-License-Identifier: MIT */
#include "lsm/value_reader.h"

#include <inttypes.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/value_disk.h"

/* What one read brings at least, where the file has it. */
#define WINDOW_BYTES ((size_t)256 << 10)

int value_header_check(const char *path, const struct value_file_header *h,
		       uint64_t no)
{
	if (memcmp(h->magic, VALUE_MAGIC, sizeof(h->magic)) != 0)
		return err_set(TT_ECORRUPT, "%s: offset 0: not a value file",
			       path);
	if (le64_get(h->checksum) != checksum(h, 24))
		return err_set(TT_ECORRUPT,
			       "%s: offset 0: header fails its checksum", path);
	if (le32_get(h->version) != VALUE_VERSION || le64_get(h->features) != 0)
		return err_set(TT_EVERSION,
			       "%s: values of format version %" PRIu32
			       " with features %" PRIx64
			       "; this program reads version %u without",
			       path, le32_get(h->version),
			       le64_get(h->features), VALUE_VERSION);
	if (no && le64_get(h->file_no) != no)
		return err_set(TT_ECORRUPT,
			       "%s: offset 0: says that it is file %" PRIu64,
			       path, le64_get(h->file_no));
	return 0;
}

int value_check_header(struct env_file *file, uint64_t no)
{
	struct value_file_header h;
	int r = env_read_exact(file, 0, &h, sizeof(h));

	return r < 0 ? r : value_header_check(file->path, &h, no);
}

bool value_head_read(const uint8_t *head, uint64_t len, uint64_t file_no,
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
			.key_len = (uint16_t)key_len,
			.codec = h.codec,
		},
	};
	out->space = value_ptr_space(&out->ptr);
	return true;
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

/* Up to `len` bytes at `off`, fewer only at the end of the file. */
static int bytes_at(struct value_scan *s, uint64_t off, size_t len,
		    struct tt_slice *out)
{
	const uint8_t *p;
	int r = 0;

	len = (size_t)MIN_OF((uint64_t)len, s->file_bytes - off);
	p = direct_window_at(&s->heads, off, len);
	if (!p)
		r = direct_window_read(&s->heads, s->file, off,
				       MAX_OF(len, WINDOW_BYTES));
	if (!p && r == 0)
		p = direct_window_at(&s->heads, off, len);
	if (!p && r == 0)
		r = err_set(TT_ECORRUPT, "%s: has become shorter than %" PRIu64,
			    s->file->path, off + len);
	*out = SLICE(p, len);
	return r;
}

int value_scan_open(struct value_scan *s, struct env *env, const char *path)
{
	struct value_file_header h = { .version = le32_make(0) };
	struct tt_slice head;
	int r;

	*s = (struct value_scan){ .at = VALUE_FIRST_OFFSET };
	r = env_open(env, path, ENV_READ | ENV_DIRECT, &s->file);
	if (r == 0)
		r = env_file_size(s->file, &s->file_bytes);
	if (r == 0)
		r = bytes_at(s, 0, sizeof(h), &head);
	if (r < 0)
		return r;
	memcpy(&h, head.data, head.len);
	s->no = le64_get(h.file_no);
	return value_header_check(path, &h, 0);
}

void value_scan_fini(struct value_scan *s)
{
	(void)env_close(s->file); /* only read from */
	s->file = NULL;
	direct_window_fini(&s->heads);
	direct_window_fini(&s->bodies);
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
	return value_head_read(head.data, head.len, s->no, off, out);
}

/* The stored value, to `dst` if that is not NULL. What the key of `rec` is a
 * slice of stays. */
static int read_body(struct value_scan *s, const struct value_found *rec,
		     uint8_t *dst, uint64_t *out_sum)
{
	uint64_t from = value_offset(&rec->ptr);
	size_t len = rec->ptr.stored_len;
	const uint8_t *p = direct_window_at(&s->heads, from, len);

	if (!p)
		return value_disk_sum(s->file, &s->bodies, from, len, dst,
				      out_sum);
	if (dst && len)
		memcpy(dst, p, len);
	*out_sum = checksum(p, len);
	return 0;
}

static int sum_found(struct value_scan *s, struct value_found *out)
{
	uint64_t from = value_offset(&out->ptr), sum = 0;
	int r;

	if (s->file_bytes < from || s->file_bytes - from < out->ptr.stored_len)
		return 0; /* the value is cut short */
	r = read_body(s, out, NULL, &sum);
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
	uint64_t sum;
	int r;

	buf_clear(out);
	r = buf_reserve(out, rec->ptr.raw_len);
	if (r == 0)
		r = buf_reserve(&stored, rec->ptr.stored_len);
	if (r == 0)
		r = read_body(s, rec, stored.data, &sum);
	stored.len = rec->ptr.stored_len;
	if (r == 0)
		r = value_inflate(s->file->path, &rec->ptr, buf_slice(&stored),
				  out->data);
	if (r == 0)
		out->len = rec->ptr.raw_len;
	buf_fini(&stored);
	return r;
}
