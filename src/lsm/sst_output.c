/* SPDX-License-Identifier: MIT */
#include "lsm/sst_output.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"
#include "lsm/file_name.h"
#include "lsm/guards.h"
#include "lsm/range_cut.h"
#include "lsm/value_format.h"
#include "lsm/value_mover.h"
#include "lsm/version_edit.h"

/* What a record takes beside its key and value, about. */
#define OLD_RECORD_BYTES 8u

struct sst_output {
	struct sst_output_options o;
	struct version_edit *edit; /* kept */
	size_t first_added;	   /* ours in edit->added begin here */
	struct sst_writer *writer;
	struct range_cut ranges;
	bool has_ranges;     /* some are to come, or were */
	struct buf next_key; /* where the next table begins at the earliest */
	struct buf last_key; /* set while wants_cut: the key not to split */
	bool wants_cut;
	size_t guard; /* the first one not yet passed */
	bool is_finished;
	uint64_t bytes;
	size_t paced;		 /* of the open table, reported to o.pace */
	struct old_versions old; /* in it */
};

int sst_output_new(const struct sst_output_options *o,
		   struct version_edit *edit, struct sst_output **out)
{
	struct sst_output *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem("table output");
	s->o = *o;
	s->edit = edit;
	s->first_added = edit->n_added;
	s->last_key = (struct buf)BUF_INIT;
	r = sst_writer_new(&o->table, &s->writer);
	if (r < 0) {
		free(s);
		return r;
	}
	*out = s;
	return 0;
}

/* What the edit says about a table just written. */
static int note_table(struct sst_output *s, uint64_t file_no,
		      const struct sst_meta *m)
{
	struct table_desc d = {
		.file_no = file_no,
		.file_bytes = m->file_bytes,
		.n_records = m->n_records,
		.n_tombstones = m->n_tombstones,
		.raw_bytes = m->raw_bytes,
		.min_ts = m->min_ts,
		.max_ts = m->max_ts,
		.min_key = buf_slice(&m->min_key),
		.max_key = m->has_no_end ? KEY_LARGEST : buf_slice(&m->max_key),
		.max_is_open = m->max_is_open,
		.n_ranges = m->n_ranges,
		.group = s->o.group,
		.level = s->o.level,
		.values = m->values.v,
		.n_values = (uint32_t)m->values.n,
		.value_bytes = m->values.bytes,
		.old = s->old,
	};

	s->old = (struct old_versions){ .n = 0 };
	s->bytes += m->file_bytes;
	return version_edit_add(s->edit, &d);
}

static void remove_table(struct env *env, const char *dir, uint64_t file_no)
{
	struct buf path = BUF_INIT;

	/* What stays behind is found and removed when the store is opened. */
	if (path_table(&path, dir, file_no) == 0)
		(void)env_unlink(env, path_of(&path));
	buf_fini(&path);
}

void sst_output_discard(struct env *env, const char *dir,
			const struct version_edit *edit)
{
	struct err_saved why;

	err_save(&why, err_code());
	for (size_t i = 0; i < edit->n_added; i++)
		remove_table(env, dir, edit->added[i].file_no);
	(void)err_restore(&why);
}

/* What the table has of range tombstones; see range_cut_end(). */
static int end_ranges(struct sst_output *s, struct tt_slice next)
{
	const struct range_del *dels;
	size_t n;
	int r;

	if (!s->has_ranges)
		return 0;
	r = range_cut_end(&s->ranges, next, &dels, &n);
	return r < 0 ? r : sst_writer_set_ranges(s->writer, dels, n);
}

/* Ends the table. What comes behind it begins at `next`, or later; empty:
 * nothing comes. */
