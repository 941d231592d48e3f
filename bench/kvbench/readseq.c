/* SPDX-License-Identifier: MIT */
/*
 * A scan of the whole store. An entry takes less time than reading the clock:
 * that is done once for several, and the latency is their mean.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mutex.h"
#include "bench/common/proc.h"
#include "bench/common/progress.h"
#include "measure.h"
#include "options.h"
#include "report.h"

#define PER_CLOCK 16

struct scan {
	struct run *run;
	void *it;
	uint8_t last[KEY_MAX];
	unsigned sum; /* of first bytes: values must come into reach */
	struct result *result;
};

/* Counts the entry that the iterator is on; keys must rise. */
static void take_entry(struct scan *s)
{
	const void *key, *value;
	size_t key_len, value_len;
	struct result *res = s->result;

	s->run->engine->iter_get(s->it, &key, &key_len, &value, &value_len);
	if (key_len != cfg.key_size || value_len != s->run->value_bytes ||
	    (res->done && memcmp(s->last, key, key_len) >= 0)) {
		res->errors++;
	} else {
		memcpy(s->last, key, key_len);
		s->sum += *(const uint8_t *)value;
	}
	res->done++;
}

static void scan_all(struct scan *s, struct progress *p)
{
	struct result *res = s->result;
	uint64_t then = mono_ns(), now;
	int r = s->run->engine->iter_seek(s->it, NULL, 0);

	for (; r > 0; r = s->run->engine->iter_next(s->it)) {
		take_entry(s);
		if (res->done % PER_CLOCK)
			continue;
		now = mono_ns();
		latency_add(&res->latency, (now - then) / PER_CLOCK);
		then = now;
		if (now >= p->next_ns)
			progress_show(p, now, res->done, s->run->n, 1e9);
	}
	if (r < 0)
		res->errors++;
}

void measure_readseq(struct run *r, const char *name)
{
	const struct kv_engine *e = r->engine;
	struct scan s = { .run = r, .result = calloc(1, sizeof(*s.result)) };
	struct row row = { .name = name,
			   .threads = 1,
			   .result = s.result,
			   .written_bytes = -1 };
	void *tc = e->thread_begin(r->db);
	struct progress p;
	struct meter m;

	if (!tc || !s.result)
		run_fail(r, "out of memory");
	progress_begin(&p, e->name, name, true);
	meter_start(&m);
	s.it = e->iter_new(tc);
	if (!s.it)
		run_fail(r, "no iterator");
	scan_all(&s, &p);
	row.elapsed_s = meter_elapsed_s(&m);
	row.cpu_s = meter_cpu_s(&m);
	row.peak_rss_mib = proc_peak_rss_mib(0);
	progress_end(&p);
	e->iter_free(s.it);
	e->thread_end(tc);
	if (s.result->done != r->n && !e->keeps_nothing)
		s.result->errors++;
	s.result->found = s.result->done;
	report_row(r, &row);
	free(s.result);
}
