/* SPDX-License-Identifier: MIT */
/*
 * The failing environment: every call passes one gate, which counts it and
 * says whether it fails; then the base env does it and the model of the disk
 * (fault_disk.h) is told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "tests/support/fault_disk.h"
#include "tests/support/fault_env_impl.h"

struct fault_file {
	struct env_file file;
	struct fault_env *fe;
	struct env_file *real;
	struct env_file *peek; /* for reading, without O_DIRECT */
	struct disk_node *node;
	unsigned flags;
	unsigned generation;
	unsigned n_maps; /* guarded by fe->mu */
	uint64_t append_at;
};

struct fault_map {
	struct env_map map;
	struct fault_file *file;
	struct env_map *real;
	uint64_t off;
};

struct fault_lock {
	struct env_lock lock;
	struct env_lock *real;
};

static struct fault_env *to_env(struct env *e)
{
	return container_of(e, struct fault_env, env);
}

static struct fault_file *to_file(struct env_file *f)
{
	return container_of(f, struct fault_file, file);
}

/* The path below the root. */
static const char *below(const struct fault_env *fe, const char *path)
{
	assert(!strncmp(path, fe->root, fe->root_len) &&
	       (path[fe->root_len] == '/' || !path[fe->root_len]));
	return path + fe->root_len;
}

/* The gate: counts a call; 0 when it may go on. */
static int gate_locked(struct fault_env *fe, enum fault_kind kind,
		       const char *path)
{
	int err;

	mutex_assert_held(&fe->mu);
	fe->n_calls[__builtin_ctz(kind)]++;
	if (fe->is_off)
		return err_set(-EIO, "%s: the power is off", path);
	if (!fe->fail_errno || !(fe->fail_mask & kind) ||
	    (fe->fail_part && !strstr(path, fe->fail_part)))
		return 0;
	if (fe->fail_after > 0) {
		fe->fail_after--;
		return 0;
	}
	err = fe->fail_errno;
	if (fe->fail_span == FAULT_ONCE)
		fe->fail_errno = 0;
	fe->n_failed++;
	return err_errno(err, "%s: injected failure", path);
}

static int file_gate_locked(struct fault_file *f, enum fault_kind kind)
{
	int r = gate_locked(f->fe, kind, f->file.path);

	if (r == 0 && f->generation != f->fe->generation)
		r = err_set(-EIO, "%s: opened before the power cut",
			    f->file.path);
	return r;
}

/* Bytes by which files may grow. */
static uint64_t space_left_locked(struct fault_env *fe)
{
	uint64_t used;

	mutex_assert_held(&fe->mu);
	if (fe->capacity == UINT64_MAX)
		return fe->bytes_left;
	used = disk_used(fe->disk);
	return used < fe->capacity ? MIN_OF(fe->bytes_left, fe->capacity - used)
				   : 0;
}

static int no_space(struct fault_env *fe, const char *path)
{
	fe->n_failed++;
	return err_errno(ENOSPC, "%s: cannot write", path);
}

/* --------------------------------------------------------------- files */

static const struct env_ops fault_ops;

static int open_locked(struct fault_env *fe, struct fault_file *f,
		       const char *path)
{
	struct disk_node *n = disk_find(fe->disk, below(fe, path));
	uint64_t old_size = 0;
	int r;

	if (!n && (f->flags & ENV_CREATE) && space_left_locked(fe) == 0)
		return no_space(fe, path);
	r = env_open(fe->base, path, f->flags, &f->real);
	if (r == 0)
		r = env_open(fe->base, path, ENV_READ, &f->peek);
	if (r < 0)
		return r;
	if (!n) {
		r = disk_create(fe->disk, below(fe, path), false);
		if (r < 0)
			return r;
		n = disk_find(fe->disk, below(fe, path));
	}
	assert(n);
	f->node = n;
	disk_node_ref(n);
	if (f->flags & ENV_TRUNC)
		disk_mark_dirty(n, 0, UINT32_MAX);
	f->generation = fe->generation;
	r = env_file_size(f->peek, &old_size);
	f->append_at = old_size;
	disk_set_size(n, old_size);
	return r;
}

static void fault_file_free(struct fault_file *f)
{
	if (f->node)
		disk_node_unref(f->node);
	(void)env_close(f->peek);
	(void)env_close(f->real);
	free((void *)(uintptr_t)f->file.path);
	free(f);
}

