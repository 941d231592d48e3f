/* SPDX-License-Identifier: MIT */
/*
 * The log of values from its making to its end, and what happens to files on
 * the way: found at a start, cut for a copy, dropped, removed.
 *
 * What a start finds unsealed goes on: the file with the most in it that is
 * not full is added to behind its end, the others are sealed. What lies in
 * them without a pointer to it is as good as dead.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/env.h"
#include "base/log.h"
#include "lsm/file_name.h"
#include "lsm/value_log_impl.h"
#include "lsm/value_reader.h"

/* No other store, nor this one in another life, has the same. */
static uint64_t seed_of_seals(const struct value_log *l)
{
	const uint64_t from[] = {
		(uint64_t)env_now_us(l->env),
		mono_ns(),
		(uint64_t)getpid(),
		(uintptr_t)l,
	};

	return checksum(from, sizeof(from));
}

uint64_t value_log_new_seal_locked(struct value_log *l)
{
	uint64_t seal;

	mutex_assert_held(&l->mu);
	do
		seal = rng_next(&l->seals);
	while (seal == 0);
	return seal;
}

int value_log_new(const struct value_log_options *o, struct value_log **out)
{
	struct value_log *l = calloc(1, sizeof(*l));

	if (!l)
		return err_nomem("values");
	l->dir = strdup(o->dir);
	if (!l->dir || hmap_init(&l->files, 16) < 0) {
		free(l->dir);
		free(l);
		return err_nomem("values");
	}
	l->env = o->env;
	l->file_bytes = o->file_bytes;
	l->max_open = o->max_open;
	l->codec = o->codec;
	l->hooks = o->hooks;
	rng_init(&l->seals, seed_of_seals(l));
	mutex_init(&l->mu, RANK_VALUES);
	cond_init(&l->work);
	cond_init(&l->changed);
	list_init(&l->unsealed);
	list_init(&l->idle);
	list_init(&l->dead);
	*out = l;
	return 0;
}

static void drop_streams(struct value_log *l)
{
	for (unsigned i = 0; i < N_VALUE_STREAMS; i++) {
		struct value_stream_state *s = &l->streams[i];

		value_file_unref(s->active);
		value_file_unref(s->next);
		s->active = s->next = NULL;
	}
}

void value_log_free(struct value_log *l)
{
	struct hmap_node *n;
	size_t cursor = 0;

	if (!l)
		return;
	drop_streams(l);
	value_log_collect(l);
	while ((n = hmap_pop_any(&l->files, &cursor))) {
		struct value_file *f = container_of(n, struct value_file, node);

		assert(atomic_load_explicit(&f->refs, memory_order_acquire) ==
		       1);
		value_file_free(f);
	}
	hmap_fini(&l->files);
	cond_fini(&l->work);
	cond_fini(&l->changed);
	mutex_fini(&l->mu);
	free(l->dir);
	free(l);
}

/* ---- starting --------------------------------------------------------- */

int value_log_add(struct value_log *l, const struct value_name *name)
{
	struct value_file *f;
	int r = value_file_new(
		l, name->file_no, VALUE_STREAM_USER,
		name->bytes ? VALUE_FILE_SEALED : VALUE_FILE_OPEN, &f);

	if (r == 0 && name->bytes) {
		f->end = name->bytes;
		f->seal = name->seal;
	}
	return r;
}

/* Opens an unsealed file and finds its end. */
static int open_unsealed(struct value_file *f)
{
	struct value_log *l = f->log;
	struct buf path = BUF_INIT;
	struct env_file *file = NULL;
	uint64_t size;
	int r = path_values(&path, l->dir, f->no);

	if (r == 0)
		r = env_open(l->env, path_of(&path), ENV_READ | ENV_WRITE,
			     &file);
	if (r == 0)
		r = value_check_header(file, f->no);
	if (r == 0)
		r = env_file_size(file, &size);
	buf_fini(&path);
	if (r < 0) {
		(void)env_close(file); /* nothing was written */
		return r;
	}
	value_file_set_open(f, file);
	f->end = f->flushed = ROUND_UP(size, (uint64_t)VALUE_ALIGN);
	f->n_written = 1; /* it may not be durable */
	return 0;
}

