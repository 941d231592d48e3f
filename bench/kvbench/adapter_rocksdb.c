/* SPDX-License-Identifier: MIT */
/*
 * RocksDB by its C interface: "rocksdb" with its own defaults beside the
 * shared settings, "rocksdb-tuned" with what its tuning guide would turn on
 * for a small machine.
 */
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kvbench.h"

/* rocksdb/c.h has no names for these. */
#define CHECKSUM_XXH3 4
#define INDEX_HASH_IN_BLOCK 1

struct rocks {
	rocksdb_t *db;
	rocksdb_options_t *options;
	rocksdb_block_based_table_options_t *table;
	rocksdb_cache_t *cache;
	rocksdb_readoptions_t *read;
	rocksdb_writeoptions_t *write;
};

/* 0 where there is no error text; -1 where there is, said and freed. */
static int check(const char *what, char *error)
{
	if (!error)
		return 0;
	fprintf(stderr, "rocksdb %s: %s\n", what, error);
	rocksdb_free(error);
	return -1;
}

static void free_options(struct rocks *r)
{
	rocksdb_readoptions_destroy(r->read);
	rocksdb_writeoptions_destroy(r->write);
	rocksdb_options_destroy(r->options);
	rocksdb_block_based_options_destroy(r->table);
	rocksdb_cache_destroy(r->cache);
	free(r);
}

static void set_options(struct rocks *r, const struct kv_opts *o)
{
	r->options = rocksdb_options_create();
	r->table = rocksdb_block_based_options_create();
	r->cache = rocksdb_cache_create_lru(o->cache_bytes);
	r->read = rocksdb_readoptions_create();
	r->write = rocksdb_writeoptions_create();
	rocksdb_block_based_options_set_block_cache(r->table, r->cache);
	if (o->bloom_bits) /* the table options take the policy */
		rocksdb_block_based_options_set_filter_policy(
			r->table,
			rocksdb_filterpolicy_create_bloom_full(o->bloom_bits));
	rocksdb_options_set_create_if_missing(r->options, 1);
	rocksdb_options_set_write_buffer_size(r->options,
					      o->write_buffer_bytes);
	rocksdb_options_set_compression(r->options,
					o->compression == KV_COMP_LZ4
						? rocksdb_lz4_compression
						: rocksdb_no_compression);
	rocksdb_options_set_max_background_jobs(r->options, 2);
	rocksdb_options_set_max_open_files(r->options, -1);
	rocksdb_writeoptions_set_sync(r->write, o->sync != 0);
}

static void tune(struct rocks *r)
{
	rocksdb_options_set_max_write_buffer_number(r->options, 8);
	rocksdb_options_set_max_background_jobs(r->options, 4);
	rocksdb_options_set_enable_pipelined_write(r->options, 1);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(r->options, 1);
	rocksdb_options_set_memtable_whole_key_filtering(r->options, 1);
	rocksdb_options_set_memtable_prefix_bloom_size_ratio(r->options, 0.02);
	rocksdb_options_set_bytes_per_sync(r->options, 1 << 20);
	rocksdb_options_set_recycle_log_file_num(r->options, 4);
	rocksdb_options_set_enable_blob_files(r->options, 1);
	rocksdb_options_set_min_blob_size(r->options, 4096);
	/* Debian's build computes CRC32C without the instruction for it. */
	rocksdb_block_based_options_set_checksum(r->table, CHECKSUM_XXH3);
	rocksdb_block_based_options_set_data_block_index_type(
		r->table, INDEX_HASH_IN_BLOCK);
	rocksdb_block_based_options_set_data_block_hash_ratio(r->table, 0.75);
}

static void *open_store(const struct kv_opts *o, bool is_tuned)
{
	struct rocks *r = calloc(1, sizeof(*r));
	char *error = NULL;

	if (!r)
		return NULL;
	set_options(r, o);
	if (is_tuned)
		tune(r);
	rocksdb_options_set_block_based_table_factory(r->options, r->table);
	r->db = rocksdb_open(r->options, o->dir, &error);
	if (check("open", error) == 0)
		return r;
	free_options(r);
	return NULL;
}

static void *rocks_open(const struct kv_opts *o)
{
	return open_store(o, false);
}

static void *rocks_open_tuned(const struct kv_opts *o)
{
	return open_store(o, true);
}

static void rocks_close(void *db)
{
	struct rocks *r = db;

	rocksdb_close(r->db);
	free_options(r);
}

