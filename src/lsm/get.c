/* SPDX-License-Identifier: MIT */
/*
 * Point reads: tt_get() and tt_get_pinned().
 *
 * No lock on the way. The superversion comes from the thread's slot; then the
 * active memtable, the immutable ones and the runs of the version are asked
 * in that order, newest first, and the first that knows the key decides. The
 * key is hashed once, when the first table is asked.
 *
 * A record found may be a pointer to a separated value. That is read straight
 * into the caller's memory where it fits, while the superversion is held: it
 * keeps the value file.
 *
 * The superversion is taken before the timestamp: one as of which the read
 * happens may then be newer than what the superversion holds, never older
 * than what a later one has dropped.
 */
#include "lsm/get.h"

#include <string.h>

#include "lsm/batch.h"
#include "lsm/db.h"
#include "lsm/history.h"
#include "lsm/key_hash.h"
#include "lsm/merge_chain.h"
#include "lsm/sst_reader.h"
#include "lsm/value_read.h"

/* What a read found, and what holds it: a block, memory of its own, or a
 * memtable of `sv`. */
struct found {
	struct record rec;
	struct sst_hit hit;   /* block set: the record lies in a table */
	struct buf merged;    /* has memory: the value was put together */
	struct memtable *mem; /* otherwise; borrowed from the superversion */
};

static int ask_memtables(const struct superversion *sv, struct tt_slice key,
			 int64_t as_of, struct found *f)
{
	int r = memtable_get(sv->active, key, as_of, &f->rec);

	f->mem = sv->active;
	for (uint32_t i = 0; i < sv->n_imm && r == TT_NOTFOUND; i++) {
		f->mem = sv->imm[i];
		r = memtable_get(sv->imm[i], key, as_of, &f->rec);
	}
	return r;
}

static int ask_tables(struct tt *db, const struct version *v,
		      struct tt_slice key, int64_t as_of, bool no_fill,
		      struct found *f)
{
	uint64_t hash = key_hash(key);
	struct table_guard guard;
	int r = TT_NOTFOUND;

	table_guard_enter(db->tables, &guard);
	for (uint32_t i = 0; i < v->n_runs && r == TT_NOTFOUND; i++) {
		struct table *t = run_table(&v->runs[i], key);
		struct sst_reader *reader;

		if (!t)
			continue;
		r = table_peek(db->tables, &t->slot, &reader);
		if (r == 0)
			r = sst_get(reader, db->blocks, key, hash, as_of,
				    no_fill, &f->hit);
	}
	table_guard_leave(db->tables, &guard);
	if (r == 0) {
		f->rec = f->hit.rec;
		f->mem = NULL;
	}
	return r;
}

/* The newest version at or before `as_of`, whatever its kind. */
static ALWAYS_INLINE int find_version(struct tt *db,
				      const struct superversion *sv,
				      struct tt_slice key, int64_t as_of,
				      bool no_fill, struct found *f)
{
	int r = ask_memtables(sv, key, as_of, f);

	f->hit.block = NULL;
	if (r == TT_NOTFOUND && sv->version->n_runs)
		r = ask_tables(db, sv->version, key, as_of, no_fill, f);
	return r;
}

/* Gathers merge records until a version that is none: that one's result. */
static int gather(struct tt *db, const struct superversion *sv,
		  struct tt_slice key, bool no_fill, struct merge_chain *chain,
		  struct found *f)
{
	int r;

	do {
		r = merge_chain_push(chain, f->rec.value);
		sst_hit_release(&f->hit);
		if (r == 0)
			r = find_version(db, sv, key, f->rec.ts - 1, no_fill,
					 f);
	} while (r == 0 && f->rec.kind == RECORD_MERGE);
	return r;
}

/* *f is a merge record: puts the value together. */
static NOINLINE int find_merged(struct tt *db, const struct superversion *sv,
				struct tt_slice key, bool no_fill,
				struct found *f)
{
	int64_t ts = f->rec.ts;
	struct buf separated = BUF_INIT;
	struct merge_chain chain;
	bool has_base;
	int r;

