/* SPDX-License-Identifier: MIT */
/*
 * Listings. The kernel caches them (FOPEN_CACHE_DIR) and most directories are
 * opened without being read again, so the tree's listing begins with the first
 * READDIR, when the kernel has noted which state of the directory it is about
 * to cache.
 */
#include <errno.h>
#include <linux/fuse.h>
#include <stdlib.h>

#include "fs/ll.h"
#include "fs/ll_notify.h"
#include "fs/ll_reply.h"

struct ll_dir {
	struct list_node link; /* guarded by ll->mu */

	struct mutex mu; /* RANK_OUTER; one READDIR at a time */
	/* guarded by mu */
	struct tree_dir *listing; /* NULL until the first READDIR */
	struct ll_listing answer; /* the last one, if with attributes */
};

static struct ll_dir *dir_of(const struct fuse_file_info *fi)
{
	return (struct ll_dir *)(uintptr_t)fi->fh;
}

static void dir_free(struct ll *ll, struct ll_dir *d)
{
	mutex_lock(&ll->mu);
	list_remove(&d->link);
	mutex_unlock(&ll->mu);
	ll_notify_list_taken(ll->notify, &d->answer);
	if (d->listing)
		tree_closedir(d->listing);
	mutex_fini(&d->mu);
	free(d);
}

void ll_dir_close_all(struct ll *ll)
{
	struct list_node *first;

	while ((first = list_first(&ll->dirs)))
		dir_free(ll, container_of(first, struct ll_dir, link));
}

void ll_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_OPENDIR);
	struct ll_dir *d = calloc(1, sizeof(*d));

	(void)ino;
	if (!d) {
		ll_reply(req, -ENOMEM);
		return;
	}
	mutex_init(&d->mu, RANK_OUTER);
	mutex_lock(&ll->mu);
	list_push_back(&ll->dirs, &d->link);
	mutex_unlock(&ll->mu);
	fi->fh = (uintptr_t)d;
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	if (fuse_reply_open(req, fi) < 0)
		dir_free(ll, d); /* interrupted: no RELEASEDIR will come */
}

void ll_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_RELEASEDIR);

	(void)ino;
	dir_free(ll, dir_of(fi));
	(void)fuse_reply_err(req, 0);
}

void ll_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
		 struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(req, LL_FSYNCDIR);

	(void)datasync;
	(void)fi;
	ll_reply(req, tree_fsync(ll->tree, ino));
}

/* One READDIR or READDIRPLUS being answered. */
struct answer {
	struct ll *ll;
	fuse_req_t req;
	char *buf;
	size_t size, len;
	bool is_plus;
	bool is_bare; /* … but names and numbers are all the kernel may have */
	/* the lookups the answer carries, to be undone if it fails */
	uint64_t *looked_up;
	size_t n_looked_up, cap_looked_up;
};

