/* SPDX-License-Identifier: MIT */
/*
 * The block cache; block_cache.h has the policy. Invariants of a shard, with
 * its lock held:
 *
 * 1. A block is in a bucket chain exactly when it is in one of the queues;
 *    the cache has one reference to it then.
 * 2. `charged` is the memory of all blocks whose `shard` is this one: those
 *    in the queues, and those dropped while somebody still reads them.
 * 3. charged <= capacity.
 *
 * What is borrowed counts against all shards alike: each makes room until its
 * charge and its part of that fit. block_cache_borrow() sees to it that the
 * sum of all fits at once, unless the rest is referenced.
 */
#include "lsm/block_cache.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/mutex.h"

#define MAX_SHARDS 32
#define MIN_SHARD_BYTES ((size_t)2 << 20)

/* What one insertion may look at in search of room. */
#define MAX_EVICT_STEPS 256

#define MAX_FREQ 3

enum queue_id { QUEUE_SMALL, QUEUE_MAIN, N_QUEUES };

/* First in, first out: blocks enter as the newest. */
struct queue {
	struct block *newest;
	struct block *oldest;
	size_t bytes;
};

struct block_shard {
	/* What a hit writes fills one line of memory: it goes to and fro
	 * between processors. */
	struct mutex mu; /* RANK_BLOCK_CACHE; held for nanoseconds */
	uint64_t hits;	 /* guarded by mu */

	/* set in block_cache_new(), then constant */
	size_t capacity;
	uint32_t bucket_mask;
	uint32_t ghost_mask;
	/* Changed under mu; peeked at without it, relaxed, as a hint of what
	 * to prefetch. */
	struct block *_Atomic *buckets;
	/* guarded by mu */
	/* fingerprints of blocks evicted from the small queue, each in the
	 * place its hash names, until another comes */
	uint32_t *ghosts;
	struct queue queues[N_QUEUES];
	uint64_t n_blocks;
	uint64_t misses, inserts, refused, evictions;

	/* Added to under mu, taken off by block_cache_uncharge() without:
	 * relaxed, an account and no more. */
	_Atomic size_t charged;
} ALIGNED(CACHE_LINE);

struct block_cache {
	size_t capacity;
	size_t block_bytes; /* of it, without the shards' own tables */
	unsigned n_shards;  /* a power of two; 0: nothing is kept */
	/* Stored and loaded by readers, relaxed, an estimate: how often yet to
	 * say that the disk is slow. */
	_Atomic uint32_t n_slow;
	/* Added to and taken off by any thread, relaxed: an account. */
	_Atomic size_t borrowed;
	/* The shard that makes room for the next loan; any thread, relaxed. */
	_Atomic unsigned next_lender;
	struct block_shard shards[MAX_SHARDS];
};

static ALWAYS_INLINE uint64_t name_hash(uint64_t file_no, uint32_t block_no)
{
	return hash_u64(file_no * 0x9e3779b97f4a7c15ULL + block_no);
}

static ALWAYS_INLINE struct block_shard *shard_of(struct block_cache *c,
						  uint64_t hash)
{
	return &c->shards[hash & (c->n_shards - 1)];
}

static ALWAYS_INLINE struct block *_Atomic *bucket_of(struct block_shard *s,
						      uint64_t hash)
{
	return &s->buckets[(hash >> 32) & s->bucket_mask];
}

static ALWAYS_INLINE struct block *bucket_head(struct block_shard *s,
					       uint64_t hash)
{
	return atomic_load_explicit(bucket_of(s, hash), memory_order_relaxed);
}

static ALWAYS_INLINE void bucket_set_head(struct block_shard *s, uint64_t hash,
					  struct block *b)
{
	atomic_store_explicit(bucket_of(s, hash), b, memory_order_relaxed);
}

/* ---- making ------------------------------------------------------------- */

static uint32_t round_down_pow2(size_t n)
{
	uint32_t p = 1;

	while ((size_t)p * 2 <= n && p < 1u << 30)
		p *= 2;
	return p;
}

