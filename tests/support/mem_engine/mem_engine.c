/* SPDX-License-Identifier: MIT */
#include "support/mem_engine/mem_engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mutex.h"
#include "base/slice.h"

struct version {
	struct version *older;
	int64_t ts;
	bool is_delete;
	size_t len;
	uint8_t data[];
};

struct row {
	struct version *newest;
	size_t len;
	uint8_t key[];
};

struct tt {
	struct tt *next;
	char dir[256];
	struct mutex mu;
	/* guarded by mu */
	struct row **rows;
	size_t n, cap;
	int64_t ts;
	uint64_t fail_nth;
	int fail_code;
	/* mem_engine_before_get() */
	struct tt_slice hook_key;
	void (*hook)(void *arg);
	void *hook_arg;
};

struct tt_snapshot {
	int64_t ts;
};

struct tt_batch {
	struct buf ops; /* struct op_head, key, value, … */
	size_t n;
};

struct op_head {
	enum tt_op_kind kind;
	size_t key_len, value_len; /* of a range: its upper key */
	size_t offset;		   /* of a patch */
};

struct tt_iter {
	struct tt *db;
	int64_t ts;
	bool newest;
	struct buf lower, upper, key;
	bool is_valid;
	const struct version *v;
};

static struct tt *stores;
static struct mutex stores_mu = MUTEX_INIT(RANK_OUTER);

const char *tt_error_text(int code)
{
	return err_code() == code ? err_text() : err_describe(code);
}

static struct tt *find_store(const char *dir)
{
	struct tt *db = stores;

	while (db && strcmp(db->dir, dir))
		db = db->next;
	return db;
}

int tt_open(const char *dir, const struct tt_options *opts, struct tt **out)
{
	struct tt *db;

	(void)opts;
	mutex_lock(&stores_mu);
	db = find_store(dir);
	if (!db) {
		db = calloc(1, sizeof(*db));
		snprintf(db->dir, sizeof(db->dir), "%s", dir);
		mutex_init(&db->mu, RANK_DB);
		db->next = stores;
		stores = db;
	}
	mutex_unlock(&stores_mu);
	*out = db;
	return 0;
}

int tt_close(struct tt *db)
{
	(void)db;
	return 0;
}

static void free_row(struct row *r)
{
	while (r->newest) {
		struct version *v = r->newest;

		r->newest = v->older;
		free(v);
	}
	free(r);
}

void mem_engine_forget(const char *dir)
{
	struct tt **at = &stores;

	mutex_lock(&stores_mu);
	while (*at && strcmp((*at)->dir, dir))
		at = &(*at)->next;
	if (*at) {
		struct tt *db = *at;

		*at = db->next;
		for (size_t i = 0; i < db->n; i++)
			free_row(db->rows[i]);
		free(db->rows);
		mutex_fini(&db->mu);
		free(db);
	}
	mutex_unlock(&stores_mu);
}

void mem_engine_fail_writes(struct tt *db, uint64_t nth, int code)
{
	mutex_lock(&db->mu);
	db->fail_nth = nth;
	db->fail_code = code;
	mutex_unlock(&db->mu);
}

void mem_engine_before_get(struct tt *db, struct tt_slice key,
			   void (*fn)(void *arg), void *arg)
{
	mutex_lock(&db->mu);
	db->hook_key = key;
	db->hook = fn;
	db->hook_arg = arg;
	mutex_unlock(&db->mu);
}

void mem_engine_cut(const char *dir, int64_t ts)
{
	struct tt *db = find_store(dir);

	for (size_t i = 0; db && i < db->n; i++) {
		struct row *r = db->rows[i];

		while (r->newest && r->newest->ts > ts) {
			struct version *v = r->newest;

			r->newest = v->older;
			free(v);
		}
	}
}

/* ---- rows ------------------------------------------------------------- */

static struct tt_slice row_key(const struct row *r)
{
	return SLICE(r->key, r->len);
}

