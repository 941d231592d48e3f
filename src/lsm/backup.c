/* SPDX-License-Identifier: MIT */
/*
 * Adding and deleting backups. The order, for the sake of crashes:
 *
 *  1. DIR/NNNNNN.ttrunks-unfinished is made, durable: the mark that there may
 *     be shared files which nothing names.
 *  2. The log and the manifest are copied into it, tables and value files
 *     beside the others of their kind. One of these gets its name when it is
 *     whole and durable, so whatever has such a name can be relied on by a
 *     later backup, also if this one never comes to its end.
 *  3. The list is written into it, the names of shared files are made durable,
 *     and the directory gets its name: now there is a backup.
 *
 * Deleting goes the other way: the directory loses its name first.
 */
#include "lsm/backup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lsm/backup_dir.h"
#include "lsm/backup_format.h"
#include "lsm/copier.h"
#include "lsm/cut.h"
#include "lsm/db.h"
#include "lsm/file_name.h"
#include "lsm/newdir.h"
#include "lsm/sst_reader.h"

/* ---- adding ----------------------------------------------------------- */

struct backup {
	struct backup_dir dir;
	struct newdir own; /* what only this backup needs */
	struct cut cut;
	struct copier copier;
	struct buf list, path, tmp;
	uint64_t id;
	uint64_t n_copied; /* bytes */
};

/* Copies a file under its name among the others. */
static int copy_shared(struct backup *b, const struct cut_file *f,
		       struct backup_file *entry)
{
	int r = path_shared_tmp(&b->tmp, b->dir.path, entry);

	if (r == 0)
		r = cut_copy_file(&b->cut, &b->copier, f, path_of(&b->tmp),
				  &entry->sum);
	if (r == 0)
		r = path_backup_file(&b->path, b->dir.path, b->id, entry);
	if (r == 0)
		r = env_rename(b->dir.env, path_of(&b->tmp), path_of(&b->path));
	b->n_copied += f->bytes;
	return r;
}

static int identify(struct backup *b, const struct cut_file *f,
		    uint64_t *identity)
{
	int r;

	*identity = f->seal;
	if (f->kind == CUT_VALUES)
		return 0;
	r = cut_file_path(&b->path, b->cut.db->dir, f);
	return r < 0 ? r
		     : sst_read_checksum(b->dir.env, path_of(&b->path),
					 identity);
}

static int add_shared(struct backup *b, const struct cut_file *f)
{
	struct backup_file entry = { .kind = f->kind == CUT_VALUES
						     ? BACKUP_VALUES
						     : BACKUP_TABLE,
				     .no = f->no,
				     .bytes = f->bytes };
	bool is_there = false;
	int r;

	cut_drop_log(&b->cut); /* it came first */
	r = identify(b, f, &entry.identity);
	if (r == 0) {
		is_there = backup_dir_find(&b->dir, &entry);
		if (!is_there)
			r = copy_shared(b, f, &entry);
	}
	if (r == 0)
		r = copier_count(&b->copier, is_there ? f->bytes : 0);
	return r == 0 ? backup_list_add(&b->list, &entry) : r;
}

/* Copies a file that later backups have no use for. */
static int add_own(struct backup *b, const struct cut_file *f)
{
	struct backup_file entry = { .kind = f->kind == CUT_LOG
						     ? BACKUP_LOG
						     : BACKUP_OPTIONS,
				     .no = f->no,
				     .bytes = f->bytes };
	int r = path_own_file(&b->path, b->own.tmp, &entry);

	if (r == 0)
		r = cut_copy_file(&b->cut, &b->copier, f, path_of(&b->path),
				  &entry.sum);
	b->n_copied += f->bytes;
	if (r == 0)
		r = copier_count(&b->copier, 0);
	return r == 0 ? backup_list_add(&b->list, &entry) : r;
}

static int add_file(void *arg, const struct cut_file *f)
{
	return f->kind == CUT_TABLE || f->kind == CUT_VALUES
		       ? add_shared(arg, f)
		       : add_own(arg, f);
}

static int add_manifest(struct backup *b)
{
	struct backup_file entry = { .kind = BACKUP_MANIFEST };
	struct copy_job job = { .to = NULL };
	struct env_stat st;
	int r = cut_write_manifest(&b->cut, b->own.tmp, &entry.no);

	if (r == 0)
		r = path_own_file(&b->path, b->own.tmp, &entry);
	if (r == 0)
		r = env_stat(b->dir.env, path_of(&b->path), &st);
	if (r < 0)
		return r;
	job.from = path_of(&b->path);
	job.bytes = entry.bytes = st.size;
	b->copier.done.bytes_total += st.size;
	b->copier.done.files_total++;
	r = copier_run(&b->copier, &job, &entry.sum);
	if (r == 0)
		r = copier_count(&b->copier, 0);
	return r == 0 ? backup_list_add(&b->list, &entry) : r;
}

static int write_list(struct backup *b)
{
	int r = backup_list_end(&b->list);

	if (r == 0 && b->list.len > BACKUP_LIST_MAX)
		r = err_set(TT_ETOOBIG, "%s: list of %zu bytes", b->own.path,
			    b->list.len);
	if (r == 0)
		r = path_join(&b->path, b->own.tmp, FILE_BACKUP_LIST);
	if (r == 0)
		r = env_replace_file(b->dir.env, path_of(&b->path),
				     buf_slice(&b->list));
	return r;
}