/* A bucket and a ghost for every 4 KiB of blocks; they count too. */
static int shard_init(struct block_shard *s, size_t bytes)
{
	uint32_t n = round_down_pow2(bytes / 4096 + 1);
	size_t tables = n * (sizeof(*s->buckets) + sizeof(*s->ghosts));

	mutex_init(&s->mu, RANK_BLOCK_CACHE);
	s->buckets = calloc(n, sizeof(*s->buckets));
	s->ghosts = calloc(n, sizeof(*s->ghosts));
	s->bucket_mask = s->ghost_mask = n - 1;
	s->capacity = bytes > tables ? bytes - tables : 0;
	return s->buckets && s->ghosts ? 0 : -ENOMEM;
}

int block_cache_new(size_t bytes, struct block_cache **out)
{
	size_t size = ROUND_UP(sizeof(struct block_cache), (size_t)CACHE_LINE);
	struct block_cache *c = aligned_alloc(CACHE_LINE, size);
	unsigned n;
	int r = 0;

	if (!c)
		return err_nomem("the block cache");
	memset(c, 0, size);
	c->capacity = bytes;
	n = bytes ? round_down_pow2(bytes / MIN_SHARD_BYTES + 1) : 0;
	n = MIN_OF(n, MAX_SHARDS);
	while (r == 0 && c->n_shards < n) {
		struct block_shard *s = &c->shards[c->n_shards++];

		r = shard_init(s, bytes / n);
		c->block_bytes += s->capacity;
	}
	if (r < 0) {
		block_cache_free(c);
		return err_nomem("the block cache");
	}
	*out = c;
	return 0;
}

static void free_queue(struct queue *q)
{
	while (q->oldest) {
		struct block *b = q->oldest;

		q->oldest = b->newer;
		b->shard = NULL;
		assert(atomic_load(&b->refs) == 1);
		block_unref(b);
	}
}

void block_cache_free(struct block_cache *c)
{
	if (!c)
		return;
	assert(atomic_load(&c->borrowed) == 0);
	for (unsigned i = 0; i < c->n_shards; i++) {
		struct block_shard *s = &c->shards[i];

		for (int q = 0; q < N_QUEUES; q++)
			free_queue(&s->queues[q]);
		free(s->buckets);
		free(s->ghosts);
		mutex_fini(&s->mu);
	}
	free(c);
}

size_t block_cache_capacity(const struct block_cache *c)
{
	return c->capacity;
}

/* ---- queues and chains -------------------------------------------------- */

static void queue_push(struct block_shard *s, enum queue_id id, struct block *b)
{
	struct queue *q = &s->queues[id];

	b->queue = (uint8_t)id;
	b->newer = NULL;
	b->older = q->newest;
	if (q->newest)
		q->newest->newer = b;
	else
		q->oldest = b;
	q->newest = b;
	q->bytes += b->bytes;
}

static void queue_remove(struct block_shard *s, struct block *b)
{
	struct queue *q = &s->queues[b->queue];

	if (b->newer)
		b->newer->older = b->older;
	else
		q->newest = b->older;
	if (b->older)
		b->older->newer = b->newer;
	else
		q->oldest = b->newer;
	q->bytes -= b->bytes;
}

static struct block *find_locked(struct block_shard *s, uint64_t hash,
				 uint64_t file_no, uint32_t block_no)
{
	struct block *b = bucket_head(s, hash);

	while (b && (b->block_no != block_no || b->file_no != file_no))
		b = b->chain;
	return b;
}

static void unlink_locked(struct block_shard *s, struct block *b)
{
	uint64_t hash = name_hash(b->file_no, b->block_no);
	struct block *at = bucket_head(s, hash);

	if (at == b) {
		bucket_set_head(s, hash, b->chain);
	} else {
		while (at->chain != b)
			at = at->chain;
		at->chain = b->chain;
	}
	queue_remove(s, b);
	s->n_blocks--;
}

/* ---- eviction ------------------------------------------------------------ */

static uint32_t fingerprint(uint64_t hash)
{
	return (uint32_t)(hash >> 16) | 1;
}