/* Its values cannot be read and nothing is written to it. */
static void give_up(struct value_file *f)
{
	struct value_log *l = f->log;

	log_error(LOG_RECOVERY, "%s", err_text());
	mutex_lock(&l->mu);
	f->state = VALUE_FILE_SEALED;
	f->is_lost = true;
	list_remove(&f->link);
	mutex_unlock(&l->mu);
}

int value_log_recover(struct value_log *l)
{
	/* Nobody else is there yet. */
	LIST_FOR_SAFE(&l->unsealed, n, after) {
		struct value_file *f = container_of(n, struct value_file, link);
		int r = open_unsealed(f);

		if (r == -ENOENT || r == TT_ECORRUPT || r == TT_EVERSION)
			give_up(f);
		else if (r < 0)
			return r;
	}
	return 0;
}

bool value_log_is_unsealed(struct value_log *l, uint64_t no)
{
	bool found = false;

	mutex_lock(&l->mu);
	LIST_FOR(&l->unsealed, n)
		found |= container_of(n, struct value_file, link)->no == no;
	mutex_unlock(&l->mu);
	return found;
}

bool value_log_has_unsealed(struct value_log *l)
{
	bool found;

	mutex_lock(&l->mu);
	found = !list_is_empty(&l->unsealed);
	mutex_unlock(&l->mu);
	return found;
}

/* The unsealed file that is fullest, but not full, and no stream's yet. */
static struct value_file *fullest_locked(struct value_log *l)
{
	struct value_stream_state *s = &l->streams[VALUE_STREAM_USER];
	struct value_file *found = NULL;

	mutex_assert_held(&l->mu);
	LIST_FOR(&l->unsealed, n) {
		struct value_file *f = container_of(n, struct value_file, link);

		if (f != s->active && f->end < l->file_bytes &&
		    (!found || f->end > found->end))
			found = f;
	}
	return found ? value_file_ref(found) : NULL;
}

/* Two of them go on as the current and the next file. */
static void continue_files(struct value_log *l)
{
	struct value_stream_state *s = &l->streams[VALUE_STREAM_USER];

	mutex_lock(&l->mu);
	s->active = fullest_locked(l);
	if (s->active)
		s->next = fullest_locked(l);
	LIST_FOR(&l->unsealed, n) {
		struct value_file *f = container_of(n, struct value_file, link);

		if (f != s->active && f != s->next) {
			f->state = VALUE_FILE_FULL;
			l->n_full++;
		}
	}
	mutex_unlock(&l->mu);
}

int value_log_start(struct value_log *l)
{
	int r = thread_pool_new("values", 1, &l->threads);

	if (r < 0)
		return r;
	continue_files(l);
	pool_task_init(&l->task, value_make_run, l);
	(void)thread_pool_submit(l->threads, &l->task, POOL_HIGH);
	return 0;
}

int value_log_stop(struct value_log *l)
{
	int r;

	if (!l->threads)
		return 0;
	r = value_log_sync(l);
	mutex_lock(&l->mu);
	l->is_stopping = true;
	cond_broadcast(&l->work);
	mutex_unlock(&l->mu);
	thread_pool_free(l->threads);
	l->threads = NULL;
	return r;
}

/* ---- the end of files ------------------------------------------------- */

void value_log_drop(struct value_log *l, struct value_file *f)
{
	mutex_lock(&l->mu);
	if (f->state != VALUE_FILE_SEALED)
		list_remove(&f->link);
	/* Under the lock: who sees it false there may take a reference. */
	atomic_store_explicit(&f->is_dropped, true, memory_order_release);
	mutex_unlock(&l->mu);
	value_file_unref(f); /* the map's */
}

