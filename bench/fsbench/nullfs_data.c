/* SPDX-License-Identifier: MIT */
/* Contents in chunks. What was never written is a hole and reads as zeros. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nullfs.h"

#define CHUNK ((size_t)256 << 10)
/* A request is of at most a MiB, which may begin within a chunk. */
#define PIECES_MAX 6

static const char zeros[CHUNK];

static int reserve_chunks(struct null_node *n, size_t want)
{
	size_t cap = MAX_OF(want, 2 * n->n_chunks);
	char **p;

	if (want <= n->n_chunks)
		return 0;
	p = realloc(n->chunks, cap * sizeof(char *));
	if (!p)
		return -1;
	memset(p + n->n_chunks, 0, (cap - n->n_chunks) * sizeof(*p));
	n->chunks = p;
	n->n_chunks = cap;
	return 0;
}

/* A small file takes a small chunk: its size is in the first word before. */
static char *grow_chunk(char *old, size_t need)
{
	size_t have = old ? ((size_t *)(void *)old)[-1] : 0;
	size_t size = need <= 4096 ? 4096 : CHUNK;
	size_t *p;

	if (have >= need)
		return old;
	p = realloc(old ? (size_t *)(void *)old - 1 : NULL,
		    size + sizeof(size_t));
	if (!p)
		return NULL;
	*p = size;
	memset((char *)(p + 1) + have, 0, size - have);
	return (char *)(p + 1);
}

static void free_chunk(char *chunk)
{
	if (chunk)
		free((size_t *)(void *)chunk - 1);
}

int data_write(struct null_node *n, const char *buf, size_t len, off_t off)
{
	size_t at = (size_t)off, end = at + len;

	if (len == 0)
		return 0;
	if (reserve_chunks(n, (end - 1) / CHUNK + 1) < 0)
		return -ENOMEM;
	while (at < end) {
		size_t in = at % CHUNK, part = MIN_OF(CHUNK - in, end - at);
		char *chunk = grow_chunk(n->chunks[at / CHUNK], in + part);

		if (!chunk)
			return -ENOMEM;
		n->chunks[at / CHUNK] = chunk;
		memcpy(chunk + in, buf, part);
		buf += part;
		at += part;
	}
	if (n->st.st_size < (off_t)end)
		n->st.st_size = (off_t)end;
	n->st.st_blocks = (n->st.st_size + 511) / 512;
	return 0;
}

void data_truncate(struct null_node *n, off_t size)
{
	size_t keep = ((size_t)size + CHUNK - 1) / CHUNK;

	for (size_t i = keep; i < n->n_chunks; i++) {
		free_chunk(n->chunks[i]);
		n->chunks[i] = NULL;
	}
	if (keep && keep <= n->n_chunks && n->chunks[keep - 1]) {
		char *last = n->chunks[keep - 1];
		size_t have = ((size_t *)(void *)last)[-1];
		size_t used = (size_t)size - (keep - 1) * CHUNK;

		if (used < have)
			memset(last + used, 0, have - used);
	}
	n->st.st_size = size;
}

/* The piece of chunk `i` from `in` on, at most `len` bytes long. */
static struct iovec piece(const struct null_node *n, size_t i, size_t in,
			  size_t len)
{
	char *chunk = i < n->n_chunks ? n->chunks[i] : NULL;
	size_t have = chunk ? ((size_t *)(void *)chunk)[-1] : 0;

	len = MIN_OF(len, CHUNK - in);
	if (in >= have)
		return (struct iovec){ (void *)(uintptr_t)zeros, len };
	return (struct iovec){ chunk + in, MIN_OF(len, have - in) };
}

void data_reply(fuse_req_t req, const struct null_node *n, size_t len,
		off_t off)
{
	struct iovec iov[2 * PIECES_MAX];
	size_t at = (size_t)off, end;
	int n_iov = 0;

	if (off >= n->st.st_size) {
		(void)fuse_reply_buf(req, NULL, 0);
		return;
	}
	end = MIN_OF(at + len, (size_t)n->st.st_size);
	while (at < end && n_iov < (int)ARRAY_LEN(iov)) {
		iov[n_iov] = piece(n, at / CHUNK, at % CHUNK, end - at);
		at += iov[n_iov++].iov_len;
	}
	(void)fuse_reply_iov(req, iov, n_iov);
}
