/* SPDX-License-Identifier: MIT */
/*
 * The queue holds inode numbers in a ring; what does not fit sets
 * `needs_walk`, and the thread then looks through all O rows. Numbers may be
 * queued more than once, or after the fact: sweep_orphan_now() goes by the
 * rows. A failure (a full disk) is counted, and the rows are walked again a
 * second later.
 */
#include "tree/sweeper.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "tree/schema_key.h"
#include "tree/sweep_now.h"
#include "tree/tree_priv.h"

#define QUEUE_MAX 4096u /* a power of two */
#define TICK_NS 1000000000ull

struct sweeper {
	/* constant */
	struct tree *t;
	pthread_t thread;

	struct mutex mu;  /* RANK_TREE */
	struct cond wake; /* of the thread: work, or stop */
	struct cond idle; /* of sweeper_drain() */
	/* guarded by mu */
	uint64_t ring[QUEUE_MAX];
	size_t head, n_queued;
	bool needs_walk;
	bool is_stopping;
	bool is_busy;
	struct list_node dirty; /* inodes by queue_link, each with a ref */
	/* owned by the thread */
	bool has_failed; /* since the last tick */
};

void sweeper_add_orphan(struct sweeper *s, uint64_t ino)
{
	mutex_lock(&s->mu);
	if (s->n_queued == QUEUE_MAX) {
		s->needs_walk = true;
	} else {
		s->ring[(s->head + s->n_queued) % QUEUE_MAX] = ino;
		s->n_queued++;
	}
	cond_signal(&s->wake);
	mutex_unlock(&s->mu);
}

void sweeper_add_dirty(struct sweeper *s, struct inode *dir)
{
	inode_ref(s->t, dir);
	mutex_lock(&s->mu);
	if (list_is_linked(&dir->queue_link)) {
		mutex_unlock(&s->mu);
		inode_unref(s->t, dir, 0);
		return;
	}
	list_push_back(&s->dirty, &dir->queue_link);
	mutex_unlock(&s->mu);
}

static struct inode *pop_dirty(struct sweeper *s)
{
	struct list_node *n;

	mutex_lock(&s->mu);
	n = list_pop_front(&s->dirty);
	mutex_unlock(&s->mu);
	return n ? container_of(n, struct inode, queue_link) : NULL;
}

int sweeper_write_times(struct sweeper *s)
{
	struct inode *dir;
	int r = 0;

	while (r == 0 && (dir = pop_dirty(s)) != NULL) {
		r = sweep_times_now(s->t, dir);
		if (r < 0) /* still dirty: keep it known */
			sweeper_add_dirty(s, dir);
		inode_unref(s->t, dir, 0);
	}
	return r;
}

static void note_failure(struct sweeper *s, int r, const char *what)
{
	tree_count(s->t, TREE_N_SWEEP_ERRORS, 1);
	if (!s->has_failed)
		log_warn(LOG_TREE, "%s failed, will be tried again: %s", what,
			 err_text());
	s->has_failed = true;
	(void)r; /* the text says it */
}

static bool is_stopping(struct sweeper *s)
{
	bool yes;

	mutex_lock(&s->mu);
	yes = s->is_stopping;
	mutex_unlock(&s->mu);
	return yes;
}

/*
 * An O row found by the walk may be an unnamed file's that is committed but
 * not yet in the inode table. Its maker holds the namespace lock until it is:
 * wait for that.
 */
static void wait_for_publication(struct tree *t, uint64_t ino)
{
	if (ino < t->first_new_ino)
		return; /* made before this start */
	ns_lock_exclusive(&t->ns);
	ns_unlock_exclusive(&t->ns);
}

