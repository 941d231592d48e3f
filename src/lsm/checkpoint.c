/* SPDX-License-Identifier: MIT */
/*
 * A copy of the store beside it: hard links where nothing changes any more,
 * copies of the rest. What must be so at each moment of a crash:
 *
 *  1. A linked file is durable, and its owner never writes to it again:
 *     tables by birth, log segments before the last one once they are sealed.
 *     That the log does not recycle what is linked: wal_hold.h.
 *  2. CURRENT is written when all else is there and durable, and the
 *     directory gets its name (newdir.h) when that is.
 */
#include <errno.h>
#include <inttypes.h>

#include "lsm/copier.h"
#include "lsm/cut.h"
#include "lsm/db.h"
#include "lsm/file_name.h"
#include "lsm/manifest_writer.h"
#include "lsm/newdir.h"

struct checkpoint {
	struct cut cut;
	struct newdir dir;
	struct copier copier;
	bool cannot_link; /* from one file system to the other */
	uint64_t n_links;
	uint64_t n_copied; /* bytes */
};

/* 1 when there can be no link: the file must be copied. */
static int try_link(struct checkpoint *c, const struct cut_file *f,
		    const char *to)
{
	struct tt *db = c->cut.db;
	struct buf from = BUF_INIT;
	int r = cut_file_path(&from, db->dir, f);

	if (r == 0)
		r = env_link(db->env, path_of(&from), to);
	buf_fini(&from);
	switch (r) {
	case 0:
		c->n_links++;
		return copier_count(&c->copier, f->bytes);
	case -EXDEV:
	case -EPERM: /* the file system has no links */
	case -EOPNOTSUPP:
	case -ENOSYS:
		c->cannot_link = true;
		return 1;
	case -EMLINK: /* this file has too many */
		return 1;
	default:
		return r;
	}
}

static int place_file(void *arg, const struct cut_file *f)
{
	struct checkpoint *c = arg;
	struct buf to = BUF_INIT;
	uint64_t sum;
	int r = cut_file_path(&to, c->dir.tmp, f);

	if (r == 0)
		r = f->is_sealed && !c->cannot_link
			    ? try_link(c, f, path_of(&to))
			    : 1;
	if (r == 1) {
		r = cut_copy_file(&c->cut, &c->copier, f, path_of(&to), &sum);
		c->n_copied += f->bytes;
		if (r == 0)
			r = copier_count(&c->copier, 0);
	}
	buf_fini(&to);
	return r;
}

static int build(struct checkpoint *c, struct tt *db, const char *dir)
{
	uint64_t no;
	int r = newdir_begin(&c->dir, db->env, dir, true);

	if (r == 0)
		r = cut_make(&c->cut, db);
	if (r < 0)
		return r;
	c->copier.done.bytes_total = c->cut.bytes;
	c->copier.done.files_total = c->cut.n_files;
	/* A log that cannot be made durable in its place is copied. */
	(void)cut_seal_log(&c->cut);
	r = cut_each_file(&c->cut, place_file, c);
	cut_drop_log(&c->cut);
	if (r == 0)
		r = cut_write_manifest(&c->cut, c->dir.tmp, &no);
	if (r == 0)
		r = manifest_set_current(db->env, c->dir.tmp, no);
	return r == 0 ? newdir_commit(&c->dir) : r;
}

int tt_checkpoint(struct tt *db, const char *dir,
		  const struct tt_copy_options *opts)
{
	struct checkpoint c = { .cannot_link = false };
	uint64_t since = mono_ns();
	int r = opts && opts->flush ? tt_flush(db) : 0;

	if (r < 0)
		return r;
	r = copier_init(&c.copier, db->env, opts);
	if (r == 0)
		r = build(&c, db, dir);
	if (r == 0)
		log_info(LOG_DB,
			 "%s: checkpoint %s: %" PRIu64 " files linked, %" PRIu64
			 " bytes copied in %" PRIu64 " ms",
			 db->dir, dir, c.n_links, c.n_copied,
			 (mono_ns() - since) / 1000000);
	if (c.cut.db)
		cut_fini(&c.cut);
	newdir_fini(&c.dir);
	copier_fini(&c.copier);
	return r;
}
