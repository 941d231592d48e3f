/* SPDX-License-Identifier: MIT */
#include "lsm/range_cover.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "lsm/mem_ranges.h"
#include "lsm/memtable.h"
#include "lsm/range_set.h"
#include "lsm/run_iter.h"
#include "lsm/sst_ranges.h"
#include "lsm/version.h"

/* A memtable or a run that may have range tombstones. */
struct source {
	const struct memtable *mem;	   /* NULL: it is a run */
	const struct mem_range_view *view; /* NULL: it has none */
	const struct run *run;
	/* The table of the run that was asked last. */
	struct sst_reader *pinned;
	uint32_t pinned_at;
	struct buf end; /* see table_end() */
};

struct range_cover {
	struct table_cache *tables;
	const struct key_bounds *bounds;
	int64_t as_of;
	uint64_t round; /* of restarts: what was learnt before counts no more */
	unsigned refs;
	size_t n;
	struct source sources[];
};

int range_cover_new(size_t n_sources, struct table_cache *tables,
		    const struct key_bounds *bounds, struct range_cover **out)
{
	struct range_cover *c =
		malloc(sizeof(*c) + n_sources * sizeof(c->sources[0]));

	if (!c)
		return err_nomem("iterator");
	*c = (struct range_cover){
		.tables = tables,
		.bounds = bounds,
		.as_of = TS_OLDEST,
		.round = 1,
		.refs = 1,
	};
	*out = c;
	return 0;
}

static void unpin(struct source *s)
{
	if (s->pinned)
		table_unpin(s->pinned);
	s->pinned = NULL;
}

void range_cover_unref(struct range_cover *c)
{
	if (!c || --c->refs)
		return;
	for (size_t i = 0; i < c->n; i++) {
		unpin(&c->sources[i]);
		buf_fini(&c->sources[i].end);
	}
	free(c);
}

void range_cover_add_memtable(struct range_cover *c, const struct memtable *m)
{
	c->sources[c->n++] = (struct source){ .mem = m };
}

void range_cover_add_run(struct range_cover *c, const struct run *run)
{
	c->sources[c->n++] = (struct source){ .run = run };
}

void range_cover_restart(struct range_cover *c, int64_t as_of)
{
	c->as_of = as_of;
	c->round++;
	/* Looked at after the time was taken: what it is to see is there. */
	for (size_t i = 0; i < c->n; i++)
		if (c->sources[i].mem)
			c->sources[i].view = mem_ranges_view(
				memtable_ranges(c->sources[i].mem));
}

void range_cover_rest(struct range_cover *c)
{
	c->round++;
	for (size_t i = 0; i < c->n; i++)
		unpin(&c->sources[i]);
}

/* ---- looking up ------------------------------------------------------- */

/* What covers a key, found in which source; the keys are copies. */
struct stretch {
	int64_t ts; /* or RANGE_NONE */
	size_t source;
	struct buf from, to; /* as struct range_hit */
};

static int pin(struct range_cover *c, struct source *s, uint32_t at)
{
	if (s->pinned && s->pinned_at == at)
		return 0;
	unpin(s);
	s->pinned_at = at;
	return table_pin(c->tables, &s->run->tables[at]->slot, &s->pinned);
}

/* Where a table of the run ends: the first key behind it, empty when it has no
 * end. Valid until the next call for this source. */
static int table_end(struct source *s, uint32_t at, struct tt_slice *out)
{
	const struct table_desc *d = &s->run->tables[at]->desc;
	int r = 0;

	*out = d->max_is_open ? d->max_key : SLICE_EMPTY;
	if (d->max_is_open || key_is_largest(d->max_key))
		return 0;
	r = key_successor(d->max_key, &s->end);
	*out = buf_slice(&s->end);
	return r;
}

/* Clips the hit to what lies between tables at - 1 and at. */
static int clip_to_gap(struct source *s, uint32_t at, struct range_hit *h)
{
	const struct run *run = s->run;
	struct tt_slice from = SLICE_EMPTY;
	int r = at ? table_end(s, at - 1, &from) : 0;

	range_hit_clip(h, from,
		       at < run->n ? run->tables[at]->desc.min_key
				   : SLICE_EMPTY);
	return r;
}