static int end_table_before(struct sst_output *s, struct tt_slice next)
{
	uint64_t file_no = s->o.new_file_no(s->o.arg);
	struct buf path = BUF_INIT, tmp = BUF_INIT;
	struct sst_meta meta = SST_META_INIT;
	int r;

	s->wants_cut = false;
	r = end_ranges(s, next);
	if (r < 0)
		goto out;
	r = path_table(&path, s->o.dir, file_no);
	if (r < 0)
		goto out;
	r = path_table_tmp(&tmp, s->o.dir, file_no);
	if (r < 0)
		goto out;
	s->paced = 0;
	r = sst_writer_finish(s->writer, s->o.env, path_of(&tmp),
			      path_of(&path), &meta);
	if (r < 0)
		goto out;
	r = note_table(s, file_no, &meta);
	if (r < 0)
		remove_table(s->o.env, s->o.dir, file_no);
out:
	sst_meta_fini(&meta);
	buf_fini(&tmp);
	buf_fini(&path);
	return r;
}

/* Ends the table with `key`. */
static int end_table_with(struct sst_output *s, struct tt_slice key)
{
	int r = s->has_ranges ? key_successor(key, &s->next_key) : 0;

	return r < 0 ? r : end_table_before(s, buf_slice(&s->next_key));
}

static int end_table(struct sst_output *s)
{
	return end_table_with(s, sst_writer_last_key(s->writer));
}

static int want_cut(struct sst_output *s, struct tt_slice last_key)
{
	buf_clear(&s->last_key);
	s->wants_cut = true;
	return buf_append_slice(&s->last_key, last_key);
}

/* The record lies behind a guard: the table ends before it. */
static int pass_guard(struct sst_output *s, const struct record *rec)
{
	s->guard = guards_pass(s->o.guards, s->guard, rec->key);
	if (!sst_writer_count(s->writer))
		return 0;
	return end_table(s);
}

static ALWAYS_INLINE bool is_behind_guard(const struct sst_output *s,
					  struct tt_slice key)
{
	const struct guards *g = s->o.guards;

	return g && s->guard < g->n &&
	       key_cmp(buf_slice(&g->keys[s->guard]), key) <= 0;
}

/* True when the table shall end before a record of this key. */
static ALWAYS_INLINE bool must_cut(const struct sst_output *s,
				   struct tt_slice key)
{
	return unlikely(s->wants_cut) && !key_eq(buf_slice(&s->last_key), key);
}

static int put_range(struct sst_output *s, const struct range_del *d,
		     bool is_carried)
{
	const struct record rec = { d->start, d->end, d->ts, RECORD_RANGE };
	int r = sst_writer_add(s->writer, &rec);

	/* A table of carried ones alone would be cut again and again. */
	if (r == 0 && !is_carried && !s->wants_cut &&
	    sst_writer_bytes(s->writer) >= s->o.table_bytes)
		r = want_cut(s, rec.key);
	return r < 0 ? r : range_cut_take(&s->ranges);
}

/* Ends the table at the next guard: what goes on begins there. `is_last`:
 * nothing else does. */
static int cut_at_guard(struct sst_output *s, bool is_last)
{
	struct tt_slice guard = buf_slice(&s->o.guards->keys[s->guard++]);

	if (!sst_writer_count(s->writer) ||
	    (is_last && !range_cut_goes_beyond(&s->ranges, guard)))
		return 0;
	return end_table_before(s, guard);
}

/*
 * Does what is to be done before a record (key, ts), KEY_LARGEST for the end of
 * all: adds the range tombstones that come before it, and ends tables on the
 * way. Of a record and a range tombstone of the same key and time, the record
 * comes first: see record.h.
 */
static int advance(struct sst_output *s, struct tt_slice key, int64_t ts)
{
	int r = 0;

	while (r == 0) {
		bool is_carried;
		const struct range_del *d =
			range_cut_next(&s->ranges, &is_carried);
		bool has_range =
			d && record_cmp_at(d->start, d->ts, key, ts) < 0;
		struct tt_slice next = has_range ? d->start : key;
		bool is_last = !has_range && key_is_largest(key);

		if (is_behind_guard(s, next))
			r = cut_at_guard(s, is_last);
		else if (!is_last && must_cut(s, next))
			r = end_table(s);
		else if (has_range)
			r = put_range(s, d, is_carried);
		else
			break;
	}
	return r;
}

