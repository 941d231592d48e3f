/* SPDX-License-Identifier: MIT */
/*
 * A change to the version, as one manifest record holds it: tables added and
 * dropped, and the numbers that must change in the same step. Not
 * thread-safe. Encoded form: manifest_format.h.
 */
#ifndef LSM_VERSION_EDIT_H
#define LSM_VERSION_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "lsm/manifest_format.h"
#include "lsm/record.h"
#include "lsm/version.h"

/* The name of the merge function that a store is written with. */
struct merge_name {
	char text[MERGE_NAME_MAX + 1]; /* "": none */
};

struct version_edit {
	bool has_next_file_no, has_replay_from, has_last_ts, has_next_group;
	bool has_complete_from;
	uint64_t next_file_no;
	uint64_t replay_from; /* LSN */
	int64_t last_ts;
	uint64_t next_group;
	int64_t complete_from;
	struct merge_name merge_name; /* "": not said */

	struct table_desc *added; /* keys owned by the edit */
	size_t n_added, cap_added;
	uint64_t *dropped; /* file numbers */
	size_t n_dropped, cap_dropped;

	struct value_ref *named_values; /* files and lengths, 0: not sealed */
	size_t n_named_values, cap_named_values;
	uint64_t *dropped_values; /* file numbers */
	size_t n_dropped_values, cap_dropped_values;
	/* Set by version_set_apply() when it failed with nothing written: the
	 * tables added are nobody's. Not stored. */
	bool is_refused;
};

void version_edit_init(struct version_edit *e);
void version_edit_fini(struct version_edit *e);

/* Copies the description, keys and references included. */
int version_edit_add(struct version_edit *e, const struct table_desc *d);
int version_edit_drop(struct version_edit *e, uint64_t file_no);

/* Names a value file, or, once it is sealed, its length. */
int version_edit_name_values(struct version_edit *e, uint64_t file_no,
			     uint64_t bytes);
int version_edit_drop_values(struct version_edit *e, uint64_t file_no);

/* Forgets the lists without freeing them: what `numbers = *edit` shares. */
void version_edit_forget_lists(struct version_edit *e);

static inline void version_edit_set_replay_from(struct version_edit *e,
						uint64_t lsn)
{
	e->has_replay_from = true;
	e->replay_from = lsn;
}

static inline void version_edit_set_last_ts(struct version_edit *e, int64_t ts)
{
	e->has_last_ts = true;
	e->last_ts = ts;
}

static inline void version_edit_set_next_file_no(struct version_edit *e,
						 uint64_t no)
{
	e->has_next_file_no = true;
	e->next_file_no = no;
}

static inline void version_edit_set_next_group(struct version_edit *e,
					       uint64_t no)
{
	e->has_next_group = true;
	e->next_group = no;
}

/* Something was dropped that reads before `ts` would need (TS_OLDEST: nothing
 * was); the latest such timestamp is kept. */
static inline void version_edit_set_complete_from(struct version_edit *e,
						  int64_t ts)
{
	if (ts == TS_OLDEST || (e->has_complete_from && ts <= e->complete_from))
		return;
	e->complete_from = ts;
	e->has_complete_from = true;
}

/* Appends the encoded form. */
int version_edit_encode(const struct version_edit *e, struct buf *out);

/*
 * Decodes into an initialized, empty edit. TT_ECORRUPT with a text that does
 * not name the file; the input may be hostile.
 */
int version_edit_decode(struct version_edit *e, struct tt_slice in);

#endif