static int fault_open(struct env *e, const char *path, unsigned flags,
		      struct env_file **out)
{
	struct fault_env *fe = to_env(e);
	struct fault_file *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err_nomem("fault env");
	f->file.ops = &fault_ops;
	f->file.path = strdup(path);
	f->fe = fe;
	f->flags = flags;
	mutex_lock(&fe->mu);
	r = gate_locked(fe, FAULT_OPEN, path);
	if (r == 0)
		r = open_locked(fe, f, path);
	if (r == 0)
		*out = &f->file;
	else
		fault_file_free(f);
	mutex_unlock(&fe->mu);
	return r;
}

static int fault_close(struct env_file *file)
{
	struct fault_file *f = to_file(file);
	struct fault_env *fe = f->fe;
	int r;

	mutex_lock(&fe->mu);
	r = fe->is_off ? 0 : gate_locked(fe, FAULT_CLOSE, file->path);
	fault_file_free(f);
	mutex_unlock(&fe->mu);
	return r;
}

static int fault_read(struct env_file *file, uint64_t off, void *dst,
		      size_t len, size_t *out_len)
{
	struct fault_file *f = to_file(file);
	int r;

	mutex_lock(&f->fe->mu);
	r = file_gate_locked(f, FAULT_READ);
	mutex_unlock(&f->fe->mu);
	if (r == 0)
		r = env_read(f->real, off, dst, len, out_len);
	if (r == 0 && (f->flags & ENV_DIRECT)) {
		mutex_lock(&f->fe->mu);
		disk_show_lost(f->node, off, dst, *out_len);
		mutex_unlock(&f->fe->mu);
	}
	return r;
}

/* How many of `len` bytes at `off` find room on the disk. Overwriting needs
 * none. */
static size_t room_locked(struct fault_file *f, uint64_t off, size_t len)
{
	struct fault_env *fe = f->fe;
	uint64_t size = 0, grows, left = space_left_locked(fe);

	if (left == UINT64_MAX)
		return len;
	(void)env_file_size(f->peek, &size);
	grows = off + len > size ? off + len - MAX_OF(size, off) : 0;
	if (grows > left) {
		len -= (size_t)(grows - left);
		grows = left;
	}
	if (fe->bytes_left != UINT64_MAX)
		fe->bytes_left -= grows;
	return len;
}

static void note_size_locked(struct fault_file *f)
{
	uint64_t size = 0;

	if (env_file_size(f->peek, &size) == 0)
		disk_set_size(f->node, size);
}

/* Writes and tells the model. Direct files keep their alignment. */
static int put_locked(struct fault_file *f, uint64_t off, const void *src,
		      size_t len)
{
	int r;

	if (f->flags & ENV_DIRECT)
		len = ROUND_DOWN(len, (size_t)ENV_DIRECT_ALIGN);
	r = env_write(f->real, off, src, len);
	disk_note_write(f->node, off, len);
	note_size_locked(f);
	if (r == 0 && (f->flags & ENV_DSYNC))
		r = disk_sync_range(f->node, f->peek, off, len);
	return r;
}

static int write_locked(struct fault_file *f, uint64_t off, const void *src,
			size_t len, size_t *done)
{
	struct fault_env *fe = f->fe;
	struct err_saved why;
	size_t room;
	int r = file_gate_locked(f, FAULT_WRITE);

	*done = 0;
	if (r < 0) {
		if (!fe->tear || fe->is_off || f->generation != fe->generation)
			return r;
		err_save(&why, r);
		*done = (size_t)rng_below(&fe->rng, len + 1);
		(void)put_locked(f, off, src, *done);
		return err_restore(&why);
	}
	room = room_locked(f, off, len);
	r = put_locked(f, off, src, room);
	if (r == 0)
		*done = room;
	return r == 0 && room < len ? no_space(fe, f->file.path) : r;
}

static int fault_write(struct env_file *file, uint64_t off, const void *src,
		       size_t len)
{
	struct fault_file *f = to_file(file);
	size_t done;
	int r;

	mutex_lock(&f->fe->mu);
	r = write_locked(f, off, src, len, &done);
	mutex_unlock(&f->fe->mu);
	return r;
}

static int fault_append(struct env_file *file, const void *src, size_t len)
{
	struct fault_file *f = to_file(file);
	size_t done;
	int r;

	mutex_lock(&f->fe->mu);
	r = write_locked(f, f->append_at, src, len, &done);
	f->append_at += done;
	mutex_unlock(&f->fe->mu);
	return r;
}

