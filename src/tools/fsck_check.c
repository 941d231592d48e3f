/* SPDX-License-Identifier: MIT */
/*
 * Order of the work: lock, manifest, tables, log, unlock, tree. Each step
 * reports what it finds and the next one runs all the same, except that a
 * damaged store is not opened: opening replays the log and may compact, and
 * evidence must stay as it is.
 *
 * A store in use changes under our eyes: tables come and go with compaction.
 * Then a table that has vanished is looked up in the manifest again, and is
 * damage only if the manifest still wants it. The log of a store in use is
 * not looked at: its end moves.
 */
#include "tools/fsck_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"
#include "base/mutex.h"
#include "lsm/manifest_reader.h"
#include "lsm/sst_reader.h"
#include "lsm/value_reader.h"
#include "lsm/wal_reader.h"
#include "server/json_out.h"
#include "tools/render.h"
#include "tree/tree.h"

#define PROGRESS_NS 100000000u

/* The tree's row that says it is one (tree/schema_format.h). */
#define TREE_FORMAT_KEY "Sformat"

struct table_set {
	struct table_desc *tables; /* keys and references owned */
	size_t n, cap;
	struct value_refs files; /* value files, their lengths; 0: not sealed */
	uint64_t replay_from;
};

struct check {
	const struct fsck_options *o;
	struct env *env;
	struct buf path;
	struct table_set live;
	struct value_check values;
	uint64_t table_no; /* whose values are looked at */
	bool is_in_use;
	bool has_line; /* a progress line is on the terminal */
	uint64_t shown_ns;

	uint64_t n_damaged;
	uint64_t n_tables, n_bytes, n_records, n_gone, n_value_bytes;
	struct wal_tail tail;
	bool has_log, has_tree;
};

/* ---- telling -------------------------------------------------------------- */

static void clear_line(struct check *c)
{
	if (c->has_line)
		(void)fputs("\r\033[K", stderr);
	c->has_line = false;
}

static void tell(struct check *c, const char *type, const char *text)
{
	struct buf line = BUF_INIT;
	struct json_out j = { .buf = &line };

	clear_line(c);
	if (!c->o->json) {
		(void)printf("%s: ", type);
		render_bytes(stdout, slice_str(text), false, false);
		(void)fputc('\n', stdout);
		return;
	}
	json_lit(&j, "{\"type\":");
	json_string(&j, slice_str(type));
	json_lit(&j, ",\"text\":\"");
	json_string_part_lossy(&j, slice_str(text));
	json_lit(&j, "\"}\n");
	(void)fwrite(line.data, 1, line.len, stdout);
	buf_fini(&line);
}

static void damage(void *arg, const char *text)
{
	struct check *c = arg;

	c->n_damaged++;
	tell(c, "damage", text);
}

static void note(struct check *c, const char *text)
{
	if (!c->o->quiet)
		tell(c, "note", text);
}

static void progress(struct check *c, size_t done)
{
	uint64_t now;

	if (c->o->quiet || c->o->json || !isatty(STDERR_FILENO))
		return;
	now = mono_ns();
	if (now - c->shown_ns < PROGRESS_NS)
		return;
	c->shown_ns = now;
	c->has_line = true;
	(void)fprintf(stderr, "\rchecking table %zu of %zu, %" PRIu64 " MiB ",
		      done + 1, c->live.n, c->n_bytes >> 20);
}

/* A failure in one place: damage is told and forgotten, the rest handed on. */
static int settle(struct check *c, int r)
{
	if (r != TT_ECORRUPT && r != TT_EVERSION)
		return r;
	damage(c, err_text());
	return 0;
}

/* STORE, NAME, a number unless it is 0, and SUFFIX, put together; NULL when
 * memory is out. Valid until the next. */
static const char *path_in(struct check *c, const char *name, uint64_t no,
			   const char *suffix)
{
	buf_clear(&c->path);
	if (buf_printf(&c->path, "%s/%s", c->o->store, name) < 0 ||
	    (no && buf_printf(&c->path, "%06" PRIu64, no) < 0) ||
	    buf_append_str(&c->path, suffix) < 0)
		return NULL;
	return buf_cstr(&c->path);
}

/* ---- the manifest ----------------------------------------------------------- */

static void drop_table(struct table_set *s, size_t i)
{
	free((void *)(uintptr_t)s->tables[i].min_key.data);
	free((void *)(uintptr_t)s->tables[i].max_key.data);
	free((void *)(uintptr_t)s->tables[i].values);
	s->tables[i] = s->tables[--s->n];
}

static void table_set_fini(struct table_set *s)
{
	while (s->n)
		drop_table(s, s->n - 1);
	free(s->tables);
	value_refs_fini(&s->files);
	*s = (struct table_set){ .n = 0 };
}

