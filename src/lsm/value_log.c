/* SPDX-License-Identifier: MIT */
/*
 * Writing values and making them durable.
 *
 * A place is given out by moving the file's end, under the lock; written to
 * outside of it; and then counted as written. A sync makes durable what had
 * been counted when it began. So a value is in the file before its writer
 * goes on to log a pointer to it, and whoever syncs the log after that finds
 * it counted.
 */
#include "lsm/value_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/env.h"
#include "base/log.h"
#include "lsm/value_log_impl.h"

/* Longer values are not compressed: that would take twice their memory. */
#define COMPRESS_MOST ((size_t)16 << 20)
/* A file with less than this part of what it may have is copied rather than
 * sealed for a copy. */
#define COPY_PART 8
/* Shorter records are put together on the stack and written at once. */
#define STACK_RECORD 8192

int value_log_refuse_locked(struct value_log *l)
{
	mutex_assert_held(&l->mu);
	return err_set(TT_EPOISONED, "%s: values are refused since: %s", l->dir,
		       l->poison_why.text);
}

int value_log_check(struct value_log *l)
{
	int r = 0;

	mutex_lock(&l->mu);
	if (l->poison_why.code)
		r = value_log_refuse_locked(l);
	mutex_unlock(&l->mu);
	return r;
}

void value_log_resume(struct value_log *l)
{
	mutex_lock(&l->mu);
	l->has_failed = false;
	cond_signal(&l->work);
	mutex_unlock(&l->mu);
}

/* ---- places ----------------------------------------------------------- */

static bool has_room(const struct value_log *l, const struct value_file *f,
		     uint64_t space)
{
	return f && (f->end == VALUE_FIRST_OFFSET ||
		     f->end + space <= l->file_bytes);
}

/* The next file of the stream becomes the active one. */
static void advance_locked(struct value_log *l, struct value_stream_state *s)
{
	struct value_file *was = s->active;

	mutex_assert_held(&l->mu);
	s->active = s->next;
	s->next = NULL;
	s->is_waited = false;
	if (was) {
		was->state = VALUE_FILE_FULL;
		l->n_full++;
		cond_signal(&l->work);
		value_file_unref(was); /* the map has one */
	}
}

/* Waits for the thread to make the user stream's next file. */
static int wait_for_file_locked(struct value_log *l,
				struct value_stream_state *s) REQUIRES(l->mu)
{
	int r = 0;

	l->stats.n_waits++;
	l->has_failed = false;
	while (r == 0 && !s->next) {
		if (l->has_failed)
			r = err_restore(&l->failed_why);
		else if (l->poison_why.code)
			r = value_log_refuse_locked(l);
		if (r < 0)
			break;
		s->is_waited = true;
		cond_signal(&l->work);
		cond_wait(&l->changed, &l->mu);
	}
	s->is_waited = false;
	return r;
}

/* The same for who must not wait: the file is asked for, and the answer to
 * that is for the next one who comes. */
static int ask_for_file_locked(struct value_log *l,
			       struct value_stream_state *s) REQUIRES(l->mu)
{
	bool was_refused = s->is_waited && l->has_failed;

	l->has_failed = false;
	s->is_waited = true;
	cond_signal(&l->work);
	return was_refused ? err_restore(&l->failed_why)
			   : err_set(-EAGAIN, "would wait for a value file");
}

/* Makes the next file in this thread, or waits for another that does. */
static int make_file_locked(struct value_log *l, enum value_stream which)
	REQUIRES(l->mu)
{
	struct value_stream_state *s = &l->streams[which];
	int r;

	if (s->is_making) {
		cond_wait(&l->changed, &l->mu);
		return 0;
	}
	s->is_making = true;
	mutex_unlock(&l->mu);
	r = value_make_file(l, which);
	mutex_lock(&l->mu);
	s->is_making = false;
	cond_broadcast(&l->changed);
	return r;
}

/* A place for `space` bytes; the file is in use by the caller. */
static int take_place(struct value_log *l, enum value_stream which,
		      uint64_t space, bool no_wait, struct value_file **out,
		      uint64_t *off)
{
	struct value_stream_state *s = &l->streams[which];
	struct value_file *f;
	int r = 0;

	mutex_lock(&l->mu);
	if (l->poison_why.code)
		r = value_log_refuse_locked(l);
	while (r == 0 && !has_room(l, s->active, space)) {
		if (s->next)
			advance_locked(l, s);
		else if (which == VALUE_STREAM_USER)
			r = no_wait ? ask_for_file_locked(l, s)
				    : wait_for_file_locked(l, s);
		else
			r = make_file_locked(l, which);
	}
	if (r == 0) {
		f = s->active;
		*off = f->end;
		f->end += space;
		f->n_writing++;
		value_file_use(f);
		if (which == VALUE_STREAM_USER && !s->next &&
		    f->end > l->file_bytes / 2)
			cond_signal(&l->work);
		*out = f;
	}
	mutex_unlock(&l->mu);
	return r;
}

