/* SPDX-License-Identifier: MIT */
#include "tree/tree_txn.h"

#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "tree/dir.h"
#include "tree/held.h"
#include "tree/schema_key.h"
#include "tree/sweeper.h"
#include "tree/txn_rows.h"

/* From so many records on they are found by hash. */
#define INDEX_FROM 16u

static int begin(struct txn *tx, struct tree *t, enum txn_mode mode)
{
	tx->t = t;
	if (t->past)
		return err_set(TT_EREADONLY, "the past does not change");
	tx->batch = tree_batch_take(t, false);
	if (!tx->batch)
		return err_nomem("a batch");
	tx->now_ns = tree_now_ns();
	tx->ts = 0;
	tx->n_locked = 0;
	tx->held = tx->held_inline;
	tx->n_held = 0;
	tx->cap_held = TXN_HELD_INLINE;
	tx->inodes = NULL;
	tx->n_inodes = 0;
	tx->dents = NULL;
	tx->n_dents = 0;
	tx->is_indexed = false;
	arena_init(&tx->arena, 16384);
	tx->copies = NULL;
	tx->n_copies = 0;
	tx->is_exclusive = mode == TXN_EXCLUSIVE;
	tx->no_wait = false;
	return 0;
}

int txn_begin(struct txn *tx, struct tree *t, enum txn_mode mode)
{
	int r = begin(tx, t, mode);

	if (r < 0)
		return r;
	if (tx->is_exclusive)
		ns_lock_exclusive(&t->ns);
	else
		tx->ns_token = ns_lock_shared(&t->ns);
	return 0;
}

int txn_begin_no_wait(struct txn *tx, struct tree *t, enum txn_mode mode)
{
	int r = begin(tx, t, mode);
	bool is_free;

	if (r < 0)
		return r;
	tx->no_wait = true;
	is_free = tx->is_exclusive ? ns_try_exclusive(&t->ns)
				   : ns_try_shared(&t->ns, &tx->ns_token);
	if (is_free)
		return 0;
	arena_fini(&tx->arena);
	tree_batch_give(t, tx->batch);
	return -EAGAIN;
}

int txn_expect(struct txn *tx, size_t bytes)
{
	struct tt_batch *b;

	if (bytes <= BATCH_LARGE)
		return 0;
	b = tree_batch_take(tx->t, true);
	if (!b)
		return err_nomem("a batch");
	tree_batch_give(tx->t, tx->batch);
	tx->batch = b;
	return 0;
}

static void free_records(struct txn *tx)
{
	for (struct txn_inode *e = tx->inodes; e; e = e->next) {
		free(e->tail);
		free(e->name);
		held_unref(e->held);
		if (e->is_new && e->is_published)
			inode_unref(tx->t, e->in, 0);
		else if (e->is_new)
			inode_discard(e->in);
	}
	if (tx->is_indexed) {
		hmap_fini(&tx->inode_map);
		hmap_fini(&tx->dent_map);
	}
	arena_fini(&tx->arena);
}

void txn_end(struct txn *tx)
{
	struct tree *t = tx->t;

	txn_unlock(tx);
	if (tx->is_exclusive)
		ns_unlock_exclusive(&t->ns);
	else
		ns_unlock_shared(&t->ns, tx->ns_token);
	free_records(tx);
	for (size_t i = 0; i < tx->n_held; i++)
		inode_unref(t, tx->held[i], 0);
	if (tx->held != tx->held_inline)
		free(tx->held);
	tree_batch_give(t, tx->batch);
}

int txn_hold(struct txn *tx, struct inode *in)
{
	if (tx->n_held == tx->cap_held) {
		size_t cap = tx->cap_held * 2;
		struct inode **p = malloc(cap * sizeof(struct inode *));

		if (!p) {
			inode_unref(tx->t, in, 0);
			return err_nomem("held inodes");
		}
		memcpy(p, tx->held, tx->n_held * sizeof(*p));
		if (tx->held != tx->held_inline)
			free(tx->held);
		tx->held = p;
		tx->cap_held = cap;
	}
	tx->held[tx->n_held++] = in;
	return 0;
}

