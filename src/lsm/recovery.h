/* SPDX-License-Identifier: MIT */
/*
 * Opening: is the directory ours, and bringing back what the log holds.
 *
 * Nothing a start does makes a second start after a crash in its middle find
 * less: the log stays until a manifest record says that tables hold it.
 */
#ifndef LSM_RECOVERY_H
#define LSM_RECOVERY_H

#include <stdbool.h>

#include "lsm/db.h"

enum store_kind {
	STORE_MISSING, /* no such directory */
	STORE_EMPTY,   /* nothing in it, or a creation that was cut off */
	STORE_THERE,
};

/*
 * Looks at the directory without changing anything. TT_EFOREIGN when it holds
 * something else, TT_ECORRUPT when it is a store whose CURRENT has gone.
 */
int recovery_look(struct env *env, const char *dir, enum store_kind *out);

/* Makes the directory and what every store has in it, durably. */
int recovery_make_dirs(struct env *env, const char *dir);

/*
 * Replays the log into memtables and opens it for writing. Needs db->vs
 * recovered. Sets db->active, imms, sv, clk and wal. A memtable that fills up
 * is flushed on the way, so the log may be larger than memory; without disk
 * space it is kept as an immutable one instead.
 */
int recovery_replay(struct tt *db);

/* Removes table and value files that the version does not name. The manifest must be
 * durable. */
void recovery_remove_orphans(struct tt *db);

#endif
