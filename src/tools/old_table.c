/* SPDX-License-Identifier: MIT */
/* See old_table.h. */
#include "tools/old_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"
#include "base/le.h"
#include "ttrunks.h"

#define WINDOW_BYTES ((uint64_t)256 << 10)

/* Records looked at to tell the two variants apart. */
#define N_TRIED 16

struct old_table {
	struct env_file *file;
	char *path;
	struct old_table_info info;
	uint64_t at; /* of the next record */
	struct buf window;
	uint64_t window_off;
};

/* `len` bytes at `off`, which lie within the file. */
static int bytes_at(struct old_table *t, uint64_t off, uint64_t len,
		    const uint8_t **out)
{
	uint64_t want =
		MIN_OF(MAX_OF(len, WINDOW_BYTES), t->info.file_bytes - off);
	int r;

	if (off >= t->window_off &&
	    off + len <= t->window_off + t->window.len) {
		*out = t->window.data + (off - t->window_off);
		return 0;
	}
	buf_clear(&t->window);
	r = buf_reserve(&t->window, want);
	if (r == 0)
		r = env_read_exact(t->file, off, t->window.data, want);
	if (r < 0)
		return r;
	t->window.len = want;
	t->window_off = off;
	*out = t->window.data;
	return 0;
}

/* A le32 at `off`: 1 with *out set, 0 beyond the file's end, negative. */
static int u32_at(struct old_table *t, uint64_t off, uint64_t *out)
{
	const uint8_t *p;
	int r;

	if (off + 4 > t->info.file_bytes)
		return 0;
	r = bytes_at(t, off, 4, &p);
	if (r < 0)
		return r;
	*out = le32_load(p);
	return 1;
}

/*
 * The record at `off` if it is one whose timestamp size takes `width` bytes:
 * 1, 0 when it is none, negative.
 */
static int read_record(struct old_table *t, uint64_t off, unsigned width,
		       struct old_record *out)
{
	uint64_t klen, vlen, len, end = t->info.file_bytes;
	uint64_t tail = width + 8 + 4 + 1;
	const uint8_t *p, *q;
	int r;

	r = u32_at(t, off, &klen);
	if (r <= 0 || klen > TT_VALUE_MAX)
		return MIN_OF(r, 0);
	r = u32_at(t, off + 4 + klen, &vlen);
	if (r <= 0 || vlen > TT_VALUE_MAX)
		return MIN_OF(r, 0);
	len = 4 + klen + 4 + vlen + tail;
	if (len > end - off)
		return 0;
	r = bytes_at(t, off, len, &p);
	if (r < 0)
		return r;
	q = p + 8 + klen + vlen;
	if (le32_load(q) != 8 || (width == 8 && le32_load(q + 4) != 0) ||
	    le32_load(q + width + 8) != 1 || q[width + 12] > 1)
		return 0;
	out->key = SLICE(p + 4, klen);
	out->value = SLICE(p + 8 + klen, vlen);
	out->ts = (int64_t)le64_load(q + width);
	out->is_tombstone = q[width + 12];
	out->offset = off;
	t->at = off + len;
	return 1;
}

/* Whether the first records are of this variant: 1, 0, negative. */
static int try_variant(struct old_table *t, unsigned width)
{
	uint64_t start = 8 + t->info.filter_bytes + t->info.index_bytes;
	struct old_record rec;
	int r = 1;

	t->at = start;
	for (int i = 0; r == 1 && i < N_TRIED && t->at < t->info.file_bytes;
	     i++)
		r = read_record(t, t->at, width, &rec);
	t->at = start;
	t->info.ts_size_bytes = width;
	return r;
}

/* The two boxes: 1 when they and a record fit the file. */
static int read_boxes(struct old_table *t)
{
	uint64_t n, m, start;
	int r = u32_at(t, 0, &n);

	if (r <= 0 || n > INT32_MAX)
		return MIN_OF(r, 0);
	r = u32_at(t, 4 + n, &m);
	if (r <= 0 || m > INT32_MAX)
		return MIN_OF(r, 0);
	start = 8 + n + m;
	if (start >= t->info.file_bytes)
		return 0;
	t->info.filter_bytes = n;
	t->info.index_bytes = m;
	return 1;
}

int old_table_open(const char *path, struct old_table **out)
{
	struct old_table *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_nomem("a table");
	t->path = strdup(path);
	r = t->path ? env_open(env_posix(), path, ENV_READ, &t->file)
		    : err_nomem("a table");
	if (r == 0)
		r = env_file_size(t->file, &t->info.file_bytes);
	if (r == 0)
		r = read_boxes(t);
	if (r == 1) {
		r = try_variant(t, 8);
		if (r == 0)
			r = try_variant(t, 4);
	}
	if (r == 1) {
		*out = t;
		return 0;
	}
	old_table_close(t);
	return r < 0 ? r : TT_NOTFOUND;
}

void old_table_close(struct old_table *t)
{
	if (!t)
		return;
	(void)env_close(t->file); /* only read from */
	buf_fini(&t->window);
	free(t->path);
	free(t);
}

void old_table_info(const struct old_table *t, struct old_table_info *out)
{
	*out = t->info;
}

int old_table_next(struct old_table *t, struct old_record *out)
{
	int r;

	if (t->at == t->info.file_bytes)
		return TT_END;
	r = read_record(t, t->at, t->info.ts_size_bytes, out);
	if (r == 0)
		return err_set(TT_ECORRUPT, "%s: no record at offset %" PRIu64,
			       t->path, t->at);
	return r < 0 ? r : 0;
}
