/* SPDX-License-Identifier: MIT */
/*
 * Which versions of a key live on when records are rewritten: the one rule of
 * flush and compaction.
 *
 * Records come in internal order, all of a key's that take part. Of each key
 * the versions are kept that somebody can still read (version_is_needed()).
 * What a range tombstone hides is dropped by the same rule, which takes that
 * one for the next newer version. Records of range tombstones pass by: they
 * have a way of their own (range_list.h).
 *
 * A tombstone goes as well when nobody reads at a time before it and nothing
 * older of the key can lie below the outputs: then there is nothing left for
 * it to hide.
 *
 * Merge records are gathered as long as nobody reads between two of them, and
 * become one: with the value or tombstone under them a value; by themselves a
 * value too where nothing older can lie below, else one merge record. Where
 * the merge function fails they stay as they are. Over a separated value they
 * stay as well, as one merge record, until they are a good part of its size:
 * it is not read and written again for a few bytes.
 *
 * Reads of the past are refused before the time since when everything is
 * there, and the filter is what knows it: when a version goes, that is the
 * timestamp of what hid it. Whoever uses the filter puts it in the edit.
 *
 * It knows as well what could go if only nobody read in between: an old
 * version. Who writes tables notes that, so that they are compacted for it once
 * nobody does (old_versions.h).
 *
 * One thread at a time.
 */
#ifndef LSM_VERSION_FILTER_H
#define LSM_VERSION_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "lsm/merge_chain.h"
#include "lsm/record.h"

struct range_set;
struct retained_times;
struct value_log;

struct version_filter_ops {
	/* Takes a record that lives on; `is_new_key`: the first of its key. */
	int (*emit)(void *arg, const struct record *rec, bool is_new_key);
	/* True when something older of the key may lie below the outputs. Asked
	 * with rising keys. NULL: it always may. */
	bool (*may_lie_below)(void *arg, struct tt_slice key);
	/* The record emitted last lives on only because somebody reads at a
	 * time before `until`. NULL: nobody wants to know. */
	void (*note_old)(void *arg, const struct record *rec, int64_t until);
};

struct version_filter {
	/* set in version_filter_init(), then constant */
	const struct version_filter_ops *ops;
	void *arg;
	const struct retained_times *times; /* kept */
	/* Those that take part, kept; NULL: none. Set it before the first
	 * record. */
	const struct range_set *ranges;

	struct buf key; /* the current key */
	bool has_key;
	bool has_emitted; /* of the current key */
	/* of the last value or tombstone, which hides what is older; TS_NEWEST:
	 * there was none */
	int64_t newer_ts;
	/* merge records of the key that wait for older ones */
	struct merge_chain chain;
	int64_t chain_ts; /* of the newest of them, which the whole gets … */
	int64_t chain_oldest_ts;
	int64_t chain_until; /* … and what that is old by, see note_old() */
	struct buf merged;
	struct value_log *values; /* NULL: separated values are not read */
	struct buf separated;
	uint64_t n_in, n_out;
	/* Reads as of this or later miss nothing that was dropped; TS_OLDEST:
	 * nothing was. */
	int64_t complete_from;
};

void version_filter_init(struct version_filter *f,
			 const struct version_filter_ops *ops, void *arg,
			 const struct retained_times *times,
			 const struct merge_function *fn);
/* Allows to read separated values (keeps the log of values). */
static inline void version_filter_use_values(struct version_filter *f,
					     struct value_log *values)
{
	f->values = values;
}

void version_filter_fini(struct version_filter *f);

/* The next record; the result of emit() if that fails. */
int version_filter_add(struct version_filter *f, const struct record *rec);

/* There are no more records. */
int version_filter_end(struct version_filter *f);

#endif
