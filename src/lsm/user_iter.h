/* SPDX-License-Identifier: MIT */
/*
 * What a user sees of an internal cursor: of every key the newest version at
 * or before a timestamp, deleted keys left out, within bounds, in both
 * directions.
 *
 * Moves return 0, TT_END or < 0; slices live until the next move. One thread
 * at a time.
 */
#ifndef LSM_USER_ITER_H
#define LSM_USER_ITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "lsm/merge_chain.h"
#include "lsm/rec_iter.h"

struct value_log;

enum user_iter_state {
	USER_ITER_NONE,	   /* no position */
	USER_ITER_FORWARD, /* `in` stands on the current record */
	USER_ITER_REVERSE, /* `in` stands before all versions of the current
			    * key, or ran off the beginning */
	USER_ITER_PAST,	   /* `in` stands behind all versions of the current
			    * key, or ran off the end: they were merged */
};

struct gaps;

struct user_iter {
	struct rec_iter *in; /* owned */
	int64_t as_of;
	bool keys_only; /* values show as empty and are not looked at … */
	bool keeps_pointers; /* … but where they lie does */
	enum user_iter_state state;
	bool in_at_end;	   /* REVERSE, PAST: `in` ran off */
	struct record cur; /* valid unless state is NONE */
	/* copies, kept for reuse */
	struct buf key;	  /* current key (both directions) */
	struct buf value; /* current value in REVERSE and PAST */
	struct merge_chain chain;
	struct value_log *values; /* for bases of merges; NULL: none */
	bool verifies_values;	  /* reads them with `verify` */
	struct buf separated;	  /* such a base */
	int value_error;	  /* why the current value is missing, when the
				   * current record is of kind RECORD_MERGE and
				   * not only keys are wanted */
	struct gaps *gaps;	  /* kept; NULL: none are used */
	/* Deleted keys that the move has passed, and where the stretch of them
	 * begins: forward its first key, back the key behind it. Between moves
	 * 0 and false. */
	uint64_t n_dead;
	bool has_edge;
	struct buf edge;
	struct buf jump;
	/* since its beginning */
	uint64_t n_passed; /* deleted keys stepped over */
	uint64_t n_jumps;  /* over gaps */
	/* of those passed, the ones deleted after `fresh_after`; the owner sets
	 * both */
	uint64_t n_fresh;
	int64_t fresh_after;
	struct buf lower; /* inclusive; empty: none */
	struct buf upper; /* exclusive; empty: none */
};

/* An empty one, in the caller's memory; it has no source yet. Keeps the
 * store's merge function. */
void user_iter_init(struct user_iter *u, const struct merge_function *fn);
/* Has it jump over gaps and tell of those it finds; keeps `g`. */
void user_iter_set_gaps(struct user_iter *u, struct gaps *g);
/* Has it read the separated values that merge records apply to; keeps it. */
void user_iter_set_values(struct user_iter *u, struct value_log *values);
/* Whether it reads them from the disk (value_resolve()). */
void user_iter_set_verify(struct user_iter *u, bool on);
/* Frees the source and the memory. */
void user_iter_fini(struct user_iter *u);

/* Copies the bounds; empty slices for none. The position is lost. */
int user_iter_set_bounds(struct user_iter *u, struct tt_slice lower,
			 struct tt_slice upper);

/*
 * Takes a source (freeing the one before; NULL for none), to be seen as of a
 * timestamp. The position is lost; bounds and memory stay.
 */
void user_iter_set_source(struct user_iter *u, struct rec_iter *in,
			  int64_t as_of);

/* Begins anew as of another timestamp; source, bounds and memory stay. */
void user_iter_restart(struct user_iter *u, int64_t as_of);

/* Whether values are left out: then nothing of them is copied or put
 * together. The position is lost. */
void user_iter_set_keys_only(struct user_iter *u, bool on);

/* The same, but for pointers to separated values, which show as they are
 * stored. One under merge records does not show. */
void user_iter_set_pointers_only(struct user_iter *u);

/* Loses the position and gives back copies of more than `keep` bytes. */
void user_iter_rest(struct user_iter *u, size_t keep);

int user_iter_first(struct user_iter *u);
int user_iter_last(struct user_iter *u);
int user_iter_seek(struct user_iter *u, struct tt_slice key);
int user_iter_seek_for_prev(struct user_iter *u, struct tt_slice key);
/* From a valid position only. */
int user_iter_next(struct user_iter *u);
int user_iter_prev(struct user_iter *u);

static inline bool user_iter_is_valid(const struct user_iter *u)
{
	return u->state != USER_ITER_NONE;
}

/* The current record; valid position only. A pointer is shown as it is. One
 * of kind RECORD_MERGE could not be put together: see value_error. */
static inline const struct record *user_iter_rec(const struct user_iter *u)
{
	return &u->cur;
}

#endif
