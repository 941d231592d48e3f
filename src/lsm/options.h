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
	unsigned bloom_bits;
	unsigned level_ratio;
	unsigned l0_trigger;
	int64_t sync_interval_ms;
	enum codec codec;
	enum codec bottom_codec; /* of the last level */
	bool create_if_missing;
	struct merge_function merge;
	struct merge_name merge_name;
};

/* Settles the figures. `opts` may be NULL: every default. */
int options_resolve(const struct tt_options *opts, struct db_config *out);

/* Runs the store on another environment; keeps it. For tests: symbol is not
 * exported. */
void options_set_env(struct tt_options *opts, struct env *env);

#endif
