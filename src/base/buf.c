/* SPDX-License-Identifier: MIT */
/*
 * Growing buffers: the slow paths of buf.h.
 *
 * A large buffer has pages of its own. They go back to the system when the
 * buffer ends, where an allocator would keep them; a capacity ahead of the
 * length costs addresses, not memory; and growing moves no bytes.
 */
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/err.h"

#define BUF_MIN_CAP 64

/*
 * A capacity from here on is made of pages. Not under a sanitizer: it would
 * see no overrun of them, and does not hear of mremap(), so that memory which
 * moves between threads looks like a race.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BUF_LARGE SIZE_MAX
#else
#define BUF_LARGE ((size_t)256 << 10)
#endif

static void memory_free(uint8_t *p, size_t cap)
{
	if (cap >= BUF_LARGE)
		(void)munmap(p, cap); /* of ours, whole: cannot fail */
	else
		free(p);
}

static uint8_t *memory_new(size_t cap)
{
	void *p;

	if (cap < BUF_LARGE)
		return malloc(cap);
	p = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* Gives the buffer the capacity `cap`, not below its length. */
static int resize(struct buf *b, size_t cap)
{
	uint8_t *p;

	if (cap < BUF_LARGE && b->cap < BUF_LARGE) {
		p = realloc(b->data, cap);
	} else if (cap >= BUF_LARGE && b->cap >= BUF_LARGE) {
		p = mremap(b->data, b->cap, cap, MREMAP_MAYMOVE);
		p = p == MAP_FAILED ? NULL : p;
	} else {
		p = memory_new(cap);
		if (p) {
			if (b->len)
				memcpy(p, b->data, b->len);
			memory_free(b->data, b->cap);
		}
	}
	if (!p)
		return -ENOMEM;
	b->data = p;
	b->cap = cap;
	return 0;
}

void buf_fini(struct buf *b)
{
	memory_free(b->data, b->cap);
	*b = BUF_INIT;
}

int buf_grow(struct buf *b, size_t extra)
{
	size_t need = b->len + extra;
	size_t cap = b->cap < BUF_MIN_CAP ? BUF_MIN_CAP : b->cap * 2;

	if (need < extra || need > PTRDIFF_MAX)
		return err_nomem("buffer");
	if (cap < need)
		cap = need;
	return resize(b, cap) < 0 ? err_nomem("buffer") : 0;
}

void buf_truncate(struct buf *b, size_t len)
{
	assert(len <= b->len);
	b->len = len;
}

void buf_shrink(struct buf *b, size_t keep)
{
	if (keep < b->len)
		keep = b->len;
	if (b->cap <= keep)
		return;
	if (keep == 0) {
		buf_fini(b);
		return;
	}
	(void)resize(b, keep); /* failing that, the larger one still serves */
}

int buf_append_fill(struct buf *b, uint8_t c, size_t n)
{
	int r = buf_reserve(b, n);

	if (r < 0)
		return r;
	if (n)
		memset(buf_tail(b), c, n);
	b->len += n;
	return 0;
}

int buf_set(struct buf *b, struct tt_slice s)
{
	struct buf copy = BUF_INIT;
	int r;

	if (s.len <= b->cap) {
		if (s.len)
			memmove(b->data, s.data, s.len);
		b->len = s.len;
		return 0;
	}
	r = buf_append_slice(&copy, s);
	if (r < 0)
		return r;
	buf_fini(b);
	*b = copy;
	return 0;
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	assert(n >= 0);
	/* vsnprintf wants room for a zero that is not ours to keep. */
	r = buf_reserve(b, (size_t)n + 1);
	if (r == 0) {
		vsnprintf((char *)buf_tail(b), (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	return r;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return r;
}

const char *buf_cstr(struct buf *b)
{
	if (buf_reserve(b, 1) < 0)
		return NULL;
	b->data[b->len] = 0;
	return (const char *)b->data;
}

uint8_t *buf_steal(struct buf *b, size_t *out_len)
{
	uint8_t *p = b->data;

	/* The caller knows free() only. */
	if (b->cap >= BUF_LARGE) {
		p = malloc(MAX_OF(b->len, (size_t)1));
		if (!p)
			return NULL;
		memcpy(p, b->data, b->len);
		memory_free(b->data, b->cap);
	}
	if (out_len)
		*out_len = b->len;
	*b = BUF_INIT;
	return p;
}
