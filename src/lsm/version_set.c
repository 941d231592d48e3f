/* SPDX-License-Identifier: MIT */
#include "lsm/version_set.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/env.h"
#include "base/err.h"
#include "base/log.h"
#include "lsm/file_name.h"
#include "lsm/manifest_reader.h"
#include "lsm/manifest_writer.h"
#include "lsm/record.h"
#include "lsm/value_log.h"
#include "lsm/version_values.h"

/* A manifest is begun anew when it is this large and several times the size
 * of what it says. */
#define ROLL_BYTES (1u << 20)
#define ROLL_RATIO 4

void version_set_init(struct version_set *vs, struct env *env, const char *dir,
		      struct gc *gc)
{
	memset(vs, 0, sizeof(*vs));
	vs->env = env;
	vs->dir = dir;
	vs->gc = gc;
	atomic_init(&vs->next_file_no, 1);
	vs->next_group = 1;
	vs->complete_from = TS_OLDEST;
	mutex_init(&vs->mu, RANK_MANIFEST);
}

void version_set_fini(struct version_set *vs)
{
	/* Every append was durable; a failure to close loses nothing. */
	(void)manifest_close(vs->manifest);
	vs->manifest = NULL;
	if (vs->current)
		hmap_fini(&vs->by_no);
	version_unref(vs->current);
	vs->current = NULL;
	free(vs->doubtful);
	mutex_fini(&vs->mu);
}

uint64_t version_set_new_file_no(struct version_set *vs)
{
	return atomic_fetch_add_explicit(&vs->next_file_no, 1,
					 memory_order_relaxed);
}

struct version *version_set_current(struct version_set *vs)
{
	struct version *v;

	mutex_lock(&vs->mu);
	v = version_ref(vs->current);
	mutex_unlock(&vs->mu);
	return v;
}

static void set_numbers(struct version_set *vs, struct version_edit *e)
{
	version_edit_set_next_file_no(
		e,
		atomic_load_explicit(&vs->next_file_no, memory_order_relaxed));
	if (!e->has_next_group)
		version_edit_set_next_group(e, vs->next_group);
	if (!e->has_replay_from)
		version_edit_set_replay_from(e, vs->replay_from);
	if (!e->has_last_ts || e->last_ts < vs->last_ts)
		version_edit_set_last_ts(e, vs->last_ts);
	version_edit_set_complete_from(e, vs->complete_from);
}

struct version *version_set_cut(struct version_set *vs,
				struct version_edit *numbers)
{
	struct version *v;

	version_edit_init(numbers);
	mutex_lock(&vs->mu);
	v = version_ref(vs->current);
	set_numbers(vs, numbers);
	numbers->merge_name = vs->merge_name;
	mutex_unlock(&vs->mu);
	return v;
}

static void take_numbers(struct version_set *vs, const struct version_edit *e)
{
	if (e->has_next_group)
		vs->next_group = e->next_group;
	if (e->has_replay_from)
		vs->replay_from = e->replay_from;
	if (e->has_last_ts)
		vs->last_ts = e->last_ts;
	if (e->has_complete_from)
		vs->complete_from = e->complete_from;
	if (e->merge_name.text[0])
		vs->merge_name = e->merge_name;
}

/* ---- manifests -------------------------------------------------------- */

int version_encode(const struct version *v, const struct version_edit *numbers,
		   struct buf *out)
{
	struct version_edit e = *numbers;
	int r = 0;

	version_edit_forget_lists(&e);
	for (uint32_t i = 0; v->values && i < v->values->n && r == 0; i++) {
		struct value_name name = version_value_name(&v->values->v[i]);

		r = version_edit_name_values(&e, &name);
	}
	for (uint32_t i = 0; i < v->n_runs && r == 0; i++) {
		const struct run *run = &v->runs[i];

		for (uint32_t k = 0; k < run->n && r == 0; k++) {
			struct table_desc d = run->tables[k]->desc;

			d.level = run->level;
			d.group = run->group;
			r = version_edit_add(&e, &d);
		}
	}
	if (r == 0)
		r = version_edit_encode(&e, out);
	version_edit_fini(&e);
	return r;
}

