/* SPDX-License-Identifier: MIT */
#include "lsm/options.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/env.h"
#include "base/err.h"
#include "lsm/file_name.h"
#include "lsm/memtable.h"
#include "lsm/options_file.h"

static const struct opt_row rows[] = {
#define OPT(name, ...) OPT_ROW(struct option_values, name, __VA_ARGS__)
#include "lsm/options.def"
#undef OPT
};
_Static_assert(ARRAY_LEN(rows) <= OPT_MAX_ROWS, "too many options");

#define RANGE_TEXT_MAX 96

/* Made once by info_init(), then constant. */
static struct tt_option_info infos[ARRAY_LEN(rows)];
static char ranges[ARRAY_LEN(rows)][RANGE_TEXT_MAX];
static pthread_once_t infos_once = PTHREAD_ONCE_INIT;

static const char *type_name(enum opt_type type)
{
	switch (type) {
	case OPT_BOOL:
		return "bool";
	case OPT_INT:
		return "int";
	case OPT_SIZE:
		return "size";
	case OPT_DURATION:
		return "duration";
	case OPT_ENUM:
		return "enum";
	case OPT_STRING:
		break;
	}
	return "string";
}

static void info_init(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf text = BUF_INIT;

		if (opt_range_text(&rows[i], &text) == 0)
			(void)snprintf(ranges[i], RANGE_TEXT_MAX, "%.*s",
				       (int)text.len, (const char *)text.data);
		buf_fini(&text);
		infos[i] = (struct tt_option_info){
			.name = rows[i].name,
			.type = type_name(rows[i].type),
			.default_value = rows[i].def,
			.range = ranges[i],
			.help = rows[i].help,
		};
	}
}

const struct tt_option_info *tt_option_info(size_t i)
{
	(void)pthread_once(&infos_once, info_init);
	return i < ARRAY_LEN(rows) ? &infos[i] : NULL;
}

struct tt_options *tt_options_new(void)
{
	struct tt_options *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	if (opt_init(&o->set, rows, ARRAY_LEN(rows), &o->v) < 0) {
		free(o);
		return NULL;
	}
	return o;
}

void tt_options_free(struct tt_options *opts)
{
	if (!opts)
		return;
	opt_fini(&opts->set);
	free(opts);
}

int tt_options_set(struct tt_options *opts, const char *name, const char *value)
{
	return opt_assign(&opts->set, name, value, OPT_SOURCE_ARGS, NULL);
}

/* ---- what is set -------------------------------------------------------- */

int tt_options_each(const struct tt_options *opts,
		    int (*fn)(void *arg, const char *name, const char *value,
			      bool is_set),
		    void *arg)
{
	struct buf text = BUF_INIT;
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows) && r == 0; i++) {
		buf_clear(&text);
		r = opt_value_text(&opts->set, &rows[i], &text);
		if (r == 0 && !buf_cstr(&text))
			r = err_nomem("options");
		if (r == 0)
			r = fn(arg, rows[i].name, (const char *)text.data,
			       opt_is_given(&opts->set, &rows[i]));
	}
	buf_fini(&text);
	return r;
}

struct set_walk {
	int (*fn)(void *arg, const char *name, const char *value);
	void *arg;
};

static int show_set(void *arg, const char *name, const char *value, bool is_set)
{
	const struct set_walk *w = arg;

	return is_set ? w->fn(w->arg, name, value) : 0;
}

int options_each_set(const struct tt_options *opts,
		     int (*fn)(void *arg, const char *name, const char *value),
		     void *arg)
{
	struct set_walk w = { fn, arg };

	return tt_options_each(opts, show_set, &w);
}

bool options_is_recorded(const char *name)
{
	return strcmp(name, "create_if_missing") != 0;
}

bool options_is_of_store(const char *name)
{
	static const char *const of_machine[] = {
		"memory",	   "memtable_bytes",
		"cache_bytes",	   "table_cache_bytes",
		"max_open_tables",
	};

	for (size_t i = 0; i < ARRAY_LEN(of_machine); i++)
		if (strcmp(name, of_machine[i]) == 0)
			return false;
	return options_is_recorded(name);
}

bool options_is_set(const struct tt_options *opts, const char *name)
{
	return opt_is_given(&opts->set, opt_find(&opts->set, name));
}

static int copy_option(void *arg, const char *name, const char *value)
{
	return tt_options_set(arg, name, value);
}

struct tt_options *options_copy(const struct tt_options *opts)
{
	struct tt_options *copy = tt_options_new();

	if (!copy || !opts)
		return copy;
	copy->env = opts->env;
	copy->merge = opts->merge;
	copy->merge_name = opts->merge_name;
	if (options_each_set(opts, copy_option, copy) < 0) {
		tt_options_free(copy);
		return NULL;
	}
	return copy;
}

