/* SPDX-License-Identifier: MIT */
/*
 * Making and sealing value files: what takes time, off the write path. In
 * order of urgency: a file that a writer waits for; sealing full ones; asking
 * the kernel to write; the file after the current one, once that is half
 * full.
 *
 * No more than two full files wait to be sealed: so what a start has to look
 * through after a power cut is bounded.
 *
 * When a file cannot be made or sealed (a full disk) the thread says so and
 * rests until a writer asks again.
 */
#include <errno.h>

#include "base/env.h"
#include "base/log.h"
#include "lsm/file_name.h"
#include "lsm/value_log_impl.h"

/* ---- making ----------------------------------------------------------- */

static int write_header(struct env_file *file, uint64_t no)
{
	struct value_file_header h = {
		.version = le32_make(VALUE_VERSION),
		.file_no = le64_make(no),
	};

	memcpy(h.magic, VALUE_MAGIC, sizeof(h.magic));
	h.checksum = le64_make(checksum(&h, 24));
	return env_write(file, 0, &h, sizeof(h));
}

static int open_new(struct value_log *l, const char *path, const char *dir,
		    struct env_file **out)
{
	const unsigned flags = ENV_READ | ENV_WRITE | ENV_CREATE | ENV_TRUNC;
	int r = env_open(l->env, path, flags, out);

	if (r != -ENOENT)
		return r;
	/* A store that never had a separated value. */
	r = env_make_dirs(l->env, dir);
	return r < 0 ? r : env_open(l->env, path, flags, out);
}

/* Makes the file, durable, its name too. Leaves nothing behind when it
 * fails. */
static int create(struct value_log *l, uint64_t no, struct env_file **out)
{
	struct buf path = BUF_INIT, dir = BUF_INIT;
	struct env_file *file = NULL;
	struct err_saved why;
	int r = path_values(&path, l->dir, no);

	if (r == 0)
		r = path_join(&dir, l->dir, DIR_VALUES);
	if (r == 0)
		r = open_new(l, path_of(&path), path_of(&dir), &file);
	if (r == 0)
		r = write_header(file, no);
	if (r == 0)
		r = env_sync(file, ENV_SYNC_FULL);
	if (r == 0)
		r = env_sync_dir(l->env, path_of(&dir));
	if (r == 0) {
		*out = file;
	} else {
		err_save(&why, r);
		if (file)
			(void)env_unlink(l->env, path_of(&path));
		(void)env_close(file);
		(void)err_restore(&why);
	}
	buf_fini(&path);
	buf_fini(&dir);
	return r;
}

/* The file was made, but the manifest does not name it. */
static void discard(struct value_log *l, struct value_file *f)
{
	struct err_saved why;

	err_save(&why, err_code());
	value_log_drop(l, f);
	value_log_collect(l);
	(void)err_restore(&why);
}

int value_make_file(struct value_log *l, enum value_stream which)
{
	struct value_name name = { .file_no =
					   l->hooks.new_file_no(l->hooks.arg) };
	bool is_refused = false;
	struct value_file *f;
	struct env_file *file;
	int r = create(l, name.file_no, &file);

	if (r < 0)
		return r;
	r = value_file_new(l, name.file_no, which, VALUE_FILE_OPEN, &f);
	if (r < 0) {
		(void)env_close(file); /* an orphan for the next start */
		return r;
	}
	value_file_set_open(f, file);
	r = l->hooks.name_file(l->hooks.arg, &name, &is_refused);
	if (r < 0 && is_refused)
		discard(l, f);
	/* After another failure it may be named: it stays, unused. */
	if (r < 0)
		return r;
	mutex_lock(&l->mu);
	l->streams[which].next = value_file_ref(f);
	cond_broadcast(&l->changed);
	mutex_unlock(&l->mu);
	return 0;
}

/* ---- the thread's work ------------------------------------------------ */

/* A full file to which nobody writes any more. */
static struct value_file *find_full_locked(struct value_log *l)
{
	mutex_assert_held(&l->mu);
	if (l->n_full == 0)
		return NULL;
	LIST_FOR(&l->unsealed, n) {
		struct value_file *f = container_of(n, struct value_file, link);

		if (f->state == VALUE_FILE_FULL && f->n_writing == 0)
			return value_file_ref(f);
	}
	return NULL;
}

/* Makes the file as long as it is going to be called: padding behind the last
 * record was not written, nor was a place that could not be. */
