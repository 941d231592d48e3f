/* SPDX-License-Identifier: MIT */
/*
 * An engine that does nothing: its figures are what the harness itself costs.
 * The shortest adapter there is; a new one may begin as a copy.
 */
#include "kvbench.h"

static void *null_open(const struct kv_opts *o)
{
	static int handle;

	(void)o;
	return &handle;
}

static void null_close(void *db)
{
	(void)db;
}

static void *null_thread_begin(void *db)
{
	return db;
}

static void null_thread_end(void *tc)
{
	(void)tc;
}

static int null_put(void *tc, const void *k, size_t kl, const void *v,
		    size_t vl)
{
	(void)tc;
	(void)k;
	(void)kl;
	(void)v;
	(void)vl;
	return 0;
}

static int null_get(void *tc, const void *k, size_t kl, void *buf, size_t cap,
		    size_t *vl)
{
	(void)tc;
	(void)k;
	(void)kl;
	(void)buf;
	(void)cap;
	*vl = 0;
	return 1;
}

static int null_del(void *tc, const void *k, size_t kl)
{
	(void)tc;
	(void)k;
	(void)kl;
	return 0;
}

static int null_write_batch(void *tc, const struct kv_op *ops, size_t n)
{
	(void)tc;
	(void)ops;
	(void)n;
	return 0;
}

static void *null_iter_new(void *tc)
{
	return tc;
}

static int null_iter_seek(void *it, const void *k, size_t kl)
{
	(void)it;
	(void)k;
	(void)kl;
	return 0;
}

static int null_iter_next(void *it)
{
	(void)it;
	return 0;
}

static int null_iter_get(void *it, const void **k, size_t *kl, const void **v,
			 size_t *vl)
{
	(void)it;
	*k = *v = "";
	*kl = *vl = 0;
	return 0;
}

static void null_iter_free(void *it)
{
	(void)it;
}

static int null_flush(void *db)
{
	(void)db;
	return 0;
}

const struct kv_engine kv_null = {
	.name = "null",
	.keeps_nothing = true,
	.has_budget = true,
	.open = null_open,
	.close = null_close,
	.thread_begin = null_thread_begin,
	.thread_end = null_thread_end,
	.put = null_put,
	.get = null_get,
	.del = null_del,
	.write_batch = null_write_batch,
	.iter_new = null_iter_new,
	.iter_seek = null_iter_seek,
	.iter_next = null_iter_next,
	.iter_get = null_iter_get,
	.iter_free = null_iter_free,
	.flush = null_flush,
};
