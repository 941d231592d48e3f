/* SPDX-License-Identifier: MIT */
/*
 * What no list names is removed only when there are rests of interrupted work,
 * or when a backup is deleted, which makes such a rest: looking for it means
 * reading all lists.
 */
#include "lsm/backup_dir.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "lsm/backup_format.h"
#include "lsm/file_name.h"
#include "lsm/newdir.h"

/* ---- what is there ---------------------------------------------------- */

static void *grow(void *list, size_t n, size_t *cap, size_t each)
{
	size_t want = *cap ? 2 * *cap : 64;
	void *p = list;

	if (n < *cap)
		return list;
	p = realloc(list, want * each);
	if (p)
		*cap = want;
	else
		(void)err_nomem("list of backups");
	return p;
}

static int see_backup(void *arg, const char *name, enum env_file_type type)
{
	struct backup_dir *d = arg;
	bool is_unfinished;
	uint64_t id = backup_id_of_name(name, &is_unfinished);
	uint64_t *ids;

	if (id == 0 || type != ENV_TYPE_DIR)
		return 0;
	d->highest = MAX_OF(d->highest, id);
	d->has_rests |= is_unfinished;
	if (is_unfinished)
		return 0;
	ids = grow(d->ids, d->n_ids, &d->cap_ids, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	d->ids = ids;
	ids[d->n_ids++] = id;
	return 0;
}

static int id_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int scan_backups(struct backup_dir *d)
{
	int r;

	d->n_ids = 0;
	d->highest = 0;
	d->has_rests = false;
	r = env_list(d->env, d->path, see_backup, d);
	if (r == 0 && d->n_ids)
		qsort(d->ids, d->n_ids, sizeof(*d->ids), id_cmp);
	return r;
}

static int see_shared(void *arg, const char *name, enum env_file_type type)
{
	struct backup_dir *d = arg;
	struct backup_file f, *shared;

	if (type != ENV_TYPE_FILE || !backup_shared_of_name(name, &f))
		return 0;
	shared = grow(d->shared, d->n_shared, &d->cap_shared, sizeof(*shared));
	if (!shared)
		return -ENOMEM;
	d->shared = shared;
	shared[d->n_shared++] = f;
	return 0;
}

static int shared_cmp(const void *a, const void *b)
{
	const struct backup_file *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->no != y->no)
		return x->no < y->no ? -1 : 1;
	if (x->identity != y->identity)
		return x->identity < y->identity ? -1 : 1;
	return (x->sum > y->sum) - (x->sum < y->sum);
}

static int scan_kind(struct backup_dir *d, enum backup_kind kind)
{
	struct buf path = BUF_INIT;
	int r = path_shared(&path, d->path, kind);

	if (r == 0)
		r = env_list(d->env, path_of(&path), see_shared, d);
	buf_fini(&path);
	/* Who last added a backup may have known no value files. */
	return r == -ENOENT && kind == BACKUP_VALUES ? 0 : r;
}

static int scan_shared(struct backup_dir *d)
{
	int r;

	d->n_shared = 0;
	r = scan_kind(d, BACKUP_TABLE);
	if (r == 0)
		r = scan_kind(d, BACKUP_VALUES);
	if (r == 0 && d->n_shared)
		qsort(d->shared, d->n_shared, sizeof(*d->shared), shared_cmp);
	return r;
}

/* ---- is it one -------------------------------------------------------- */

static int init(struct backup_dir *d, struct env *env, const char *path)
{
	*d = (struct backup_dir){ .env = env };
	d->path = strdup(path);
	return d->path ? 0 : err_nomem("list of backups");
}

void backup_dir_fini(struct backup_dir *d)
{
	(void)env_unlock(d->lock); /* frees it, whatever it returns */
	free(d->path);
	free(d->ids);
	free(d->shared);
	*d = (struct backup_dir){ .env = NULL };
}

/* Reads DIR/BACKUPS; -ENOENT without. */
static int check_magic(const struct backup_dir *d)
{
	const size_t n_magic = sizeof(BACKUPS_MAGIC " ") - 1;
	struct buf path = BUF_INIT, text = BUF_INIT, right = BUF_INIT;
	int r = path_join(&path, d->path, FILE_BACKUPS);

	if (r == 0)
		r = env_read_file(d->env, path_of(&path), BACKUPS_MAX, &text);
	if (r == 0)
		r = buf_printf(&right, BACKUPS_MAGIC " %u\n", BACKUPS_VERSION);
	if (r < 0 || slice_eq(buf_slice(&text), buf_slice(&right)))
		goto out;
	if (text.len > n_magic && memcmp(text.data, right.data, n_magic) == 0)
		r = err_set(TT_EVERSION,
			    "%s: backups of another version; this program "
			    "knows version %u",
			    path_of(&path), BACKUPS_VERSION);
	else
		r = err_set(TT_ECORRUPT, "%s: damaged", path_of(&path));
out:
	buf_fini(&path);
	buf_fini(&text);
	buf_fini(&right);
	return r;
}