static int fault_allocate(struct env_file *file, uint64_t off, uint64_t len)
{
	struct fault_file *f = to_file(file);
	struct fault_env *fe = f->fe;
	int r;

	mutex_lock(&fe->mu);
	r = file_gate_locked(f, FAULT_ALLOCATE);
	if (r == 0 && room_locked(f, off, (size_t)len) < len)
		r = no_space(fe, file->path);
	if (r == 0)
		r = env_allocate(f->real, off, len);
	if (r == 0)
		note_size_locked(f);
	mutex_unlock(&fe->mu);
	return r;
}

static int fault_truncate(struct env_file *file, uint64_t size)
{
	struct fault_file *f = to_file(file);
	uint64_t was = 0;
	int r;

	mutex_lock(&f->fe->mu);
	r = file_gate_locked(f, FAULT_ALLOCATE);
	if (r == 0)
		r = env_file_size(f->peek, &was);
	if (r == 0)
		r = env_truncate(f->real, size);
	if (r == 0) /* what is cut off and grown again reads as zeros */
		disk_mark_dirty(f->node, MIN_OF(was, size),
				MAX_OF(was, size) - MIN_OF(was, size));
	note_size_locked(f);
	mutex_unlock(&f->fe->mu);
	return r;
}

/* A failed sync loses pages when that is ordered and the disk has power. */
static bool loses_pages_locked(const struct fault_file *f)
{
	return f->fe->loses_pages && !f->fe->is_off &&
	       f->generation == f->fe->generation;
}

/* A sync failed with `code`, and `n` pages were lost by it. */
static void lost_locked(struct fault_file *f, int code, int n)
{
	assert(n >= 0);
	f->fe->n_lost += (uint64_t)n;
	(void)err_errno(-code, "%s: injected failure", f->file.path);
}

static int fault_sync(struct env_file *file, enum env_sync_kind kind)
{
	struct fault_file *f = to_file(file);
	int r;

	(void)kind; /* the model needs no real sync */
	mutex_lock(&f->fe->mu);
	r = file_gate_locked(f, FAULT_SYNC);
	if (f->n_maps) /* stores are not seen one by one */
		disk_mark_dirty(f->node, 0, UINT32_MAX);
	if (r == 0)
		r = disk_sync_file(f->node, f->peek);
	else if (loses_pages_locked(f))
		lost_locked(f, r,
			    disk_fail_sync_file(f->node, f->peek, &f->fe->rng));
	mutex_unlock(&f->fe->mu);
	return r;
}

static int fault_file_size(struct env_file *file, uint64_t *out)
{
	struct fault_file *f = to_file(file);
	int r;

	mutex_lock(&f->fe->mu);
	r = file_gate_locked(f, FAULT_LIST);
	mutex_unlock(&f->fe->mu);
	return r < 0 ? r : env_file_size(f->real, out);
}

static int fault_advise(struct env_file *file, uint64_t off, uint64_t len,
			enum env_advice advice)
{
	return env_advise(to_file(file)->real, off, len, advice);
}

static int fault_cached(struct env_file *file, uint64_t len, uint8_t *out)
{
	return env_cached(to_file(file)->real, len, out);
}

/* ------------------------------------------------------------- mappings */

static int fault_map(struct env_file *file, uint64_t off, size_t len,
		     bool writable, struct env_map **out)
{
	struct fault_file *f = to_file(file);
	struct fault_map *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_nomem("fault env");
	mutex_lock(&f->fe->mu);
	r = file_gate_locked(f, FAULT_MAP);
	if (r == 0)
		r = env_map(f->real, off, len, writable, &m->real);
	if (r == 0)
		f->n_maps++;
	mutex_unlock(&f->fe->mu);
	if (r < 0) {
		free(m);
		return r;
	}
	m->map.ops = &fault_ops;
	m->map.base = m->real->base;
	m->map.len = len;
	m->file = f;
	m->off = off;
	*out = &m->map;
	return 0;
}

static int fault_map_populate(struct env_map *map, size_t off, size_t len)
{
	struct fault_map *m = container_of(map, struct fault_map, map);
	struct fault_env *fe = m->file->fe;
	int r;

	mutex_lock(&fe->mu);
	r = file_gate_locked(m->file, FAULT_MAP);
	mutex_unlock(&fe->mu);
	return r < 0 ? r : env_map_populate(m->real, off, len);
}

