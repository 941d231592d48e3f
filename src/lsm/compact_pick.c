/* SPDX-License-Identifier: MIT */
#include "lsm/compact_pick.h"

#include "lsm/compact_input.h"
#include "lsm/compact_level0.h"
#include "lsm/old_versions.h"
#include "lsm/options.h"
#include "lsm/record.h"
#include "lsm/tombstones.h"

/* How many tables are compared to find the cheapest. */
#define N_CANDIDATES 32
/* A compaction between levels takes inputs of about so many tables. */
#define INPUT_TABLES 8
/* A level under the base is opened when the base would outgrow this many
 * times what level 0 holds. */
#define BASE_GROWTH 4
/* A level so far over its size goes before dense tombstones; 1/1024. */
#define URGENT_SCORE 2048

void picker_init(struct picker *p, const struct db_config *c)
{
	*p = (struct picker){
		.base_bytes = (uint64_t)c->memtable_bytes * c->l0_trigger,
		.table_bytes = c->table_bytes,
		.level_ratio = c->level_ratio,
		.l0_trigger = c->l0_trigger,
		.is_bottom_dense = c->bottom_codec != c->codec,
		.piece_bytes = (uint64_t)c->table_bytes * c->level_ratio,
	};
	for (unsigned i = 0; i < N_LEVELS; i++)
		p->after[i] = (struct buf)BUF_INIT;
}

void picker_fini(struct picker *p)
{
	for (unsigned i = 0; i < N_LEVELS; i++)
		buf_fini(&p->after[i]);
}

/* ---- sizes and debt --------------------------------------------------- */

void level_targets(const struct picker *p, const struct version *v,
		   struct level_targets *out)
{
	uint64_t size = p->base_bytes;
	unsigned level = LAST_LEVEL, top = LAST_LEVEL;

	for (unsigned i = 1; i < N_LEVELS; i++) {
		out->bytes[i] = 0;
		size = MAX_OF(size, v->level_weight[i]);
	}
	out->bytes[0] = p->base_bytes;
	out->bytes[level] = size;
	/* What level 0 holds is newer than any level: it may not pass one. */
	for (unsigned i = LAST_LEVEL; i >= 1; i--)
		if (v->level_weight[i])
			top = i;
	while (level > 1 && (level > top ||
			     out->bytes[level] > BASE_GROWTH * p->base_bytes)) {
		out->bytes[level - 1] = out->bytes[level] / p->level_ratio;
		level--;
	}
	out->base = level;
	out->l0_out = level;
	for (unsigned i = 1; i < level; i++)
		if (v->level_tables[i]) {
			out->l0_out = i;
			break;
		}
}

/* How far a level is over its size, in 1/1024; at least 1024 means work. */
static uint64_t level_score(const struct picker *p, const struct version *v,
			    const struct level_targets *t, unsigned level)
{
	uint64_t bytes = v->level_weight[level];

	if (level == 0)
		return MAX_OF((uint64_t)v->n_l0 * 1024 / p->l0_trigger,
			      bytes / 1024 * 1024 * 1024 /
				      MAX_OF(2 * p->base_bytes, 1ull));
	if (level == LAST_LEVEL || bytes == 0)
		return 0;
	return bytes / MAX_OF(t->bytes[level] / 1024, 1ull);
}

uint64_t compaction_debt(const struct picker *p, const struct version *v)
{
	struct level_targets t;
	uint64_t debt = 0;

	level_targets(p, v, &t);
	if (v->n_l0 > p->l0_trigger)
		debt += v->level_weight[0] / v->n_l0 *
			(v->n_l0 - p->l0_trigger);
	for (unsigned i = 1; i < LAST_LEVEL; i++)
		if (v->level_weight[i] > t.bytes[i])
			debt += v->level_weight[i] - t.bytes[i];
	return debt;
}

/* What of so much weight of a level lies in its tables. */
static uint64_t to_move(const struct version *v, unsigned level,
			uint64_t weight)
{
	return (uint64_t)((double)weight * (double)v->level_bytes[level] /
			  (double)v->level_weight[level]);
}

uint64_t compaction_work(const struct picker *p, const struct version *v)
{
	struct level_targets t;
	uint64_t work = 0;

	level_targets(p, v, &t);
	if (v->n_l0 >= p->l0_trigger)
		work += v->level_bytes[0] + v->level_bytes[t.l0_out];
	for (unsigned i = 1; i < LAST_LEVEL; i++)
		if (v->level_weight[i] > t.bytes[i])
			work += to_move(v, i, v->level_weight[i] - t.bytes[i]) *
				(1 + p->level_ratio);
	return work;
}

/* ---- levels below ----------------------------------------------------- */