/* Removes manifests other than the live one; failures wait for next time. */
static int remove_old_manifest(void *arg, const char *name,
			       enum env_file_type type)
{
	struct version_set *vs = arg;
	uint64_t no = manifest_no_of_name(name);
	struct buf path = BUF_INIT;

	if (no == 0 || type == ENV_TYPE_DIR ||
	    no == manifest_file_no(vs->manifest))
		return 0;
	if (path_manifest(&path, vs->dir, no) == 0 &&
	    env_unlink(vs->env, path_of(&path)) < 0)
		log_warn(LOG_MANIFEST, "old manifest stays: %s", err_text());
	buf_fini(&path);
	return 0;
}

/*
 * CURRENT could not be replaced. Nothing has happened as long as it names the
 * old manifest: the new one goes. Otherwise the rename was made and may or may
 * not be durable; whatever would be added to either of them might never be
 * read again, so nothing is any more.
 */
static int give_up_new(struct version_set *vs, uint64_t no)
{
	struct buf path = BUF_INIT;
	struct err_saved why;
	uint64_t named;

	err_save(&why, err_code());
	if (!vs->manifest)
		return err_restore(&why);
	if (current_read(vs->env, vs->dir, &named) == 0 &&
	    named == manifest_file_no(vs->manifest)) {
		if (path_manifest(&path, vs->dir, no) == 0)
			(void)env_unlink(vs->env, path_of(&path));
		buf_fini(&path);
		return err_restore(&why);
	}
	manifest_break(vs->manifest);
	return err_set(TT_EPOISONED,
		       "%s: which manifest is the live one is not certain "
		       "since: %s",
		       vs->dir, why.text);
}

static void remove_doubtful(struct version_set *vs)
{
	struct buf path = BUF_INIT;

	for (size_t i = 0; i < vs->n_doubtful; i++)
		if (path_table(&path, vs->dir, vs->doubtful[i]) < 0 ||
		    env_unlink(vs->env, path_of(&path)) < 0)
			log_warn(LOG_MANIFEST, "%s: a table stays: %s", vs->dir,
				 err_text());
	vs->n_doubtful = 0;
	buf_fini(&path);
}

/* Begins a new manifest that says `v` and the numbers of `e`, and makes it
 * the live one. On failure the old one stays live, unless that is not certain:
 * TT_EPOISONED, and it is broken. */
static int roll(struct version_set *vs, const struct version *v,
		const struct version_edit *e)
{
	struct manifest_writer *m = NULL;
	struct buf text = BUF_INIT;
	uint64_t no = version_set_new_file_no(vs);
	struct version_edit numbers;
	int r;

	version_edit_init(&numbers);
	if (e)
		numbers = *e;
	else
		set_numbers(vs, &numbers);
	version_edit_set_next_file_no(
		&numbers,
		atomic_load_explicit(&vs->next_file_no, memory_order_relaxed));
	if (!numbers.merge_name.text[0])
		numbers.merge_name = vs->merge_name;
	r = version_encode(v, &numbers, &text);
	if (r == 0)
		r = manifest_create(vs->env, vs->dir, no, buf_slice(&text), &m);
	if (r < 0)
		goto out;
	r = manifest_set_current(vs->env, vs->dir, no);
	if (r < 0) {
		r = give_up_new(vs, no);
		(void)manifest_close(m); /* never written again */
		goto out;
	}
	(void)manifest_close(vs->manifest); /* durable and superseded */
	vs->manifest = m;
	vs->snapshot_bytes = text.len;
	log_info(LOG_MANIFEST,
		 "%s: manifest %06" PRIu64 " begun: %" PRIu64
		 " tables, %zu bytes",
		 vs->dir, no, v->n_tables, text.len);
	if (env_list(vs->env, vs->dir, remove_old_manifest, vs) < 0)
		log_warn(LOG_MANIFEST, "old manifests stay: %s", err_text());
	remove_doubtful(vs);
out:
	buf_fini(&text);
	return r;
}

static bool wants_roll(const struct version_set *vs)
{
	uint64_t size = manifest_size(vs->manifest);

	return size > ROLL_BYTES && size > ROLL_RATIO * vs->snapshot_bytes;
}

/* ---- where tables are ------------------------------------------------- */