/* ---- records ---------------------------------------------------------- */

static struct txn_inode *find_record(struct txn *tx, uint64_t ino)
{
	struct hmap_node *n;

	if (!tx->is_indexed) {
		struct txn_inode *e = tx->inodes;

		while (e && e->st.ino != ino)
			e = e->next;
		return e;
	}
	for (n = hmap_first(&tx->inode_map, hash_u64(ino)); n;
	     n = hmap_next(n)) {
		struct txn_inode *e = container_of(n, struct txn_inode, node);

		if (e->st.ino == ino)
			return e;
	}
	return NULL;
}

static bool dent_is(const struct txn_dent *d, uint64_t hash, uint64_t parent,
		    struct tt_slice name)
{
	return d->hash == hash && d->parent == parent &&
	       slice_eq(d->name, name);
}

static struct txn_dent *find_dent(struct txn *tx, uint64_t hash,
				  uint64_t parent, struct tt_slice name)
{
	struct hmap_node *n;

	if (!tx->is_indexed) {
		struct txn_dent *d = tx->dents;

		while (d && !dent_is(d, hash, parent, name))
			d = d->next;
		return d;
	}
	for (n = hmap_first(&tx->dent_map, hash); n; n = hmap_next(n)) {
		struct txn_dent *d = container_of(n, struct txn_dent, node);

		if (dent_is(d, hash, parent, name))
			return d;
	}
	return NULL;
}

/* Turns the lists into maps once they have become long. */
static int index_records(struct txn *tx)
{
	int r;

	if (tx->is_indexed || tx->n_inodes + tx->n_dents < INDEX_FROM)
		return 0;
	r = hmap_init(&tx->inode_map, 64);
	if (r < 0)
		return r;
	r = hmap_init(&tx->dent_map, 64);
	if (r < 0) {
		hmap_fini(&tx->inode_map);
		return r;
	}
	for (struct txn_inode *e = tx->inodes; e; e = e->next)
		hmap_insert(&tx->inode_map, &e->node, hash_u64(e->st.ino));
	for (struct txn_dent *d = tx->dents; d; d = d->next)
		hmap_insert(&tx->dent_map, &d->node, d->hash);
	tx->is_indexed = true;
	return 0;
}

static struct txn_inode *add_record(struct txn *tx, struct inode *in)
{
	struct txn_inode *e;

	if (index_records(tx) < 0)
		return NULL;
	if (tx->n_inodes < TXN_INODES_INLINE)
		e = &tx->inodes_inline[tx->n_inodes];
	else
		e = arena_alloc(&tx->arena, sizeof(*e));
	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	e->in = in;
	e->st = in->st;
	e->st.ino = in->ino;
	e->next = tx->inodes;
	tx->inodes = e;
	tx->n_inodes++;
	if (tx->is_indexed)
		hmap_insert(&tx->inode_map, &e->node, hash_u64(in->ino));
	return e;
}

static struct txn_inode *record_of(struct txn *tx, struct inode *in)
{
	struct txn_inode *e = find_record(tx, in->ino);

	if (!e)
		e = add_record(tx, in);
	if (!e)
		(void)err_nomem("a change of the tree");
	return e;
}

/* ---- inodes ----------------------------------------------------------- */

int txn_get(struct txn *tx, uint64_t ino, struct inode **out)
{
	struct txn_inode *e = find_record(tx, ino);
	struct inode *in;
	int r;

	if (e) {
		*out = e->in;
		return 0;
	}
	r = inode_get(tx->t, ino, 0, &in);
	if (r == 0)
		r = txn_hold(tx, in);
	if (r == 0)
		*out = in;
	return r;
}

/* Notes what is to be locked, in order. */
static void sort_locks(struct txn *tx, struct inode *const *ins, size_t n)
{
	assert(tx->n_locked == 0);
	if (tx->is_exclusive)
		return;
	for (size_t i = 0; i < n; i++) {
		unsigned at = tx->n_locked;
		bool is_double = ins[i] == NULL;

		for (unsigned k = 0; k < tx->n_locked; k++)
			is_double |= tx->locked[k] == ins[i];
		if (is_double)
			continue;
		assert(tx->n_locked < TXN_LOCKS_MAX);
		while (at > 0 && tx->locked[at - 1]->ino > ins[i]->ino) {
			tx->locked[at] = tx->locked[at - 1];
			at--;
		}
		tx->locked[at] = ins[i];
		tx->n_locked++;
	}
}

