/* SPDX-License-Identifier: MIT */
#include "model/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"

#define KEY_BYTES 32

void oracle_init(struct oracle *o, unsigned n_keys, size_t max_value)
{
	*o = (struct oracle){ .n_keys = n_keys, .max_value = max_value };
}

void oracle_fini(struct oracle *o)
{
	free(o->changes);
}

/* Keys of different lengths that share prefixes. */
static struct tt_slice key_name(char *buf, unsigned key)
{
	int n = snprintf(buf, KEY_BYTES, key % 3 ? "k/%05u" : "k/%05u/tail",
			 key);

	return (struct tt_slice){ buf, (size_t)n };
}

static size_t value_len(const struct oracle *o, uint32_t batch, unsigned key)
{
	uint64_t h = (uint64_t)batch << 20 | key;

	h = splitmix64(&h);
	return h % 16 ? h / 16 % 64 : h / 16 % (o->max_value + 1);
}

static void value_fill(uint8_t *buf, size_t len, uint32_t batch, unsigned key)
{
	struct rng r;

	rng_init(&r, (uint64_t)batch << 16 ^ key);
	rng_fill(&r, buf, len);
}

static void note(struct oracle *o, unsigned key, bool is_delete)
{
	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 1024;
		o->changes = realloc(o->changes, o->cap * sizeof(*o->changes));
		ck_assert_ptr_nonnull(o->changes);
	}
	o->changes[o->n++] = (struct oracle_change){
		o->n_batches,
		(uint16_t)key,
		is_delete,
	};
}

void oracle_next(struct oracle *o, struct rng *rng, struct tt_batch *b)
{
	uint64_t n = rng_range(rng, 1, 8);
	char name[KEY_BYTES], seq[16];
	uint8_t *value = malloc(o->max_value + 64);

	ck_assert_ptr_nonnull(value);
	tt_batch_clear(b);
	o->n_batches++;
	for (uint64_t i = 0; i < n; i++) {
		unsigned key = (unsigned)rng_below(rng, o->n_keys);
		bool is_delete = rng_one_in(rng, 4);
		struct tt_slice k = key_name(name, key);
		size_t len = value_len(o, o->n_batches, key);

		note(o, key, is_delete);
		value_fill(value, len, o->n_batches, key);
		if (is_delete)
			ck_ok(tt_batch_delete(b, k));
		else
			ck_ok(tt_batch_put(b, k,
					   (struct tt_slice){ value, len }));
	}
	(void)snprintf(seq, sizeof(seq), "%u", o->n_batches);
	ck_ok(tt_batch_put(b, tt_str(ORACLE_SEQ), tt_str(seq)));
	free(value);
}

void oracle_truncate(struct oracle *o, uint32_t n)
{
	while (o->n && o->changes[o->n - 1].batch > n)
		o->n--;
	o->n_batches = n;
}

uint32_t oracle_seq(struct tt *db, const struct tt_snapshot *snap)
{
	struct tt_read_options ro = { .snapshot = snap };
	char text[16] = "";
	size_t n;
	int r = tt_get(db, &ro, tt_str(ORACLE_SEQ), text, sizeof(text) - 1, &n,
		       NULL);

	if (r == TT_NOTFOUND)
		return 0;
	ck_assert_msg(r == 0, "get: %s", tt_error_text(r));
	return (uint32_t)strtoul(text, NULL, 10);
}

static void check_value(const struct oracle *o, uint32_t batch, unsigned key,
			struct tt_slice got)
{
	size_t len = value_len(o, batch, key);
	uint8_t *want = malloc(len + 1);

	ck_assert_ptr_nonnull(want);
	value_fill(want, len, batch, key);
	ck_assert_msg(got.len == len &&
			      (len == 0 || memcmp(got.data, want, len) == 0),
		      "key %u of batch %u: wrong value", key, batch);
	free(want);
}

/* last[key]: the batch that wrote it, 0 when it is not there. */
static uint32_t *state_after(const struct oracle *o, uint32_t n)
{
	uint32_t *last = calloc(o->n_keys + 1u, sizeof(*last));

	ck_assert_ptr_nonnull(last);
	for (size_t i = 0; i < o->n && o->changes[i].batch <= n; i++)
		last[o->changes[i].key] =
			o->changes[i].is_delete ? 0 : o->changes[i].batch;
	return last;
}

static void check_gets(const struct oracle *o, struct tt *db,
		       const struct tt_snapshot *snap, const uint32_t *last)
{
	struct tt_read_options ro = { .snapshot = snap };
	char name[KEY_BYTES];

	for (unsigned k = 0; k < o->n_keys; k++) {
		struct tt_pinned p = { .release = NULL };
		int r = tt_get_pinned(db, &ro, key_name(name, k), &p);

		ck_assert_msg(r == (last[k] ? 0 : TT_NOTFOUND),
			      "key %u: %d (%s), batch %u", k, r,
			      tt_error_text(r), last[k]);
		if (r == 0)
			check_value(o, last[k], k, p.value);
		tt_unpin(&p);
	}
}

static void check_at(const struct oracle *o, struct tt_iter *it, unsigned key,
		     uint32_t batch)
{
	char name[KEY_BYTES];
	struct tt_slice want = key_name(name, key), got = tt_iter_key(it);

	ck_assert_msg(got.len == want.len &&
			      memcmp(got.data, want.data, want.len) == 0,
		      "iterator: %.*s instead of %s", (int)got.len,
		      (const char *)got.data, name);
	check_value(o, batch, key, tt_iter_value(it));
}

static void check_iter(const struct oracle *o, struct tt *db,
		       const struct tt_snapshot *snap, const uint32_t *last)
{
	struct tt_iter_options io = { .snapshot = snap, .lower = tt_str("k") };
	struct tt_iter *it;
	int r;

	ck_ok(tt_iter_new(db, &io, &it));
	r = tt_iter_first(it);
	for (unsigned k = 0; k < o->n_keys; k++) {
		if (!last[k])
			continue;
		ck_assert_msg(r == 0, "iterator: %d before key %u", r, k);
		check_at(o, it, k, last[k]);
		r = tt_iter_next(it);
	}
	ck_assert_int_eq(r, TT_END);
	r = tt_iter_last(it);
	for (unsigned k = o->n_keys; k-- > 0;) {
		if (!last[k])
			continue;
		ck_assert_msg(r == 0, "iterator: %d after key %u", r, k);
		check_at(o, it, k, last[k]);
		r = tt_iter_prev(it);
	}
	ck_assert_int_eq(r, TT_END);
	tt_iter_free(it);
}

void oracle_check(const struct oracle *o, struct tt *db,
		  const struct tt_snapshot *snap, uint32_t n)
{
	uint32_t *last = state_after(o, n);

	ck_assert_uint_eq(oracle_seq(db, snap), n);
	check_gets(o, db, snap, last);
	check_iter(o, db, snap, last);
	free(last);
}
