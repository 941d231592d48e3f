/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing the log writer.
 *
 * What the log left behind when it was last open is sorted by the files'
 * headers: with a link they are part of the log and stay until released; all
 * others are stock. Those that stay are synced first: they may have been
 * replayed from pages that never reached the disk, and a later record must
 * not be durable while an earlier one is not.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "lsm/wal_impl.h"
#include "lsm/wal_scan.h"

#define SEGMENT_BYTES_DEFAULT (16u << 20)
#define SEGMENT_BYTES_MIN (64u << 10)
#define SEGMENT_BYTES_MAX (1u << 30)
#define MAX_FREE_DEFAULT 4

/* A segment of an earlier life that may still be needed. */
static int keep_used(struct wal *w, const struct wal_scan *scan)
{
	struct wal_segment *s = calloc(1, sizeof(*s));

	if (!s)
		return err_nomem("log segment");
	s->no = scan->segment_no;
	s->bytes = (uint32_t)MIN_OF(scan->file_bytes, (uint64_t)UINT32_MAX);
	s->end = UINT32_MAX; /* needed as long as its number is */
	s->is_synced = true;
	list_push_back(&w->used, &s->link);
	w->n_used++;
	return env_sync(scan->file, ENV_SYNC_DATA);
}

/* Decides about one file found. */
static int sort_file(struct wal *w, struct wal_scan *scan, uint32_t no)
{
	int r = wal_scan_open(scan, w->env, w->dir, no);

	if (r < 0)
		return r;
	if (scan->has_link)
		return keep_used(w, scan);
	if (scan->file_bytes == w->opts.segment_bytes &&
	    w->n_free < w->opts.max_free && wal_segment_is_ours(w, no)) {
		w->free[w->n_free++] = (struct wal_free){ no, false };
		return 0;
	}
	return wal_segment_unlink(w->env, w->dir, no);
}

static int sort_files(struct wal *w)
{
	struct wal_file_list list = { 0 };
	struct wal_scan scan;
	int r;

	wal_scan_init(&scan);
	r = wal_list_files(w->env, w->dir, &list);
	for (size_t i = 0; i < list.n && r == 0; i++)
		r = sort_file(w, &scan, list.nos[i]);
	wal_scan_fini(&scan);
	free(list.nos);
	return r;
}

static void set_options(struct wal *w, const struct wal_options *opts)
{
	struct wal_options *o = &w->opts;

	if (opts)
		*o = *opts;
	if (o->segment_bytes == 0)
		o->segment_bytes = SEGMENT_BYTES_DEFAULT;
	o->segment_bytes = MAX_OF(o->segment_bytes, SEGMENT_BYTES_MIN);
	o->segment_bytes = MIN_OF(o->segment_bytes, SEGMENT_BYTES_MAX);
	o->segment_bytes = ROUND_UP(o->segment_bytes, WAL_PAGE);
	if (o->max_free == 0)
		o->max_free = MAX_FREE_DEFAULT;
	o->max_free = MIN_OF(o->max_free, (uint32_t)WAL_MAX_FREE);
}

static void free_list(struct list_node *head)
{
	struct list_node *n;

	while ((n = list_pop_front(head)))
		wal_segment_free(container_of(n, struct wal_segment, link));
}

/* Frees a wal without threads. */
static void wal_free(struct wal *w)
{
	wal_segment_free(w->ready);
	wal_segment_free(w->current);
	free_list(&w->used);
	free_list(&w->released);
	cond_fini(&w->prepare);
	cond_fini(&w->ready_change);
	cond_fini(&w->closed);
	cond_fini(&w->tick);
	mutex_fini(&w->mu);
	free(w->dir);
	free(w);
}

static int start_threads(struct wal *w)
{
	int r = thread_pool_new("wal", 2, &w->threads);

	if (r < 0)
		return r;
	pool_task_init(&w->prepare_task, wal_prepare_run, w);
	(void)thread_pool_submit(w->threads, &w->prepare_task, POOL_HIGH);
	pool_task_init(&w->sync_task, wal_sync_run, w);
	if (w->opts.sync_interval_ms)
		(void)thread_pool_submit(w->threads, &w->sync_task, POOL_HIGH);
	return 0;
}

static void stop_threads(struct wal *w)
{
	mutex_lock(&w->mu);
	w->is_stopping = true;
	cond_broadcast(&w->prepare);
	cond_broadcast(&w->tick);
	mutex_unlock(&w->mu);
	thread_pool_free(w->threads);
}

int wal_open(struct env *env, const char *dir, const struct wal_options *opts,
	     const struct wal_tail *tail, struct wal **out)
{
	struct wal *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_nomem("log");
	mutex_init(&w->mu, RANK_WAL);
	cond_init(&w->prepare);
	cond_init(&w->ready_change);
	cond_init(&w->closed);
	cond_init(&w->tick);
	list_init(&w->used);
	list_init(&w->released);
	w->env = env;
	w->dir = strdup(dir);
	set_options(w, opts);
	w->new_bytes = MIN_OF(WAL_FIRST_BYTES, w->opts.segment_bytes);
	w->next_no = MAX_OF(tail->next_segment_no, 1u);
	atomic_init(&w->end, tail->end_lsn);
	atomic_init(&w->durable, tail->end_lsn);
	r = w->dir ? env_make_dirs(env, dir) : err_nomem("log");
	if (r == 0)
		r = sort_files(w);
	if (r == 0)
		r = start_threads(w);
	if (r < 0) {
		wal_free(w);
		return r;
	}
	*out = w;
	return 0;
}

int wal_close(struct wal *w)
{
	int r;

	if (!w)
		return 0;
	assert(w->n_holds == 0);
	r = wal_sync_to(w, wal_end(w));
	stop_threads(w);
	wal_free(w);
	return r;
}