static uint32_t *ghost_of(struct block_shard *s, uint64_t hash)
{
	return &s->ghosts[(hash >> 40) & s->ghost_mask];
}

static bool is_referenced(const struct block *b)
{
	return atomic_load_explicit(&b->refs, memory_order_relaxed) > 1;
}

/* The queue that eviction looks at next. */
static enum queue_id next_queue_locked(const struct block_shard *s)
{
	const struct queue *small = &s->queues[QUEUE_SMALL];

	return !s->queues[QUEUE_MAIN].oldest ||
			       (small->oldest &&
				small->bytes > s->capacity / 32)
		       ? QUEUE_SMALL
		       : QUEUE_MAIN;
}

/*
 * An insertion into a full shard reads what nobody has touched for long: the
 * oldest block's head, then what its name and its neighbour lead to. The
 * first is asked for one insertion ahead, the rest before the block to insert
 * is read from disk.
 */
static void foresee_victim_locked(const struct block_shard *s)
{
	const struct block *b = s->queues[next_queue_locked(s)].oldest;

	if (b) {
		__builtin_prefetch(b);
		__builtin_prefetch((const char *)b + CACHE_LINE);
	}
}

static void foresee_eviction_locked(struct block_shard *s)
{
	const struct block *b = s->queues[next_queue_locked(s)].oldest;
	uint64_t hash;

	if (!b)
		return;
	hash = name_hash(b->file_no, b->block_no);
	__builtin_prefetch(bucket_of(s, hash));
	__builtin_prefetch(ghost_of(s, hash));
	if (b->newer)
		__builtin_prefetch(b->newer);
}

/*
 * Looks at one block. Unlinks and returns it if it may go, else gives it
 * another round and returns NULL.
 */
static struct block *evict_step_locked(struct block_shard *s)
{
	bool from_small = next_queue_locked(s) == QUEUE_SMALL;
	struct block *b =
		s->queues[from_small ? QUEUE_SMALL : QUEUE_MAIN].oldest;
	uint8_t freq;

	if (!b)
		return NULL;
	freq = atomic_load_explicit(&b->freq, memory_order_relaxed);
	if (freq || is_referenced(b)) {
		queue_remove(s, b);
		if (freq)
			freq = from_small ? 0 : (uint8_t)(freq - 1);
		atomic_store_explicit(&b->freq, freq, memory_order_relaxed);
		queue_push(s, QUEUE_MAIN, b);
		return NULL;
	}
	if (from_small) {
		uint64_t hash = name_hash(b->file_no, b->block_no);

		*ghost_of(s, hash) = fingerprint(hash);
	}
	/* The cache's reference is the last, and a new one needs the lock. */
	unlink_locked(s, b);
	atomic_fetch_sub_explicit(&s->charged, b->bytes, memory_order_relaxed);
	b->shard = NULL;
	s->evictions++;
	return b;
}

/* What the shard's blocks may have, less its part of what is lent. */
static size_t room_of(struct block_cache *c, const struct block_shard *s)
{
	size_t lent = atomic_load_explicit(&c->borrowed, memory_order_relaxed) /
		      c->n_shards;

	return s->capacity > lent ? s->capacity - lent : 0;
}

/* Evicts until `need` bytes fit. The victims go onto *out. */
static bool make_room_locked(struct block_cache *c, struct block_shard *s,
			     size_t need, struct block **out)
{
	size_t room = room_of(c, s);

	if (need > room)
		return false;
	for (unsigned step = 0; step < MAX_EVICT_STEPS; step++) {
		size_t used =
			atomic_load_explicit(&s->charged, memory_order_relaxed);
		struct block *b;

		if (used + need <= room)
			return true;
		b = evict_step_locked(s);
		if (b) {
			b->chain = *out;
			*out = b;
		}
	}
	return false;
}

static void unref_chain(struct block *b)
{
	while (b) {
		struct block *next = b->chain;

		block_unref(b);
		b = next;
	}
}

/* ---- use ------------------------------------------------------------------ */

