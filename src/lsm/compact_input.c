/* SPDX-License-Identifier: MIT */
#include "lsm/compact_input.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "lsm/record.h"
#include "lsm/version_edit.h"

/* A moved table may not overlap more than so many in the level below: its
 * next compaction would be dear. */
#define MOVE_OVERLAP_TABLES 10

void compact_pick_fini(struct compact_pick *pick)
{
	free(pick->parts);
	version_unref(pick->version);
	*pick = (struct compact_pick){ .version = NULL };
}

void pick_add(struct compact_pick *pick, const struct run *run, uint32_t from,
	      uint32_t to)
{
	if (from == to)
		return;
	pick->parts[pick->n_parts++] = (struct run_part){ run, from, to };
	for (uint32_t i = from; i < to; i++)
		pick->bytes += run->tables[i]->desc.file_bytes;
}

int pick_begin(struct compact_pick *pick, struct version *v, unsigned level,
	       unsigned out_level)
{
	*pick = (struct compact_pick){
		.level = level,
		.out_level = out_level,
		.parts = malloc((v->n_l0 + 2) * sizeof(*pick->parts)),
	};
	if (!pick->parts)
		return err_nomem("compaction");
	pick->version = version_ref(v);
	return 0;
}

static struct tt_slice part_min(const struct run_part *part)
{
	return part->run->tables[part->from]->desc.min_key;
}

static struct tt_slice part_max(const struct run_part *part)
{
	return part->run->tables[part->to - 1]->desc.max_key;
}

/* The range of keys of all parts so far. */
static void pick_range(const struct compact_pick *pick, struct tt_slice *lo,
		       struct tt_slice *hi)
{
	*lo = part_min(&pick->parts[0]);
	*hi = part_max(&pick->parts[0]);
	for (size_t i = 1; i < pick->n_parts; i++) {
		if (key_cmp(part_min(&pick->parts[i]), *lo) < 0)
			*lo = part_min(&pick->parts[i]);
		if (key_cmp(part_max(&pick->parts[i]), *hi) > 0)
			*hi = part_max(&pick->parts[i]);
	}
}

uint64_t overlap_bytes(const struct run *run, struct tt_slice lo,
		       struct tt_slice hi)
{
	uint64_t bytes = 0;
	uint32_t from, to;

	if (!run)
		return 0;
	run_overlap(run, lo, hi, &from, &to);
	for (uint32_t i = from; i < to; i++)
		bytes += run->tables[i]->desc.file_bytes;
	return bytes;
}

/* True when a table of the part shares keys with the run. */
static bool part_overlaps(const struct run_part *part, const struct run *run)
{
	uint32_t from, to;

	if (!run)
		return false;
	for (uint32_t i = part->from; i < part->to; i++) {
		const struct table_desc *d = &part->run->tables[i]->desc;

		run_overlap(run, d->min_key, d->max_key, &from, &to);
		if (from < to)
			return true;
	}
	return false;
}

/* True when the parts' ranges do not touch each other. */
static bool parts_are_apart(const struct compact_pick *pick)
{
	for (size_t i = 0; i < pick->n_parts; i++)
		for (size_t k = i + 1; k < pick->n_parts; k++)
			if (key_cmp(part_min(&pick->parts[i]),
				    part_max(&pick->parts[k])) <= 0 &&
			    key_cmp(part_min(&pick->parts[k]),
				    part_max(&pick->parts[i])) <= 0)
				return false;
	return true;
}

/* True when nothing lies below the out level: there a rewrite sheds the
 * tombstones that a move would carry along for ever. */
static bool is_bottom(const struct compact_pick *pick)
{
	const struct version *v = pick->version;

	return v->n_runs == v->n_l0 ||
	       v->runs[v->n_runs - 1].level <= pick->out_level;
}

/* True when the parts, all of one level, can go down as they are. */
static bool can_move(const struct picker *p, const struct compact_pick *pick,
		     bool is_wide_ok)
{
	const struct version *v = pick->version;
	const struct run *out = version_level(v, pick->out_level);
	const struct run *below = version_level(v, pick->out_level + 1);
	bool sheds = is_bottom(pick);

	if (p->is_bottom_dense && pick->out_level == LAST_LEVEL)
		return false;

	for (size_t i = 0; i < pick->n_parts; i++) {
		const struct run_part *part = &pick->parts[i];

		if (part_overlaps(part, out))
			return false;
		for (uint32_t k = part->from; k < part->to; k++) {
			const struct table_desc *d =
				&part->run->tables[k]->desc;

			if (sheds && (d->n_tombstones || d->n_ranges))
				return false;
			if (!is_wide_ok &&
			    overlap_bytes(below, d->min_key, d->max_key) >
				    MOVE_OVERLAP_TABLES * p->table_bytes)
				return false;
		}
	}
	return parts_are_apart(pick);
}

void pick_finish(const struct picker *p, struct compact_pick *pick,
		 bool is_wide_ok)
{
	const struct run *out = version_level(pick->version, pick->out_level);
	struct tt_slice lo, hi;
	uint32_t from, to;

	pick->is_move = can_move(p, pick, is_wide_ok);
	if (pick->is_move || !out)
		return;
	pick_range(pick, &lo, &hi);
	run_overlap(out, lo, hi, &from, &to);
	pick_add(pick, out, from, to);
}

/* ---- edits ------------------------------------------------------------ */

int compact_pick_drop(const struct compact_pick *pick,
		      struct version_edit *edit)
{
	int r = 0;

	for (size_t i = 0; i < pick->n_parts && r == 0; i++) {
		const struct run_part *part = &pick->parts[i];

		for (uint32_t k = part->from; k < part->to && r == 0; k++)
			r = version_edit_drop(
				edit, part->run->tables[k]->desc.file_no);
	}
	return r;
}

int pick_in_place(struct version *v, const struct run *run, uint32_t from,
		  uint32_t to, struct compact_pick *out)
{
	int r = pick_begin(out, v, run->level, run->level);

	if (r < 0)
		return r;
	out->group = run->group;
	pick_add(out, run, from, to);
	return 1;
}

int compact_pick_table(struct version *v, const struct run *run, uint32_t i,
		       struct compact_pick *out)
{
	return pick_in_place(v, run, i, i + 1, out);
}

int compact_pick_move(const struct compact_pick *pick,
		      struct version_edit *edit)
{
	int r;

	assert(pick->is_move);
	r = compact_pick_drop(pick, edit);
	for (size_t i = 0; i < pick->n_parts && r == 0; i++) {
		const struct run_part *part = &pick->parts[i];

		for (uint32_t k = part->from; k < part->to && r == 0; k++) {
			struct table_desc d = part->run->tables[k]->desc;

			d.level = pick->out_level;
			d.group = 0;
			r = version_edit_add(edit, &d);
		}
	}
	return r;
}