/* Bytes below that compacting table i rewrites, per 1024 bytes of its own. */
static uint64_t table_cost(const struct run *run, uint32_t i,
			   const struct run *below)
{
	const struct table_desc *d = &run->tables[i]->desc;
	uint64_t bytes = overlap_bytes(below, d->min_key, d->max_key);
	uint64_t covered = atomic_load_explicit(&run->tables[i]->covered_bytes,
						memory_order_relaxed);

	/* What is deleted is not written again. */
	return (bytes - MIN_OF(bytes, covered)) / (d->file_bytes / 1024 + 1);
}

/* The cheapest table among some behind the place of the last compaction. */
static uint32_t cheapest_table(struct picker *p, const struct run *run,
			       const struct run *below)
{
	struct buf *after = &p->after[run->level];
	uint32_t n = MIN_OF(run->n, (uint32_t)N_CANDIDATES);
	uint32_t at = after->len ? run_find(run, buf_slice(after)) : 0;
	uint64_t best_cost = UINT64_MAX;
	uint32_t best = 0;

	if (at < run->n && after->len &&
	    key_cmp(run->tables[at]->desc.max_key, buf_slice(after)) == 0)
		at++;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = (at + k) % run->n;
		uint64_t cost = table_cost(run, i, below);

		if (cost < best_cost) {
			best = i;
			best_cost = cost;
		}
		if (cost == 0)
			break;
	}
	return best;
}

/*
 * Takes more neighbours while they overlap nothing below that is not an
 * input already: they come along for free.
 */
static void widen(const struct picker *p, const struct run *run,
		  const struct run *below, uint32_t *from, uint32_t *to)
{
	struct tt_slice lo = run->tables[*from]->desc.min_key;
	struct tt_slice hi = run->tables[*to - 1]->desc.max_key;
	uint64_t bytes = 0;
	uint32_t f, t;

	if (below) {
		run_overlap(below, lo, hi, &f, &t);
		if (f < t) {
			if (key_cmp(below->tables[t - 1]->desc.max_key, hi) > 0)
				hi = below->tables[t - 1]->desc.max_key;
			if (key_cmp(below->tables[f]->desc.min_key, lo) < 0)
				lo = below->tables[f]->desc.min_key;
		}
	}
	while (*to < run->n && bytes < INPUT_TABLES * p->table_bytes &&
	       key_cmp(run->tables[*to]->desc.max_key, hi) <= 0)
		bytes += run->tables[(*to)++]->desc.file_bytes;
	while (*from > 0 && bytes < INPUT_TABLES * p->table_bytes &&
	       key_cmp(run->tables[*from - 1]->desc.min_key, lo) >= 0)
		bytes += run->tables[--(*from)]->desc.file_bytes;
}

static int pick_tables(struct picker *p, struct version *v,
		       const struct run *run, uint32_t from, uint32_t to,
		       bool is_wide_ok, struct compact_pick *out)
{
	struct tt_slice last = run->tables[to - 1]->desc.max_key;
	int r;

	buf_clear(&p->after[run->level]);
	r = buf_append_slice(&p->after[run->level], last);
	if (r < 0)
		return r;
	r = pick_begin(out, v, run->level, run->level + 1);
	if (r < 0)
		return r;
	pick_add(out, run, from, to);
	pick_finish(p, out, is_wide_ok);
	return 1;
}

static int pick_level(struct picker *p, struct version *v, unsigned level,
		      struct compact_pick *out)
{
	const struct run *run = version_level(v, level);
	const struct run *below = version_level(v, level + 1);
	uint32_t from = cheapest_table(p, run, below);
	uint32_t to = from + 1;

	widen(p, run, below, &from, &to);
	return pick_tables(p, v, run, from, to, false, out);
}

/* The level most over its size, N_LEVELS when all is well; how far. */
static unsigned worst_level(const struct picker *p, const struct version *v,
			    const struct level_targets *t, uint64_t *out_score)
{
	uint64_t best_score = 1023;
	unsigned best = N_LEVELS;

	for (unsigned i = 0; i < LAST_LEVEL; i++) {
		uint64_t score = level_score(p, v, t, i);

		if (score > best_score) {
			best = i;
			best_score = score;
		}
	}
	*out_score = best_score;
	return best;
}

/* ---- tombstones ------------------------------------------------------- */

/* True when tables of the run wait for a compaction and, because nobody reads
 * before their newest record, may have it. */
static bool may_go(const struct run *run, uint32_t table, int64_t oldest)
{
	return table != RUN_NONE && run->tables[table]->desc.max_ts <= oldest;
}

