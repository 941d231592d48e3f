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
 * Where a source has range tombstones, all stand behind a cover
 * (range_cover.h). Within a superversion the active memtable alone can come to
 * have some: an iterator at rest is then built anew.
 *
 * The superversion is taken before the timestamp, as in get.c.
 *
 * An iterator that reads separated values from the disk gets a scout
 * (value_ahead.h): an iterator over the same superversion that never rests.
 *
 * A move that comes to a separated value reads it, unless only keys are wanted:
 * so a value that cannot be read fails the move and not the access, which has
 * no way to say so. The position stays then, and the walk can go on.
 */
#include <stdlib.h>

#include "base/mutex.h"
#include "lsm/db.h"
#include "lsm/history.h"
#include "lsm/mem_ranges.h"
#include "lsm/merge_iter.h"
#include "lsm/range_cover.h"
#include "lsm/run_iter.h"
#include "lsm/sst_reader.h"
#include "lsm/user_iter.h"
#include "lsm/value_ahead.h"
#include "lsm/value_read.h"

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
	struct range_cover *cover; /* a reference; NULL: there are no ranges */
	struct tt_slice value;	   /* of the current entry, when it is valid */
	struct buf separated;	   /* where it is if it was a separated one */
	struct value_ahead ahead;  /* reading of such */
	struct tt_iter *scout;	   /* for that; owned, NULL: none yet */
	unsigned run_flags;	   /* enum sst_iter_flags of the runs */
	size_t borrowed;	   /* bytes of the budget, for all of this */
	struct tt_iter *next;	   /* in a list of swept ones */
};

/* More memory is not kept from one separated value to the next. */
#define KEEP_BYTES ((size_t)1 << 20)

/* ---- what an iterator goes through ---------------------------------------- */

static void free_all(struct rec_iter **its, size_t n)
{
	while (n)
		rec_iter_free(its[--n]);
}

/* True when a source has range tombstones, which all must heed. */
static bool has_ranges(const struct superversion *sv)
{
	bool has = mem_ranges_view(memtable_ranges(sv->active)) != NULL ||
		   sv->version->n_ranged != 0;

	for (uint32_t i = 0; i < sv->n_imm; i++)
		has |= mem_ranges_view(memtable_ranges(sv->imm[i])) != NULL;
	return has;
}

static int add_memtable(struct tt_iter *it, struct memtable *m,
			struct rec_iter **its, size_t *n)
{
	int r = memtable_iter_new(m, &its[*n]);

	if (r < 0)
		return r;
	if (unlikely(it->cover)) {
		range_cover_add_memtable(it->cover, m);
		r = range_cover_wrap(it->cover, its[*n], &its[*n]);
	}
	(*n)++;
	return r;
}

/* The active memtable always: an iterator at rest sees it grow. */
static int open_memtables(struct tt_iter *it, struct rec_iter **its, size_t *n)
{
	const struct superversion *sv = it->sv;
	int r = add_memtable(it, sv->active, its, n);

	for (uint32_t i = 0; i < sv->n_imm && r == 0; i++)
		if (memtable_count(sv->imm[i]) != 0)
			r = add_memtable(it, sv->imm[i], its, n);
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
		it->runs[it->n_runs++] = its[*n];
		if (unlikely(it->cover)) {
			range_cover_add_run(it->cover, &v->runs[i]);
			r = range_cover_wrap(it->cover, its[*n], &its[*n]);
		}
		(*n)++;
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
	int r = 0;

	if (max > ARRAY_LEN(few)) {
		its = malloc(max * sizeof(*its));
		if (!its)
			return err_nomem("iterator");
	}
	if (unlikely(has_ranges(it->sv)))
		r = range_cover_new(max, it->db->tables, &it->bounds,
				    &it->cover);
	/* Newest first. */
	if (r == 0)
		r = open_memtables(it, its, &n);
	if (r == 0)
		r = open_runs(it, it->sv->version, its, &n);
	if (r == 0)
		r = merge_iter_new(its, n, &merged);
	if (r == 0)
		user_iter_set_source(&it->u, merged, 0);
	else
		free_all(its, n);
	it->u.fresh_after = atomic_load_explicit(&it->db->active_since,
						 memory_order_relaxed);
	if (its != few)
		free(its);
	return r;
}

/* Builds the source anew; after a failure the old one lives on. */
static int replace_source(struct tt_iter *it)
{
	struct range_cover *cover = it->cover;
	struct rec_iter **runs = it->runs;
	size_t n_runs = it->n_runs;
	int r;

	it->cover = NULL;
	it->runs = NULL;
	it->n_runs = 0;
	r = make_source(it);
	if (r < 0) {
		range_cover_unref(it->cover);
		free(it->runs);
		it->cover = cover;
		it->runs = runs;
		it->n_runs = n_runs;
		return r;
	}
	range_cover_unref(cover);
	free(runs);
	return 0;
}