static struct table *find_table(const struct version_set *vs, uint64_t file_no)
{
	/* The hash of a number is no other number's. */
	struct hmap_node *n = hmap_first(&vs->by_no, hash_u64(file_no));

	return n ? container_of(n, struct table, by_no) : NULL;
}

static void place_table(struct version_set *vs, struct table *t, unsigned level,
			uint64_t group)
{
	t->now_level = level;
	t->now_group = level ? 0 : group;
	hmap_insert(&vs->by_no, &t->by_no, hash_u64(t->desc.file_no));
}

/* Takes `first` (owned) as the current version. */
static int begin_with(struct version_set *vs, struct version *first)
{
	int r = hmap_init(&vs->by_no, first->n_tables);

	if (r < 0) {
		version_unref(first);
		return err_nomem("version");
	}
	vs->current = first;
	for (uint32_t i = 0; i < first->n_runs; i++)
		for (uint32_t k = 0; k < first->runs[i].n; k++)
			place_table(vs, first->runs[i].tables[k],
				    first->runs[i].level, first->runs[i].group);
	return 0;
}

/* ---- recovery --------------------------------------------------------- */

int version_set_create(struct version_set *vs)
{
	struct version *empty = version_new();
	int r;

	if (!empty)
		return err_nomem("version");
	mutex_lock(&vs->mu);
	r = begin_with(vs, empty);
	if (r == 0)
		r = roll(vs, vs->current, NULL);
	mutex_unlock(&vs->mu);
	return r;
}

/* Applies the edits of a manifest one after the other to a builder. */
struct recovery {
	struct version_set *vs;
	struct version_builder b;
	struct values_builder values; /* files only, until all is read */
	uint64_t first_bytes;	      /* of the first record */
	bool is_first_done;
};

static int recover_edit(void *arg, uint64_t offset,
			const struct version_edit *e)
{
	struct recovery *rec = arg;
	struct version_set *vs = rec->vs;
	int r = 0;

	if (rec->is_first_done && !rec->first_bytes)
		rec->first_bytes = offset;
	rec->is_first_done = true;
	for (size_t i = 0; i < e->n_named_values && r == 0; i++)
		r = values_builder_add_file(&rec->values, &e->named_values[i]);
	for (size_t i = 0; i < e->n_dropped_values && r == 0; i++)
		r = values_builder_drop_file(&rec->values,
					     e->dropped_values[i]);
	if (r < 0)
		return r;
	/* A table dropped and added again is moved: same object. */
	for (size_t i = 0; i < e->n_dropped; i++) {
		struct table *t =
			version_builder_remove(&rec->b, e->dropped[i]);

		if (!t)
			return err_set(TT_ECORRUPT,
				       "%s: manifest: offset %" PRIu64
				       ": drops table %06" PRIu64
				       ", which is not there",
				       vs->dir, offset, e->dropped[i]);
		table_unref(t);
	}
	for (size_t i = 0; i < e->n_added && r == 0; i++) {
		const struct table_desc *d = &e->added[i];
		struct table *t;

		if (version_builder_has(&rec->b, d->file_no))
			return err_set(TT_ECORRUPT,
				       "%s: manifest: offset %" PRIu64
				       ": adds table %06" PRIu64
				       ", which is there already",
				       vs->dir, offset, d->file_no);
		r = table_new(vs->gc, d, &t);
		if (r < 0)
			break;
		r = version_builder_add(&rec->b, t, d->level, d->group);
		table_unref(t);
	}
	if (e->has_next_file_no)
		atomic_store_explicit(&vs->next_file_no, e->next_file_no,
				      memory_order_relaxed);
	take_numbers(vs, e);
	return r;
}

/* Adds up what the tables point to, and makes the files known. */
static int recover_values(struct recovery *rec, struct version *v)
{
	struct values_builder *b = &rec->values;
	int r = 0;

	for (size_t i = 0; rec->vs->values && i < b->n && r == 0; i++) {
		struct value_name name = version_value_name(&b->v[i]);

		r = value_log_add(rec->vs->values, &name);
	}
	for (uint32_t i = 0; i < v->n_runs; i++)
		for (uint32_t k = 0; k < v->runs[i].n && r == 0; k++)
			r = values_builder_add_table(
				b, &v->runs[i].tables[k]->desc);
	return r < 0 ? r : values_builder_finish(b, &v->values);
}

