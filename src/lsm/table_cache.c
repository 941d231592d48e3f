/* SPDX-License-Identifier: MIT */
/*
 * Open tables. Opening happens outside the lock, with the slot marked as
 * being opened; others that want the same table wait for it. Eviction is a
 * clock over the open slots.
 *
 * A table that leaves is retired: its reader's last reference of ours is
 * dropped once no guard of its epoch or an older one is held. Retired tables
 * are looked at whenever one is opened or closed, so few ever wait.
 */
#include "lsm/table_cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/env.h"
#include "base/err.h"
#include "base/mutex.h"

/* Where a thread says that it is inside a guard. */
struct guard_slot {
	/* 0: outside. Else the epoch it entered in. Stored by the thread that
	 * has the slot, loaded by who frees; both seq_cst, see the header. */
	_Atomic uint64_t epoch;
} ALIGNED(CACHE_LINE);

struct retired {
	struct list_node link;
	struct sst_reader *reader; /* our reference */
	uint64_t epoch;		   /* guards of later epochs cannot see it */
};

struct table_cache {
	/* set in table_cache_new(), then constant */
	struct env *env;
	char *dir;
	size_t max_bytes;
	unsigned max_open;
	void (*relieve)(void *arg);
	void *arg;
	struct block_cache *lender; /* NULL: none */
	size_t max_loan;

	/* Rises with every retirement; starts at 1. */
	_Atomic uint64_t epoch;
	/* Guards of threads that have no slot; freeing waits for none. */
	_Atomic uint32_t n_overflow;
	struct guard_slot guards[N_THREAD_SLOTS];

	struct mutex mu;    /* RANK_TABLE_CACHE; never held across I/O */
	struct cond opened; /* some slot's is_opening ended */
	/* guarded by mu */
	struct list_node clock;	  /* open slots, the hand at the front */
	struct list_node retired; /* struct retired, oldest first */
	size_t bytes;
	size_t borrowed; /* see settle_locked() */
	uint64_t n_open, n_opens, n_evictions;
};

int table_cache_new(const struct table_cache_options *o,
		    struct table_cache **out)
{
	size_t size = ROUND_UP(sizeof(struct table_cache), (size_t)CACHE_LINE);
	struct table_cache *tc = aligned_alloc(CACHE_LINE, size);

	if (!tc)
		return err_nomem("the table cache");
	memset(tc, 0, size);
	tc->dir = strdup(o->dir);
	if (!tc->dir) {
		free(tc);
		return err_nomem("the table cache");
	}
	tc->env = o->env;
	tc->max_bytes = o->max_bytes;
	tc->max_open = o->max_open;
	atomic_init(&tc->epoch, 1);
	mutex_init(&tc->mu, RANK_TABLE_CACHE);
	cond_init(&tc->opened);
	list_init(&tc->clock);
	list_init(&tc->retired);
	*out = tc;
	return 0;
}

void table_cache_set_relief(struct table_cache *tc, void (*relieve)(void *arg),
			    void *arg)
{
	tc->relieve = relieve;
	tc->arg = arg;
}

void table_cache_set_lender(struct table_cache *tc, struct block_cache *lender,
			    size_t max_loan)
{
	tc->lender = lender;
	tc->max_loan = max_loan;
}

/* Borrows what is used beyond our own memory, or gives it back. Under the
 * lock, so that no loan is given back before it was taken. */
static void settle_locked(struct table_cache *tc)
{
	size_t over = tc->bytes > tc->max_bytes ? tc->bytes - tc->max_bytes : 0;

	if (!tc->lender || over == tc->borrowed)
		return;
	if (over > tc->borrowed)
		block_cache_borrow(tc->lender, over - tc->borrowed);
	else
		block_cache_give_back(tc->lender, tc->borrowed - over);
	tc->borrowed = over;
}

/* ---- retiring ------------------------------------------------------------- */

/* The oldest epoch that some guard may be of; UINT64_MAX when none is held. */
static uint64_t oldest_guard(struct table_cache *tc)
{
	uint64_t oldest = UINT64_MAX;

	if (atomic_load_explicit(&tc->n_overflow, memory_order_seq_cst))
		return 0;
	for (int i = 0; i < N_THREAD_SLOTS; i++) {
		uint64_t e = atomic_load_explicit(&tc->guards[i].epoch,
						  memory_order_seq_cst);

		if (e && e < oldest)
			oldest = e;
	}
	return oldest;
}

