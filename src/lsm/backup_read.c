/* SPDX-License-Identifier: MIT */
/*
 * What only reads a directory of backups: listing, verifying, restoring. It
 * takes no lock: the directory may be read-only. What another process deletes
 * meanwhile is missing.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/env.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mutex.h"
#include "lsm/backup.h"
#include "lsm/backup_dir.h"
#include "lsm/backup_format.h"
#include "lsm/copier.h"
#include "lsm/file_name.h"
#include "lsm/manifest_writer.h"
#include "lsm/newdir.h"

static int sum_up(void *arg, const struct backup_file *f)
{
	struct tt_backup_info *info = arg;

	info->bytes += f->bytes;
	info->files++;
	return 0;
}

/* ---- listing ---------------------------------------------------------- */

/* False when the backup has been deleted meanwhile. */
static bool is_still_there(const struct backup_dir *d, uint64_t id)
{
	struct buf path = BUF_INIT;
	bool is_gone = path_backup(&path, d->path, id) == 0 &&
		       env_exists(d->env, path_of(&path)) == 0;

	buf_fini(&path);
	return !is_gone;
}

static int list_one(const struct backup_dir *d, uint64_t id,
		    int (*fn)(void *arg, const struct tt_backup_info *info),
		    void *arg)
{
	struct tt_backup_info info = { .id = id };
	struct backup_head h;
	struct err_saved why;
	struct buf text = BUF_INIT;
	int r = backup_list_load(d->env, d->path, id, &text, &h);

	err_save(&why, r);
	if (r == 0) {
		info.time = h.time;
		r = backup_list_each(&text, sum_up, &info);
	} else if (r != -ENOMEM) {
		info.damage = why.text;
		r = r == -ENOENT && !is_still_there(d, id) ? TT_NOTFOUND : 0;
	}
	buf_fini(&text);
	if (r == TT_NOTFOUND)
		return 0;
	return r == 0 ? fn(arg, &info) : r;
}

int backup_each(struct env *env, const char *dir,
		int (*fn)(void *arg, const struct tt_backup_info *info),
		void *arg)
{
	struct backup_dir d;
	int r = backup_dir_look(&d, env, dir);

	for (size_t i = 0; i < d.n_ids && r == 0; i++)
		r = list_one(&d, d.ids[i], fn, arg);
	backup_dir_fini(&d);
	return r;
}

/* ---- a backup being read ---------------------------------------------- */

struct reading {
	struct backup_dir dir;
	uint64_t id;
	struct buf text; /* of its list */
	struct copier copier;
	struct buf from, to;
	/* restoring */
	struct newdir target;
	uint64_t manifest_no;
	/* verifying */
	void (*report)(void *arg, const char *text);
	void *arg;
	bool is_damaged;
};

/* TT_NOTFOUND when there is no such backup. On failure too, end_reading(). */
static int begin_reading(struct reading *rd, struct env *env, const char *dir,
			 uint64_t id, const struct tt_copy_options *opts)
{
	struct tt_backup_info info = { .id = id };
	struct backup_head h;
	int r = backup_dir_look(&rd->dir, env, dir);

	if (r == 0 && id == 0 && rd->dir.n_ids)
		id = rd->dir.ids[rd->dir.n_ids - 1];
	if (r == 0 && !backup_dir_has(&rd->dir, id))
		return TT_NOTFOUND;
	rd->id = id;
	if (r == 0)
		r = copier_init(&rd->copier, env, opts);
	if (r == 0)
		r = backup_list_load(env, dir, id, &rd->text, &h);
	if (r == 0)
		r = backup_list_each(&rd->text, sum_up, &info);
	rd->copier.done.bytes_total = info.bytes;
	rd->copier.done.files_total = info.files;
	return r;
}

static void end_reading(struct reading *rd)
{
	backup_dir_fini(&rd->dir);
	copier_fini(&rd->copier);
	buf_fini(&rd->text);
	buf_fini(&rd->from);
	buf_fini(&rd->to);
}