static int copy_key(struct tt_slice *key)
{
	void *p = malloc(key->len + 1);

	if (!p)
		return -ENOMEM;
	if (key->len)
		memcpy(p, key->data, key->len);
	key->data = p;
	return 0;
}

static int copy_values(struct table_desc *d)
{
	size_t n = d->n_values * sizeof(*d->values);
	void *p = malloc(n + 1);

	if (!p)
		return -ENOMEM;
	if (n)
		memcpy(p, d->values, n);
	d->values = p;
	return 0;
}

static int add_table(struct table_set *s, const struct table_desc *d)
{
	struct table_desc t = *d;

	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		void *p = realloc(s->tables, cap * sizeof(*s->tables));

		if (!p)
			return err_nomem("the list of tables");
		s->tables = p;
		s->cap = cap;
	}
	if (copy_values(&t) < 0)
		return err_nomem("the list of tables");
	if (copy_key(&t.min_key) < 0) {
		free((void *)(uintptr_t)t.values);
		return err_nomem("the list of tables");
	}
	if (copy_key(&t.max_key) < 0) {
		free((void *)(uintptr_t)t.values);
		free((void *)(uintptr_t)t.min_key.data);
		return err_nomem("the list of tables");
	}
	s->tables[s->n++] = t;
	return 0;
}

static int apply_edit(void *arg, uint64_t offset, const struct version_edit *e)
{
	struct table_set *s = arg;
	int r = 0;

	(void)offset;
	for (size_t i = 0; i < e->n_dropped; i++)
		for (size_t k = s->n; k > 0; k--)
			if (s->tables[k - 1].file_no == e->dropped[i])
				drop_table(s, k - 1);
	for (size_t i = 0; r == 0 && i < e->n_named_values; i++)
		r = value_refs_set(&s->files, e->named_values[i].file_no,
				   e->named_values[i].bytes);
	for (size_t i = 0; r == 0 && i < e->n_added; i++)
		r = add_table(s, &e->added[i]);
	for (size_t i = 0; i < e->n_dropped_values; i++)
		value_refs_remove(&s->files, e->dropped_values[i]);
	if (e->has_replay_from)
		s->replay_from = e->replay_from;
	return r;
}

/* A manifest in use may be replaced between CURRENT and its opening. */
static int read_manifest(struct check *c, struct table_set *s)
{
	struct manifest_end end;
	uint64_t no;
	int r = -ENOENT;

	for (int i = 0; r == -ENOENT && i < 5; i++) {
		const char *path;

		table_set_fini(s);
		r = current_read(c->env, c->o->store, &no);
		if (r < 0)
			return r;
		path = path_in(c, "MANIFEST-", no, "");
		r = path ? manifest_read(c->env, path, apply_edit, s, &end)
			 : err_nomem("a path");
	}
	return r == -ENOENT ? err_set(TT_ECORRUPT,
				      "%s: CURRENT names it, but it is missing",
				      (const char *)c->path.data)
			    : r;
}

static int cmp_tables(const void *a, const void *b)
{
	const struct table_desc *x = a, *y = b;

	if (x->level != y->level)
		return x->level < y->level ? -1 : 1;
	if (x->group != y->group && x->level == 0)
		return x->group < y->group ? -1 : 1;
	return slice_cmp(x->min_key, y->min_key);
}

/* Tables of one run must not overlap. */
static void check_runs(struct check *c)
{
	struct table_set *s = &c->live;
	char text[256];

	if (s->n)
		qsort(s->tables, s->n, sizeof(*s->tables), cmp_tables);
	for (size_t i = 1; i < s->n; i++) {
		const struct table_desc *a = &s->tables[i - 1];
		const struct table_desc *b = &s->tables[i];

		if (a->level != b->level ||
		    (a->level == 0 && a->group != b->group) ||
		    table_ends_before(a, b->min_key))
			continue;
		snprintf(text, sizeof(text),
			 "manifest: tables %06" PRIu64 " and %06" PRIu64
			 " of level %u overlap",
			 a->file_no, b->file_no, a->level);
		damage(c, text);
	}
}

/* ---- tables -------------------------------------------------------------------- */

static void compare(struct check *c, const struct table_desc *d,
		    const struct sst_info *i)
{
	char text[512];

	if (d->file_bytes == i->file_bytes && d->n_records == i->n_records &&
	    d->n_tombstones == i->n_tombstones &&
	    d->raw_bytes == i->raw_bytes && d->min_ts == i->min_ts &&
	    d->max_ts == i->max_ts && slice_eq(d->min_key, i->min_key) &&
	    slice_eq(d->max_key, i->max_key) &&
	    d->max_is_open == i->max_is_open && d->n_ranges == i->n_ranges)
		return;
	snprintf(text, sizeof(text),
		 "%s: is not the table that the manifest describes", i->path);
	damage(c, text);
}