/* What a cursor over a memtable or a run takes, about; with its cover. */
#define CHILD_BYTES ((size_t)512)

/* Iterators are part of the one budget: what this one takes comes off the
 * block cache's. */
static void account(struct tt_iter *it)
{
	size_t n = 1 + it->sv->n_imm + it->n_runs;
	size_t each = it->cover ? 2 * CHILD_BYTES : CHILD_BYTES;
	size_t bytes = sizeof(*it) + n * each + REST_BUF_BYTES;

	if (bytes > it->borrowed)
		block_cache_borrow(it->db->blocks, bytes - it->borrowed);
	else
		block_cache_give_back(it->db->blocks, it->borrowed - bytes);
	it->borrowed = bytes;
}

/* Adds what the moves have met since the last time to the store's figures. */
static void count_moves(struct tt_iter *it)
{
	struct user_iter *u = &it->u;
	struct tt *db = it->db;

	if (likely((u->n_passed | u->n_jumps) == 0))
		return;
	db_count(db, STAT_KEYS_PASSED, u->n_passed);
	db_count(db, STAT_GAP_JUMPS, u->n_jumps);
	if (u->n_fresh)
		(void)atomic_fetch_add_explicit(&db->dead_steps, u->n_fresh,
						memory_order_relaxed);
	u->n_passed = u->n_jumps = u->n_fresh = 0;
}

static void begin_search(struct tt_iter *it)
{
	count_moves(it);
	value_ahead_end(&it->ahead);
	db_count(it->db, STAT_SEEKS, 1);
}

/* ---- making, resting and freeing -------------------------------------------- */

static void free_iter(struct tt_iter *it);

/* A scout has none of its own. */
static void free_scout(struct tt_iter *it)
{
	value_ahead_end(&it->ahead);
	if (it->scout)
		free_iter(it->scout);
	it->scout = NULL;
}

static void free_iter(struct tt_iter *it)
{
	free_scout(it);
	block_cache_give_back(it->db->blocks, it->borrowed);
	user_iter_fini(&it->u);
	range_cover_unref(it->cover);
	superversion_unref(it->sv);
	buf_fini(&it->separated);
	free(it->runs);
	free(it);
}

/* Takes over the reference to the superversion. */
static int make_iter(struct tt *db, struct superversion *sv,
		     struct tt_iter **out)
{
	struct tt_iter *it = calloc(1, sizeof(*it));
	int r;

	if (!it) {
		superversion_unref(sv);
		return err_nomem("iterator");
	}
	it->db = db;
	user_iter_init(&it->u, &db->cfg.merge);
	user_iter_set_gaps(&it->u, &db->gaps);
	user_iter_set_values(&it->u, db->values);
	it->sv = sv;
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
	user_iter_set_verify(&it->u, o->verify);
	it->bounds.lower = buf_slice(&it->u.lower);
	it->bounds.upper = buf_slice(&it->u.upper);
	it->run_flags = flags;
	for (size_t i = 0; i < it->n_runs; i++)
		run_iter_set_flags(it->runs[i], flags);
	return 0;
}

/* Without a position, as of a time. */
static int restart(struct tt_iter *it, int64_t ts)
{
	int r = 0;

	if (unlikely(!it->cover && has_ranges(it->sv))) {
		r = replace_source(it);
		if (r == 0)
			account(it);
	}
	if (r == 0 && unlikely(it->cover))
		range_cover_restart(it->cover, ts);
	if (r == 0)
		user_iter_restart(&it->u, ts);
	return r;
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
		r = make_iter(db, db_reference(db), &it);
	if (r < 0)
		return r;
	it->token = token;
	if (!opts)
		opts = &none;
	r = set_options(it, opts);
	if (r == 0)
		r = history_ts(db, it->sv, opts->snapshot, opts->as_of, &ts);
	if (r == 0)
		r = restart(it, ts);
	if (r < 0) {
		tt_iter_free(it);
		return r;
	}
	db_count(db, STAT_ITERATORS, 1);
	*out = it;
	return 0;
}

void tt_iter_free(struct tt_iter *it)
{
	if (!it)
		return;
	count_moves(it);
	free_scout(it);
	user_iter_rest(&it->u, REST_BUF_BYTES);
	buf_shrink(&it->separated, REST_BUF_BYTES);
	for (size_t i = 0; i < it->n_runs; i++)
		run_iter_rest(it->runs[i]);
	if (unlikely(it->cover))
		range_cover_rest(it->cover);
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
	struct superversion *now = db_reference(it->db);
	struct superversion *was = it->sv;
	int r;

	free_scout(it);
	if (now == was) {
		superversion_unref(now);
		return restart(it, clock_visible(&it->db->clk));
	}
	it->sv = now;
	r = replace_source(it);
	if (r < 0) { /* the old source lives on, and so must its tables */
		it->sv = was;
		superversion_unref(now);
		return r;
	}
	superversion_unref(was);
	account(it);
	return restart(it, clock_visible(&it->db->clk));
}

