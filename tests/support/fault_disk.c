/* SPDX-License-Identifier: MIT */
/*
 * The model of a disk. Sizes are those of tests: directories are arrays
 * searched from the front, images are whole files in memory.
 *
 * A transaction sets or clears up to two names. Syncing a directory commits
 * the waiting transactions that touch it, in order, and with each one the
 * earlier ones of every directory that it touches: committed changes are
 * then always a history that could have happened.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "tests/support/fault_disk_impl.h"

/* --------------------------------------------------------------- names */

static struct disk_entry *names_find(struct disk_names *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, name))
			return &s->v[i];
	return NULL;
}

static void names_clear(struct disk_names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].name);
	free(s->v);
	*s = (struct disk_names){ 0 };
}

/* Sets a name, or removes it when `node` is NULL. */
static int names_set(struct disk_names *s, const char *name,
		     struct disk_node *node)
{
	struct disk_entry *e = names_find(s, name);
	char *copy;

	if (e && node) {
		e->node = node;
		return 0;
	}
	if (e) {
		free(e->name);
		*e = s->v[--s->n];
		return 0;
	}
	if (!node)
		return 0;
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 8;
		struct disk_entry *v = realloc(s->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->cap = cap;
	}
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	s->v[s->n].name = copy;
	s->v[s->n].node = node;
	s->n++;
	return 0;
}

/* --------------------------------------------------------------- nodes */

static struct disk_node *node_new(struct disk *d, bool is_dir)
{
	struct disk_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->is_dir = is_dir;
	n->dirty_from = UINT64_MAX;
	n->next = d->nodes;
	d->nodes = n;
	return n;
}

static void node_free(struct disk_node *n)
{
	names_clear(&n->live);
	names_clear(&n->durable);
	buf_fini(&n->image);
	buf_fini(&n->found);
	free(n->placed);
	free(n);
}

void disk_node_ref(struct disk_node *n)
{
	n->n_refs++;
}

void disk_node_unref(struct disk_node *n)
{
	assert(n->n_refs > 0);
	n->n_refs--;
}

static void node_mark(struct disk_node *n)
{
	if (n->is_marked)
		return;
	n->is_marked = true;
	for (size_t i = 0; i < n->live.n; i++)
		node_mark(n->live.v[i].node);
	for (size_t i = 0; i < n->durable.n; i++)
		node_mark(n->durable.v[i].node);
}

/* Frees the nodes that nothing can reach any more. */
static void disk_collect(struct disk *d)
{
	struct disk_node **at = &d->nodes;

	for (struct disk_node *n = d->nodes; n; n = n->next)
		n->is_marked = false;
	node_mark(d->top);
	for (struct disk_txn *t = d->first; t; t = t->next) {
		for (unsigned i = 0; i < t->n; i++) {
			node_mark(t->c[i].dir);
			if (t->c[i].node)
				node_mark(t->c[i].node);
		}
	}
	while (*at) {
		struct disk_node *n = *at;

		if (n->is_marked || n->n_refs) {
			at = &n->next;
			continue;
		}
		*at = n->next;
		node_free(n);
	}
}

/* ------------------------------------------------------------- the walk */

/* The next component of a path into `out`; what follows, NULL at the end. */
static const char *next_part(const char *p, char *out, size_t cap)
{
	size_t n;

	p += strspn(p, "/");
	n = strcspn(p, "/");
	assert(n < cap);
	memcpy(out, p, n);
	out[n] = 0;
	p += n;
	return p + strspn(p, "/");
}

/* The live directory that holds `path`, and the last name of it; NULL when
 * there is no such directory. */
static struct disk_node *walk_parent(struct disk *d, const char *path,
				     char *name, size_t cap)
{
	struct disk_node *n = d->top;
	struct disk_entry *e;

	path = next_part(path, name, cap);
	while (*path) {
		e = names_find(&n->live, name);
		if (!e || !e->node->is_dir)
			return NULL;
		n = e->node;
		path = next_part(path, name, cap);
	}
	return n;
}

struct disk_node *disk_find(struct disk *d, const char *path)
{
	char name[256];
	struct disk_node *dir = walk_parent(d, path, name, sizeof(name));
	struct disk_entry *e;

	if (!dir || !*name)
		return dir;
	e = names_find(&dir->live, name);
	return e ? e->node : NULL;
}

