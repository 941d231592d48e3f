/* SPDX-License-Identifier: MIT */
#include "tree/inode.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/err.h"
#include "tree/held.h"
#include "tree/schema_key.h"
#include "tree/sweeper.h"
#include "tree/tree_priv.h"

static struct inode_shard *shard_of(struct inode_table *t, uint64_t hash)
{
	return &t->shards[(hash >> 48) % N_INODE_SHARDS];
}

int inode_table_init(struct inode_table *t)
{
	int r = 0;

	inode_table_set_max(t, SIZE_MAX);
	atomic_init(&t->is_crowded, false);
	t->next_shard = 0;
	for (unsigned i = 0; i < N_INODE_SHARDS; i++) {
		mutex_init(&t->shards[i].mu, RANK_TREE_TABLE);
		t->shards[i].n_offered = 0;
		t->shards[i].hand = 0;
		if (r == 0)
			r = hmap_init(&t->shards[i].map, 16);
	}
	for (unsigned i = 0; i < N_LOAD_GENS; i++)
		atomic_init(&t->load_gens[i], 0);
	return r;
}

void inode_table_fini(struct inode_table *t)
{
	for (unsigned i = 0; i < N_INODE_SHARDS; i++) {
		hmap_fini(&t->shards[i].map);
		mutex_fini(&t->shards[i].mu);
	}
}

void inode_table_drop_all(struct inode_table *t)
{
	for (unsigned i = 0; i < N_INODE_SHARDS; i++) {
		struct inode_shard *s = &t->shards[i];
		struct hmap_node *n;
		size_t cursor = 0;

		mutex_lock(&s->mu);
		while ((n = hmap_pop_any(&s->map, &cursor)) != NULL)
			inode_discard(container_of(n, struct inode, node));
		mutex_unlock(&s->mu);
	}
}

size_t inode_table_count(struct inode_table *t)
{
	size_t n = 0;

	for (unsigned i = 0; i < N_INODE_SHARDS; i++) {
		mutex_lock(&t->shards[i].mu);
		n += hmap_len(&t->shards[i].map);
		mutex_unlock(&t->shards[i].mu);
	}
	return n;
}

uint64_t entry_hash(uint64_t parent, struct tt_slice name)
{
	return checksum_seeded(name.data, name.len, hash_u64(parent));
}

uint32_t inode_load_gen(struct inode_table *t, uint64_t place)
{
	/* Acquire pairs with the release in drop_locked(): who sees the count
	 * also sees the row that the dropped inode had. */
	return atomic_load_explicit(&t->load_gens[place % N_LOAD_GENS],
				    memory_order_acquire);
}

struct inode *inode_new(uint64_t ino)
{
	struct inode *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->ino = ino;
	in->refs = 1;
	rwlock_init(&in->lock, RANK_TREE_INODE);
	list_init(&in->queue_link);
	return in;
}

void inode_discard(struct inode *in)
{
	if (!in)
		return;
	rwlock_fini(&in->lock);
	held_unref(in->held);
	free(in->name);
	free(in);
}

int inode_set_name(struct inode *in, struct tt_slice name)
{
	char *copy = malloc(name.len + 1);

	if (!copy)
		return err_nomem("an inode's name");
	if (name.len)
		memcpy(copy, name.data, name.len);
	copy[name.len] = 0;
	free(in->name);
	in->name = copy;
	in->name_len = (uint32_t)name.len;
	return 0;
}

static struct inode *find_locked(struct inode_shard *s, uint64_t ino,
				 uint64_t hash)
{
	struct hmap_node *n;

	mutex_assert_held(&s->mu);
	for (n = hmap_first(&s->map, hash); n; n = hmap_next(n)) {
		struct inode *in = container_of(n, struct inode, node);

		if (in->ino == ino)
			return in;
	}
	return NULL;
}

/* Somebody wants it: it is not to go yet. */
static void use_locked(struct inode_shard *s, struct inode *in)
{
	mutex_assert_held(&s->mu);
	in->is_used = true;
	if (in->is_offered)
		s->n_offered--;
	in->is_offered = false;
}

static void insert_locked(struct inode_table *t, struct inode_shard *s,
			  struct inode *in, uint64_t hash)
{
	mutex_assert_held(&s->mu);
	hmap_insert(&s->map, &in->node, hash);
	if (hmap_len(&s->map) - s->n_offered > t->shard_max &&
	    !atomic_load_explicit(&t->is_crowded, memory_order_relaxed))
		atomic_store_explicit(&t->is_crowded, true,
				      memory_order_relaxed);
}