/* Whether the manifest, as it is now, still wants this table. */
static int is_still_wanted(struct check *c, uint64_t file_no)
{
	struct table_set now = { .n = 0 };
	int r = read_manifest(c, &now);

	for (size_t i = 0; r == 0 && i < now.n; i++)
		if (now.tables[i].file_no == file_no)
			r = 1;
	table_set_fini(&now);
	return r;
}

static int missing_table(struct check *c, const struct table_desc *d)
{
	char text[256];
	int r = c->is_in_use ? is_still_wanted(c, d->file_no) : 1;

	if (r < 0)
		return r;
	if (r == 0) {
		c->n_gone++;
		return 0;
	}
	snprintf(text, sizeof(text),
		 "sst/%06" PRIu64 ".sst is missing: %" PRIu64 " records",
		 d->file_no, d->n_records);
	damage(c, text);
	return 0;
}

/* A value file that has gone is no damage if its table has gone as well. */
static void value_damage(void *arg, const char *text)
{
	struct check *c = arg;

	if (c->is_in_use && c->values.disk.is_missing_any &&
	    is_still_wanted(c, c->table_no) == 0) {
		c->n_gone++;
		return;
	}
	damage(c, text);
}

static int check_values(struct check *c, const struct table_desc *d,
			struct sst_reader *t)
{
	c->table_no = d->file_no;
	c->values.disk.is_missing_any = false;
	return value_check_table(&c->values, t, d->values, d->n_values);
}

static int check_table(struct check *c, const struct table_desc *d)
{
	const char *path = path_in(c, "sst/", d->file_no, ".sst");
	struct sst_reader *t;
	struct sst_info info;
	int r;

	if (!path)
		return err_nomem("a path");
	r = sst_open(c->env, path, d->file_no, &t);
	if (r == -ENOENT)
		return missing_table(c, d);
	if (r < 0)
		return r;
	sst_info(t, &info);
	compare(c, d, &info);
	r = sst_verify(t, damage, c);
	if (r == 0)
		r = check_values(c, d, t);
	sst_close(t);
	c->n_tables++;
	c->n_bytes += d->file_bytes;
	c->n_records += d->n_records;
	return r == TT_ECORRUPT ? 0 : r; /* already told */
}

/* ---- value files ------------------------------------------------------------------ */

/* That the file is there, is what it should be, and is long enough. */
static int check_value_file(struct check *c, const struct value_ref *f)
{
	const char *path = path_in(c, "val/", f->file_no, ".val");
	struct env_file *file;
	uint64_t size;
	int r;

	if (!path)
		return err_nomem("a path");
	r = env_open(c->env, path, ENV_READ, &file);
	if (r == -ENOENT)
		return c->is_in_use ? 0
				    : err_set(TT_ECORRUPT,
					      "%s is missing: values", path);
	if (r < 0)
		return r;
	r = value_check_header(file, f->file_no);
	if (r == 0)
		r = env_file_size(file, &size);
	if (r == 0 && size < f->bytes)
		r = err_set(TT_ECORRUPT,
			    "%s: %" PRIu64 " bytes, %" PRIu64
			    " by the manifest",
			    path, size, f->bytes);
	if (r == 0)
		c->n_value_bytes += size;
	(void)env_close(file); /* only read from */
	return r;
}

/* ---- all of it -------------------------------------------------------------------- */

static int check_log(struct check *c)
{
	const char *path = path_in(c, "wal", 0, "");
	int r;

	if (!path)
		return err_nomem("a path");
	c->table_no = 0;
	r = value_check_log(&c->values, path, c->live.replay_from,
			    c->live.files.v, c->live.files.n, &c->tail);
	c->has_log = r == 0;
	return settle(c, r);
}

/* Nothing else depends on it, but what was set there would be forgotten. */
static int check_options(struct check *c)
{
	struct tt_options *opts = tt_options_new();
	int r = opts ? tt_options_load(c->o->store, opts)
		     : err_nomem("options");

	tt_options_free(opts);
	return r == TT_NOTFOUND ? 0 : settle(c, r);
}

static int check_files(struct check *c)
{
	int r = settle(c, read_manifest(c, &c->live));

	if (r == 0)
		r = check_options(c);
	if (r == 0)
		check_runs(c);
	for (size_t i = 0; r == 0 && i < c->live.n; i++) {
		progress(c, i);
		r = settle(c, check_table(c, &c->live.tables[i]));
	}
	for (size_t i = 0; r == 0 && i < c->live.files.n; i++)
		r = settle(c, check_value_file(c, &c->live.files.v[i]));
	if (r == 0 && !c->is_in_use)
		r = check_log(c);
	clear_line(c);
	return r;
}

