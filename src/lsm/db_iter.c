/* SPDX-License-Identifier: MIT */
/*
 * tt_iter_*: a user cursor over the merge of everything that a superversion
 * holds. The superversion stays referenced until the iterator is freed or
 * refreshed; tables are opened when a move reaches them.
 *
 * The superversion is taken before the timestamp, as in get.c.
 *
 * A move that comes to a separated value reads it, unless only keys are wanted:
 * so a value that cannot be read fails the move and not the access, which has
 * no way to say so. The position stays then, and the walk can go on.
 */
#include <stdlib.h>

#include "lsm/db.h"
#include "lsm/history.h"
#include "lsm/merge_iter.h"
#include "lsm/run_iter.h"
#include "lsm/sst_reader.h"
#include "lsm/user_iter.h"
#include "lsm/value_read.h"

struct tt_iter {
	struct user_iter u;
	struct tt *db;
	struct superversion *sv; /* a reference */
	bool no_fill;
	struct tt_slice value; /* of the current entry, when it is valid */
	struct buf separated;  /* where it is if it was a separated one */
};

/* More memory is not kept from one position to the next. */
#define KEEP_BYTES ((size_t)1 << 20)

static void free_all(struct rec_iter **its, size_t n)
{
	while (n)
		rec_iter_free(its[--n]);
}

/* True when the run may hold a key within the iterator's bounds. */
static bool run_matters(const struct tt_iter *it, const struct run *run)
{
	struct tt_slice lower = buf_slice(&it->u.lower);
	struct tt_slice upper = buf_slice(&it->u.upper);

	return (!lower.len ||
		key_cmp(run->tables[run->n - 1]->desc.max_key, lower) >= 0) &&
	       (!upper.len || key_cmp(run->tables[0]->desc.min_key, upper) < 0);
}

static int add_memtable(struct memtable *m, struct rec_iter **its, size_t *n)
{
	int r;

	if (memtable_count(m) == 0)
		return 0;
	r = memtable_iter_new(m, &its[*n]);
	*n += r == 0;
	return r;
}

/* The children of the merge, newest first. */
static int open_children(struct tt_iter *it, struct rec_iter **its, size_t *n)
{
	struct superversion *sv = it->sv;
	const struct version *v = sv->version;
	unsigned flags = it->no_fill ? SST_ITER_NO_FILL : 0;
	int r = add_memtable(sv->active, its, n);

	for (uint32_t i = 0; i < sv->n_imm && r == 0; i++)
		r = add_memtable(sv->imm[i], its, n);
	for (uint32_t i = 0; i < v->n_runs && r == 0; i++) {
		const struct run *run = &v->runs[i];

		if (!run_matters(it, run))
			continue;
		r = run_iter_new(run, 0, run->n, it->db->tables, it->db->blocks,
				 flags, &its[*n]);
		*n += r == 0;
	}
	return r;
}

/* Builds the source over it->sv. */
static int set_source(struct tt_iter *it, int64_t as_of)
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
	r = open_children(it, its, &n);
	/* An iterator over nothing still needs a source. */
	if (r == 0 && n == 0) {
		r = memtable_iter_new(it->sv->active, &its[0]);
		n += r == 0;
	}
	if (r == 0)
		r = merge_iter_new(its, n, &merged);
	if (r == 0)
		user_iter_set_source(&it->u, merged, as_of);
	else
		free_all(its, n);
	if (its != few)
		free(its);
	return r;
}

static struct superversion *reference(struct tt *db)
{
	struct slot_token token;
	struct superversion *sv = db_acquire(db, &token);

	(void)superversion_ref(sv);
	db_release(db, &token, sv);
	return sv;
}

int tt_iter_new(struct tt *db, const struct tt_iter_options *opts,
		struct tt_iter **out)
{
	static const struct tt_iter_options none;
	struct tt_iter *it = calloc(1, sizeof(*it));
	int64_t ts;
	int r;

	if (!it)
		return err_nomem("iterator");
	if (!opts)
		opts = &none;
	it->db = db;
	it->no_fill = opts->no_fill;
	user_iter_init(&it->u, &db->cfg.merge);
	it->u.values = db->values;
	it->u.keys_only = opts->keys_only;
	it->sv = reference(db);
	r = user_iter_set_bounds(&it->u, opts->lower, opts->upper);
	if (r == 0)
		r = history_ts(db, it->sv, opts->snapshot, opts->as_of, &ts);
	if (r == 0)
		r = set_source(it, ts);
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
	user_iter_fini(&it->u);
	superversion_unref(it->sv);
	buf_fini(&it->separated);
	free(it);
}

int tt_iter_refresh(struct tt_iter *it)
{
	struct superversion *was = it->sv;
	int r;

	it->sv = reference(it->db);
	r = set_source(it, clock_visible(&it->db->clk));
	if (r < 0) { /* the old source lives on, and so must its tables */
		superversion_unref(it->sv);
		it->sv = was;
		return r;
	}
	superversion_unref(was);
	return 0;
}

/* Reads the value of the current entry, or says why it has none. */
static NOINLINE int show_separated(struct tt_iter *it, const struct record *rec)
{
	int r;

	it->value = SLICE_EMPTY;
	if (rec->kind == RECORD_MERGE)
		return it->u.value_error;
	if (it->u.keys_only)
		return 0;
	buf_shrink(&it->separated, KEEP_BYTES);
	r = value_resolve(it->db->values, rec->key, rec->value, &it->separated);
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
	db_count(it->db, STAT_SEEKS, 1);
	return show(it, user_iter_first(&it->u));
}

int tt_iter_last(struct tt_iter *it)
{
	db_count(it->db, STAT_SEEKS, 1);
	return show(it, user_iter_last(&it->u));
}

int tt_iter_seek(struct tt_iter *it, struct tt_slice key)
{
	db_count(it->db, STAT_SEEKS, 1);
	return show(it, user_iter_seek(&it->u, key));
}

int tt_iter_seek_for_prev(struct tt_iter *it, struct tt_slice key)
{
	db_count(it->db, STAT_SEEKS, 1);
	return show(it, user_iter_seek_for_prev(&it->u, key));
}

int tt_iter_next(struct tt_iter *it)
{
	return show(it, user_iter_next(&it->u));
}

int tt_iter_prev(struct tt_iter *it)
{
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
