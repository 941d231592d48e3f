/* SPDX-License-Identifier: MIT */
#include "lsm/value_disk.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/file_name.h"
#include "lsm/value_reader.h"

/* What one read brings at most, but for headers with their keys. */
#define PIECE_BYTES ((size_t)256 << 10)

void value_disk_fini(struct value_disk *d)
{
	for (size_t i = 0; i < VALUE_DISK_FILES; i++) {
		(void)env_close(d->files[i]); /* only read from */
		d->files[i] = NULL;
	}
	direct_window_fini(&d->window);
}

/* At least `need` bytes at `off`, if it must read up to `want` of them. */
static int fetch(struct env_file *file, struct direct_window *w, uint64_t off,
		 size_t need, size_t want, const uint8_t **out)
{
	int r = 0;

	*out = direct_window_at(w, off, need);
	if (*out)
		return 0;
	r = direct_window_read(w, file, off, want);
	if (r < 0)
		return r;
	*out = direct_window_at(w, off, need);
	if (!*out)
		return err_set(TT_ECORRUPT,
			       "%s: ends before offset %" PRIu64
			       ", where there should be %zu bytes",
			       file->path, off + need, need);
	return 0;
}

int value_disk_sum(struct env_file *file, struct direct_window *w, uint64_t off,
		   uint64_t len, uint8_t *dst, uint64_t *out_sum)
{
	struct checksum_stream *sum = checksum_stream_new(0);
	int r = sum ? 0 : err_nomem("a checksum");

	while (r == 0 && len) {
		size_t n = (size_t)MIN_OF(len, (uint64_t)PIECE_BYTES);
		const uint8_t *p;

		r = fetch(file, w, off, n, n, &p);
		if (r < 0)
			break;
		checksum_stream_add(sum, p, n);
		if (dst) {
			memcpy(dst, p, n);
			dst += n;
		}
		off += n;
		len -= n;
	}
	if (r == 0)
		*out_sum = checksum_stream_sum(sum);
	checksum_stream_free(sum);
	return r;
}

/* ---- records ---------------------------------------------------------- */

static int check_head(struct env_file *file, struct direct_window *w,
		      const struct value_ptr *p, struct tt_slice key)
{
	size_t len = sizeof(struct value_record_header) + p->key_len;
	struct value_found found;
	const uint8_t *head;
	int r = fetch(file, w, p->offset, len,
		      MAX_OF(len, MIN_OF(len + p->stored_len, PIECE_BYTES)),
		      &head);

	if (r < 0)
		return r;
	if (!value_head_read(head, len, p->file_no, p->offset, &found) ||
	    found.ptr.key_len != p->key_len ||
	    !(p->is_shared || slice_eq(found.key, key)) ||
	    found.ptr.codec != p->codec ||
	    found.ptr.stored_len != p->stored_len ||
	    found.ptr.raw_len != p->raw_len ||
	    found.ptr.checksum != p->checksum)
		return err_set(TT_ECORRUPT,
			       "%s: offset %" PRIu64
			       ": not the record that a pointer names",
			       file->path, p->offset);
	return 0;
}

int value_verify_record(struct env_file *file, struct direct_window *w,
			const struct value_ptr *p, struct tt_slice key,
			uint8_t *dst)
{
	uint64_t sum = 0;
	int r = check_head(file, w, p, key);

	if (r == 0)
		r = value_disk_sum(file, w, value_offset(p), p->stored_len, dst,
				   &sum);
	if (r == 0 && sum != p->checksum)
		r = err_set(TT_ECORRUPT,
			    "%s: value of %" PRIu32 " bytes at offset %" PRIu64
			    " fails its checksum",
			    file->path, p->stored_len, value_offset(p));
	return r;
}

/* ---- files ------------------------------------------------------------ */

static int check_header(struct value_disk *d, struct env_file *file,
			uint64_t no)
{
	struct value_file_header h;
	const uint8_t *p;
	int r = fetch(file, &d->window, 0, sizeof(h), sizeof(h), &p);

	if (r < 0)
		return r;
	memcpy(&h, p, sizeof(h));
	return value_header_check(file->path, &h, no);
}

/* The window is of another file from now on. */
static void turn_to(struct value_disk *d, uint64_t no)
{
	if (d->window_no != no)
		direct_window_reset(&d->window, 2 * PIECE_BYTES);
	d->window_no = no;
}

static int open_file(struct value_disk *d, uint64_t no, struct env_file **out)
{
	struct env_file **at = &d->files[no % VALUE_DISK_FILES];
	uint64_t *at_no = &d->nos[no % VALUE_DISK_FILES];
	struct buf path = BUF_INIT;
	int r;

	turn_to(d, no);
	*out = *at;
	if (*at && *at_no == no)
		return 0;
	(void)env_close(*at);
	*at = NULL;
	r = path_values(&path, d->dir, no);
	if (r == 0)
		r = env_open(d->env, path_of(&path), ENV_READ | ENV_DIRECT, at);
	if (r == -ENOENT) {
		d->is_missing_any = true;
		r = err_set(TT_ECORRUPT, "%s: the value file is missing",
			    path_of(&path));
	}
	if (r == 0)
		r = check_header(d, *at, no);
	if (r < 0) {
		(void)env_close(*at);
		*at = NULL;
	}
	buf_fini(&path);
	*at_no = no;
	*out = *at;
	return r;
}

/* The stored value goes to `dst`, unless that is NULL. */
static int read_record(struct value_disk *d, const struct value_ptr *p,
		       struct tt_slice key, uint8_t *dst,
		       struct env_file **out_file)
{
	int r = open_file(d, p->file_no, out_file);

	return r < 0 ? r
		     : value_verify_record(*out_file, &d->window, p, key, dst);
}

int value_disk_verify(struct value_disk *d, const struct value_ptr *p,
		      struct tt_slice key)
{
	struct env_file *file;

	return read_record(d, p, key, NULL, &file);
}

int value_disk_read(struct value_disk *d, const struct value_ptr *p,
		    struct tt_slice key, struct buf *out)
{
	struct buf inflated = BUF_INIT;
	struct env_file *file;
	int r;

	buf_clear(out);
	r = buf_reserve(out, p->stored_len);
	if (r == 0)
		r = read_record(d, p, key, out->data, &file);
	if (r < 0)
		return r;
	out->len = p->stored_len;
	if (p->codec == CODEC_NONE)
		return 0;
	r = buf_reserve(&inflated, p->raw_len);
	if (r == 0)
		r = value_inflate(file->path, p, buf_slice(out), inflated.data);
	if (r == 0) {
		inflated.len = p->raw_len;
		buf_swap(out, &inflated);
	}
	buf_fini(&inflated);
	return r;
}
