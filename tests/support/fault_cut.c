/* SPDX-License-Identifier: MIT */
/* What a power cut leaves of the model of a disk, put back under the root. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/support/fault_disk_impl.h"

/* One page of an unsynced file: which of its bytes the disk has. */
static void cut_page(const struct disk_node *of, struct buf *found,
		     const struct buf *live, size_t at, struct rng *rng)
{
	size_t n = MIN_OF(found->len, live->len);
	size_t len = at < n ? MIN_OF((size_t)PAGE, n - at) : 0;
	size_t torn_at;

	if (!len || !memcmp(found->data + at, live->data + at, len))
		return;
	if (disk_page_is_lost(of, at / PAGE, live->data + at,
			      MIN_OF((size_t)PAGE, live->len - at)) ||
	    rng_one_in(rng, 2))
		return;
	if (rng_one_in(rng, 8)) { /* torn between two sectors */
		torn_at = SECTOR * (size_t)rng_below(rng, PAGE / SECTOR);
		len = MIN_OF(len, torn_at);
	}
	memcpy(found->data + at, live->data + at, len);
}

/* What the disk has of a file whose live bytes are `live`. */
static int cut_file(struct disk_node *n, const struct buf *live,
		    enum fault_cut how, struct rng *rng)
{
	int r = 0;

	if (how == CUT_NOTHING_LOST)
		return buf_set(&n->found, buf_slice(live));
	r = buf_set(&n->found, buf_slice(&n->image));
	if (r < 0 || how == CUT_STRICT)
		return r;
	if (live->len != n->image.len && rng_one_in(rng, 2)) {
		if (live->len < n->found.len)
			buf_truncate(&n->found, live->len);
		else
			r = buf_append_fill(&n->found, 0,
					    live->len - n->found.len);
	}
	for (size_t at = 0; r == 0 && at < n->found.len; at += PAGE)
		cut_page(n, &n->found, live, at, rng);
	return r;
}

static int by_name(const void *a, const void *b)
{
	const struct disk_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Decides for every file below a live directory, in an order that is the
 * same each time. */
static int cut_live(struct disk *d, struct disk_node *dir, const char *path,
		    enum fault_cut how, struct rng *rng)
{
	int r = 0;

	if (dir->live.n)
		qsort(dir->live.v, dir->live.n, sizeof(dir->live.v[0]),
		      by_name);
	for (size_t i = 0; r == 0 && i < dir->live.n; i++) {
		struct disk_node *n = dir->live.v[i].node;
		struct buf live = BUF_INIT;
		char sub[4096];

		snprintf(sub, sizeof(sub), "%s/%s", path, dir->live.v[i].name);
		if (n->is_dir) {
			r = cut_live(d, n, sub, how, rng);
		} else if (!n->is_found) {
			r = env_read_file(d->base, sub, MAX_IMAGE, &live);
			if (r == 0)
				r = cut_file(n, &live, how, rng);
			n->is_found = true;
		}
		buf_fini(&live);
	}
	return r;
}

struct empty {
	struct env *base;
	const char *path;
};

static int empty_dir(struct env *base, const char *path);

static int empty_one(void *arg, const char *name, enum env_file_type type)
{
	struct empty *e = arg;
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/%s", e->path, name);
	if (type != ENV_TYPE_DIR)
		return env_unlink(e->base, path);
	r = empty_dir(e->base, path);
	return r < 0 ? r : env_rmdir(e->base, path);
}

static int empty_dir(struct env *base, const char *path)
{
	struct empty e = { base, path };

	return env_list(base, path, empty_one, &e);
}

static int place_file(struct disk *d, struct disk_node *n, const char *path)
{
	const struct buf *bytes = n->is_found ? &n->found : &n->image;
	struct env_file *f;
	int r, c;

	if (n->placed)
		return env_link(d->base, n->placed, path);
	r = env_open(d->base, path, ENV_WRITE | ENV_CREATE | ENV_EXCL, &f);
	if (r < 0)
		return r;
	r = env_write(f, 0, bytes->data, bytes->len);
	c = env_close(f);
	n->placed = strdup(path);
	if (!n->placed)
		return err_nomem("fault env");
	return r < 0 ? r : c;
}

/* Writes what a durable directory holds. */
static int place_dir(struct disk *d, const struct disk_names *names,
		     enum fault_cut how, const char *path)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->n; i++) {
		struct disk_node *n = names->v[i].node;
		char sub[4096];

		snprintf(sub, sizeof(sub), "%s/%s", path, names->v[i].name);
		if (!n->is_dir) {
			r = place_file(d, n, sub);
			continue;
		}
		r = env_mkdir(d->base, sub);
		if (r == 0)
			r = place_dir(d,
				      how == CUT_NOTHING_LOST ? &n->live
							      : &n->durable,
				      how, sub);
	}
	return r;
}

int disk_cut(struct disk *d, enum fault_cut how, struct rng *rng)
{
	int r = cut_live(d, d->top, d->root, how, rng);

	if (r == 0 && how == CUT_RANDOM)
		r = disk_commit_some(d, rng);
	if (r == 0)
		r = empty_dir(d->base, d->root);
	if (r == 0)
		r = place_dir(d,
			      how == CUT_NOTHING_LOST ? &d->top->live
						      : &d->top->durable,
			      how, d->root);
	return r;
}