/* Continues the old manifest; otherwise (it is large, or cannot be written)
 * begins a new one. */
static int continue_manifest(struct version_set *vs, uint64_t no,
			     const struct manifest_end *end)
{
	int r = manifest_reopen(vs->env, vs->dir, no, end->end, end->is_torn,
				&vs->manifest);

	if (r < 0 || !wants_roll(vs))
		return r;
	r = roll(vs, vs->current, NULL);
	if (r == TT_EPOISONED)
		return r;
	if (r < 0)
		log_warn(LOG_MANIFEST,
			 "%s: cannot begin a new manifest, the old one goes "
			 "on: %s",
			 vs->dir, err_text());
	return 0;
}

static int recover_locked(struct version_set *vs)
{
	struct recovery rec = { .vs = vs };
	struct version *found;
	struct manifest_end end;
	struct buf path = BUF_INIT;
	uint64_t no;
	int r;

	version_builder_init(&rec.b);
	(void)values_builder_init(&rec.values, vs->values, NULL);
	r = current_read(vs->env, vs->dir, &no);
	if (r == 0)
		r = path_manifest(&path, vs->dir, no);
	if (r == 0)
		r = manifest_read(vs->env, path_of(&path), recover_edit, &rec,
				  &end);
	if (r == -ENOENT && path.len)
		r = err_set(TT_ECORRUPT,
			    "%s: missing, although CURRENT names it",
			    path_of(&path));
	if (r == 0)
		r = version_builder_finish(&rec.b, &found);
	if (r == 0)
		found->complete_from = vs->complete_from;
	if (r == 0)
		r = begin_with(vs, found);
	if (r == 0)
		r = recover_values(&rec, vs->current);
	/* CURRENT may have been replaced by a process that died before it made
	 * that durable; what is written from now on relies on it. */
	if (r == 0)
		r = env_sync_dir(vs->env, vs->dir);
	if (r == 0) {
		vs->snapshot_bytes =
			rec.first_bytes ? rec.first_bytes : end.end;
		r = continue_manifest(vs, no, &end);
	}
	version_builder_fini(&rec.b);
	values_builder_fini(&rec.values);
	buf_fini(&path);
	return r;
}

int version_set_recover(struct version_set *vs)
{
	int r;

	mutex_lock(&vs->mu);
	r = recover_locked(vs);
	mutex_unlock(&vs->mu);
	return r;
}

/* ---- applying --------------------------------------------------------- */

/* An edit by its tables. */
struct table_change {
	struct table_place *out, *in; /* references to those in `in` */
	size_t n_out, n_in;
};

static void change_fini(struct table_change *c)
{
	for (size_t i = 0; i < c->n_in; i++) {
		c->in[i].t->is_moving = false;
		table_unref(c->in[i].t);
	}
	free(c->in);
	free(c->out);
}

static struct table_place place_now(struct table *t)
{
	return (struct table_place){ t, t->now_group, t->now_level };
}

/* A table that comes, or one that changes its place and stays the same
 * object. */
static int change_add(struct version_set *vs, struct table_change *c,
		      const struct table_desc *d)
{
	struct table *t = find_table(vs, d->file_no);

	if (t) {
		t->is_moving = true;
		c->out[c->n_out++] = place_now(t);
		(void)table_ref(t);
	} else {
		int r = table_new(vs->gc, d, &t);

		if (r < 0)
			return r;
	}
	c->in[c->n_in++] =
		(struct table_place){ t, d->level ? 0 : d->group, d->level };
	return 0;
}

static int change_init(struct version_set *vs, const struct version_edit *e,
		       struct table_change *c)
{
	int r = 0;

	*c = (struct table_change){
		.out = malloc((e->n_added + e->n_dropped + 1) *
			      sizeof(*c->out)),
		.in = malloc((e->n_added + 1) * sizeof(*c->in)),
	};
	if (!c->out || !c->in)
		return err_nomem("version");
	for (size_t i = 0; i < e->n_added && r == 0; i++)
		r = change_add(vs, c, &e->added[i]);
	for (size_t i = 0; i < e->n_dropped && r == 0; i++) {
		struct table *t = find_table(vs, e->dropped[i]);

		assert(t);
		if (!t->is_moving)
			c->out[c->n_out++] = place_now(t);
	}
	return r;
}