/* Index of the first row >= key. */
static size_t lower_bound(const struct tt *db, struct tt_slice key)
{
	size_t lo = 0, hi = db->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (slice_cmp(row_key(db->rows[mid]), key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static const struct version *visible(const struct row *r, int64_t ts)
{
	const struct version *v = r->newest;

	while (v && v->ts > ts)
		v = v->older;
	return v && !v->is_delete ? v : NULL;
}

static void apply_locked(struct tt *db, struct tt_slice key,
			 struct tt_slice value, bool is_delete)
{
	size_t i = lower_bound(db, key);
	struct version *v = malloc(sizeof(*v) + value.len);
	struct row *r;

	if (i == db->n || !slice_eq(row_key(db->rows[i]), key)) {
		if (db->n == db->cap) {
			db->cap = db->cap ? 2 * db->cap : 64;
			db->rows =
				realloc(db->rows, db->cap * sizeof(*db->rows));
		}
		memmove(db->rows + i + 1, db->rows + i,
			(db->n - i) * sizeof(*db->rows));
		r = malloc(sizeof(*r) + key.len);
		r->newest = NULL;
		r->len = key.len;
		memcpy(r->key, key.data, key.len);
		db->rows[i] = r;
		db->n++;
	}
	r = db->rows[i];
	v->older = r->newest;
	v->ts = db->ts;
	v->is_delete = is_delete;
	v->len = value.len;
	if (value.len)
		memcpy(v->data, value.data, value.len);
	r->newest = v;
}

static void apply_range_locked(struct tt *db, struct tt_slice lower,
			       struct tt_slice upper)
{
	size_t i = lower_bound(db, lower);

	while (i < db->n &&
	       (!upper.len || slice_cmp(row_key(db->rows[i]), upper) < 0)) {
		apply_locked(db, row_key(db->rows[i]), SLICE_EMPTY, true);
		i++;
	}
}

static void apply_patch_locked(struct tt *db, struct tt_slice key,
			       size_t offset, struct tt_slice bytes)
{
	size_t i = lower_bound(db, key);
	const struct version *old = NULL;
	struct buf b = BUF_INIT;

	if (i < db->n && slice_eq(row_key(db->rows[i]), key))
		old = visible(db->rows[i], db->ts);
	if (old)
		buf_append(&b, old->data, old->len);
	while (b.len < offset + bytes.len)
		buf_append_byte(&b, 0);
	if (bytes.len)
		memcpy(b.data + offset, bytes.data, bytes.len);
	apply_locked(db, key, buf_slice(&b), false);
	buf_fini(&b);
}

static void apply_op_locked(struct tt *db, const struct tt_batch_op *op)
{
	switch (op->kind) {
	case TT_OP_PATCH:
		apply_patch_locked(db, op->key, op->offset, op->value);
		break;
	case TT_OP_DELETE_RANGE:
		apply_range_locked(db, op->key, op->value);
		break;
	default:
		apply_locked(db, op->key, op->value, op->kind == TT_OP_DELETE);
	}
}

/* ---- batches ---------------------------------------------------------- */

struct tt_batch *tt_batch_new(void)
{
	return calloc(1, sizeof(struct tt_batch));
}

void tt_batch_free(struct tt_batch *b)
{
	if (b)
		buf_fini(&b->ops);
	free(b);
}

void tt_batch_clear(struct tt_batch *b)
{
	buf_clear(&b->ops);
	b->n = 0;
}

int tt_batch_putv(struct tt_batch *b, struct tt_slice key,
		  const struct tt_slice *parts, size_t n)
{
	struct op_head h = { TT_OP_PUT, key.len, 0, 0 };

	for (size_t i = 0; i < n; i++)
		h.value_len += parts[i].len;
	buf_append(&b->ops, &h, sizeof(h));
	buf_append_slice(&b->ops, key);
	for (size_t i = 0; i < n; i++)
		buf_append_slice(&b->ops, parts[i]);
	b->n++;
	return 0;
}

int tt_batch_put(struct tt_batch *b, struct tt_slice key, struct tt_slice value)
{
	return tt_batch_putv(b, key, &value, 1);
}

static int add_op(struct tt_batch *b, enum tt_op_kind kind, struct tt_slice key,
		  struct tt_slice value, size_t offset)
{
	struct op_head h = { kind, key.len, value.len, offset };

	buf_append(&b->ops, &h, sizeof(h));
	buf_append_slice(&b->ops, key);
	buf_append_slice(&b->ops, value);
	b->n++;
	return 0;
}

int tt_batch_delete(struct tt_batch *b, struct tt_slice key)
{
	return add_op(b, TT_OP_DELETE, key, SLICE_EMPTY, 0);
}

int tt_batch_delete_range(struct tt_batch *b, struct tt_slice lower,
			  struct tt_slice upper)
{
	return add_op(b, TT_OP_DELETE_RANGE, lower, upper, 0);
}

int tt_batch_patch(struct tt_batch *b, struct tt_slice key, size_t offset,
		   struct tt_slice bytes)
{
	return add_op(b, TT_OP_PATCH, key, bytes, offset);
}

size_t tt_batch_count(const struct tt_batch *b)
{
	return b->n;
}

size_t tt_batch_bytes(const struct tt_batch *b)
{
	return b->ops.len;
}

int tt_write(struct tt *db, const struct tt_write_options *wo,
	     const struct tt_batch *b, int64_t *out_ts)
{
	const uint8_t *p = b->ops.data;
	int r = 0;

	(void)wo;
	mutex_lock(&db->mu);
	if (db->fail_nth && --db->fail_nth == 0) {
		db->fail_nth = 1;
		r = err_set(db->fail_code, "write failed by order");
		goto out;
	}
	db->ts++;
	for (size_t i = 0; i < b->n; i++) {
		struct op_head h;

		memcpy(&h, p, sizeof(h));
		p += sizeof(h);
		apply_op_locked(
			db, &(struct tt_batch_op){
				    .kind = h.kind,
				    .key = SLICE(p, h.key_len),
				    .value = SLICE(p + h.key_len, h.value_len),
				    .offset = h.offset });
		p += h.key_len + h.value_len;
	}
	if (out_ts)
		*out_ts = db->ts;
out:
	mutex_unlock(&db->mu);
	return r;
}

int tt_put(struct tt *db, const struct tt_write_options *wo,
	   struct tt_slice key, struct tt_slice value, int64_t *out_ts)
{
	struct tt_batch b = { BUF_INIT, 0 };
	int r;

	tt_batch_put(&b, key, value);
	r = tt_write(db, wo, &b, out_ts);
	buf_fini(&b.ops);
	return r;
}

int tt_delete(struct tt *db, const struct tt_write_options *wo,
	      struct tt_slice key, int64_t *out_ts)
{
	struct tt_batch b = { BUF_INIT, 0 };
	int r;

	tt_batch_delete(&b, key);
	r = tt_write(db, wo, &b, out_ts);
	buf_fini(&b.ops);
	return r;
}

int tt_sync(struct tt *db)
{
	(void)db;
	return 0;
}

/* ---- reading ---------------------------------------------------------- */

/* Runs what was to come before a read of `key`. */
static void call_hook(struct tt *db, struct tt_slice key)
{
	void (*fn)(void *arg) = NULL;
	void *arg = NULL;

	mutex_lock(&db->mu);
	if (db->hook && slice_eq(db->hook_key, key)) {
		fn = db->hook;
		arg = db->hook_arg;
		db->hook = NULL;
	}
	mutex_unlock(&db->mu);
	if (fn)
		fn(arg);
}

int tt_get_pinned(struct tt *db, const struct tt_read_options *ro,
		  struct tt_slice key, struct tt_pinned *out)
{
	const struct version *v = NULL;
	size_t i;

	call_hook(db, key);
	mutex_lock(&db->mu);
	i = lower_bound(db, key);
	if (i < db->n && slice_eq(row_key(db->rows[i]), key))
		v = visible(db->rows[i],
			    ro && ro->snapshot ? ro->snapshot->ts : db->ts);
	mutex_unlock(&db->mu);
	if (!v)
		return TT_NOTFOUND;
	*out = (struct tt_pinned){ .value = SLICE(v->data, v->len),
				   .ts = v->ts };
	return 0;
}

int tt_multi_get(struct tt *db, const struct tt_read_options *ro,
		 const struct tt_slice *keys, size_t n,
		 struct tt_pinned *values, int *statuses)
{
	for (size_t i = 0; i < n; i++) {
		memset(&values[i], 0, sizeof(values[i]));
		statuses[i] = tt_get_pinned(db, ro, keys[i], &values[i]);
	}
	return 0;
}

void tt_unpin(struct tt_pinned *pin)
{
	if (pin->release)
		pin->release(pin->a, pin->b);
	memset(pin, 0, sizeof(*pin));
}

int tt_get(struct tt *db, const struct tt_read_options *ro, struct tt_slice key,
	   void *buf, size_t cap, size_t *out_len, int64_t *out_ts)
{
	struct tt_pinned pin;
	int r = tt_get_pinned(db, ro, key, &pin);

	if (r)
		return r;
	if (buf)
		memcpy(buf, pin.value.data,
		       pin.value.len < cap ? pin.value.len : cap);
	if (out_len)
		*out_len = pin.value.len;
	if (out_ts)
		*out_ts = pin.ts;
	return 0;
}

/* Every copy counts as shared. */
int tt_write_copies(struct tt *db, const struct tt_write_options *wo,
		    const struct tt_batch *batch,
		    const struct tt_read_options *ro,
		    const struct tt_copy *copies, size_t n,
		    struct tt_copied *out, int64_t *out_ts)
{
	struct tt_batch all = { BUF_INIT, 0 };
	struct tt_copied copied = { .n_shared = n };
	int r = 0;

	if (batch) {
		buf_append_slice(&all.ops, buf_slice(&batch->ops));
		all.n = batch->n;
	}
	for (size_t i = 0; i < n && r == 0; i++) {
		struct tt_pinned pin;

		r = tt_get_pinned(db, ro, copies[i].from, &pin);
		if (r == 0) {
			tt_batch_put(&all, copies[i].to, pin.value);
			copied.shared_bytes += pin.value.len;
		}
	}
	if (r == 0)
		r = tt_write(db, wo, &all, out_ts);
	if (r == 0 && out)
		*out = copied;
	buf_fini(&all.ops);
	return r;
}

int64_t tt_last_ts(struct tt *db)
{
	int64_t ts;

	mutex_lock(&db->mu);
	ts = db->ts;
	mutex_unlock(&db->mu);
	return ts;
}

int tt_snapshot_new(struct tt *db, struct tt_snapshot **out)
{
	*out = malloc(sizeof(**out));
	(*out)->ts = tt_last_ts(db);
	return 0;
}

int tt_snapshot_at(struct tt *db, int64_t ts, struct tt_snapshot **out)
{
	int r = tt_snapshot_new(db, out);

	if (ts < (*out)->ts)
		(*out)->ts = ts;
	return r;
}

void tt_snapshot_free(struct tt *db, struct tt_snapshot *snap)
{
	(void)db;
	free(snap);
}

int64_t tt_snapshot_ts(const struct tt_snapshot *snap)
{
	return snap->ts;
}

/* ---- iterating -------------------------------------------------------- */

int tt_iter_new(struct tt *db, const struct tt_iter_options *o,
		struct tt_iter **out)
{
	struct tt_iter *it = calloc(1, sizeof(*it));

	it->db = db;
	it->ts = o && o->snapshot ? o->snapshot->ts : tt_last_ts(db);
	if (o) {
		buf_set(&it->lower, o->lower);
		buf_set(&it->upper, o->upper);
	}
	*out = it;
	return 0;
}

void tt_iter_free(struct tt_iter *it)
{
	if (!it)
		return;
	buf_fini(&it->lower);
	buf_fini(&it->upper);
	buf_fini(&it->key);
	free(it);
}

/* Places the iterator on the first visible row from index i in a direction. */
static int settle(struct tt_iter *it, size_t i, int dir)
{
	struct tt *db = it->db;
	int r = TT_END;

	it->is_valid = false;
	for (; i < db->n; i += dir) {
		struct row *row = db->rows[i];

		if (slice_cmp(row_key(row), buf_slice(&it->lower)) < 0 ||
		    (it->upper.len &&
		     slice_cmp(row_key(row), buf_slice(&it->upper)) >= 0)) {
			if (dir > 0 ? slice_cmp(row_key(row),
						buf_slice(&it->lower)) < 0
				    : it->upper.len &&
					      slice_cmp(
						      row_key(row),
						      buf_slice(&it->upper)) >=
						      0)
				continue;
			break;
		}
		it->v = visible(row, it->ts);
		if (it->v) {
			buf_set(&it->key, row_key(row));
			it->is_valid = true;
			r = 0;
			break;
		}
	}
	mutex_unlock(&db->mu);
	return r;
}

int tt_iter_seek(struct tt_iter *it, struct tt_slice key)
{
	mutex_lock(&it->db->mu);
	return settle(it, lower_bound(it->db, key), 1);
}

int tt_iter_seek_for_prev(struct tt_iter *it, struct tt_slice key)
{
	size_t i;

	mutex_lock(&it->db->mu);
	i = lower_bound(it->db, key);
	if (i == it->db->n || !slice_eq(row_key(it->db->rows[i]), key))
		i--;
	return settle(it, i, -1);
}

int tt_iter_first(struct tt_iter *it)
{
	mutex_lock(&it->db->mu);
	return settle(it, lower_bound(it->db, buf_slice(&it->lower)), 1);
}

int tt_iter_last(struct tt_iter *it)
{
	mutex_lock(&it->db->mu);
	return settle(it, it->db->n - 1, -1);
}

int tt_iter_next(struct tt_iter *it)
{
	mutex_lock(&it->db->mu);
	return settle(it, lower_bound(it->db, buf_slice(&it->key)) + 1, 1);
}

int tt_iter_prev(struct tt_iter *it)
{
	mutex_lock(&it->db->mu);
	return settle(it, lower_bound(it->db, buf_slice(&it->key)) - 1, -1);
}

bool tt_iter_valid(const struct tt_iter *it)
{
	return it->is_valid;
}

struct tt_slice tt_iter_key(const struct tt_iter *it)
{
	return buf_slice(&it->key);
}

struct tt_slice tt_iter_value(const struct tt_iter *it)
{
	return SLICE(it->v->data, it->v->len);
}

int64_t tt_iter_ts(const struct tt_iter *it)
{
	return it->v->ts;
}

int tt_space(struct tt *db, struct tt_space *out)
{
	(void)db;
	*out = (struct tt_space){ 1 << 20, 1 << 30, 1 << 29 };
	return 0;
}