static int find_in_run(struct range_cover *c, struct source *s,
		       struct tt_slice key, struct range_hit *h)
{
	const struct run *run = s->run;
	struct tt_slice end;
	uint32_t at;
	int r;

	if (run->n_ranged == 0)
		return 0;
	at = run_find(run, key);
	if (at == run->n || key_cmp(key, run->tables[at]->desc.min_key) < 0)
		return clip_to_gap(s, at, h);
	r = table_end(s, at, &end);
	if (r < 0)
		return r;
	range_hit_clip(h, run->tables[at]->desc.min_key, end);
	if (run->tables[at]->desc.n_ranges == 0)
		return 0;
	r = pin(c, s, at);
	if (r == 0 && sst_ranges_of(s->pinned)->set)
		range_set_find(sst_ranges_of(s->pinned)->set, key, c->as_of, h);
	return r;
}

/* Looks in the `n` newest sources. */
static int look_up(struct range_cover *c, size_t n, struct tt_slice key,
		   struct stretch *out)
{
	struct range_hit h = RANGE_HIT_INIT;
	size_t i = 0;
	int r = 0;

	for (; i < n && r == 0 && h.ts == RANGE_NONE; i++) {
		struct source *s = &c->sources[i];

		if (s->run)
			r = find_in_run(c, s, key, &h);
		else if (s->view)
			mem_range_find(s->view, key, c->as_of, &h);
	}
	out->ts = h.ts;
	out->source = i ? i - 1 : 0;
	if (r == 0)
		r = buf_set(&out->from, h.from);
	return r < 0 ? r : buf_set(&out->to, h.to);
}

/* ---- the cursor ------------------------------------------------------- */

struct covered_iter {
	struct rec_iter it;
	struct rec_iter *in;	   /* owned */
	struct range_cover *cover; /* a reference */
	size_t source;		   /* of `in` */
	/* What covers the keys around the last record looked at. */
	struct stretch here;
	uint64_t round;	   /* in which `here` was learnt; 0: never */
	struct buf target; /* of a search */
};

static struct covered_iter *of(struct rec_iter *it)
{
	return container_of(it, struct covered_iter, it);
}

static bool is_behind(const struct covered_iter *ci, struct tt_slice key)
{
	return ci->here.to.len && key_cmp(key, buf_slice(&ci->here.to)) >= 0;
}

static bool is_ahead(const struct covered_iter *ci, struct tt_slice key)
{
	return key_cmp(key, buf_slice(&ci->here.from)) < 0;
}

static int learn(struct covered_iter *ci, struct tt_slice key)
{
	int r = look_up(ci->cover, ci->source + 1, key, &ci->here);

	ci->round = r == 0 ? ci->cover->round : 0;
	return r;
}

static bool is_known(const struct covered_iter *ci)
{
	return ci->round == ci->cover->round;
}

static bool is_hidden(const struct covered_iter *ci, const struct record *rec)
{
	return rec->ts < ci->here.ts || rec->kind == RECORD_RANGE;
}

/* True when a newer source covers the stretch, so all of this one in it is
 * hidden. */
static bool is_dead(const struct covered_iter *ci)
{
	return ci->here.ts != RANGE_NONE && ci->here.source < ci->source;
}

/* True when what comes behind the stretch lies beyond the bounds. */
static bool is_above(const struct covered_iter *ci)
{
	struct tt_slice upper = ci->cover->bounds->upper;

	return upper.len && key_cmp(buf_slice(&ci->here.to), upper) >= 0;
}

static bool is_below(const struct covered_iter *ci)
{
	struct tt_slice lower = ci->cover->bounds->lower;

	return lower.len && key_cmp(buf_slice(&ci->here.from), lower) <= 0;
}

/* Goes on from a hidden record: past all dead stretches that follow each other,
 * of which tables make several out of one. */
static int pass_forward(struct covered_iter *ci)
{
	int r = 0;

	if (!is_dead(ci))
		return rec_iter_next(ci->in);
	while (r == 0 && is_dead(ci)) {
		if (ci->here.to.len == 0 || is_above(ci))
			return TT_END;
		buf_swap(&ci->target, &ci->here.to);
		r = learn(ci, buf_slice(&ci->target));
	}
	return r < 0 ? r
		     : rec_iter_seek(ci->in, buf_slice(&ci->target), TS_NEWEST);
}

