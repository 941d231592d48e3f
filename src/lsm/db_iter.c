/* SPDX-License-Identifier: MIT */
/*
 * tt_iter_*: a user cursor over the merge of everything that a superversion
 * holds. The superversion stays referenced until the iterator is freed or
 * refreshed; tables are opened when a move reaches them.
 *
 * Most iterators live for one search, and building one costs more than that
 * search. So a freed iterator rests in its thread's slot (base/token.h) with
 * all its cursors, and the thread's next one is it again, pinned blocks and
 * tables included. A new superversion sweeps the slots before anything
 * written after it is acknowledged, as it does with the references that
 * point reads keep: a resting iterator is always one over the current
 * superversion.
 *
 * The superversion is taken before the timestamp, as in get.c.
 */
#include <stdlib.h>

#include "lsm/db.h"
#include "lsm/history.h"
#include "lsm/merge_iter.h"
#include "lsm/run_iter.h"
#include "lsm/sst_reader.h"
#include "lsm/user_iter.h"

/* Copies of keys, values and bounds up to this size are kept at rest. */
#define REST_BUF_BYTES ((size_t)4 << 10)

struct tt_iter {
	struct user_iter u;
	struct key_bounds bounds; /* views of those in `u`, for the runs */
	struct tt *db;
	struct superversion *sv; /* a reference */
	struct slot_token token; /* of db->iters */
	struct rec_iter **runs;	 /* owned by the merge in `u`; the array here */
	size_t n_runs;
	size_t borrowed;      /* bytes of the budget, for all of this */
	struct tt_iter *next; /* in a list of swept ones */
};

/* ---- what an iterator goes through ---------------------------------------- */

static void free_all(struct rec_iter **its, size_t n)
{
	while (n)
		rec_iter_free(its[--n]);
}

/* The active memtable always: an iterator at rest sees it grow. */
static int open_memtables(const struct superversion *sv, struct rec_iter **its,
			  size_t *n)
{
	int r = memtable_iter_new(sv->active, &its[0]);

	*n = r == 0;
	for (uint32_t i = 0; i < sv->n_imm && r == 0; i++) {
		if (memtable_count(sv->imm[i]) == 0)
			continue;
		r = memtable_iter_new(sv->imm[i], &its[*n]);
		*n += r == 0;
	}
	return r;
}

static int open_runs(struct tt_iter *it, const struct version *v,
		     struct rec_iter **its, size_t *n)
{
	int r = 0;

	it->runs = malloc((v->n_runs + 1u) * sizeof(*it->runs));
	if (!it->runs)
		return err_nomem("iterator");
	for (uint32_t i = 0; i < v->n_runs && r == 0; i++) {
		r = run_iter_new(&v->runs[i], 0, v->runs[i].n, it->db->tables,
				 it->db->blocks, 0, &its[*n]);
		if (r < 0)
			break;
		run_iter_set_bounds(its[*n], &it->bounds);
		it->runs[it->n_runs++] = its[(*n)++];
	}
	return r;
}

/* Builds the source over it->sv. */
static int make_source(struct tt_iter *it)
{
	size_t max = 1u + it->sv->n_imm + it->sv->version->n_runs;
	struct rec_iter *few[16];
	struct rec_iter **its = few;
	struct rec_iter *merged;
	size_t n = 0;
	int r;

	if (max > ARRAY_LEN(few)) {
		its = malloc(max * sizeof(*its));
		if (!its)
			return err_nomem("iterator");
	}
	/* Newest first. */
	r = open_memtables(it->sv, its, &n);
	if (r == 0)
		r = open_runs(it, it->sv->version, its, &n);
	if (r == 0)
		r = merge_iter_new(its, n, &merged);
	if (r == 0)
		user_iter_set_source(&it->u, merged, 0);
	else
		free_all(its, n);
	if (its != few)
		free(its);
	return r;
}

/* What a cursor over a memtable or a run takes, about. */
#define CHILD_BYTES ((size_t)512)

/* Iterators are part of the one budget: what this one takes comes off the
 * block cache's. */
static void account(struct tt_iter *it)
{
	size_t n = 1 + it->sv->n_imm + it->n_runs;
	size_t bytes = sizeof(*it) + n * CHILD_BYTES + REST_BUF_BYTES;

	if (bytes > it->borrowed)
		block_cache_borrow(it->db->blocks, bytes - it->borrowed);
	else
		block_cache_give_back(it->db->blocks, it->borrowed - bytes);
	it->borrowed = bytes;
}

static struct superversion *reference(struct tt *db)
{
	struct slot_token token;
	struct superversion *sv = db_acquire(db, &token);

	(void)superversion_ref(sv);
	db_release(db, &token, sv);
	return sv;
}

/* ---- making, resting and freeing -------------------------------------------- */

static void free_iter(struct tt_iter *it)
{
	block_cache_give_back(it->db->blocks, it->borrowed);
	user_iter_fini(&it->u);
	superversion_unref(it->sv);
	free(it->runs);
	free(it);
}

static int make_iter(struct tt *db, struct tt_iter **out)
{
	struct tt_iter *it = calloc(1, sizeof(*it));
	int r;

	if (!it)
		return err_nomem("iterator");
	it->db = db;
	user_iter_init(&it->u, &db->cfg.merge);
	it->sv = reference(db);
	r = make_source(it);
	if (r < 0) {
		free_iter(it);
		return r;
	}
	account(it);
	*out = it;
	return 0;
}

/* The first key behind all that begin with `prefix`, as *out, in `space`;
 * empty when none is: of nothing but 0xff. */
