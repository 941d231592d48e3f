/* SPDX-License-Identifier: MIT */
/*
 * LMDB: a copy-on-write B+tree in one mapped file. It has no cache, filter or
 * codec of its own; the page cache is its cache. Without sync it writes
 * through the map and never flushes: a power cut may then lose the whole
 * store, where a log loses its end.
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kvbench.h"

struct lm {
	MDB_env *env;
	MDB_dbi dbi;
};

/* A thread keeps one read transaction and a cursor, and renews them. */
struct lm_thread {
	struct lm *store;
	MDB_txn *txn;
	MDB_cursor *cursor;
	MDB_val key, value; /* where the cursor is */
};

/* 0, or -1 with what failed said. */
static int check(const char *what, int r)
{
	if (r == 0)
		return 0;
	fprintf(stderr, "lmdb %s: %s\n", what, mdb_strerror(r));
	return -1;
}

static MDB_val val(const void *p, size_t n)
{
	return (MDB_val){ .mv_size = n, .mv_data = (void *)p };
}

static int open_dbi(struct lm *m)
{
	MDB_txn *txn;
	int r = mdb_txn_begin(m->env, NULL, 0, &txn);

	if (r)
		return r;
	r = mdb_dbi_open(txn, NULL, 0, &m->dbi);
	if (r) {
		mdb_txn_abort(txn);
		return r;
	}
	return mdb_txn_commit(txn);
}

static void *lm_open(const struct kv_opts *o)
{
	unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
	struct lm *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return NULL;
	if (!o->sync)
		flags |= MDB_WRITEMAP | MDB_NOSYNC;
	r = mdb_env_create(&m->env);
	if (r == 0)
		r = mdb_env_set_mapsize(m->env, o->map_bytes);
	if (r == 0)
		r = mdb_env_set_maxreaders(m->env,
					   (unsigned)o->max_threads + 8);
	if (r == 0)
		r = mdb_env_open(m->env, o->dir, flags, 0644);
	if (r == 0)
		r = open_dbi(m);
	if (check("open", r) == 0)
		return m;
	if (m->env)
		mdb_env_close(m->env);
	free(m);
	return NULL;
}

static void lm_close(void *db)
{
	struct lm *m = db;

	mdb_env_close(m->env);
	free(m);
}

static void *lm_thread_begin(void *db)
{
	struct lm_thread *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return NULL;
	t->store = db;
	r = mdb_txn_begin(t->store->env, NULL, MDB_RDONLY, &t->txn);
	if (r == 0)
		r = mdb_cursor_open(t->txn, t->store->dbi, &t->cursor);
	if (check("read transaction", r) < 0) {
		if (t->txn)
			mdb_txn_abort(t->txn);
		free(t);
		return NULL;
	}
	mdb_txn_reset(t->txn);
	return t;
}

static void lm_thread_end(void *tc)
{
	struct lm_thread *t = tc;

	mdb_cursor_close(t->cursor);
	mdb_txn_abort(t->txn);
	free(t);
}

static int apply(MDB_txn *txn, MDB_dbi dbi, const struct kv_op *op)
{
	MDB_val key = val(op->key, op->klen), value = val(op->val, op->vlen);
	int r;

	if (op->val)
		return mdb_put(txn, dbi, &key, &value, 0);
	r = mdb_del(txn, dbi, &key, NULL);
	return r == MDB_NOTFOUND ? 0 : r;
}

static int lm_write_batch(void *tc, const struct kv_op *ops, size_t n)
{
	struct lm *m = ((struct lm_thread *)tc)->store;
	MDB_txn *txn;
	int r = mdb_txn_begin(m->env, NULL, 0, &txn);

	if (r)
		return check("begin", r);
	for (size_t i = 0; i < n && r == 0; i++)
		r = apply(txn, m->dbi, &ops[i]);
	if (r)
		mdb_txn_abort(txn);
	else
		r = mdb_txn_commit(txn);
	return check("write", r);
}

static int lm_put(void *tc, const void *k, size_t kl, const void *v, size_t vl)
{
	struct kv_op op = { .key = k, .klen = kl, .val = v, .vlen = vl };

	return lm_write_batch(tc, &op, 1);
}

static int lm_del(void *tc, const void *k, size_t kl)
{
	struct kv_op op = { .key = k, .klen = kl };

	return lm_write_batch(tc, &op, 1);
}

static int lm_get(void *tc, const void *k, size_t kl, void *buf, size_t cap,
		  size_t *vl)
{
	struct lm_thread *t = tc;
	MDB_val key = val(k, kl), value;
	int r = mdb_txn_renew(t->txn);

	if (r)
		return check("renew", r);
	r = mdb_get(t->txn, t->store->dbi, &key, &value);
	if (r == 0) {
		*vl = value.mv_size;
		memcpy(buf, value.mv_data, *vl < cap ? *vl : cap);
	}
	mdb_txn_reset(t->txn);
	return r == MDB_NOTFOUND ? 1 : check("get", r);
}

/* The iterator is the thread's cursor. */
static void *lm_iter_new(void *tc)
{
	struct lm_thread *t = tc;
	int r = mdb_txn_renew(t->txn);

	if (r == 0)
		r = mdb_cursor_renew(t->txn, t->cursor);
	return check("iterator", r) == 0 ? t : NULL;
}

static int move(struct lm_thread *t, MDB_cursor_op op)
{
	int r = mdb_cursor_get(t->cursor, &t->key, &t->value, op);

	if (r == MDB_NOTFOUND)
		return 0;
	return r == 0 ? 1 : check("move", r);
}

static int lm_iter_seek(void *it, const void *k, size_t kl)
{
	struct lm_thread *t = it;

	t->key = val(k, kl);
	return move(t, kl ? MDB_SET_RANGE : MDB_FIRST);
}

static int lm_iter_next(void *it)
{
	return move(it, MDB_NEXT);
}

static int lm_iter_get(void *it, const void **k, size_t *kl, const void **v,
		       size_t *vl)
{
	const struct lm_thread *t = it;

	*k = t->key.mv_data;
	*kl = t->key.mv_size;
	*v = t->value.mv_data;
	*vl = t->value.mv_size;
	return 0;
}

static void lm_iter_free(void *it)
{
	struct lm_thread *t = it;

	mdb_txn_reset(t->txn);
}

static int lm_flush(void *db)
{
	struct lm *m = db;

	return check("sync", mdb_env_sync(m->env, 1));
}

const struct kv_engine kv_lmdb = {
	.name = "lmdb",
	.open = lm_open,
	.close = lm_close,
	.thread_begin = lm_thread_begin,
	.thread_end = lm_thread_end,
	.put = lm_put,
	.get = lm_get,
	.del = lm_del,
	.write_batch = lm_write_batch,
	.iter_new = lm_iter_new,
	.iter_seek = lm_iter_seek,
	.iter_next = lm_iter_next,
	.iter_get = lm_iter_get,
	.iter_free = lm_iter_free,
	.flush = lm_flush,
};
