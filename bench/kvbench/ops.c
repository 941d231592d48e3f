/* SPDX-License-Identifier: MIT */
#include "ops.h"

#include <string.h>

#include "options.h"

#define SEEK_NEXTS 10

int op_put(struct worker *w, uint64_t id)
{
	const struct run *r = w->run;

	key_make(w->key, id);
	value_make(w->value, r->value_bytes, id, &w->rng);
	w->result.user_bytes += cfg.key_size + r->value_bytes;
	return r->engine->put(w->tc, w->key, cfg.key_size, w->value,
			      r->value_bytes);
}

int op_delete(struct worker *w, uint64_t id)
{
	key_make(w->key, id);
	w->result.user_bytes += cfg.key_size;
	return w->run->engine->del(w->tc, w->key, cfg.key_size);
}

/* ---- reading ----------------------------------------------------------- */

/* What get() says of the key in w->key; *len is the value's length. */
static int read_key(struct worker *w, size_t *len)
{
	*len = 0;
	return w->run->engine->get(w->tc, w->key, cfg.key_size, w->got,
				   w->got_cap, len);
}

/* Whether what get() found is the value of key `id`. */
static int check_found(struct worker *w, uint64_t id, size_t len)
{
	w->result.found++;
	return len == w->run->value_bytes && value_is_of(w->got, len, id) ? 0
									  : -1;
}

int op_get_maybe(struct worker *w, uint64_t id)
{
	size_t len;
	int r;

	key_make(w->key, id);
	r = read_key(w, &len);
	return r == 0 ? check_found(w, id, len) : r;
}

int op_get(struct worker *w, uint64_t id)
{
	int r = op_get_maybe(w, id);

	return r > 0 && !w->run->engine->keeps_nothing ? -1 : r;
}

int op_get_absent(struct worker *w, uint64_t id)
{
	size_t len;

	key_make_absent(w->key, id);
	return read_key(w, &len) == 1 ? 0 : -1;
}

/* ---- iterating --------------------------------------------------------- */

/*
 * Reads `n` entries from w->key on and counts them. Checks, with `checks`,
 * that the first is that key and all have the sizes that we wrote.
 */
static int walk(struct worker *w, uint64_t n, bool checks)
{
	const struct kv_engine *e = w->run->engine;
	void *it = e->iter_new(w->tc);
	int r = it ? e->iter_seek(it, w->key, cfg.key_size) : -1;
	uint64_t i;

	for (i = 0; i < n && r > 0; i++) {
		const void *key, *value;
		size_t key_len, value_len;

		e->iter_get(it, &key, &key_len, &value, &value_len);
		if (checks && (key_len != cfg.key_size ||
			       value_len != w->run->value_bytes ||
			       (i == 0 && memcmp(key, w->key, key_len) != 0)))
			w->result.errors++;
		r = e->iter_next(it);
	}
	w->result.found += i;
	if (checks && i == 0 && r == 0 && !e->keeps_nothing)
		r = -1;
	if (it)
		e->iter_free(it);
	return r < 0 ? r : 0;
}

int op_seek(struct worker *w, uint64_t id)
{
	key_make(w->key, id);
	return walk(w, SEEK_NEXTS, true);
}

int op_scan(struct worker *w, uint64_t id, uint64_t n)
{
	key_make(w->key, id);
	return walk(w, n, false);
}

/* ---- batches ----------------------------------------------------------- */

int op_batch(struct worker *w, uint64_t turn)
{
	const struct job *job = w->job;
	struct run *r = w->run;
	uint8_t *at = w->batch_bytes;

	for (uint64_t i = 0; i < job->batch; i++) {
		uint64_t id = (job->first + turn + i) % r->n;

		if (job->order != ORDER_RISING)
			id = permute(id, r->n, cfg.seed);
		key_make(at, id);
		value_make(at + cfg.key_size, r->value_bytes, id, &w->rng);
		w->batch_ops[i] = (struct kv_op){
			.key = at,
			.klen = cfg.key_size,
			.val = at + cfg.key_size,
			.vlen = r->value_bytes,
		};
		at += cfg.key_size + r->value_bytes;
	}
	w->result.user_bytes += job->batch * (cfg.key_size + r->value_bytes);
	return r->engine->write_batch(w->tc, w->batch_ops, job->batch);
}
