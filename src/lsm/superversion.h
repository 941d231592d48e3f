/* SPDX-License-Identifier: MIT */
/*
 * A superversion: everything a reader needs, held together: the active
 * memtable, the immutable ones, the version. Immutable itself; replaced as a
 * whole when any part changes.
 *
 * Readers take the current one through the slot cache of base/token.h, which
 * costs them no lock; see db.h for acquire and release.
 */
#ifndef LSM_SUPERVERSION_H
#define LSM_SUPERVERSION_H

#include <stdatomic.h>
#include <stdint.h>

struct memtable;
struct tt_iter;
struct version;

/* With the active memtable, two: that many are part of the memory budget.
 * More exist only while a start replays a log on a full disk. */
#define MAX_IMMUTABLES 1

struct superversion {
	_Atomic uint32_t refs;
	struct memtable *active;
	struct version *version;
	/* owned by who replaces it: iterators over it that rested; see
	 * db_retire() */
	struct tt_iter *resting;
	uint32_t n_imm;
	struct memtable *imm[]; /* newest first */
};

/* Takes references of its own to all parts. `imm` is oldest first. 0 or
 * -ENOMEM. */
int superversion_new(struct memtable *active, struct memtable *const *imm,
		     uint32_t n_imm, struct version *v,
		     struct superversion **out);
struct superversion *superversion_ref(struct superversion *sv);
/* NULL does nothing. The last one may free much memory: not under a lock. */
void superversion_unref(struct superversion *sv);

#endif
