/* SPDX-License-Identifier: MIT */
/*
 * The commit queue.
 *
 * `state` says whether somebody leads and whether somebody is queued. A
 * writer that moves it from idle to led is the leader, with one atomic
 * operation and without the lock. Others queue under the lock and sleep.
 * A leader that finds writers queued when it is done does their work too,
 * N_ROUNDS times at most (handing over costs a wake-up during which nothing
 * gets done); then it makes the first of those left the leader.
 *
 * Failures. What fails before the log was written fails that request alone.
 * A memtable that cannot take what is logged already would leave readers
 * with half a batch: the queue is poisoned then.
 */
#include "lsm/write.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/list.h"
#include "base/mutex.h"
#include "lsm/gaps.h"
#include "lsm/record.h"

#define N_ROUNDS 8
/* A group takes no more writers once it has so many bytes. */
#define GROUP_BYTES ((size_t)1 << 20)

enum { QUEUE_IDLE = 0, QUEUE_LED = 1, QUEUE_WAITED = 2 };

enum req_state { REQ_QUEUED, REQ_LEADS, REQ_DONE };

/* On its writer's stack. The leader owns it from queueing to REQ_DONE. */
struct write_req {
	struct list_node link;
	struct cond wake;
	enum req_state state; /* guarded by the queue's lock */
	bool no_wait;
	/* the payload */
	const struct tt_slice *parts;
	size_t n_parts;
	size_t len;
	uint32_t n_ops;
	uint32_t n_ranges;  /* of them range deletions */
	uint64_t separated; /* bytes of value files that it points to */
	/* one operation, or when the key is empty a batch: the first part */
	struct batch_op one;
	/* or, when set, something to do instead */
	int (*fn)(void *arg);
	void *arg;
	/* the outcome */
	int r;
	bool is_logged; /* set when the log has it, perhaps */
	int64_t ts;
	uint64_t end_lsn;
	struct err_saved why; /* when r < 0 */
};

struct write_queue {
	/* set in write_queue_new(), then constant */
	struct write_hooks hooks;
	struct wal *wal;
	struct clock *clk;

	/* QUEUE_*: taken from idle with acquire and given back with release by
	 * leaders, otherwise changed under the lock */
	_Atomic int state;
	/* stored under the lock, a hint for who loads it without, relaxed */
	_Atomic int poison;
	/* stored by the leader around a wait for room, under the lock */
	bool is_stalled;

	struct mutex mu; /* RANK_DB_WRITE; not held while leading */
	/* guarded by mu */
	struct list_node queued;
	struct err_saved poison_why;

	/* stored by the leader, loaded by anybody, relaxed */
	_Atomic uint64_t n_writes, n_ops, n_bytes, n_groups;
};

int write_queue_new(const struct write_hooks *hooks, struct wal *wal,
		    struct clock *clk, struct write_queue **out)
{
	struct write_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return err_nomem("write queue");
	q->hooks = *hooks;
	q->wal = wal;
	q->clk = clk;
	mutex_init(&q->mu, RANK_DB_WRITE);
	list_init(&q->queued);
	*out = q;
	return 0;
}

void write_queue_free(struct write_queue *q)
{
	if (!q)
		return;
	assert(list_is_empty(&q->queued));
	mutex_fini(&q->mu);
	free(q);
}

static struct write_req *req_of(struct list_node *n)
{
	return container_of(n, struct write_req, link);
}

static void req_set(struct write_req *q, int r)
{
	q->r = r;
	if (r < 0)
		err_save(&q->why, r);
}