static ALWAYS_INLINE void touch(struct block *b)
{
	uint8_t freq = atomic_load_explicit(&b->freq, memory_order_relaxed);

	if (freq < MAX_FREQ)
		atomic_store_explicit(&b->freq, (uint8_t)(freq + 1),
				      memory_order_relaxed);
}

/*
 * The lines of a block that a search in it reads, asked for all at once: one
 * after the other their misses would be most of a read's time. The block may
 * be gone by now; prefetching from a stale address does no harm.
 */
static ALWAYS_INLINE void prefetch_block(const struct block *b)
{
	const char *p = (const char *)b;

	for (int i = 0; i < 6; i++)
		__builtin_prefetch(p + i * CACHE_LINE);
}

struct block *block_cache_get(struct block_cache *c, uint64_t file_no,
			      uint32_t block_no)
{
	uint64_t hash = name_hash(file_no, block_no);
	struct block_shard *s;
	struct block *b;

	if (c->n_shards == 0)
		return NULL;
	s = shard_of(c, hash);
	prefetch_block(bucket_head(s, hash));
	mutex_lock(&s->mu);
	b = find_locked(s, hash, file_no, block_no);
	if (likely(b)) {
		block_ref(b);
		touch(b);
		s->hits++;
	} else {
		s->misses++;
		foresee_eviction_locked(s);
	}
	mutex_unlock(&s->mu);
	return b;
}

struct block *block_cache_peek(struct block_cache *c, uint64_t file_no,
			       uint32_t block_no)
{
	uint64_t hash = name_hash(file_no, block_no);
	struct block_shard *s;
	struct block *b;

	if (c->n_shards == 0)
		return NULL;
	s = shard_of(c, hash);
	mutex_lock(&s->mu);
	b = find_locked(s, hash, file_no, block_no);
	if (b)
		block_ref(b);
	mutex_unlock(&s->mu);
	return b;
}

void block_cache_ask(struct block_cache *c, uint64_t file_no, uint32_t block_no)
{
	uint64_t hash = name_hash(file_no, block_no);

	if (c->n_shards)
		__builtin_prefetch(bucket_of(shard_of(c, hash), hash));
}

void block_cache_ask_block(struct block_cache *c, uint64_t file_no,
			   uint32_t block_no)
{
	uint64_t hash = name_hash(file_no, block_no);

	if (c->n_shards)
		prefetch_block(bucket_head(shard_of(c, hash), hash));
}

/* A block that took longer did not come from memory. */
#define SLOW_NS 20000
/* After one of those the disk counts as slow for so many questions. */
#define SLOW_FOR 256

bool block_cache_is_slow(struct block_cache *c)
{
	uint32_t n = atomic_load_explicit(&c->n_slow, memory_order_relaxed);

	if (likely(n == 0))
		return false;
	atomic_store_explicit(&c->n_slow, n - 1, memory_order_relaxed);
	return true;
}

void block_cache_note_reads(struct block_cache *c, unsigned n_blocks,
			    uint64_t ns)
{
	if (unlikely(ns > (uint64_t)n_blocks * SLOW_NS))
		atomic_store_explicit(&c->n_slow, SLOW_FOR,
				      memory_order_relaxed);
}

/* Links a block that fits; the cache takes a reference of its own. */
static void link_locked(struct block_shard *s, uint64_t hash, struct block *b)
{
	uint32_t *ghost = ghost_of(s, hash);
	bool was_here = *ghost == fingerprint(hash);

	if (was_here)
		*ghost = 0;
	block_ref(b);
	b->shard = s;
	atomic_fetch_add_explicit(&s->charged, b->bytes, memory_order_relaxed);
	b->chain = bucket_head(s, hash);
	bucket_set_head(s, hash, b);
	queue_push(s, was_here ? QUEUE_MAIN : QUEUE_SMALL, b);
	s->n_blocks++;
	s->inserts++;
}