/* Moves what nobody can see any more to `out`. */
static void collect_locked(struct table_cache *tc, struct list_node *out)
{
	uint64_t oldest;

	mutex_assert_held(&tc->mu);
	if (list_is_empty(&tc->retired))
		return;
	oldest = oldest_guard(tc);
	LIST_FOR_SAFE(&tc->retired, n, after) {
		struct retired *x = container_of(n, struct retired, link);

		if (x->epoch >= oldest)
			break;
		list_remove(n);
		list_push_back(out, n);
	}
}

static void free_retired(struct list_node *dead)
{
	struct list_node *n;

	while ((n = list_pop_front(dead))) {
		struct retired *x = container_of(n, struct retired, link);

		sst_close(x->reader);
		free(x);
	}
}

/* Takes the table out of the cache. `x` is the caller's allocation. */
static void retire_locked(struct table_cache *tc, struct table_slot *s,
			  struct retired *x)
{
	x->reader = atomic_load_explicit(&s->reader, memory_order_relaxed);
	atomic_store_explicit(&s->reader, NULL, memory_order_seq_cst);
	x->epoch =
		atomic_fetch_add_explicit(&tc->epoch, 1, memory_order_seq_cst);
	list_push_back(&tc->retired, &x->link);
	list_remove(&s->link);
	tc->bytes -= s->bytes;
	tc->n_open--;
}

/* True when the slot at the hand may be closed; else it moves on. */
static bool evict_step_locked(struct table_cache *tc, struct table_slot *keep)
{
	struct list_node *n = list_first(&tc->clock);
	struct table_slot *s = container_of(n, struct table_slot, link);
	struct retired *x;

	list_remove(n);
	list_push_back(&tc->clock, n);
	if (s == keep ||
	    atomic_exchange_explicit(&s->is_used, 0, memory_order_relaxed))
		return false;
	if (sst_is_shared(
		    atomic_load_explicit(&s->reader, memory_order_relaxed)))
		return false;
	x = malloc(sizeof(*x));
	if (!x)
		return false; /* the bound is exceeded until memory is back */
	retire_locked(tc, s, x);
	tc->n_evictions++;
	return true;
}

/* What tables may have on loan: others borrow too. */
static size_t loan_locked(const struct table_cache *tc)
{
	size_t most;

	if (!tc->lender)
		return 0;
	most = tc->borrowed + block_cache_lendable(tc->lender);
	return MIN_OF(most, tc->max_loan);
}

static bool is_full_locked(const struct table_cache *tc)
{
	return tc->n_open > 1 && (tc->bytes > tc->max_bytes + loan_locked(tc) ||
				  tc->n_open > tc->max_open);
}

/* Two rounds of the clock at most: all may be in use. */
static void evict_locked(struct table_cache *tc, struct table_slot *keep)
{
	uint64_t steps = 2 * tc->n_open;

	while (steps-- && is_full_locked(tc))
		evict_step_locked(tc, keep);
}

/* Closes tables until the bounds hold again, as far as can be. */
static void evict(struct table_cache *tc, struct table_slot *keep)
{
	bool is_full;

	mutex_lock(&tc->mu);
	evict_locked(tc, keep);
	is_full = is_full_locked(tc);
	mutex_unlock(&tc->mu);
	if (unlikely(is_full) && tc->relieve)
		tc->relieve(tc->arg);
	mutex_lock(&tc->mu);
	if (is_full)
		evict_locked(tc, keep);
	settle_locked(tc);
	mutex_unlock(&tc->mu);
}

/* ---- opening --------------------------------------------------------------- */

static int open_reader(struct table_cache *tc, uint64_t file_no,
		       struct sst_reader **out)
{
	struct buf path = BUF_INIT;
	const char *p;
	int r;

	r = buf_printf(&path, "%s/%06" PRIu64 ".sst", tc->dir, file_no);
	p = r < 0 ? NULL : buf_cstr(&path);
	r = p ? sst_open(tc->env, p, file_no, out) : err_nomem("a path");
	/* Nobody may take it for a missing key. */
	if (r == -ENOENT)
		r = err_set(TT_ECORRUPT, "%s: the table is missing", p);
	buf_fini(&path);
	return r;
}

static void publish_locked(struct table_cache *tc, struct table_slot *s,
			   struct sst_reader *r)
{
	s->bytes = sst_memory(r);
	tc->bytes += s->bytes;
	tc->n_open++;
	tc->n_opens++;
	list_push_back(&tc->clock, &s->link);
	atomic_store_explicit(&s->is_used, 1, memory_order_relaxed);
	atomic_store_explicit(&s->reader, r, memory_order_seq_cst);
}