struct inode *inode_find(struct inode_table *t, uint64_t ino, uint64_t lookups)
{
	uint64_t hash = hash_u64(ino);
	struct inode_shard *s = shard_of(t, hash);
	struct inode *in;

	mutex_lock(&s->mu);
	in = find_locked(s, ino, hash);
	if (in) {
		use_locked(s, in);
		in->refs++;
		in->lookups += lookups;
	}
	mutex_unlock(&s->mu);
	return in;
}

void inode_publish(struct inode_table *t, struct inode *in, uint64_t lookups)
{
	uint64_t hash = hash_u64(in->ino);
	struct inode_shard *s = shard_of(t, hash);

	in->is_dir = state_is_dir(&in->st);
	mutex_lock(&s->mu);
	in->lookups += lookups;
	insert_locked(t, s, in, hash);
	mutex_unlock(&s->mu);
}

int inode_insert_loaded(struct inode_table *t, struct inode **in,
			uint64_t place, uint32_t gen, uint64_t lookups)
{
	uint64_t hash = hash_u64((*in)->ino);
	struct inode_shard *s = shard_of(t, hash);
	struct inode *mine = *in, *there;
	int r = 0;

	mine->is_dir = state_is_dir(&mine->st);
	mutex_lock(&s->mu);
	there = find_locked(s, mine->ino, hash);
	if (there) {
		use_locked(s, there);
		there->refs++;
		there->lookups += lookups;
		*in = there;
	} else if (inode_load_gen(t, place) != gen) {
		*in = NULL;
		r = INODE_RETRY;
	} else {
		mine->lookups += lookups;
		insert_locked(t, s, mine, hash);
		mine = NULL;
	}
	mutex_unlock(&s->mu);
	inode_discard(mine);
	return r;
}

/* Pins the row of an inode that can be found by number: its I row, or the O
 * row of a directory that was cut off with all it holds. */
static int pin_row(struct tree *t, uint64_t ino, struct tt_pinned *pin,
		   enum inode_home *home)
{
	struct schema_key k;
	int r;

	*home = HOME_INODE;
	r = tt_get_pinned(t->db, &t->reads, key_inode(&k, ino), pin);
	if (r != TT_NOTFOUND)
		return r;
	*home = HOME_ORPHAN;
	r = tt_get_pinned(t->db, &t->reads, key_orphan(&k, ino), pin);
	if (r == 0 && !entry_row_is_inode(pin->value)) {
		tt_unpin(pin);
		r = TT_NOTFOUND;
	}
	return r;
}

/* A fresh inode from a row found by number. */
static int decode_row(const struct tt_pinned *pin, uint64_t ino,
		      enum inode_home home, struct inode **out)
{
	struct inode *in = inode_new(ino);
	struct tt_slice tail;
	int r;

	if (!in)
		return err_nomem("an inode");
	r = inode_rec_decode(pin->value, pin->ts, home, 0, &in->st, &tail);
	if (r == 0 && in->st.ino != ino)
		r = err_set(TT_ECORRUPT, "inode row under another number");
	if (r == 0 && home == HOME_ORPHAN && !state_is_dir(&in->st))
		r = err_set(-ESTALE, "no inode of this number");
	if (r == 0 && state_is_dir(&in->st))
		r = inode_set_name(in, tail);
	if (r < 0)
		inode_discard(in);
	else
		*out = in;
	return r;
}

/* One attempt to load by number. */
static int load_row(struct tree *t, uint64_t ino, uint64_t lookups,
		    struct inode **out)
{
	uint64_t place = inode_row_hash(ino);
	uint32_t gen = inode_load_gen(&t->inodes, place);
	struct tt_pinned pin = { 0 };
	struct inode *in;
	enum inode_home home;
	int r;

	r = pin_row(t, ino, &pin, &home);
	if (r == TT_NOTFOUND)
		return err_set(-ESTALE, "no inode of this number");
	if (r < 0)
		return r;
	r = decode_row(&pin, ino, home, &in);
	tt_unpin(&pin);
	if (r < 0)
		return r;
	tree_count(t, TREE_N_LOADS, 1);
	r = inode_insert_loaded(&t->inodes, &in, place, gen, lookups);
	*out = in;
	return r;
}

int inode_get(struct tree *t, uint64_t ino, uint64_t lookups,
	      struct inode **out)
{
	struct inode *in = inode_find(&t->inodes, ino, lookups);
	int r = INODE_RETRY;

	if (in) {
		*out = in;
		return 0;
	}
	while (r == INODE_RETRY)
		r = load_row(t, ino, lookups, out);
	return r;
}

