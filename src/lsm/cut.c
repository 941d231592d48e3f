/* SPDX-License-Identifier: MIT */
#include "lsm/cut.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lsm/copier.h"
#include "lsm/db.h"
#include "lsm/file_name.h"
#include "lsm/manifest_writer.h"
#include "lsm/sst_stream.h"
#include "lsm/value_pass.h"
#include "lsm/value_reader.h"
#include "lsm/version_values.h"
#include "lsm/wal_hold.h"

/* ---- making ----------------------------------------------------------- */

static int count_file(void *arg, const struct cut_file *f)
{
	struct cut *c = arg;

	c->bytes += f->bytes;
	c->n_files++;
	return 0;
}

/* The settings are written when a store is opened, and not while it is. */
static int look_for_options(struct cut *c)
{
	struct buf path = BUF_INIT;
	struct env_stat st;
	int r = path_join(&path, c->db->dir, FILE_OPTIONS);

	if (r == 0)
		r = env_stat(c->db->env, path_of(&path), &st);
	if (r == 0) {
		c->has_options = true;
		c->options_bytes = st.size;
	}
	buf_fini(&path);
	return r == -ENOENT ? 0 : r;
}

int cut_make(struct cut *c, struct tt *db)
{
	int r;

	*c = (struct cut){ .db = db };
	value_log_seal_large(db->values);
	/* The order counts: held first, the log is whole from wherever the
	 * version's tables end; looked at last, its end is not before that. */
	wal_hold(db->wal);
	c->holds_log = true;
	version_set_hold_values(&db->vs);
	c->version = version_set_cut(&db->vs, &c->numbers);
	c->log_from = c->numbers.replay_from;
	c->log_to = wal_end(db->wal);
	r = wal_pieces(db->wal, c->log_from, c->log_to, &c->pieces,
		       &c->n_pieces);
	/* Later still: where the log's pointers lead. */
	if (r == 0)
		r = value_log_cut(db->values, &c->values);
	version_set_unhold_values(&db->vs);
	if (r == 0)
		r = look_for_options(c);
	return r < 0 ? r : cut_each_file(c, count_file, c);
}

void cut_drop_log(struct cut *c)
{
	if (c->holds_log)
		wal_unhold(c->db->wal);
	c->holds_log = false;
}

void cut_fini(struct cut *c)
{
	cut_drop_log(c);
	version_unref(c->version);
	value_cut_fini(&c->values);
	free(c->pieces);
	*c = (struct cut){ .db = NULL };
}

int cut_seal_log(struct cut *c)
{
	int r = 0;

	if (c->n_pieces > 1)
		r = wal_sync_before(c->db->wal, c->pieces[c->n_pieces - 1].no);
	c->is_log_sealed = r == 0;
	return r;
}

/* ---- files ------------------------------------------------------------ */

static int each_piece(const struct cut *c, cut_file_fn fn, void *arg)
{
	int r = 0;

	for (size_t i = 0; i < c->n_pieces && r == 0; i++) {
		struct cut_file f = {
			.kind = CUT_LOG,
			.no = c->pieces[i].no,
			.bytes = c->pieces[i].end,
			.is_sealed = c->is_log_sealed && i + 1 < c->n_pieces,
			.first_record = WAL_FIRST_OFFSET,
		};

		if (f.no == wal_lsn_segment(c->log_from))
			f.first_record = wal_lsn_offset(c->log_from);
		r = fn(arg, &f);
	}
	return r;
}

/* What the version says of a file is so in the copy as well. */
static struct cut_file values_file(const struct cut *c,
				   const struct value_cut_file *f)
{
	const struct version_value *v =
		version_values_find(c->version->values, f->name.file_no);
	bool is_sealed = v && v->bytes;

	return (struct cut_file){
		.kind = CUT_VALUES,
		.no = f->name.file_no,
		.bytes = is_sealed ? v->bytes : f->name.bytes,
		.is_sealed = is_sealed || f->is_sealed,
		.seal = is_sealed ? v->seal : f->name.seal,
	};
}

