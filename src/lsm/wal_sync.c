/* SPDX-License-Identifier: MIT */
/*
 * Making the log durable: group commit (DeWitt et al., "Implementation
 * Techniques for Main Memory Database Systems", SIGMOD 1984, section 5.2).
 *
 * A sync takes `end` (acquire), makes durable what lies between and only then
 * moves `durable`: nothing counts as durable that was not written when the
 * flush began.
 *
 * One caller leads a sync, the others wait for the turn that will answer
 * them: this one, or, when they wrote after it had begun, the next. When it
 * ends, those whose turn it was are woken, and one of the others, to lead.
 *
 * Committers that commit again and again would fall into two halves: while
 * the disk works for one the other queues up, and each turn answers only half
 * of them. So who begins a turn after one with company waits a moment for it
 * to come back, a part of what the sync itself takes. The last to come leads,
 * being awake.
 */
#include "base/futex.h"
#include "base/log.h"
#include "lsm/wal_impl.h"

/* A leader waits at most this part of a sync for others, and so long. */
#define GATHER_PART 3
#define GATHER_MOST_NS 1000000u

/* ---- one flush --------------------------------------------------------- */

struct wal_segment *wal_first_unsynced_locked(struct wal *w, uint32_t no)
{
	mutex_assert_held(&w->mu);
	LIST_FOR(&w->used, n) {
		struct wal_segment *s =
			container_of(n, struct wal_segment, link);

		if (s->no > no)
			break;
		if (!s->is_synced)
			return s;
	}
	return NULL;
}

/* True when a raw segment shall be written whole, all of its pages being
 * dirty since it was mapped: the syncs that follow then commit no extents. */
static bool wants_whole_locked(const struct wal *w, const struct wal_segment *s)
{
	return s->is_raw && w->is_synced;
}

/* Makes a used segment durable. Drops the lock meanwhile. */
static int sync_used_locked(struct wal *w, struct wal_segment *s)
	REQUIRES(w->mu)
{
	/* Unmapping lost nothing: its stores are dirty pages of the file. */
	bool is_whole = !s->map || wants_whole_locked(w, s);
	int r;

	s->is_syncing = true;
	mutex_unlock(&w->mu);
	r = is_whole ? env_sync(s->file, ENV_SYNC_DATA)
		     : env_map_sync(s->map, 0, s->end);
	mutex_lock(&w->mu);
	s->is_syncing = false;
	s->is_synced = r == 0;
	s->is_raw &= !is_whole;
	w->n_syncs++;
	cond_signal(&w->prepare);
	return r;
}

/*
 * Makes the current segment durable up to `to`. Drops the lock meanwhile; the
 * segment may become a used one. Begins where its last sync ended, not at
 * wal_durable(): that also moves when a flush makes records durable elsewhere,
 * and the header and the records before must reach the disk nevertheless.
 */
static int sync_current_locked(struct wal *w, uint32_t to) REQUIRES(w->mu)
{
	struct wal_segment *s = w->current;
	uint32_t from = s->synced_to;
	bool is_whole = wants_whole_locked(w, s);
	int r;

	if (from >= to)
		return 0;

	s->is_syncing = true;
	mutex_unlock(&w->mu);
	r = is_whole ? env_sync(s->file, ENV_SYNC_DATA)
		     : env_map_sync(s->map, from, to - from);
	mutex_lock(&w->mu);
	s->is_syncing = false;
	if (r == 0)
		s->synced_to = to;
	s->is_raw &= !is_whole;
	w->n_syncs++;
	if (s != w->current) /* then it waited for us to be put away */
		cond_signal(&w->prepare);
	return r;
}

/* What records point to comes first. Drops the lock meanwhile. */
static int sync_before_locked(struct wal *w) REQUIRES(w->mu)
{
	int r;

	if (!w->opts.sync_before)
		return 0;
	mutex_unlock(&w->mu);
	r = w->opts.sync_before(w->opts.sync_arg);
	mutex_lock(&w->mu);
	return r;
}