/* ---- reading ahead ---------------------------------------------------------- */

/* The scout, as of the iterator's time and in its bounds. */
static int make_scout(struct tt_iter *it)
{
	struct tt_iter *s;
	int r = make_iter(it->db, superversion_ref(it->sv), &s);

	if (r < 0)
		return r;
	r = user_iter_set_bounds(&s->u, buf_slice(&it->u.lower),
				 buf_slice(&it->u.upper));
	if (r == 0)
		r = restart(s, it->u.as_of);
	if (r < 0) {
		free_iter(s);
		return r;
	}
	user_iter_set_pointers_only(&s->u);
	s->bounds.lower = buf_slice(&s->u.lower);
	s->bounds.upper = buf_slice(&s->u.upper);
	for (size_t i = 0; i < s->n_runs; i++)
		run_iter_set_flags(s->runs[i], it->run_flags);
	it->scout = s;
	return 0;
}

/* Page cache that reading ahead may fill. With a small budget it is less. */
#define AHEAD_MOST ((uint64_t)2 << 20)
#define AHEAD_CACHE_PART 32

static NOINLINE void ask_ahead(struct tt_iter *it, struct tt_slice key)
{
	uint64_t part = block_cache_capacity(it->db->blocks) / AHEAD_CACHE_PART;

	if (!it->scout && make_scout(it) < 0) {
		value_ahead_end(&it->ahead);
		return;
	}
	value_ahead_ask(&it->ahead, it->db->values, &it->scout->u, key,
			MIN_OF(part, AHEAD_MOST));
}

/* value_resolve(), for a scan. */
static int read_in_scan(struct tt_iter *it, const struct record *rec)
{
	bool verifies = it->u.verifies_values; /* past the page cache */
	uint64_t since_ns;
	int r;

	if (unlikely(value_ahead_wants(&it->ahead)) && !verifies)
		ask_ahead(it, rec->key);
	since_ns = mono_ns();
	r = value_resolve(it->db->values, rec->key, rec->value, verifies,
			  &it->separated);
	value_ahead_note_read(&it->ahead, it->separated.len,
			      mono_ns() - since_ns);
	return r;
}

/* ---- moves ------------------------------------------------------------------ */

/* Reads the value of the current entry, or says why it has none. */
static NOINLINE int show_separated(struct tt_iter *it, const struct record *rec)
{
	int r;

	it->value = SLICE_EMPTY;
	if (it->u.keys_only)
		return 0;
	if (rec->kind == RECORD_MERGE)
		return it->u.value_error;
	buf_shrink(&it->separated, KEEP_BYTES);
	r = read_in_scan(it, rec);
	if (r < 0)
		return r;
	it->value = buf_slice(&it->separated);
	db_count(it->db, STAT_VALUE_READS, 1);
	db_count(it->db, STAT_VALUE_READ_BYTES, it->value.len);
	return 0;
}

/* Shows the entry after a move of the cursor that returned `r`. */
static ALWAYS_INLINE int show(struct tt_iter *it, int r)
{
	const struct record *rec = user_iter_rec(&it->u);

	if (unlikely(r != 0))
		return r;
	if (unlikely(rec->kind != RECORD_VALUE))
		return show_separated(it, rec);
	it->value = rec->value;
	return 0;
}

int tt_iter_first(struct tt_iter *it)
{
	begin_search(it);
	return show(it, user_iter_first(&it->u));
}

int tt_iter_last(struct tt_iter *it)
{
	begin_search(it);
	return show(it, user_iter_last(&it->u));
}

int tt_iter_seek(struct tt_iter *it, struct tt_slice key)
{
	begin_search(it);
	return show(it, user_iter_seek(&it->u, key));
}

int tt_iter_seek_for_prev(struct tt_iter *it, struct tt_slice key)
{
	begin_search(it);
	return show(it, user_iter_seek_for_prev(&it->u, key));
}

int tt_iter_next(struct tt_iter *it)
{
	value_ahead_step(&it->ahead, false);
	return show(it, user_iter_next(&it->u));
}

int tt_iter_prev(struct tt_iter *it)
{
	value_ahead_step(&it->ahead, true);
	return show(it, user_iter_prev(&it->u));
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
	return it->value;
}

int64_t tt_iter_ts(const struct tt_iter *it)
{
	return user_iter_rec(&it->u)->ts;
}
