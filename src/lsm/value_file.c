/* SPDX-License-Identifier: MIT */
/*
 * References to value files and their descriptors. A descriptor is opened by
 * the first who needs it, once even if several do at the same time; beyond
 * the bound, one that has not been used lately is closed (a clock). See
 * value_file.h for why nobody loses it while reading.
 */
#include "lsm/value_file.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/env.h"
#include "lsm/file_name.h"
#include "lsm/value_log_impl.h"

int value_file_new(struct value_log *l, uint64_t no, enum value_stream stream,
		   enum value_file_state state, struct value_file **out)
{
	struct value_file *f = calloc(1, sizeof(*f));

	if (!f)
		return err_nomem("value file");
	f->log = l;
	f->no = no;
	f->stream = stream;
	f->state = state;
	f->end = VALUE_FIRST_OFFSET;
	f->flushed = VALUE_FIRST_OFFSET;
	atomic_init(&f->refs, 1);
	list_init(&f->link);
	list_init(&f->idle);
	mutex_lock(&l->mu);
	hmap_insert(&l->files, &f->node, hash_u64(no));
	if (state != VALUE_FILE_SEALED)
		list_push_back(&l->unsealed, &f->link);
	mutex_unlock(&l->mu);
	*out = f;
	return 0;
}

void value_file_free(struct value_file *f)
{
	/* What had to be durable has been synced. */
	(void)env_close(f->file);
	free(f);
}

/* ---- references ------------------------------------------------------- */

struct value_file *value_file_ref(struct value_file *f)
{
	uint32_t was =
		atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);

	assert(was > 0);
	return f;
}

/* The last reference has gone: out of the map, to be closed and removed by
 * value_log_collect(), since this may be a reader. */
static void bury(struct value_file *f)
{
	struct value_log *l = f->log;
	bool wakes = atomic_load_explicit(&f->is_dropped, memory_order_acquire);

	mutex_lock(&l->mu);
	hmap_remove(&l->files, &f->node);
	if (list_is_linked(&f->idle)) {
		list_remove(&f->idle);
		l->n_idle--;
	}
	list_remove(&f->link);
	list_push_back(&l->dead, &f->link);
	mutex_unlock(&l->mu);
	if (wakes)
		l->hooks.wake(l->hooks.arg);
}

void value_file_unref(struct value_file *f)
{
	if (f &&
	    atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) == 1)
		bury(f);
}

void value_file_use(struct value_file *f)
{
	(void)value_file_ref(f);
	(void)atomic_fetch_add_explicit(&f->n_users, 1, memory_order_relaxed);
}

void value_file_unuse(struct value_file *f)
{
	uint32_t was;

	if (!f)
		return;
	was = atomic_fetch_sub_explicit(&f->n_users, 1, memory_order_release);
	assert(was > 0);
	value_file_unref(f);
}

struct value_file *value_log_find(struct value_log *l, uint64_t no)
{
	uint64_t hash = hash_u64(no);
	struct value_file *found = NULL;

	mutex_lock(&l->mu);
	for (struct hmap_node *n = hmap_first(&l->files, hash); n && !found;
	     n = hmap_next(n)) {
		struct value_file *f = container_of(n, struct value_file, node);
		uint32_t refs =
			atomic_load_explicit(&f->refs, memory_order_relaxed);

		if (f->no != no)
			continue;
		/* One without references is about to leave the map. */
		while (refs && !found)
			if (atomic_compare_exchange_weak_explicit(
				    &f->refs, &refs, refs + 1,
				    memory_order_relaxed, memory_order_relaxed))
				found = f;
	}
	mutex_unlock(&l->mu);
	return found;
}

/*
 * A file into which another pointer may lead. Not one that is about to go, nor
 * one of which the collector is to take values out, or could not. What the
 * collector itself writes must be sealed before: a sync of it that fails leaves
 * the file as it is, and a memtable that points into it could never be flushed.
 */
static bool may_be_shared_locked(const struct value_file *f)
{
	mutex_assert_held(&f->log->mu);
	if (f->is_condemned || f->is_lost ||
	    atomic_load_explicit(&f->is_victim, memory_order_relaxed) ||
	    atomic_load_explicit(&f->is_unreadable, memory_order_relaxed))
		return false;
	return f->state == VALUE_FILE_SEALED || f->stream == VALUE_STREAM_USER;
}

struct value_file *value_log_share(struct value_log *l, uint64_t no)
{
	struct value_file *f = value_log_find(l, no);
	bool may;

