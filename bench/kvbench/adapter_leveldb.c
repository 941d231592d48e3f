/* SPDX-License-Identifier: MIT */
/*
 * LevelDB by its C interface. Of codecs it has Snappy only: with LZ4 asked
 * for it compresses by that. It cannot be told to flush.
 */
#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kvbench.h"

struct level {
	leveldb_t *db;
	leveldb_options_t *options;
	leveldb_cache_t *cache;
	leveldb_filterpolicy_t *filter;
	leveldb_readoptions_t *read;
	leveldb_writeoptions_t *write;
};

/* 0 where there is no error text; -1 where there is, said and freed. */
static int check(const char *what, char *error)
{
	if (!error)
		return 0;
	fprintf(stderr, "leveldb %s: %s\n", what, error);
	leveldb_free(error);
	return -1;
}

static void free_options(struct level *l)
{
	leveldb_readoptions_destroy(l->read);
	leveldb_writeoptions_destroy(l->write);
	leveldb_options_destroy(l->options);
	leveldb_cache_destroy(l->cache);
	if (l->filter)
		leveldb_filterpolicy_destroy(l->filter);
	free(l);
}

static void set_options(struct level *l, const struct kv_opts *o)
{
	l->options = leveldb_options_create();
	l->cache = leveldb_cache_create_lru(o->cache_bytes);
	l->read = leveldb_readoptions_create();
	l->write = leveldb_writeoptions_create();
	leveldb_options_set_cache(l->options, l->cache);
	if (o->bloom_bits) {
		l->filter = leveldb_filterpolicy_create_bloom(o->bloom_bits);
		leveldb_options_set_filter_policy(l->options, l->filter);
	}
	leveldb_options_set_create_if_missing(l->options, 1);
	leveldb_options_set_write_buffer_size(l->options,
					      o->write_buffer_bytes);
	leveldb_options_set_compression(l->options,
					o->compression == KV_COMP_NONE
						? leveldb_no_compression
						: leveldb_snappy_compression);
	leveldb_writeoptions_set_sync(l->write, o->sync != 0);
}

static void *level_open(const struct kv_opts *o)
{
	struct level *l = calloc(1, sizeof(*l));
	char *error = NULL;

	if (!l)
		return NULL;
	set_options(l, o);
	l->db = leveldb_open(l->options, o->dir, &error);
	if (check("open", error) == 0)
		return l;
	free_options(l);
	return NULL;
}

static void level_close(void *db)
{
	struct level *l = db;

	leveldb_close(l->db);
	free_options(l);
}

static void *level_thread_begin(void *db)
{
	return db;
}

static void level_thread_end(void *tc)
{
	(void)tc;
}

static int level_put(void *tc, const void *k, size_t kl, const void *v,
		     size_t vl)
{
	struct level *l = tc;
	char *error = NULL;

	leveldb_put(l->db, l->write, k, kl, v, vl, &error);
	return check("put", error);
}

static int level_get(void *tc, const void *k, size_t kl, void *buf, size_t cap,
		     size_t *vl)
{
	struct level *l = tc;
	char *error = NULL;
	char *value = leveldb_get(l->db, l->read, k, kl, vl, &error);

	if (check("get", error) < 0)
		return -1;
	if (!value)
		return 1;
	memcpy(buf, value, *vl < cap ? *vl : cap);
	leveldb_free(value);
	return 0;
}

static int level_del(void *tc, const void *k, size_t kl)
{
	struct level *l = tc;
	char *error = NULL;

	leveldb_delete(l->db, l->write, k, kl, &error);
	return check("delete", error);
}

static int level_write_batch(void *tc, const struct kv_op *ops, size_t n)
{
	struct level *l = tc;
	leveldb_writebatch_t *b = leveldb_writebatch_create();
	char *error = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct kv_op *op = &ops[i];

		if (op->val)
			leveldb_writebatch_put(b, op->key, op->klen, op->val,
					       op->vlen);
		else
			leveldb_writebatch_delete(b, op->key, op->klen);
	}
	leveldb_write(l->db, l->write, b, &error);
	leveldb_writebatch_destroy(b);
	return check("write", error);
}

static void *level_iter_new(void *tc)
{
	struct level *l = tc;

	return leveldb_create_iterator(l->db, l->read);
}

static int position(const leveldb_iterator_t *it)
{
	char *error = NULL;

	if (leveldb_iter_valid(it))
		return 1;
	leveldb_iter_get_error(it, &error);
	return check("iterator", error);
}

static int level_iter_seek(void *it, const void *k, size_t kl)
{
	if (kl)
		leveldb_iter_seek(it, k, kl);
	else
		leveldb_iter_seek_to_first(it);
	return position(it);
}

static int level_iter_next(void *it)
{
	leveldb_iter_next(it);
	return position(it);
}

static int level_iter_get(void *it, const void **k, size_t *kl, const void **v,
			  size_t *vl)
{
	*k = leveldb_iter_key(it, kl);
	*v = leveldb_iter_value(it, vl);
	return 0;
}

static void level_iter_free(void *it)
{
	leveldb_iter_destroy(it);
}

static int level_flush(void *db)
{
	(void)db;
	return 0;
}

static int level_compact(void *db)
{
	struct level *l = db;

	leveldb_compact_range(l->db, NULL, 0, NULL, 0);
	return 0;
}

static char *level_property(void *db, const char *name)
{
	struct level *l = db;

	(void)name;
	return leveldb_property_value(l->db, "leveldb.stats");
}

const struct kv_engine kv_leveldb = {
	.name = "leveldb",
	.open = level_open,
	.close = level_close,
	.thread_begin = level_thread_begin,
	.thread_end = level_thread_end,
	.put = level_put,
	.get = level_get,
	.del = level_del,
	.write_batch = level_write_batch,
	.iter_new = level_iter_new,
	.iter_seek = level_iter_seek,
	.iter_next = level_iter_next,
	.iter_get = level_iter_get,
	.iter_free = level_iter_free,
	.flush = level_flush,
	.compact = level_compact,
	.property = level_property,
};