static int write_magic(const struct backup_dir *d)
{
	struct buf path = BUF_INIT, text = BUF_INIT;
	int r = path_join(&path, d->path, FILE_BACKUPS);

	if (r == 0)
		r = buf_printf(&text, BACKUPS_MAGIC " %u\n", BACKUPS_VERSION);
	if (r == 0)
		r = env_replace_file(d->env, path_of(&path), buf_slice(&text));
	buf_fini(&path);
	buf_fini(&text);
	return r;
}

static int no_backups(const struct backup_dir *d)
{
	return err_set(TT_ENOSTORE, "%s: no backups here", d->path);
}

int backup_dir_look(struct backup_dir *d, struct env *env, const char *path)
{
	int r = init(d, env, path);

	if (r == 0)
		r = check_magic(d);
	if (r == -ENOENT || r == -ENOTDIR)
		return no_backups(d);
	return r == 0 ? scan_backups(d) : r;
}

/* ---- taking ----------------------------------------------------------- */

/* Names that a directory may have before it is one. */
static int refuse_foreign(void *arg, const char *name, enum env_file_type type)
{
	(void)type;
	if (strcmp(name, FILE_LOCK) == 0 || strcmp(name, "lost+found") == 0 ||
	    strcmp(name, FILE_BACKUPS TMP_SUFFIX) == 0)
		return 0;
	return err_set(TT_EFOREIGN,
		       "%s: holds \"%s\", and no backups; name an empty or a "
		       "new directory",
		       (const char *)arg, name);
}

static int take_lock(struct backup_dir *d)
{
	struct buf path = BUF_INIT;
	int r = path_join(&path, d->path, FILE_LOCK);

	if (r == 0)
		r = env_lock(d->env, path_of(&path), &d->lock);
	buf_fini(&path);
	return r;
}

static int make_shared(const struct backup_dir *d)
{
	static const enum backup_kind kinds[] = { BACKUP_TABLE, BACKUP_VALUES };
	struct buf path = BUF_INIT;
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(kinds) && r == 0; i++) {
		r = path_shared(&path, d->path, kinds[i]);
		if (r == 0)
			r = env_make_dirs(d->env, path_of(&path));
	}
	buf_fini(&path);
	return r;
}

/* Makes it one, unless it is. */
static int create_dir(struct backup_dir *d)
{
	int r = check_magic(d);

	if (r == 0)
		r = make_shared(d);
	if (r != -ENOENT)
		return r;
	r = env_make_dirs(d->env, d->path);
	if (r == 0)
		r = env_list(d->env, d->path, refuse_foreign, d->path);
	if (r == 0)
		r = take_lock(d);
	if (r == 0)
		r = make_shared(d);
	return r == 0 ? write_magic(d) : r;
}

int backup_dir_take(struct backup_dir *d, struct env *env, const char *path,
		    bool create)
{
	int r = init(d, env, path);

	if (r == 0)
		r = create ? create_dir(d) : check_magic(d);
	if (r == -ENOENT || (r == -ENOTDIR && !create))
		return no_backups(d);
	if (r == 0 && !d->lock)
		r = take_lock(d);
	if (r == 0)
		r = scan_backups(d);
	return r == 0 ? scan_shared(d) : r;
}

/* ---- looking for something -------------------------------------------- */

bool backup_dir_has(const struct backup_dir *d, uint64_t id)
{
	return d->n_ids &&
	       bsearch(&id, d->ids, d->n_ids, sizeof(id), id_cmp) != NULL;
}