/* ------------------------------------------------------- transactions */

static void txn_free(struct disk_txn *t)
{
	for (unsigned i = 0; i < t->n; i++)
		free(t->c[i].name);
	free(t);
}

static int txn_apply(struct disk_txn *t)
{
	int r = 0;

	for (unsigned i = 0; i < t->n && r == 0; i++)
		r = names_set(&t->c[i].dir->durable, t->c[i].name,
			      t->c[i].node);
	return r;
}

static int txn_add(struct disk_txn *t, struct disk_node *dir, const char *name,
		   struct disk_node *node)
{
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	t->c[t->n].dir = dir;
	t->c[t->n].name = copy;
	t->c[t->n].node = node;
	t->n++;
	return names_set(&dir->live, name, node);
}

/* Makes up to two changes of live names, waiting to become durable. */
static int disk_change2(struct disk *d, struct disk_node *dir_a, const char *a,
			struct disk_node *node_a, struct disk_node *dir_b,
			const char *b, struct disk_node *node_b)
{
	struct disk_txn *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_nomem("fault env");
	*d->last = t;
	d->last = &t->next;
	r = txn_add(t, dir_a, a, node_a);
	if (r == 0 && dir_b)
		r = txn_add(t, dir_b, b, node_b);
	return r < 0 ? err_nomem("fault env") : 0;
}

int disk_create(struct disk *d, const char *path, bool is_dir)
{
	char name[256];
	struct disk_node *dir = walk_parent(d, path, name, sizeof(name));
	struct disk_node *n;

	assert(dir && *name);
	if (names_find(&dir->live, name))
		return 0;
	n = node_new(d, is_dir);
	if (!n)
		return err_nomem("fault env");
	return disk_change2(d, dir, name, n, NULL, NULL, NULL);
}

int disk_remove(struct disk *d, const char *path)
{
	char name[256];
	struct disk_node *dir = walk_parent(d, path, name, sizeof(name));

	assert(dir && *name);
	return disk_change2(d, dir, name, NULL, NULL, NULL, NULL);
}

int disk_rename(struct disk *d, const char *from, const char *to)
{
	char a[256], b[256];
	struct disk_node *dir_a = walk_parent(d, from, a, sizeof(a));
	struct disk_node *dir_b = walk_parent(d, to, b, sizeof(b));
	struct disk_node *n = disk_find(d, from);

	assert(dir_a && dir_b && n);
	if (dir_a == dir_b && !strcmp(a, b))
		return 0;
	return disk_change2(d, dir_a, a, NULL, dir_b, b, n);
}

int disk_link(struct disk *d, const char *from, const char *to)
{
	char b[256];
	struct disk_node *dir_b = walk_parent(d, to, b, sizeof(b));
	struct disk_node *n = disk_find(d, from);

	assert(dir_b && n);
	return disk_change2(d, dir_b, b, n, NULL, NULL, NULL);
}

#define MAX_TOUCHED 64

struct touched {
	struct disk_node *dirs[MAX_TOUCHED];
	unsigned n;
};

static bool touched_has(const struct touched *s, const struct disk_node *dir)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->dirs[i] == dir)
			return true;
	return false;
}

static void touched_add(struct touched *s, struct disk_node *dir)
{
	if (touched_has(s, dir))
		return;
	assert(s->n < MAX_TOUCHED);
	s->dirs[s->n++] = dir;
}

/* Chooses what syncing `dir` commits, from the newest to the oldest, so that
 * one pass follows every dependence. */
static void choose(struct disk_txn *t, struct touched *s)
{
	bool touches = false;

	if (!t)
		return;
	choose(t->next, s);
	for (unsigned i = 0; i < t->n; i++)
		touches |= touched_has(s, t->c[i].dir);
	t->is_chosen = touches;
	for (unsigned i = 0; touches && i < t->n; i++)
		touched_add(s, t->c[i].dir);
}

/* Applies and forgets the chosen transactions, oldest first. */
static int commit_chosen(struct disk *d)
{
	struct disk_txn **at = &d->first;
	int r = 0;

	while (*at) {
		struct disk_txn *t = *at;

		if (!t->is_chosen) {
			at = &t->next;
			continue;
		}
		if (r == 0)
			r = txn_apply(t);
		*at = t->next;
		txn_free(t);
	}
	d->last = at;
	return r;
}