static int check_tree(struct check *c)
{
	struct tt_options *opts = tt_options_new();
	struct tt *db = NULL;
	int r, rc;

	if (!opts)
		return err_nomem("options");
	r = tt_options_set(opts, "create_if_missing", "false");
	if (r == 0)
		r = tt_open(c->o->store, opts, &db);
	tt_options_free(opts);
	if (r < 0)
		return settle(c, r);
	r = tt_get(db, NULL, tt_str(TREE_FORMAT_KEY), NULL, 0, NULL, NULL);
	if (r == 0) {
		c->has_tree = true;
		r = tree_check(db, damage, c);
	} else if (r == TT_NOTFOUND) {
		note(c, "the store holds no files yet: no tree to check");
	}
	if (r < 0)
		r = settle(c, r);
	rc = tt_close(db);
	return r < 0 ? r : MIN_OF(rc, 0);
}

static void summary(const struct check *c)
{
	char tables[32], records[32];

	if (c->o->quiet)
		return;
	if (c->o->json) {
		(void)printf("{\"type\":\"summary\",\"tables\":%" PRIu64
			     ",\"bytes\":%" PRIu64 ",\"records\":%" PRIu64
			     ",\"value_files\":%zu,\"value_bytes\":%" PRIu64
			     ",\"values\":%" PRIu64 ",\"log_batches\":%" PRIu64
			     ",\"tree_checked\":%s,\"in_use\":%s"
			     ",\"damaged\":%" PRIu64 "}\n",
			     c->n_tables, c->n_bytes, c->n_records,
			     c->live.files.n, c->n_value_bytes,
			     c->values.n_values,
			     c->has_log ? c->tail.n_records : 0,
			     c->has_tree ? "true" : "false",
			     c->is_in_use ? "true" : "false", c->n_damaged);
		return;
	}
	(void)printf("%s: %s tables, %" PRIu64 " MiB, %s records",
		     c->n_damaged ? "DAMAGED" : "clean",
		     render_count(c->n_tables, tables), c->n_bytes >> 20,
		     render_count(c->n_records, records));
	if (c->live.files.n)
		(void)printf("; %" PRIu64 " values in %zu files, %" PRIu64
			     " MiB",
			     c->values.n_values, c->live.files.n,
			     c->n_value_bytes >> 20);
	if (c->has_log)
		(void)printf("; log: %" PRIu64 " batches%s", c->tail.n_records,
			     c->tail.is_torn ? " and a torn tail, as a crash "
					       "leaves it"
					     : "");
	if (c->has_tree)
		(void)fputs("; tree checked", stdout);
	if (c->n_gone)
		(void)printf("; %" PRIu64 " tables were compacted away "
			     "meanwhile",
			     c->n_gone);
	if (c->n_damaged)
		(void)printf("; %" PRIu64 " damaged places", c->n_damaged);
	(void)fputc('\n', stdout);
}

/* Takes the store's lock, or notes who has it. */
static int lock_store(struct check *c, struct env_lock **out)
{
	const char *path = path_in(c, "LOCK", 0, "");
	int r;

	if (!path)
		return err_nomem("a path");
	r = env_lock(c->env, path, out);
	if (r != TT_ELOCKED)
		return r;
	c->is_in_use = true;
	note(c, err_text());
	note(c, "tables are checked as they are; the log and the tree are not");
	return 0;
}

int fsck_check(const struct fsck_options *o)
{
	struct check c = { .o = o, .env = env_posix() };
	struct env_lock *lock = NULL;
	uint64_t no;
	int r, rc;

	c.values = (struct value_check){
		.disk = { .env = c.env, .dir = o->store },
		.report = value_damage,
		.arg = &c,
	};
	/* Before anything is touched: is this a store at all? */
	r = current_read(c.env, o->store, &no);
	if (r == -ENOENT)
		return err_set(TT_ENOSTORE,
			       "%s: no store here: it has no CURRENT file",
			       o->store);
	r = settle(&c, r);
	if (r == 0)
		r = lock_store(&c, &lock);
	if (r == 0)
		r = check_files(&c);
	rc = env_unlock(lock);
	if (r == 0)
		r = rc;
	if (r == 0 && !c.is_in_use && !o->no_tree && c.n_damaged)
		note(&c, "the store is not opened, so that nothing changes: "
			 "its tree is not checked");
	else if (r == 0 && !c.is_in_use && !o->no_tree)
		r = check_tree(&c);
	clear_line(&c);
	if (r == 0)
		summary(&c);
	table_set_fini(&c.live);
	value_check_fini(&c.values);
	buf_fini(&c.path);
	return r < 0 ? r : c.n_damaged != 0;
}
