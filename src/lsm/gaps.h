/* SPDX-License-Identifier: MIT */
/*
 * Gaps: stretches of keys of which iterators have found that nothing lives
 * there.
 *
 * Where many keys were deleted, their records stay for a while: until a flush,
 * a compaction, or the end of a snapshot. Every iterator that comes by would
 * step over all of them; the head of a queue is such a place for ever. So the
 * first that does says where it was, and those after it jump.
 *
 * A gap [lo, hi) with a time `from` means: nobody who reads at `from` or later
 * finds a key there. It speaks of what is visible and not of records, so
 * flushes and compactions do not touch it. Only a write can: the leader of
 * the write queue looks at each key that it adds before the write becomes
 * visible, and cuts the gap there.
 *
 * How a finding becomes a gap. An iterator reads as of some moment; writes go
 * on meanwhile. It leaves its finding, and the leader takes it up: at once
 * when the queue is idle, else with the next write. If nothing was written
 * since the iterator's moment, the finding is a gap. If not, the leader only
 * watches that stretch, cutting it as it does gaps; when another iterator,
 * whose moment lies behind the beginning of the watch, finds nothing there
 * again, it is one.
 *
 * A stretch that grows, as a queue's does, is kept in pieces that follow each
 * other, the newest grow: its `from` is late, while who reads at a slightly
 * earlier moment can still use the older ones. Pieces join when they are old.
 *
 * Bounded: N_GAPS pieces, the cheapest to find again make room for new ones;
 * keys up to GAP_KEY_MAX bytes. Nothing is stored; a store opens without gaps.
 *
 * Readers wait for nobody: they read a copy that the leader changes under a
 * sequence number, and where that fails they do without.
 */
#ifndef LSM_GAPS_H
#define LSM_GAPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

#define N_GAPS 64
#define GAP_KEY_MAX 128
#define GAP_KEY_WORDS (GAP_KEY_MAX / 8)
/* Keys passed that make a finding: what leaving it costs is little beside. */
#define GAP_LEAST_KEYS 16

struct gap_key {
	uint32_t len;
	uint8_t bytes[GAP_KEY_MAX];
};

/* A piece, as the leader knows it. */
struct gap {
	struct gap_key lo, hi; /* lo included, hi not */
	int64_t from;	       /* GAP_WATCHED: no gap yet */
	int64_t since;	       /* watched: every later write was looked at */
	int64_t born;	       /* the first `from` of the piece */
	uint64_t value;	       /* the least makes room */
	uint64_t n_keys;       /* passed to find it */
};

#define GAP_WATCHED INT64_MAX

/* The same for readers. */
struct shown_key {
	_Atomic uint32_t len;
	_Atomic uint64_t words[GAP_KEY_WORDS];
};

struct shown_gap {
	struct shown_key lo, hi;
	_Atomic int64_t from;
};

/* Somebody's finding. */
struct gap_finding {
	struct gap_key lo, hi;
	int64_t as_of;
	uint64_t n_keys;
};

struct gaps {
	/* set in gaps_init(), then constant */
	void (*wake)(void *arg);
	void *arg;

	/* What is looked at when there are no gaps lies in one line. The copy
	 * is stored by the leader, each with release, loaded by readers with
	 * acquire; `seq` is odd while it changes. */
	uint32_t n; /* the leader's own */
	_Atomic uint32_t n_shown;
	_Atomic uint32_t seq;
	/* Who moves `mail` from empty to written owns the finding; the leader
	 * acquires it when it is full and releases it to empty. */
	_Atomic int mail;
	struct gap_finding finding;

	/* owned by the leader of the write queue; by `lo`, disjoint */
	uint64_t evicted; /* the value of the last that made room */
	struct gap gaps[N_GAPS];

	struct shown_gap shown[N_GAPS]; /* the copy */
};

enum gap_mail { GAP_MAIL_EMPTY, GAP_MAIL_WRITTEN, GAP_MAIL_FULL };

/* No gaps. `wake` is called by who left a finding: it may have the leader take
 * it now, and must not wait. */
void gaps_init(struct gaps *g, void (*wake)(void *arg), void *arg);

/* ---- readers ---------------------------------------------------------- */

/* A hint: whether there are gaps at all. */
static ALWAYS_INLINE bool gaps_exist(const struct gaps *g)
{
	return atomic_load_explicit(&g->n_shown, memory_order_relaxed) != 0;
}

/*
 * Where the stretch around `key` ends in which nothing is visible at `as_of`:
 * 1 with *end set, 0 when no gap is known there, -ENOMEM. Forward the end is
 * the first key that may exist; backwards it is the lowest key that does not.
 */
int gaps_end(const struct gaps *g, struct tt_slice key, int64_t as_of,
	     bool is_forward, struct buf *end);

/*
 * Says that at `as_of` nothing is visible in [lo, hi); `n_keys` deleted keys
 * were passed to learn it. Ignored where it does not fit or others are at it.
 */
void gaps_found(struct gaps *g, struct tt_slice lo, struct tt_slice hi,
		int64_t as_of, uint64_t n_keys);

/* ---- the leader of the write queue ------------------------------------ */

/* Whether a finding waits for gaps_take(). */
static ALWAYS_INLINE bool gaps_have_mail(const struct gaps *g)
{
	return atomic_load_explicit(&g->mail, memory_order_relaxed) ==
	       GAP_MAIL_FULL;
}

/* Takes up a finding if there is one. `published`: the timestamp up to which
 * all is written; every later write passes gaps_cut(). */
void gaps_take(struct gaps *g, int64_t published);

/* Whether keys must pass gaps_cut(). */
static ALWAYS_INLINE bool gaps_watch(const struct gaps *g)
{
	return g->n != 0;
}

/* `key` gets a value, not visible yet. */
void gaps_cut(struct gaps *g, struct tt_slice key);

#endif
