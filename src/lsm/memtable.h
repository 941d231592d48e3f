/* SPDX-License-Identifier: MIT */
/*
 * A memtable: the newest writes, ordered, in memory, until they are flushed
 * to tables. Counted references over a memindex.
 *
 * One writer at a time (the leader of the write queue) adds; any number of
 * threads read at the same moment without locks. What a reader must see it
 * sees because it takes its timestamp from clock_visible().
 */
#ifndef LSM_MEMTABLE_H
#define LSM_MEMTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "lsm/rec_iter.h"
#include "lsm/record.h"

struct mem_ranges;
struct memtable;
struct value_log;

/*
 * What surely fits into one, whatever the sizes of keys and values: this many
 * bytes of memory before an operation is added; or a batch, alone, of so many
 * operations and bytes. Who logs first and adds then must keep to it.
 */
#define MEMTABLE_MOST (1u << 30)
#define MEMTABLE_OP_BYTES 40u	  /* of an operation beyond its encoded bytes */
#define MEMTABLE_RANGE_BYTES 512u /* more of a range deletion, about */
#define MEMTABLE_BATCH_MOST ((uint64_t)4 << 30)

/* An empty one with one reference, the caller's. */
int memtable_new(struct memtable **out);
/* Where pointers to separated values lead; before the first one is added. */
void memtable_use_values(struct memtable *m, struct value_log *values);
struct memtable *memtable_ref(struct memtable *m);
/* Frees with the last reference. NULL does nothing. */
void memtable_unref(struct memtable *m);

/*
 * Adds a version of a key (copied); replaces one with the same key and
 * timestamp. A range tombstone (RECORD_RANGE) is kept beside the others. A
 * pointer makes it use the value file that it names, until the memtable goes;
 * TT_ECORRUPT when there is no such file. Writer only. -ENOMEM leaves the
 * memtable as it was.
 */
int memtable_add(struct memtable *m, struct tt_slice key, int64_t ts,
		 uint8_t kind, struct tt_slice value);

/*
 * The newest version of `key` at or before `as_of`, a tombstone too, also one
 * that stands for the range that hides all versions: look at out->kind.
 * TT_NOTFOUND when there is none. The slices of *out live as long
 * as a reference is held.
 */
int memtable_get(struct memtable *m, struct tt_slice key, int64_t as_of,
		 struct record *out);

/* Memory it takes, in bytes, index included, and its records, with its range
 * tombstones. Any thread. */
size_t memtable_bytes(const struct memtable *m);
uint64_t memtable_count(const struct memtable *m);
/* Bytes of value files that its pointers name. Any thread. */
uint64_t memtable_value_bytes(const struct memtable *m);
/* Of these, without what is shared with other keys. */
uint64_t memtable_new_value_bytes(const struct memtable *m);

/* Makes durable the value files that it uses. Not while it is added to. */
int memtable_sync_values(struct memtable *m);

/* Its range tombstones; they live as long as a reference is held. */
const struct mem_ranges *memtable_ranges(const struct memtable *m);

/*
 * A cursor over all but the range tombstones, which does not heed them either
 * (range_cover.h does). It holds a reference until it is freed. Records that are added
 * after a move may be missed by it; those visible at its creation are not.
 * The slices of its records live as long as a reference to the memtable, also
 * beyond the next move.
 */
int memtable_iter_new(struct memtable *m, struct rec_iter **out);

#endif
