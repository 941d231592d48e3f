/* SPDX-License-Identifier: MIT */
/*
 * Reading ahead over separated values, for an iterator.
 *
 * Values in key order lie anywhere in their files, so a scan of them would
 * wait for the disk once a value. When it has waited twice, a second cursor
 * over the same (the scout) runs ahead of it, without values, and the system
 * is asked to read what the pointers there lead to: a window of bytes, small
 * at first, that doubles as the scan goes on. What the scan comes to is then in
 * the page cache, or on its way.
 *
 * Where values come from memory nothing is asked for, and short scans end
 * before it begins. Hints only: what a move shows, or fails with, is none of
 * this. One thread at a time.
 */
#ifndef LSM_VALUE_AHEAD_H
#define LSM_VALUE_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/slice.h"

struct user_iter;
struct value_log;

/* The scout is never more keys ahead. */
#define VALUE_AHEAD_KEYS 128u

struct value_ahead {
	/* Rises with values that the disk was waited for, falls with others;
	 * with 0 nothing below is set. */
	unsigned heat;
	bool is_placed;	 /* the scout stands n keys ahead of the iterator … */
	bool is_reverse; /* … in this direction … */
	bool is_at_end;	 /* … and cannot go on */
	unsigned n, first;
	/* Bytes of the separated value of each of these keys, the next one
	 * at `first`, in a circle; and their sum. */
	uint32_t lens[VALUE_AHEAD_KEYS];
	uint64_t bytes;
	uint64_t window; /* what that may come to */
};

/* A search: the scan, if there was one, has ended. */
static inline void value_ahead_end(struct value_ahead *a)
{
	a->heat = 0;
	a->is_placed = false;
	a->window = 0;
}

/* value_ahead_step() while there is something to follow. */
void value_ahead_follow(struct value_ahead *a, bool is_reverse);

/* The iterator is about to move to the next key in that direction. */
static ALWAYS_INLINE void value_ahead_step(struct value_ahead *a,
					   bool is_reverse)
{
	if (unlikely(a->heat))
		value_ahead_follow(a, is_reverse);
}

/* True when the value that is about to be read shall not be the only one: call
 * value_ahead_ask(). */
bool value_ahead_wants(const struct value_ahead *a);

/*
 * Asks for what follows in the direction of the last step. `scout` is over the
 * iterator's source, with its bounds and as of the same time, keys and pointers
 * only, and nobody else moves it; `key` is where the iterator stands; `most`
 * bounds the window.
 */
void value_ahead_ask(struct value_ahead *a, struct value_log *values,
		     struct user_iter *scout, struct tt_slice key,
		     uint64_t most);

/* A value of `len` bytes was read, which took `ns`. */
void value_ahead_note_read(struct value_ahead *a, uint64_t len, uint64_t ns);

#endif
