/* SPDX-License-Identifier: MIT */
#include "lsm/value_read.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/value_disk.h"
#include "lsm/value_log_impl.h"
#include "lsm/value_reader.h"

/* Compressed values up to this size are read onto the stack. */
#define STACK_VALUE 16384

static COLD int bad_sum(const struct env_file *file, const struct value_ptr *p)
{
	return err_set(TT_ECORRUPT,
		       "%s: value of %" PRIu32 " bytes at offset %" PRIu64
		       " fails its checksum",
		       file->path, p->stored_len, value_offset(p));
}

static int read_from(struct env_file *file, const struct value_ptr *p,
		     void *dst)
{
	int r = env_read_exact(file, value_offset(p), dst, p->stored_len);

	if (r == 0 && unlikely(checksum(dst, p->stored_len) != p->checksum))
		r = bad_sum(file, p);
	return r;
}

int value_read_stored(struct value_file *f, const struct value_ptr *p,
		      void *dst)
{
	struct env_file *file;
	int r = value_file_open(f, &file);

	if (r == 0) {
		r = read_from(file, p, dst);
		value_file_close(f);
	}
	return r;
}

static int read_compressed(struct value_file *f, const struct value_ptr *p,
			   void *dst)
{
	uint8_t on_stack[STACK_VALUE], *heap = NULL, *stored = on_stack;
	struct env_file *file;
	int r;

	if (p->stored_len > sizeof(on_stack)) {
		stored = heap = malloc(p->stored_len);
		if (!heap)
			return err_nomem("a value");
	}
	r = value_file_open(f, &file);
	if (r == 0) {
		r = read_from(file, p, stored);
		if (r == 0)
			r = value_inflate(file->path, p,
					  SLICE(stored, p->stored_len), dst);
		value_file_close(f);
	}
	free(heap);
	return r;
}

int value_read(struct value_log *l, const struct value_ptr *p, void *dst)
{
	struct value_file *f = value_log_find(l, p->file_no);
	int r;

	if (unlikely(!f))
		return err_set(TT_ECORRUPT,
			       "value file %06" PRIu64
			       " is no part of the store, but a record points "
			       "to its offset %" PRIu64,
			       p->file_no, p->offset);
	if (likely(p->codec == CODEC_NONE))
		r = value_read_stored(f, p, dst);
	else
		r = read_compressed(f, p, dst);
	value_file_unref(f);
	return r;
}

void value_ask(struct value_log *l, const struct value_ptr *p)
{
	struct value_file *f = value_log_find(l, p->file_no);
	struct env_file *file;
	struct err_saved e;
	int was = err_code();

	/* The caller's last failure stays the last: hints have none. */
	err_save(&e, was);
	if (f && value_file_open(f, &file) == 0) {
		(void)env_advise(file, value_offset(p), p->stored_len,
				 ENV_ADVICE_WILLNEED);
		value_file_close(f);
	}
	(void)err_restore(&e);
	value_file_unref(f);
}

/* What is in memory is not believed. */
static NOINLINE int read_from_disk(struct value_log *l,
				   const struct value_ptr *p,
				   struct tt_slice key, struct buf *out)
{
	struct value_disk d = { .env = l->env, .dir = l->dir };
	int r = value_disk_read(&d, p, key, out);

	value_disk_fini(&d);
	return r;
}

int value_resolve(struct value_log *l, struct tt_slice key,
		  struct tt_slice stored, bool verify, struct buf *out)
{
	struct value_ptr p;
	int r;

	value_ptr_decode(stored.data, key.len, &p);
	if (unlikely(verify))
		return read_from_disk(l, &p, key, out);
	buf_clear(out);
	r = buf_reserve(out, p.raw_len);
	if (r == 0)
		r = value_read(l, &p, out->data);
	if (r == 0)
		out->len = p.raw_len;
	return r;
}