static int fault_map_sync(struct env_map *map, size_t off, size_t len)
{
	struct fault_map *m = container_of(map, struct fault_map, map);
	struct fault_env *fe = m->file->fe;
	int r;

	mutex_lock(&fe->mu);
	r = file_gate_locked(m->file, FAULT_SYNC);
	if (r == 0)
		r = disk_sync_range(m->file->node, m->file->peek, m->off + off,
				    len);
	else if (loses_pages_locked(m->file))
		lost_locked(m->file, r,
			    disk_fail_sync_range(m->file->node, m->file->peek,
						 m->off + off, len, &fe->rng));
	mutex_unlock(&fe->mu);
	return r;
}

static int fault_unmap(struct env_map *map)
{
	struct fault_map *m = container_of(map, struct fault_map, map);
	int r;

	/* Stores that no map_sync() covered wait for a sync of the file. */
	mutex_lock(&m->file->fe->mu);
	disk_mark_dirty(m->file->node, m->off, map->len);
	m->file->n_maps--;
	mutex_unlock(&m->file->fe->mu);
	r = env_unmap(m->real);
	free(m);
	return r;
}

/* ---------------------------------------------------------- directories */

static int fault_rename(struct env *e, const char *from, const char *to)
{
	struct fault_env *fe = to_env(e);
	int r;

	mutex_lock(&fe->mu);
	r = gate_locked(fe, FAULT_RENAME, from);
	if (r == 0)
		r = env_rename(fe->base, from, to);
	if (r == 0)
		r = disk_rename(fe->disk, below(fe, from), below(fe, to));
	mutex_unlock(&fe->mu);
	return r;
}

static int fault_link(struct env *e, const char *from, const char *to)
{
	struct fault_env *fe = to_env(e);
	int r;

	mutex_lock(&fe->mu);
	r = gate_locked(fe, FAULT_LINK, from);
	if (r == 0)
		r = env_link(fe->base, from, to);
	if (r == 0)
		r = disk_link(fe->disk, below(fe, from), below(fe, to));
	mutex_unlock(&fe->mu);
	return r;
}

static int fault_unlink(struct env *e, const char *path)
{
	struct fault_env *fe = to_env(e);
	int r;

	mutex_lock(&fe->mu);
	r = gate_locked(fe, FAULT_UNLINK, path);
	if (r == 0)
		r = env_unlink(fe->base, path);
	if (r == 0)
		r = disk_remove(fe->disk, below(fe, path));
	mutex_unlock(&fe->mu);
	return r;
}

static int fault_rmdir(struct env *e, const char *path)
{
	struct fault_env *fe = to_env(e);
	int r;

	mutex_lock(&fe->mu);
	r = gate_locked(fe, FAULT_UNLINK, path);
	if (r == 0)
		r = env_rmdir(fe->base, path);
	if (r == 0)
		r = disk_remove(fe->disk, below(fe, path));
	mutex_unlock(&fe->mu);
	return r;
}

static int fault_mkdir(struct env *e, const char *path)
{
	struct fault_env *fe = to_env(e);
	int r;

	mutex_lock(&fe->mu);
	r = gate_locked(fe, FAULT_MKDIR, path);
	if (r == 0 && space_left_locked(fe) == 0)
		r = no_space(fe, path);
	if (r == 0)
		r = env_mkdir(fe->base, path);
	if (r == 0)
		r = disk_create(fe->disk, below(fe, path), true);
	mutex_unlock(&fe->mu);
	return r;
}

/* Only the gate is locked: the listing's callback may call us again. */
static int fault_list(struct env *e, const char *path, env_list_fn fn,
		      void *arg)
{
	struct fault_env *fe = to_env(e);
	int r;

	mutex_lock(&fe->mu);
	r = gate_locked(fe, FAULT_LIST, path);
	mutex_unlock(&fe->mu);
	return r < 0 ? r : env_list(fe->base, path, fn, arg);
}

static int fault_stat(struct env *e, const char *path, struct env_stat *out)
{
	struct fault_env *fe = to_env(e);
	int r;

	mutex_lock(&fe->mu);
	r = gate_locked(fe, FAULT_LIST, path);
	mutex_unlock(&fe->mu);
	return r < 0 ? r : env_stat(fe->base, path, out);
}

