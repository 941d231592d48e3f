/* SPDX-License-Identifier: MIT */
/*
 * tt_multi_get(): many point reads as of one moment.
 *
 * A point read whose block is in memory consists of waiting: for a line of
 * the filter, the block's place in the cache, the block, the record, one
 * after the other. So keys are taken in groups, and every key of a group
 * takes each of these steps before any takes the next. These are hints and
 * no more: each key is then read as tt_get_pinned() reads it, from memory
 * that is close by now. What a read means is decided in get.c alone.
 *
 * Blocks that are not in memory are read one after the other. While the disk
 * is slow, all blocks of a group are asked of it first, so
 * that it reads them at the same time; files that the system has in memory
 * are spared those calls.
 *
 * Separated values come last, for all keys, in the order in which they lie in
 * their files; those ahead are asked for while the disk is slow, too.
 */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/mutex.h"
#include "lsm/db.h"
#include "lsm/get.h"
#include "lsm/key_hash.h"
#include "lsm/sst_reader.h"
#include "lsm/value_format.h"
#include "lsm/value_read.h"

/* Keys whose steps overlap; their lines must fit the processor's first cache,
 * and its open misses. */
#define GROUP 16

/* Runs that are asked ahead for a key; deeper ones wait their turn. */
#define RUNS_AHEAD 12

/* How much of separated values is asked for ahead of where they are read. */
#define VALUES_AHEAD ((uint64_t)1 << 20)
/* How slow the disk is, is known by blocks of about so many bytes. */
#define VALUE_UNIT ((uint64_t)16 << 10)

/* Where the value of a key lies. */
struct separated {
	struct value_ptr ptr;
	size_t i; /* which key */
};

/* All that is asked in one call. */
struct request {
	struct tt *db;
	const struct superversion *sv;
	const struct tt_slice *keys;
	int64_t as_of;
	bool no_fill;
	struct tt_pinned *values;
	int *statuses;
	int failed; /* the last failure */
	struct separated *separated;
	size_t n_separated, cap_separated;
};

/* Of one key: where a filter says that it may be. */
struct guess {
	struct sst_reader *readers[RUNS_AHEAD]; /* of tables with the key in
						 * range that are open */
	unsigned n;
	struct sst_reader *reader; /* the first whose filter passes, or NULL */
	uint64_t hash;
	uint32_t block_no;
	struct block *block; /* a reference, or NULL: not in the cache */
};

static void ask_filters(const struct version *v, struct tt_slice key,
			struct guess *g)
{
	g->n = 0;
	g->hash = key_hash(key);
	for (uint32_t i = 0; i < v->n_runs && g->n < RUNS_AHEAD; i++) {
		struct table *t = run_table(&v->runs[i], key);
		struct sst_reader *r = t ? table_peek_open(&t->slot) : NULL;

		if (!r)
			continue;
		sst_ask_filter(r, g->hash);
		g->readers[g->n++] = r;
	}
}

static void ask_cache(struct block_cache *blocks, struct tt_slice key,
		      int64_t as_of, struct guess *g)
{
	g->reader = NULL;
	for (unsigned i = 0; i < g->n && !g->reader; i++)
		if (sst_may_have(g->readers[i], g->hash))
			g->reader = g->readers[i];
	if (g->reader)
		g->block_no = sst_ask(g->reader, blocks, key, as_of);
}

/* Begins the reading of blocks that are missing, when that pays; returns how
 * many there are. */
static unsigned ask_disk(struct block_cache *blocks,
			 const struct guess *guesses, size_t n)
{
	unsigned n_missing = 0;

	for (size_t i = 0; i < n; i++) {
		const struct guess *g = &guesses[i];

		if (!g->reader || g->block)
			continue;
		n_missing++;
		if (block_cache_is_slow(blocks))
			sst_ask_disk(g->reader, g->block_no);
	}
	return n_missing;
}

/* Returns how many blocks are not in memory. */
static unsigned ask_ahead(struct tt *db, const struct version *v,
			  const struct tt_slice *keys, size_t n, int64_t as_of,
			  struct guess *guesses)
{
	struct table_guard guard;
	unsigned n_missing;

	table_guard_enter(db->tables, &guard);
	for (size_t i = 0; i < n; i++)
		ask_filters(v, keys[i], &guesses[i]);
	for (size_t i = 0; i < n; i++)
		ask_cache(db->blocks, keys[i], as_of, &guesses[i]);
	for (size_t i = 0; i < n; i++)
		if (guesses[i].reader)
			sst_ask_block(guesses[i].reader, db->blocks,
				      guesses[i].block_no);
	for (size_t i = 0; i < n; i++)
		guesses[i].block =
			guesses[i].reader
				? sst_ask_record(guesses[i].reader, db->blocks,
						 guesses[i].block_no, keys[i])
				: NULL;
	n_missing = ask_disk(db->blocks, guesses, n);
	table_guard_leave(db->tables, &guard);
	return n_missing;
}