/* The names of files found there count too: the run that gave them may not
 * have come to this. */
static int sync_shared(struct backup *b)
{
	int r = path_shared(&b->path, b->dir.path, BACKUP_TABLE);

	if (r == 0)
		r = env_sync_dir(b->dir.env, path_of(&b->path));
	if (r == 0)
		r = path_shared(&b->path, b->dir.path, BACKUP_VALUES);
	return r == 0 ? env_sync_dir(b->dir.env, path_of(&b->path)) : r;
}

static int begin(struct backup *b, struct tt *db, const char *dir)
{
	struct backup_head head = { .time = env_now_us(db->env) };
	int r = backup_dir_take(&b->dir, db->env, dir, true);

	if (r < 0)
		return r;
	head.id = b->id = b->dir.highest + 1;
	r = path_backup(&b->path, dir, b->id);
	if (r == 0)
		r = newdir_begin(&b->own, db->env, path_of(&b->path), false);
	if (r == 0)
		r = env_sync_dir(db->env, dir);
	if (r == 0)
		r = cut_make(&b->cut, db);
	return r == 0 ? backup_list_begin(&b->list, &head) : r;
}

static int run(struct backup *b, struct tt *db, const char *dir)
{
	int r = begin(b, db, dir);

	if (r < 0)
		return r;
	b->copier.done.bytes_total = b->cut.bytes;
	b->copier.done.files_total = b->cut.n_files;
	r = cut_each_file(&b->cut, add_file, b);
	if (r == 0)
		r = add_manifest(b);
	if (r == 0)
		r = write_list(b);
	if (r == 0)
		r = sync_shared(b);
	return r == 0 ? newdir_commit(&b->own) : r;
}

/* A rest stays a rest, for the next run to take over, unless the disk is
 * full. */
static void tidy(struct backup *b, int r)
{
	struct err_saved why;

	if (!b->dir.lock || (r == 0 && !b->dir.has_rests))
		return;
	err_save(&why, r);
	if (r < 0)
		newdir_leave(&b->own);
	if ((r == 0 || err_is_no_space(r)) &&
	    backup_dir_sweep(&b->dir, NULL, 0) < 0)
		log_warn(LOG_DB,
			 "%s: what interrupted backups left stays there: %s",
			 b->dir.path, err_text());
	if (r < 0)
		(void)err_restore(&why);
}

int tt_backup(struct tt *db, const char *dir,
	      const struct tt_copy_options *opts, uint64_t *out_id)
{
	struct backup b = { .id = 0 };
	uint64_t since = mono_ns();
	int r = opts && opts->flush ? tt_flush(db) : 0;

	if (r < 0)
		return r;
	r = copier_init(&b.copier, db->env, opts);
	if (r == 0)
		r = run(&b, db, dir);
	tidy(&b, r);
	if (r == 0) {
		log_info(LOG_DB,
			 "%s: backup %" PRIu64 " in %s: %" PRIu64
			 " files, %" PRIu64 " of %" PRIu64
			 " bytes copied in %" PRIu64 " ms",
			 db->dir, b.id, dir, b.copier.done.files_total,
			 b.n_copied, b.cut.bytes,
			 (mono_ns() - since) / 1000000);
		if (out_id)
			*out_id = b.id;
	}
	if (b.cut.db)
		cut_fini(&b.cut);
	newdir_fini(&b.own);
	backup_dir_fini(&b.dir);
	copier_fini(&b.copier);
	buf_fini(&b.list);
	buf_fini(&b.path);
	buf_fini(&b.tmp);
	return r;
}

/* ---- deleting --------------------------------------------------------- */

int backup_delete(struct env *env, const char *dir, uint64_t id)
{
	struct backup_dir d;
	int r = backup_dir_take(&d, env, dir, false);

	if (r == 0)
		r = backup_dir_has(&d, id) ? backup_dir_sweep(&d, &id, 1)
					   : TT_NOTFOUND;
	backup_dir_fini(&d);
	return r;
}

int backup_prune(struct env *env, const char *dir, uint64_t keep)
{
	struct backup_dir d;
	int r;

	if (keep < 1)
		return err_set(-EINVAL, "at least one backup must be kept");
	r = backup_dir_take(&d, env, dir, false);
	if (r == 0 && (d.n_ids > keep || d.has_rests)) {
		size_t n = d.n_ids > keep ? d.n_ids - (size_t)keep : 0;
		uint64_t *ids = malloc((n + 1) * sizeof(*ids));

		/* The sweep looks anew, and sorts its own list. */
		if (ids && n)
			memcpy(ids, d.ids, n * sizeof(*ids));
		r = ids ? backup_dir_sweep(&d, ids, n)
			: err_nomem("list of backups");
		free(ids);
	}
	backup_dir_fini(&d);
	return r;
}

int tt_backup_delete(const char *dir, uint64_t id)
{
	return backup_delete(env_posix(), dir, id);
}

int tt_backup_prune(const char *dir, uint64_t keep)
{
	return backup_prune(env_posix(), dir, keep);
}
