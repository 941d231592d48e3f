/* SPDX-License-Identifier: MIT */
/*
 * Memtables: see memtable.h. The work is in memindex.
 */
#include "lsm/memtable.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "lsm/mem_ranges.h"
#include "lsm/memindex.h"
#include "lsm/value_log.h"

struct memtable {
	/* set before the first record, then constant */
	struct memindex *index;
	struct value_log *values;
	struct mem_ranges ranges; /* see mem_ranges.h */
	/* any thread; acq_rel on the way down, so that the one who frees sees
	 * what the others did */
	_Atomic uint32_t n_refs;
	/* stored by the writer, loaded by anybody, relaxed */
	_Atomic uint64_t value_bytes, new_value_bytes;

	/* owned by the writer, and once it is immutable by nobody: value files
	 * in use, by rising numbers */
	struct value_file **files;
	size_t n_files, cap_files;
	uint64_t last_file; /* the number of the one used last */
};

int memtable_new(struct memtable **out)
{
	struct memtable *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_nomem("memtable");
	r = memindex_new(&m->index);
	if (r < 0) {
		free(m);
		return r;
	}
	mem_ranges_init(&m->ranges);
	atomic_init(&m->n_refs, 1);
	*out = m;
	return 0;
}

void memtable_use_values(struct memtable *m, struct value_log *values)
{
	m->values = values;
}

struct memtable *memtable_ref(struct memtable *m)
{
	uint32_t was =
		atomic_fetch_add_explicit(&m->n_refs, 1, memory_order_relaxed);

	assert(was > 0);
	return m;
}

void memtable_unref(struct memtable *m)
{
	uint32_t was;

	if (!m)
		return;
	was = atomic_fetch_sub_explicit(&m->n_refs, 1, memory_order_acq_rel);
	assert(was > 0);
	if (was == 1) {
		for (size_t i = 0; i < m->n_files; i++)
			value_file_unuse(m->files[i]);
		free(m->files);
		memindex_free(m->index);
		mem_ranges_fini(&m->ranges);
		free(m);
	}
}

/* ---- value files ------------------------------------------------------ */

/* The first whose number is not below `no`. Of new values the file is the last
 * one or behind it; shared ones lie anywhere. */
static size_t find_file(const struct memtable *m, uint64_t no)
{
	size_t lo = 0, hi = m->n_files;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->files[mid]->no < no)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Uses the file that a pointer names, of which somebody holds a use. */
static int use_file(struct memtable *m, uint64_t no)
{
	size_t at = find_file(m, no);
	struct value_file *f;

	if (at < m->n_files && m->files[at]->no == no)
		return 0;
	if (m->n_files == m->cap_files) {
		size_t cap = m->cap_files ? 2 * m->cap_files : 4;
		struct value_file **files =
			realloc(m->files, cap * sizeof(struct value_file *));

		if (!files)
			return err_nomem("memtable");
		m->files = files;
		m->cap_files = cap;
	}
	f = m->values ? value_log_find(m->values, no) : NULL;
	if (!f)
		return err_set(TT_ECORRUPT,
			       "value file %06" PRIu64
			       " is no part of the store, but the log points "
			       "into it",
			       no);
	value_file_use(f);
	value_file_unref(f);
	memmove(&m->files[at + 1], &m->files[at],
		(m->n_files - at) * sizeof(*m->files));
	m->files[at] = f;
	m->n_files++;
	return 0;
}

static NOINLINE int add_pointer(struct memtable *m, const struct record *rec)
{
	struct value_ptr p;
	int r;

	value_ptr_decode(rec->value.data, rec->key.len, &p);
	if (m->last_file != p.file_no) {
		r = use_file(m, p.file_no);
		if (r < 0)
			return r;
		m->last_file = p.file_no;
	}
	r = memindex_insert(m->index, rec);
	if (r < 0)
		return r;
	(void)atomic_fetch_add_explicit(&m->value_bytes, value_ptr_space(&p),
					memory_order_relaxed);
	if (likely(!p.is_shared))
		(void)atomic_fetch_add_explicit(&m->new_value_bytes,
						value_ptr_space(&p),
						memory_order_relaxed);
	return 0;
}

uint64_t memtable_value_bytes(const struct memtable *m)
{
	return atomic_load_explicit(&((struct memtable *)m)->value_bytes,
				    memory_order_relaxed);
}

uint64_t memtable_new_value_bytes(const struct memtable *m)
{
	return atomic_load_explicit(&((struct memtable *)m)->new_value_bytes,
				    memory_order_relaxed);
}