int disk_commit_some(struct disk *d, struct rng *rng)
{
	uint64_t n = 0, keep;

	for (struct disk_txn *t = d->first; t; t = t->next)
		n++;
	keep = rng_below(rng, n + 1);
	for (struct disk_txn *t = d->first; t; t = t->next) {
		t->is_chosen = keep > 0;
		if (keep)
			keep--;
	}
	return commit_chosen(d);
}

int disk_sync_dir(struct disk *d, const char *path)
{
	struct disk_node *dir = disk_find(d, path);
	struct touched s = { { 0 }, 0 };
	int r;

	assert(dir && dir->is_dir);
	touched_add(&s, dir);
	choose(d->first, &s);
	r = commit_chosen(d);
	disk_collect(d);
	return r;
}

/* ------------------------------------------------------------- contents */

void disk_mark_dirty(struct disk_node *n, uint64_t off, uint64_t len)
{
	n->dirty_from = MIN_OF(n->dirty_from, off);
	n->dirty_to = MAX_OF(n->dirty_to, off + len);
}

static int image_resize(struct disk_node *n, uint64_t size)
{
	assert(size <= MAX_IMAGE);
	if (size <= n->image.len) {
		buf_truncate(&n->image, (size_t)size);
		return 0;
	}
	return buf_append_fill(&n->image, 0, (size_t)size - n->image.len);
}

int disk_sync_range(struct disk_node *n, struct env_file *peek, uint64_t off,
		    uint64_t len)
{
	uint64_t size;
	size_t got;
	int r = env_file_size(peek, &size);

	if (r == 0)
		r = image_resize(n, size);
	if (r < 0 || off >= size)
		return r;
	len = MIN_OF(len, size - off);
	return env_read(peek, off, n->image.data + off, (size_t)len, &got);
}

int disk_sync_file(struct disk_node *n, struct env_file *peek)
{
	uint64_t from = n->dirty_from, to = n->dirty_to;
	int r = disk_sync_range(n, peek, from, to > from ? to - from : 0);

	if (r < 0)
		return r;
	n->dirty_from = UINT64_MAX;
	n->dirty_to = 0;
	return 0;
}

/* ----------------------------------------------------------------- scan */

struct scan {
	struct disk *d;
	struct disk_node *dir;
	const char *path; /* of dir, as the base env knows it */
};

static int scan_dir(struct disk *d, struct disk_node *dir, const char *path);

static int scan_one(void *arg, const char *name, enum env_file_type type)
{
	struct scan *s = arg;
	struct disk_node *n;
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	n = node_new(s->d, type == ENV_TYPE_DIR);
	if (!n)
		return err_nomem("fault env");
	r = names_set(&s->dir->live, name, n);
	if (r == 0)
		r = names_set(&s->dir->durable, name, n);
	if (r < 0)
		return r;
	if (type == ENV_TYPE_DIR)
		return scan_dir(s->d, n, path);
	if (type == ENV_TYPE_FILE)
		return env_read_file(s->d->base, path, MAX_IMAGE, &n->image);
	return 0;
}

static int scan_dir(struct disk *d, struct disk_node *dir, const char *path)
{
	struct scan s = { d, dir, path };

	return env_list(d->base, path, scan_one, &s);
}

int disk_rescan(struct disk *d)
{
	struct disk_node *top = node_new(d, true);

	if (!top)
		return err_nomem("fault env");
	while (d->first) {
		struct disk_txn *t = d->first;

		d->first = t->next;
		txn_free(t);
	}
	d->last = &d->first;
	d->top = top;
	disk_collect(d);
	return scan_dir(d, top, d->root);
}

int disk_new(struct env *base, const char *root, struct disk **out)
{
	struct disk *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_nomem("fault env");
	d->base = base;
	d->last = &d->first;
	d->root = strdup(root);
	r = d->root ? disk_rescan(d) : err_nomem("fault env");
	if (r < 0) {
		disk_free(d);
		return r;
	}
	*out = d;
	return 0;
}

void disk_free(struct disk *d)
{
	if (!d)
		return;
	while (d->first) {
		struct disk_txn *t = d->first;

		d->first = t->next;
		txn_free(t);
	}
	while (d->nodes) {
		struct disk_node *n = d->nodes;

		d->nodes = n->next;
		node_free(n);
	}
	free(d->root);
	free(d);
}