	if (!f)
		return NULL;
	mutex_lock(&l->mu);
	may = may_be_shared_locked(f);
	if (may)
		value_file_use(f);
	mutex_unlock(&l->mu);
	value_file_unref(f);
	return may ? f : NULL;
}

bool value_file_condemn(struct value_file *f)
{
	struct value_log *l = f->log;
	bool is_idle;

	mutex_lock(&l->mu);
	/* What the last user did has happened: its table is in the version. */
	is_idle = atomic_load_explicit(&f->n_users, memory_order_acquire) == 0;
	f->is_condemned |= is_idle;
	mutex_unlock(&l->mu);
	return is_idle;
}

/* ---- descriptors ------------------------------------------------------ */

static void show_locked(struct value_file *f, struct env_file *file,
			uint32_t users)
{
	f->file = file;
	(void)atomic_fetch_add_explicit(&f->fd_use, VALUE_FD_OPEN + users,
					memory_order_release);
}

void value_file_set_open(struct value_file *f, struct env_file *file)
{
	mutex_lock(&f->log->mu);
	show_locked(f, file, 1); /* given back when it is idle */
	mutex_unlock(&f->log->mu);
}

/*
 * Takes the descriptors beyond the bound of those that nobody uses, but not
 * `keep`'s, some at a time. Two rounds of the clock: all may be in use.
 */
#define SURPLUS_MOST 4
static size_t take_surplus_locked(struct value_log *l, struct value_file *keep,
				  struct env_file *out[SURPLUS_MOST])
{
	unsigned steps = 2 * l->n_idle;
	size_t n = 0;

	mutex_assert_held(&l->mu);
	while (l->n_idle > l->max_open && n < SURPLUS_MOST && steps--) {
		struct list_node *at = list_pop_front(&l->idle);
		struct value_file *f =
			container_of(at, struct value_file, idle);
		uint32_t use = VALUE_FD_OPEN;

		list_push_back(&l->idle, at);
		if (f == keep || atomic_exchange_explicit(&f->is_used, 0,
							  memory_order_relaxed))
			continue;
		if (!atomic_compare_exchange_strong_explicit(
			    &f->fd_use, &use, 0, memory_order_acq_rel,
			    memory_order_relaxed))
			continue;
		out[n++] = f->file;
		f->file = NULL;
		list_remove(at);
		l->n_idle--;
	}
	return n;
}

static void close_all(struct env_file **files, size_t n)
{
	while (n)
		(void)env_close(files[--n]); /* only read from, or synced */
}

void value_file_set_idle(struct value_file *f)
{
	struct env_file *surplus[SURPLUS_MOST];
	struct value_log *l = f->log;
	size_t n;

	mutex_lock(&l->mu);
	list_push_back(&l->idle, &f->idle);
	l->n_idle++;
	value_file_close(f);
	n = take_surplus_locked(l, f, surplus);
	mutex_unlock(&l->mu);
	close_all(surplus, n);
}

static int open_by_number(struct value_file *f, struct env_file **out)
{
	struct buf path = BUF_INIT;
	int r = path_values(&path, f->log->dir, f->no);

	if (r == 0)
		r = env_open(f->log->env, path_of(&path), ENV_READ, out);
	/* Nobody may take it for a missing key. */
	if (r == -ENOENT)
		r = err_set(TT_ECORRUPT, "%s: the value file is missing",
			    path_of(&path));
	buf_fini(&path);
	return r;
}

int value_file_open_slow(struct value_file *f, struct env_file **out)
{
	struct value_log *l = f->log;
	struct env_file *surplus[SURPLUS_MOST];
	struct env_file *file = NULL;
	size_t n_surplus = 0;
	int r = 0;

	mutex_lock(&l->mu);
	while (f->is_opening)
		cond_wait(&l->changed, &l->mu);
	if (atomic_load_explicit(&f->fd_use, memory_order_relaxed) &
	    VALUE_FD_OPEN) {
		(void)atomic_fetch_add_explicit(&f->fd_use, 1,
						memory_order_acquire);
		goto out;
	}
	f->is_opening = true;
	mutex_unlock(&l->mu);
	r = open_by_number(f, &file);
	mutex_lock(&l->mu);
	f->is_opening = false;
	cond_broadcast(&l->changed);
	if (r == 0) {
		show_locked(f, file, 1);
		list_push_back(&l->idle, &f->idle);
		l->n_idle++;
		n_surplus = take_surplus_locked(l, f, surplus);
	}
out:
	if (r == 0)
		*out = f->file;
	mutex_unlock(&l->mu);
	close_all(surplus, n_surplus);
	return r;
}