	merge_chain_init(&chain, &db->cfg.merge);
	r = gather(db, sv, key, no_fill, &chain, f);
	has_base = r == 0 && !record_is_deletion(&f->rec);
	if (has_base && f->rec.kind == RECORD_POINTER) {
		r = value_resolve(db->values, key, f->rec.value, false,
				  &separated);
		f->rec.value = buf_slice(&separated);
	}
	if (r >= 0)
		r = merge_chain_resolve(&chain, key,
					has_base ? &f->rec.value : NULL,
					&f->merged);
	sst_hit_release(&f->hit);
	merge_chain_fini(&chain);
	buf_fini(&separated);
	f->rec =
		(struct record){ key, buf_slice(&f->merged), ts, RECORD_VALUE };
	f->mem = NULL;
	return r;
}

static void found_release(struct found *f)
{
	sst_hit_release(&f->hit);
	buf_fini(&f->merged);
}

/* 0 with *f set (found_release() it), TT_NOTFOUND, or negative. */
static int find(struct tt *db, const struct superversion *sv,
		struct tt_slice key, int64_t as_of, bool no_fill,
		struct found *f)
{
	int r = find_version(db, sv, key, as_of, no_fill, f);

	f->merged = (struct buf)BUF_INIT;
	if (r == 0 && !f->hit.block)
		db_count(db, STAT_GETS_FROM_MEMTABLE, 1);
	if (r == 0 && unlikely(f->rec.kind != RECORD_VALUE)) {
		if (f->rec.kind == RECORD_MERGE)
			r = find_merged(db, sv, key, no_fill, f);
		else if (record_is_deletion(&f->rec))
			r = TT_NOTFOUND;
		if (r != 0)
			found_release(f);
	}
	db_count(db, STAT_GETS, 1);
	if (r == 0) {
		db_count(db, STAT_GET_HITS, 1);
		if (likely(f->rec.kind != RECORD_POINTER))
			db_count(db, STAT_GET_BYTES, f->rec.value.len);
	}
	return r;
}

int get_ts(struct tt *db, const struct superversion *sv,
	   const struct tt_read_options *ro, int64_t *out)
{
	return history_ts(db, sv, ro ? ro->snapshot : NULL, ro ? ro->as_of : 0,
			  out);
}

/* What a read tells of its value. */
static void give(struct tt_slice value, int64_t ts, void *buf, size_t cap,
		 size_t *out_len, int64_t *out_ts)
{
	if (value.len && cap)
		memcpy(buf, value.data, MIN_OF(value.len, cap));
	if (out_len)
		*out_len = value.len;
	if (out_ts)
		*out_ts = ts;
}

/* ---- separated values ------------------------------------------------- */

static void count_value(struct tt *db, uint64_t bytes)
{
	db_count(db, STAT_VALUE_READS, 1);
	db_count(db, STAT_VALUE_READ_BYTES, bytes);
	db_count(db, STAT_GET_BYTES, bytes);
}

/* *f is a pointer: reads the value into memory of its own. */
static NOINLINE int load(struct tt *db, struct found *f)
{
	int r = value_resolve(db->values, f->rec.key, f->rec.value, false,
			      &f->merged);

	sst_hit_release(&f->hit);
	f->mem = NULL;
	if (r < 0) {
		found_release(f);
		return r;
	}
	count_value(db, f->merged.len);
	f->rec.value = buf_slice(&f->merged);
	return 0;
}

/* Straight into the caller's memory where there is room for all of it: a part
 * must be verified as a whole. */
static NOINLINE int give_separated(struct tt *db, struct found *f, void *buf,
				   size_t cap, size_t *out_len, int64_t *out_ts)
{
	struct value_ptr p;
	int r;

	value_ptr_decode(f->rec.value.data, f->rec.key.len, &p);
	if (unlikely(p.raw_len > cap && cap)) {
		r = load(db, f);
		if (r == 0)
			give(f->rec.value, f->rec.ts, buf, cap, out_len,
			     out_ts);
		return r;
	}
	if (cap) {
		r = value_read(db->values, &p, buf);
		if (r < 0)
			return r;
		count_value(db, p.raw_len);
	}
	give(SLICE(NULL, p.raw_len), f->rec.ts, NULL, 0, out_len, out_ts);
	return 0;
}

static COLD int copy_verified(struct tt *db, const struct tt_read_options *ro,
			      struct tt_slice key, void *buf, size_t cap,
			      size_t *out_len, int64_t *out_ts)
{
	struct tt_pinned pin;
	int r = get_verified(db, ro, key, &pin);

	if (r != 0)
		return r;
	give(pin.value, pin.ts, buf, cap, out_len, out_ts);
	tt_unpin(&pin);
	return 0;
}

