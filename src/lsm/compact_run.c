/* SPDX-License-Identifier: MIT */
#include "lsm/compact_run.h"

#include <stdlib.h>

#include "base/err.h"
#include "lsm/compact_pick.h"
#include "lsm/merge_iter.h"
#include "lsm/range_list.h"
#include "lsm/run_iter.h"
#include "lsm/snapshot.h"
#include "lsm/sst_ranges.h"
#include "lsm/sst_reader.h"
#include "lsm/value_mover.h"
#include "lsm/version_edit.h"
#include "lsm/version_filter.h"

/* An output may overlap this many tables of the level below it. */
#define GRANDPARENT_TABLES 10
/* How many records pass between two looks at should_stop(). */
#define STOP_PERIOD 4096

/*
 * A place in a run that moves forward with the keys. The runs below the
 * outputs are followed this way, so that each question costs O(1) on average.
 */
struct follower {
	const struct run *run;
	uint32_t at; /* the first table whose max key is not below the key */
};

struct compaction {
	const struct compact_job *job;
	struct rec_iter *in;
	struct sst_output *output;
	struct version_filter filter;

	struct follower below[N_LEVELS]; /* levels under the out level */
	unsigned n_below;
	struct follower next; /* the level right under the outputs, if any */
	uint64_t below_bytes; /* of its tables passed since the last cut */
	struct range_list ranges;
};

/* ---- inputs ----------------------------------------------------------- */

static int open_inputs(struct compaction *c)
{
	const struct compact_pick *pick = c->job->pick;
	struct rec_iter **its =
		calloc(pick->n_parts, sizeof(struct rec_iter *));
	size_t n = 0;
	int r = 0;

	if (!its)
		return err_nomem("compaction");
	for (; n < pick->n_parts && r == 0; n++) {
		const struct run_part *part = &pick->parts[n];

		r = run_iter_new(part->run, part->from, part->to,
				 c->job->tables, c->job->blocks,
				 SST_ITER_SEQUENTIAL, &its[n]);
	}
	if (r == 0)
		r = merge_iter_new(its, n, &c->in);
	if (r < 0)
		while (n > 0)
			rec_iter_free(its[--n]);
	free(its);
	return r;
}

static void follow_below(struct compaction *c)
{
	const struct compact_pick *pick = c->job->pick;

	for (unsigned l = pick->out_level + 1; l < N_LEVELS; l++) {
		const struct run *run = version_level(pick->version, l);

		if (run)
			c->below[c->n_below++] = (struct follower){ run, 0 };
	}
	if (c->n_below && c->below[0].run->level == pick->out_level + 1)
		c->next = c->below[0];
}

/* ---- range tombstones ------------------------------------------------- */

static int take_table_ranges(struct compaction *c, struct table *t)
{
	struct sst_reader *reader;
	int r;

	if (t->desc.n_ranges == 0)
		return 0;
	r = table_pin(c->job->tables, &t->slot, &reader);
	if (r < 0)
		return r;
	r = range_list_add_table(&c->ranges, sst_ranges_of(reader));
	table_unpin(reader);
	return r;
}

/* Those that hide nothing any more go; in the inputs it goes as well. */
static int drop_spent_ranges(struct compaction *c)
{
	const struct version *v = c->job->pick->version;

	if (c->job->pick->out_level == 0) /* older runs lie below, too */
		return 0;
	return range_list_drop_spent(&c->ranges, c->job->times,
				     v->runs + v->n_runs - c->n_below,
				     c->n_below);
}

static int take_ranges(struct compaction *c)
{
	const struct compact_pick *pick = c->job->pick;
	int r = 0;

	for (size_t i = 0; i < pick->n_parts && r == 0; i++) {
		const struct run_part *part = &pick->parts[i];

		for (uint32_t k = part->from; k < part->to && r == 0; k++)
			r = take_table_ranges(c, part->run->tables[k]);
	}
	if (r == 0)
		r = range_list_reduce(&c->ranges, c->job->times);
	c->filter.ranges = c->ranges.set;
	return r < 0 ? r : drop_spent_ranges(c);
}

/* ---- one key ---------------------------------------------------------- */

/* Moves a follower up to `key`; the bytes of the tables it passed. */
static uint64_t follow(struct follower *f, struct tt_slice key)
{
	uint64_t bytes = 0;

	while (f->at < f->run->n &&
	       key_cmp(f->run->tables[f->at]->desc.max_key, key) < 0)
		bytes += f->run->tables[f->at++]->desc.file_bytes;
	return bytes;
}

