/* SPDX-License-Identifier: MIT */
#include "model/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "support/check_main.h"

#define KEY_BYTES 32

/* What is read: the newest state unless one is set. */
struct view {
	const struct tt_snapshot *snap;
	int64_t as_of;
};

void oracle_init(struct oracle *o, unsigned n_keys, size_t max_value)
{
	*o = (struct oracle){
		.n_keys = n_keys,
		.max_value = max_value,
		.large_one_in = 16,
	};
}

void oracle_fini(struct oracle *o)
{
	free(o->changes);
	free(o->is_live);
}

/* Keys of different lengths that share prefixes. */
static struct tt_slice key_name(char *buf, unsigned key)
{
	int n = snprintf(buf, KEY_BYTES, key % 3 ? "k/%05u" : "k/%05u/tail",
			 key);

	return (struct tt_slice){ buf, (size_t)n };
}

#define MERGED_MOST 3000

static uint64_t change_hash(const struct oracle_change *c)
{
	uint64_t h = (uint64_t)c->batch << 28 | (uint64_t)c->key << 8 | c->salt;

	return splitmix64(&h);
}

/* Mostly short; operands and patches always. */
static size_t value_len(const struct oracle *o, const struct oracle_change *c)
{
	uint64_t h = change_hash(c);

	if (c->op != ORACLE_PUT || h % o->large_one_in)
		return h / 16 % 64;
	return h / 16 % (o->max_value + 1);
}

static size_t patch_offset(const struct oracle *o,
			   const struct oracle_change *c)
{
	uint64_t h = change_hash(c) >> 32;

	return h % 4 ? h / 4 % 100 : h / 4 % (o->max_value + 1);
}

static void value_fill(uint8_t *buf, size_t len, const struct oracle_change *c)
{
	struct rng r;

	rng_init(&r, change_hash(c));
	rng_fill(&r, buf, len);
}

static const struct oracle_change *note(struct oracle *o, unsigned key,
					enum oracle_op op, unsigned salt)
{
	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : 1024;
		o->changes = realloc(o->changes, o->cap * sizeof(*o->changes));
		ck_assert_ptr_nonnull(o->changes);
	}
	o->changes[o->n] = (struct oracle_change){
		.batch = o->n_batches,
		.key = (uint16_t)key,
		.op = (uint8_t)op,
		.salt = (uint8_t)salt,
	};
	return &o->changes[o->n++];
}

/* Mostly narrow; now and then anything up to all there is. */
static const struct oracle_change *note_range(struct oracle *o, struct rng *rng)
{
	unsigned key = (unsigned)rng_below(rng, o->n_keys);
	unsigned most = rng_one_in(rng, 8) ? o->n_keys : 6;
	unsigned end = key + 1 + (unsigned)rng_below(rng, most);

	(void)note(o, key, ORACLE_DELETE_RANGE, 0);
	o->changes[o->n - 1].end =
		(uint16_t)(end < o->n_keys ? end : o->n_keys);
	return &o->changes[o->n - 1];
}

static void add_range(const struct oracle *o, const struct oracle_change *c,
		      struct tt_slice lower, struct tt_batch *b)
{
	char name[KEY_BYTES];

	ck_ok(tt_batch_delete_range(b, lower,
				    c->end < o->n_keys ? key_name(name, c->end)
						       : SLICE_EMPTY));
}

static void add_to_batch(const struct oracle *o, const struct oracle_change *c,
			 uint8_t *buf, struct tt_batch *b)
{
	char name[KEY_BYTES];
	struct tt_slice key = key_name(name, c->key);
	struct tt_slice value = { buf, value_len(o, c) };

	value_fill(buf, value.len, c);
	switch ((enum oracle_op)c->op) {
	case ORACLE_PUT:
		ck_ok(tt_batch_put(b, key, value));
		break;
	case ORACLE_DELETE:
		ck_ok(tt_batch_delete(b, key));
		break;
	case ORACLE_PATCH:
		ck_ok(tt_batch_patch(b, key, patch_offset(o, c), value));
		break;
	case ORACLE_MERGE:
		ck_ok(tt_batch_merge(b, key, value));
		break;
	case ORACLE_DELETE_RANGE:
		add_range(o, c, key, b);
		break;
	case ORACLE_COPY:
		break; /* oracle_write() has them */
	}
}