void txn_lock(struct txn *tx, struct inode *const *ins, size_t n)
	NO_THREAD_SAFETY
{
	sort_locks(tx, ins, n);
	for (unsigned i = 0; i < tx->n_locked; i++)
		rwlock_wrlock(&tx->locked[i]->lock);
}

int txn_lock_if_free(struct txn *tx, struct inode *const *ins, size_t n)
	NO_THREAD_SAFETY
{
	unsigned i = 0;

	if (!tx->no_wait) {
		txn_lock(tx, ins, n);
		return 0;
	}
	sort_locks(tx, ins, n);
	while (i < tx->n_locked && rwlock_trywrlock(&tx->locked[i]->lock))
		i++;
	if (i == tx->n_locked)
		return 0;
	tx->n_locked = i;
	txn_unlock(tx);
	return -EAGAIN;
}

void txn_unlock(struct txn *tx) NO_THREAD_SAFETY
{
	while (tx->n_locked > 0)
		rwlock_wrunlock(&tx->locked[--tx->n_locked]->lock);
}

const struct inode_state *txn_state(struct txn *tx, struct inode *in)
{
	struct txn_inode *e = find_record(tx, in->ino);

	return e ? &e->st : &in->st;
}

/* Its row must be written; one without a row gets one now. */
static void mark_dirty(struct txn_inode *e)
{
	e->is_dirty = true;
	if (e->st.home == HOME_MEMORY)
		e->st.home = HOME_ORPHAN;
}

struct inode_state *txn_edit(struct txn *tx, struct inode *in)
{
	struct txn_inode *e = record_of(tx, in);

	if (!e)
		return NULL;
	mark_dirty(e);
	return &e->st;
}

int txn_touch(struct txn *tx, struct inode *dir)
{
	struct txn_inode *e = record_of(tx, dir);

	if (!e)
		return -ENOMEM;
	e->is_touched = true;
	e->st.mtime_ns = tx->now_ns;
	e->st.ctime_ns = tx->now_ns;
	return 0;
}

int txn_new_inode(struct txn *tx, uint64_t lookups, struct inode **out,
		  struct inode_state **st)
{
	struct txn_inode *e;
	struct inode *in;
	uint64_t ino;
	int r;

	r = ino_alloc_next(&tx->t->inos, &ino);
	if (r < 0)
		return r;
	in = inode_new(ino);
	e = in ? add_record(tx, in) : NULL;
	if (!e) {
		inode_discard(in);
		return err_nomem("an inode");
	}
	e->is_new = true;
	e->is_dirty = true;
	e->lookups = lookups;
	e->st.nlink = 1;
	e->st.block_shift = SCHEMA_BLOCK_SHIFT;
	e->st.atime_ns = e->st.mtime_ns = tx->now_ns;
	e->st.ctime_ns = e->st.btime_ns = tx->now_ns;
	*out = in;
	*st = &e->st;
	return 0;
}

int txn_add_lookup(struct txn *tx, struct inode *in)
{
	struct txn_inode *e = record_of(tx, in);

	if (!e)
		return -ENOMEM;
	e->lookups++;
	return 0;
}

uint64_t txn_xattrs_from(struct txn *tx, struct inode *in)
{
	struct txn_inode *e = find_record(tx, in->ino);

	return e ? e->xattrs_from : 0;
}

int txn_set_xattrs_from(struct txn *tx, struct inode *in, uint64_t ino)
{
	struct txn_inode *e = record_of(tx, in);

	if (!e)
		return -ENOMEM;
	e->xattrs_from = ino;
	return 0;
}

uint64_t txn_acl_from(struct txn *tx, struct inode *in)
{
	struct txn_inode *e = find_record(tx, in->ino);

	return e ? e->acl_from : 0;
}

