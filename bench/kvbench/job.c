/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <stdlib.h>
#include <string.h>

#include "base/mutex.h"
#include "bench/common/progress.h"
#include "options.h"
#include "series.h"

/* A value that is read may be longer than it should: that is an error. */
#define GOT_SPARE 64

static uint64_t batch_of(const struct job *job)
{
	return job->batch ? job->batch : 1;
}

/* ---- one worker -------------------------------------------------------- */

static void worker_init(struct worker *w)
{
	const struct job *job = w->job;
	uint64_t entry = cfg.key_size + w->run->value_bytes;
	uint64_t batch = batch_of(job);

	rng_init(&w->rng, cfg.seed * 1000003 + job->seed * 1009 + w->index);
	w->got_cap = w->run->value_bytes + GOT_SPARE;
	w->value = malloc(w->run->value_bytes);
	w->got = malloc(w->got_cap);
	w->batch_ops = calloc(batch, sizeof(*w->batch_ops));
	w->batch_bytes = malloc(batch * entry);
	if (!w->value || !w->got || !w->batch_ops || !w->batch_bytes)
		run_fail(w->run, "out of memory");
	value_init(w->value, w->run->value_bytes);
	w->tc = w->run->engine->thread_begin(w->run->db);
	if (!w->tc)
		run_fail(w->run, "the engine takes no more threads");
}

static void worker_fini(struct worker *w)
{
	w->run->engine->thread_end(w->tc);
	free(w->value);
	free(w->got);
	free(w->batch_ops);
	free(w->batch_bytes);
}

static uint64_t key_of_turn(struct worker *w, uint64_t i)
{
	const struct job *job = w->job;
	uint64_t at = job->first + w->index * job->count + i;

	switch (job->order) {
	case ORDER_RISING:
		return at;
	case ORDER_SHUFFLED:
		return permute(at % w->run->n, w->run->n, cfg.seed);
	case ORDER_RANDOM:
		return rng_below(&w->rng, w->run->n);
	}
	return at;
}

static bool is_stopped(const struct job *job)
{
	return job->stop &&
	       atomic_load_explicit(job->stop, memory_order_relaxed);
}

/* Turn after turn. The clock is read once a turn: making the key and value
 * belongs to it. */
static void take_turns(struct worker *w, struct progress *p)
{
	const struct job *job = w->job;
	struct result *res = &w->result;
	uint64_t batch = batch_of(job), start = mono_ns(), then = start, now;
	double limit_s = job->limit_s > 0 ? job->limit_s : cfg.max_sec;
	uint64_t deadline = start + (uint64_t)(limit_s * 1e9);

	for (uint64_t i = 0; i < job->count; i += batch) {
		/* Of a batch the operation itself makes the numbers. */
		uint64_t id = job->batch ? i : key_of_turn(w, i);

		if (job->op(w, id) < 0)
			res->errors++;
		now = mono_ns();
		latency_add(&res->latency, now - then);
		if (job->series)
			series_add(job->series, now, now - then);
		then = now;
		res->done += batch;
		if (now >= p->next_ns)
			progress_show(p, now, res->done, job->count, limit_s);
		if (now >= deadline || is_stopped(job))
			break;
	}
	res->elapsed_s = (double)(then - start) / 1e9;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct progress p;

	worker_init(w);
	progress_begin(&p, w->run->engine->name, w->job->name, w->index == 0);
	if (w->job->series)
		series_begin(w->job->series);
	take_turns(w, &p);
	if (w->job->series)
		series_end(w->job->series);
	progress_end(&p);
	if (w->job->stops_others)
		atomic_store_explicit(w->job->stop, true, memory_order_relaxed);
	worker_fini(w);
	return NULL;
}

/* ---- many -------------------------------------------------------------- */

static unsigned threads_of(const struct job *job)
{
	return job->threads ? job->threads : 1;
}

static struct worker *workers_new(struct run *r, const struct job *job)
{
	unsigned n = threads_of(job);
	struct worker *workers =
		aligned_alloc(THREAD_ALIGN, n * sizeof(*workers));

	if (!workers)
		run_fail(r, "out of memory");
	memset(workers, 0, n * sizeof(*workers));
	for (unsigned i = 0; i < n; i++) {
		workers[i].run = r;
		workers[i].job = job;
		workers[i].index = i;
	}
	return workers;
}

struct worker *job_start(struct run *r, const struct job *job)
{
	struct worker *workers = workers_new(r, job);

	for (unsigned i = 0; i < threads_of(job); i++)
		if (pthread_create(&workers[i].thread, NULL, worker_main,
				   &workers[i]))
			run_fail(r, "cannot start a thread");
	return workers;
}

static void add_result(struct result *to, const struct result *from)
{
	to->done += from->done;
	to->found += from->found;
	to->errors += from->errors;
	to->user_bytes += from->user_bytes;
	to->elapsed_s = MAX_OF(to->elapsed_s, from->elapsed_s);
	latency_merge(&to->latency, &from->latency);
}

void job_join(struct worker *workers, struct result *out)
{
	unsigned n = threads_of(workers->job);

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < n; i++) {
		pthread_join(workers[i].thread, NULL);
		add_result(out, &workers[i].result);
	}
	free(workers);
}

void job_run_quietly(struct run *r, struct job job)
{
	struct worker *w = workers_new(r, &job);

	(void)worker_main(w);
	r->n_errors += w->result.errors;
	free(w);
}