/* ---- which keys have a value ------------------------------------------- */

static void note_life(struct oracle *o, const struct oracle_change *c)
{
	if (c->op != ORACLE_DELETE_RANGE)
		o->is_live[c->key] = c->op != ORACLE_DELETE;
	else
		memset(o->is_live + c->key, 0, c->end - c->key);
}

static void find_life(struct oracle *o)
{
	if (o->is_live)
		return;
	o->is_live = calloc(o->n_keys, sizeof(*o->is_live));
	ck_assert_ptr_nonnull(o->is_live);
	for (size_t i = 0; i < o->n; i++)
		note_life(o, &o->changes[i]);
}

/* From keys that have a value before the batch, whose changes begin at
 * `first`: they are noted afterwards. */
static void note_copies(struct oracle *o, struct rng *rng, size_t first)
{
	o->n_copies = 0;
	for (uint64_t n = rng_below(rng, 4 * ORACLE_COPIES); n < ORACLE_COPIES;
	     n++) {
		unsigned from = (unsigned)rng_below(rng, o->n_keys);

		if (!o->is_live[from])
			continue;
		(void)note(o, (unsigned)rng_below(rng, o->n_keys), ORACLE_COPY,
			   0);
		o->changes[o->n - 1].end = (uint16_t)from;
		o->n_copies++;
	}
	for (size_t i = first; i < o->n; i++)
		note_life(o, &o->changes[i]);
}

int oracle_write(const struct oracle *o, struct tt *db,
		 const struct tt_write_options *wo, const struct tt_batch *b,
		 int64_t *out_ts)
{
	struct tt_copy copies[ORACLE_COPIES];
	char names[ORACLE_COPIES][2][KEY_BYTES];

	if (o->n_copies == 0)
		return tt_write(db, wo, b, out_ts);
	for (unsigned i = 0; i < o->n_copies; i++) {
		const struct oracle_change *c =
			&o->changes[o->n - o->n_copies + i];

		copies[i] = (struct tt_copy){ key_name(names[i][0], c->end),
					      key_name(names[i][1], c->key) };
	}
	return tt_write_copies(db, wo, b, NULL, copies, o->n_copies, NULL,
			       out_ts);
}

void oracle_next(struct oracle *o, struct rng *rng, struct tt_batch *b)
{
	static const enum oracle_op ops[] = {
		ORACLE_PUT,    ORACLE_PUT,   ORACLE_PUT,   ORACLE_PUT,
		ORACLE_DELETE, ORACLE_PATCH, ORACLE_PATCH, ORACLE_MERGE,
	};
	uint64_t n = rng_range(rng, 1, 8);
	size_t first = o->n;
	uint8_t *value = malloc(o->max_value + 64);
	char seq[16];

	ck_assert_ptr_nonnull(value);
	tt_batch_clear(b);
	find_life(o);
	o->n_batches++;
	for (uint64_t i = 0; i < n; i++) {
		/* Now and then the same key again. */
		unsigned key = i && rng_one_in(rng, 8)
				       ? o->changes[o->n - 1].key
				       : (unsigned)rng_below(rng, o->n_keys);
		const struct oracle_change *c =
			rng_one_in(rng, 20)
				? note_range(o, rng)
				: note(o, key, ops[rng_below(rng, 8)],
				       (unsigned)i);

		add_to_batch(o, c, value, b);
	}
	note_copies(o, rng, first);
	(void)snprintf(seq, sizeof(seq), "%u", o->n_batches);
	ck_ok(tt_batch_put(b, tt_str(ORACLE_SEQ), tt_str(seq)));
	free(value);
}

int oracle_merge(void *arg, struct tt_slice key, const struct tt_slice *base,
		 const struct tt_slice *operands, size_t n,
		 struct tt_merge_result *result)
{
	size_t len = base ? base->len : 0, skip;
	int r = 0;

	(void)arg;
	(void)key;
	for (size_t i = 0; i < n; i++)
		len += operands[i].len;
	skip = len > MERGED_MOST ? len - MERGED_MOST : 0;
	for (size_t i = 0; i <= n && r == 0; i++) {
		static const struct tt_slice none;
		struct tt_slice s = i ? operands[i - 1] : base ? *base : none;
		size_t cut = MIN_OF(skip, s.len);

		skip -= cut;
		s = SLICE(slice_bytes(s) + cut, s.len - cut);
		r = tt_merge_emit(result, s);
	}
	return r;
}

