/* SPDX-License-Identifier: MIT */
/*
 * Large files moved past the page cache, so that it keeps what people read:
 * writing one front to back, and reading stretches of one.
 *
 * Direct transfers want buffers, offsets and lengths at multiples of
 * ENV_DIRECT_ALIGN. Both halves see to that with a buffer of their own; their
 * callers may use any offset and length. Where the filesystem refuses direct
 * I/O the same calls go through the page cache (ENV_DIRECT in env.h).
 *
 * One thread at a time uses a writer or a window.
 */
#ifndef BASE_DIRECT_H
#define BASE_DIRECT_H

#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

/* ---- writing ------------------------------------------------------------ */

/*
 * A new file, written front to back in chunks of 1 MiB, past the page cache or
 * (for what will be read soon) into it. Past it, what is left behind the last
 * whole page goes into it nevertheless: cutting a padded page down would cost
 * a read of it. A writer and its buffer serve for one file after the other.
 */
struct direct_writer {
	struct env *env;
	struct env_file *file; /* NULL: none is open */
	bool is_direct;
	uint8_t *chunk; /* owned, aligned; NULL: none was needed yet */
	size_t used;	/* bytes in it */
	uint64_t at;	/* where in the file they go */
};

void direct_writer_init(struct direct_writer *w);

/* Closes what is open and frees the buffer. */
void direct_writer_fini(struct direct_writer *w);

/*
 * Makes the file `path` anew. Past the page cache it reserves `bytes` of space,
 * where the filesystem can (0: none): the size is that from then on until more
 * was written. On failure nothing is open, but the file may be there.
 */
int direct_writer_open(struct direct_writer *w, struct env *env,
		       const char *path, uint64_t bytes, bool past_cache);

/* Appends; on failure the file is of no use any more. */
int direct_writer_add(struct direct_writer *w, const void *p, size_t len);

/* Writes what is left, makes the contents durable, and closes, also when it
 * fails. The file then ends with the last byte added, if as many bytes were
 * added as reserved, or more. */
int direct_writer_finish(struct direct_writer *w);

/* Closes without writing what is left. */
void direct_writer_abort(struct direct_writer *w);

/* ---- reading ------------------------------------------------------------ */

/* The bytes [off, off + len) of a file. All zero: empty. */
struct direct_window {
	uint8_t *data; /* owned, aligned */
	size_t cap;
	uint64_t off;
	size_t len;
};

void direct_window_fini(struct direct_window *w);

/* Empties it and gives back memory beyond `keep` bytes. */
void direct_window_reset(struct direct_window *w, size_t keep);

/*
 * Fills the window with the stretch of `f` (opened with ENV_DIRECT or
 * without) around [off, off + len), up to a page more at either end. It holds
 * less where the file ends. On failure it is empty.
 */
int direct_window_read(struct direct_window *w, struct env_file *f,
		       uint64_t off, size_t len);

/* Where the `len` bytes at `off` of the file are, NULL when they are not all
 * in the window. Valid until it is filled again. */
static inline const uint8_t *direct_window_at(const struct direct_window *w,
					      uint64_t off, size_t len)
{
	if (off < w->off || off - w->off > w->len ||
	    len > w->len - (size_t)(off - w->off))
		return NULL;
	return w->data + (off - w->off);
}

#endif