int tt_get(struct tt *db, const struct tt_read_options *ro, struct tt_slice key,
	   void *buf, size_t cap, size_t *out_len, int64_t *out_ts)
{
	struct slot_token token;
	struct superversion *sv;
	struct found f;
	int64_t ts;
	int r = batch_check_op(key, 0);

	if (r < 0)
		return r;
	if (unlikely(ro && ro->verify))
		return copy_verified(db, ro, key, buf, cap, out_len, out_ts);
	sv = db_acquire(db, &token);
	r = get_ts(db, sv, ro, &ts);
	if (r == 0)
		r = find(db, sv, key, ts, ro && ro->no_fill, &f);
	if (r == 0) {
		if (unlikely(f.rec.kind == RECORD_POINTER))
			r = give_separated(db, &f, buf, cap, out_len, out_ts);
		else
			give(f.rec.value, f.rec.ts, buf, cap, out_len, out_ts);
		found_release(&f);
	}
	db_release(db, &token, sv);
	return r;
}

/* ---- pins ------------------------------------------------------------- */

static void release_block(void *block, void *unused)
{
	(void)unused;
	block_unref(block);
}

static void release_memtable(void *mem, void *unused)
{
	(void)unused;
	memtable_unref(mem);
}

static void release_buf(void *data, void *cap)
{
	struct buf b = { .data = data, .cap = (uintptr_t)cap };

	buf_fini(&b);
}

int get_pinned_record(struct tt *db, const struct superversion *sv,
		      struct tt_slice key, int64_t as_of, bool no_fill,
		      struct tt_pinned *out, bool *is_pointer)
{
	struct found f;
	int r = batch_check_op(key, 0);

	if (r == 0)
		r = find(db, sv, key, as_of, no_fill, &f);
	if (r != 0)
		return r;
	*is_pointer = f.rec.kind == RECORD_POINTER;
	out->value = f.rec.value;
	out->ts = f.rec.ts;
	out->b = NULL;
	if (f.merged.data) {
		out->release = release_buf;
		out->a = f.merged.data;
		out->b = (void *)(uintptr_t)f.merged.cap; /* NOLINT */
	} else if (f.mem) {
		out->release = release_memtable;
		out->a = memtable_ref(f.mem);
	} else {
		out->release = release_block;
		out->a = f.hit.block;
	}
	return 0;
}

int get_separated(struct tt *db, struct tt_slice key, struct tt_pinned *out)
{
	struct buf value = BUF_INIT;
	int64_t ts = out->ts;
	int r = value_resolve(db->values, key, out->value, false, &value);

	tt_unpin(out);
	if (r < 0) {
		buf_fini(&value);
		return r;
	}
	count_value(db, value.len);
	*out = (struct tt_pinned){
		.value = buf_slice(&value),
		.ts = ts,
		.release = release_buf,
		.a = value.data,
		.b = (void *)(uintptr_t)value.cap, /* NOLINT */
	};
	return 0;
}

int get_pinned(struct tt *db, const struct superversion *sv,
	       struct tt_slice key, int64_t as_of, bool no_fill,
	       struct tt_pinned *out)
{
	bool is_pointer;
	int r = get_pinned_record(db, sv, key, as_of, no_fill, out,
				  &is_pointer);

	return r == 0 && unlikely(is_pointer) ? get_separated(db, key, out) : r;
}

int tt_get_pinned(struct tt *db, const struct tt_read_options *ro,
		  struct tt_slice key, struct tt_pinned *out)
{
	struct slot_token token;
	struct superversion *sv;
	int64_t ts;
	int r;

	if (unlikely(ro && ro->verify))
		return get_verified(db, ro, key, out);
	sv = db_acquire(db, &token);
	r = get_ts(db, sv, ro, &ts);
	if (r == 0)
		r = get_pinned(db, sv, key, ts, ro && ro->no_fill, out);
	db_release(db, &token, sv);
	return r;
}

void tt_unpin(struct tt_pinned *pin)
{
	if (!pin || !pin->release)
		return;
	pin->release(pin->a, pin->b);
	*pin = (struct tt_pinned){ .release = NULL };
}
