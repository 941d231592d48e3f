/* SPDX-License-Identifier: MIT */
#include "lsm/compact_level0.h"

#include "lsm/compact_input.h"
#include "lsm/record.h"

/* ---- windows ---------------------------------------------------------- */

/*
 * An open-ended range of keys. While a set is gathered from the oldest run to
 * the newest, a table is taken when it lies within the window, and the window
 * shrinks past every table that is not: so no table taken later can hold a
 * key of an older one left behind.
 */
struct window {
	struct tt_slice lo, hi; /* hi is exclusive */
	bool has_lo, has_hi;
	bool is_lo_open; /* lo is exclusive */
};

static bool is_before(const struct window *w, struct tt_slice key)
{
	int c = w->has_lo ? key_cmp(key, w->lo) : 1;

	return w->is_lo_open ? c <= 0 : c < 0;
}

/* The tables [*from, *to) of the run lie within the window; shrinks it past
 * the others. */
static void take_within(struct window *w, const struct run *run, uint32_t *from,
			uint32_t *to)
{
	*from = w->has_lo ? run_find(run, w->lo) : 0;
	if (*from < run->n && is_before(w, run->tables[*from]->desc.min_key))
		(*from)++;
	*to = w->has_hi ? run_find(run, w->hi) : run->n;
	*to = MAX_OF(*to, *from);
	if (*from > 0) {
		struct tt_slice max = run->tables[*from - 1]->desc.max_key;

		if (!w->has_lo || key_cmp(max, w->lo) >= 0) {
			w->lo = max;
			w->has_lo = w->is_lo_open = true;
		}
	}
	if (*to < run->n) {
		struct tt_slice min = run->tables[*to]->desc.min_key;

		if (!w->has_hi || key_cmp(min, w->hi) < 0) {
			w->hi = min;
			w->has_hi = true;
		}
	}
}

/* ---- pieces ----------------------------------------------------------- */

/* The first of the runs that take part: within a bound on their bytes, but at
 * least a trigger's worth of them. */
static uint32_t first_run(const struct picker *p, const struct version *v)
{
	uint32_t first = v->n_l0;
	uint64_t bytes = 0;

	while (first > 0 &&
	       (v->n_l0 - first < p->l0_trigger ||
		bytes + v->runs[first - 1].weight <= 2 * p->base_bytes)) {
		first--;
		bytes += v->runs[first].weight;
	}
	return first;
}

static uint64_t bytes_of(const struct run *run, uint32_t from, uint32_t to)
{
	uint64_t bytes = 0;

	for (; from < to; from++)
		bytes += run->tables[from]->desc.file_bytes;
	return bytes;
}

/* The bytes of what the window takes, and of what that overlaps below. */
static uint64_t window_bytes(const struct version *v, uint32_t first,
			     struct window w, const struct run *below)
{
	struct tt_slice lo = SLICE_EMPTY, hi = SLICE_EMPTY;
	uint64_t bytes = 0;

	for (uint32_t i = v->n_l0; i-- > first;) {
		const struct run *run = &v->runs[i];
		uint32_t from, to;

		take_within(&w, run, &from, &to);
		if (from == to)
			continue;
		if (bytes == 0 ||
		    key_cmp(run->tables[from]->desc.min_key, lo) < 0)
			lo = run->tables[from]->desc.min_key;
		if (bytes == 0 ||
		    key_cmp(run->tables[to - 1]->desc.max_key, hi) > 0)
			hi = run->tables[to - 1]->desc.max_key;
		bytes += bytes_of(run, from, to);
	}
	return bytes + overlap_bytes(below, lo, hi);
}

/* From where the last piece ended, as far as makes a piece of good size. */
static struct window choose_window(const struct picker *p,
				   const struct version *v, uint32_t first,
				   const struct run *below)
{
	const struct run *oldest = &v->runs[v->n_l0 - 1];
	struct tt_slice after = buf_slice(&p->after[0]);
	struct window w = { .lo = after };

	w.has_lo = after.len &&
		   key_cmp(after, oldest->tables[0]->desc.min_key) <= 0;
	for (uint32_t k = 1; k < oldest->n; k++) {
		w.hi = oldest->tables[k]->desc.min_key;
		w.has_hi = true;
		if (window_bytes(v, first, w, below) >= p->piece_bytes)
			return w;
	}
	w.has_hi = false;
	return w;
}

int level0_pick_piece(struct picker *p, struct version *v, unsigned out_level,
		      struct compact_pick *out)
{
	uint32_t first = first_run(p, v);
	struct window w =
		choose_window(p, v, first, version_level(v, out_level));
	int r = pick_begin(out, v, 0, out_level);

	if (r < 0)
		return r;
	/* Gathered oldest first, listed newest first. */
	for (uint32_t i = v->n_l0; i-- > first;) {
		uint32_t from, to;

		take_within(&w, &v->runs[i], &from, &to);
		pick_add(out, &v->runs[i], from, to);
	}
	for (size_t a = 0, b = out->n_parts - 1; a < b; a++, b--) {
		struct run_part part = out->parts[a];

		out->parts[a] = out->parts[b];
		out->parts[b] = part;
	}
	buf_clear(&p->after[0]);
	if (w.has_hi)
		r = buf_append_slice(&p->after[0], w.hi);
	if (r < 0) {
		compact_pick_fini(out);
		return r;
	}
	pick_finish(p, out, true);
	return 1;
}

/* ---- what must come along --------------------------------------------- */

/* Adds tables of run `i` and all of the older runs that they lie over. */
static void add_closed(struct compact_pick *pick, const struct version *v,
		       uint32_t i, uint32_t from, uint32_t to)
{
	struct tt_slice lo = v->runs[i].tables[from]->desc.min_key;
	struct tt_slice hi = v->runs[i].tables[to - 1]->desc.max_key;

	pick_add(pick, &v->runs[i], from, to);
	for (i++; i < v->n_l0; i++) {
		const struct run *run = &v->runs[i];

		run_overlap(run, lo, hi, &from, &to);
		if (from == to)
			continue;
		pick_add(pick, run, from, to);
		if (key_cmp(run->tables[from]->desc.min_key, lo) < 0)
			lo = run->tables[from]->desc.min_key;
		if (key_cmp(run->tables[to - 1]->desc.max_key, hi) > 0)
			hi = run->tables[to - 1]->desc.max_key;
	}
}

int level0_pick_under(const struct picker *p, struct version *v,
		      unsigned out_level, uint32_t i, uint32_t from,
		      uint32_t to, struct compact_pick *out)
{
	uint32_t end = from;
	int r = pick_begin(out, v, 0, out_level);

	if (r < 0)
		return r;
	do {
		out->n_parts = 0;
		out->bytes = 0;
		add_closed(out, v, i, from, ++end);
	} while (end < to && out->bytes < p->piece_bytes / 2);
	pick_finish(p, out, true);
	return 1;
}

uint64_t level0_overlap(const struct version *v, const struct run *below)
{
	struct tt_slice lo = v->runs[0].tables[0]->desc.min_key;
	struct tt_slice hi = v->runs[0].tables[v->runs[0].n - 1]->desc.max_key;

	for (uint32_t i = 1; i < v->n_l0; i++) {
		const struct run *run = &v->runs[i];

		if (key_cmp(run->tables[0]->desc.min_key, lo) < 0)
			lo = run->tables[0]->desc.min_key;
		if (key_cmp(run->tables[run->n - 1]->desc.max_key, hi) > 0)
			hi = run->tables[run->n - 1]->desc.max_key;
	}
	return overlap_bytes(below, lo, hi);
}