void oracle_truncate(struct oracle *o, uint32_t n)
{
	while (o->n && o->changes[o->n - 1].batch > n)
		o->n--;
	o->n_batches = n;
	free(o->is_live);
	o->is_live = NULL;
}

static int read_seq(struct tt *db, const struct view *view, uint32_t *out)
{
	struct tt_read_options ro = { .snapshot = view->snap,
				      .as_of = view->as_of };
	char text[16] = "";
	size_t n;
	int r = tt_get(db, &ro, tt_str(ORACLE_SEQ), text, sizeof(text) - 1, &n,
		       NULL);

	if (view->as_of && r == TT_ETOOOLD)
		return r;
	ck_assert_msg(r == 0 || r == TT_NOTFOUND, "get: %s", tt_error_text(r));
	*out = r == 0 ? (uint32_t)strtoul(text, NULL, 10) : 0;
	return 0;
}

uint32_t oracle_seq(struct tt *db, const struct tt_snapshot *snap)
{
	uint32_t seq;

	ck_ok(read_seq(db, &(struct view){ .snap = snap }, &seq));
	return seq;
}

/* ---- the state after a prefix ------------------------------------------ */

struct state {
	bool is_live;
	struct buf value;
};

static void patch_state(struct state *st, size_t offset, const uint8_t *bytes,
			size_t len)
{
	size_t end = offset + len;

	if (end > st->value.len) {
		ck_ok(buf_reserve(&st->value, end - st->value.len));
		memset(buf_tail(&st->value), 0, end - st->value.len);
		buf_advance(&st->value, end - st->value.len);
	}
	if (len)
		memcpy(st->value.data + offset, bytes, len);
}

static void append_state(struct state *st, struct tt_slice bytes)
{
	size_t skip;

	ck_ok(buf_append_slice(&st->value, bytes));
	if (st->value.len <= MERGED_MOST)
		return;
	skip = st->value.len - MERGED_MOST;
	memmove(st->value.data, st->value.data + skip, MERGED_MOST);
	buf_truncate(&st->value, MERGED_MOST);
}

static void apply(const struct oracle *o, const struct oracle_change *c,
		  struct state *st, uint8_t *bytes)
{
	size_t len = value_len(o, c);

	value_fill(bytes, len, c);
	if (c->op <= ORACLE_DELETE || !st->is_live)
		buf_clear(&st->value);
	st->is_live = c->op != ORACLE_DELETE;
	if (c->op == ORACLE_PUT)
		ck_ok(buf_append(&st->value, bytes, len));
	else if (c->op == ORACLE_PATCH)
		patch_state(st, patch_offset(o, c), bytes, len);
	else if (c->op == ORACLE_MERGE)
		append_state(st, SLICE(bytes, len));
}

static void apply_range(const struct oracle_change *c, struct state *states)
{
	for (unsigned k = c->key; k < c->end; k++) {
		buf_clear(&states[k].value);
		states[k].is_live = false;
	}
}

/* What the copies of the batch that begins at change `i` copy. */
static void take_sources(const struct oracle *o, size_t i,
			 const struct state *states, struct buf *sources)
{
	uint32_t batch = o->changes[i].batch;
	unsigned n = 0;

	for (; i < o->n && o->changes[i].batch == batch; i++)
		if (o->changes[i].op == ORACLE_COPY)
			ck_ok(buf_set(
				&sources[n++],
				buf_slice(&states[o->changes[i].end].value)));
}

static struct state *state_after(const struct oracle *o, uint32_t n)
{
	struct state *states = calloc(o->n_keys + 1u, sizeof(*states));
	uint8_t *bytes = malloc(o->max_value + 64);
	struct buf sources[ORACLE_COPIES] = { BUF_INIT, BUF_INIT, BUF_INIT };
	unsigned n_copied = 0;