int memtable_sync_values(struct memtable *m)
{
	int r = 0;

	for (size_t i = 0; i < m->n_files && r == 0; i++)
		r = value_log_sync_file(m->files[i]);
	return r;
}

/* ---- records ---------------------------------------------------------- */

static NOINLINE int add_range(struct memtable *m, struct tt_slice key,
			      int64_t ts, struct tt_slice end)
{
	const struct range_del d = { key, end, ts };

	return mem_ranges_add(&m->ranges, &d);
}

int memtable_add(struct memtable *m, struct tt_slice key, int64_t ts,
		 uint8_t kind, struct tt_slice value)
{
	const struct record rec = { key, value, ts, kind };

	if (likely(kind != RECORD_POINTER && kind != RECORD_RANGE))
		return memindex_insert(m->index, &rec);
	return kind == RECORD_POINTER ? add_pointer(m, &rec)
				      : add_range(m, key, ts, value);
}

/* Whatever the index found, with result `r`, a range may hide. */
static NOINLINE int get_covered(const struct mem_range_view *v,
				struct tt_slice key, int64_t as_of, int r,
				struct record *out)
{
	int64_t ts = mem_range_cover(v, key, as_of);

	if (ts == RANGE_NONE || (r == 0 && out->ts >= ts))
		return r;
	*out = (struct record){ .key = key,
				.ts = ts,
				.kind = RECORD_TOMBSTONE };
	return 0;
}

int memtable_get(struct memtable *m, struct tt_slice key, int64_t as_of,
		 struct record *out)
{
	const struct mem_range_view *v = mem_ranges_view(&m->ranges);
	struct record rec;
	int r = memindex_find(m->index, key, as_of, &rec);

	if (r == TT_END || !key_eq(rec.key, key))
		r = TT_NOTFOUND;
	else
		*out = rec;
	return likely(!v) ? r : get_covered(v, key, as_of, r, out);
}

size_t memtable_bytes(const struct memtable *m)
{
	return memindex_bytes(m->index) + mem_ranges_bytes(&m->ranges);
}

uint64_t memtable_count(const struct memtable *m)
{
	return memindex_count(m->index) + mem_ranges_count(&m->ranges);
}

const struct mem_ranges *memtable_ranges(const struct memtable *m)
{
	return &m->ranges;
}

/* ---- cursor ----------------------------------------------------------- */

struct memtable_iter {
	struct rec_iter it;
	struct memtable *table; /* holds a ref */
	struct memindex_cursor cursor;
};

/* Shows the cursor's record after a move that returned `r`. */
static ALWAYS_INLINE int show(struct memtable_iter *mi, int r)
{
	if (r == 0)
		memindex_cursor_rec(&mi->cursor, &mi->it.rec);
	return r;
}

static struct memtable_iter *of(struct rec_iter *it)
{
	return container_of(it, struct memtable_iter, it);
}

static int mi_first(struct rec_iter *it)
{
	return show(of(it), memindex_cursor_first(&of(it)->cursor));
}

static int mi_last(struct rec_iter *it)
{
	return show(of(it), memindex_cursor_last(&of(it)->cursor));
}

static int mi_seek(struct rec_iter *it, struct tt_slice key, int64_t ts)
{
	return show(of(it), memindex_cursor_seek(&of(it)->cursor, key, ts));
}

static int mi_seek_for_prev(struct rec_iter *it, struct tt_slice key,
			    int64_t ts)
{
	return show(of(it),
		    memindex_cursor_seek_for_prev(&of(it)->cursor, key, ts));
}

static int mi_next(struct rec_iter *it)
{
	return show(of(it), memindex_cursor_next(&of(it)->cursor));
}

static int mi_prev(struct rec_iter *it)
{
	return show(of(it), memindex_cursor_prev(&of(it)->cursor));
}

static void mi_free(struct rec_iter *it)
{
	struct memtable_iter *mi = of(it);

	memtable_unref(mi->table);
	free(mi);
}

static const struct rec_iter_ops memtable_iter_ops = {
	.first = mi_first,
	.last = mi_last,
	.seek = mi_seek,
	.seek_for_prev = mi_seek_for_prev,
	.next = mi_next,
	.prev = mi_prev,
	.free = mi_free,
};

int memtable_iter_new(struct memtable *m, struct rec_iter **out)
{
	struct memtable_iter *mi = malloc(sizeof(*mi));

	if (!mi)
		return err_nomem("iterator");
	mi->it.ops = &memtable_iter_ops;
	mi->table = memtable_ref(m);
	memindex_cursor_init(&mi->cursor, m->index);
	*out = &mi->it;
	return 0;
}
