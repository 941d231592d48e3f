/* SPDX-License-Identifier: MIT */
/*
 * The memtable's index: a B+tree whose nodes have 64 slots, each slot eight
 * bytes of key and the place of an entry. A binary search over the eight
 * bytes touches three or four cache lines of a node and usually no entry;
 * entries are looked at where the eight bytes tie.
 *
 * Keys share their first bytes (numbers in decimal, inode numbers), so a
 * node keeps the common beginning of its keys once (`base`, `skip` bytes of
 * it, at most BASE_MAX) and the eight bytes of a slot begin behind it. A
 * search key is compared with the base first. Bases are lengthened when a
 * node splits, and shortened when a key comes that does not share them;
 * neither is needed for correctness, ties are.
 *
 * Entries, nodes: places are uint32_t counts of eight bytes, chunk number
 * above, place in the chunk below. Nothing is freed before the whole index.
 *
 * Why readers need no lock. An entry is immutable from the moment its place
 * is stored in a slot. A node changes under its version: the writer makes it
 * odd, changes, makes it even again. A reader notes an even version, reads,
 * and believes what it read only if the version is still the same then. In
 * detail:
 *
 *  1. All fields of nodes that change are atomics. The writer stores them
 *     with release, so none of them can become visible before the odd
 *     version stored ahead of them; the readers load them with acquire, so
 *     the second load of the version cannot be done ahead of them. If a
 *     reader saw any store of a change, its second load therefore sees the
 *     odd version or a later one, and it starts over. (On x86 all of these
 *     are plain moves; a fence would do as well, but thread sanitizers do
 *     not know fences.)
 *  2. What a reader follows before it has validated is memory that is always
 *     good: a slot holds the place of some published entry or 0, where a
 *     zeroed entry lies. The acquire load that got the place makes the
 *     entry's bytes visible. Children are followed only after validation.
 *  3. Going down, a reader takes the child's version, then checks that the
 *     parent's has not changed: at that moment the child was the right one.
 *     A split changes the child and its parents inside one period of odd
 *     versions, made odd from the top and even from the bottom, so a reader
 *     that saw the child after the split finds its parent changed. The root
 *     place is checked the same way.
 *  4. A reader that finds an odd version waits for a change of some 64 words
 *     in memory, yielding the processor when that takes long.
 *
 * Deliberately not here: removal, several writers, merging of nodes.
 */
#ifndef LSM_MEMINDEX_NODE_H
#define LSM_MEMINDEX_NODE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/le.h"
#include "lsm/memindex.h"

#define FANOUT MEMINDEX_FANOUT
#define BASE_WORDS 5
#define BASE_MAX (8 * BASE_WORDS)
/* A base is lengthened when fewer than this many of the eight bytes of a
 * slot tell keys apart. */
#define USEFUL_BYTES 4
#define HEIGHT_MAX 16

#define UNIT 8
#define CHUNK_SHIFT 18 /* of places: 2^18 units make MEMINDEX_CHUNK */
#define CHUNK_UNITS ((uint32_t)1 << CHUNK_SHIFT)
#define N_CHUNKS_MAX 4096
_Static_assert((size_t)CHUNK_UNITS *UNIT == MEMINDEX_CHUNK, "chunk size");
/* Larger objects get a chunk of their own. */
#define OBJECT_MAX (MEMINDEX_CHUNK / 4)

/* Immutable once published. The key's bytes follow, then the value's. */
struct entry {
	int64_t ts;
	uint32_t value_len;
	uint16_t key_len;
	uint8_t kind;
	uint8_t unused;
	uint8_t bytes[];
};
_Static_assert(sizeof(struct entry) == 16, "entry layout");

/*
 * Invariants, seen by whoever has validated the version:
 * 1. Slots rise strictly in internal order. In an inner node slot 0 means
 *    nothing; slot i > 0 is at or below every entry under child i and above
 *    every entry under child i - 1.
 * 2. Every key (of slots that mean something) begins with the base, and
 *    prefix[i] is the eight bytes behind it, zero padded.
 * 3. A leaf has an entry unless it is the whole tree; an inner node a child.
 */
struct node {
	/* stored by the writer with release, loaded by readers with acquire:
	 * see the top of the file */
	_Atomic uint32_t version;
	_Atomic uint32_t n;
	_Atomic uint32_t skip;
	/* constant */
	uint32_t is_leaf;
	/* as version */
	_Atomic uint64_t base[BASE_WORDS];
	uint64_t unused;
	_Atomic uint64_t prefix[FANOUT];
	_Atomic uint32_t slot[FANOUT];
	_Atomic uint32_t child[]; /* FANOUT of them in inner nodes */
} ALIGNED(CACHE_LINE);

#define LEAF_BYTES sizeof(struct node)
#define INNER_BYTES (sizeof(struct node) + FANOUT * sizeof(uint32_t))

struct memindex {
	/* owned by the writer */
	uint32_t next;	    /* place of the next object */
	uint32_t end;	    /* end of the current chunk */
	uint32_t n_chunks;  /* chunk numbers in use */
	uint32_t last_leaf; /* where the last insertion went, and which slot */
	uint32_t last_pos;
	uint32_t right_leaf; /* the leaf of the largest keys */
	size_t chunk_bytes[N_CHUNKS_MAX];
	/* stored by the writer with release, loaded by readers with acquire */
	_Atomic uint32_t root;
	_Atomic(uint8_t *) chunks[N_CHUNKS_MAX];
	/* stored by the writer, read by any, relaxed: gauges */
	_Atomic size_t bytes;
	_Atomic uint64_t count;
};