static void *rocks_thread_begin(void *db)
{
	return db;
}

static void rocks_thread_end(void *tc)
{
	(void)tc;
}

static int rocks_put(void *tc, const void *k, size_t kl, const void *v,
		     size_t vl)
{
	struct rocks *r = tc;
	char *error = NULL;

	rocksdb_put(r->db, r->write, k, kl, v, vl, &error);
	return check("put", error);
}

static int rocks_get(void *tc, const void *k, size_t kl, void *buf, size_t cap,
		     size_t *vl)
{
	struct rocks *r = tc;
	char *error = NULL;
	rocksdb_pinnableslice_t *pin =
		rocksdb_get_pinned(r->db, r->read, k, kl, &error);
	const char *value;

	if (check("get", error) < 0)
		return -1;
	if (!pin)
		return 1;
	value = rocksdb_pinnableslice_value(pin, vl);
	memcpy(buf, value, *vl < cap ? *vl : cap);
	rocksdb_pinnableslice_destroy(pin);
	return 0;
}

static int rocks_del(void *tc, const void *k, size_t kl)
{
	struct rocks *r = tc;
	char *error = NULL;

	rocksdb_delete(r->db, r->write, k, kl, &error);
	return check("delete", error);
}

static int rocks_write_batch(void *tc, const struct kv_op *ops, size_t n)
{
	struct rocks *r = tc;
	rocksdb_writebatch_t *b = rocksdb_writebatch_create();
	char *error = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct kv_op *op = &ops[i];

		if (op->val)
			rocksdb_writebatch_put(b, op->key, op->klen, op->val,
					       op->vlen);
		else
			rocksdb_writebatch_delete(b, op->key, op->klen);
	}
	rocksdb_write(r->db, r->write, b, &error);
	rocksdb_writebatch_destroy(b);
	return check("write", error);
}

static void *rocks_iter_new(void *tc)
{
	struct rocks *r = tc;

	return rocksdb_create_iterator(r->db, r->read);
}

static int position(const rocksdb_iterator_t *it)
{
	char *error = NULL;

	if (rocksdb_iter_valid(it))
		return 1;
	rocksdb_iter_get_error(it, &error);
	return check("iterator", error);
}

static int rocks_iter_seek(void *it, const void *k, size_t kl)
{
	if (kl)
		rocksdb_iter_seek(it, k, kl);
	else
		rocksdb_iter_seek_to_first(it);
	return position(it);
}

static int rocks_iter_next(void *it)
{
	rocksdb_iter_next(it);
	return position(it);
}

static int rocks_iter_get(void *it, const void **k, size_t *kl, const void **v,
			  size_t *vl)
{
	*k = rocksdb_iter_key(it, kl);
	*v = rocksdb_iter_value(it, vl);
	return 0;
}

static void rocks_iter_free(void *it)
{
	rocksdb_iter_destroy(it);
}

static int rocks_flush(void *db)
{
	struct rocks *r = db;
	rocksdb_flushoptions_t *o = rocksdb_flushoptions_create();
	char *error = NULL;

	rocksdb_flushoptions_set_wait(o, 1);
	rocksdb_flush(r->db, o, &error);
	rocksdb_flushoptions_destroy(o);
	return check("flush", error);
}

static int rocks_compact(void *db)
{
	struct rocks *r = db;

	rocksdb_compact_range(r->db, NULL, 0, NULL, 0);
	return 0;
}

static char *rocks_property(void *db, const char *name)
{
	struct rocks *r = db;

	(void)name;
	return rocksdb_property_value(r->db, "rocksdb.levelstats");
}

#define ROCKS_CALLS                                                         \
	.close = rocks_close, .thread_begin = rocks_thread_begin,           \
	.thread_end = rocks_thread_end, .put = rocks_put, .get = rocks_get, \
	.del = rocks_del, .write_batch = rocks_write_batch,                 \
	.iter_new = rocks_iter_new, .iter_seek = rocks_iter_seek,           \
	.iter_next = rocks_iter_next, .iter_get = rocks_iter_get,           \
	.iter_free = rocks_iter_free, .flush = rocks_flush,                 \
	.compact = rocks_compact, .property = rocks_property

const struct kv_engine kv_rocksdb = {
	.name = "rocksdb",
	.open = rocks_open,
	ROCKS_CALLS,
};

const struct kv_engine kv_rocksdb_tuned = {
	.name = "rocksdb-tuned",
	.open = rocks_open_tuned,
	ROCKS_CALLS,
};