/* The place has been written to, or could not be. */
static void leave_place(struct value_log *l, enum value_stream which,
			struct value_file *f, uint64_t off, uint64_t space,
			bool is_written)
{
	mutex_lock(&l->mu);
	f->n_writing--;
	f->n_written++;
	if (!is_written && f->end == off + space)
		f->end = off;
	if (is_written && which == VALUE_STREAM_USER) {
		l->stats.n_puts++;
		l->stats.put_bytes += space;
	} else if (is_written) {
		l->stats.n_moves++;
		l->stats.move_bytes += space;
	}
	if ((f->state == VALUE_FILE_FULL && f->n_writing == 0) ||
	    f->end >= f->flushed + VALUE_FLUSH_BYTES)
		cond_signal(&l->work);
	mutex_unlock(&l->mu);
}

/* ---- ending files early ------------------------------------------------ */

/* The stream's file is full from now on, if there is much in it: a reference,
 * or NULL. Users find the next one there. */
static struct value_file *end_large_locked(struct value_log *l,
					   enum value_stream which)
	REQUIRES(l->mu)
{
	struct value_stream_state *s = &l->streams[which];
	uint64_t much = l->file_bytes / COPY_PART;
	struct value_file *f;

	if (!s->active || s->active->end <= much)
		return NULL;
	if (which == VALUE_STREAM_USER && !s->next &&
	    wait_for_file_locked(l, s) < 0)
		return NULL;
	f = s->active; /* perhaps another by now */
	if (!f || f->end <= much)
		return NULL;
	(void)value_file_ref(f);
	advance_locked(l, s);
	return f;
}

void value_log_seal_large(struct value_log *l)
{
	struct value_file *ended[N_VALUE_STREAMS];

	mutex_lock(&l->mu);
	l->has_failed = false;
	for (int i = 0; i < N_VALUE_STREAMS; i++)
		ended[i] = l->poison_why.code
				   ? NULL
				   : end_large_locked(l, (enum value_stream)i);
	for (int i = 0; i < N_VALUE_STREAMS; i++)
		while (ended[i] && ended[i]->state == VALUE_FILE_FULL &&
		       !l->has_failed && !l->poison_why.code)
			cond_wait(&l->changed, &l->mu);
	mutex_unlock(&l->mu);
	for (int i = 0; i < N_VALUE_STREAMS; i++)
		value_file_unref(ended[i]);
}

/* ---- writing ---------------------------------------------------------- */

/* One record as it will be stored. */
struct value_record {
	struct tt_slice key;
	struct tt_slice stored;
	uint64_t checksum; /* of stored */
	uint32_t raw_len;
	uint8_t codec;
	int64_t ts;
};

/* Sums the header and the key, which lie back to back at `p`. */
static void make_head(uint8_t *p, const struct value_record *rec,
		      uint64_t file_no, uint64_t off)
{
	struct value_record_header h = {
		.ts = le64_make((uint64_t)rec->ts),
		.value_checksum = le64_make(rec->checksum),
		.stored_len = le32_make((uint32_t)rec->stored.len),
		.raw_len = le32_make(rec->raw_len),
		.key_len = le16_make((uint16_t)rec->key.len),
		.codec = rec->codec,
	};

	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), rec->key.data, rec->key.len);
	le64_store(p, checksum_seeded(p + 8, sizeof(h) - 8 + rec->key.len,
				      value_seed(file_no, off)));
}

static int write_record(struct value_file *f, uint64_t off,
			const struct value_record *rec)
{
	size_t head = sizeof(struct value_record_header) + rec->key.len;
	uint8_t on_stack[STACK_RECORD];
	uint8_t *p = on_stack, *heap = NULL;
	size_t n = head;
	int r;

	if (unlikely(head > sizeof(on_stack))) {
		p = heap = malloc(head);
		if (!heap)
			return err_nomem("value");
	}
	make_head(p, rec, f->no, off);
	if (p == on_stack && rec->stored.len <= sizeof(on_stack) - head) {
		if (rec->stored.len)
			memcpy(p + head, rec->stored.data, rec->stored.len);
		n += rec->stored.len;
	}
	r = env_write(f->file, off, p, n);
	if (r == 0 && n == head && rec->stored.len)
		r = env_write(f->file, off + head, rec->stored.data,
			      rec->stored.len);
	free(heap);
	return r;
}