/* Makes durable what lies below `target`. */
static int sync_locked(struct wal *w, uint64_t target) REQUIRES(w->mu)
{
	uint32_t no = wal_lsn_segment(target);
	struct wal_segment *s;
	int r = sync_before_locked(w);

	while (r == 0 && (s = wal_first_unsynced_locked(w, no))) {
		if (s->is_closing) /* then look again: it may be gone */
			cond_wait(&w->closed, &w->mu);
		else
			r = sync_used_locked(w, s);
	}
	/* Its header counts as a part of what the first sync covers. */
	if (r == 0 && w->current && w->current->no == no)
		r = sync_current_locked(w, wal_lsn_offset(target));
	if (r == 0 && target > wal_durable(w))
		atomic_store_explicit(&w->durable, target,
				      memory_order_release);
	return r;
}

static COLD void poison_locked(struct wal *w, int code)
{
	err_save(&w->poison_why, code);
	atomic_store_explicit(&w->poison, code, memory_order_relaxed);
	log_error(LOG_WAL,
		  "%s: sync failed, writes are refused from now on: %s", w->dir,
		  w->poison_why.text);
}

/* ---- turns ------------------------------------------------------------- */

static struct sync_turn *turn_of(struct wal *w, uint64_t no)
{
	return &w->turns[no % ARRAY_LEN(w->turns)];
}

/*
 * Who sleeps is woken without the lock held: woken under it, one after the
 * other would run into it, and from then on each that leaves it wakes the
 * next.
 */
static int sync_and_wake_unlock(struct wal *w) RELEASE(w->mu)
{
	struct sync_turn *t = turn_of(w, w->turn_no);
	struct sync_turn *next = turn_of(w, w->turn_no + 1);
	bool is_awaited, has_next;
	uint64_t since = mono_ns();
	int r;

	w->is_gathering = false;
	w->turn_end = wal_end(w);
	r = sync_locked(w, w->turn_end);
	w->sync_ns = mono_ns() - since;
	if (r < 0)
		poison_locked(w, r);
	w->is_syncing = false;
	w->n_expected = t->n_waiting + next->n_waiting + 1;
	is_awaited = t->n_waiting > 0;
	has_next = next->n_waiting > 0;
	t->n_waiting = 0;
	atomic_store_explicit(&w->turn_over, w->turn_no, memory_order_release);
	atomic_fetch_add_explicit(&t->word, 1, memory_order_release);
	atomic_fetch_add_explicit(&next->word, 1, memory_order_release);
	mutex_unlock(&w->mu);
	if (has_next)
		futex_wake(&next->word, r < 0 ? FUTEX_ALL : 1);
	if (is_awaited)
		futex_wake(&t->word, FUTEX_ALL);
	return r;
}

static bool is_over(struct wal *w, uint64_t no)
{
	return atomic_load_explicit(&w->turn_over, memory_order_acquire) >= no;
}

/*
 * Begins turn `no` by waiting, as one of those that sleep in it, for whom the
 * last sync answered and who came during it: all may be on their way. The
 * last to come leads.
 */
static int gather_unlock(struct wal *w, uint64_t no) RELEASE(w->mu)
{
	uint64_t until =
		mono_ns() + MIN_OF(w->sync_ns / GATHER_PART, GATHER_MOST_NS);
	struct sync_turn *t = turn_of(w, no);
	uint32_t seen = atomic_load_explicit(&t->word, memory_order_relaxed);

	w->is_gathering = true;
	t->n_waiting++;
	mutex_unlock(&w->mu);
	futex_sleep_until(&t->word, seen, until);
	if (is_over(w, no))
		return 0;
	mutex_lock(&w->mu);
	if (w->turn_no == no && w->is_gathering) {
		t->n_waiting--;
		return sync_and_wake_unlock(w);
	}
	mutex_unlock(&w->mu);
	while (!is_over(w, no))
		futex_sleep(&t->word, seen);
	return 0;
}

