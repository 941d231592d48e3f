/* SPDX-License-Identifier: MIT */
#include "lsm/snapshot.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "lsm/clock.h"
#include "lsm/record.h"
#include "tt_errors.h"

void snapshots_init(struct snapshots *s, int64_t retention_us)
{
	mutex_init(&s->mu, RANK_SNAPSHOT);
	list_init(&s->list);
	s->n = 0;
	s->retention_us = retention_us;
	s->floor = TS_OLDEST;
}

void snapshots_fini(struct snapshots *s)
{
	assert(s->n == 0);
	mutex_fini(&s->mu);
}

int snapshots_add(struct snapshots *s, const struct clock *clk,
		  struct tt_snapshot **out)
{
	struct tt_snapshot *snap = malloc(sizeof(*snap));

	if (!snap)
		return err_nomem("snapshot");
	mutex_lock(&s->mu);
	snap->ts = clock_visible(clk);
	list_push_back(&s->list, &snap->link);
	s->n++;
	mutex_unlock(&s->mu);
	*out = snap;
	return 0;
}

/* Behind the last one that is not later: moments of the past are usually
 * recent ones. */
static void insert_locked(struct snapshots *s, struct tt_snapshot *snap)
	REQUIRES(s->mu)
{
	struct list_node *at = s->list.prev;

	mutex_assert_held(&s->mu);
	while (at != &s->list &&
	       container_of(at, struct tt_snapshot, link)->ts > snap->ts)
		at = at->prev;
	list_insert_after(at, &snap->link);
	s->n++;
}

int snapshots_add_at(struct snapshots *s, const struct clock *clk, int64_t ts,
		     struct tt_snapshot **out)
{
	struct tt_snapshot *snap = malloc(sizeof(*snap));
	int64_t floor, now;

	if (!snap)
		return err_nomem("snapshot");
	mutex_lock(&s->mu);
	now = clock_visible(clk);
	snap->ts = MIN_OF(ts, now);
	floor = s->floor;
	if (snap->ts >= floor)
		insert_locked(s, snap);
	mutex_unlock(&s->mu);
	if (snap->ts < floor) {
		free(snap);
		return err_set(TT_ETOOOLD,
			       "the state as of %" PRId64 " is no longer kept: "
			       "history goes back to %" PRId64,
			       ts, floor);
	}
	*out = snap;
	return 0;
}

void snapshots_remove(struct snapshots *s, struct tt_snapshot *snap)
{
	if (!snap)
		return;
	mutex_lock(&s->mu);
	list_remove(&snap->link);
	s->n--;
	mutex_unlock(&s->mu);
	free(snap);
}

size_t snapshots_count(struct snapshots *s, int64_t *oldest_ts)
{
	int64_t oldest = 0;
	size_t n;

	mutex_lock(&s->mu);
	n = s->n;
	if (n)
		oldest = container_of(s->list.next, struct tt_snapshot, link)
				 ->ts;
	mutex_unlock(&s->mu);
	if (oldest_ts)
		*oldest_ts = oldest;
	return n;
}

int64_t snapshots_oldest(struct snapshots *s, const struct clock *clk)
{
	int64_t now = clock_now(clk), ts;
	struct list_node *n;

	mutex_lock(&s->mu);
	n = list_first(&s->list);
	ts = n ? container_of(n, struct tt_snapshot, link)->ts
	       : clock_visible(clk);
	mutex_unlock(&s->mu);
	return MIN_OF(ts, now - s->retention_us);
}

static void push_time(struct retained_times *t, int64_t ts)
{
	if (t->n == 0 || t->ts[t->n - 1] != ts)
		t->ts[t->n++] = ts;
}

int snapshots_collect(struct snapshots *s, const struct clock *clk,
		      struct retained_times *out)
{
	int64_t now = clock_now(clk), horizon;
	struct retained_times t = { NULL, 0, 0 };

	mutex_lock(&s->mu);
	t.ts = malloc((s->n + 1) * sizeof(*t.ts));
	if (t.ts) {
		LIST_FOR(&s->list, n) {
			push_time(
				&t,
				container_of(n, struct tt_snapshot, link)->ts);
		}
		horizon = clock_visible(clk);
		push_time(&t, horizon);
		t.keep_from = MIN_OF(now - s->retention_us, horizon);
		s->floor = MAX_OF(s->floor, t.keep_from);
	}
	mutex_unlock(&s->mu);
	if (!t.ts)
		return err_nomem("snapshots");
	*out = t;
	return 0;
}

void retained_times_fini(struct retained_times *t)
{
	free(t->ts);
	t->ts = NULL;
	t->n = 0;
}

bool version_is_needed(const struct retained_times *t, int64_t ts,
		       int64_t newer_ts)
{
	size_t lo = 0, hi = t->n;

	if (newer_ts > t->keep_from)
		return true;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->ts[mid] < ts)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->n && t->ts[lo] < newer_ts;
}