static int each_values(const struct cut *c, cut_file_fn fn, void *arg)
{
	int r = 0;

	for (size_t i = 0; i < c->values.n && r == 0; i++) {
		struct cut_file f = values_file(c, &c->values.files[i]);

		r = fn(arg, &f);
	}
	return r;
}

int cut_each_file(const struct cut *c, cut_file_fn fn, void *arg)
{
	const struct version *v = c->version;
	int r = each_piece(c, fn, arg);

	if (r == 0 && c->has_options) {
		struct cut_file f = { .kind = CUT_OPTIONS,
				      .no = 1,
				      .bytes = c->options_bytes };

		r = fn(arg, &f);
	}
	if (r == 0)
		r = each_values(c, fn, arg);
	for (uint32_t i = 0; i < v->n_runs && r == 0; i++)
		for (uint32_t k = 0; k < v->runs[i].n && r == 0; k++) {
			const struct table_desc *d =
				&v->runs[i].tables[k]->desc;
			struct cut_file f = {
				.kind = CUT_TABLE,
				.no = d->file_no,
				.bytes = d->file_bytes,
				.is_sealed = true,
			};

			r = fn(arg, &f);
		}
	return r;
}

int cut_file_path(struct buf *out, const char *dir, const struct cut_file *f)
{
	switch (f->kind) {
	case CUT_TABLE:
		return path_table(out, dir, f->no);
	case CUT_VALUES:
		return path_values(out, dir, f->no);
	case CUT_LOG:
		return path_segment(out, dir, f->no);
	case CUT_OPTIONS:
		return path_join(out, dir, FILE_OPTIONS);
	}
	return -EINVAL;
}

/* ---- copying ---------------------------------------------------------- */

static int copy_table(const struct cut *c, struct copier *copier,
		      const struct cut_file *f, const char *from,
		      const char *to, uint64_t *out_sum)
{
	struct sst_reader *table;
	struct sst_stream check;
	struct sst_info info;
	struct copy_job job = { .from = from,
				.to = to,
				.bytes = f->bytes,
				.direct = true,
				.see = sst_stream_add,
				.arg = &check };
	int r = sst_open(c->db->env, from, f->no, &table);

	if (r < 0)
		return r;
	sst_info(table, &info);
	r = sst_stream_init(&check, table);
	if (r == 0 && info.file_bytes != f->bytes)
		r = err_set(TT_ECORRUPT,
			    "%s: %" PRIu64 " bytes, %" PRIu64
			    " by the manifest",
			    from, info.file_bytes, f->bytes);
	if (r == 0)
		r = copier_run(copier, &job, out_sum);
	sst_stream_fini(&check);
	sst_close(table);
	return r;
}

/* ---- values ----------------------------------------------------------- */

struct damage {
	bool is_any;
	char text[ERR_TEXT_MAX]; /* the first */
};

static void note_damage(void *arg, const char *text)
{
	struct damage *d = arg;

	if (!d->is_any)
		(void)snprintf(d->text, sizeof(d->text), "%s", text);
	d->is_any = true;
}

static int check_table_values(const struct cut *c, struct table *t, uint64_t no,
			      struct value_check *check)
{
	const struct table_desc *d = &t->desc;
	size_t at = value_refs_find(d->values, d->n_values, no);
	struct sst_reader *reader;
	int r;

	if (at == d->n_values || d->values[at].file_no != no)
		return 0;
	r = table_pin(c->db->tables, &t->slot, &reader);
	if (r < 0)
		return r;
	r = value_check_file(check, reader, no);
	table_unpin(reader);
	return r;
}

/* There is something in value file `no` that is no sound record: does a table
 * point there? */
