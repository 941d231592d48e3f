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
 */
#include "base/compiler.h"
#include "base/mutex.h"
#include "lsm/db.h"
#include "lsm/get.h"
#include "lsm/key_hash.h"
#include "lsm/sst_reader.h"

/* Keys whose steps overlap; their lines must fit the processor's first cache,
 * and its open misses. */
#define GROUP 16

/* Runs that are asked ahead for a key; deeper ones wait their turn. */
#define RUNS_AHEAD 12

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

/* Reads a group; the last failure is returned. */
static int get_group(struct tt *db, const struct superversion *sv,
		     const struct tt_slice *keys, size_t n, int64_t as_of,
		     bool no_fill, struct tt_pinned *values, int *statuses)
{
	bool is_ahead = n > 1 && sv->version->n_runs;
	struct guess guesses[GROUP];
	unsigned n_missing = 0;
	uint64_t since_ns = 0;
	int failed = 0;

	if (is_ahead)
		n_missing = ask_ahead(db, sv->version, keys, n, as_of, guesses);
	if (n_missing)
		since_ns = mono_ns();
	for (size_t i = 0; i < n; i++) {
		values[i] = (struct tt_pinned){ .release = NULL };
		statuses[i] =
			get_pinned(db, sv, keys[i], as_of, no_fill, &values[i]);
		if (statuses[i] < 0)
			failed = statuses[i];
	}
	if (n_missing)
		block_cache_note_reads(db->blocks, n_missing,
				       mono_ns() - since_ns);
	for (size_t i = 0; is_ahead && i < n; i++)
		block_unref(guesses[i].block);
	return failed;
}

int tt_multi_get(struct tt *db, const struct tt_read_options *ro,
		 const struct tt_slice *keys, size_t n,
		 struct tt_pinned *values, int *statuses)
{
	struct slot_token token;
	struct superversion *sv;
	int64_t as_of;
	int failed;

	if (unlikely(ro && ro->verify))
		return get_verified_all(db, ro, keys, n, values, statuses);
	sv = db_acquire(db, &token);
	failed = get_ts(db, sv, ro, &as_of);
	for (size_t i = 0; failed < 0 && i < n; i++) {
		values[i] = (struct tt_pinned){ .release = NULL };
		statuses[i] = failed;
	}
	n = failed < 0 ? 0 : n;
	for (size_t at = 0; at < n; at += GROUP) {
		int r = get_group(db, sv, keys + at, MIN_OF(n - at, GROUP),
				  as_of, ro && ro->no_fill, values + at,
				  statuses + at);

		if (r < 0)
			failed = r;
	}
	db_release(db, &token, sv);
	return failed;
}
