/* SPDX-License-Identifier: MIT */
#include "lsm/sst_output.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"
#include "lsm/file_name.h"
#include "lsm/guards.h"
#include "lsm/value_mover.h"
#include "lsm/version_edit.h"

struct sst_output {
	struct sst_output_options o;
	struct version_edit *edit; /* kept */
	size_t first_added;	   /* ours in edit->added begin here */
	struct sst_writer *writer;
	struct buf last_key; /* set while wants_cut: the key not to split */
	bool wants_cut;
	size_t guard; /* the first one not yet passed */
	bool is_finished;
	uint64_t bytes;
	size_t paced; /* of the open table, reported to o.pace */
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
		.max_key = buf_slice(&m->max_key),
		.group = s->o.group,
		.level = s->o.level,
		.values = m->values.v,
		.n_values = (uint32_t)m->values.n,
		.value_bytes = m->values.bytes,
	};

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

static int end_table(struct sst_output *s)
{
	uint64_t file_no = s->o.new_file_no(s->o.arg);
	struct buf path = BUF_INIT, tmp = BUF_INIT;
	struct sst_meta meta = SST_META_INIT;
	int r;

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
	s->wants_cut = false;
	return end_table(s);
}

static ALWAYS_INLINE bool is_behind_guard(const struct sst_output *s,
					  const struct record *rec)
{
	const struct guards *g = s->o.guards;

	return g && s->guard < g->n &&
	       key_cmp(buf_slice(&g->keys[s->guard]), rec->key) <= 0;
}

int sst_output_add(struct sst_output *s, const struct record *rec)
{
	struct record moved;
	size_t bytes;
	int r;

	if (unlikely(is_behind_guard(s, rec))) {
		r = pass_guard(s, rec);
		if (r < 0)
			return r;
	}
	if (s->o.mover && unlikely(value_mover_wants(s->o.mover, rec))) {
		moved = *rec;
		r = value_mover_take(s->o.mover, &moved);
		if (r < 0)
			return r;
		rec = &moved;
	}
	if (unlikely(s->wants_cut) &&
	    !key_eq(buf_slice(&s->last_key), rec->key)) {
		s->wants_cut = false;
		r = end_table(s);
		if (r < 0)
			return r;
	}
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

int sst_output_cut(struct sst_output *s)
{
	return sst_writer_count(s->writer) && !s->wants_cut ? end_table(s) : 0;
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

	if (sst_writer_count(s->writer))
		r = end_table(s);
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
	buf_fini(&s->last_key);
	free(s);
}

uint64_t sst_output_bytes(const struct sst_output *s)
{
	return s->bytes;
}