void inode_ref(struct tree *t, struct inode *in)
{
	struct inode_shard *s = shard_of(&t->inodes, hash_u64(in->ino));

	mutex_lock(&s->mu);
	in->refs++;
	mutex_unlock(&s->mu);
}

/* Takes an unused inode out of the table and tells loaders. */
static void drop_locked(struct inode_table *t, struct inode_shard *s,
			struct inode *in)
{
	uint64_t place = in->st.home == HOME_ENTRY
				 ? entry_hash(in->st.parent, inode_name(in))
				 : inode_row_hash(in->ino);

	mutex_assert_held(&s->mu);
	hmap_remove(&s->map, &in->node);
	if (in->is_offered)
		s->n_offered--;
	/* Release pairs with the acquire in inode_load_gen(). */
	atomic_fetch_add_explicit(&t->load_gens[place % N_LOAD_GENS], 1,
				  memory_order_release);
}

void inode_unref(struct tree *t, struct inode *in, uint64_t lookups)
{
	struct inode_shard *s;
	bool is_orphan = false;
	bool is_last;

	if (!in)
		return;
	s = shard_of(&t->inodes, hash_u64(in->ino));
	mutex_lock(&s->mu);
	assert(in->refs > 0);
	in->lookups -= lookups < in->lookups ? lookups : in->lookups;
	is_last = --in->refs == 0 && in->lookups == 0;
	if (is_last) {
		is_orphan = in->st.home == HOME_ORPHAN;
		drop_locked(&t->inodes, s, in);
	}
	mutex_unlock(&s->mu);
	if (!is_last)
		return;
	if (is_orphan && t->sweeper)
		sweeper_add_orphan(t->sweeper, in->ino);
	inode_discard(in);
}

/* ---- too many ------------------------------------------------------------ */

void inode_table_set_max(struct inode_table *t, size_t n)
{
	t->shard_max = MAX_OF(n / N_INODE_SHARDS, (size_t)8);
}

/* How many of a shard are to go, beyond those that have been offered. */
static size_t surplus_locked(const struct inode_table *t, struct inode_shard *s)
{
	size_t keep = t->shard_max - t->shard_max / 8;
	size_t n = hmap_len(&s->map) - s->n_offered;

	mutex_assert_held(&s->mu);
	return n > keep ? n - keep : 0;
}

/* True when it is to be offered now. */
static bool pass_locked(struct inode_shard *s, struct inode *in)
{
	mutex_assert_held(&s->mu);
	if (in->is_used || in->refs || !in->lookups) {
		in->is_used = false;
		return false;
	}
	if (!in->is_offered)
		s->n_offered++;
	in->is_offered = true;
	return true;
}

/* Until `max` are found or the hand has come by everything twice. */
static size_t idle_of_shard(struct inode_table *t, struct inode_shard *s,
			    uint64_t *out, size_t max)
{
	struct hmap_node *at = NULL;
	size_t n = 0, passes, rounds = 0;

	mutex_lock(&s->mu);
	max = MIN_OF(max, surplus_locked(t, s));
	passes = 2 * hmap_len(&s->map);
	while (n < max && passes && rounds < 3) {
		at = hmap_walk(&s->map, at, &s->hand);
		if (at) {
			struct inode *in = container_of(at, struct inode, node);

			passes--;
			if (pass_locked(s, in))
				out[n++] = in->ino;
		} else {
			s->hand = 0;
			rounds++;
		}
	}
	mutex_unlock(&s->mu);
	return n;
}

size_t inode_idle(struct inode_table *t, uint64_t *out, size_t max)
{
	size_t n = 0;

	for (unsigned i = 0; i < N_INODE_SHARDS && n < max; i++) {
		n += idle_of_shard(t, &t->shards[t->next_shard], out + n,
				   max - n);
		t->next_shard = (t->next_shard + 1) % N_INODE_SHARDS;
	}
	if (!n)
		atomic_store_explicit(&t->is_crowded, false,
				      memory_order_relaxed);
	return n;
}

uint64_t inode_lookups(struct tree *t, struct inode *in)
{
	struct inode_shard *s = shard_of(&t->inodes, hash_u64(in->ino));
	uint64_t n;

	mutex_lock(&s->mu);
	n = in->lookups;
	mutex_unlock(&s->mu);
	return n;
}

bool inode_is_looked_up(struct tree *t, uint64_t ino)
{
	uint64_t hash = hash_u64(ino);
	struct inode_shard *s = shard_of(&t->inodes, hash);
	struct inode *in;
	bool yes;

	if (ino == TREE_ROOT)
		return true;
	mutex_lock(&s->mu);
	in = find_locked(s, ino, hash);
	yes = in && in->lookups > 0;
	mutex_unlock(&s->mu);
	return yes;
}
