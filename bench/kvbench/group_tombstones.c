/* SPDX-License-Identifier: MIT */
/*
 * A long stretch of keys is deleted one by one; then it is read across. What
 * an iterator must step over there is what an engine has not yet dropped.
 */
#include <string.h>

#include "groups.h"
#include "measure.h"
#include "ops.h"
#include "options.h"

/* Keys read on either side of the stretch. */
#define SCAN_SIDE 50

/* The keys that are gone: first to end - 1. */
struct stretch {
	uint64_t first, end;
};

/* A seek to a key that is gone ends at the first behind the stretch. */
static int op_seek_gone(struct worker *w, uint64_t id)
{
	const struct kv_engine *e = w->run->engine;
	const struct stretch *gone = w->job->arg;
	void *it = e->iter_new(w->tc);
	const void *key, *value;
	size_t key_len, value_len;
	int r = -1;

	/* The random ones are of the whole store; ORDER_RISING is exact. */
	if (w->job->order == ORDER_RANDOM)
		id = gone->first + id % (gone->end - gone->first);
	key_make(w->key, id);
	if (it)
		r = e->iter_seek(it, w->key, cfg.key_size);
	if (r > 0) {
		e->iter_get(it, &key, &key_len, &value, &value_len);
		key_make(w->key, gone->end);
		w->result.found++;
		if (key_len != cfg.key_size ||
		    memcmp(key, w->key, key_len) != 0)
			r = -1;
	} else if (r == 0 && !e->keeps_nothing) {
		r = -1;
	}
	if (it)
		e->iter_free(it);
	return r < 0 ? r : 0;
}

/* From some keys before it to some behind. */
static int op_scan_across(struct worker *w, uint64_t turn)
{
	const struct stretch *gone = w->job->arg;
	uint64_t was = w->result.found;
	int r = op_scan(w, gone->first - SCAN_SIDE, 2ull * SCAN_SIDE);

	(void)turn;
	if (r == 0 && w->result.found - was != 2ull * SCAN_SIDE &&
	    !w->run->engine->keeps_nothing)
		return -1;
	return r;
}

static void fill_and_delete(struct run *r, const struct stretch *gone)
{
	struct job job = {
		.name = "tombfill",
		.op = op_put,
		.count = r->n,
		.limit_s = 1e6,
		.settles = true,
	};

	measure(r, job);
	job.name = "tombdelete";
	job.op = op_delete;
	job.first = gone->first;
	job.count = gone->end - gone->first;
	job.settles = false; /* what follows comes upon fresh tombstones */
	measure(r, job);
}

void group_tombstones(struct run *r)
{
	struct stretch gone = { .first = r->n / 20, .end = r->n - r->n / 20 };
	struct job first = {
		.name = "tombseek(first)",
		.op = op_seek_gone,
		.first = gone.first,
		.count = 1,
		.arg = &gone,
	};
	struct job seek = first, scan = first;

	run_open(r);
	fill_and_delete(r, &gone);
	measure(r, first);
	seek.name = "tombseek";
	seek.order = ORDER_RANDOM;
	seek.count = 100;
	seek.seed = 61;
	measure(r, seek);
	scan.name = "tombscan";
	scan.op = op_scan_across;
	scan.count = 20;
	measure(r, scan);
	(void)run_settle(r, true);
	seek.name = "tombseek(settled)";
	measure(r, seek);
}
