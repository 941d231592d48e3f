/* SPDX-License-Identifier: MIT */
#include "lsm/value_gc.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "lsm/compact_pick.h"
#include "lsm/db.h"
#include "lsm/schedule.h"
#include "lsm/value_log.h"
#include "lsm/version_values.h"

/* A file of which more than this many 1024ths live is no victim: too much to
 * move for what it frees. */
#define VICTIM_MOST 922
/* Victims hold at most this part of the store's values. */
#define VICTIM_PART 8
#define VICTIMS_MAX 1024
/* Moving takes room before it gives some back: at most this part of what the
 * disk has left. The rest is for what users write. */
#define FREE_PART 2

static void clear_victims(struct value_gc *g)
{
	while (g->n) {
		struct value_file *f = g->victims[--g->n];

		atomic_store_explicit(&f->is_victim, false,
				      memory_order_relaxed);
		value_file_unref(f);
	}
}

void value_gc_fini(struct value_gc *g)
{
	clear_victims(g);
	free(g->victims);
	g->victims = NULL;
}

/* ---- how much there is ------------------------------------------------ */

void value_garbage_of(const struct version_values *vv, unsigned percent,
		      uint64_t file_bytes, uint64_t unflushed,
		      struct value_garbage *out)
{
	uint64_t used;

	*out = (struct value_garbage){ 0, file_bytes };
	if (!vv)
		return;
	used = vv->live + unflushed;
	out->bytes = vv->bytes > used ? vv->bytes - used : 0;
	out->allowed += vv->live / 100 * percent;
}

void value_gc_look_locked(struct tt *db, struct value_garbage *out)
{
	uint64_t unflushed = memtable_new_value_bytes(db->sv->active);

	mutex_assert_held(&db->mu);
	for (uint32_t i = 0; i < db->n_imms; i++)
		unflushed += memtable_new_value_bytes(db->imms[i].mem);
	value_garbage_of(db->sv->version->values, db->cfg.value_garbage,
			 db->cfg.value_file_bytes, unflushed, out);
}

/* Collection begins before writers are slowed. */
static bool is_too_much(const struct value_garbage *g)
{
	return g->bytes > g->allowed / 4 * 3;
}

bool value_gc_is_due_locked(struct tt *db)
{
	struct value_garbage garbage;

	if (!db->sv->version->values || db->values_gc.is_idle)
		return false;
	if (db->values_gc.has_victims)
		return true;
	value_gc_look_locked(db, &garbage);
	return is_too_much(&garbage);
}

/* ---- victims ---------------------------------------------------------- */

struct candidate {
	const struct version_value *v;
	uint64_t ratio; /* live, in 1024ths */
};

static int cmp_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->ratio != y->ratio)
		return x->ratio < y->ratio ? -1 : 1;
	return (x->v->no > y->v->no) - (x->v->no < y->v->no);
}

/* Sealed, readable, and no memtable points into it. Each pointer takes a copy
 * of its own along: where keys share so much of a file that this takes more
 * than there is, the file stays. */
static bool can_be_victim(const struct version_value *v)
{
	return v->live && v->live <= v->bytes && v->file &&
	       atomic_load_explicit(&v->file->n_users, memory_order_acquire) ==
		       0 &&
	       !atomic_load_explicit(&v->file->is_unreadable,
				     memory_order_relaxed);
}

/* Small files count as if they were emptier: fewer of them are better. */
static uint64_t ratio_of(const struct version_value *v, uint64_t file_bytes)
{
	return v->live * 1024 / MAX_OF(v->bytes, file_bytes / 4);
}

/* Bytes of the tables that point into value files. */
static uint64_t pointing_bytes(const struct version *v)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < v->n_runs; i++)
		for (uint32_t k = 0; k < v->runs[i].n; k++)
			if (v->runs[i].tables[k]->desc.n_values)
				bytes += v->runs[i].tables[k]->desc.file_bytes;
	return bytes;
}

size_t value_gc_choose(const struct version *v, uint64_t file_bytes,
		       uint64_t free_bytes, struct value_file **out, size_t max)
{
	const struct version_values *vv = v->values;
	struct candidate *c = malloc((vv->n + 1) * sizeof(*c));
	uint64_t want = MAX_OF(pointing_bytes(v), file_bytes / 2);
	uint64_t room = MAX_OF(vv->live / VICTIM_PART, file_bytes);
	uint64_t freed = 0, moved = 0;
	size_t n_candidates = 0, n = 0;

	if (!c)
		return 0;
	for (uint32_t i = 0; i < vv->n; i++)
		if (can_be_victim(&vv->v[i]))
			c[n_candidates++] = (struct candidate){
				&vv->v[i], ratio_of(&vv->v[i], file_bytes)
			};
	if (n_candidates)
		qsort(c, n_candidates, sizeof(*c), cmp_candidates);
	for (size_t i = 0; i < n_candidates && n < max && freed < want; i++) {
		const struct version_value *f = c[i].v;

		if (c[i].ratio > VICTIM_MOST || (n && moved + f->live > room))
			break;
		if (moved + f->live > free_bytes / FREE_PART)
			continue;
		out[n++] = f->file;
		freed += f->bytes > f->live ? f->bytes - f->live : 0;
		moved += f->live;
	}
	free(c);
	return n;
}

