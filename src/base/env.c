/* SPDX-License-Identifier: MIT */
/* What every environment can do because it can do the rest. */
#include "base/env.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

int env_read_exact(struct env_file *f, uint64_t off, void *dst, size_t len)
{
	size_t n;
	int r = env_read(f, off, dst, len, &n);

	if (r < 0)
		return r;
	if (n != len)
		return err_set(TT_ECORRUPT,
			       "%s: ends at %llu, wanted %zu bytes at %llu",
			       f->path, (unsigned long long)(off + n), len,
			       (unsigned long long)off);
	return 0;
}

int env_exists(struct env *e, const char *path)
{
	struct env_stat st;
	int r = env_stat(e, path, &st);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	return r < 0 ? r : 1;
}

char *env_dir_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;

	if (!slash)
		dir = strdup(".");
	else if (slash == path)
		dir = strdup("/");
	else
		dir = strndup(path, (size_t)(slash - path));
	if (!dir)
		(void)err_nomem("path");
	return dir;
}

int env_sync_parent(struct env *e, const char *path)
{
	char *dir = env_dir_name(path);
	int r;

	if (!dir)
		return -ENOMEM;
	r = env_sync_dir(e, dir);
	free(dir);
	return r;
}

pid_t env_lock_owner(struct env *e, const char *path)
{
	struct env_file *f;
	char text[32];
	size_t n = 0;
	long pid;
	int r;

	r = env_open(e, path, ENV_READ, &f);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = env_read(f, 0, text, sizeof(text) - 1, &n);
	(void)env_close(f); /* nothing was written */
	if (r < 0)
		return r;
	text[n] = 0;
	pid = strtol(text, NULL, 10);
	return pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

int env_read_file(struct env *e, const char *path, size_t max, struct buf *out)
{
	struct env_file *f;
	uint64_t size;
	size_t n;
	int r;

	r = env_open(e, path, ENV_READ, &f);
	if (r < 0)
		return r;
	r = env_file_size(f, &size);
	if (r < 0)
		goto out;
	if (size > max) {
		r = err_set(-EFBIG, "%s: %llu bytes, at most %zu expected",
			    path, (unsigned long long)size, max);
		goto out;
	}
	r = buf_reserve(out, (size_t)size);
	if (r < 0)
		goto out;
	r = env_read(f, 0, buf_tail(out), (size_t)size, &n);
	if (r == 0)
		buf_advance(out, n);
out:
	(void)env_close(f); /* nothing was written */
	return r;
}

static int write_whole_file(struct env *e, const char *path,
			    struct tt_slice bytes)
{
	struct env_file *f;
	int r, c;

	r = env_open(e, path, ENV_WRITE | ENV_CREATE | ENV_TRUNC, &f);
	if (r < 0)
		return r;
	r = env_write(f, 0, bytes.data, bytes.len);
	if (r == 0)
		r = env_sync(f, ENV_SYNC_DATA);
	c = env_close(f);
	return r < 0 ? r : c;
}

int env_replace_file(struct env *e, const char *path, struct tt_slice bytes)
{
	struct buf tmp = BUF_INIT;
	const char *name;
	int r;

	r = buf_printf(&tmp, "%s.tmp", path);
	name = buf_cstr(&tmp);
	if (r < 0 || !name) {
		r = -ENOMEM;
		goto out;
	}
	r = write_whole_file(e, name, bytes);
	if (r == 0)
		r = env_rename(e, name, path);
	if (r < 0) {
		struct err_saved why;

		err_save(&why, r);
		(void)env_unlink(e, name); /* the first error counts */
		r = err_restore(&why);
		goto out;
	}
	r = env_sync_parent(e, path);
out:
	buf_fini(&tmp);
	return r;
}

int env_make_dirs(struct env *e, const char *path)
{
	char *dir;
	int r = env_exists(e, path);

	if (r < 0)
		return r;
	if (r == 1)
		return 0;
	dir = env_dir_name(path);
	if (!dir)
		return -ENOMEM;
	r = env_make_dirs(e, dir);
	if (r == 0) {
		r = env_mkdir(e, path);
		if (r == -EEXIST)
			r = 0; /* somebody else was quicker */
	}
	if (r == 0)
		r = env_sync_dir(e, dir);
	free(dir);
	return r;
}