/* The first run with a dense table that may go, NULL when there is none. */
static const struct run *dense_run(const struct version *v, int64_t oldest)
{
	for (uint32_t i = 0; i < v->n_runs; i++)
		if (may_go(&v->runs[i], v->runs[i].dense, oldest))
			return &v->runs[i];
	return NULL;
}

/* The last level when tombstones in it are dead, else NULL. */
static const struct run *dead_run(const struct version *v, int64_t oldest)
{
	const struct run *run = v->n_runs ? &v->runs[v->n_runs - 1] : NULL;

	return run && run->level == LAST_LEVEL && may_go(run, run->dead, oldest)
		       ? run
		       : NULL;
}

/* Rewrites tables of the last level where they are: `from`, and what follows
 * it and has tombstones that may go as well. */
static int pick_dead(struct version *v, const struct run *run, uint32_t from,
		     int64_t oldest, struct compact_pick *out)
{
	uint32_t to = from + 1;

	while (to < run->n && to - from < INPUT_TABLES &&
	       (run->tables[to]->desc.n_tombstones ||
		run->tables[to]->desc.n_ranges) &&
	       may_go(run, to, oldest))
		to++;
	return pick_in_place(v, run, from, to, out);
}

static int pick_dense(struct picker *p, struct version *v,
		      const struct run *run, const struct level_targets *t,
		      int64_t oldest, struct compact_pick *out)
{
	uint32_t i = run->dense;

	if (run->level == 0)
		return level0_pick_under(p, v, t->l0_out,
					 (uint32_t)(run - v->runs), i, i + 1,
					 out);
	if (run->level == LAST_LEVEL)
		return pick_dead(v, run, i, oldest, out);
	return pick_tables(p, v, run, i, i + 1, true, out);
}

/* The table whose range tombstones cover the most, if that is worth it. */
static int pick_wide(struct picker *p, struct version *v,
		     const struct level_targets *t, struct compact_pick *out)
{
	uint32_t i, at;

	if (!range_watch_widest(&p->ranges, v, p->table_bytes, &i, &at))
		return 0;
	if (v->runs[i].level == 0)
		return level0_pick_under(p, v, t->l0_out, i, at, at + 1, out);
	return pick_tables(p, v, &v->runs[i], at, at + 1, true, out);
}

/* ---- old versions ------------------------------------------------------- */

/* True when the table has old versions, and all of them may go. */
static bool is_free(const struct table_desc *d, struct past past)
{
	return d->old.n && d->old.until <= past.oldest;
}

/* And it is worth it. */
static bool is_ripe(const struct table_desc *d, struct past past)
{
	return is_free(d, past) && old_versions_ripe_at(d) <= past.window;
}

static const struct run *ripe_run(const struct version *v, struct past past)
{
	for (uint32_t i = 0; i < v->n_runs; i++) {
		const struct run *run = &v->runs[i];

		if (run->old != RUN_NONE &&
		    is_ripe(&run->tables[run->old]->desc, past))
			return run;
	}
	return NULL;
}

static int pick_ripe(struct version *v, const struct run *run, struct past past,
		     struct compact_pick *out)
{
	uint32_t from = run->old, to = from + 1;

	while (run->level && to < run->n && to - from < INPUT_TABLES &&
	       is_ripe(&run->tables[to]->desc, past))
		to++;
	return pick_in_place(v, run, from, to, out);
}

/* ---- what is next ------------------------------------------------------- */

bool compaction_is_due(const struct picker *p, const struct version *v,
		       struct past past)
{
	struct level_targets t;
	uint64_t score;

	level_targets(p, v, &t);
	return worst_level(p, v, &t, &score) != N_LEVELS ||
	       dense_run(v, past.oldest) || dead_run(v, past.oldest) ||
	       ripe_run(v, past) ||
	       range_watch_is_due(&p->ranges, v->newest_ranged, past.oldest);
}

int compact_pick_next(struct picker *p, struct version *v, struct past past,
		      struct compact_pick *out)
{
	const struct run *dense = dense_run(v, past.oldest);
	const struct run *dead = dead_run(v, past.oldest);
	const struct run *ripe;
	struct level_targets t;
	uint64_t score;
	unsigned level;
	int r;

	level_targets(p, v, &t);
	level = worst_level(p, v, &t, &score);
	if (dense && score < URGENT_SCORE)
		return pick_dense(p, v, dense, &t, past.oldest, out);
	if (level == 0)
		return level0_pick_piece(p, v, t.l0_out, out);
	if (level != N_LEVELS)
		return pick_level(p, v, level, out);
	r = pick_wide(p, v, &t, out);
	if (r != 0)
		return r;
	if (dead)
		return pick_dead(v, dead, dead->dead, past.oldest, out);
	ripe = ripe_run(v, past);
	return ripe ? pick_ripe(v, ripe, past, out) : 0;
}

