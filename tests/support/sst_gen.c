/* SPDX-License-Identifier: MIT */
/* See sst_gen.h. */
#include "support/sst_gen.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "support/check_main.h"

/* Keys over a small alphabet, zero bytes and 0xff among it, so that they
 * share prefixes and differ in places that matter. */
static size_t make_key(struct rng *rng, uint8_t *p, size_t cap)
{
	static const uint8_t alphabet[] = { 0, 1, 'a', 'b', 0x7f, 0x80, 0xff };
	static const char prefix[] = "shared/prefix/of/many/";
	size_t len = rng_below(rng, cap + 1), at = 0;

	if (len > sizeof(prefix) && rng_below(rng, 4)) {
		memcpy(p, prefix, sizeof(prefix) - 1);
		at = sizeof(prefix) - 1;
	}
	for (; at < len; at++)
		p[at] = alphabet[rng_below(rng, sizeof(alphabet))];
	return len;
}

static int cmp_slices(const void *a, const void *b)
{
	const struct tt_slice *x = a, *y = b;

	return slice_cmp(*x, *y);
}

static struct tt_slice make_value(struct sst_gen *g, struct rng *rng,
				  const struct sst_gen_shape *shape)
{
	size_t len = rng_below(rng, shape->value_len + 1);
	uint8_t *p;

	if (shape->one_in_big && rng_one_in(rng, shape->one_in_big))
		len = 20000;
	p = arena_alloc_bytes(&g->arena, len + 1);
	ck_assert_ptr_nonnull(p);
	/* Half of it compresses. */
	memset(p, 'v', len);
	rng_fill(rng, p, len / 2);
	return SLICE(p, len);
}

static void add_versions(struct sst_gen *g, struct rng *rng,
			 const struct sst_gen_shape *shape, struct tt_slice key)
{
	int64_t ts = (int64_t)rng_below(rng, 1000000) + 1000000;

	for (size_t v = 1 + rng_below(rng, shape->versions); v > 0; v--) {
		struct record *r = &g->recs[g->n++];

		*r = (struct record){ .key = key, .ts = ts };
		r->kind = rng_one_in(rng, 8) ? RECORD_TOMBSTONE : RECORD_VALUE;
		if (r->kind == RECORD_VALUE)
			r->value = make_value(g, rng, shape);
		ts -= 1 + (int64_t)rng_below(rng, 1000);
	}
}

void sst_gen_make(struct sst_gen *g, struct rng *rng,
		  const struct sst_gen_shape *shape)
{
	struct tt_slice *keys = calloc(shape->n_keys, sizeof(*keys));

	*g = (struct sst_gen){ .n = 0 };
	arena_init(&g->arena, 0);
	g->recs = calloc(shape->n_keys * shape->versions, sizeof(*g->recs));
	ck_assert(keys && g->recs);
	for (size_t i = 0; i < shape->n_keys; i++) {
		uint8_t *p = arena_alloc_bytes(&g->arena, shape->key_len + 1);

		ck_assert_ptr_nonnull(p);
		keys[i] = SLICE(p, make_key(rng, p, shape->key_len));
	}
	qsort(keys, shape->n_keys, sizeof(*keys), cmp_slices);
	for (size_t i = 0; i < shape->n_keys; i++)
		if (i == 0 || !slice_eq(keys[i - 1], keys[i]))
			add_versions(g, rng, shape, keys[i]);
	free(keys);
}

void sst_gen_free(struct sst_gen *g)
{
	free(g->recs);
	arena_fini(&g->arena);
}

size_t sst_gen_seek(const struct sst_gen *g, struct tt_slice key, int64_t ts)
{
	size_t lo = 0, hi = g->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = slice_cmp(g->recs[mid].key, key);

		if (c < 0 || (c == 0 && g->recs[mid].ts > ts))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct tt_slice sst_gen_probe(const struct sst_gen *g, struct rng *rng,
			      uint8_t *space, size_t cap)
{
	struct tt_slice key;

	if (rng_below(rng, 4) == 0)
		return SLICE(space, make_key(rng, space, cap));
	key = g->recs[rng_below(rng, g->n)].key;
	if (rng_below(rng, 2) == 0 || key.len + 1 > cap)
		return key;
	/* A neighbour: one byte more, less or other. */
	memcpy(space, key.data, key.len);
	space[key.len] = (uint8_t)rng_below(rng, 256);
	key = SLICE(space, key.len + 1);
	if (rng_below(rng, 2) && key.len >= 2)
		key.len -= 2;
	return key;
}

void sst_gen_write(const struct sst_gen *g, const struct sst_writer_options *o,
		   const char *path, struct sst_meta *meta)
{
	struct sst_writer *w;
	char tmp[4096];

	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	ck_ok(sst_writer_new(o, &w));
	for (size_t i = 0; i < g->n; i++)
		ck_ok(sst_writer_add(w, &g->recs[i]));
	ck_ok(sst_writer_finish(w, env_posix(), tmp, path, meta));
	sst_writer_free(w);
}