static int pass_backward(struct covered_iter *ci)
{
	if (!is_dead(ci))
		return rec_iter_prev(ci->in);
	if (is_below(ci))
		return TT_END;
	/* No record has the timestamp TS_NEWEST: the key itself stays out. */
	return rec_iter_seek_for_prev(ci->in, buf_slice(&ci->here.from),
				      TS_NEWEST);
}

/* The source's move returned `r`: goes on to a record that is not hidden. The
 * first one may lie anywhere, unless the move was a step forward. */
static int settle_forward(struct covered_iter *ci, int r, bool is_step)
{
	for (; r == 0; r = pass_forward(ci), is_step = true) {
		const struct record *rec = &ci->in->rec;

		if (!is_known(ci) || is_behind(ci, rec->key) ||
		    (!is_step && is_ahead(ci, rec->key)))
			r = learn(ci, rec->key);
		if (r < 0)
			return r;
		if (!is_hidden(ci, rec)) {
			ci->it.rec = *rec;
			return 0;
		}
	}
	return r;
}

static int settle_backward(struct covered_iter *ci, int r, bool is_step)
{
	for (; r == 0; r = pass_backward(ci), is_step = true) {
		const struct record *rec = &ci->in->rec;

		if (!is_known(ci) || is_ahead(ci, rec->key) ||
		    (!is_step && is_behind(ci, rec->key)))
			r = learn(ci, rec->key);
		if (r < 0)
			return r;
		if (!is_hidden(ci, rec)) {
			ci->it.rec = *rec;
			return 0;
		}
	}
	return r;
}

static int covered_first(struct rec_iter *it)
{
	return settle_forward(of(it), rec_iter_first(of(it)->in), false);
}

static int covered_last(struct rec_iter *it)
{
	return settle_backward(of(it), rec_iter_last(of(it)->in), false);
}

/* Where a search would end up among hidden records, they are not even read. */
static int covered_seek(struct rec_iter *it, struct tt_slice key, int64_t ts)
{
	struct covered_iter *ci = of(it);
	int r = learn(ci, key);

	if (r < 0)
		return r;
	r = is_dead(ci) ? pass_forward(ci) : rec_iter_seek(ci->in, key, ts);
	return settle_forward(ci, r, true);
}

static int covered_seek_for_prev(struct rec_iter *it, struct tt_slice key,
				 int64_t ts)
{
	struct covered_iter *ci = of(it);
	int r = learn(ci, key);

	if (r < 0)
		return r;
	r = is_dead(ci) ? pass_backward(ci)
			: rec_iter_seek_for_prev(ci->in, key, ts);
	return settle_backward(ci, r, true);
}

static int covered_next(struct rec_iter *it)
{
	struct covered_iter *ci = of(it);

	return settle_forward(ci, rec_iter_next(ci->in), true);
}

static int covered_prev(struct rec_iter *it)
{
	struct covered_iter *ci = of(it);

	return settle_backward(ci, rec_iter_prev(ci->in), true);
}

static void covered_free(struct rec_iter *it)
{
	struct covered_iter *ci = of(it);

	rec_iter_free(ci->in);
	range_cover_unref(ci->cover);
	buf_fini(&ci->here.from);
	buf_fini(&ci->here.to);
	buf_fini(&ci->target);
	free(ci);
}

static const struct rec_iter_ops covered_iter_ops = {
	.first = covered_first,
	.last = covered_last,
	.seek = covered_seek,
	.seek_for_prev = covered_seek_for_prev,
	.next = covered_next,
	.prev = covered_prev,
	.free = covered_free,
};

int range_cover_wrap(struct range_cover *c, struct rec_iter *in,
		     struct rec_iter **out)
{
	struct covered_iter *ci = calloc(1, sizeof(*ci));

	if (!ci)
		return err_nomem("iterator");
	assert(c->n > 0);
	ci->it.ops = &covered_iter_ops;
	ci->in = in;
	ci->cover = c;
	ci->source = c->n - 1;
	c->refs++;
	*out = &ci->it;
	return 0;
}
