/* SPDX-License-Identifier: MIT */
#include "lsm/snapshot.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "lsm/clock.h"
#include "lsm/record.h"

void snapshots_init(struct snapshots *s)
{
	mutex_init(&s->mu, RANK_SNAPSHOT);
	list_init(&s->list);
	s->n = 0;
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

size_t snapshots_count(struct snapshots *s)
{
	size_t n;

	mutex_lock(&s->mu);
	n = s->n;
	mutex_unlock(&s->mu);
	return n;
}

int64_t snapshots_oldest(struct snapshots *s, const struct clock *clk)
{
	struct list_node *n;
	int64_t ts;

	mutex_lock(&s->mu);
	n = list_first(&s->list);
	ts = n ? container_of(n, struct tt_snapshot, link)->ts
	       : clock_visible(clk);
	mutex_unlock(&s->mu);
	return ts;
}

static void push_time(struct retained_times *t, int64_t ts)
{
	if (t->n == 0 || t->ts[t->n - 1] != ts)
		t->ts[t->n++] = ts;
}

int snapshots_collect(struct snapshots *s, const struct clock *clk,
		      struct retained_times *out)
{
	struct retained_times t = { NULL, 0 };

	mutex_lock(&s->mu);
	t.ts = malloc((s->n + 1) * sizeof(*t.ts));
	if (t.ts) {
		LIST_FOR(&s->list, n) {
			push_time(
				&t,
				container_of(n, struct tt_snapshot, link)->ts);
		}
		push_time(&t, clock_visible(clk));
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

	if (newer_ts == TS_NEWEST)
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