static bool remove_file(struct value_log *l, uint64_t no)
{
	struct buf path = BUF_INIT;
	int r = path_values(&path, l->dir, no);

	if (r == 0)
		r = env_unlink(l->env, path_of(&path));
	if (r == -ENOENT) /* lost */
		r = 0;
	if (r < 0)
		log_warn(LOG_DB,
			 "value file %06llu is obsolete but stays until the "
			 "next start: %s",
			 (unsigned long long)no, err_text());
	buf_fini(&path);
	return r == 0;
}

void value_log_collect(struct value_log *l)
{
	struct list_node mine = LIST_INIT(mine);
	struct list_node *n;
	uint64_t removed = 0;

	mutex_lock(&l->mu);
	list_splice_back(&mine, &l->dead);
	mutex_unlock(&l->mu);
	while ((n = list_pop_front(&mine))) {
		struct value_file *f = container_of(n, struct value_file, link);
		bool is_dropped = atomic_load_explicit(&f->is_dropped,
						       memory_order_acquire);
		uint64_t no = f->no;

		value_file_free(f);
		if (is_dropped)
			removed += remove_file(l, no);
	}
	if (removed) {
		mutex_lock(&l->mu);
		l->stats.n_removed += removed;
		mutex_unlock(&l->mu);
	}
}

/* ---- copies ----------------------------------------------------------- */

static int cut_cmp(const void *a, const void *b)
{
	const struct value_cut_file *x = a, *y = b;

	return (x->file->no > y->file->no) - (x->file->no < y->file->no);
}

/* The seal that copies of the file as it is now have. Copies of the very same
 * bytes get the same one, so that a backup after which nothing was written is
 * known again. */
static uint64_t seal_of_copy_locked(struct value_file *f)
{
	struct value_log *l = f->log;
	bool is_same = f->cut_seal && f->cut_end == f->end &&
		       f->cut_written == f->n_written;

	mutex_assert_held(&l->mu);
	if (f->n_writing)
		return value_log_new_seal_locked(l);
	if (!is_same)
		f->cut_seal = value_log_new_seal_locked(l);
	f->cut_end = f->end;
	f->cut_written = f->n_written;
	return f->cut_seal;
}

/* An unsealed file may be a little shorter: padding is not written. */
static int trim(struct value_cut_file *c)
{
	struct env_file *file;
	uint64_t size;
	int r = value_file_open(c->file, &file);

	if (r < 0)
		return r;
	r = env_file_size(file, &size);
	if (r == 0)
		c->name.bytes = MIN_OF(c->name.bytes, size);
	value_file_close(c->file);
	return r;
}

int value_log_cut(struct value_log *l, struct value_cut *out)
{
	struct value_cut c = { NULL, 0 };
	struct hmap_node *n = NULL;
	size_t cursor = 0;
	int r = 0;

	mutex_lock(&l->mu);
	c.files = malloc((hmap_len(&l->files) + 1) * sizeof(*c.files));
	while (c.files && (n = hmap_walk(&l->files, n, &cursor))) {
		struct value_file *f = container_of(n, struct value_file, node);
		bool is_sealed;

		/* Without the map's reference it is no part of the store. */
		if (atomic_load_explicit(&f->is_dropped, memory_order_acquire))
			continue;
		is_sealed = f->state == VALUE_FILE_SEALED && !f->is_lost;
		c.files[c.n++] = (struct value_cut_file){
			.file = value_file_ref(f),
			.name = { f->no, f->end,
				  is_sealed ? f->seal
					    : seal_of_copy_locked(f) },
			.is_sealed = is_sealed,
		};
	}
	mutex_unlock(&l->mu);
	if (!c.files)
		return err_nomem("a cut");
	qsort(c.files, c.n, sizeof(*c.files), cut_cmp);
	for (size_t i = 0; i < c.n && r == 0; i++)
		if (!c.files[i].is_sealed)
			r = trim(&c.files[i]);
	if (r < 0)
		value_cut_fini(&c);
	else
		*out = c;
	return r;
}

void value_cut_fini(struct value_cut *c)
{
	while (c->n)
		value_file_unref(c->files[--c->n].file);
	free(c->files);
	c->files = NULL;
}