static int append(struct value_log *l, enum value_stream which,
		  const struct value_record *rec, bool no_wait,
		  struct value_ptr *out, struct value_file **file)
{
	uint64_t space = value_record_space(rec->key.len, rec->stored.len);
	struct value_file *f = NULL;
	uint64_t off = 0;
	int r = take_place(l, which, space, no_wait, &f, &off);

	if (r < 0)
		return r;
	r = write_record(f, off, rec);
	leave_place(l, which, f, off, space, r == 0);
	if (r < 0) {
		value_file_unuse(f);
		return r;
	}
	*out = (struct value_ptr){
		.file_no = f->no,
		.offset = off,
		.checksum = rec->checksum,
		.stored_len = (uint32_t)rec->stored.len,
		.raw_len = rec->raw_len,
		.key_len = (uint16_t)rec->key.len,
		.codec = rec->codec,
	};
	*file = f;
	return 0;
}

/* Compresses the value into memory of its own where an eighth can be saved. */
static int compress(const struct value_log *l, struct value_record *rec,
		    void **out_memory)
{
	size_t cap = rec->stored.len - rec->stored.len / 8, len;
	void *p;
	int r;

	*out_memory = NULL;
	if (l->codec == CODEC_NONE || rec->stored.len < 64 ||
	    rec->stored.len > COMPRESS_MOST)
		return 0;
	p = malloc(cap);
	if (!p)
		return err_nomem("value");
	r = compress_into(l->codec, 0, rec->stored, p, cap, &len);
	if (r != 0) {
		free(p);
		return MIN_OF(r, 0); /* 1: it does not shrink */
	}
	rec->stored = SLICE(p, len);
	rec->codec = (uint8_t)l->codec;
	*out_memory = p;
	return 0;
}

static int put(struct value_log *l, enum value_stream stream,
	       struct tt_slice key, int64_t ts, struct tt_slice value,
	       bool no_wait, struct value_ptr *out, struct value_file **file)
{
	struct value_record rec = {
		.key = key,
		.ts = ts,
		.stored = value,
		.raw_len = (uint32_t)value.len,
		.codec = CODEC_NONE,
	};
	void *memory;
	int r = compress(l, &rec, &memory);

	if (r < 0)
		return r;
	rec.checksum = checksum_slice(rec.stored);
	r = append(l, stream, &rec, no_wait, out, file);
	free(memory);
	return r;
}

int value_log_put(struct value_log *l, enum value_stream stream,
		  struct tt_slice key, int64_t ts, struct tt_slice value,
		  struct value_ptr *out, struct value_file **file)
{
	return put(l, stream, key, ts, value, false, out, file);
}

int value_log_put_now(struct value_log *l, struct tt_slice key,
		      struct tt_slice value, struct value_ptr *out,
		      struct value_file **file)
{
	return put(l, VALUE_STREAM_USER, key, 0, value, true, out, file);
}

int value_log_move(struct value_log *l, struct tt_slice key, int64_t ts,
		   struct tt_slice stored, const struct value_ptr *from,
		   struct value_ptr *out, struct value_file **file)
{
	const struct value_record rec = {
		.key = key,
		.stored = stored,
		.checksum = from->checksum,
		.raw_len = from->raw_len,
		.codec = from->codec,
		.ts = ts,
	};

	return append(l, VALUE_STREAM_MOVED, &rec, false, out, file);
}

void value_log_take_back(struct value_log *l, struct value_file *file,
			 const struct value_ptr *p)
{
	uint64_t space = value_ptr_space(p);

	mutex_lock(&l->mu);
	if (file->state == VALUE_FILE_OPEN && file->end == p->offset + space)
		file->end = p->offset;
	mutex_unlock(&l->mu);
}

/* ---- syncing ---------------------------------------------------------- */

static COLD void poison_locked(struct value_log *l, int code)
{
	mutex_assert_held(&l->mu);
	err_save(&l->poison_why, code);
	log_error(
		LOG_DB,
		"%s: sync of a value file failed, writes are refused from now "
		"on: %s",
		l->dir, l->poison_why.text);
	cond_broadcast(&l->changed);
	cond_signal(&l->work);
}