	ck_assert(states && bytes);
	for (size_t i = 0; i < o->n && o->changes[i].batch <= n; i++) {
		const struct oracle_change *c = &o->changes[i];

		if (i == 0 || o->changes[i - 1].batch != c->batch) {
			take_sources(o, i, states, sources);
			n_copied = 0;
		}
		if (c->op == ORACLE_DELETE_RANGE) {
			apply_range(c, states);
		} else if (c->op == ORACLE_COPY) {
			states[c->key].is_live = true;
			ck_ok(buf_set(&states[c->key].value,
				      buf_slice(&sources[n_copied++])));
		} else {
			apply(o, c, &states[c->key], bytes);
		}
	}
	for (unsigned i = 0; i < ORACLE_COPIES; i++)
		buf_fini(&sources[i]);
	free(bytes);
	return states;
}

static void state_free(const struct oracle *o, struct state *states)
{
	for (unsigned k = 0; k < o->n_keys; k++)
		buf_fini(&states[k].value);
	free(states);
}

static void check_value(const struct state *st, unsigned key,
			struct tt_slice got)
{
	ck_assert_msg(slice_eq(got, buf_slice(&st->value)),
		      "key %u: wrong value: %zu bytes, not %zu", key, got.len,
		      st->value.len);
}

static int check_gets(const struct oracle *o, struct tt *db,
		      const struct view *view, const struct state *last)
{
	struct tt_read_options ro = { .snapshot = view->snap,
				      .as_of = view->as_of };
	char name[KEY_BYTES];

	for (unsigned k = 0; k < o->n_keys; k++) {
		struct tt_pinned p = { .release = NULL };
		int r = tt_get_pinned(db, &ro, key_name(name, k), &p);

		if (view->as_of && r == TT_ETOOOLD)
			return r;
		ck_assert_msg(r == (last[k].is_live ? 0 : TT_NOTFOUND),
			      "key %u: %d (%s)", k, r, tt_error_text(r));
		if (r == 0)
			check_value(&last[k], k, p.value);
		tt_unpin(&p);
	}
	return 0;
}

static void check_at(const struct state *st, struct tt_iter *it, unsigned key)
{
	char name[KEY_BYTES];
	struct tt_slice want = key_name(name, key), got = tt_iter_key(it);

	ck_assert_msg(got.len == want.len &&
			      memcmp(got.data, want.data, want.len) == 0,
		      "iterator: %.*s instead of %s", (int)got.len,
		      (const char *)got.data, name);
	check_value(st, key, tt_iter_value(it));
}

static int check_iter(const struct oracle *o, struct tt *db,
		      const struct view *view, const struct state *last)
{
	struct tt_iter_options io = { .snapshot = view->snap,
				      .as_of = view->as_of,
				      .lower = tt_str("k") };
	struct tt_iter *it;
	int r;

	r = tt_iter_new(db, &io, &it);
	if (view->as_of && r == TT_ETOOOLD)
		return r;
	ck_ok(r);
	r = tt_iter_first(it);
	for (unsigned k = 0; k < o->n_keys; k++) {
		if (!last[k].is_live)
			continue;
		ck_assert_msg(r == 0, "iterator: %d before key %u", r, k);
		check_at(&last[k], it, k);
		r = tt_iter_next(it);
	}
	ck_assert_int_eq(r, TT_END);
	r = tt_iter_last(it);
	for (unsigned k = o->n_keys; k-- > 0;) {
		if (!last[k].is_live)
			continue;
		ck_assert_msg(r == 0, "iterator: %d after key %u", r, k);
		check_at(&last[k], it, k);
		r = tt_iter_prev(it);
	}
	ck_assert_int_eq(r, TT_END);
	tt_iter_free(it);
	return 0;
}

static int check_view(const struct oracle *o, struct tt *db,
		      const struct view *view, uint32_t n)
{
	struct state *last = state_after(o, n);
	uint32_t seq;
	int r = read_seq(db, view, &seq);

	if (r == 0) {
		ck_assert_uint_eq(seq, n);
		r = check_gets(o, db, view, last);
	}
	if (r == 0)
		r = check_iter(o, db, view, last);
	state_free(o, last);
	return r;
}

void oracle_check(const struct oracle *o, struct tt *db,
		  const struct tt_snapshot *snap, uint32_t n)
{
	ck_ok(check_view(o, db, &(struct view){ .snap = snap }, n));
}

int oracle_check_as_of(const struct oracle *o, struct tt *db, int64_t as_of,
		       uint32_t n)
{
	return check_view(o, db, &(struct view){ .as_of = as_of }, n);
}