/* The first table not before `f`. */
static size_t lower_bound(const struct backup_dir *d,
			  const struct backup_file *f)
{
	size_t lo = 0, hi = d->n_shared;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (shared_cmp(&d->shared[mid], f) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool backup_dir_find(const struct backup_dir *d, struct backup_file *f)
{
	struct backup_file key = { .kind = f->kind,
				   .no = f->no,
				   .identity = f->identity };
	struct buf path = BUF_INIT;
	bool is_there = false;

	for (size_t i = lower_bound(d, &key); i < d->n_shared && !is_there;
	     i++) {
		const struct backup_file *t = &d->shared[i];
		struct env_stat st;

		if (t->kind != f->kind || t->no != f->no ||
		    t->identity != f->identity)
			break;
		is_there = path_backup_file(&path, d->path, 0, t) == 0 &&
			   env_stat(d->env, path_of(&path), &st) == 0 &&
			   st.size == f->bytes;
		if (is_there)
			f->sum = t->sum;
	}
	buf_fini(&path);
	return is_there;
}

/* ---- sweeping --------------------------------------------------------- */

struct sweep {
	struct backup_dir *d;
	bool *is_needed; /* for each of d->shared */
	struct buf path, sub;
};

static int mark_shared(void *arg, const struct backup_file *f)
{
	struct sweep *s = arg;
	size_t i;

	if (!backup_is_shared(f->kind))
		return 0;
	i = lower_bound(s->d, f);
	if (i < s->d->n_shared && shared_cmp(&s->d->shared[i], f) == 0)
		s->is_needed[i] = true;
	return 0;
}

static bool is_among(uint64_t id, const uint64_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* Marks what the backups need that stay. */
static int mark_all(struct sweep *s, const uint64_t *ids, size_t n)
{
	struct backup_head h;
	struct buf text = BUF_INIT;
	int r = 0;

	for (size_t i = 0; i < s->d->n_ids && r == 0; i++) {
		if (is_among(s->d->ids[i], ids, n))
			continue;
		r = backup_list_load(s->d->env, s->d->path, s->d->ids[i], &text,
				     &h);
		if (r == -ENOENT)
			r = err_set(TT_ECORRUPT,
				    "%s/%06" PRIu64 "/" FILE_BACKUP_LIST
				    ": missing",
				    s->d->path, s->d->ids[i]);
		if (r == 0)
			r = backup_list_each(&text, mark_shared, s);
	}
	buf_fini(&text);
	return r;
}

/* From here on the backup is gone: what it leaves is a rest. */
static int unmake(struct sweep *s, uint64_t id)
{
	struct buf to = BUF_INIT;
	int r = path_backup(&s->path, s->d->path, id);

	if (r == 0)
		r = buf_printf(&to, "%s" UNFINISHED_SUFFIX, path_of(&s->path));
	if (r == 0)
		r = buf_cstr(&to) ? env_rename(s->d->env, path_of(&s->path),
					       path_of(&to))
				  : -ENOMEM;
	buf_fini(&to);
	return r;
}

static int remove_tmp(void *arg, const char *name, enum env_file_type type)
{
	struct sweep *s = arg;
	int r;

	if (type != ENV_TYPE_FILE || !backup_is_shared_tmp(name))
		return 0;
	r = path_join(&s->path, path_of(&s->sub), name);
	return r == 0 ? env_unlink(s->d->env, path_of(&s->path)) : r;
}

/* Copies that were cut off, and makes durable that all are gone. */
static int tidy(struct sweep *s, enum backup_kind kind)
{
	int r = path_shared(&s->sub, s->d->path, kind);

	if (r == 0)
		r = env_list(s->d->env, path_of(&s->sub), remove_tmp, s);
	if (r == 0)
		r = env_sync_dir(s->d->env, path_of(&s->sub));
	return r == -ENOENT && kind == BACKUP_VALUES ? 0 : r;
}

static int remove_shared(struct sweep *s)
{
	int r = 0;

	for (size_t i = 0; i < s->d->n_shared && r == 0; i++) {
		if (s->is_needed[i])
			continue;
		r = path_backup_file(&s->path, s->d->path, 0, &s->d->shared[i]);
		if (r == 0)
			r = env_unlink(s->d->env, path_of(&s->path));
	}
	if (r == 0)
		r = tidy(s, BACKUP_TABLE);
	return r == 0 ? tidy(s, BACKUP_VALUES) : r;
}

/* Last: as long as there is one, the shared files are not all seen to. */
static int remove_rest(void *arg, const char *name, enum env_file_type type)
{
	struct sweep *s = arg;
	bool is_unfinished;
	int r;

	if (type != ENV_TYPE_DIR || !backup_id_of_name(name, &is_unfinished) ||
	    !is_unfinished)
		return 0;
	r = path_join(&s->path, s->d->path, name);
	return r == 0 ? newdir_remove(s->d->env, path_of(&s->path)) : r;
}

int backup_dir_sweep(struct backup_dir *d, const uint64_t *ids, size_t n)
{
	struct sweep s = { .d = d, .path = BUF_INIT, .sub = BUF_INIT };
	int r = scan_backups(d);

	if (r == 0)
		r = scan_shared(d);
	if (r < 0)
		return r;
	s.is_needed = calloc(d->n_shared + 1, sizeof(*s.is_needed));
	if (!s.is_needed)
		return err_nomem("list of backups");
	r = mark_all(&s, ids, n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = unmake(&s, ids[i]);
	if (r == 0 && n)
		r = env_sync_dir(d->env, d->path);
	if (r == 0)
		r = remove_shared(&s);
	if (r == 0)
		r = env_list(d->env, d->path, remove_rest, &s);
	free(s.is_needed);
	buf_fini(&s.sub);
	buf_fini(&s.path);
	return r;
}