static int fill_up(struct value_file *f)
{
	struct env_file *file;
	uint64_t size;
	int r = value_file_open(f, &file);

	if (r < 0)
		return r;
	r = env_file_size(file, &size);
	if (r == 0 && size < f->end)
		r = env_truncate(file, f->end);
	value_file_close(f);
	return r;
}

/* Syncs the full file and names its length; drops the lock meanwhile. */
static int seal_locked(struct value_log *l, struct value_file *f)
	REQUIRES(l->mu)
{
	struct value_name name = { .file_no = f->no };
	bool is_refused; /* or not: it is tried again */
	int r;

	mutex_unlock(&l->mu);
	r = fill_up(f);
	mutex_lock(&l->mu);
	f->n_written++; /* for the length */
	if (r == 0)
		r = value_file_sync_locked(l, f);
	if (r < 0)
		return r;
	name.bytes = f->end;
	name.seal = value_log_new_seal_locked(l);
	mutex_unlock(&l->mu);
	r = l->hooks.name_file(l->hooks.arg, &name, &is_refused);
	mutex_lock(&l->mu);
	if (r < 0)
		return r;
	f->state = VALUE_FILE_SEALED;
	f->seal = name.seal;
	l->n_full--;
	list_remove(&f->link);
	cond_broadcast(&l->changed);
	mutex_unlock(&l->mu);
	value_file_set_idle(f);
	mutex_lock(&l->mu);
	return 0;
}

/* A user's file of which much is not on its way to the disk. */
static struct value_file *find_unflushed_locked(struct value_log *l)
{
	mutex_assert_held(&l->mu);
	LIST_FOR(&l->unsealed, n) {
		struct value_file *f = container_of(n, struct value_file, link);

		if (f->end >= f->flushed + VALUE_FLUSH_BYTES)
			return value_file_ref(f);
	}
	return NULL;
}

/* Asks the kernel to write: so syncing finds little left, and the disk works
 * while values come in. */
static void flush_locked(struct value_log *l, struct value_file *f)
	REQUIRES(l->mu)
{
	uint64_t from = f->flushed, len = f->end - from;
	struct env_file *file;

	f->flushed = f->end;
	mutex_unlock(&l->mu);
	if (value_file_open(f, &file) == 0) {
		(void)env_advise(file, from, len, ENV_ADVICE_WRITE);
		value_file_close(f);
	}
	mutex_lock(&l->mu);
}

static void note_failure_locked(struct value_log *l, int r, const char *what)
	REQUIRES(l->mu)
{
	if (r == 0)
		return;
	l->has_failed = true;
	err_save(&l->failed_why, r);
	log_warn(LOG_DB, "%s: cannot %s a value file: %s", l->dir, what,
		 err_text());
	cond_broadcast(&l->changed);
}

static bool wants_file_locked(const struct value_log *l)
{
	const struct value_stream_state *s = &l->streams[VALUE_STREAM_USER];

	if (s->next || l->poison_why.code)
		return false;
	return s->is_waited ||
	       (s->active && s->active->end > l->file_bytes / 2);
}

static void make_next_locked(struct value_log *l) REQUIRES(l->mu)
{
	int r;

	mutex_unlock(&l->mu);
	r = value_make_file(l, VALUE_STREAM_USER);
	mutex_lock(&l->mu);
	note_failure_locked(l, r, "make");
}

/* Does one thing; false when there is nothing to do. */
static bool work_locked(struct value_log *l) REQUIRES(l->mu)
{
	bool wants_file = !l->has_failed && wants_file_locked(l);
	struct value_file *f = NULL;

	if (wants_file && l->streams[VALUE_STREAM_USER].is_waited &&
	    l->n_full <= 1) {
		make_next_locked(l);
		return true;
	}
	if (!l->has_failed && !l->poison_why.code)
		f = find_full_locked(l);
	if (f) {
		int r = seal_locked(l, f);

		/* One that is broken is nobody's concern any more. */
		if (f->state != VALUE_FILE_BROKEN)
			note_failure_locked(l, r, "seal");
	} else if ((f = find_unflushed_locked(l))) {
		flush_locked(l, f);
	} else if (wants_file && l->n_full == 0) {
		make_next_locked(l);
		return true;
	}
	if (!f)
		return false;
	mutex_unlock(&l->mu);
	value_file_unref(f);
	mutex_lock(&l->mu);
	return true;
}

void value_make_run(void *arg)
{
	struct value_log *l = arg;

	mutex_lock(&l->mu);
	while (!l->is_stopping)
		if (!work_locked(l))
			cond_wait(&l->work, &l->mu);
	mutex_unlock(&l->mu);
}
