/* SPDX-License-Identifier: MIT */
/*
 * A tree's life: making it in an empty store, opening, syncing, closing.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "tree/schema_key.h"
#include "tree/sweep_now.h"
#include "tree/sweeper.h"
#include "tree/tree_priv.h"

#define NAME_CACHE_BYTES (8u << 20)
/* Of an inode, with its name, its share of the table and of malloc(). */
#define INODE_BYTES (sizeof(struct inode) + 64)

int64_t tree_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail */
	return ns_from_timespec(&ts);
}

/* A batch of the largest write, 1 MiB, with its rows' keys. */
#define BATCH_LARGEST (5u << 18)

static struct tt_batch *take(struct tt_batch *_Atomic *slots, unsigned n)
{
	struct tt_batch *b = NULL;

	for (unsigned i = 0; !b && i < n; i++)
		if (atomic_load_explicit(&slots[i], memory_order_relaxed))
			b = atomic_exchange_explicit(&slots[i], NULL,
						     memory_order_acq_rel);
	return b ? b : tt_batch_new();
}

struct tt_batch *tree_batch_take(struct tree *t, bool is_large)
{
	return is_large ? take(t->spare_large, N_SPARE_LARGE)
			: take(t->spare, N_SPARE_BATCHES);
}

void tree_batch_give(struct tree *t, struct tt_batch *b)
{
	size_t bytes = tt_batch_bytes(b);
	struct tt_batch *_Atomic *slots =
		bytes > BATCH_LARGE ? t->spare_large : t->spare;
	unsigned n = bytes > BATCH_LARGEST ? 0
		     : bytes > BATCH_LARGE ? N_SPARE_LARGE
					   : N_SPARE_BATCHES;

	tt_batch_clear(b);
	for (unsigned i = 0; i < n; i++) {
		struct tt_batch *expect = NULL;

		if (atomic_compare_exchange_strong_explicit(
			    &slots[i], &expect, b, memory_order_acq_rel,
			    memory_order_relaxed))
			return;
	}
	tt_batch_free(b);
}

static void free_spares(struct tt_batch *_Atomic *slots, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		tt_batch_free(
			atomic_load_explicit(&slots[i], memory_order_relaxed));
}

/* ---- making and opening ----------------------------------------------- */

/* TT_NOTFOUND when the fact is not there. */
static int read_fact(struct tt *db, const struct tt_read_options *ro,
		     const char *name, uint64_t *out)
{
	struct schema_fact f;
	struct schema_key k;
	size_t len;
	int r;

	r = tt_get(db, ro, key_fact(&k, name), &f, sizeof(f), &len, NULL);
	if (r)
		return r;
	if (len != sizeof(f) || f.head != SCHEMA_HEAD_FACT)
		return err_set(TT_ECORRUPT, "fact \"%s\" of unknown layout",
			       name);
	*out = le64_get(f.value);
	return 0;
}

static int put_fact(struct tt_batch *b, const char *name, uint64_t value)
{
	struct schema_fact f = {
		.head = SCHEMA_HEAD_FACT,
		.value = le64_make(value),
	};
	struct schema_key k;

	return tt_batch_put(b, key_fact(&k, name), SLICE(&f, sizeof(f)));
}

static int put_root(struct tt_batch *b)
{
	int64_t now = tree_now_ns();
	struct inode_state st = {
		.ino = TREE_ROOT,
		.mode = S_IFDIR | 0755,
		.uid = (uint32_t)geteuid(),
		.gid = (uint32_t)getegid(),
		.nlink = 2,
		.parent = TREE_ROOT,
		.atime_ns = now,
		.mtime_ns = now,
		.ctime_ns = now,
		.btime_ns = now,
		.block_shift = SCHEMA_BLOCK_SHIFT,
		.home = HOME_INODE,
	};
	uint8_t row[INODE_REC_MAX];
	size_t len = inode_rec_encode(&st, row);
	struct schema_key k;

	return tt_batch_put(b, key_inode(&k, TREE_ROOT), SLICE(row, len));
}

static int check_is_empty(struct tt *db)
{
	struct tt_iter_options io = { .keys_only = true };
	struct tt_iter *it;
	int r = tt_iter_new(db, &io, &it);

	if (r < 0)
		return r;
	r = tt_iter_first(it);
	tt_iter_free(it);
	if (r == 0)
		return err_set(TT_EFOREIGN,
			       "the store holds keys that are no tree");
	return r < 0 ? r : 0;
}

static int make_tree(struct tt *db)
{
	struct tt_write_options wo = { .sync = true };
	struct tt_batch *b;
	int r = check_is_empty(db);

	if (r < 0)
		return r;
	b = tt_batch_new();
	if (!b)
		return err_nomem("a batch");
	r = put_fact(b, FACT_FORMAT, SCHEMA_VERSION);
	if (r == 0)
		r = put_fact(b, FACT_INO, TREE_ROOT + 1);
	if (r == 0)
		r = put_root(b);
	if (r == 0)
		r = tt_write(db, &wo, b, NULL);
	tt_batch_free(b);
	return r;
}

