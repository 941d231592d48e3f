/* SPDX-License-Identifier: MIT */
/*
 * The core workloads of YCSB: mixes of operations on keys of which a few are
 * asked for most of the time.
 */
#include "base/compiler.h"
#include "groups.h"
#include "measure.h"
#include "ops.h"
#include "options.h"

#define SCAN_MAX 100

/* Parts of one; what is left is read, changed and written back. */
struct mix {
	const char *name;
	double reads, updates, inserts, scans;
	bool prefers_latest; /* recent keys instead of scattered ones */
};

static const struct mix mixes[] = {
	{ .name = "ycsb-a", .reads = 0.5, .updates = 0.5 },
	{ .name = "ycsb-b", .reads = 0.95, .updates = 0.05 },
	{ .name = "ycsb-c", .reads = 1 },
	{ .name = "ycsb-f", .reads = 0.5 },
	{ .name = "ycsb-d",
	  .reads = 0.95,
	  .inserts = 0.05,
	  .prefers_latest = true },
	{ .name = "ycsb-e", .scans = 0.95, .inserts = 0.05 },
};

struct ycsb {
	const struct mix *mix;
	struct zipf zipf;
	/* keys there are; added to by any worker, read by all, relaxed */
	_Atomic uint64_t n_keys;
};

static uint64_t pick(struct ycsb *y, struct worker *w)
{
	uint64_t rank = zipf_next(&y->zipf, &w->rng);
	uint64_t n;

	if (!y->mix->prefers_latest)
		return mix_number(rank) % w->run->n;
	n = atomic_load_explicit(&y->n_keys, memory_order_relaxed);
	return rank < n ? n - 1 - rank : 0;
}

static int insert(struct ycsb *y, struct worker *w)
{
	return op_put(w, atomic_fetch_add_explicit(&y->n_keys, 1,
						   memory_order_relaxed));
}

static int op_mixed(struct worker *w, uint64_t turn)
{
	struct ycsb *y = w->job->arg;
	const struct mix *m = y->mix;
	double u = rng_double(&w->rng);
	uint64_t id = pick(y, w);
	int r;

	(void)turn;
	/* The latest may be just under way in another thread. */
	if (u < m->reads)
		return m->prefers_latest ? op_get_maybe(w, id) : op_get(w, id);
	u -= m->reads;
	if (u < m->updates)
		return op_put(w, id);
	u -= m->updates;
	if (u < m->inserts)
		return insert(y, w);
	u -= m->inserts;
	if (u < m->scans)
		return op_scan(w, id, 1 + rng_below(&w->rng, SCAN_MAX));
	r = op_get(w, id);
	return r < 0 ? r : op_put(w, id);
}

void group_ycsb(struct run *r)
{
	struct ycsb y = { .n_keys = r->n };
	struct job job = {
		.op = op_mixed,
		.order = ORDER_RISING,
		.threads = (unsigned)cfg.threads,
		.arg = &y,
		.settles = true,
	};

	zipf_init(&y.zipf, r->n);
	run_open(r);
	load(r, 0);
	(void)run_settle(r, true);
	run_reopen(r, cfg.cache_mb << 20);
	for (size_t i = 0; i < ARRAY_LEN(mixes); i++) {
		y.mix = &mixes[i];
		job.name = y.mix->name;
		job.count = y.mix->scans > 0 ? cfg.reads / 10 : cfg.reads / 2;
		job.seed = 41 + i;
		measure(r, job);
	}
}
