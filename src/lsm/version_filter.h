/* SPDX-License-Identifier: MIT */
/*
 * Which versions of a key live on when records are rewritten: the one rule of
 * flush and compaction.
 *
 * Records come in internal order, all of a key's that take part. Of each key
 * the versions are kept that somebody can still read (version_is_needed()).
 * A tombstone goes as well when nobody reads at a time before it and nothing
 * older of the key can lie below the outputs: then there is nothing left for
 * it to hide.
 *
 * One thread at a time.
 */
#ifndef LSM_VERSION_FILTER_H
#define LSM_VERSION_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "lsm/record.h"

struct retained_times;

struct version_filter_ops {
	/* Takes a record that lives on; `is_new_key`: the first of its key. */
	int (*emit)(void *arg, const struct record *rec, bool is_new_key);
	/* True when something older of the key may lie below the outputs. Asked
	 * with rising keys. NULL: it always may. */
	bool (*may_lie_below)(void *arg, struct tt_slice key);
};

struct version_filter {
	/* set in version_filter_init(), then constant */
	const struct version_filter_ops *ops;
	void *arg;
	const struct retained_times *times; /* kept */

	struct buf key; /* the current key */
	bool has_key;
	bool has_emitted; /* of the current key */
	int64_t newer_ts; /* of the version before, TS_NEWEST: none */
	uint64_t n_in, n_out;
};

void version_filter_init(struct version_filter *f,
			 const struct version_filter_ops *ops, void *arg,
			 const struct retained_times *times);
void version_filter_fini(struct version_filter *f);

/* The next record; the result of emit() if that fails. */
int version_filter_add(struct version_filter *f, const struct record *rec);

#endif