void sst_output_set_ranges(struct sst_output *s, const struct range_del *dels,
			   size_t n)
{
	range_cut_init(&s->ranges, dels, n);
	s->has_ranges = n != 0;
}

int sst_output_add(struct sst_output *s, const struct record *rec)
{
	struct record moved;
	size_t bytes;
	int r = 0;

	if (unlikely(s->has_ranges))
		r = advance(s, rec->key, rec->ts);
	else if (unlikely(is_behind_guard(s, rec->key)))
		r = pass_guard(s, rec);
	else if (must_cut(s, rec->key))
		r = end_table(s);
	if (r == 0 && s->o.mover &&
	    unlikely(value_mover_wants(s->o.mover, rec))) {
		moved = *rec;
		r = value_mover_take(s->o.mover, &moved);
		rec = &moved;
	}
	if (r == 0)
		r = sst_writer_add(s->writer, rec);
	if (r < 0)
		return r;
	bytes = sst_writer_bytes(s->writer);
	if (unlikely(bytes >= s->paced + SST_OUTPUT_PACE) && s->o.pace) {
		s->o.pace(s->o.arg, bytes - s->paced);
		s->paced = bytes;
	}
	if (unlikely(bytes >= s->o.table_bytes) && !s->wants_cut)
		return want_cut(s, rec->key);
	return 0;
}

void sst_output_note_old(struct sst_output *s, const struct record *rec,
			 int64_t until)
{
	struct value_ptr p = { .stored_len = 0 };

	if (rec->kind == RECORD_POINTER)
		value_ptr_decode(rec->value.data, rec->key.len, &p);
	s->old.until = s->old.n ? MAX_OF(s->old.until, until) : until;
	s->old.n++;
	s->old.bytes +=
		OLD_RECORD_BYTES + rec->key.len + rec->value.len + p.stored_len;
}

int sst_output_cut(struct sst_output *s)
{
	int r = 0;

	if (sst_writer_count(s->writer) == 0 || s->wants_cut)
		return 0;
	if (s->has_ranges) /* all of a key belong into one table */
		r = advance(s, sst_writer_last_key(s->writer), TS_OLDEST);
	return r < 0 ? r : end_table(s);
}

int sst_output_cut_ranges(struct sst_output *s, struct tt_slice key)
{
	int r;

	if (!s->has_ranges)
		return 0;
	r = advance(s, key, TS_OLDEST);
	if (r < 0 || !range_cut_goes_beyond(&s->ranges, key))
		return r;
	r = end_table_with(s, key);
	return r < 0 ? r : 1;
}

static int sync_tables(struct sst_output *s)
{
	struct buf dir = BUF_INIT;
	int r = path_join(&dir, s->o.dir, DIR_TABLES);

	if (r == 0)
		r = env_sync_dir(s->o.env, path_of(&dir));
	buf_fini(&dir);
	return r;
}

int sst_output_finish(struct sst_output *s)
{
	int r = 0;

	if (s->has_ranges)
		r = advance(s, KEY_LARGEST, TS_OLDEST);
	if (r == 0 && sst_writer_count(s->writer))
		r = end_table_before(s, SLICE_EMPTY);
	if (r == 0 && s->edit->n_added > s->first_added)
		r = sync_tables(s);
	/* What tables point to must be durable before they are named. */
	if (r == 0 && s->o.mover)
		r = value_mover_sync(s->o.mover);
	s->is_finished = r == 0;
	return r;
}

void sst_output_free(struct sst_output *s)
{
	if (!s)
		return;
	if (!s->is_finished)
		for (size_t i = s->first_added; i < s->edit->n_added; i++)
			remove_table(s->o.env, s->o.dir,
				     s->edit->added[i].file_no);
	sst_writer_free(s->writer);
	range_cut_fini(&s->ranges);
	buf_fini(&s->next_key);
	buf_fini(&s->last_key);
	free(s);
}

uint64_t sst_output_bytes(const struct sst_output *s)
{
	return s->bytes;
}
