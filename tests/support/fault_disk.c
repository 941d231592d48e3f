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
#include "base/checksum.h"
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
	free(n->lost);
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

void disk_note_write(struct disk_node *n, uint64_t off, uint64_t len)
{
	disk_mark_dirty(n, off, len);
	for (size_t i = 0; i < n->n_lost; i++)
		if (n->lost[i].no * PAGE < off + len &&
		    off < (n->lost[i].no + 1) * PAGE)
			n->lost[i].is_written = true;
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

static struct lost_page *find_lost(const struct disk_node *n, uint64_t no)
{
	for (size_t i = 0; i < n->n_lost; i++)
		if (n->lost[i].no == no)
			return &n->lost[i];
	return NULL;
}

bool disk_page_is_lost(const struct disk_node *n, uint64_t no, const void *p,
		       size_t len)
{
	const struct lost_page *l = find_lost(n, no);

	return l && !l->is_written && l->sum == checksum(p, len);
}

static int add_lost(struct disk_node *n, uint64_t no, uint64_t sum)
{
	struct lost_page *l = find_lost(n, no);

	if (!l && n->n_lost == n->cap_lost) {
		size_t cap = n->cap_lost ? 2 * n->cap_lost : 16;

		l = realloc(n->lost, cap * sizeof(*l));
		if (!l)
			return err_nomem("fault env");
		n->lost = l;
		n->cap_lost = cap;
		l = NULL;
	}
	if (!l)
		l = &n->lost[n->n_lost++];
	*l = (struct lost_page){ .no = no, .sum = sum };
	return 0;
}

/* The live bytes of a page. */
static int read_page(struct env_file *peek, uint64_t no, uint8_t *p,
		     size_t *out_len)
{
	return env_read(peek, no * PAGE, p, PAGE, out_len);
}

/* Takes what of [off, end) is in one page, whose `len` live bytes are `p`. */
static void sync_page(struct disk_node *n, uint64_t no, uint64_t off,
		      uint64_t end, const uint8_t *p, size_t len)
{
	struct lost_page *l = find_lost(n, no);
	uint64_t at = no * PAGE;

	if (disk_page_is_lost(n, no, p, len))
		return;
	if (l) { /* it has changed since: a dirty page is written whole */
		*l = n->lost[--n->n_lost];
		off = at;
		end = at + len;
	}
	end = MIN_OF(end, at + len);
	memcpy(n->image.data + off, p + (off - at), (size_t)(end - off));
}

int disk_sync_range(struct disk_node *n, struct env_file *peek, uint64_t off,
		    uint64_t len)
{
	uint64_t size, end;
	uint8_t page[PAGE];
	size_t got;
	int r = env_file_size(peek, &size);

	if (r == 0)
		r = image_resize(n, size);
	if (r < 0 || off >= size)
		return r;
	end = off + MIN_OF(len, size - off);
	if (n->n_lost == 0)
		return env_read(peek, off, n->image.data + off,
				(size_t)(end - off), &got);
	while (r == 0 && off < end) {
		uint64_t no = off / PAGE;

		r = read_page(peek, no, page, &got);
		if (r == 0)
			sync_page(n, no, off, end, page, got);
		off = (no + 1) * PAGE;
	}
	return r;
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

/* One page of a failed sync: 1 when it is lost, 0 when not, or negative. */
static int fail_page(struct disk_node *n, uint64_t no, const uint8_t *p,
		     size_t len, struct rng *rng)
{
	uint64_t off = no * PAGE;
	bool fits = off + len <= n->image.len;
	int r;

	if (len == 0 || (fits && !memcmp(n->image.data + off, p, len)))
		return 0;
	if (fits && !disk_page_is_lost(n, no, p, len) && rng_one_in(rng, 2)) {
		memcpy(n->image.data + off, p, len);
		return 0;
	}
	r = add_lost(n, no, checksum(p, len));
	return r < 0 ? r : 1;
}

int disk_fail_sync_range(struct disk_node *n, struct env_file *peek,
			 uint64_t off, uint64_t len, struct rng *rng)
{
	uint8_t page[PAGE];
	uint64_t size, end;
	size_t got;
	int n_lost = 0;
	int r = env_file_size(peek, &size);

	if (r < 0 || off >= size)
		return r;
	end = off + MIN_OF(len, size - off);
	for (uint64_t no = off / PAGE; no * PAGE < end; no++) {
		r = read_page(peek, no, page, &got);
		if (r == 0)
			r = fail_page(n, no, page, got, rng);
		if (r < 0)
			return r;
		n_lost += r;
	}
	return n_lost;
}

int disk_fail_sync_file(struct disk_node *n, struct env_file *peek,
			struct rng *rng)
{
	uint64_t from = n->dirty_from, to = n->dirty_to;

	n->dirty_from = UINT64_MAX;
	n->dirty_to = 0;
	return to > from ? disk_fail_sync_range(n, peek, from, to - from, rng)
			 : 0;
}

void disk_show_lost(const struct disk_node *n, uint64_t off, uint8_t *p,
		    size_t len)
{
	assert(n->n_lost == 0 || off % PAGE == 0);
	for (size_t at = 0; n->n_lost && at < len; at += PAGE) {
		size_t part = MIN_OF((size_t)PAGE, len - at), has = 0;

		if (!disk_page_is_lost(n, (off + at) / PAGE, p + at, part))
			continue;
		if (off + at < n->image.len)
			has = (size_t)MIN_OF((uint64_t)part,
					     n->image.len - (off + at));
		memcpy(p + at, n->image.data + off + at, has);
		memset(p + at + has, 0, part - has);
	}
}

void disk_set_size(struct disk_node *n, uint64_t size)
{
	n->size = size;
}

static void mark_live(struct disk_node *n)
{
	if (n->is_marked)
		return;
	n->is_marked = true;
	for (size_t i = 0; i < n->live.n; i++)
		mark_live(n->live.v[i].node);
}

uint64_t disk_used(const struct disk *d)
{
	uint64_t used = 0;

	mark_live(d->top);
	for (struct disk_node *n = d->nodes; n; n = n->next) {
		if (!n->is_dir && (n->is_marked || n->n_refs))
			used += n->size;
		n->is_marked = false;
	}
	return used;
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
		r = env_read_file(s->d->base, path, MAX_IMAGE, &n->image);
	n->size = n->image.len;
	return r;
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