static int check_version(uint64_t version)
{
	if (version == SCHEMA_VERSION)
		return 0;
	return err_set(TT_EVERSION,
		       "tree format %" PRIu64 "; this program knows %u",
		       version, SCHEMA_VERSION);
}

/* Makes the tree's rows if there are none; *next_ino is where to go on. */
static int open_rows(struct tt *db, uint64_t *next_ino)
{
	uint64_t version;
	int r = read_fact(db, NULL, FACT_FORMAT, &version);

	if (r == TT_NOTFOUND) {
		r = make_tree(db);
		version = SCHEMA_VERSION;
	}
	if (r == 0)
		r = check_version(version);
	if (r < 0)
		return r;
	r = read_fact(db, NULL, FACT_INO, next_ino);
	if (r == TT_NOTFOUND || (r == 0 && *next_ino <= TREE_ROOT))
		return err_set(TT_ECORRUPT, "the tree's inode mark is gone");
	return r;
}

/* All but the rows and the sweeper. */
static int new_tree(struct tt *db, uint64_t next_ino, struct tree **out)
{
	struct tree *t =
		aligned_alloc(CACHE_LINE, ROUND_UP(sizeof(*t), CACHE_LINE));
	int r;

	if (!t)
		return err_nomem("the tree");
	memset(t, 0, sizeof(*t));
	t->db = db;
	t->first_new_ino = next_ino;
	t->cred = (struct tree_cred){ .uid = (uint32_t)geteuid(),
				      .gid = (uint32_t)getegid(),
				      .umask = 022 };
	ns_init(&t->ns);
	ino_alloc_init(&t->inos, db, next_ino);
	*out = t;
	r = inode_table_init(&t->inodes);
	if (r == 0)
		r = dentry_cache_new(NAME_CACHE_BYTES, &t->names);
	if (r == 0)
		r = counters_new(N_TREE_COUNTERS, &t->counters);
	return r;
}

int tree_open(struct tt *db, struct tree **out)
{
	struct tree *t = NULL;
	uint64_t next_ino;
	int r = open_rows(db, &next_ino);

	if (r == 0)
		r = new_tree(db, next_ino, &t);
	if (r == 0)
		r = sweeper_new(t, &t->sweeper);
	if (r < 0) {
		(void)tree_close(t); /* r is the failure that counts */
		return r;
	}
	*out = t;
	return 0;
}

int tree_open_past(struct tt *db, int64_t ts, struct tree **out)
{
	struct tree *t = NULL;
	uint64_t version;
	int r = new_tree(db, TREE_ROOT + 1, &t);

	if (r == 0)
		r = tt_snapshot_at(db, ts, &t->past);
	if (r == 0) {
		t->reads.snapshot = t->past;
		r = read_fact(db, &t->reads, FACT_FORMAT, &version);
	}
	if (r == TT_NOTFOUND)
		r = err_set(-ENOENT, "the store held no tree at that time");
	if (r == 0)
		r = check_version(version);
	if (r < 0) {
		(void)tree_close(t); /* r is the failure that counts */
		return r;
	}
	*out = t;
	return 0;
}

int tree_state_hold(struct tree *t, struct tt_snapshot **out)
{
	if (!t->past)
		return tt_snapshot_new(t->db, out);
	*out = t->past;
	return 0;
}

void tree_state_drop(struct tree *t, struct tt_snapshot *state)
{
	if (state && state != t->past)
		tt_snapshot_free(t->db, state);
}

int tree_close(struct tree *t)
{
	int r = 0;

	if (!t)
		return 0;
	if (t->sweeper)
		r = tree_sync(t);
	sweeper_free(t->sweeper);
	inode_table_drop_all(&t->inodes);
	inode_table_fini(&t->inodes);
	dentry_cache_free(t->names);
	counters_free(t->counters);
	free_spares(t->spare, N_SPARE_BATCHES);
	free_spares(t->spare_large, N_SPARE_LARGE);
	ino_alloc_fini(&t->inos);
	ns_fini(&t->ns);
	if (t->past)
		tt_snapshot_free(t->db, t->past);
	free(t);
	return r;
}

void tree_set_listener(struct tree *t, const struct tree_listener *l)
{
	t->listener = *l;
}

struct tt *tree_db(struct tree *t)
{
	return t->db;
}

void tree_set_inode_budget(struct tree *t, size_t bytes)
{
	inode_table_set_max(&t->inodes, bytes / INODE_BYTES);
}

bool tree_is_crowded(const struct tree *t)
{
	return atomic_load_explicit(&t->inodes.is_crowded,
				    memory_order_relaxed);
}

size_t tree_idle_inodes(struct tree *t, uint64_t *out, size_t max)
{
	return inode_idle(&t->inodes, out, max);
}

int tree_sync(struct tree *t)
{
	int r = t->past ? 0 : sweeper_write_times(t->sweeper);

	return r < 0 ? r : tt_sync(t->db);
}

int tree_fsync(struct tree *t, uint64_t ino)
{
	struct inode *in = t->past ? NULL : inode_find(&t->inodes, ino, 0);
	int r = 0;

	if (in) {
		r = sweep_times_now(t, in);
		inode_unref(t, in, 0);
	}
	return r < 0 ? r : tt_sync(t->db);
}
