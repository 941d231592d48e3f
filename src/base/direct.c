/* SPDX-License-Identifier: MIT */
#include "base/direct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"

#define CHUNK_BYTES ((size_t)1 << 20)

/* ---- writing ------------------------------------------------------------ */

void direct_writer_init(struct direct_writer *w)
{
	*w = (struct direct_writer){ .file = NULL };
}

void direct_writer_fini(struct direct_writer *w)
{
	direct_writer_abort(w);
	free(w->chunk);
	w->chunk = NULL;
}

void direct_writer_abort(struct direct_writer *w)
{
	(void)env_close(w->file); /* nobody will read it */
	w->file = NULL;
}

int direct_writer_open(struct direct_writer *w, struct env *env,
		       const char *path, uint64_t bytes, bool past_cache)
{
	unsigned flags = ENV_WRITE | ENV_CREATE | ENV_TRUNC;
	int r;

	assert(!w->file);
	if (past_cache && !w->chunk) {
		w->chunk = aligned_alloc(ENV_DIRECT_ALIGN, CHUNK_BYTES);
		if (!w->chunk)
			return err_nomem("a buffer for writing");
	}
	w->env = env;
	w->is_direct = past_cache;
	w->used = 0;
	w->at = 0;
	r = env_open(env, path, flags | (past_cache ? ENV_DIRECT : 0u),
		     &w->file);
	if (r < 0 || !past_cache || bytes == 0)
		return r;
	r = env_allocate(w->file, 0, bytes);
	if (r == -EOPNOTSUPP) /* then the writes make the room they need */
		r = 0;
	if (r < 0)
		direct_writer_abort(w);
	return r;
}

/* Writes the whole pages of the chunk and keeps the rest. */
static int write_pages(struct direct_writer *w)
{
	size_t len = ROUND_DOWN(w->used, (size_t)ENV_DIRECT_ALIGN);
	int r;

	if (len == 0)
		return 0;
	r = env_write(w->file, w->at, w->chunk, len);
	if (r < 0)
		return r;
	w->at += len;
	w->used -= len;
	if (w->used)
		memcpy(w->chunk, w->chunk + len, w->used);
	return 0;
}

/* Into the page cache: it makes the copy. */
static int add_cached(struct direct_writer *w, const uint8_t *p, size_t len)
{
	while (len) {
		size_t n = MIN_OF(len, CHUNK_BYTES);
		int r = env_write(w->file, w->at, p, n);

		if (r < 0)
			return r;
		w->at += n;
		p += n;
		len -= n;
	}
	return 0;
}

int direct_writer_add(struct direct_writer *w, const void *p, size_t len)
{
	const uint8_t *from = p;

	if (!w->is_direct)
		return add_cached(w, p, len);

	while (len) {
		size_t n = MIN_OF(len, CHUNK_BYTES - w->used);
		int r;

		memcpy(w->chunk + w->used, from, n);
		w->used += n;
		from += n;
		len -= n;
		if (w->used < CHUNK_BYTES)
			break;
		r = write_pages(w);
		if (r < 0)
			return r;
	}
	return 0;
}

/* No page is written both ways, so the two cannot disagree. */
static int write_tail(struct direct_writer *w)
{
	struct env_file *f;
	int r, rc;

	r = env_open(w->env, w->file->path, ENV_WRITE, &f);
	if (r < 0)
		return r;
	r = env_write(f, w->at, w->chunk, w->used);
	rc = env_close(f);
	return r < 0 ? r : rc;
}

int direct_writer_finish(struct direct_writer *w)
{
	int r = write_pages(w), rc;

	if (r == 0 && w->used)
		r = write_tail(w);
	/* Of the file, however it was written to. */
	if (r == 0)
		r = env_sync(w->file, ENV_SYNC_DATA);
	rc = env_close(w->file);
	w->file = NULL;
	return r < 0 ? r : rc;
}

/* ---- reading ------------------------------------------------------------ */

void direct_window_fini(struct direct_window *w)
{
	free(w->data);
	*w = (struct direct_window){ .data = NULL };
}

void direct_window_reset(struct direct_window *w, size_t keep)
{
	w->len = 0;
	if (w->cap > keep)
		direct_window_fini(w);
}

static int window_reserve(struct direct_window *w, size_t bytes)
{
	w->len = 0;
	if (w->cap >= bytes)
		return 0;
	direct_window_fini(w);
	w->data = aligned_alloc(ENV_DIRECT_ALIGN, bytes);
	if (!w->data)
		return err_nomem("a buffer for reading");
	w->cap = bytes;
	return 0;
}

int direct_window_read(struct direct_window *w, struct env_file *f,
		       uint64_t off, size_t len)
{
	uint64_t from = ROUND_DOWN(off, (uint64_t)ENV_DIRECT_ALIGN);
	size_t bytes =
		ROUND_UP((size_t)(off - from) + len, (size_t)ENV_DIRECT_ALIGN);
	size_t got;
	int r = window_reserve(w, bytes);

	if (r < 0)
		return r;
	r = env_read(f, from, w->data, bytes, &got);
	if (r < 0)
		return r;
	w->off = from;
	w->len = got;
	return 0;
}
