/* SPDX-License-Identifier: MIT */
/*
 * Room for writes: when the memtable is switched, and how writers are slowed
 * when background work falls behind.
 *
 * The brake. Every change of the debt (room_update_locked()) sets one number,
 * the delay per KiB written: it grows with the square of the debt between
 * "soft" (no delay) and "hard", and falls to 0 with it. The leader adds up
 * what it owes and waits when that is worth a wait. Separated values pay for
 * themselves, before they are written: that may take long, and who waits then
 * leads nobody. Only when the active memtable is full and an immutable one
 * waits, writers wait for the flush outright; the brake has then slowed them
 * since that one arrived.
 *
 * A memtable is also switched before it is full when iterators have stepped
 * over so many deleted keys in it that flushing it had been cheaper: then most
 * of those vanish. As the steps of the next one are counted anew, flushes cost
 * at most about as much as the steps did; what a snapshot holds, or what hides
 * something below, lies in tables afterwards and is not counted again.
 */
#ifndef LSM_ROOM_H
#define LSM_ROOM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "lsm/db.h"

/* write_hooks.make_room; `arg` is the struct tt. Leader only. */
int room_make(void *arg, size_t bytes, uint64_t value_bytes, bool no_wait,
	      struct memtable **out);

/*
 * For a value of so many bytes, before it is written to its file: waits for
 * what it owes, where nobody has to wait for it as for the leader. -EAGAIN
 * instead with `no_wait`; or why background work refuses writes. Any thread.
 */
int room_enter(struct tt *db, uint64_t value_bytes, bool no_wait);

/* True when so much more should go to a fresh memtable. */
bool room_is_full(const struct db_config *c, const struct memtable *m,
		  size_t bytes, uint64_t value_bytes);

/* Makes the active memtable immutable if there is anything in it and room for
 * it: 0, TT_END when it is empty, -EAGAIN when two are waiting already.
 * Leader only. */
int room_switch(struct tt *db);

/* Sets the brake from the state of the store. */
void room_update_locked(struct tt *db) REQUIRES(db->mu);

/* Debt up to this does not slow writers, in bytes. */
uint64_t room_debt_soft(const struct tt *db);

/* True while the debt slows writers. */
bool room_is_braking(const struct tt *db);

/* The brake for this much debt, ns per KiB; plain arithmetic, for tests. */
uint32_t room_brake(uint32_t n_l0, uint32_t l0_trigger, uint64_t debt_bytes,
		    uint64_t debt_soft);

#endif
