/* SPDX-License-Identifier: MIT */
/*
 * Workloads that are looked at second by second: a fill that goes on for
 * long, and queues, whose heads are places where only deletions happen.
 */
#include <stdlib.h>
#include <string.h>

#include "groups.h"
#include "measure.h"
#include "ops.h"
#include "options.h"
#include "series.h"

#define NO_END (UINT64_MAX / 1024)
/* More keys than a fill comes to; a store that is mapped is bound by it. */
#define LONG_KEYS ((uint64_t)1 << 30)

static struct series series;

static struct series *series_of(const struct run *r, const char *workload)
{
	series.engine = r->engine->name;
	series.workload = workload;
	return &series;
}

void group_long(struct run *r)
{
	r->n = LONG_KEYS;
	run_open(r);
	measure(r, (struct job){
			   .name = "longfill",
			   .op = op_put,
			   .order = ORDER_SHUFFLED,
			   .count = r->n,
			   .seed = 1,
			   .limit_s = cfg.long_sec,
			   .settles = true,
			   .series = series_of(r, "longfill"),
		   });
}

/* ---- queue ------------------------------------------------------------- */

/* Keys of different queues differ in these bits. */
#define QUEUE_SHIFT 40

/* Entries head to tail - 1 wait. */
struct queue {
	uint64_t head, tail;
};

struct queues {
	struct queue *at;
	uint64_t n;
};

/* Positions at the first key from the queue's first place on; of one queue
 * alone that is the first of the store. */
static int seek_first(struct worker *w, void *it, uint64_t queue)
{
	const struct kv_engine *e = w->run->engine;

	if (((struct queues *)w->job->arg)->n == 1)
		return e->iter_seek(it, NULL, 0);
	key_make(w->key, queue << QUEUE_SHIFT);
	return e->iter_seek(it, w->key, cfg.key_size);
}

/* Whether the first key of the queue is its head, number `id`. */
static int check_head(struct worker *w, uint64_t queue, uint64_t id)
{
	const struct kv_engine *e = w->run->engine;
	void *it = e->iter_new(w->tc);
	const void *key, *value;
	size_t key_len, value_len;
	int r = it ? seek_first(w, it, queue) : -1;

	if (r > 0) {
		e->iter_get(it, &key, &key_len, &value, &value_len);
		key_make(w->key, id);
		w->result.found++;
		if (key_len != cfg.key_size ||
		    memcmp(key, w->key, key_len) != 0 ||
		    !value_is_of(value, value_len, id))
			r = -1;
	} else if (r == 0 && !e->keeps_nothing) {
		r = -1;
	}
	if (it)
		e->iter_free(it);
	return r < 0 ? r : 0;
}

/* Puts one at the tail; takes one from the head. */
static int op_pass(struct worker *w, uint64_t turn)
{
	struct queues *all = w->job->arg;
	uint64_t i = turn % all->n, base = i << QUEUE_SHIFT;
	struct queue *q = &all->at[i];
	int r = op_put(w, base + q->tail++);

	if (r < 0)
		return r;
	r = check_head(w, i, base + q->head);
	return r < 0 ? r : op_delete(w, base + q->head++);
}

/* The entries that wait at the beginning, one queue after the other. */
static int op_load(struct worker *w, uint64_t turn)
{
	struct queues *all = w->job->arg;
	struct queue *q = &all->at[turn / cfg.queue_depth];

	return op_put(w, (turn / cfg.queue_depth << QUEUE_SHIFT) + q->tail++);
}

void group_queue(struct run *r)
{
	struct queues all = { .n = cfg.queues };

	all.at = calloc(all.n, sizeof(*all.at));
	if (!all.at)
		run_fail(r, "out of memory");
	run_open(r);
	job_run_quietly(r, (struct job){
				   .name = "(load)",
				   .op = op_load,
				   .count = all.n * cfg.queue_depth,
				   .limit_s = 1e6,
				   .arg = &all,
			   });
	measure(r, (struct job){
			   .name = "queue",
			   .op = op_pass,
			   .count = NO_END,
			   .arg = &all,
			   .settles = true,
			   .series = series_of(r, "queue"),
		   });
	free(all.at);
}