static int check_pointers(const struct cut *c, uint64_t no)
{
	const struct version *v = c->version;
	struct damage damage = { .is_any = false };
	struct value_check check = {
		.disk = { .env = c->db->env, .dir = c->db->dir },
		.report = note_damage,
		.arg = &damage,
	};
	int r = 0;

	for (uint32_t i = 0; i < v->n_runs && r == 0; i++)
		for (uint32_t k = 0; k < v->runs[i].n && r == 0; k++)
			r = check_table_values(c, v->runs[i].tables[k], no,
					       &check);
	value_check_fini(&check);
	if (r == 0 && damage.is_any)
		r = err_set(TT_ECORRUPT, "%s", damage.text);
	return r;
}

/* One that is still written to not past the page cache, where that goes. */
static int copy_values(const struct cut *c, struct copier *copier,
		       const struct cut_file *f, const char *from,
		       const char *to, uint64_t *out_sum)
{
	struct value_pass check;
	struct copy_job job = { .from = from,
				.to = to,
				.bytes = f->bytes,
				.direct = f->is_sealed,
				.see = value_pass_add,
				.arg = &check };
	int r = value_pass_init(&check, from, f->no);

	if (r == 0)
		r = copier_run(copier, &job, out_sum);
	value_pass_end(&check);
	if (r == 0 && check.n_odd)
		r = check_pointers(c, f->no);
	value_pass_fini(&check);
	return r;
}

/* ---- all -------------------------------------------------------------- */

/* Not past the page cache, where the writer's stores are. Of a segment the
 * copy is checked, not what was copied: that is what will be there. Settings
 * are copied as they are: a store opens whatever they say. */
static int copy_plain(const struct cut *c, struct copier *copier,
		      const struct cut_file *f, const char *from,
		      const char *to, uint64_t *out_sum)
{
	struct copy_job job = { .from = from, .to = to, .bytes = f->bytes };
	int r = copier_run(copier, &job, out_sum);

	if (r == 0 && f->kind == CUT_LOG)
		r = wal_check_records(c->db->env, to, f->first_record,
				      (uint32_t)f->bytes);
	return r;
}

int cut_copy_file(const struct cut *c, struct copier *copier,
		  const struct cut_file *f, const char *to, uint64_t *out_sum)
{
	struct buf from = BUF_INIT;
	int r = cut_file_path(&from, c->db->dir, f);

	if (r == 0 && f->kind == CUT_TABLE)
		r = copy_table(c, copier, f, path_of(&from), to, out_sum);
	else if (r == 0 && f->kind == CUT_VALUES)
		r = copy_values(c, copier, f, path_of(&from), to, out_sum);
	else if (r == 0)
		r = copy_plain(c, copier, f, path_of(&from), to, out_sum);
	buf_fini(&from);
	return r;
}

/* Nobody will add to a value file of the copy: all are sealed. */
static int name_values(const struct cut *c, struct buf *text)
{
	struct version_edit e;
	int r = 0;

	version_edit_init(&e);
	for (size_t i = 0; i < c->values.n && r == 0; i++) {
		struct cut_file f = values_file(c, &c->values.files[i]);
		struct value_name name = { f.no, f.bytes, f.seal };

		r = version_edit_name_values(&e, &name);
	}
	if (r == 0)
		r = version_edit_encode(&e, text);
	version_edit_fini(&e);
	return r;
}

int cut_write_manifest(const struct cut *c, const char *dir, uint64_t *out_no)
{
	struct version_edit numbers = c->numbers;
	struct manifest_writer *m = NULL;
	struct buf text = BUF_INIT;
	uint64_t no = numbers.next_file_no;
	int r;

	/* Value files may be younger than the version. */
	if (c->values.n)
		no = MAX_OF(no,
			    c->values.files[c->values.n - 1].name.file_no + 1);
	version_edit_set_next_file_no(&numbers, no + 1);
	r = version_encode(c->version, &numbers, &text);
	if (r == 0)
		r = name_values(c, &text);
	if (r == 0)
		r = manifest_create(c->db->env, dir, no, buf_slice(&text), &m);
	if (r == 0)
		r = manifest_close(m);
	if (r == 0)
		*out_no = no;
	buf_fini(&text);
	return r;
}
