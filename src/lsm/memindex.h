/* SPDX-License-Identifier: MIT */
/*
 * The ordered index under a memtable: a B+tree of immutable entries in
 * internal order (record.h), with one writer and any number of readers that
 * take no lock. Entries are never removed; the whole index goes at once.
 *
 * Readers see every entry whose insertion had returned before they started
 * (given that they learned of it with acquire order, as through
 * clock_visible()); of later ones they may or may not see some.
 *
 * Memory: chunks of MEMINDEX_CHUNK bytes of virtual memory, touched as they
 * fill.
 */
#ifndef LSM_MEMINDEX_H
#define LSM_MEMINDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "lsm/record.h"

#define MEMINDEX_CHUNK ((size_t)2 << 20)
/* Slots of a node; also the most entries a cursor holds at a time. */
#define MEMINDEX_FANOUT 64

struct memindex;

/* -ENOMEM. */
int memindex_new(struct memindex **out);
void memindex_free(struct memindex *x);

/*
 * Adds a copy of a record; one on the same (key, ts) replaces the one there.
 * Writer only. -ENOMEM, or TT_ETOOBIG beyond 4 GiB in all: then the index is
 * as before.
 */
int memindex_insert(struct memindex *x, const struct record *r);

/* The first entry >= (key, ts): 0, or TT_END. The slices of *out live as
 * long as the index. Any thread. */
int memindex_find(const struct memindex *x, struct tt_slice key, int64_t ts,
		  struct record *out);

/* Memory in use, bytes; entries. Any thread, approximately while it grows. */
size_t memindex_bytes(const struct memindex *x);
uint64_t memindex_count(const struct memindex *x);

/*
 * A cursor: a copy of one leaf's slots and a place in it. Plain data, no
 * resources. Moves return 0 or TT_END; after 0, memindex_cursor_rec() is the
 * record. Entries added after the cursor's last jump to a leaf may be missed.
 */
struct memindex_cursor {
	const struct memindex *index;
	uint32_t n;
	uint32_t at;
	uint32_t lower; /* entry at which the leaf's range begins; 0: open */
	uint32_t upper; /* entry at which the next leaf's range begins, or 0 */
	uint32_t slots[MEMINDEX_FANOUT];
};

void memindex_cursor_init(struct memindex_cursor *c, const struct memindex *x);
int memindex_cursor_first(struct memindex_cursor *c);
int memindex_cursor_last(struct memindex_cursor *c);
int memindex_cursor_seek(struct memindex_cursor *c, struct tt_slice key,
			 int64_t ts);
int memindex_cursor_seek_for_prev(struct memindex_cursor *c,
				  struct tt_slice key, int64_t ts);
int memindex_cursor_next(struct memindex_cursor *c);
int memindex_cursor_prev(struct memindex_cursor *c);
void memindex_cursor_rec(const struct memindex_cursor *c, struct record *out);

/* Checks the whole structure, aborting where it is broken; tests only, no
 * concurrent writer. */
void memindex_check(const struct memindex *x);

#endif