struct addition {
	struct tt_options *to;
	bool of_store_only;
};

static int add_option(void *arg, const char *name, const char *value)
{
	const struct addition *a = arg;

	if (a->of_store_only && !options_is_of_store(name))
		return 0;
	/* Weaker than what is set already, in whatever order. */
	return opt_assign(&a->to->set, name, value, OPT_SOURCE_FILE,
			  FILE_OPTIONS);
}

int options_add(struct tt_options *to, const struct tt_options *from,
		bool of_store_only)
{
	struct addition a = { to, of_store_only };

	return options_each_set(from, add_option, &a);
}

int tt_options_load(const char *dir, struct tt_options *opts)
{
	struct options_file f;
	int r = options_file_open(&f, opts->env ? opts->env : env_posix(), dir);

	if (r == 0)
		r = f.text.len ? options_add(opts, f.known, false)
			       : TT_NOTFOUND;
	options_file_fini(&f);
	return r;
}

/* ---- the figures ------------------------------------------------------- */

void options_set_env(struct tt_options *opts, struct env *env)
{
	opts->env = env;
}

/* An explicit figure, or this part of memory, kept within bounds. */
static size_t part_of(uint64_t explicit_bytes, uint64_t memory,
		      unsigned divisor, uint64_t least)
{
	uint64_t n = explicit_bytes ? explicit_bytes : memory / divisor;

	return (size_t)MAX_OF(n, least);
}

/*
 * How memory is divided when nothing else is said: two memtables, an eighth
 * each; half for the block cache, of which tables may have half when an eighth
 * is not enough for them; and a sixteenth for each of the two tables that a
 * flush and a compaction build.
 */
static void resolve(const struct option_values *v, struct db_config *c)
{
	uint64_t segment;

	c->memtable_bytes = part_of(v->memtable_bytes, v->memory, 8, 32 << 10);
	c->memtable_bytes = MIN_OF(c->memtable_bytes, (size_t)MEMTABLE_MOST);
	c->cache_bytes = part_of(v->cache_bytes, v->memory, 2, 64 << 10);
	c->table_cache_bytes =
		part_of(v->table_cache_bytes, v->memory, 8, 64 << 10);
	c->table_loan_bytes = v->table_cache_bytes ? 0 : c->cache_bytes / 2;
	c->max_open_tables = (unsigned)v->max_open_tables;
	c->block_bytes = (size_t)v->block_bytes;
	c->table_bytes = part_of(v->table_bytes, v->memory, 16, 64 << 10);
	if (!v->table_bytes)
		c->table_bytes = MIN_OF(c->table_bytes, (size_t)16 << 20);
	c->bloom_bits = (unsigned)v->bloom_bits;
	c->level_ratio = (unsigned)v->level_ratio;
	c->l0_trigger = (unsigned)v->l0_trigger;
	c->sync_interval_ms = v->sync_interval;
	c->retention_us = v->retention * 1000;
	c->codec = (enum codec)v->compression;
	c->bottom_codec = v->bottom_compression == N_CODECS
				  ? c->codec
				  : (enum codec)v->bottom_compression;
	c->create_if_missing = v->create_if_missing;
	/* A few segments per memtable, so that space comes back in steps. */
	segment = v->wal_segment_bytes ? v->wal_segment_bytes
				       : c->memtable_bytes / 2;
	segment = MAX_OF(segment, 64u << 10);
	if (!v->wal_segment_bytes)
		segment = MIN_OF(segment, 8u << 20);
	c->wal_segment_bytes = (uint32_t)segment;
}

static void resolve_values(const struct option_values *v, struct db_config *c)
{
	c->separate_bytes =
		v->separate_bytes ? (size_t)v->separate_bytes : SIZE_MAX;
	c->value_file_bytes =
		v->value_file_bytes
			? MAX_OF((uint64_t)v->value_file_bytes, 4096ull)
			: MIN_OF((uint64_t)v->memory / 2, 256ull << 20);
	c->value_garbage = (unsigned)v->value_garbage;
	c->max_open_values = MAX_OF(c->max_open_tables / 4, 4u);
}

int options_resolve(const struct tt_options *opts, struct db_config *out)
{
	struct tt_options *defaults = NULL;

	if (!opts) {
		defaults = tt_options_new();
		if (!defaults)
			return err_nomem("options");
		opts = defaults;
	}
	resolve(&opts->v, out);
	resolve_values(&opts->v, out);
	out->env = opts->env ? opts->env : env_posix();
	out->merge = opts->merge;
	out->merge_name = opts->merge_name;
	tt_options_free(defaults);
	return 0;
}
