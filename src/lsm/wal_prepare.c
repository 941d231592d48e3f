/* SPDX-License-Identifier: MIT */
/*
 * The preparer: everything about segments that takes time, off the write
 * path. In order of urgency: a ready segment when an append waits for one;
 * writing a raw one when somebody has begun to sync; unmapping used ones
 * (mapped pages count as our memory, and making a segment can take long) and
 * closing those that are durable; the next ready segment; handling released
 * ones.
 *
 * When a segment cannot be made (a full disk) it says so and rests until an
 * append asks again or a release has freed space.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "lsm/wal_impl.h"

bool wal_segment_is_below(const struct wal_segment *s, uint64_t lsn)
{
	return wal_lsn(s->no, s->end) <= lsn || s->no < wal_lsn_segment(lsn);
}

bool wal_segment_is_ours(struct wal *w, uint32_t no)
{
	struct buf path = BUF_INIT;
	struct env_stat st;
	bool is_ours = wal_segment_path(&path, w->dir, no) == 0 &&
		       env_stat(w->env, (char *)path.data, &st) == 0 &&
		       st.n_links == 1;

	buf_fini(&path);
	return is_ours;
}

/* Puts a finished file aside for reuse, or has it removed: true when the
 * caller must remove it. */
static bool is_surplus_locked(struct wal *w, const struct wal_segment *s)
{
	mutex_assert_held(&w->mu);
	/* Kept is what the log has needed at a time: memtables are flushed,
	 * and segments released, several at once. */
	if (s->bytes != w->opts.segment_bytes || w->n_free == WAL_MAX_FREE ||
	    (w->n_free >= w->opts.max_free &&
	     w->n_free + w->n_used >= w->max_used))
		return true;
	w->free[w->n_free++] = (struct wal_free){ s->no, s->is_raw };
	return false;
}

/* Closes a segment that has left the log; the lock is not held. */
static void discard(struct wal *w, struct wal_segment *s)
{
	bool is_ours = wal_segment_is_ours(w, s->no);
	bool is_surplus;
	int r = 0;

	wal_segment_close(s);
	mutex_lock(&w->mu);
	is_surplus = !is_ours || is_surplus_locked(w, s);
	mutex_unlock(&w->mu);
	if (is_surplus)
		r = wal_segment_unlink(w->env, w->dir, s->no);
	if (r < 0) /* a leftover; the next opening deals with it */
		log_warn(LOG_WAL, "%s", err_text());
	wal_segment_free(s);
}

/* The size of the segment to make, and the file to make it of when an old one
 * will do, else 0. */
static uint64_t choose_locked(struct wal *w, struct wal_free *out_old)
{
	uint64_t usual = w->opts.segment_bytes;
	uint64_t bytes = w->n_free ? usual : w->new_bytes;

	mutex_assert_held(&w->mu);
	*out_old = (struct wal_free){ 0, false };
	if (w->want_bytes > bytes)
		bytes = MAX_OF(w->want_bytes, usual);
	if (bytes == usual && w->n_free)
		*out_old = w->free[--w->n_free];
	else
		w->new_bytes = MIN_OF(2 * w->new_bytes, usual);
	return ROUND_UP(bytes, (uint64_t)WAL_PAGE);
}

/* Makes the ready segment; takes and returns with the lock held. */
static void make_ready_locked(struct wal *w) REQUIRES(w->mu)
{
	struct wal_segment *s = NULL, *small = w->ready;
	uint32_t no = w->next_no++;
	bool is_raw = !w->is_synced;
	struct wal_free old;
	uint64_t bytes = choose_locked(w, &old);
	int r;

	w->ready = NULL;
	mutex_unlock(&w->mu);
	if (small)
		discard(w, small);
	if (old.no)
		r = wal_segment_revive(w->env, w->dir, old.no, no,
				       (uint32_t)bytes, &s);
	else
		r = wal_segment_create(w->env, w->dir, no, (uint32_t)bytes,
				       is_raw, &s);
	mutex_lock(&w->mu);
	if (r < 0) {
		w->has_failed = true;
		err_save(&w->failed_why, r);
	} else {
		s->is_raw |= old.is_raw;
		w->ready = s;
		w->want_bytes = 0;
		w->n_recycled += old.no != 0;
		w->n_created += old.no == 0;
	}
	cond_broadcast(&w->ready_change);
}

/*
 * The ready segment was made raw, and somebody syncs now: writes it whole.
 * All of its pages have been dirty since it was mapped. Nobody can take it
 * meanwhile.
 */
static void cook_ready_locked(struct wal *w) REQUIRES(w->mu)
{
	struct wal_segment *s = w->ready;
	int r;

	w->ready = NULL;
	mutex_unlock(&w->mu);
	r = env_sync(s->file, ENV_SYNC_DATA);
	mutex_lock(&w->mu);
	if (r == 0) {
		s->is_raw = false;
		w->ready = s;
	} else {
		w->has_failed = true;
		err_save(&w->failed_why, r);
		mutex_unlock(&w->mu);
		/* What is on disk of it is not known. */
		(void)wal_segment_unlink(w->env, w->dir, s->no);
		wal_segment_free(s);
		mutex_lock(&w->mu);
	}
	cond_broadcast(&w->ready_change);
}

/* A used segment that can be unmapped, or closed because it is durable. */
static struct wal_segment *find_idle_locked(struct wal *w)
{
	mutex_assert_held(&w->mu);
	LIST_FOR(&w->used, n) {
		struct wal_segment *s =
			container_of(n, struct wal_segment, link);

		if (!s->is_syncing && (s->map || (s->is_synced && s->file)))
			return s;
	}
	return NULL;
}

static struct wal_segment *find_released_locked(struct wal *w)
{
	mutex_assert_held(&w->mu);
	LIST_FOR(&w->released, n) {
		struct wal_segment *s =
			container_of(n, struct wal_segment, link);

		if (!s->is_syncing)
			return s;
	}
	return NULL;
}

/* Does one thing; false when there is nothing to do. */
static bool work_locked(struct wal *w) REQUIRES(w->mu)
{
	bool wants_ready = (!w->ready || w->ready->bytes < w->want_bytes) &&
			   !w->has_failed;
	struct wal_segment *s = find_idle_locked(w);
	bool is_synced;

	if (wants_ready && (!s || w->want_bytes)) {
		make_ready_locked(w);
		return true;
	}
	if (w->ready && w->ready->is_raw && w->is_synced) {
		cook_ready_locked(w);
		return true;
	}
	if (s) {
		is_synced = s->is_synced;
		s->is_closing = true;
		mutex_unlock(&w->mu);
		if (is_synced)
			wal_segment_close(s);
		else
			wal_segment_unmap(s);
		mutex_lock(&w->mu);
		s->is_closing = false;
		cond_broadcast(&w->closed);
		return true;
	}
	s = find_released_locked(w);
	if (s) {
		list_remove(&s->link);
		mutex_unlock(&w->mu);
		discard(w, s);
		mutex_lock(&w->mu);
		return true;
	}
	return false;
}

void wal_prepare_run(void *arg)
{
	struct wal *w = arg;

	mutex_lock(&w->mu);
	while (!w->is_stopping)
		if (!work_locked(w))
			cond_wait(&w->prepare, &w->mu);
	mutex_unlock(&w->mu);
}