struct block *block_cache_insert(struct block_cache *c, struct block *b,
				 uint64_t file_no, uint32_t block_no)
{
	uint64_t hash = name_hash(file_no, block_no);
	struct block *victims = NULL, *there;
	struct block_shard *s;

	if (c->n_shards == 0)
		return b;
	b->file_no = file_no;
	b->block_no = block_no;
	s = shard_of(c, hash);
	mutex_lock(&s->mu);
	there = find_locked(s, hash, file_no, block_no);
	if (there)
		block_ref(there);
	else if (make_room_locked(c, s, b->bytes, &victims))
		link_locked(s, hash, b);
	else
		s->refused++;
	foresee_victim_locked(s);
	mutex_unlock(&s->mu);
	unref_chain(victims);
	if (!there)
		return b;
	block_unref(b);
	return there;
}

/* ---- loans ---------------------------------------------------------------- */

static size_t total_charged(struct block_cache *c)
{
	size_t sum = 0;

	for (unsigned i = 0; i < c->n_shards; i++)
		sum += atomic_load_explicit(&c->shards[i].charged,
					    memory_order_relaxed);
	return sum;
}

/* Blocks make way for what is lent, shard by shard until it fits. */
static void make_way(struct block_cache *c)
{
	for (unsigned i = 0; i < c->n_shards; i++) {
		size_t lent = atomic_load_explicit(&c->borrowed,
						   memory_order_relaxed);
		struct block *victims = NULL;
		struct block_shard *s;
		unsigned at;

		if (total_charged(c) + lent <= c->block_bytes)
			return;
		at = atomic_fetch_add_explicit(&c->next_lender, 1,
					       memory_order_relaxed);
		s = &c->shards[at & (c->n_shards - 1)];
		mutex_lock(&s->mu);
		(void)make_room_locked(c, s, 0, &victims);
		mutex_unlock(&s->mu);
		unref_chain(victims);
	}
}

void block_cache_borrow(struct block_cache *c, size_t bytes)
{
	atomic_fetch_add_explicit(&c->borrowed, bytes, memory_order_relaxed);
	make_way(c);
}

bool block_cache_try_borrow(struct block_cache *c, size_t bytes)
{
	size_t was = atomic_fetch_add_explicit(&c->borrowed, bytes,
					       memory_order_relaxed);

	if (unlikely(was + bytes > c->block_bytes / 2)) {
		block_cache_give_back(c, bytes);
		return false;
	}
	make_way(c);
	return true;
}

size_t block_cache_lendable(struct block_cache *c)
{
	size_t lent = atomic_load_explicit(&c->borrowed, memory_order_relaxed);
	size_t most = c->block_bytes / 2;

	return most > lent ? most - lent : 0;
}

void block_cache_give_back(struct block_cache *c, size_t bytes)
{
	size_t was = atomic_fetch_sub_explicit(&c->borrowed, bytes,
					       memory_order_relaxed);

	assert(was >= bytes);
}

void block_cache_drop_file(struct block_cache *c, uint64_t file_no,
			   uint32_t n_blocks)
{
	for (uint32_t i = 0; c->n_shards && i < n_blocks; i++) {
		uint64_t hash = name_hash(file_no, i);
		struct block_shard *s = shard_of(c, hash);
		struct block *b;

		mutex_lock(&s->mu);
		b = find_locked(s, hash, file_no, i);
		if (b)
			unlink_locked(s, b);
		mutex_unlock(&s->mu);
		block_unref(b);
	}
}

void block_cache_uncharge(struct block *b)
{
	atomic_fetch_sub_explicit(&b->shard->charged, b->bytes,
				  memory_order_relaxed);
}

void block_cache_read_stats(struct block_cache *c,
			    struct block_cache_stats *out)
{
	*out = (struct block_cache_stats){
		.capacity = c->capacity,
		.borrowed = atomic_load_explicit(&c->borrowed,
						 memory_order_relaxed),
	};
	for (unsigned i = 0; i < c->n_shards; i++) {
		struct block_shard *s = &c->shards[i];

		mutex_lock(&s->mu);
		out->hits += s->hits;
		out->misses += s->misses;
		out->inserts += s->inserts;
		out->refused += s->refused;
		out->evictions += s->evictions;
		out->blocks += s->n_blocks;
		mutex_unlock(&s->mu);
		out->bytes +=
			atomic_load_explicit(&s->charged, memory_order_relaxed);
	}
}
