/* SPDX-License-Identifier: MIT */
/*
 * The writer's side of the index: memory, insertion, splits. The structure
 * and the reasons are in memindex_node.h.
 *
 * A node splits in the middle, but where keys come in rising order the new
 * one begins an empty node, so that sequential loads leave full nodes behind.
 */
#include "lsm/memindex.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/err.h"
#include "lsm/chunk_pool.h"
#include "lsm/memindex_node.h"

/* Chunks of ordinary pages before those of huge ones. */
#define HUGE_AFTER 4

/* ---- memory ----------------------------------------------------------- */

_Static_assert(MEMINDEX_CHUNK == CHUNK_BYTES, "chunk size");

/* Chunks of the usual size are used again; larger ones hold one object. */
static void *chunk_map(const struct memindex *x, size_t bytes)
{
	void *p;

	/* A memtable that has filled some chunks will fill more: large pages
	 * save faults and address translation. But the last one is not filled
	 * to its end, which a small memtable would feel. */
	if (bytes == CHUNK_BYTES)
		return chunk_pool_take(x->n_chunks >= HUGE_AFTER);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void chunk_unmap(void *p, size_t bytes)
{
	if (bytes == CHUNK_BYTES)
		chunk_pool_give(p);
	else
		(void)munmap(p, bytes); /* as it was mapped: cannot fail */
}

/* A new chunk number with `bytes` of memory behind it. */
static int chunk_new(struct memindex *x, size_t bytes, uint32_t *out_no)
{
	uint8_t *p;

	if (x->n_chunks == N_CHUNKS_MAX)
		return err_set(TT_ETOOBIG, "memtable is full");
	p = chunk_map(x, bytes);
	if (!p)
		return err_nomem("memtable");
	*out_no = x->n_chunks;
	x->chunk_bytes[x->n_chunks] = bytes;
	SET(x->chunks[x->n_chunks], p);
	x->n_chunks++;
	return 0;
}

/* Memory with any contents. `align` is in bytes. */
static int object_new(struct memindex *x, size_t bytes, size_t align,
		      uint32_t *out)
{
	uint32_t units = (uint32_t)((bytes + UNIT - 1) / UNIT);
	uint32_t at = ROUND_UP(x->next, (uint32_t)(align / UNIT));
	uint32_t no;
	int r;

	if (unlikely(bytes > OBJECT_MAX)) {
		r = chunk_new(x, ROUND_UP(bytes, (size_t)4096), &no);
		if (r < 0)
			return r;
		at = no << CHUNK_SHIFT;
		goto out;
	}
	if (unlikely(x->end - x->next < at - x->next + units)) {
		r = chunk_new(x, MEMINDEX_CHUNK, &no);
		if (r < 0)
			return r;
		at = no << CHUNK_SHIFT;
		x->end = at + CHUNK_UNITS;
	}
	x->next = at + units;
out:
	atomic_store_explicit(&x->bytes, OWN(x->bytes) + (size_t)units * UNIT,
			      memory_order_relaxed);
	*out = at;
	return 0;
}

static int entry_new(struct memindex *x, const struct record *r, uint32_t *out)
{
	size_t bytes = sizeof(struct entry) + r->key.len + r->value.len;
	struct entry *e;
	int ret = object_new(x, bytes, UNIT, out);

	if (ret < 0)
		return ret;
	e = entry_at(x, *out);
	e->ts = r->ts;
	e->key_len = (uint16_t)r->key.len;
	e->value_len = (uint32_t)r->value.len;
	e->kind = r->kind;
	memcpy(e->bytes, r->key.data, r->key.len);
	if (r->value.len)
		memcpy(e->bytes + r->key.len, r->value.data, r->value.len);
	return 0;
}

static int node_new(struct memindex *x, bool is_leaf, uint32_t *out)
{
	size_t bytes = is_leaf ? LEAF_BYTES : INNER_BYTES;
	int r = object_new(x, bytes, CACHE_LINE, out);

	if (r == 0) {
		memset(node_at(x, *out), 0, bytes);
		node_at(x, *out)->is_leaf = is_leaf;
	}
	return r;
}

int memindex_new(struct memindex **out)
{
	struct memindex *x = calloc(1, sizeof(*x));
	uint32_t root;
	int r;

	if (!x)
		return err_nomem("memtable");
	r = chunk_new(x, MEMINDEX_CHUNK, &root);
	if (r < 0)
		goto fail;
	/* Place 0 is the zeroed entry of a slot never stored. */
	memset(place(x, 0), 0, CACHE_LINE);
	x->next = CACHE_LINE / UNIT;
	x->end = CHUNK_UNITS;
	r = node_new(x, true, &root);
	if (r < 0)
		goto fail;
	x->right_leaf = root;
	SET(x->root, root);
	*out = x;
	return 0;
fail:
	memindex_free(x);
	return r;
}

void memindex_free(struct memindex *x)
{
	if (!x)
		return;
	for (uint32_t i = 0; i < x->n_chunks; i++)
		chunk_unmap(OWN(x->chunks[i]), x->chunk_bytes[i]);
	free(x);
}

size_t memindex_bytes(const struct memindex *x)
{
	return OWN(((struct memindex *)x)->bytes);
}

uint64_t memindex_count(const struct memindex *x)
{
	return OWN(((struct memindex *)x)->count);
}

/* ---- changing nodes: under an odd version ------------------------------ */

static void write_begin(struct node *nd)
{
	SET(nd->version, OWN(nd->version) + 1);
}

static void write_end(struct node *nd)
{
	SET(nd->version, OWN(nd->version) + 1);
}

/* Bytes that a key and a base of `skip` bytes have in common. */
static uint32_t base_common(struct node *nd, struct tt_slice key, uint32_t skip)
{
	uint32_t n = 0;

	for (uint32_t i = 0; 8 * i < skip; i++) {
		uint64_t diff = OWN(nd->base[i]) ^ key_word(key, 8 * i);

		n = 8 * i + (diff ? (uint32_t)__builtin_clzll(diff) / 8 : 8);
		if (diff)
			break;
	}
	return MIN_OF(MIN_OF(n, skip), (uint32_t)key.len);
}

/* Eight bytes of the base from `at` on, zeros behind its end. */
static uint64_t base_window(struct node *nd, uint32_t at)
{
	uint32_t w = at / 8, bits = at % 8 * 8;
	uint64_t v = OWN(nd->base[w]) << bits;

	if (bits && w + 1 < BASE_WORDS)
		v |= OWN(nd->base[w + 1]) >> (64 - bits);
	return v;
}

/* Cuts the base to `to` bytes; what it loses goes into the prefixes. */
static void base_shorten(struct node *nd, uint32_t to)
{
	uint32_t by = OWN(nd->skip) - to;
	uint64_t window = base_window(nd, to);
	uint32_t n = OWN(nd->n);

	for (uint32_t i = 0; i < n; i++)
		SET(nd->prefix[i],
		    by < 8 ? window | OWN(nd->prefix[i]) >> (8 * by) : window);
	for (uint32_t i = 0; i < BASE_WORDS; i++)
		SET(nd->base[i],
		    to <= 8 * i ? 0 : top_bytes(OWN(nd->base[i]), to - 8 * i));
	SET(nd->skip, to);
}

/* Lengthens the base where the prefixes have come to tell too little. */
static void base_lengthen(const struct memindex *x, struct node *nd)
{
	uint32_t first = nd->is_leaf ? 0 : 1;
	uint32_t n = OWN(nd->n);
	struct tt_slice low, high;
	size_t common;

	if (n < first + 8)
		return;
	low = entry_key(entry_at(x, OWN(nd->slot[first])));
	high = entry_key(entry_at(x, OWN(nd->slot[n - 1])));
	common = MIN_OF(slice_common_prefix(low, high), (size_t)BASE_MAX);
	if (common < OWN(nd->skip) + 8 - USEFUL_BYTES)
		return;
	for (uint32_t i = first; i < n; i++)
		__builtin_prefetch(entry_at(x, OWN(nd->slot[i])));
	for (uint32_t i = 0; i < BASE_WORDS; i++)
		SET(nd->base[i],
		    common <= 8 * i
			    ? 0
			    : top_bytes(key_word(low, 8 * i), common - 8 * i));
	for (uint32_t i = first; i < n; i++)
		SET(nd->prefix[i],
		    key_word(entry_key(entry_at(x, OWN(nd->slot[i]))), common));
	SET(nd->skip, (uint32_t)common);
}

/* Puts an entry (or a separator and the child above it) before slot `pos`
 * of a node with room. */
static void node_insert(const struct memindex *x, struct node *nd, uint32_t pos,
			uint32_t slot, uint32_t child)
{
	struct tt_slice key = entry_key(entry_at(x, slot));
	uint32_t n = OWN(nd->n);

	if (base_cmp(nd, key, OWN(nd->skip)))
		base_shorten(nd, base_common(nd, key, OWN(nd->skip)));
	for (uint32_t i = n; i > pos; i--) {
		SET(nd->prefix[i], OWN(nd->prefix[i - 1]));
		SET(nd->slot[i], OWN(nd->slot[i - 1]));
	}
	SET(nd->prefix[pos], key_word(key, OWN(nd->skip)));
	SET(nd->slot[pos], slot);
	if (!nd->is_leaf) {
		for (uint32_t i = n; i > pos; i--)
			SET(nd->child[i], OWN(nd->child[i - 1]));
		SET(nd->child[pos], child);
	}
	SET(nd->n, n + 1);
}

/* Moves the slots from `cut` on into the empty node `right`. */
static void node_move(struct node *nd, struct node *right, uint32_t cut)
{
	uint32_t n = OWN(nd->n);

	for (uint32_t i = cut; i < n; i++) {
		SET(right->prefix[i - cut], OWN(nd->prefix[i]));
		SET(right->slot[i - cut], OWN(nd->slot[i]));
		if (!nd->is_leaf)
			SET(right->child[i - cut], OWN(nd->child[i]));
	}
	for (uint32_t i = 0; i < BASE_WORDS; i++)
		SET(right->base[i], OWN(nd->base[i]));
	SET(right->skip, OWN(nd->skip));
	SET(right->n, n - cut);
	SET(nd->n, cut);
}

/*
 * Splits a full node into itself and `right` and inserts as node_insert().
 * Returns the separator between the two.
 */
static uint32_t node_split(const struct memindex *x, struct node *nd,
			   struct node *right, uint32_t pos, uint32_t slot,
			   uint32_t child, bool is_rising)
{
	uint32_t cut = is_rising ? FANOUT : FANOUT / 2;
	uint32_t sep = is_rising ? slot : OWN(nd->slot[cut]);

	node_move(nd, right, cut);
	base_lengthen(x, nd);
	base_lengthen(x, right);
	if (is_rising)
		node_insert(x, right, 0, slot, child);
	else if (pos <= cut)
		node_insert(x, nd, pos, slot, child);
	else
		node_insert(x, right, pos - cut, slot, child);
	return sep;
}

/* ---- insertion -------------------------------------------------------- */

/* The nodes from the root (0) to a leaf, and in each the child taken or the
 * slot to insert at. */
struct path {
	uint32_t n;
	struct node *nd[HEIGHT_MAX];
	uint32_t pos[HEIGHT_MAX];
	uint32_t leaf; /* place of the last one */
};

/* Finds where (key, ts) belongs; true when it is there already. */
static bool path_find(const struct memindex *x, struct tt_slice key, int64_t ts,
		      struct path *p)
{
	uint32_t at = OWN(((struct memindex *)x)->root);
	struct node *nd;
	bool is_equal;

	for (p->n = 0;; at = OWN(nd->child[p->pos[p->n++]])) {
		nd = node_at(x, at);
		p->nd[p->n] = nd;
		p->pos[p->n] = node_search(x, nd, nd->is_leaf ? 0 : 1,
					   OWN(nd->n), key, ts, &is_equal);
		if (nd->is_leaf)
			break;
		if (!is_equal)
			p->pos[p->n]--;
	}
	p->n++;
	p->leaf = at;
	return is_equal;
}

/* Above the old root, which has split. */
static void root_grow(struct memindex *x, uint32_t new_root, uint32_t sep,
		      uint32_t right)
{
	struct node *nd = node_at(x, new_root);

	SET(nd->child[0], OWN(x->root));
	SET(nd->n, 1);
	node_insert(x, nd, 1, sep, right);
	SET(x->root, new_root);
}

/* Inserts where the leaf at the end of `p` is full. */
static int insert_splitting(struct memindex *x, struct path *p, uint32_t entry,
			    bool is_rising)
{
	uint32_t made[HEIGHT_MAX + 1];
	uint32_t low = p->n; /* levels from here down split */
	uint32_t slot = entry, child = 0, pos, level;
	int r;

	while (low > 0 && OWN(p->nd[low - 1]->n) == FANOUT)
		low--;
	if (low == 0 && p->n == HEIGHT_MAX)
		return err_set(TT_ETOOBIG, "memtable is full");
	for (level = low; level < p->n; level++) {
		r = node_new(x, p->nd[level]->is_leaf, &made[level]);
		if (r < 0)
			return r;
	}
	if (low == 0) {
		r = node_new(x, false, &made[p->n]);
		if (r < 0)
			return r;
	}
	for (level = low ? low - 1 : 0; level < p->n; level++)
		write_begin(p->nd[level]);
	pos = p->pos[p->n - 1];
	for (level = p->n; level-- > low;) {
		struct node *nd = p->nd[level];

		if (!nd->is_leaf)
			is_rising = pos == FANOUT;
		slot = node_split(x, nd, node_at(x, made[level]), pos, slot,
				  child, is_rising);
		child = made[level];
		pos = level ? p->pos[level - 1] + 1 : 0;
	}
	if (low) {
		node_insert(x, p->nd[low - 1], pos, slot, child);
		base_lengthen(x, p->nd[low - 1]);
	} else {
		root_grow(x, made[p->n], slot, child);
	}
	for (level = p->n; level-- > (low ? low - 1 : 0);)
		write_end(p->nd[level]);
	if (p->leaf == x->right_leaf)
		x->right_leaf = made[p->n - 1];
	return 0;
}

/* True when (key, ts) comes behind every entry. */
static bool is_behind_all(const struct memindex *x, struct tt_slice key,
			  int64_t ts)
{
	struct node *nd = node_at(x, x->right_leaf);
	uint32_t n = OWN(nd->n);

	return n && entry_cmp(x, OWN(nd->slot[n - 1]), key, ts) < 0;
}

/* Notes an entry added at slot `pos` of a leaf. */
static void note_added(struct memindex *x, uint32_t leaf, uint32_t pos)
{
	x->last_leaf = leaf;
	x->last_pos = pos;
	atomic_store_explicit(&x->count, OWN(x->count) + 1,
			      memory_order_relaxed);
}

static void leaf_insert(struct memindex *x, uint32_t leaf, uint32_t pos,
			uint32_t entry)
{
	struct node *nd = node_at(x, leaf);

	write_begin(nd);
	node_insert(x, nd, pos, entry, 0);
	write_end(nd);
	note_added(x, leaf, pos);
}

int memindex_insert(struct memindex *x, const struct record *rec)
{
	struct path p;
	bool is_last = is_behind_all(x, rec->key, rec->ts);
	bool is_rising;
	uint32_t entry, pos;
	int r;

	r = entry_new(x, rec, &entry);
	if (r < 0)
		return r;
	pos = OWN(node_at(x, x->right_leaf)->n);
	if (is_last && pos < FANOUT) {
		leaf_insert(x, x->right_leaf, pos, entry);
		return 0;
	}
	if (path_find(x, rec->key, rec->ts, &p)) {
		/* One store, old or new to readers: no version. */
		SET(p.nd[p.n - 1]->slot[p.pos[p.n - 1]], entry);
		return 0;
	}
	pos = p.pos[p.n - 1];
	if (OWN(p.nd[p.n - 1]->n) < FANOUT) {
		leaf_insert(x, p.leaf, pos, entry);
		return 0;
	}
	is_rising = pos == FANOUT && (is_last || (x->last_leaf == p.leaf &&
						  x->last_pos == FANOUT - 1));
	r = insert_splitting(x, &p, entry, is_rising);
	if (r == 0)
		note_added(x, p.leaf, pos);
	return r;
}

/* ---- checking --------------------------------------------------------- */

/* Entries under a node whose range is [low, high); 0 is open. */
static uint64_t check_node(const struct memindex *x, uint32_t at, uint32_t low,
			   uint32_t high, bool is_root)
{
	struct node *nd = node_at(x, at);
	uint32_t n = OWN(nd->n), first = nd->is_leaf ? 0 : 1;
	uint32_t skip = OWN(nd->skip);
	uint64_t count = 0;

	assert((OWN(nd->version) & 1) == 0);
	assert(n <= FANOUT && (n > 0 || is_root));
	for (uint32_t i = first; i < n; i++) {
		const struct entry *e = entry_at(x, OWN(nd->slot[i]));

		assert(base_cmp(nd, entry_key(e), skip) == 0);
		assert(OWN(nd->prefix[i]) == key_word(entry_key(e), skip));
		assert(i == first || entry_cmp(x, OWN(nd->slot[i - 1]),
					       entry_key(e), e->ts) < 0);
		assert(!low || entry_cmp(x, low, entry_key(e), e->ts) <= 0);
		assert(!high || entry_cmp(x, high, entry_key(e), e->ts) > 0);
	}
	if (nd->is_leaf)
		return n;
	for (uint32_t i = 0; i < n; i++)
		count += check_node(x, OWN(nd->child[i]),
				    i ? OWN(nd->slot[i]) : low,
				    i + 1 < n ? OWN(nd->slot[i + 1]) : high,
				    false);
	return count;
}

void memindex_check(const struct memindex *x)
{
	uint32_t root = OWN(((struct memindex *)x)->root);

	assert(check_node(x, root, 0, 0, true) == memindex_count(x));
}