static int prefix_end(struct tt_slice prefix, struct buf *space,
		      struct tt_slice *out)
{
	const uint8_t *p = prefix.data;
	size_t n = prefix.len;
	int r;

	while (n && p[n - 1] == 0xff)
		n--;
	r = buf_set(space, SLICE(p, n));
	if (r < 0)
		return r;
	if (n)
		space->data[n - 1]++;
	*out = buf_slice(space);
	return 0;
}

static int set_bounds(struct tt_iter *it, const struct tt_iter_options *o)
{
	struct tt_slice lower = o->lower, upper = o->upper, end;
	struct buf space = BUF_INIT;
	int r = 0;

	if (o->prefix.len) {
		if (key_cmp(lower, o->prefix) < 0)
			lower = o->prefix;
		r = prefix_end(o->prefix, &space, &end);
		if (r == 0 && end.len &&
		    (!upper.len || key_cmp(end, upper) < 0))
			upper = end;
	}
	if (r == 0)
		r = user_iter_set_bounds(&it->u, lower, upper);
	buf_fini(&space);
	return r;
}

static int set_options(struct tt_iter *it, const struct tt_iter_options *o)
{
	unsigned flags = (o->no_fill ? SST_ITER_NO_FILL : 0u) |
			 (o->verify ? SST_ITER_VERIFY : 0u);
	int r = set_bounds(it, o);

	if (r < 0)
		return r;
	user_iter_set_keys_only(&it->u, o->keys_only);
	it->bounds.lower = buf_slice(&it->u.lower);
	it->bounds.upper = buf_slice(&it->u.upper);
	for (size_t i = 0; i < it->n_runs; i++)
		run_iter_set_flags(it->runs[i], flags);
	return 0;
}

int tt_iter_new(struct tt *db, const struct tt_iter_options *opts,
		struct tt_iter **out)
{
	static const struct tt_iter_options none;
	struct slot_token token;
	struct tt_iter *it = slot_take(&db->iters, &token);
	int64_t ts;
	int r = 0;

	if (!it)
		r = make_iter(db, &it);
	if (r < 0)
		return r;
	it->token = token;
	if (!opts)
		opts = &none;
	r = set_options(it, opts);
	if (r == 0)
		r = history_ts(db, it->sv, opts->snapshot, opts->as_of, &ts);
	if (r < 0) {
		tt_iter_free(it);
		return r;
	}
	user_iter_restart(&it->u, ts);
	db_count(db, STAT_ITERATORS, 1);
	*out = it;
	return 0;
}

void tt_iter_free(struct tt_iter *it)
{
	if (!it)
		return;
	user_iter_rest(&it->u, REST_BUF_BYTES);
	for (size_t i = 0; i < it->n_runs; i++)
		run_iter_rest(it->runs[i]);
	if (!slot_put_back(&it->db->iters, &it->token, it))
		free_iter(it);
}

static void chain(void *ref, void *arg)
{
	struct tt_iter *it = ref, **list = arg;

	it->next = *list;
	*list = it;
}

struct tt_iter *db_sweep_iters(struct tt *db)
{
	struct tt_iter *list = NULL;

	slot_sweep(&db->iters, chain, &list);
	return list;
}

void db_free_iters(struct tt_iter *list)
{
	while (list) {
		struct tt_iter *next = list->next;

		free_iter(list);
		list = next;
	}
}

int tt_iter_refresh(struct tt_iter *it)
{
	struct superversion *now = reference(it->db);
	struct superversion *was = it->sv;
	struct rec_iter **runs = it->runs;
	size_t n_runs = it->n_runs;
	int r;

	if (now == was) {
		superversion_unref(now);
		user_iter_restart(&it->u, clock_visible(&it->db->clk));
		return 0;
	}
	it->sv = now;
	it->runs = NULL;
	it->n_runs = 0;
	r = make_source(it);
	if (r < 0) { /* the old source lives on, and so must its tables */
		free(it->runs);
		it->runs = runs;
		it->n_runs = n_runs;
		it->sv = was;
		superversion_unref(now);
		return r;
	}
	free(runs);
	superversion_unref(was);
	account(it);
	user_iter_restart(&it->u, clock_visible(&it->db->clk));
	return 0;
}

/* ---- moves ------------------------------------------------------------------ */

int tt_iter_first(struct tt_iter *it)
{
	db_count(it->db, STAT_SEEKS, 1);
	return user_iter_first(&it->u);
}

int tt_iter_last(struct tt_iter *it)
{
	db_count(it->db, STAT_SEEKS, 1);
	return user_iter_last(&it->u);
}

int tt_iter_seek(struct tt_iter *it, struct tt_slice key)
{
	db_count(it->db, STAT_SEEKS, 1);
	return user_iter_seek(&it->u, key);
}

int tt_iter_seek_for_prev(struct tt_iter *it, struct tt_slice key)
{
	db_count(it->db, STAT_SEEKS, 1);
	return user_iter_seek_for_prev(&it->u, key);
}

int tt_iter_next(struct tt_iter *it)
{
	return user_iter_next(&it->u);
}

int tt_iter_prev(struct tt_iter *it)
{
	return user_iter_prev(&it->u);
}

bool tt_iter_valid(const struct tt_iter *it)
{
	return user_iter_is_valid(&it->u);
}

struct tt_slice tt_iter_key(const struct tt_iter *it)
{
	return user_iter_rec(&it->u)->key;
}

struct tt_slice tt_iter_value(const struct tt_iter *it)
{
	return user_iter_rec(&it->u)->value;
}

int64_t tt_iter_ts(const struct tt_iter *it)
{
	return user_iter_rec(&it->u)->ts;
}