/* Reads a file, to rd->to if `writes`, and compares it with the list. */
static int read_file(struct reading *rd, const struct backup_file *f,
		     bool writes)
{
	struct copy_job job = { .bytes = f->bytes,
				.direct = backup_is_shared(f->kind) };
	struct env_stat st;
	uint64_t sum = 0;
	int r = path_backup_file(&rd->from, rd->dir.path, rd->id, f);

	if (r < 0)
		return r;
	job.from = path_of(&rd->from);
	job.to = writes ? path_of(&rd->to) : NULL;
	r = env_stat(rd->dir.env, job.from, &st);
	if (r == -ENOENT)
		return err_set(TT_ECORRUPT, "%s: missing", job.from);
	if (r == 0 && st.size != f->bytes)
		return err_set(TT_ECORRUPT,
			       "%s: %" PRIu64 " bytes, %" PRIu64
			       " when it was written",
			       job.from, st.size, f->bytes);
	if (r == 0)
		r = copier_run(&rd->copier, &job, &sum);
	if (r == 0 && sum != f->sum)
		r = err_set(TT_ECORRUPT, "%s: fails its checksum", job.from);
	return r;
}

/* ---- restoring -------------------------------------------------------- */

static int restore_file(void *arg, const struct backup_file *f)
{
	struct reading *rd = arg;
	int r = path_restored(&rd->to, rd->target.tmp, f);

	if (r == 0)
		r = read_file(rd, f, true);
	if (r == 0 && f->kind == BACKUP_MANIFEST)
		rd->manifest_no = f->no;
	return r == 0 ? copier_count(&rd->copier, 0) : r;
}

int backup_restore(struct env *env, const char *dir, uint64_t id,
		   const char *target, const struct tt_copy_options *opts)
{
	struct reading rd = { .id = id };
	uint64_t since = mono_ns();
	int r = begin_reading(&rd, env, dir, id, opts);

	if (r == 0)
		r = newdir_begin(&rd.target, env, target, true);
	if (r == 0)
		r = backup_list_each(&rd.text, restore_file, &rd);
	if (r == 0)
		r = env_sync_dir(env, rd.target.tmp);
	if (r == 0)
		r = manifest_set_current(env, rd.target.tmp, rd.manifest_no);
	if (r == 0)
		r = newdir_commit(&rd.target);
	if (r == 0)
		log_info(LOG_DB,
			 "%s: backup %" PRIu64 " restored to %s, %" PRIu64
			 " bytes in %" PRIu64 " ms",
			 dir, rd.id, target, rd.copier.done.bytes_total,
			 (mono_ns() - since) / 1000000);
	newdir_fini(&rd.target);
	end_reading(&rd);
	return r;
}

/* ---- verifying -------------------------------------------------------- */

/* Damage is told and the next file looked at; the rest ends the work. */
static int settle(struct reading *rd, int r)
{
	if (r != TT_ECORRUPT)
		return r;
	rd->is_damaged = true;
	if (rd->report)
		rd->report(rd->arg, err_text());
	return 0;
}

static int verify_file(void *arg, const struct backup_file *f)
{
	struct reading *rd = arg;
	int r = settle(rd, read_file(rd, f, false));

	return r == 0 ? copier_count(&rd->copier, 0) : r;
}

int backup_verify(struct env *env, const char *dir, uint64_t id,
		  void (*fn)(void *arg, const char *text), void *arg,
		  const struct tt_copy_options *opts)
{
	struct reading rd = { .id = id, .report = fn, .arg = arg };
	int r = settle(&rd, begin_reading(&rd, env, dir, id, opts));

	if (r == 0 && !rd.is_damaged)
		r = backup_list_each(&rd.text, verify_file, &rd);
	if (r == 0 && rd.is_damaged)
		r = err_set(TT_ECORRUPT, "%s: backup %" PRIu64 " is damaged",
			    dir, rd.id);
	end_reading(&rd);
	return r;
}

/* ---- the library's functions ------------------------------------------ */

int tt_backup_list(const char *dir,
		   int (*fn)(void *arg, const struct tt_backup_info *info),
		   void *arg)
{
	return backup_each(env_posix(), dir, fn, arg);
}

int tt_backup_restore(const char *dir, uint64_t id, const char *target,
		      const struct tt_copy_options *opts)
{
	return backup_restore(env_posix(), dir, id, target, opts);
}

int tt_backup_verify(const char *dir, uint64_t id,
		     void (*fn)(void *arg, const char *text), void *arg,
		     const struct tt_copy_options *opts)
{
	return backup_verify(env_posix(), dir, id, fn, arg, opts);
}
