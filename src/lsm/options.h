/* SPDX-License-Identifier: MIT */
/*
 * Options of a store: the table options.def behind tt_options_* of ttrunks.h,
 * and the figures that follow from it.
 *
 * A struct tt_options has one user at a time; a struct db_config is plain
 * data, constant once the store is open.
 */
#ifndef LSM_OPTIONS_H
#define LSM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compress.h"
#include "base/opt.h"
#include "lsm/merge_chain.h"
#include "lsm/version_edit.h"
#include "ttrunks.h"

struct env;

struct option_values {
#define OPT OPT_FIELD
#include "lsm/options.def"
#undef OPT
};

struct tt_options {
	struct option_values v;
	struct opt_set set; /* over v */
	struct env *env;    /* NULL: env_posix() */
	struct merge_function merge;
	struct merge_name merge_name;
};

/* What the engine works with: every figure settled, none 0 for "derive". */
struct db_config {
	struct env *env;
	size_t memtable_bytes;
	size_t cache_bytes;
	size_t table_cache_bytes;
	size_t table_loan_bytes; /* of cache_bytes, for tables too */
	unsigned max_open_tables;
	size_t block_bytes;
	size_t table_bytes;
	uint32_t wal_segment_bytes;
	size_t separate_bytes; /* SIZE_MAX: never */
	uint64_t value_file_bytes;
	unsigned value_garbage; /* percent */
	unsigned max_open_values;
	unsigned bloom_bits;
	unsigned level_ratio;
	unsigned l0_trigger;
	int64_t sync_interval_ms;
	int64_t retention_us;
	enum codec codec;
	enum codec bottom_codec; /* of the last level */
	bool create_if_missing;
	struct merge_function merge;
	struct merge_name merge_name;
};

/* A copy; of the defaults when `opts` is NULL. NULL when memory is out. */
struct tt_options *options_copy(const struct tt_options *opts);

bool options_is_set(const struct tt_options *opts, const char *name);

/* Calls `fn` for each option that somebody has set, with the text of its value;
 * a non-zero result ends it and is returned. */
int options_each_set(const struct tt_options *opts,
		     int (*fn)(void *arg, const char *name, const char *value),
		     void *arg);

/* Gives `to` what `from` sets and `to` does not; with `of_store_only` no more
 * than options_is_of_store(). */
int options_add(struct tt_options *to, const struct tt_options *from,
		bool of_store_only);

/* True for what STORE/OPTIONS records: all that is not about one opening. */
bool options_is_recorded(const char *name);
/* True for what a store takes up from STORE/OPTIONS: what is recorded and no
 * matter of the machine that it lies on. */
bool options_is_of_store(const char *name);

/* Settles the figures. `opts` may be NULL: every default. */
int options_resolve(const struct tt_options *opts, struct db_config *out);

/* Runs the store on another environment; keeps it. For tests: symbol is not
 * exported. */
void options_set_env(struct tt_options *opts, struct env *env);

#endif
