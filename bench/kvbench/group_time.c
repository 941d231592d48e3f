/* SPDX-License-Identifier: MIT */
/*
 * Workloads that are looked at second by second: a fill that goes on for
 * long, and a queue, whose head is a place that only deletions happen at.
 */
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

/* Entries head to tail - 1 wait. */
struct queue {
	uint64_t head, tail;
};

/* Whether the first key of the store is the head of the queue. */
static int check_head(struct worker *w, uint64_t head)
{
	const struct kv_engine *e = w->run->engine;
	void *it = e->iter_new(w->tc);
	const void *key, *value;
	size_t key_len, value_len;
	int r = it ? e->iter_seek(it, NULL, 0) : -1;

	if (r > 0) {
		e->iter_get(it, &key, &key_len, &value, &value_len);
		key_make(w->key, head);
		w->result.found++;
		if (key_len != cfg.key_size ||
		    memcmp(key, w->key, key_len) != 0 ||
		    !value_is_of(value, value_len, head))
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
	struct queue *q = w->job->arg;
	int r = op_put(w, q->tail++);

	(void)turn;
	if (r < 0)
		return r;
	r = check_head(w, q->head);
	return r < 0 ? r : op_delete(w, q->head++);
}

void group_queue(struct run *r)
{
	struct queue q = { .tail = cfg.queue_depth };

	run_open(r);
	job_run_quietly(r, (struct job){
				   .name = "(load)",
				   .op = op_put,
				   .count = q.tail,
				   .limit_s = 1e6,
			   });
	measure(r, (struct job){
			   .name = "queue",
			   .op = op_pass,
			   .count = NO_END,
			   .arg = &q,
			   .settles = true,
			   .series = series_of(r, "queue"),
		   });
}
