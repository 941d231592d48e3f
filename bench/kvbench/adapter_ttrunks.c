/* SPDX-License-Identifier: MIT */
/*
 * ttrunksdb for the kvbench harness: the settings all engines share, and
 * nothing tuned beside them. The memory budget is what the shared settings
 * add up to: up to three memtables, the block cache, and the tables' indexes
 * and filters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kvbench.h"
#include "ttrunks.h"

struct ttrunks {
	struct tt *db;
	struct tt_write_options wo;
};

static int failed(const char *what, int r)
{
	if (r >= 0)
		return 0;
	fprintf(stderr, "ttrunks %s: %s: %s\n", what, tt_error_name(r),
		tt_error_text(r));
	return 1;
}

static int set_bytes(struct tt_options *o, const char *name, size_t bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%zu", bytes);
	return tt_options_set(o, name, text);
}

/* What all engines share, or the one number. */
static int set_memory(struct tt_options *opts, const struct kv_opts *o)
{
	int r;

	if (o->memory_bytes)
		return set_bytes(opts, "memory", o->memory_bytes);
	r = set_bytes(opts, "memory",
		      3 * o->write_buffer_bytes + o->cache_bytes + (16u << 20));
	if (r == 0)
		r = set_bytes(opts, "memtable_bytes", o->write_buffer_bytes);
	return r < 0 ? r : set_bytes(opts, "cache_bytes", o->cache_bytes);
}

static void *t_open(const struct kv_opts *o)
{
	struct tt_options *opts = tt_options_new();
	struct ttrunks *t = calloc(1, sizeof(*t));
	char bits[16];
	int r;

	if (!t || !opts)
		return NULL;
	snprintf(bits, sizeof(bits), "%d", o->bloom_bits);
	r = set_memory(opts, o);
	if (r == 0)
		r = tt_options_set(opts, "bloom_bits", bits);
	if (r == 0)
		r = tt_options_set(opts, "compression",
				   o->compression == KV_COMP_LZ4 ? "lz4"
								 : "none");
	/* As the peers do: durable when asked, or when the kernel likes. */
	if (r == 0)
		r = tt_options_set(opts, "sync_interval", "0");
	if (r == 0)
		r = tt_open(o->dir, opts, &t->db);
	tt_options_free(opts);
	if (failed("open", r)) {
		free(t);
		return NULL;
	}
	t->wo.sync = o->sync != 0;
	return t;
}

static void t_close(void *p)
{
	struct ttrunks *t = p;

	(void)failed("close", tt_close(t->db));
	free(t);
}

static void *t_thread_begin(void *db)
{
	return db;
}

static void t_thread_end(void *tc)
{
	(void)tc;
}

static struct tt_slice slice(const void *p, size_t n)
{
	struct tt_slice s = { p, n };

	return s;
}

static int t_put(void *tc, const void *k, size_t kl, const void *v, size_t vl)
{
	struct ttrunks *t = tc;

	return failed("put",
		      tt_put(t->db, &t->wo, slice(k, kl), slice(v, vl), NULL))
		       ? -1
		       : 0;
}

static int t_get(void *tc, const void *k, size_t kl, void *buf, size_t cap,
		 size_t *vl)
{
	struct ttrunks *t = tc;
	int r = tt_get(t->db, NULL, slice(k, kl), buf, cap, vl, NULL);

	return failed("get", r) ? -1 : r;
}

static int t_del(void *tc, const void *k, size_t kl)
{
	struct ttrunks *t = tc;

	return failed("delete", tt_delete(t->db, &t->wo, slice(k, kl), NULL))
		       ? -1
		       : 0;
}

static int t_write_batch(void *tc, const struct kv_op *ops, size_t n)
{
	struct ttrunks *t = tc;
	struct tt_batch *b = tt_batch_new();
	int r = b ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && r == 0; i++) {
		struct tt_slice key = slice(ops[i].key, ops[i].klen);

		r = ops[i].val ? tt_batch_put(b, key,
					      slice(ops[i].val, ops[i].vlen))
			       : tt_batch_delete(b, key);
	}
	if (r == 0)
		r = tt_write(t->db, &t->wo, b, NULL);
	tt_batch_free(b);
	return failed("write", r) ? -1 : 0;
}

static void *t_iter_new(void *tc)
{
	struct ttrunks *t = tc;
	struct tt_iter *it;

	return failed("iterator", tt_iter_new(t->db, NULL, &it)) ? NULL : it;
}

static int position(int r)
{
	return failed("move", r) ? -1 : r == 0;
}

static int t_iter_seek(void *it, const void *k, size_t kl)
{
	return position(kl ? tt_iter_seek(it, slice(k, kl))
			   : tt_iter_first(it));
}

static int t_iter_next(void *it)
{
	return position(tt_iter_next(it));
}

static int t_iter_get(void *it, const void **k, size_t *kl, const void **v,
		      size_t *vl)
{
	struct tt_slice key = tt_iter_key(it), value = tt_iter_value(it);

	*k = key.data;
	*kl = key.len;
	*v = value.data;
	*vl = value.len;
	return 0;
}

static void t_iter_free(void *it)
{
	tt_iter_free(it);
}

static int t_flush(void *db)
{
	return failed("flush", tt_flush(((struct ttrunks *)db)->db)) ? -1 : 0;
}

static int t_compact(void *db)
{
	return failed("compact", tt_compact(((struct ttrunks *)db)->db,
					    slice(NULL, 0), slice(NULL, 0)))
		       ? -1
		       : 0;
}

struct text {
	char *at;
	size_t left;
};

static void add_stat(void *arg, const char *name, uint64_t value,
		     const char *help)
{
	struct text *t = arg;
	int n = snprintf(t->at, t->left, "%s %llu\n", name,
			 (unsigned long long)value);

	(void)help;
	if (n > 0 && (size_t)n < t->left) {
		t->at += n;
		t->left -= (size_t)n;
	}
}

static char *t_property(void *db, const char *name)
{
	size_t cap = 1 << 16;
	char *out = calloc(1, cap);
	struct text t = { out, cap };

	(void)name;
	if (out)
		tt_stats_each(((struct ttrunks *)db)->db, add_stat, &t);
	return out;
}

const struct kv_engine kv_ttrunks = {
	.name = "ttrunks",
	.has_budget = true,
	.open = t_open,
	.close = t_close,
	.thread_begin = t_thread_begin,
	.thread_end = t_thread_end,
	.put = t_put,
	.get = t_get,
	.del = t_del,
	.write_batch = t_write_batch,
	.iter_new = t_iter_new,
	.iter_seek = t_iter_seek,
	.iter_next = t_iter_next,
	.iter_get = t_iter_get,
	.iter_free = t_iter_free,
	.flush = t_flush,
	.compact = t_compact,
	.property = t_property,
};