int txn_set_acl_from(struct txn *tx, struct inode *in, uint64_t ino)
{
	struct txn_inode *e = record_of(tx, in);

	if (!e)
		return -ENOMEM;
	e->acl_from = ino;
	return 0;
}

bool txn_is_new(struct txn *tx, struct inode *in)
{
	struct txn_inode *e = find_record(tx, in->ino);

	return e && e->is_new;
}

int txn_set_tail(struct txn *tx, struct inode *in, struct tt_slice tail)
{
	struct txn_inode *e = record_of(tx, in);
	uint8_t *copy;

	if (!e)
		return -ENOMEM;
	copy = malloc(tail.len + 1);
	if (!copy)
		return err_nomem("contents of a file");
	if (tail.len)
		memcpy(copy, tail.data, tail.len);
	free(e->tail);
	e->tail = copy;
	e->has_tail = true;
	mark_dirty(e);
	e->st.tail_len = (uint32_t)tail.len;
	return 0;
}

int txn_tail(struct txn *tx, struct inode *in, struct tt_slice *tail,
	     struct tt_pinned *pin)
{
	struct txn_inode *e = find_record(tx, in->ino);

	if (e && e->has_tail) {
		*tail = SLICE(e->tail, e->st.tail_len);
		return 0;
	}
	return inode_tail_pin(tx->t, in, tail, pin);
}

int txn_set_home(struct txn *tx, struct inode *in, enum inode_home home,
		 uint64_t parent, struct tt_slice name)
{
	struct txn_inode *e = record_of(tx, in);
	char *copy = NULL;

	if (!e)
		return -ENOMEM;
	if (home == HOME_ENTRY || parent) {
		copy = malloc(name.len + 1);
		if (!copy)
			return err_nomem("a name");
		memcpy(copy, name.data, name.len);
		copy[name.len] = 0;
		free(e->name);
		e->name = copy;
		e->name_len = (uint32_t)name.len;
	}
	e->is_dirty = true;
	e->st.home = (uint8_t)home;
	e->st.parent = parent;
	return 0;
}

int txn_hold_tail(struct txn *tx, struct inode *in)
{
	struct txn_inode *e = record_of(tx, in);
	struct tt_pinned pin = { 0 };
	struct tt_slice tail;
	int r;

	if (!e)
		return -ENOMEM;
	r = txn_tail(tx, in, &tail, &pin);
	if (r == 0 && tail.len)
		r = held_new(tx->t, tail, &e->held);
	tt_unpin(&pin);
	return r;
}

/* ---- entries ---------------------------------------------------------- */

int txn_find(struct txn *tx, struct inode *dir, struct tt_slice name,
	     struct inode **out)
{
	uint64_t hash = entry_hash(dir->ino, name);
	struct txn_dent *d = find_dent(tx, hash, dir->ino, name);
	struct inode *in;
	int r;

	if (d) {
		if (!d->ino)
			return TT_NOTFOUND;
		return txn_get(tx, d->ino, out);
	}
	if (txn_is_new(tx, dir))
		return TT_NOTFOUND;
	r = dir_find(tx->t, dir->ino, name, 0, &in);
	if (r == 0)
		r = txn_hold(tx, in);
	if (r == 0)
		*out = in;
	return r;
}

int txn_set_entry(struct txn *tx, struct inode *dir, struct tt_slice name,
		  struct inode *in)
{
	uint64_t hash = entry_hash(dir->ino, name);
	struct txn_dent *d = find_dent(tx, hash, dir->ino, name);

	if (!d) {
		if (index_records(tx) < 0)
			return -ENOMEM;
		if (tx->n_dents < TXN_DENTS_INLINE)
			d = &tx->dents_inline[tx->n_dents];
		else
			d = arena_alloc(&tx->arena, sizeof(*d));
		if (!d)
			return err_nomem("an entry");
		d->parent = dir->ino;
		d->name = name;
		d->hash = hash;
		d->next = tx->dents;
		tx->dents = d;
		tx->n_dents++;
		if (tx->is_indexed)
			hmap_insert(&tx->dent_map, &d->node, hash);
	}
	d->ino = in ? in->ino : 0;
	d->mode = in ? txn_state(tx, in)->mode : 0;
	d->has_own_row = in && txn_state(tx, in)->home == HOME_INODE;
	return 0;
}