static void count(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c,
			      atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* About what a request takes in a memtable. */
static ALWAYS_INLINE uint64_t memory_of(const struct write_req *req)
{
	return req->len + (uint64_t)MEMTABLE_OP_BYTES * req->n_ops +
	       (uint64_t)MEMTABLE_RANGE_BYTES * req->n_ranges;
}

/* ---- leading ------------------------------------------------------------ */

/* Before anybody can see the operation. */
static NOINLINE void cut_gaps(struct gaps *g, const struct batch_op *op)
{
	if (op->kind != RECORD_TOMBSTONE && op->kind != RECORD_RANGE)
		gaps_cut(g, op->key);
}

static ALWAYS_INLINE int apply_op(struct gaps *g, struct memtable *m,
				  const struct batch_op *op, int64_t ts)
{
	if (unlikely(g && gaps_watch(g)))
		cut_gaps(g, op);
	return memtable_add(m, op->key, ts, op->kind, op->value);
}

static int apply_batch(struct gaps *g, struct memtable *m,
		       const struct write_req *req)
{
	struct batch_reader rd;
	struct batch_op op;
	int r = batch_reader_init(&rd, req->parts[0]);

	while (r == 0 && (r = batch_reader_next(&rd, &op)) == 0)
		r = apply_op(g, m, &op, req->ts);
	return r == TT_END ? 0 : r;
}

static COLD int refuse(struct write_queue *q)
{
	struct err_saved why;

	mutex_lock(&q->mu);
	why = q->poison_why;
	mutex_unlock(&q->mu);
	return err_set(TT_EPOISONED, "writes are refused since: %s", why.text);
}

/* Logs and applies one request. */
static int lead_one(struct write_queue *q, struct memtable *m,
		    struct write_req *req)
{
	int r = 0;

	if (unlikely(atomic_load_explicit(&q->poison, memory_order_relaxed)))
		return refuse(q);
	req->ts = clock_next(q->clk);
	if (likely(q->wal != NULL))
		r = wal_append(q->wal, req->ts, req->parts, req->n_parts,
			       &req->end_lsn);
	if (unlikely(r < 0))
		return r;
	req->is_logged = true;
	if (likely(req->one.key.len))
		r = apply_op(q->hooks.gaps, m, &req->one, req->ts);
	else
		r = apply_batch(q->hooks.gaps, m, req);
	if (unlikely(r < 0))
		write_queue_poison(q, r);
	count(&q->n_writes, 1);
	count(&q->n_ops, req->n_ops);
	count(&q->n_bytes, req->len);
	return r;
}

/* Fails the requests of a list that must not wait; the lock is held when it
 * is the queue. */
static void fail_no_wait(struct list_node *list, struct list_node *failed)
{
	LIST_FOR_SAFE(list, n, after) {
		if (!req_of(n)->no_wait)
			continue;
		req_set(req_of(n), err_set(-EAGAIN, "would wait for room"));
		list_remove(n);
		list_push_back(failed, n);
	}
}

static void wake_locked(struct write_req *req)
{
	req->state = REQ_DONE;
	cond_signal(&req->wake);
}

/*
 * There was no room at once. Sends those away who must not wait and waits
 * for the others. `own` is the leader's request if it is in the group.
 */
static NOINLINE int wait_for_room(struct write_queue *q,
				  struct list_node *group, size_t bytes,
				  uint64_t separated,
				  const struct write_req *own,
				  struct memtable **out)
{
	struct list_node failed = LIST_INIT(failed);
	int r = 0;

	fail_no_wait(group, &failed);
	mutex_lock(&q->mu);
	q->is_stalled = true;
	fail_no_wait(&q->queued, &failed);
	LIST_FOR_SAFE(&failed, n, after) {
		list_remove(n);
		if (req_of(n) != own)
			wake_locked(req_of(n));
	}
	mutex_unlock(&q->mu);
	if (!list_is_empty(group))
		r = q->hooks.make_room(q->hooks.arg, bytes, separated, false,
				       out);
	mutex_lock(&q->mu);
	q->is_stalled = false;
	mutex_unlock(&q->mu);
	return r;
}

/* Does the work of a group. Outcomes are in the requests; those that were
 * sent away have left the list. */
static void lead_group(struct write_queue *q, struct list_node *group,
		       const struct write_req *own)
{
	struct memtable *m = NULL;
	size_t bytes = 0;
	uint64_t separated = 0;
	int64_t last_ts = 0;
	int r;

	if (unlikely(q->hooks.gaps && gaps_have_mail(q->hooks.gaps)))
		gaps_take(q->hooks.gaps, clock_visible(q->clk));
	LIST_FOR(group, n) {
		bytes += memory_of(req_of(n));
		separated += req_of(n)->separated;
	}
	r = q->hooks.make_room(q->hooks.arg, bytes, separated, true, &m);
	if (unlikely(r == -EAGAIN))
		r = wait_for_room(q, group, bytes, separated, own, &m);
	LIST_FOR(group, n) {
		struct write_req *req = req_of(n);

		req_set(req, r < 0 ? r : lead_one(q, m, req));
		if (req->r == 0)
			last_ts = req->ts;
	}
	if (likely(last_ts))
		clock_publish(q->clk, last_ts);
}

/* Moves the next group from the queue to `group`. */
static void take_group_locked(struct write_queue *q, struct list_node *group)
{
	struct list_node *n;
	size_t bytes = 0;

	mutex_assert_held(&q->mu);
	while (bytes < GROUP_BYTES && (n = list_first(&q->queued))) {
		/* Something to do instead of a write goes by itself. */
		if (req_of(n)->fn && !list_is_empty(group))
			break;
		bytes += req_of(n)->fn ? GROUP_BYTES : req_of(n)->len;
		list_remove(n);
		list_push_back(group, n);
	}
}

/* Ends a lead under the lock, with writers queued or not. */
static void hand_over_locked(struct write_queue *q)
{
	struct list_node *n = list_pop_front(&q->queued);
	int state = QUEUE_IDLE;

	if (n) {
		req_of(n)->state = REQ_LEADS;
		cond_signal(&req_of(n)->wake);
		state = QUEUE_LED;
		if (!list_is_empty(&q->queued))
			state |= QUEUE_WAITED;
	}
	atomic_store_explicit(&q->state, state, memory_order_release);
}

static void lead_requests(struct write_queue *q, struct list_node *group,
			  const struct write_req *own)
{
	struct write_req *first = req_of(group->next);

	/* Switching memtables too is refused: the tables would show the half
	 * batch that the queue may be poisoned for. */
	if (unlikely(atomic_load_explicit(&q->poison, memory_order_relaxed)))
		LIST_FOR(group, n)
			req_set(req_of(n), refuse(q));
	else if (unlikely(first->fn != NULL))
		req_set(first, first->fn(first->arg));
	else
		lead_group(q, group, own);
}

/* Others came while the leader worked: does their work, then hands over. */
static NOINLINE void lead_queued(struct write_queue *q)
{
	struct list_node group = LIST_INIT(group);

	mutex_lock(&q->mu);
	for (int i = 0; i < N_ROUNDS && !list_is_empty(&q->queued); i++) {
		take_group_locked(q, &group);
		if (group.next != group.prev)
			count(&q->n_groups, 1);
		mutex_unlock(&q->mu);
		lead_requests(q, &group, NULL);
		mutex_lock(&q->mu);
		LIST_FOR_SAFE(&group, n, after) {
			list_remove(n);
			wake_locked(req_of(n));
		}
	}
	hand_over_locked(q);
	mutex_unlock(&q->mu);
}

/* Ends a lead if nobody is queued. */
static ALWAYS_INLINE bool try_idle(struct write_queue *q)
{
	int expected = QUEUE_LED;

	return atomic_compare_exchange_strong_explicit(&q->state, &expected,
						       QUEUE_IDLE,
						       memory_order_release,
						       memory_order_relaxed);
}

static void lead(struct write_queue *q, struct write_req *own)
{
	struct list_node group = LIST_INIT(group);

	list_push_back(&group, &own->link);
	lead_requests(q, &group, own);
	if (unlikely(!try_idle(q)))
		lead_queued(q);
}

/* ---- entering ----------------------------------------------------------- */

static bool try_lead(struct write_queue *q)
{
	int expected = QUEUE_IDLE;

	return atomic_compare_exchange_strong_explicit(&q->state, &expected,
						       QUEUE_LED,
						       memory_order_acquire,
						       memory_order_relaxed);
}

/* Says to the leader that there is a queue; false when there is no leader
 * any more. */
static bool mark_waited_locked(struct write_queue *q)
{
	int state = atomic_load_explicit(&q->state, memory_order_relaxed);

	while (state != QUEUE_IDLE)
		if (atomic_compare_exchange_weak_explicit(
			    &q->state, &state, state | QUEUE_WAITED,
			    memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

/* Queues up behind a leader; returns when the work is done. */
static NOINLINE void enter_queued(struct write_queue *q, struct write_req *req)
{
	bool leads = false;

	cond_init(&req->wake);
	mutex_lock(&q->mu);
	while (!mark_waited_locked(q) && !(leads = try_lead(q)))
		continue;
	if (!leads && req->no_wait && q->is_stalled) {
		req_set(req, err_set(-EAGAIN, "would wait for room"));
	} else if (!leads) {
		req->state = REQ_QUEUED;
		list_push_back(&q->queued, &req->link);
		while (req->state == REQ_QUEUED)
			cond_wait(&req->wake, &q->mu);
		leads = req->state == REQ_LEADS;
	}
	mutex_unlock(&q->mu);
	cond_fini(&req->wake);
	if (leads)
		lead(q, req);
}

static ALWAYS_INLINE int enter(struct write_queue *q, struct write_req *req)
{
	req->why.code = 0;
	list_init(&req->link);
	if (likely(try_lead(q)))
		lead(q, req);
	else
		enter_queued(q, req);
	/* The text of a failure may lie with the thread that led. */
	return unlikely(req->r < 0) ? err_restore(&req->why) : req->r;
}

static ALWAYS_INLINE int commit(struct write_queue *q, struct write_req *req,
				const struct tt_write_options *wo,
				int64_t *out_ts)
{
	int r;

	req->fn = NULL;
	req->no_wait = wo && wo->no_wait;
	req->end_lsn = 0;
	req->is_logged = false;
	r = enter(q, req);
	if (r == 0 && wo && wo->sync && q->wal)
		r = wal_sync(q->wal, req->end_lsn);
	if (r == 0 && out_ts)
		*out_ts = req->ts;
	return r;
}

int write_commit_pointers(struct write_queue *q, const struct tt_batch *batch,
			  const struct tt_write_options *wo, int64_t *out_ts,
			  bool *is_logged)
{
	struct tt_slice encoded = batch_encoded(batch);
	struct write_req req;
	int r;

	*is_logged = false;
	if (batch->n_ops == 0) {
		if (out_ts)
			*out_ts = clock_visible(q->clk);
		return 0;
	}
	req.parts = &encoded;
	req.n_parts = 1;
	req.len = encoded.len;
	req.n_ops = batch->n_ops;
	req.separated = batch->separated_bytes;
	req.n_ranges = batch->n_ranges;
	if (memory_of(&req) > MEMTABLE_BATCH_MOST)
		return err_set(TT_ETOOBIG,
			       "a batch of %u operations takes too much memory",
			       (unsigned)batch->n_ops);
	req.one.key = SLICE_EMPTY;
	r = commit(q, &req, wo, out_ts);
	*is_logged = req.is_logged;
	return r;
}

int write_commit(struct write_queue *q, const struct tt_batch *batch,
		 const struct tt_write_options *wo, int64_t *out_ts)
{
	bool is_logged; /* nobody has to know */

	return write_commit_pointers(q, batch, wo, out_ts, &is_logged);
}

/* The key and the value's length have been checked. */
static ALWAYS_INLINE int commit_one(struct write_queue *q, uint8_t kind,
				    struct tt_slice key, struct tt_slice value,
				    uint64_t separated,
				    const struct tt_write_options *wo,
				    int64_t *out_ts, bool *is_logged)
{
	struct batch_one one;
	struct write_req req;
	int r;

	batch_one_encode(&one, kind, key, value);
	req.parts = one.parts;
	req.n_parts = ARRAY_LEN(one.parts);
	req.len = one.len;
	req.n_ops = 1;
	req.n_ranges = kind == RECORD_RANGE;
	req.separated = separated;
	req.one = (struct batch_op){ key, one.parts[3], kind };
	r = commit(q, &req, wo, out_ts);
	*is_logged = req.is_logged;
	return r;
}

int write_commit_one(struct write_queue *q, uint8_t kind, struct tt_slice key,
		     struct tt_slice value, const struct tt_write_options *wo,
		     int64_t *out_ts)
{
	bool is_logged; /* nobody has to know */
	int r = batch_check_op(key, value.len);

	if (r < 0)
		return r;
	return commit_one(q, kind, key, value, 0, wo, out_ts, &is_logged);
}

int write_commit_pointer(struct write_queue *q, struct tt_slice key,
			 struct tt_slice pointer,
			 const struct tt_write_options *wo, int64_t *out_ts,
			 bool *is_logged)
{
	return commit_one(q, RECORD_POINTER, key, pointer,
			  batch_separated(key, pointer), wo, out_ts, is_logged);
}

int write_exclusive(struct write_queue *q, int (*fn)(void *arg), void *arg)
{
	struct write_req req = { .fn = fn, .arg = arg };

	return enter(q, &req);
}

void write_if_idle(struct write_queue *q, void (*fn)(void *arg), void *arg)
{
	if (!try_lead(q))
		return;
	fn(arg);
	if (likely(try_idle(q)))
		return;
	mutex_lock(&q->mu);
	hand_over_locked(q);
	mutex_unlock(&q->mu);
}

void write_queue_poison(struct write_queue *q, int code)
{
	mutex_lock(&q->mu);
	if (q->poison_why.code == 0) {
		err_save(&q->poison_why, code);
		atomic_store_explicit(&q->poison, code, memory_order_relaxed);
	}
	mutex_unlock(&q->mu);
}

int write_queue_check(struct write_queue *q)
{
	return atomic_load_explicit(&q->poison, memory_order_relaxed)
		       ? refuse(q)
		       : 0;
}

void write_queue_get_stats(struct write_queue *q, struct write_stats *out)
{
	out->n_writes =
		atomic_load_explicit(&q->n_writes, memory_order_relaxed);
	out->n_ops = atomic_load_explicit(&q->n_ops, memory_order_relaxed);
	out->n_bytes = atomic_load_explicit(&q->n_bytes, memory_order_relaxed);
	out->n_groups =
		atomic_load_explicit(&q->n_groups, memory_order_relaxed);
}