/* The earlier of `at` and `when`, if nobody will read before `free_from`
 * then. */
static int64_t sooner(int64_t at, int64_t free_from, int64_t when,
		      int64_t oldest_snapshot)
{
	return free_from <= oldest_snapshot ? MIN_OF(at, when) : at;
}

static int64_t run_wakes_at(const struct run *run, bool is_oldest, int64_t at,
			    int64_t oldest_snapshot)
{
	if (run->dense != RUN_NONE) {
		int64_t ts = run->tables[run->dense]->desc.max_ts;

		at = sooner(at, ts, ts, oldest_snapshot);
	}
	if (is_oldest && run->level == LAST_LEVEL && run->dead != RUN_NONE) {
		int64_t ts = run->tables[run->dead]->desc.max_ts;

		at = sooner(at, ts, ts, oldest_snapshot);
	}
	if (run->old != RUN_NONE) {
		const struct table_desc *d = &run->tables[run->old]->desc;

		at = sooner(at, d->old.until, old_versions_ripe_at(d),
			    oldest_snapshot);
	}
	return at;
}

int64_t compaction_wakes_at(const struct picker *p, const struct version *v,
			    int64_t oldest_snapshot)
{
	int64_t held = range_watch_held_until(&p->ranges);
	int64_t at = TS_NEWEST;

	if (held)
		at = sooner(at, held, held, oldest_snapshot);
	for (uint32_t i = 0; i < v->n_runs; i++)
		at = run_wakes_at(&v->runs[i], i + 1 == v->n_runs, at,
				  oldest_snapshot);
	return at;
}

/* ---- at rest ------------------------------------------------------------ */

/* Of records, uncompressed: as much as memtables have brought. */
static uint64_t level0_raw_bytes(const struct version *v)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < v->n_l0; i++)
		for (uint32_t k = 0; k < v->runs[i].n; k++)
			bytes += v->runs[i].tables[k]->desc.raw_bytes;
	return bytes;
}

bool compaction_at_rest_is_due(const struct picker *p, const struct version *v)
{
	struct level_targets t;

	if (v->n_l0 < 2 || level0_raw_bytes(v) < p->base_bytes / 2)
		return false;
	level_targets(p, v, &t);
	return level0_overlap(v, version_level(v, t.l0_out)) <=
	       v->level_bytes[0] / 2;
}

int compact_pick_at_rest(struct picker *p, struct version *v,
			 struct compact_pick *out)
{
	struct level_targets t;

	if (v->n_l0 < 2)
		return 0;
	level_targets(p, v, &t);
	return level0_pick_piece(p, v, t.l0_out, out);
}

/* ---- by request ------------------------------------------------------- */

static bool run_has(const struct run *run, struct tt_slice lower,
		    struct tt_slice upper, uint32_t *from, uint32_t *to)
{
	struct tt_slice hi = run->tables[run->n - 1]->desc.max_key;

	if (upper.len && key_cmp(upper, hi) < 0)
		hi = upper;
	*from = *to = 0;
	if (key_cmp(lower, hi) > 0)
		return false;
	run_overlap(run, lower, hi, from, to);
	return *from < *to;
}

int compact_pick_range(struct picker *p, struct version *v,
		       struct tt_slice lower, struct tt_slice upper,
		       struct compact_pick *out)
{
	struct level_targets t;
	uint32_t from, to;

	level_targets(p, v, &t);
	for (uint32_t i = 0; i < v->n_runs; i++) {
		const struct run *run = &v->runs[i];

		if (run->level == LAST_LEVEL ||
		    !run_has(run, lower, upper, &from, &to))
			continue;
		if (run->level == 0)
			return level0_pick_under(p, v, t.l0_out, i, from, to,
						 out);
		to = MIN_OF(to, from + INPUT_TABLES);
		return pick_tables(p, v, run, from, to, true, out);
	}
	return 0;
}

int compact_pick_old_range(struct version *v, struct tt_slice lower,
			   struct tt_slice upper, struct past past,
			   struct compact_pick *out)
{
	const struct run *run = version_level(v, LAST_LEVEL);
	uint32_t from, to, end;

	if (!run || !run_has(run, lower, upper, &from, &end))
		return 0;
	while (from < end && !is_free(&run->tables[from]->desc, past))
		from++;
	if (from == end)
		return 0;
	to = from + 1;
	while (to < end && to - from < INPUT_TABLES &&
	       is_free(&run->tables[to]->desc, past))
		to++;
	return pick_in_place(v, run, from, to, out);
}