static int lead_unlock(struct wal *w) RELEASE(w->mu)
{
	uint64_t no = ++w->turn_no;

	w->is_syncing = true;
	w->turn_end = UINT64_MAX; /* whoever comes now comes in time */
	if (turn_of(w, no)->n_waiting + 1 < w->n_expected)
		return gather_unlock(w, no);
	return sync_and_wake_unlock(w);
}

/*
 * Somebody who waits for turn `no` woke up before it was over: for nothing, or
 * to lead it. Who is to lead does so, or has another woken, before it gives
 * the lock away: afterwards a flush may make it needless, and whoever sleeps
 * in the turn would be forgotten.
 */
static int leave_turn(struct wal *w, uint64_t no, uint64_t lsn)
{
	struct sync_turn *t = turn_of(w, no);
	bool passes_on = false;

	mutex_lock(&w->mu);
	if (no > w->turn_no || (no == w->turn_no && w->is_syncing))
		t->n_waiting--;
	if (no > w->turn_no && !w->is_syncing && !w->poison_why.code) {
		if (wal_durable(w) < lsn)
			return lead_unlock(w);
		passes_on = t->n_waiting > 0;
	}
	if (passes_on)
		atomic_fetch_add_explicit(&t->word, 1, memory_order_relaxed);
	mutex_unlock(&w->mu);
	if (passes_on)
		futex_wake(&t->word, 1);
	return 0;
}

int wal_sync_turn_unlock(struct wal *w, uint64_t lsn)
{
	struct sync_turn *t;
	uint32_t seen;
	uint64_t no;
	int r;

	if (w->poison_why.code) {
		r = err_restore(&w->poison_why);
		mutex_unlock(&w->mu);
		return r;
	}
	if (!w->is_syncing)
		return lead_unlock(w);
	no = w->turn_no + (lsn > w->turn_end);
	t = turn_of(w, no);
	if (w->is_gathering && t->n_waiting + 1 >= w->n_expected)
		return sync_and_wake_unlock(w);
	t->n_waiting++;
	seen = atomic_load_explicit(&t->word, memory_order_relaxed);
	mutex_unlock(&w->mu);
	futex_sleep(&t->word, seen);
	return is_over(w, no) ? 0 : leave_turn(w, no, lsn);
}

static int sync_to_unlock(struct wal *w, uint64_t lsn) RELEASE(w->mu)
{
	int r;

	if (w->poison_why.code) {
		mutex_unlock(&w->mu);
		return wal_refuse(w);
	}
	w->n_sync_waits++;
	r = wal_sync_turn_unlock(w, lsn);
	while (r == 0 && wal_durable(w) < lsn) {
		mutex_lock(&w->mu);
		r = wal_sync_turn_unlock(w, lsn);
	}
	return r;
}

int wal_sync(struct wal *w, uint64_t lsn)
{
	if (wal_durable(w) >= lsn)
		return 0;
	mutex_lock(&w->mu);
	if (!w->is_synced) {
		w->is_synced = true;
		cond_signal(&w->prepare);
	}
	return sync_to_unlock(w, lsn);
}

int wal_sync_to(struct wal *w, uint64_t lsn)
{
	if (wal_durable(w) >= lsn)
		return 0;
	mutex_lock(&w->mu);
	return sync_to_unlock(w, lsn);
}

void wal_sync_run(void *arg)
{
	struct wal *w = arg;
	uint64_t interval_ns = w->opts.sync_interval_ms * 1000000u;

	mutex_lock(&w->mu);
	while (!w->is_stopping) {
		uint64_t due = mono_ns() + interval_ns;

		while (!w->is_stopping &&
		       cond_wait_until(&w->tick, &w->mu, due))
			continue;
		if (w->is_stopping || w->poison_why.code)
			continue;
		mutex_unlock(&w->mu);
		(void)wal_sync_to(w,
				  wal_end(w)); /* a failure poisons the log */
		mutex_lock(&w->mu);
	}
	mutex_unlock(&w->mu);
}
