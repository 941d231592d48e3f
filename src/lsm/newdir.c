/* SPDX-License-Identifier: MIT */
#include "lsm/newdir.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "base/log.h"
#include "lsm/backup_format.h"
#include "lsm/file_name.h"
#include "lsm/wal_reader.h"

/* ---- removing --------------------------------------------------------- */

struct removal {
	struct env *env;
	const char *dir;
	bool keeps_lock;
	bool (*is_ours)(const char *name);
};

static bool is_of_tables(const char *name)
{
	return table_no_of_name(name) != 0 || name_is_table_tmp(name);
}

static bool is_of_log(const char *name)
{
	return wal_segment_no_of_name(name) != 0;
}

static bool is_of_values(const char *name)
{
	return value_no_of_name(name) != 0;
}

static bool is_of_top(const char *name)
{
	return name_belongs_to_store(name) || is_of_log(name) ||
	       strcmp(name, FILE_BACKUP_LIST) == 0 ||
	       strcmp(name, FILE_BACKUP_LIST TMP_SUFFIX) == 0;
}

static int remove_one(void *arg, const char *name, enum env_file_type type)
{
	struct removal *rm = arg;
	struct buf path = BUF_INIT;
	int r;

	if (type != ENV_TYPE_FILE || !rm->is_ours(name) ||
	    (rm->keeps_lock && strcmp(name, FILE_LOCK) == 0))
		return 0;
	r = path_join(&path, rm->dir, name);
	if (r == 0)
		r = env_unlink(rm->env, path_of(&path));
	buf_fini(&path);
	return r;
}

/* Removes the files of one directory, and the directory; a missing one is
 * fine. */
static int remove_sub(struct env *env, const char *dir, const char *sub,
		      bool (*is_ours)(const char *name))
{
	struct buf path = BUF_INIT;
	struct removal rm = { .env = env, .is_ours = is_ours };
	int r = path_join(&path, dir, sub);

	if (r == 0) {
		rm.dir = path_of(&path);
		r = env_list(env, rm.dir, remove_one, &rm);
		if (r == 0)
			r = env_rmdir(env, rm.dir);
	}
	buf_fini(&path);
	return r == -ENOENT ? 0 : r;
}

static int remove_contents(struct env *env, const char *dir, bool keeps_lock)
{
	struct removal rm = { .env = env,
			      .dir = dir,
			      .keeps_lock = keeps_lock,
			      .is_ours = is_of_top };
	int r = remove_sub(env, dir, DIR_TABLES, is_of_tables);

	if (r == 0)
		r = remove_sub(env, dir, DIR_VALUES, is_of_values);
	if (r == 0)
		r = remove_sub(env, dir, DIR_WAL, is_of_log);
	return r == 0 ? env_list(env, dir, remove_one, &rm) : r;
}

int newdir_remove(struct env *env, const char *tmp)
{
	int r = remove_contents(env, tmp, false);

	return r == 0 ? env_rmdir(env, tmp) : r;
}

/* ---- beginning -------------------------------------------------------- */

/* The path without slashes at its end; it must end in a name. */
static int take_path(struct newdir *d, const char *path)
{
	struct buf tmp = BUF_INIT;
	size_t n = strlen(path), name;

	while (n > 1 && path[n - 1] == '/')
		n--;
	for (name = n; name > 0 && path[name - 1] != '/'; name--)
		continue;
	if (name == n || (n - name == 1 && path[name] == '.') ||
	    (n - name == 2 && memcmp(path + name, "..", 2) == 0))
		return err_set(-EINVAL, "\"%s\": does not name a new directory",
			       path);
	d->path = strndup(path, n);
	if (d->path && buf_printf(&tmp, "%s" UNFINISHED_SUFFIX, d->path) == 0 &&
	    buf_append_byte(&tmp, 0) == 0)
		d->tmp = (char *)buf_steal(&tmp, &n);
	buf_fini(&tmp);
	return d->tmp ? 0 : err_nomem("path");
}

