/* SPDX-License-Identifier: MIT */
#include "lsm/gc.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mutex.h"
#include "lsm/file_name.h"
#include "lsm/table_cache.h"
#include "lsm/version.h"

struct gc {
	/* set at birth, then constant */
	struct env *env;
	char *dir;
	struct table_cache *tables;
	struct block_cache *blocks; /* NULL: none */
	void (*wake)(void *arg);
	void *arg;

	struct mutex mu; /* RANK_GC */
	/* guarded by mu */
	struct list_node queue;
	uint64_t n_queued;
	uint64_t n_removed;
};

int gc_new(struct env *env, const char *dir, struct table_cache *tables,
	   struct block_cache *blocks, void (*wake)(void *arg), void *arg,
	   struct gc **out)
{
	struct gc *g = calloc(1, sizeof(*g));

	if (!g)
		return err_nomem("gc");
	g->dir = strdup(dir);
	if (!g->dir) {
		free(g);
		return err_nomem("gc");
	}
	g->env = env;
	g->tables = tables;
	g->blocks = blocks;
	g->wake = wake;
	g->arg = arg;
	mutex_init(&g->mu, RANK_GC);
	list_init(&g->queue);
	*out = g;
	return 0;
}

void gc_free(struct gc *g)
{
	if (!g)
		return;
	gc_run(g);
	mutex_fini(&g->mu);
	free(g->dir);
	free(g);
}

void gc_table(struct gc *g, struct table *t)
{
	/* Asked first: once queued, the table may be freed at any moment. */
	bool wakes = atomic_load_explicit(&t->is_dropped, memory_order_acquire);

	mutex_lock(&g->mu);
	wakes = wakes && list_is_empty(&g->queue);
	list_push_back(&g->queue, &t->gc_link);
	g->n_queued++;
	mutex_unlock(&g->mu);
	if (wakes)
		g->wake(g->arg);
}

/* The table's blocks make room at once instead of ageing out. Of a table that
 * is not open few blocks can be left. */
static void drop_blocks(struct gc *g, struct table *t)
{
	struct sst_reader *r =
		atomic_load_explicit(&t->slot.reader, memory_order_acquire);
	struct sst_info info;

	if (!r || !g->blocks)
		return;
	sst_info(r, &info);
	block_cache_drop_file(g->blocks, t->desc.file_no, info.n_blocks);
}

static bool remove_file(struct gc *g, uint64_t file_no)
{
	struct buf path = BUF_INIT;
	int r = path_table(&path, g->dir, file_no);

	if (r == 0)
		r = env_unlink(g->env, path_of(&path));
	if (r < 0)
		log_warn(LOG_DB,
			 "table %06" PRIu64 " is obsolete but stays until the "
			 "next start: %s",
			 file_no, err_text());
	buf_fini(&path);
	return r == 0;
}

void gc_run(struct gc *g)
{
	struct list_node mine;
	struct list_node *n;
	uint64_t removed = 0;

	list_init(&mine);
	mutex_lock(&g->mu);
	list_splice_back(&mine, &g->queue);
	g->n_queued = 0;
	mutex_unlock(&g->mu);
	while ((n = list_pop_front(&mine)) != NULL) {
		struct table *t = container_of(n, struct table, gc_link);

		bool is_dropped = atomic_load_explicit(&t->is_dropped,
						       memory_order_acquire);

		if (is_dropped)
			drop_blocks(g, t);
		table_slot_fini(g->tables, &t->slot);
		if (is_dropped)
			removed += remove_file(g, t->desc.file_no);
		table_free(t);
	}
	if (removed) {
		mutex_lock(&g->mu);
		g->n_removed += removed;
		mutex_unlock(&g->mu);
	}
}

uint64_t gc_n_removed(struct gc *g)
{
	uint64_t n;

	mutex_lock(&g->mu);
	n = g->n_removed;
	mutex_unlock(&g->mu);
	return n;
}

uint64_t gc_n_queued(struct gc *g)
{
	uint64_t n;

	mutex_lock(&g->mu);
	n = g->n_queued;
	mutex_unlock(&g->mu);
	return n;
}