static void set_status(struct request *q, size_t i, int r)
{
	q->statuses[i] = r;
	if (r < 0)
		q->failed = r;
}

/* Notes where the value of key `i` lies; false when memory is out. */
static bool note_separated(struct request *q, size_t i)
{
	if (q->n_separated == q->cap_separated) {
		size_t cap = q->cap_separated ? 2 * q->cap_separated : GROUP;
		struct separated *p = realloc(q->separated, cap * sizeof(*p));

		if (!p)
			return false;
		q->separated = p;
		q->cap_separated = cap;
	}
	value_ptr_decode(q->values[i].value.data, q->keys[i].len,
			 &q->separated[q->n_separated].ptr);
	q->separated[q->n_separated++].i = i;
	return true;
}

static void get_one(struct request *q, size_t i)
{
	bool is_pointer;
	int r;

	q->values[i] = (struct tt_pinned){ .release = NULL };
	r = get_pinned_record(q->db, q->sv, q->keys[i], q->as_of, q->no_fill,
			      &q->values[i], &is_pointer);
	if (r == 0 && unlikely(is_pointer) && !note_separated(q, i))
		r = get_separated(q->db, q->keys[i], &q->values[i]);
	set_status(q, i, r);
}

/* Reads a group of keys from number `from` on. */
static void get_group(struct request *q, size_t from, size_t n)
{
	const struct version *v = q->sv->version;
	bool is_ahead = n > 1 && v->n_runs;
	struct guess guesses[GROUP];
	unsigned n_missing = 0;
	uint64_t since_ns = 0;

	if (is_ahead)
		n_missing = ask_ahead(q->db, v, q->keys + from, n, q->as_of,
				      guesses);
	if (n_missing)
		since_ns = mono_ns();
	for (size_t i = 0; i < n; i++)
		get_one(q, from + i);
	if (n_missing)
		block_cache_note_reads(q->db->blocks, n_missing,
				       mono_ns() - since_ns);
	for (size_t i = 0; is_ahead && i < n; i++)
		block_unref(guesses[i].block);
}

/* ---- separated values ------------------------------------------------- */

static int separated_cmp(const void *a, const void *b)
{
	const struct value_ptr *x = &((const struct separated *)a)->ptr;
	const struct value_ptr *y = &((const struct separated *)b)->ptr;

	if (x->file_no != y->file_no)
		return x->file_no < y->file_no ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Asks for values from the one at `*ahead` on, up to so many bytes behind what
 * is read. */
static void ask_values(struct request *q, size_t *ahead, uint64_t *bytes)
{
	while (*ahead < q->n_separated && *bytes < VALUES_AHEAD) {
		const struct separated *s = &q->separated[(*ahead)++];

		value_ask(q->db->values, &s->ptr);
		*bytes += s->ptr.stored_len;
	}
}

static void get_values(struct request *q)
{
	size_t ahead = 0;
	uint64_t asked = 0; /* bytes, not yet read */

	if (q->n_separated > 1)
		qsort(q->separated, q->n_separated, sizeof(*q->separated),
		      separated_cmp);
	for (size_t k = 0; k < q->n_separated; k++) {
		const struct separated *s = &q->separated[k];
		uint64_t since_ns = mono_ns(), len = s->ptr.stored_len;

		if (k == ahead)
			asked = 0;
		ahead = MAX_OF(ahead, k);
		if (q->n_separated > 1 && block_cache_is_slow(q->db->blocks))
			ask_values(q, &ahead, &asked);
		set_status(q, s->i,
			   get_separated(q->db, q->keys[s->i],
					 &q->values[s->i]));
		block_cache_note_reads(q->db->blocks,
				       1 + (unsigned)(len / VALUE_UNIT),
				       mono_ns() - since_ns);
		if (k < ahead)
			asked -= MIN_OF(asked, len);
	}
}

int tt_multi_get(struct tt *db, const struct tt_read_options *ro,
		 const struct tt_slice *keys, size_t n,
		 struct tt_pinned *values, int *statuses)
{
	struct request q = {
		.db = db,
		.keys = keys,
		.no_fill = ro && ro->no_fill,
		.values = values,
		.statuses = statuses,
	};
	struct slot_token token;
	struct superversion *sv;

	if (unlikely(ro && ro->verify))
		return get_verified_all(db, ro, keys, n, values, statuses);
	sv = db_acquire(db, &token);
	q.sv = sv;
	q.failed = get_ts(db, sv, ro, &q.as_of);
	for (size_t i = 0; q.failed < 0 && i < n; i++) {
		values[i] = (struct tt_pinned){ .release = NULL };
		statuses[i] = q.failed;
	}
	n = q.failed < 0 ? 0 : n;
	for (size_t at = 0; at < n; at += GROUP)
		get_group(&q, at, MIN_OF(n - at, GROUP));
	if (unlikely(q.n_separated))
		get_values(&q);
	free(q.separated);
	db_release(db, &token, sv);
	return q.failed;
}