static int refuse_name(void *arg, const char *name, enum env_file_type type)
{
	(void)type;
	return err_set(-ENOTEMPTY,
		       "%s: holds \"%s\"; name an empty or a new directory",
		       (const char *)arg, name);
}

static int refuse_rest(void *arg, const char *name, enum env_file_type type)
{
	return strcmp(name, FILE_LOCK) == 0 ? 0 : refuse_name(arg, name, type);
}

/* Whether the place is free. */
static int check_place(const struct newdir *d)
{
	struct env_stat st;
	int r = env_stat(d->env, d->path, &st);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (st.type != ENV_TYPE_DIR)
		return err_set(-ENOTDIR, "%s: is there and not a directory",
			       d->path);
	return env_list(d->env, d->path, refuse_name, d->path);
}

static int make_tmp(struct newdir *d)
{
	char *parent = env_dir_name(d->path);
	int r = parent ? env_make_dirs(d->env, parent) : -ENOMEM;

	free(parent);
	if (r == 0)
		r = env_mkdir(d->env, d->tmp);
	return r == -EEXIST ? 0 : r;
}

static int make_sub(const struct newdir *d, const char *sub)
{
	struct buf path = BUF_INIT;
	int r = path_join(&path, d->tmp, sub);

	if (r == 0)
		r = env_mkdir(d->env, path_of(&path));
	buf_fini(&path);
	return r;
}

static int take_lock(struct newdir *d)
{
	struct buf path = BUF_INIT;
	int r = path_join(&path, d->tmp, FILE_LOCK);

	if (r == 0)
		r = env_lock(d->env, path_of(&path), &d->lock);
	buf_fini(&path);
	return r;
}

void newdir_leave(struct newdir *d)
{
	free(d->tmp);
	d->tmp = NULL;
}

int newdir_begin(struct newdir *d, struct env *env, const char *path,
		 bool is_store)
{
	int r;

	*d = (struct newdir){ .env = env, .is_store = is_store };
	r = take_path(d, path);
	if (r == 0)
		r = check_place(d);
	if (r == 0)
		r = make_tmp(d);
	if (r == 0 && is_store)
		r = take_lock(d);
	if (r < 0) {
		newdir_leave(d); /* perhaps another builds there */
		return r;
	}
	r = remove_contents(env, d->tmp, is_store);
	if (r == 0)
		r = env_list(env, d->tmp, refuse_rest, d->tmp);
	if (r == 0 && is_store)
		r = make_sub(d, DIR_TABLES);
	if (r == 0 && is_store)
		r = make_sub(d, DIR_VALUES);
	if (r == 0 && is_store)
		r = make_sub(d, DIR_WAL);
	return r;
}

/* ---- ending ----------------------------------------------------------- */

static int sync_sub(const struct newdir *d, const char *sub)
{
	struct buf path = BUF_INIT;
	int r = path_join(&path, d->tmp, sub);

	if (r == 0)
		r = env_sync_dir(d->env, path_of(&path));
	buf_fini(&path);
	return r;
}

int newdir_commit(struct newdir *d)
{
	int r = 0;

	if (d->is_store)
		r = sync_sub(d, DIR_TABLES);
	if (r == 0 && d->is_store)
		r = sync_sub(d, DIR_VALUES);
	if (r == 0 && d->is_store)
		r = sync_sub(d, DIR_WAL);
	if (r == 0)
		r = env_sync_dir(d->env, d->tmp);
	if (r == 0)
		r = env_rename(d->env, d->tmp, d->path);
	if (r < 0)
		return r;
	newdir_leave(d); /* there is nothing to take back */
	return env_sync_parent(d->env, d->path);
}

void newdir_fini(struct newdir *d)
{
	struct err_saved why;

	err_save(&why, err_code());
	if (d->tmp && newdir_remove(d->env, d->tmp) < 0)
		log_warn(LOG_DB, "%s stays, unfinished: %s", d->tmp,
			 err_text());
	(void)env_unlock(d->lock); /* frees it, whatever it returns */
	if (why.code < 0)
		(void)err_restore(&why);
	free(d->path);
	free(d->tmp);
	*d = (struct newdir){ .env = NULL };
}
