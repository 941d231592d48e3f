/* SPDX-License-Identifier: MIT */
#include "lsm/wal_hold.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "lsm/wal_impl.h"
#include "lsm/wal_scan.h"

void wal_hold(struct wal *w)
{
	mutex_lock(&w->mu);
	w->n_holds++;
	mutex_unlock(&w->mu);
}

void wal_unhold(struct wal *w)
{
	mutex_lock(&w->mu);
	assert(w->n_holds > 0);
	if (--w->n_holds == 0 && w->held_release) {
		wal_release_locked(w, w->held_release);
		w->held_release = 0;
	}
	mutex_unlock(&w->mu);
}

/* ---- which files ------------------------------------------------------- */

static int push(struct wal_piece **list, size_t *n, uint64_t end)
{
	struct wal_piece *p;

	/* Full at each power of two. */
	if ((*n & (*n - 1)) == 0) {
		p = realloc(*list, (*n ? 2 * *n : 1) * sizeof(*p));
		if (!p)
			return err_nomem("pieces of the log");
		*list = p;
	}
	(*list)[(*n)++] = (struct wal_piece){ .no = wal_lsn_segment(end),
					      .end = wal_lsn_offset(end) };
	return 0;
}

/* Where the log goes on in segment `no`: the end of the segment before it. */
static int read_link(struct wal *w, struct wal_scan *scan, uint32_t no,
		     uint64_t from, uint64_t *out)
{
	int r = wal_scan_open(scan, w->env, w->dir, no);

	if (r < 0)
		return r;
	if (!scan->has_link || scan->link < from ||
	    wal_lsn_segment(scan->link) >= no)
		return err_set(TT_ECORRUPT,
			       "%s: header does not lead back to the segment "
			       "before it",
			       (char *)scan->path.data);
	*out = scan->link;
	return 0;
}

/* Follows the links backwards: only files that are part of the log are met,
 * and the end of each is known. */
static int follow(struct wal *w, struct wal_scan *scan, uint64_t from,
		  uint64_t to, struct wal_piece **list, size_t *n)
{
	while (to > from) {
		uint32_t no = wal_lsn_segment(to);
		int r = push(list, n, to);

		if (r < 0 || no == wal_lsn_segment(from))
			return r;
		r = read_link(w, scan, no, from, &to);
		if (r < 0)
			return r;
	}
	return 0;
}

int wal_pieces(struct wal *w, uint64_t from, uint64_t to,
	       struct wal_piece **out, size_t *out_n)
{
	struct wal_piece *list = NULL;
	struct wal_scan scan;
	size_t n = 0;
	int r;

	wal_scan_init(&scan);
	r = follow(w, &scan, from, to, &list, &n);
	wal_scan_fini(&scan);
	if (r < 0) {
		free(list);
		return r;
	}
	for (size_t i = 0; i < n / 2; i++) {
		struct wal_piece p = list[i];

		list[i] = list[n - 1 - i];
		list[n - 1 - i] = p;
	}
	*out = list;
	*out_n = n;
	return 0;
}

int wal_sync_before(struct wal *w, uint32_t no)
{
	int r = 0;

	mutex_lock(&w->mu);
	while (r == 0 && no && wal_first_unsynced_locked(w, no - 1)) {
		r = wal_sync_turn_unlock(w, wal_lsn(no, 0));
		mutex_lock(&w->mu);
	}
	mutex_unlock(&w->mu);
	return r;
}

/* ---- are they whole ---------------------------------------------------- */

int wal_check_records(struct env *env, const char *path, uint32_t from,
		      uint32_t to)
{
	struct wal_scan_record rec = { .next = from };
	struct wal_scan scan;
	uint64_t at = from;
	int r;

	wal_scan_init(&scan);
	r = wal_scan_open_path(&scan, env, path);
	if (r == 0 && !scan.has_link)
		r = err_set(TT_ECORRUPT, "%s: not a segment of a log", path);
	while (r == 0 && at < to) {
		r = wal_scan_record(&scan, at, &rec);
		if (r > 0 && rec.next <= to) {
			at = rec.next;
			r = 0;
		} else if (r >= 0) {
			r = err_set(TT_ECORRUPT,
				    "%s: no valid record at offset %" PRIu64
				    ", though the log goes on to %" PRIu32,
				    path, at, to);
		}
	}
	wal_scan_fini(&scan);
	return r;
}
