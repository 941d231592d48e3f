/* SPDX-License-Identifier: MIT */
/*
 * The commit queue: every write of a store passes here.
 *
 * One writer leads at a time. It takes those that came while the previous
 * leader worked as its group, and for each of them in turn gives the
 * timestamp, appends to the log and adds to the memtable; then it publishes
 * the newest timestamp, so that readers see each batch wholly or not at all,
 * and wakes the group. A writer that finds nobody at work makes no system
 * call. Writers wait on conditions, they do not spin.
 *
 * Writers that asked for durability go on to wal_sync() on their own, outside
 * the queue: others append while the device flushes.
 *
 * Any number of threads may commit.
 */
#ifndef LSM_WRITE_H
#define LSM_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lsm/batch.h"
#include "lsm/clock.h"
#include "lsm/memtable.h"
#include "lsm/wal_writer.h"
#include "ttrunks.h"

struct gaps;
struct write_queue;

/* What the queue needs from the database. */
struct write_hooks {
	void *arg;
	/*
	 * Called by the leader before it writes about `bytes` more bytes, that
	 * point to `value_bytes` in value files. Returns the memtable to add to, borrowed until the next call. May
	 * switch memtables (wal_end() is then where the new one's log begins)
	 * and may wait for background work: back-pressure belongs here. With
	 * `no_wait` it must not block but return -EAGAIN when it would have
	 * to; it is then called again without. A failure fails the group.
	 */
	int (*make_room)(void *arg, size_t bytes, uint64_t value_bytes,
			 bool no_wait, struct memtable **out);
	/* The leader takes up findings and cuts the gaps where it writes; may
	 * be NULL. */
	struct gaps *gaps;
};

/* Keeps wal and clk, copies hooks. `wal` may be NULL: nothing is logged. */
int write_queue_new(const struct write_hooks *hooks, struct wal *wal,
		    struct clock *clk, struct write_queue **out);
/* Nobody may be inside any more. */
void write_queue_free(struct write_queue *q);

/* As tt_write(). `wo` and `out_ts` may be NULL. */
int write_commit(struct write_queue *q, const struct tt_batch *batch,
		 const struct tt_write_options *wo, int64_t *out_ts);

/* One operation, as tt_put() and tt_delete(): no batch, no allocation. */
int write_commit_one(struct write_queue *q, uint8_t kind, struct tt_slice key,
		     struct tt_slice value, const struct tt_write_options *wo,
		     int64_t *out_ts);

/*
 * The same two where something lies outside of the log: pointers to separated
 * values. *is_logged says, after a failure, whether the log may hold them; when
 * not, nobody will ever know of them.
 */
int write_commit_pointers(struct write_queue *q, const struct tt_batch *batch,
			  const struct tt_write_options *wo, int64_t *out_ts,
			  bool *is_logged);
int write_commit_pointer(struct write_queue *q, struct tt_slice key,
			 struct tt_slice pointer,
			 const struct tt_write_options *wo, int64_t *out_ts,
			 bool *is_logged);

/*
 * Runs `fn` as the leader: no write is in progress, all that returned are
 * applied. For switching memtables and for cuts at a point in time. Its
 * return is handed through. TT_EPOISONED in a poisoned queue.
 */
int write_exclusive(struct write_queue *q, int (*fn)(void *arg), void *arg);

/* The same if nobody leads at the moment, else nothing. Waits for nobody. */
void write_if_idle(struct write_queue *q, void (*fn)(void *arg), void *arg);

/* Fails every write from now on with `code` (and waiting ones), e.g. when
 * background work cannot go on. The first code stays. */
void write_queue_poison(struct write_queue *q, int code);

/* 0, or TT_EPOISONED with a text that says why, as a write would get it. */
int write_queue_check(struct write_queue *q);

struct write_stats {
	uint64_t n_writes; /* batches and single operations */
	uint64_t n_ops;
	uint64_t n_bytes;  /* of payload */
	uint64_t n_groups; /* of more than one writer */
};
void write_queue_get_stats(struct write_queue *q, struct write_stats *out);

#endif