/* Whether a stored entry is still there after this change. */
static bool row_remains(struct txn *tx, struct inode *dir, struct tt_slice name)
{
	struct txn_dent *d =
		find_dent(tx, entry_hash(dir->ino, name), dir->ino, name);

	return !d || d->ino;
}

int txn_dir_is_empty(struct txn *tx, struct inode *dir)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_prefix(&lo, KEY_ENTRY, dir->ino),
		.upper = key_prefix_end(&hi, KEY_ENTRY, dir->ino),
		.keys_only = true,
	};
	struct tt_iter *it;
	int r;

	for (struct txn_dent *d = tx->dents; d; d = d->next)
		if (d->parent == dir->ino && d->ino)
			return 0;
	if (txn_is_new(tx, dir))
		return 1;
	r = tt_iter_new(tx->t->db, &io, &it);
	if (r < 0)
		return r;
	/* passes over no more rows than this change has removed */
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it))
		if (row_remains(tx, dir, key_rest(tt_iter_key(it))))
			break;
	tt_iter_free(it);
	return r < 0 ? r : r == TT_END;
}

/* ---- the end ---------------------------------------------------------- */

static void publish_held(struct txn_inode *e)
{
	struct held *old = e->in->held;

	e->in->held = e->st.home == HOME_MEMORY ? e->held : NULL;
	if (e->in->held)
		e->held = NULL;
	held_unref(old);
}

static void publish_inode(struct txn *tx, struct txn_inode *e)
{
	struct inode *in = e->in;
	bool was_dirty = in->times_dirty;

	if (e->is_dirty) {
		e->st.version = tx->ts;
		in->times_dirty = false;
		publish_held(e);
	} else if (e->is_touched) {
		in->times_dirty = true;
	}
	in->st = e->st;
	if (e->name) {
		free(in->name);
		in->name = e->name;
		in->name_len = e->name_len;
		e->name = NULL;
	}
	if (in->times_dirty && !was_dirty)
		sweeper_add_dirty(tx->t->sweeper, in);
	if (!e->is_new) {
		if (e->lookups)
			inode_unref(tx->t,
				    inode_find(&tx->t->inodes, in->ino,
					       e->lookups),
				    0);
		return;
	}
	if (e->st.home == HOME_NONE)
		return; /* made and unmade within the change */
	e->is_published = true;
	inode_publish(&tx->t->inodes, in, e->lookups);
}

static void publish(struct txn *tx)
{
	struct tree *t = tx->t;

	for (struct txn_dent *d = tx->dents; d; d = d->next) {
		struct dentry de = { d->ino, d->has_own_row, S_ISDIR(d->mode) };

		dentry_cache_put(t->names, d->hash, d->parent, d->name, &de);
	}
	for (struct txn_inode *e = tx->inodes; e; e = e->next)
		publish_inode(tx, e);
}

static int write_rows(struct txn *tx)
{
	const struct tt_write_options wo = { .no_wait = tx->no_wait };
	int r;

	if (tx->n_copies == 0)
		return tt_write(tx->t->db, &wo, tx->batch, &tx->ts);
	r = tt_write_copies(tx->t->db, &wo, tx->batch, NULL, tx->copies,
			    tx->n_copies, &tx->copied, &tx->ts);
	return r == TT_NOTFOUND
		       ? err_set(TT_ECORRUPT, "a row to be copied is gone")
		       : r;
}

int txn_commit(struct txn *tx)
{
	int r = txn_rows_add(tx);

	if (r < 0)
		return r;
	if (tt_batch_count(tx->batch) > 0) {
		r = write_rows(tx);
		if (r < 0)
			return r;
		tree_count(tx->t, TREE_N_COMMITS, 1);
	}
	publish(tx);
	return 0;
}

void txn_attr(struct txn *tx, struct inode *in, struct tree_attr *out)
{
	state_attr(txn_state(tx, in), out);
}