/* Serves every O row of one moment. */
static int walk(struct sweeper *s)
{
	struct schema_key lo, hi;
	struct tt_iter_options io = {
		.lower = key_kind(&lo, KEY_ORPHAN),
		.upper = key_kind_end(&hi, KEY_ORPHAN),
		.keys_only = true,
	};
	struct tt_iter *it;
	int r;

	r = tt_iter_new(s->t->db, &io, &it);
	if (r < 0)
		return r;
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		struct tt_slice rest;
		enum schema_kind kind;
		uint64_t ino;

		if (is_stopping(s))
			break;
		if (!key_parse(tt_iter_key(it), &kind, &ino, &rest))
			continue; /* tree_check() reports it */
		wait_for_publication(s->t, ino);
		r = sweep_orphan_now(s->t, ino);
		if (r < 0)
			break;
	}
	tt_iter_free(it);
	return r < 0 ? r : 0;
}

/* Waits for work or the next tick. False: stop. Called and left locked. */
static bool wait_locked(struct sweeper *s, uint64_t deadline)
{
	mutex_assert_held(&s->mu);
	s->is_busy = false;
	cond_broadcast(&s->idle);
	while (!s->is_stopping && s->n_queued == 0 &&
	       (!s->needs_walk || s->has_failed))
		if (!cond_wait_until(&s->wake, &s->mu, deadline))
			break;
	s->is_busy = true;
	return !s->is_stopping;
}

/* One piece of queued work. Called and left locked. */
static void serve_locked(struct sweeper *s) REQUIRES(s->mu)
{
	bool is_walk = s->n_queued == 0;
	uint64_t ino = 0;
	int r;

	mutex_assert_held(&s->mu);
	if (is_walk) {
		s->needs_walk = false;
	} else {
		ino = s->ring[s->head];
		s->head = (s->head + 1) % QUEUE_MAX;
		s->n_queued--;
	}
	mutex_unlock(&s->mu);
	r = is_walk ? walk(s) : sweep_orphan_now(s->t, ino);
	if (r < 0)
		note_failure(s, r, "removing what was deleted");
	mutex_lock(&s->mu);
	if (r < 0)
		s->needs_walk = true;
}

static void *run(void *arg)
{
	struct sweeper *s = arg;
	uint64_t tick = mono_ns() + TICK_NS;

	mutex_lock(&s->mu);
	while (wait_locked(s, tick)) {
		if (s->n_queued || (s->needs_walk && !s->has_failed))
			serve_locked(s);
		if (mono_ns() < tick)
			continue;
		mutex_unlock(&s->mu);
		s->has_failed = false;
		if (sweeper_write_times(s) < 0)
			note_failure(s, 0, "writing directory times");
		tick = mono_ns() + TICK_NS;
		mutex_lock(&s->mu);
	}
	s->is_busy = false;
	cond_broadcast(&s->idle);
	mutex_unlock(&s->mu);
	return NULL;
}

int sweeper_new(struct tree *t, struct sweeper **out)
{
	struct sweeper *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem("the tree's background thread");
	s->t = t;
	s->needs_walk = true;
	mutex_init(&s->mu, RANK_TREE);
	cond_init(&s->wake);
	cond_init(&s->idle);
	list_init(&s->dirty);
	t->sweeper = s;
	*out = s;
	r = pthread_create(&s->thread, NULL, run, s);
	if (r) {
		cond_fini(&s->wake);
		cond_fini(&s->idle);
		mutex_fini(&s->mu);
		free(s);
		t->sweeper = *out = NULL;
		return err_errno(r, "cannot start the tree's thread");
	}
	(void)pthread_setname_np(s->thread, "tree-sweeper"); /* a nicety */
	return 0;
}

void sweeper_free(struct sweeper *s)
{
	struct inode *dir;

	if (!s)
		return;
	mutex_lock(&s->mu);
	s->is_stopping = true;
	cond_signal(&s->wake);
	mutex_unlock(&s->mu);
	(void)pthread_join(s->thread, NULL); /* cannot fail: it was started */
	while ((dir = pop_dirty(s)) != NULL)
		inode_unref(s->t, dir, 0);
	cond_fini(&s->wake);
	cond_fini(&s->idle);
	mutex_fini(&s->mu);
	free(s);
}

void sweeper_drain(struct sweeper *s)
{
	mutex_lock(&s->mu);
	cond_signal(&s->wake);
	while (s->is_busy || s->n_queued || s->needs_walk)
		cond_wait(&s->idle, &s->mu);
	mutex_unlock(&s->mu);
}
