/* SPDX-License-Identifier: MIT */
#include "lsm/options.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/env.h"
#include "base/err.h"
#include "lsm/memtable.h"

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
	out->env = opts->env ? opts->env : env_posix();
	out->merge = opts->merge;
	out->merge_name = opts->merge_name;
	tt_options_free(defaults);
	return 0;
}