/* Room for one more lookup, before the entry is put in. */
static int reserve_lookup(struct answer *a)
{
	size_t cap = a->cap_looked_up ? 2 * a->cap_looked_up : 64;
	uint64_t *grown;

	if (a->n_looked_up < a->cap_looked_up)
		return 0;
	grown = realloc(a->looked_up, cap * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	a->looked_up = grown;
	a->cap_looked_up = cap;
	return 0;
}

static bool is_dot(struct tt_slice name)
{
	const char *s = name.data;

	return s[0] == '.' && (name.len == 1 || (name.len == 2 && s[1] == '.'));
}

/* Length of the entry; over what is left when it does not fit. */
static size_t put_entry(struct answer *a, const struct tree_dirent *e,
			const char *name)
{
	size_t left = a->size - a->len;
	struct fuse_entry_param p;

	if (a->is_plus && e->attr) {
		ll_attr_to_entry(a->ll, e->attr, &p);
		if (is_dot(e->name))
			p.ino = 0; /* carries no lookup */
		return fuse_add_direntry_plus(a->req, a->buf + a->len, left,
					      name, &p, (off_t)e->cookie);
	}
	p = (struct fuse_entry_param){ .attr = { .st_ino = e->ino,
						 .st_mode = e->mode } };
	if (a->is_plus)
		return fuse_add_direntry_plus(a->req, a->buf + a->len, left,
					      name, &p, (off_t)e->cookie);
	return fuse_add_direntry(a->req, a->buf + a->len, left, name, &p.attr,
				 (off_t)e->cookie);
}

static int add_entry(void *arg, const struct tree_dirent *e)
{
	struct answer *a = arg;
	char name[TREE_NAME_MAX + 1];
	bool counts = a->is_plus && e->attr && !is_dot(e->name);
	size_t len;

	if (counts && reserve_lookup(a) < 0)
		return a->len ? 1 : -ENOMEM;
	memcpy(name, e->name.data, e->name.len);
	name[e->name.len] = '\0';
	len = put_entry(a, e, name);
	if (len > a->size - a->len)
		return 1;
	a->len += len;
	if (counts)
		a->looked_up[a->n_looked_up++] = e->ino;
	return 0;
}

static void undo_lookups(struct answer *a)
{
	for (size_t i = 0; i < a->n_looked_up; i++)
		tree_forget(a->ll->tree, a->looked_up[i], 1);
	a->n_looked_up = 0;
}

/* Names have changed while they were collected: takes back all but those. */
static void make_bare(struct answer *a)
{
	struct fuse_direntplus *e;

	for (size_t at = 0; at < a->len; at += FUSE_DIRENTPLUS_SIZE(e)) {
		e = (struct fuse_direntplus *)(void *)(a->buf + at);
		e->entry_out.nodeid = 0;
	}
	undo_lookups(a);
}

static int list_into(struct answer *a, fuse_ino_t ino, off_t off,
		     struct ll_dir *d)
{
	struct ll_notify *n = a->ll->notify;
	int r = 0;

	mutex_lock(&d->mu);
	ll_notify_list_taken(n, &d->answer);
	if (a->is_plus)
		a->is_bare = !ll_notify_list_begin(n, &d->answer, ino);
	if (!d->listing)
		r = tree_opendir(a->ll->tree, ino, &d->listing);
	if (r == 0)
		r = tree_readdir(d->listing, (uint64_t)off,
				 a->is_plus && !a->is_bare, add_entry, a);
	if (a->n_looked_up && !ll_notify_list_send(n, &d->answer))
		make_bare(a);
	mutex_unlock(&d->mu);
	return r;
}

static void not_sent(struct answer *a, struct ll_dir *d)
{
	mutex_lock(&d->mu);
	ll_notify_list_taken(a->ll->notify, &d->answer);
	mutex_unlock(&d->mu);
	undo_lookups(a);
}

static void answer_readdir(fuse_req_t req, enum ll_counter what, fuse_ino_t ino,
			   size_t size, off_t off, struct fuse_file_info *fi)
{
	struct answer a = { .ll = ll_of(req, what),
			    .req = req,
			    .buf = malloc(size),
			    .size = size,
			    .is_plus = what == LL_READDIRPLUS };
	int r = -ENOMEM;

	ll_notify_will_know(a.ll->notify, ino);
	if (a.buf)
		r = list_into(&a, ino, off, dir_of(fi));
	/* What came before a failure is good; the failure comes again. */
	if (r < 0 && !a.len)
		ll_reply(req, r);
	else if (fuse_reply_buf(req, a.buf, a.len) < 0)
		not_sent(&a, dir_of(fi));
	ll_relieve(a.ll);
	free(a.looked_up);
	free(a.buf);
}

void ll_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi)
{
	answer_readdir(req, LL_READDIR, ino, size, off, fi);
}

void ll_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	answer_readdir(req, LL_READDIRPLUS, ino, size, off, fi);
}
