/* SPDX-License-Identifier: MIT */
/*
 * The readers' side of the index: finding and walking without locks. Why
 * that is right is argued in memindex_node.h.
 *
 * A cursor copies the slots of one leaf, validated, and walks its copy:
 * entries never change and never go, and what is added later is newer than
 * what the cursor must show. It crosses to a neighbour by searching for the
 * separator between the two leaves, which never goes either; leaves have no
 * links to keep right.
 */
#include <sched.h>

#include "base/assert.h"
#include "lsm/memindex_node.h"
#include "tt_errors.h"

/* The node's version once no change is under way. */
static ALWAYS_INLINE uint32_t read_begin(struct node *nd)
{
	uint32_t v = GET(nd->version);

	for (unsigned tries = 0; unlikely(v & 1); tries++) {
		if (tries > 100)
			(void)sched_yield();
		v = GET(nd->version);
	}
	return v;
}

static ALWAYS_INLINE bool read_is_valid(struct node *nd, uint32_t v)
{
	return GET(nd->version) == v;
}

/* A leaf as a reader found it. */
struct leaf_view {
	struct node *nd;
	uint32_t version;
	uint32_t lower; /* as in struct memindex_cursor */
	uint32_t upper;
};

enum leaf_which {
	LEAF_OF,     /* the leaf whose range holds (key, ts) */
	LEAF_BEFORE, /* the leaf that holds what comes before it */
	LEAF_LAST,   /* the leaf of the largest keys */
};

static ALWAYS_INLINE void leaf_find(const struct memindex *x,
				    struct tt_slice key, int64_t ts,
				    enum leaf_which which,
				    struct leaf_view *out)
{
	struct memindex *m = (struct memindex *)x;
	struct node *nd, *next;
	uint32_t root, v, next_v, i, n, child;
	bool is_equal;

restart:
	root = GET(m->root);
	nd = node_at(x, root);
	v = read_begin(nd);
	if (GET(m->root) != root)
		goto restart;
	out->lower = 0;
	out->upper = 0;
	while (!nd->is_leaf) {
		n = GET(nd->n);
		i = which == LEAF_LAST
			    ? n
			    : node_search(x, nd, 1, n, key, ts, &is_equal);
		if (which != LEAF_OF || !is_equal)
			i--;
		child = GET(nd->child[i]);
		if (i > 0)
			out->lower = GET(nd->slot[i]);
		if (i + 1 < n)
			out->upper = GET(nd->slot[i + 1]);
		if (!read_is_valid(nd, v))
			goto restart;
		next = node_at(x, child);
		next_v = read_begin(next);
		if (!read_is_valid(nd, v))
			goto restart;
		nd = next;
		v = next_v;
	}
	out->nd = nd;
	out->version = v;
}

int memindex_find(const struct memindex *x, struct tt_slice key, int64_t ts,
		  struct record *out)
{
	struct leaf_view leaf;
	const struct entry *e;
	uint32_t i, n, at;
	bool is_equal;

	for (;;) {
		leaf_find(x, key, ts, LEAF_OF, &leaf);
		n = GET(leaf.nd->n);
		i = node_search(x, leaf.nd, 0, n, key, ts, &is_equal);
		/* Behind the leaf's last entry comes the one that begins the
		 * next leaf: the separator itself, or what replaced it. */
		at = i < n ? GET(leaf.nd->slot[i]) : leaf.upper;
		if (!read_is_valid(leaf.nd, leaf.version))
			continue;
		if (at == 0)
			return TT_END;
		e = entry_at(x, at);
		if (i < n)
			break;
		key = entry_key(e);
		ts = e->ts;
	}
	entry_rec(e, out);
	return 0;
}

/* Copies the leaf into the cursor and finds (key, ts) in it: the first slot
 * at or behind it, n when there is none. */
static void cursor_jump(struct memindex_cursor *c, struct tt_slice key,
			int64_t ts, enum leaf_which which, bool *is_equal)
{
	struct leaf_view leaf;

	do {
		leaf_find(c->index, key, ts, which, &leaf);
		c->n = GET(leaf.nd->n);
		c->at = node_search(c->index, leaf.nd, 0, c->n, key, ts,
				    is_equal);
		for (uint32_t i = 0; i < c->n; i++)
			c->slots[i] = GET(leaf.nd->slot[i]);
		c->lower = leaf.lower;
		c->upper = leaf.upper;
	} while (!read_is_valid(leaf.nd, leaf.version));
}

void memindex_cursor_init(struct memindex_cursor *c, const struct memindex *x)
{
	c->index = x;
	c->n = 0;
	c->at = 0;
	c->lower = 0;
	c->upper = 0;
}

/* Onto the first entry of the next leaf, from behind the last of this. */
static int cursor_next_leaf(struct memindex_cursor *c)
{
	const struct entry *e;
	bool is_equal;

	if (c->upper == 0)
		return TT_END;
	e = entry_at(c->index, c->upper);
	cursor_jump(c, entry_key(e), e->ts, LEAF_OF, &is_equal);
	assert(c->at < c->n);
	return 0;
}

/* Onto the last entry of the leaf before, from before the first of this. */
static int cursor_prev_leaf(struct memindex_cursor *c)
{
	const struct entry *e;
	bool is_equal;

	if (c->lower == 0)
		return TT_END;
	e = entry_at(c->index, c->lower);
	cursor_jump(c, entry_key(e), e->ts, LEAF_BEFORE, &is_equal);
	assert(c->at > 0);
	c->at--;
	return 0;
}

int memindex_cursor_first(struct memindex_cursor *c)
{
	return memindex_cursor_seek(c, SLICE_EMPTY, TS_NEWEST);
}

int memindex_cursor_last(struct memindex_cursor *c)
{
	bool is_equal;

	cursor_jump(c, SLICE_EMPTY, TS_NEWEST, LEAF_LAST, &is_equal);
	c->at = c->n;
	return c->n ? memindex_cursor_prev(c) : TT_END;
}

int memindex_cursor_seek(struct memindex_cursor *c, struct tt_slice key,
			 int64_t ts)
{
	bool is_equal;

	cursor_jump(c, key, ts, LEAF_OF, &is_equal);
	return c->at < c->n ? 0 : cursor_next_leaf(c);
}

int memindex_cursor_seek_for_prev(struct memindex_cursor *c,
				  struct tt_slice key, int64_t ts)
{
	bool is_equal;

	cursor_jump(c, key, ts, LEAF_OF, &is_equal);
	if (is_equal)
		return 0;
	if (c->at == 0)
		return cursor_prev_leaf(c);
	c->at--;
	return 0;
}

int memindex_cursor_next(struct memindex_cursor *c)
{
	if (unlikely(++c->at >= c->n))
		return cursor_next_leaf(c);
	/* Entries lie where they were written, not in order. */
	if (c->at + 4 < c->n)
		__builtin_prefetch(entry_at(c->index, c->slots[c->at + 4]));
	return 0;
}

int memindex_cursor_prev(struct memindex_cursor *c)
{
	if (unlikely(c->at == 0))
		return cursor_prev_leaf(c);
	c->at--;
	if (c->at >= 4)
		__builtin_prefetch(entry_at(c->index, c->slots[c->at - 4]));
	return 0;
}

void memindex_cursor_rec(const struct memindex_cursor *c, struct record *out)
{
	entry_rec(entry_at(c->index, c->slots[c->at]), out);
}