/* The value files that `next` has, and what its tables point to of them. */
static int next_values(struct version_set *vs, const struct version_edit *e,
		       const struct table_change *c, struct version *next)
{
	struct values_builder b;
	int r = values_builder_init(&b, vs->values, vs->current->values);

	for (size_t i = 0; i < e->n_named_values && r == 0; i++)
		r = values_builder_add_file(&b, &e->named_values[i]);
	for (size_t i = 0; i < c->n_in && r == 0; i++)
		if (!c->in[i].t->is_moving)
			r = values_builder_add_table(&b, &c->in[i].t->desc);
	for (size_t i = 0; i < c->n_out && r == 0; i++)
		if (!c->out[i].t->is_moving)
			r = values_builder_drop_table(&b, &c->out[i].t->desc);
	for (size_t i = 0; i < e->n_dropped_values && r == 0; i++)
		r = values_builder_drop_file(&b, e->dropped_values[i]);
	if (r == 0)
		r = values_builder_finish(&b, &next->values);
	slow_assert(r < 0 || version_values_check(next));
	values_builder_fini(&b);
	return r;
}

/* The change is durable: where tables are now, and those that left may be
 * removed once their last reader is gone. `c->out` holds none of them any
 * more than the old version does. */
static void note_places(struct version_set *vs, const struct table_change *c)
{
	for (size_t i = 0; i < c->n_out; i++) {
		struct table *t = c->out[i].t;

		hmap_remove(&vs->by_no, &t->by_no);
		if (!t->is_moving)
			atomic_store_explicit(&t->is_dropped, true,
					      memory_order_release);
	}
	for (size_t i = 0; i < c->n_in; i++)
		place_table(vs, c->in[i].t, c->in[i].level, c->in[i].group);
}

/* Sealed, or lost, and nobody points into it. */
static bool is_dead(const struct version_value *v)
{
	return v->file && (v->bytes || v->file->is_lost) && !v->live &&
	       atomic_load_explicit(&v->file->n_users, memory_order_acquire) ==
		       0;
}

/* Adds the dead value files to an edit, or (NULL) asks if there are any. */
static int find_dead(struct version_set *vs, struct version_edit *e)
{
	const struct version_values *vv = vs->current->values;
	int r = 0;

	mutex_assert_held(&vs->mu);
	if (!vs->drops_values || vs->n_value_holds || !vv)
		return 0;
	for (uint32_t i = 0; i < vv->n && r == 0; i++) {
		if (!is_dead(&vv->v[i]))
			continue;
		if (!e)
			r = 1;
		else if (value_file_condemn(vv->v[i].file))
			r = version_edit_drop_values(e, vv->v[i].no);
	}
	return r;
}

void version_set_start_dropping(struct version_set *vs)
{
	mutex_lock(&vs->mu);
	vs->drops_values = true;
	mutex_unlock(&vs->mu);
}

void version_set_hold_values(struct version_set *vs)
{
	mutex_lock(&vs->mu);
	vs->n_value_holds++;
	mutex_unlock(&vs->mu);
}

void version_set_unhold_values(struct version_set *vs)
{
	mutex_lock(&vs->mu);
	vs->n_value_holds--;
	mutex_unlock(&vs->mu);
}

bool version_set_has_dead_values(struct version_set *vs)
{
	int r;

	mutex_lock(&vs->mu);
	r = find_dead(vs, NULL);
	mutex_unlock(&vs->mu);
	return r > 0;
}

/* Files that the edit dropped may go once their last reader is gone. */
static void drop_values(struct version_set *vs, const struct version *was,
			const struct version_edit *e)
{
	for (size_t i = 0; i < e->n_dropped_values; i++) {
		const struct version_value *gone =
			version_values_find(was->values, e->dropped_values[i]);

		if (gone && gone->file)
			value_log_drop(vs->values, gone->file);
	}
}