static uint64_t free_bytes(struct tt *db)
{
	struct env_space s;

	/* Who writes will tell. */
	return env_space(db->env, db->dir, &s) < 0 ? UINT64_MAX : s.avail;
}

static void note_room(struct tt *db, bool is_enough)
{
	struct value_gc *g = &db->values_gc;

	if (!is_enough && !g->lacks_room)
		log_warn(LOG_COMPACT,
			 "%s: what the disk has left is not enough to collect "
			 "garbage in value files",
			 db->dir);
	g->lacks_room = !is_enough;
}

static int begin(struct tt *db, struct version *v)
{
	struct value_gc *g = &db->values_gc;
	uint64_t live = 0, bytes = 0;

	if (!g->victims) {
		g->victims = calloc(VICTIMS_MAX, sizeof(struct value_file *));
		if (!g->victims)
			return err_nomem("value files");
	}
	g->n = value_gc_choose(v, db->cfg.value_file_bytes, free_bytes(db),
			       g->victims, VICTIMS_MAX);
	note_room(db, g->n || !value_gc_choose(v, db->cfg.value_file_bytes,
					       UINT64_MAX, g->victims, 1));
	for (size_t i = 0; i < g->n; i++) {
		const struct version_value *f =
			version_values_find(v->values, g->victims[i]->no);

		(void)value_file_ref(g->victims[i]);
		atomic_store_explicit(&g->victims[i]->is_victim, true,
				      memory_order_relaxed);
		live += f->live;
		bytes += f->bytes;
	}
	if (g->n)
		log_info(LOG_COMPACT,
			 "%s: %zu value files of %" PRIu64 " bytes, of which "
			 "%" PRIu64 " live, are to be emptied",
			 db->dir, g->n, bytes, live);
	return 0;
}

/* ---- tables ----------------------------------------------------------- */

/* Bytes of victims that the table points to. */
static uint64_t points_to_victims(const struct value_gc *g,
				  const struct table_desc *d)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < g->n && d->n_values; i++) {
		struct value_file *f = g->victims[i];
		size_t at = value_refs_find(d->values, d->n_values, f->no);

		if (at < d->n_values && d->values[at].file_no == f->no &&
		    atomic_load_explicit(&f->is_victim, memory_order_relaxed))
			bytes += d->values[at].bytes;
	}
	return bytes;
}

/* The table of the lowest level that points into victims, 1 or 0. What is
 * higher may be compacted before its turn comes. */
static int find_table(const struct value_gc *g, struct version *v,
		      struct compact_pick *out)
{
	for (uint32_t i = v->n_runs; i > 0; i--) {
		const struct run *run = &v->runs[i - 1];

		for (uint32_t k = 0; k < run->n; k++)
			if (points_to_victims(g, &run->tables[k]->desc))
				return compact_pick_table(v, run, k, out);
	}
	return 0;
}

/* There was something to do for the version, or nothing. Another one may be
 * shown by now. */
static void note(struct tt *db, const struct version *v, bool is_idle)
{
	mutex_lock(&db->mu);
	db->values_gc.has_victims = db->values_gc.n != 0;
	db->values_gc.is_idle = is_idle && db->sv->version == v;
	mutex_unlock(&db->mu);
}

int value_gc_pick(struct tt *db, struct version *v, struct compact_pick *out)
{
	struct value_gc *g = &db->values_gc;
	struct value_garbage garbage;
	int r = 0;

	if (!v->values)
		return 0;
	if (g->n) {
		r = find_table(g, v, out);
		if (r != 0)
			return r;
		clear_victims(g);
	}
	mutex_lock(&db->mu);
	value_gc_look_locked(db, &garbage);
	mutex_unlock(&db->mu);
	if (is_too_much(&garbage))
		r = begin(db, v);
	if (r == 0 && g->n)
		r = find_table(g, v, out);
	if (r == 0)
		clear_victims(g);
	note(db, v, r == 0);
	return r;
}

/* ---- dead files ------------------------------------------------------- */

int value_gc_drop_dead(struct tt *db)
{
	struct version_edit edit;
	int r;

	if (!version_set_has_dead_values(&db->vs))
		return 0;
	version_edit_init(&edit);
	r = schedule_apply(db, &edit);
	version_edit_fini(&edit);
	return r;
}
