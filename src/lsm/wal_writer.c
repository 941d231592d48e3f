/* SPDX-License-Identifier: MIT */
/*
 * The log writer. An append copies its bytes into the mapped current segment
 * behind the last record, sums them there (they are in the cache by then),
 * writes the header and moves `end` (release). Making it durable: wal_sync.c.
 *
 * A segment that is full is left at the offset where its last record ends;
 * the next one's link says so. Segment files: wal_impl.h.
 */
#include "lsm/wal_writer.h"

#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "lsm/wal_impl.h"

uint64_t wal_end(const struct wal *w)
{
	return atomic_load_explicit(&((struct wal *)w)->end,
				    memory_order_acquire);
}

uint64_t wal_durable(const struct wal *w)
{
	return atomic_load_explicit(&((struct wal *)w)->durable,
				    memory_order_acquire);
}

int wal_poisoned(const struct wal *w)
{
	return atomic_load_explicit(&((struct wal *)w)->poison,
				    memory_order_relaxed);
}

COLD int wal_refuse(struct wal *w)
{
	struct err_saved why;

	mutex_lock(&w->mu);
	why = w->poison_why;
	mutex_unlock(&w->mu);
	return err_set(TT_EPOISONED, "%s: writes are refused since: %s", w->dir,
		       why.text);
}

int wal_check(struct wal *w)
{
	return wal_poisoned(w) ? wal_refuse(w) : 0;
}

/* ---- appending --------------------------------------------------------- */

/*
 * Makes a segment with room for `space` bytes the current one. The old one
 * stays current when there is none to be had.
 */
static NOINLINE int advance(struct wal *w, uint64_t space)
{
	uint64_t need = WAL_FIRST_OFFSET + space;
	struct wal_segment *s;
	int r = 0;

	if (need > WAL_SEGMENT_MAX)
		return err_set(TT_ETOOBIG, "log record of %llu bytes",
			       (unsigned long long)space);
	mutex_lock(&w->mu);
	if (!w->ready || w->ready->bytes < need)
		w->n_segment_waits++;
	w->has_failed = false;
	while (!w->ready || w->ready->bytes < need) {
		if (w->has_failed) {
			r = err_restore(&w->failed_why);
			goto out;
		}
		w->want_bytes = need;
		cond_signal(&w->prepare);
		cond_wait(&w->ready_change, &w->mu);
	}
	s = w->ready;
	w->ready = NULL;
	wal_segment_link(s, wal_end(w));
	if (w->current) {
		w->current->end = w->pos;
		list_push_back(&w->used, &w->current->link);
		w->n_used++;
		w->max_used = MAX_OF(w->max_used, w->n_used);
	}
	w->current = s;
	w->pos = WAL_FIRST_OFFSET;
	cond_signal(&w->prepare);
out:
	mutex_unlock(&w->mu);
	return r;
}

static void count(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c,
			      atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

int wal_append(struct wal *w, int64_t ts, const struct tt_slice *parts,
	       size_t n, uint64_t *out_end)
{
	struct wal_record_header *h;
	uint8_t *payload, *at;
	uint64_t len = 0, space, lsn;
	int r;

	if (unlikely(wal_poisoned(w)))
		return wal_refuse(w);
	for (size_t i = 0; i < n; i++)
		len += parts[i].len;
	assert(len > 0);
	space = wal_record_space(len);
	if (unlikely(!w->current || w->current->bytes - w->pos < space)) {
		r = advance(w, space);
		if (r < 0)
			return r;
	}
	h = (void *)(w->current->map->base + w->pos);
	lsn = wal_lsn(w->current->no, w->pos);
	payload = (uint8_t *)(h + 1);
	at = payload;
	for (size_t i = 0; i < n; i++) {
		if (parts[i].len)
			memcpy(at, parts[i].data, parts[i].len);
		at += parts[i].len;
	}
	h->len = le32_make((uint32_t)len);
	h->ts = le64_make((uint64_t)ts);
	h->durable = le64_make(wal_durable(w));
	h->payload_checksum = le64_make(wal_payload_sum(payload, len, lsn));
	h->checksum = le32_make(wal_record_sum(h, lsn));
	w->pos += (uint32_t)space;
	atomic_store_explicit(&w->end, lsn + space, memory_order_release);
	count(&w->n_records, 1);
	count(&w->n_bytes, len);
	*out_end = lsn + space;
	return 0;
}

/* ---- releasing --------------------------------------------------------- */

void wal_release_locked(struct wal *w, uint64_t lsn)
{
	mutex_assert_held(&w->mu);
	LIST_FOR_SAFE(&w->used, n, after) {
		struct wal_segment *s =
			container_of(n, struct wal_segment, link);

		if (!wal_segment_is_below(s, lsn))
			break;
		list_remove(n);
		list_push_back(&w->released, n);
		w->n_used--;
		/* There is room again, perhaps. */
		w->has_failed = false;
	}
	cond_signal(&w->prepare);
}

void wal_release_before(struct wal *w, uint64_t lsn)
{
	mutex_lock(&w->mu);
	if (w->n_holds)
		w->held_release = MAX_OF(w->held_release, lsn);
	else
		wal_release_locked(w, lsn);
	/* The tables hold durably what is below. */
	lsn = MIN_OF(lsn, wal_end(w));
	if (lsn > wal_durable(w))
		atomic_store_explicit(&w->durable, lsn, memory_order_release);
	mutex_unlock(&w->mu);
}

void wal_get_stats(struct wal *w, struct wal_stats *out)
{
	struct wal_stats st = { 0 };

	st.n_records =
		atomic_load_explicit(&w->n_records, memory_order_relaxed);
	st.n_bytes = atomic_load_explicit(&w->n_bytes, memory_order_relaxed);
	mutex_lock(&w->mu);
	st.n_syncs = w->n_syncs;
	st.n_sync_waits = w->n_sync_waits;
	st.n_created = w->n_created;
	st.n_recycled = w->n_recycled;
	st.n_segment_waits = w->n_segment_waits;
	st.n_segments = w->n_free;
	st.disk_bytes = (uint64_t)w->n_free * w->opts.segment_bytes;
	if (w->ready) {
		st.n_segments++;
		st.disk_bytes += w->ready->bytes;
	}
	if (w->current) {
		st.n_segments++;
		st.disk_bytes += w->current->bytes;
	}
	LIST_FOR(&w->used, n) {
		st.n_segments++;
		st.disk_bytes +=
			container_of(n, struct wal_segment, link)->bytes;
	}
	mutex_unlock(&w->mu);
	*out = st;
}
