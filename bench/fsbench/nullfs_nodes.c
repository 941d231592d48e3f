/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checksum.h"
#include "base/mutex.h"
#include "nullfs.h"

static struct rwlock lock;
static struct hmap names; /* of all directories; guarded by `lock` */
static struct null_node root;
static _Atomic uint64_t last_number = FUSE_ROOT_ID; /* counts up, relaxed */

void null_lock(void) NO_THREAD_SAFETY
{
	rwlock_wrlock(&lock);
}

void null_lock_shared(void) NO_THREAD_SAFETY
{
	rwlock_rdlock(&lock);
}

void null_unlock(void) NO_THREAD_SAFETY
{
	rwlock_wrunlock(&lock);
}

void null_unlock_shared(void) NO_THREAD_SAFETY
{
	rwlock_rdunlock(&lock);
}

static void touch_new(struct stat *st)
{
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &st->st_mtim);
	st->st_atim = st->st_ctim = st->st_mtim;
}

int nodes_init(void)
{
	rwlock_init(&lock, RANK_OUTER);
	root.st.st_mode = S_IFDIR | 0755;
	root.st.st_nlink = 2;
	root.st.st_ino = root.number = FUSE_ROOT_ID;
	root.parent = &root;
	root.lookups = 1;
	touch_new(&root.st);
	return hmap_init(&names, 1024);
}

struct null_node *node_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &root : (struct null_node *)ino;
}

fuse_ino_t ino_of(const struct null_node *n)
{
	return n == &root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)n;
}

struct null_node *node_new(const struct fuse_ctx *who, mode_t mode)
{
	struct null_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->number = 1 + atomic_fetch_add_explicit(&last_number, 1,
						  memory_order_relaxed);
	n->st.st_ino = n->number;
	n->st.st_mode = mode;
	n->st.st_nlink = S_ISDIR(mode) ? 2 : 1;
	n->st.st_uid = who->uid;
	n->st.st_gid = who->gid;
	n->st.st_blksize = 4096;
	touch_new(&n->st);
	return n;
}

void node_put(struct null_node *n)
{
	if (n->st.st_nlink > 0 || atomic_load(&n->lookups) > 0 || n == &root)
		return;
	data_truncate(n, 0);
	free(n->chunks);
	free(n->slots);
	free(n->target);
	free(n);
}

/* ---- names -------------------------------------------------------------- */

static uint64_t hash_of(const struct null_node *dir, const char *name)
{
	return checksum(name, strlen(name)) ^ hash_u64(dir->number);
}

struct null_entry *entry_find(struct null_node *dir, const char *name)
{
	struct hmap_node *at = hmap_first(&names, hash_of(dir, name));

	for (; at; at = hmap_next(at)) {
		struct null_entry *e =
			container_of(at, struct null_entry, hash_node);

		if (e->dir == dir && strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

static int reserve_slot(struct null_node *dir)
{
	size_t cap = dir->cap_slots ? 2 * dir->cap_slots : 16;
	struct null_entry **p;

	if (dir->n_slots < dir->cap_slots)
		return 0;
	p = realloc(dir->slots, cap * sizeof(struct null_entry *));
	if (!p)
		return -1;
	dir->slots = p;
	dir->cap_slots = cap;
	return 0;
}

int entry_add(struct null_node *dir, const char *name, struct null_node *n)
{
	size_t size = strlen(name) + 1;
	struct null_entry *e = malloc(sizeof(*e) + size);

	if (!e || reserve_slot(dir) < 0) {
		free(e);
		return -1;
	}
	memcpy(e->name, name, size);
	e->dir = dir;
	e->node = n;
	e->slot = dir->n_slots++;
	dir->slots[e->slot] = e;
	dir->n_entries++;
	hmap_insert(&names, &e->hash_node, hash_of(dir, name));
	if (S_ISDIR(n->st.st_mode)) {
		n->parent = dir;
		dir->st.st_nlink++;
	}
	touch_new(&dir->st);
	return 0;
}

void entry_remove(struct null_entry *e)
{
	struct null_node *dir = e->dir;

	hmap_remove(&names, &e->hash_node);
	dir->slots[e->slot] = NULL;
	if (--dir->n_entries == 0)
		dir->n_slots = 0;
	if (S_ISDIR(e->node->st.st_mode))
		dir->st.st_nlink--;
	touch_new(&dir->st);
	free(e);
}