/* Loads and stores of the fields that readers and writer share. */
#define GET(field) atomic_load_explicit(&(field), memory_order_acquire)
#define SET(field, v) atomic_store_explicit(&(field), (v), memory_order_release)
/* The writer's loads of what only it stores. */
#define OWN(field) atomic_load_explicit(&(field), memory_order_relaxed)

/* ---- places ----------------------------------------------------------- */

static ALWAYS_INLINE void *place(const struct memindex *x, uint32_t at)
{
	uint8_t *chunk = GET(((struct memindex *)x)->chunks[at >> CHUNK_SHIFT]);

	return chunk + (size_t)(at & (CHUNK_UNITS - 1)) * UNIT;
}

static ALWAYS_INLINE struct entry *entry_at(const struct memindex *x,
					    uint32_t at)
{
	return place(x, at);
}

static ALWAYS_INLINE struct node *node_at(const struct memindex *x, uint32_t at)
{
	return place(x, at);
}

static ALWAYS_INLINE struct tt_slice entry_key(const struct entry *e)
{
	return SLICE(e->bytes, e->key_len);
}

static inline void entry_rec(const struct entry *e, struct record *out)
{
	out->key = entry_key(e);
	out->value = SLICE(e->bytes + e->key_len, e->value_len);
	out->ts = e->ts;
	out->kind = e->kind;
}

/* ---- keys against nodes ----------------------------------------------- */

/* Eight bytes of a key from `at` on as a number, zeros behind its end. */
static ALWAYS_INLINE uint64_t key_word(struct tt_slice key, size_t at)
{
	const uint8_t *p = key.data;
	uint64_t v = 0;

	if (likely(at + 8 <= key.len))
		return be64_load(p + at);
	if (at >= key.len)
		return 0;
	if (key.len >= 8)
		return be64_load(p + key.len - 8) << (8 * (at + 8 - key.len));
	for (size_t i = at; i < key.len; i++)
		v |= (uint64_t)p[i] << (56 - 8 * (i - at));
	return v;
}

/* The top `n` bytes of a word, 1 to 8; all for more. */
static ALWAYS_INLINE uint64_t top_bytes(uint64_t v, size_t n)
{
	return n >= 8 ? v : v & ~(~0ULL >> (8 * n));
}

/* How the key's beginning compares with the base: 0 when it has it. */
static ALWAYS_INLINE int base_cmp(struct node *nd, struct tt_slice key,
				  uint32_t skip)
{
	for (uint32_t i = 0; 8 * i < skip; i++) {
		uint64_t b = GET(nd->base[i]);
		uint64_t k = top_bytes(key_word(key, 8 * i), skip - 8 * i);

		if (k != b)
			return k < b ? -1 : 1;
	}
	return key.len < skip ? -1 : 0;
}

static ALWAYS_INLINE int entry_cmp(const struct memindex *x, uint32_t at,
				   struct tt_slice key, int64_t ts)
{
	const struct entry *e = entry_at(x, at);

	return record_cmp_at(entry_key(e), e->ts, key, ts);
}

/* Among slots with the prefix `p` from `lo` on: see node_search(). */
UNUSED static NOINLINE uint32_t search_ties(const struct memindex *x,
					    struct node *nd, uint32_t lo,
					    uint32_t n, uint64_t p,
					    struct tt_slice key, int64_t ts,
					    bool *is_equal)
{
	int c = entry_cmp(x, GET(nd->slot[lo]), key, ts);

	*is_equal = c == 0;
	if (c >= 0)
		return lo;
	lo++;
	while (lo < n) {
		uint32_t mid = lo + (n - lo) / 2;

		c = GET(nd->prefix[mid]) > p
			    ? 1
			    : entry_cmp(x, GET(nd->slot[mid]), key, ts);
		if (c < 0) {
			lo = mid + 1;
		} else {
			n = mid;
			*is_equal = c == 0;
		}
	}
	return lo;
}

/*
 * The first slot in [from, n) that is >= (key, ts), n when none is. For a
 * reader the answer counts only after validation, but it is in range.
 */
static ALWAYS_INLINE uint32_t node_search(const struct memindex *x,
					  struct node *nd, uint32_t from,
					  uint32_t n, struct tt_slice key,
					  int64_t ts, bool *is_equal)
{
	uint32_t skip = GET(nd->skip);
	uint32_t lo = from;
	uint32_t len = n - from;
	uint64_t p;
	int c;

	*is_equal = false;
	if (unlikely(n <= from))
		return n;
	c = base_cmp(nd, key, skip);
	if (unlikely(c))
		return c < 0 ? from : n;
	p = key_word(key, skip);
	while (len > 1) {
		uint32_t half = len / 2;

		lo += GET(nd->prefix[lo + half - 1]) < p ? half : 0;
		len -= half;
	}
	lo += GET(nd->prefix[lo]) < p;
	if (lo == n || GET(nd->prefix[lo]) != p)
		return lo;
	return search_ties(x, nd, lo, n, p, key, ts, is_equal);
}

#endif
