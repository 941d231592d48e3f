/* SPDX-License-Identifier: MIT */
/*
 * One number for all memory: a store much larger is filled, in order and at
 * random, read and scanned by several threads, and the kernel says what the
 * process had resident at most. It fails when that is more than the number
 * and a constant beyond it.
 */
#include <stdio.h>

#include "base/compiler.h"
#include "base/err.h"
#include "bench/common/proc.h"
#include "groups.h"
#include "measure.h"
#include "ops.h"
#include "options.h"

#define N_READERS 2
#define N_SCANNERS 8 /* as many iterators are open at a time */
#define SCAN_ENTRIES 1000
#define NO_LIMIT_S 1e9

/* Lengths of values, each as often as `share` of a thousand says. */
static const struct {
	uint32_t share, len;
} mix[] = { { 900, 100 }, { 90, 1000 }, { 9, 8192 }, { 1, 65536 } };

#define LONGEST 65536

static uint64_t value_len(uint64_t id)
{
	uint64_t at = mix_number(id) % 1000;
	unsigned i = 0;

	while (at >= mix[i].share)
		at -= mix[i++].share;
	return mix[i].len;
}

/* How many keys make so many bytes. */
static uint64_t keys_of(double bytes)
{
	double entry = (double)cfg.key_size;

	for (unsigned i = 0; i < ARRAY_LEN(mix); i++)
		entry += mix[i].share / 1000.0 * mix[i].len;
	return MAX_OF((uint64_t)(bytes / entry), 2 * N_SCANNERS);
}

/* ---- operations -------------------------------------------------------- */

static int put(struct worker *w, uint64_t id)
{
	uint64_t len = value_len(id);

	key_make(w->key, id);
	value_make(w->value, len, id, &w->rng);
	w->result.user_bytes += cfg.key_size + len;
	return w->run->engine->put(w->tc, w->key, cfg.key_size, w->value, len);
}

/* Of the keys the even ones come in order, the odd ones at random. */
static int op_put_even(struct worker *w, uint64_t turn)
{
	return put(w, 2 * turn);
}

static int op_put_odd(struct worker *w, uint64_t turn)
{
	return put(w, 2 * permute(turn, w->run->n / 2, cfg.seed) + 1);
}

static int op_get_mixed(struct worker *w, uint64_t id)
{
	size_t len = 0;
	int r;

	key_make(w->key, id);
	r = w->run->engine->get(w->tc, w->key, cfg.key_size, w->got, w->got_cap,
				&len);
	if (r > 0)
		return w->run->engine->keeps_nothing ? 0 : -1;
	w->result.found += r == 0;
	return r == 0 && len == value_len(id) && value_is_of(w->got, len, id)
		       ? 0
		       : -1;
}

static int op_scan_some(struct worker *w, uint64_t id)
{
	return op_scan(w, id, SCAN_ENTRIES);
}

/* ---- the group --------------------------------------------------------- */

/* Measures a job; what was resident includes settling after it. */
static void measure_within(struct run *r, struct job job, double start_mib)
{
	double peak, allowed = (double)(cfg.memory + cfg.beyond) / (1 << 20);

	measure(r, job);
	peak = proc_peak_rss_mib(0) - start_mib;
	if (peak <= allowed)
		return;
	r->n_errors++;
	fprintf(stderr,
		"kvbench: %s budget: %s took %.1f MiB, %.1f are allowed\n",
		r->engine->name, job.name, peak, allowed);
}

static void fill(struct run *r, double start_mib)
{
	struct job job = {
		.name = "budgetfill(seq)",
		.op = op_put_even,
		.count = r->n / 2,
		.seed = 1,
		.limit_s = NO_LIMIT_S,
		.settles = true,
	};

	measure_within(r, job, start_mib);
	job.name = "budgetfill(rand)";
	job.op = op_put_odd;
	job.seed = 2;
	measure_within(r, job, start_mib);
}

static void read_and_scan(struct run *r, double start_mib)
{
	struct job job = {
		.name = "budgetread",
		.op = op_get_mixed,
		.order = ORDER_RANDOM,
		.count = MAX_OF(cfg.reads / N_READERS, 1),
		.seed = 71,
		.threads = N_READERS,
	};

	measure_within(r, job, start_mib);
	job.name = "budgetscan";
	job.op = op_scan_some;
	job.count = MAX_OF(cfg.reads / (N_SCANNERS * SCAN_ENTRIES), 1);
	job.seed = 72;
	job.threads = N_SCANNERS;
	measure_within(r, job, start_mib);
}

void group_budget(struct run *r)
{
	double start_mib;

	if (!r->engine->has_budget) {
		fprintf(stderr,
			"kvbench: %s budget: skipped: the engine has no bound "
			"for all its memory\n",
			r->engine->name);
		return;
	}
	r->memory_bytes = cfg.memory;
	r->value_bytes = LONGEST;
	r->n = keys_of(cfg.store_gib * (1 << 30)) & ~1ull;
	proc_reset_peak_rss(0);
	start_mib = proc_peak_rss_mib(0);
	run_open(r);
	fill(r, start_mib);
	read_and_scan(r, start_mib);
}
