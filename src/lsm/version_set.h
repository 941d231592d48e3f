/* SPDX-License-Identifier: MIT */
/*
 * The current version and how it changes: an edit is written to the manifest,
 * durable, and only then becomes the current version. Also the numbers that
 * the manifest keeps (next file, next flush group, where replay begins).
 *
 * Appliers are serialized by vs->mu (RANK_MANIFEST), which is held across the
 * manifest write. vs->current changes under it; readers of the store do not
 * come here, they use superversions.
 */
#ifndef LSM_VERSION_SET_H
#define LSM_VERSION_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hmap.h"
#include "base/mutex.h"
#include "lsm/version.h"
#include "lsm/version_edit.h"

struct env;
struct manifest_writer;
struct value_log;

struct version_set {
	/* set at open, then constant */
	struct env *env;
	const char *dir; /* kept */
	struct gc *gc;
	struct value_log *values; /* NULL: files are not followed */

	/* Taken by any background thread, relaxed: only uniqueness counts. */
	_Atomic uint64_t next_file_no;

	struct mutex mu; /* RANK_MANIFEST; held across manifest I/O */
	/* guarded by mu */
	struct version *current; /* a reference */
	struct hmap by_no;	 /* its tables: table.by_no */
	struct manifest_writer *manifest;
	bool drops_values;	 /* see version_set_start_dropping() */
	uint64_t snapshot_bytes; /* size of the manifest's first record */
	uint64_t next_group;
	uint64_t replay_from;
	int64_t last_ts;
	struct merge_name merge_name;
	int64_t complete_from; /* as in struct version */
	uint64_t n_edits;      /* since it was opened */
	/* File numbers that a broken manifest may name, and nothing else. */
	uint64_t *doubtful;
	size_t n_doubtful;
	/* An edit was written, but could not be shown. */
	bool is_ahead;
};

/* Makes the new version visible to readers, under vs->mu. */
typedef int (*version_install_fn)(void *arg, struct version *v);

/* Initializes in the caller's memory; there is no version yet. */
void version_set_init(struct version_set *vs, struct env *env, const char *dir,
		      struct gc *gc);
/* Where the value files are that versions name: before the first version. */
static inline void version_set_use_values(struct version_set *vs,
					  struct value_log *values)
{
	vs->values = values;
}

/* Closes the manifest, drops the version. */
void version_set_fini(struct version_set *vs);

/* Begins an empty store: first manifest, CURRENT. */
int version_set_create(struct version_set *vs);

/*
 * Reads CURRENT and the manifest, and continues that manifest; begins a new
 * one when it has grown large, or the old one cannot be continued.
 */
int version_set_recover(struct version_set *vs);

/*
 * Records the name of the store's merge function. TT_EOPTION when the store
 * has another one already.
 */
int version_set_name_merge(struct version_set *vs,
			   const struct merge_name *name);

/* A file number never used before. */
uint64_t version_set_new_file_no(struct version_set *vs);

/*
 * Writes the edit (completed by the numbers) durably and makes the outcome
 * the current version. `install` (may be NULL) is called with the new version
 * before the old one is let go. On failure the old version stays current, and
 * edit->is_refused says that nothing was written: the caller removes the
 * tables added, and may try again. Otherwise they may be named by what was
 * written, and must stay; the manifest takes no further edits then until
 * version_set_resume() replaces it. After a want of space the next call does.
 *
 * The edit's `added` tables must be on disk, durable, their names too. Value
 * files that are dead are dropped along with every edit.
 */
int version_set_apply(struct version_set *vs, struct version_edit *edit,
		      version_install_fn install, void *arg);

/*
 * After a failure of the manifest, of which it is not known what reached the
 * disk: begins a new one from scratch, which says the current version, and
 * makes it the live one. A broken manifest is never written or synced again.
 * Does nothing when it is sound. On failure it may be tried again; but
 * TT_EPOISONED when only reopening helps.
 */
int version_set_resume(struct version_set *vs);

/*
 * From now on value files that no table and no memtable points into are
 * dropped. Not before the log is replayed, which may point there.
 */
void version_set_start_dropping(struct version_set *vs);

/* Whether the next edit would drop a value file. */
bool version_set_has_dead_values(struct version_set *vs);

/* The current version with a reference for the caller. */
struct version *version_set_current(struct version_set *vs);

/*
 * The current version with a reference for the caller, and the numbers that
 * belong to it: an edit without tables. Every file the version names has a
 * number below numbers->next_file_no.
 */
struct version *version_set_cut(struct version_set *vs,
				struct version_edit *numbers);

/* Appends the edit that says all of version `v` and `numbers`: the first
 * record of a manifest. */
int version_encode(const struct version *v, const struct version_edit *numbers,
		   struct buf *out);

/* What a manifest says in sum; for the dumper and the checker too. */
struct manifest_summary {
	uint64_t next_file_no;
	uint64_t replay_from;
	int64_t last_ts;
	uint64_t next_group;
};

#endif