/* On failure *in_doubt says whether some manifest may say `e`. */
static int write_edit(struct version_set *vs, struct version_edit *e,
		      const struct version *next, bool *in_doubt)
{
	bool lacks_space = manifest_lacks_space(vs->manifest);
	bool was_broken = manifest_is_broken(vs->manifest);
	struct buf text = BUF_INIT;
	int r;

	if (lacks_space || wants_roll(vs)) {
		r = roll(vs, next, e);
		*in_doubt = r == TT_EPOISONED;
		if (r == 0 || *in_doubt || lacks_space)
			return r;
		log_warn(LOG_MANIFEST,
			 "%s: cannot begin a new manifest, the old one goes "
			 "on: %s",
			 vs->dir, err_text());
	}
	r = version_edit_encode(e, &text);
	if (r == 0)
		r = manifest_append(vs->manifest, buf_slice(&text));
	*in_doubt = !was_broken && manifest_is_broken(vs->manifest);
	buf_fini(&text);
	return r;
}

/* The tables that a failed edit adds may be named by the broken manifest: they
 * stay until that is replaced. Those that it moves are the store's. */
static void note_doubtful(struct version_set *vs, const struct version_edit *e)
{
	size_t n = vs->n_doubtful + e->n_added;
	uint64_t *more = realloc(vs->doubtful, (n + 1) * sizeof(*more));

	if (!more) /* the next opening finds and removes them */
		return;
	vs->doubtful = more;
	for (size_t i = 0; i < e->n_added; i++)
		if (!find_table(vs, e->added[i].file_no))
			more[vs->n_doubtful++] = e->added[i].file_no;
}

int version_set_resume(struct version_set *vs)
{
	int r = 0;

	mutex_lock(&vs->mu);
	if (vs->is_ahead)
		r = err_set(TT_EPOISONED,
			    "%s: the manifest is ahead of what is shown: "
			    "reopen the store",
			    vs->dir);
	else if (manifest_is_broken(vs->manifest))
		r = roll(vs, vs->current, NULL);
	mutex_unlock(&vs->mu);
	return r;
}

int version_set_apply(struct version_set *vs, struct version_edit *edit,
		      version_install_fn install, void *arg)
{
	struct version *next = NULL, *was = NULL;
	struct table_change c = { NULL, NULL, 0, 0 };
	size_t n_dropped_values = edit->n_dropped_values;
	bool in_doubt = false;
	int r;

	mutex_lock(&vs->mu);
	edit->is_refused = false;
	set_numbers(vs, edit);
	r = find_dead(vs, edit);
	if (r == 0)
		r = change_init(vs, edit, &c);
	if (r == 0)
		r = version_next(vs->current, c.out, c.n_out, c.in, c.n_in,
				 &next);
	if (r == 0)
		r = next_values(vs, edit, &c, next);
	edit->is_refused = r < 0;
	if (r < 0)
		goto out;
	if (edit->has_complete_from)
		next->complete_from = edit->complete_from;
	r = write_edit(vs, edit, next, &in_doubt);
	if (r < 0) {
		edit->is_refused = !in_doubt;
		if (in_doubt)
			note_doubtful(vs, edit);
		goto out;
	}
	take_numbers(vs, edit);
	vs->n_edits++;
	was = vs->current;
	vs->current = next;
	note_places(vs, &c);
	drop_values(vs, was, edit);
	if (install)
		r = install(arg, next);
	vs->is_ahead |= r < 0;
	next = NULL;
out:
	/* Without the dead files, which are looked for whenever it is tried. */
	edit->n_dropped_values = n_dropped_values;
	change_fini(&c);
	mutex_unlock(&vs->mu);
	version_unref(next);
	version_unref(was);
	return r;
}

int version_set_name_merge(struct version_set *vs,
			   const struct merge_name *name)
{
	struct merge_name was;
	struct version_edit edit;
	int r;

	mutex_lock(&vs->mu);
	was = vs->merge_name;
	mutex_unlock(&vs->mu);
	if (strcmp(was.text, name->text) == 0)
		return 0;
	if (was.text[0])
		return err_set(TT_EOPTION,
			       "%s: written with the merge function \"%s\", "
			       "not \"%s\"",
			       vs->dir, was.text, name->text);
	version_edit_init(&edit);
	edit.merge_name = *name;
	r = version_set_apply(vs, &edit, NULL, NULL);
	version_edit_fini(&edit);
	return r;
}
