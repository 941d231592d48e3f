/* SPDX-License-Identifier: MIT */
#include "lsm/cut.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lsm/copier.h"
#include "lsm/db.h"
#include "lsm/file_name.h"
#include "lsm/manifest_writer.h"
#include "lsm/sst_stream.h"
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
	/* The order counts: held first, the log is whole from wherever the
	 * version's tables end; looked at last, its end is not before that. */
	wal_hold(db->wal);
	c->holds_log = true;
	c->version = version_set_cut(&db->vs, &c->numbers);
	c->log_from = c->numbers.replay_from;
	c->log_to = wal_end(db->wal);
	r = wal_pieces(db->wal, c->log_from, c->log_to, &c->pieces,
		       &c->n_pieces);
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
	else if (r == 0)
		r = copy_plain(c, copier, f, path_of(&from), to, out_sum);
	buf_fini(&from);
	return r;
}

int cut_write_manifest(const struct cut *c, const char *dir, uint64_t *out_no)
{
	struct version_edit numbers = c->numbers;
	struct manifest_writer *m = NULL;
	struct buf text = BUF_INIT;
	uint64_t no = numbers.next_file_no;
	int r;

	version_edit_set_next_file_no(&numbers, no + 1);
	r = version_encode(c->version, &numbers, &text);
	if (r == 0)
		r = manifest_create(c->db->env, dir, no, buf_slice(&text), &m);
	if (r == 0)
		r = manifest_close(m);
	if (r == 0)
		*out_no = no;
	buf_fini(&text);
	return r;
}