/*
 * What the collector writes nothing points to before it is durable. So a file
 * of its that cannot be synced is left as it is, and what was in need of it
 * fails: what was synced of it before may be pointed to and is read, the rest
 * is garbage. The next goes to another file.
 */
static COLD void break_file_locked(struct value_log *l, struct value_file *f)
{
	struct value_stream_state *s = &l->streams[f->stream];

	mutex_assert_held(&l->mu);
	log_error(LOG_DB,
		  "%s: value file %06" PRIu64 " is written to no more: %s",
		  l->dir, f->no, err_text());
	if (f->state == VALUE_FILE_FULL)
		l->n_full--;
	f->state = VALUE_FILE_BROKEN;
	if (s->active == f) {
		s->active = NULL;
		value_file_unref(f); /* the map has one */
	}
	cond_signal(&l->work); /* one full file less */
}

static COLD int refuse_broken(const struct value_file *f)
{
	return err_set(-EIO,
		       "%s: value file %06" PRIu64
		       ": a sync of it has failed before",
		       f->log->dir, f->no);
}

/* One device flush of the file. */
static int flush_locked(struct value_log *l, struct value_file *f)
	REQUIRES(l->mu)
{
	uint64_t upto = f->n_written;
	struct env_file *file;
	int r;

	f->is_syncing = true;
	mutex_unlock(&l->mu);
	r = value_file_open(f, &file);
	if (r == 0) {
		r = env_sync(file, ENV_SYNC_DATA);
		value_file_close(f);
	}
	mutex_lock(&l->mu);
	f->is_syncing = false;
	l->stats.n_syncs++;
	if (r == 0)
		f->n_synced = upto;
	else if (f->stream == VALUE_STREAM_MOVED)
		break_file_locked(l, f);
	else if (!l->poison_why.code)
		poison_locked(l, r);
	cond_broadcast(&l->changed);
	return r;
}

int value_file_sync_locked(struct value_log *l, struct value_file *f)
{
	uint64_t target = f->n_written;
	int r = 0;

	mutex_assert_held(&l->mu);
	while (r == 0 && f->n_synced < target) {
		if (l->poison_why.code)
			r = value_log_refuse_locked(l);
		else if (f->state == VALUE_FILE_BROKEN)
			r = refuse_broken(f);
		else if (f->is_syncing)
			cond_wait(&l->changed, &l->mu);
		else
			r = flush_locked(l, f);
	}
	return r;
}

int value_log_sync_file(struct value_file *f)
{
	struct value_log *l = f->log;
	int r;

	mutex_lock(&l->mu);
	r = value_file_sync_locked(l, f);
	mutex_unlock(&l->mu);
	return r;
}

/* The lowest numbered file above `after` with something of users to sync. What
 * the collector writes it syncs itself, before anything points there. */
static struct value_file *next_dirty_locked(struct value_log *l, uint64_t after)
{
	struct value_file *found = NULL;

	mutex_assert_held(&l->mu);
	LIST_FOR(&l->unsealed, n) {
		struct value_file *f = container_of(n, struct value_file, link);

		if (f->no > after && f->n_synced < f->n_written &&
		    f->stream == VALUE_STREAM_USER &&
		    (!found || f->no < found->no))
			found = f;
	}
	return found ? value_file_ref(found) : NULL;
}

int value_log_sync(struct value_log *l)
{
	struct value_file *f;
	uint64_t after = 0;
	int r = 0;

	mutex_lock(&l->mu);
	/* A file that leaves the list meanwhile was synced to be sealed. */
	while (r == 0 && (f = next_dirty_locked(l, after))) {
		after = f->no;
		r = value_file_sync_locked(l, f);
		mutex_unlock(&l->mu);
		value_file_unref(f);
		mutex_lock(&l->mu);
	}
	if (r == 0 && l->poison_why.code)
		r = value_log_refuse_locked(l);
	mutex_unlock(&l->mu);
	return r;
}

void value_log_get_stats(struct value_log *l, struct value_log_stats *out)
{
	mutex_lock(&l->mu);
	*out = l->stats;
	out->n_open = l->n_idle;
	out->n_files = hmap_len(&l->files);
	LIST_FOR(&l->unsealed, n) {
		out->n_open++;
		out->bytes += container_of(n, struct value_file, link)->end;
	}
	mutex_unlock(&l->mu);
}