static int fault_sync_dir(struct env *e, const char *path)
{
	struct fault_env *fe = to_env(e);
	int r;

	mutex_lock(&fe->mu);
	r = gate_locked(fe, FAULT_SYNC_DIR, path);
	if (r == 0 && !disk_find(fe->disk, below(fe, path)))
		r = err_errno(ENOENT, "%s: cannot sync", path);
	if (r == 0)
		r = disk_sync_dir(fe->disk, below(fe, path));
	mutex_unlock(&fe->mu);
	return r;
}

static int fault_lock(struct env *e, const char *path, struct env_lock **out)
{
	struct fault_env *fe = to_env(e);
	struct fault_lock *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_nomem("fault env");
	l->lock.ops = &fault_ops;
	mutex_lock(&fe->mu);
	r = gate_locked(fe, FAULT_LOCK, path);
	if (r == 0)
		r = env_lock(fe->base, path, &l->real);
	if (r == 0)
		r = disk_create(fe->disk, below(fe, path), false);
	mutex_unlock(&fe->mu);
	if (r < 0)
		free(l);
	else
		*out = &l->lock;
	return r;
}

static int fault_unlock(struct env_lock *lock)
{
	struct fault_lock *l = container_of(lock, struct fault_lock, lock);
	int r = env_unlock(l->real);

	free(l);
	return r;
}

static int fault_space(struct env *e, const char *path, struct env_space *out)
{
	struct fault_env *fe = to_env(e);
	uint64_t left;
	int r;

	mutex_lock(&fe->mu);
	r = gate_locked(fe, FAULT_LIST, path);
	left = space_left_locked(fe);
	mutex_unlock(&fe->mu);
	if (r == 0)
		r = env_space(fe->base, path, out);
	if (r == 0) {
		out->free = MIN_OF(out->free, left);
		out->avail = MIN_OF(out->avail, left);
	}
	return r;
}

static int64_t fault_now_us(struct env *e)
{
	struct fault_env *fe = to_env(e);
	int64_t skew;

	mutex_lock(&fe->mu);
	skew = fe->skew_us + fe->wall_us;
	mutex_unlock(&fe->mu);
	return env_now_us(fe->base) + skew;
}

static uint64_t fault_mono_ns(struct env *e)
{
	struct fault_env *fe = to_env(e);
	int64_t skew;

	mutex_lock(&fe->mu);
	skew = fe->skew_us;
	mutex_unlock(&fe->mu);
	return env_mono_ns(fe->base) + (uint64_t)skew * 1000;
}

static const struct env_ops fault_ops = {
	.open = fault_open,
	.close = fault_close,
	.read = fault_read,
	.write = fault_write,
	.append = fault_append,
	.allocate = fault_allocate,
	.truncate = fault_truncate,
	.sync = fault_sync,
	.file_size = fault_file_size,
	.advise = fault_advise,
	.cached = fault_cached,
	.map = fault_map,
	.map_populate = fault_map_populate,
	.map_sync = fault_map_sync,
	.unmap = fault_unmap,
	.rename = fault_rename,
	.unlink = fault_unlink,
	.link = fault_link,
	.mkdir = fault_mkdir,
	.rmdir = fault_rmdir,
	.list = fault_list,
	.stat = fault_stat,
	.sync_dir = fault_sync_dir,
	.lock = fault_lock,
	.unlock = fault_unlock,
	.space = fault_space,
	.now_us = fault_now_us,
	.mono_ns = fault_mono_ns,
};

/* ------------------------------------------------------------ birth, death */

int fault_env_new(struct env *base, const char *root, uint64_t seed,
		  struct fault_env **out)
{
	struct fault_env *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err_nomem("fault env");
	f->env.ops = &fault_ops;
	f->base = base;
	mutex_init(&f->mu, RANK_FAULT_ENV);
	rng_init(&f->rng, seed);
	f->bytes_left = UINT64_MAX;
	f->capacity = UINT64_MAX;
	f->root = strdup(root);
	r = f->root ? disk_new(base, root, &f->disk) : err_nomem("fault env");
	if (r < 0) {
		fault_env_free(f);
		return r;
	}
	f->root_len = strlen(root);
	*out = f;
	return 0;
}

void fault_env_free(struct fault_env *f)
{
	if (!f)
		return;
	disk_free(f->disk);
	mutex_fini(&f->mu);
	free(f->root);
	free(f);
}

struct env *fault_env_env(struct fault_env *f)
{
	return &f->env;
}