/* True when a level under the outputs may hold the key. */
static bool may_lie_below(void *arg, struct tt_slice key)
{
	struct compaction *c = arg;

	for (unsigned i = 0; i < c->n_below; i++) {
		struct follower *f = &c->below[i];

		(void)follow(f, key);
		if (f->at < f->run->n &&
		    key_cmp(f->run->tables[f->at]->desc.min_key, key) <= 0)
			return true;
	}
	return false;
}

static bool is_wide(const struct compaction *c)
{
	return c->below_bytes >=
	       GRANDPARENT_TABLES * (uint64_t)c->job->output.table_bytes;
}

/* The same for range tombstones that reach over many tables below. */
static int cut_ranges_before(struct compaction *c, struct tt_slice key)
{
	struct follower *f = &c->next;
	int r = 0;

	for (; r >= 0 && f->at < f->run->n; f->at++) {
		const struct table_desc *d = &f->run->tables[f->at]->desc;

		if (key_cmp(d->max_key, key) >= 0)
			break;
		c->below_bytes += d->file_bytes;
		r = is_wide(c) ? sst_output_cut_ranges(c->output, d->max_key)
			       : 0;
		if (r > 0)
			c->below_bytes = 0;
	}
	return r < 0 ? r : 0;
}

/* Cuts the output where it would come to overlap too much below. */
static int cut_before(struct compaction *c, struct tt_slice key)
{
	int r = 0;

	if (!c->next.run)
		return 0;
	if (unlikely(c->ranges.n))
		r = cut_ranges_before(c, key);
	else
		c->below_bytes += follow(&c->next, key);
	if (r < 0 || !is_wide(c))
		return r;
	c->below_bytes = 0;
	return sst_output_cut(c->output);
}

static int emit(void *arg, const struct record *rec, bool is_new_key)
{
	struct compaction *c = arg;
	int r = is_new_key ? cut_before(c, rec->key) : 0;

	return r < 0 ? r : sst_output_add(c->output, rec);
}

static void note_old(void *arg, const struct record *rec, int64_t until)
{
	struct compaction *c = arg;

	sst_output_note_old(c->output, rec, until);
}

static const struct version_filter_ops filter_ops = {
	.emit = emit,
	.may_lie_below = may_lie_below,
	.note_old = note_old,
};

/* Within level 0 older runs lie below, too: tombstones stay. */
static const struct version_filter_ops level0_filter_ops = {
	.emit = emit,
	.note_old = note_old,
};

/* ---- the whole -------------------------------------------------------- */

static int take_all(struct compaction *c)
{
	const struct compact_job *job = c->job;
	int r;

	for (r = rec_iter_first(c->in); r == 0; r = rec_iter_next(c->in)) {
		r = version_filter_add(&c->filter, &c->in->rec);
		if (r < 0)
			return r;
		if (c->filter.n_in % STOP_PERIOD == 0 && job->should_stop &&
		    job->should_stop(job->stop_arg))
			return err_set(TT_ECLOSED, "compaction was stopped");
	}
	if (r == TT_END)
		r = version_filter_end(&c->filter);
	if (r == 0 && c->ranges.n && c->next.run)
		r = cut_ranges_before(c, KEY_LARGEST);
	return r;
}

int compact_run(const struct compact_job *job, struct version_edit *edit,
		struct compact_result *out)
{
	struct sst_output_options o = job->output;
	struct compaction c = { .job = job };
	int r;

	o.level = job->pick->out_level;
	o.group = job->pick->group;
	version_filter_init(&c.filter,
			    o.level ? &filter_ops : &level0_filter_ops, &c,
			    job->times, job->merge);
	if (o.mover)
		version_filter_use_values(&c.filter, o.mover->log);
	range_list_init(&c.ranges);
	follow_below(&c);
	r = take_ranges(&c);
	if (r < 0)
		goto out;
	r = open_inputs(&c);
	if (r < 0)
		goto out;
	r = sst_output_new(&o, edit, &c.output);
	if (r < 0)
		goto out;
	sst_output_set_ranges(c.output, c.ranges.dels, c.ranges.n);
	r = take_all(&c);
	if (r < 0)
		goto out;
	version_edit_set_complete_from(edit, c.filter.complete_from);
	version_edit_set_complete_from(edit, c.ranges.complete_from);
	r = compact_pick_drop(job->pick, edit);
	if (r < 0)
		goto out;
	r = sst_output_finish(c.output);
	if (r < 0)
		goto out;
	*out = (struct compact_result){
		.bytes_read = job->pick->bytes,
		.bytes_written = sst_output_bytes(c.output),
		.records_in = c.filter.n_in,
		.records_out = c.filter.n_out,
	};
out:
	sst_output_free(c.output);
	rec_iter_free(c.in);
	version_filter_fini(&c.filter);
	range_list_fini(&c.ranges);
	return r;
}