int table_peek_slow(struct table_cache *tc, struct table_slot *s,
		    struct sst_reader **out)
{
	struct list_node dead = LIST_INIT(dead);
	struct sst_reader *r;
	int rc;

	mutex_lock(&tc->mu);
	while (s->is_opening)
		cond_wait(&tc->opened, &tc->mu);
	r = atomic_load_explicit(&s->reader, memory_order_seq_cst);
	if (r) {
		mutex_unlock(&tc->mu);
		*out = r;
		return 0;
	}
	s->is_opening = true;
	mutex_unlock(&tc->mu);

	rc = open_reader(tc, s->file_no, &r);

	mutex_lock(&tc->mu);
	s->is_opening = false;
	if (rc == 0)
		publish_locked(tc, s, r);
	cond_broadcast(&tc->opened);
	mutex_unlock(&tc->mu);
	if (rc == 0) {
		evict(tc, s);
		*out = r;
	}
	mutex_lock(&tc->mu);
	collect_locked(tc, &dead);
	mutex_unlock(&tc->mu);
	free_retired(&dead);
	return rc;
}

/* ---- slots ----------------------------------------------------------------- */

void table_slot_init(struct table_slot *s, uint64_t file_no)
{
	s->file_no = file_no;
	atomic_init(&s->reader, NULL);
	atomic_init(&s->is_used, 0);
	s->is_opening = false;
	s->bytes = 0;
	list_init(&s->link);
}

void table_slot_fini(struct table_cache *tc, struct table_slot *s)
{
	struct list_node dead = LIST_INIT(dead);
	struct sst_reader *r;

	mutex_lock(&tc->mu);
	r = atomic_load_explicit(&s->reader, memory_order_relaxed);
	if (r) {
		atomic_store_explicit(&s->reader, NULL, memory_order_relaxed);
		list_remove(&s->link);
		tc->bytes -= s->bytes;
		tc->n_open--;
	}
	collect_locked(tc, &dead);
	settle_locked(tc);
	mutex_unlock(&tc->mu);
	/* No one uses the slot, so no guard can have shown the reader. */
	sst_close(r);
	free_retired(&dead);
}

void table_cache_free(struct table_cache *tc)
{
	if (!tc)
		return;
	assert(list_is_empty(&tc->clock));
	free_retired(&tc->retired);
	cond_fini(&tc->opened);
	mutex_fini(&tc->mu);
	free(tc->dir);
	free(tc);
}

/* ---- guards and pins --------------------------------------------------------- */

void table_guard_enter(struct table_cache *tc, struct table_guard *g)
{
	_Atomic uint64_t *mine;

	g->slot = thread_slot();
	g->outer = 0;
	if (unlikely(g->slot < 0)) {
		atomic_fetch_add_explicit(&tc->n_overflow, 1,
					  memory_order_seq_cst);
		return;
	}
	mine = &tc->guards[g->slot].epoch;
	g->outer = atomic_load_explicit(mine, memory_order_relaxed);
	if (g->outer == 0)
		atomic_store_explicit(
			mine,
			atomic_load_explicit(&tc->epoch, memory_order_seq_cst),
			memory_order_seq_cst);
}

void table_guard_leave(struct table_cache *tc, struct table_guard *g)
{
	if (unlikely(g->slot < 0))
		atomic_fetch_sub_explicit(&tc->n_overflow, 1,
					  memory_order_release);
	else if (g->outer == 0)
		atomic_store_explicit(&tc->guards[g->slot].epoch, 0,
				      memory_order_release);
}

int table_pin(struct table_cache *tc, struct table_slot *s,
	      struct sst_reader **out)
{
	struct table_guard g;
	int r;

	table_guard_enter(tc, &g);
	r = table_peek(tc, s, out);
	if (r == 0)
		sst_ref(*out);
	table_guard_leave(tc, &g);
	return r;
}

void table_cache_read_stats(struct table_cache *tc,
			    struct table_cache_stats *out)
{
	mutex_lock(&tc->mu);
	*out = (struct table_cache_stats){
		.opens = tc->n_opens,
		.evictions = tc->n_evictions,
		.open_tables = tc->n_open,
		.bytes = tc->bytes,
		.max_bytes = tc->max_bytes,
	};
	mutex_unlock(&tc->mu);
}
