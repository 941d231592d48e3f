/* SPDX-License-Identifier: MIT */
/*
 * Range tombstones for cursors. A cover knows the range tombstones of all
 * sources of a merge, newest source first, as of one time; a covered cursor
 * stands between a source and the merge and shows what they do not hide.
 *
 * What a newer source hides is passed by one search, however much it is: all
 * records of a key in an older source are older than that range tombstone. What
 * a source hides of its own is passed record by record; tables hold such
 * records only as long as a snapshot reads them.
 *
 * Looking up what covers a key tells the keys around it for which that is the
 * same, so a walk looks up once a stretch. Tables are opened when a lookup
 * reaches them. Where no source has range tombstones, nobody needs a cover.
 *
 * One thread at a time.
 */
#ifndef LSM_RANGE_COVER_H
#define LSM_RANGE_COVER_H

#include <stddef.h>
#include <stdint.h>

#include "lsm/rec_iter.h"

struct key_bounds;
struct memtable;
struct range_cover;
struct run;
struct table_cache;

/*
 * A cover for up to `n_sources` sources, with one reference. `tables` is kept,
 * as is what is added: hold the superversion. `bounds` is kept too and may
 * change between moves: what lies beyond is not looked at, and a move may end
 * there.
 */
int range_cover_new(size_t n_sources, struct table_cache *tables,
		    const struct key_bounds *bounds, struct range_cover **out);
/* NULL does nothing. */
void range_cover_unref(struct range_cover *c);

/* Before the first move: range tombstones count as of this time. Later the
 * position of all cursors is lost. */
void range_cover_restart(struct range_cover *c, int64_t as_of);

/* Gives back pinned tables. The position of all cursors is lost. */
void range_cover_rest(struct range_cover *c);

/* Adds the next older source. */
void range_cover_add_memtable(struct range_cover *c, const struct memtable *m);
void range_cover_add_run(struct range_cover *c, const struct run *run);

/*
 * Makes the cursor over the source added last a covered one: takes `in`, and a
 * reference to the cover. It shows no records of range tombstones either. On
 * failure `in` is still the caller's.
 */
int range_cover_wrap(struct range_cover *c, struct rec_iter *in,
		     struct rec_iter **out);

#endif
