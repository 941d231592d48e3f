/* SPDX-License-Identifier: MIT */
/*
 * tt_write_copies(): values of keys given to other keys.
 *
 * What a separated value costs is its bytes, and those need not be there twice:
 * the other key gets a pointer to the same place (a shared one, see
 * value_format.h). All that has to be right is how long that place lives.
 *
 * - From looking to being logged. The pointer was found in a superversion,
 *   which keeps the file on the disk but not in the manifest: tables may have
 *   changed since, and the next edit may drop the file. So a use of it is taken
 *   first, which is refused once the file is condemned (value_file.h). Whoever
 *   gets none copies the bytes, which the superversion still has.
 * - From there on the pointer is like any other: the memtable uses the file
 *   before we cease to, the flush that replaces the memtable has it counted in
 *   the tables, and the log is needed only as long as the memtable is. So a
 *   start finds the file, and so does a copy of the store.
 * - Durable. Whoever can see the value has it behind him: it was written before
 *   the pointer that we found was logged, so the sync of the log that makes
 *   ours durable makes the value so, too. After a power cut values in unsealed
 *   files are verified for our record as for the first.
 */
#include <errno.h>
#include <stdlib.h>

#include "lsm/batch.h"
#include "lsm/db.h"
#include "lsm/get.h"
#include "lsm/record.h"
#include "lsm/separate.h"
#include "lsm/value_format.h"
#include "lsm/value_log.h"

struct copying {
	struct tt *db;
	const struct superversion *sv;
	const struct tt_read_options *ro; /* may be NULL */
	int64_t as_of;
	struct tt_batch all;	  /* the caller's, and what is copied */
	struct value_file **used; /* uses */
	size_t n_used, cap_used;
	struct tt_copied done;
};

/* Uses the file, which mostly is that of the value before: 1, 0 when no other
 * pointer may lead there, or < 0. */
static int use_file(struct copying *c, uint64_t no)
{
	struct value_file *f;

	if (c->n_used && c->used[c->n_used - 1]->no == no)
		return 1;
	if (c->n_used == c->cap_used) {
		size_t cap = c->cap_used ? 2 * c->cap_used : 4;
		struct value_file **used =
			realloc(c->used, cap * sizeof(struct value_file *));

		if (!used)
			return err_nomem("copies");
		c->used = used;
		c->cap_used = cap;
	}
	f = value_log_share(c->db->values, no);
	if (f)
		c->used[c->n_used++] = f;
	return f != NULL;
}

/* 1 when `to` shares the value, 0 when that cannot be. */
static int share(struct copying *c, const struct tt_copy *copy,
		 struct tt_slice stored)
{
	struct value_ptr_stored pointer;
	struct value_ptr p;
	int r;

	value_ptr_decode(stored.data, copy->from.len, &p);
	r = use_file(c, p.file_no);
	if (r <= 0)
		return r;
	p.is_shared = true;
	value_ptr_encode(&p, &pointer);
	r = batch_add(&c->all, RECORD_POINTER, copy->to,
		      SLICE(&pointer, sizeof(pointer)));
	if (r < 0)
		return r;
	c->done.n_shared++;
	c->done.shared_bytes += value_ptr_space(&p);
	return 1;
}

static int copy_bytes(struct copying *c, struct tt_slice to,
		      struct tt_slice value)
{
	int r = batch_add(&c->all, RECORD_VALUE, to, value);

	if (r == 0)
		c->done.copied_bytes += value.len;
	return r;
}

static int copy_one(struct copying *c, const struct tt_copy *copy)
{
	bool no_fill = c->ro && c->ro->no_fill, is_pointer;
	struct tt_pinned pin;
	int r = get_pinned_record(c->db, c->sv, copy->from, c->as_of, no_fill,
				  &pin, &is_pointer);

	if (r != 0)
		return r;
	if (is_pointer) {
		r = share(c, copy, pin.value);
		if (r != 0) {
			tt_unpin(&pin);
			return MIN_OF(r, 0);
		}
		r = get_separated(c->db, copy->from, &pin);
		if (r < 0)
			return r;
	}
	r = copy_bytes(c, copy->to, pin.value);
	tt_unpin(&pin);
	return r;
}

static int copy_all(struct copying *c, const struct tt_copy *copies, size_t n)
{
	struct slot_token token;
	struct superversion *sv = db_acquire(c->db, &token);
	int r = get_ts(c->db, sv, c->ro, &c->as_of);

	c->sv = sv;
	for (size_t i = 0; i < n && r == 0; i++)
		r = copy_one(c, &copies[i]);
	db_release(c->db, &token, sv);
	return r;
}

/* With the option verify: past whatever is in memory, so nothing is shared. */
static int copy_verified(struct copying *c, const struct tt_copy *copies,
			 size_t n)
{
	struct tt_read_options ro = *c->ro;
	struct tt_snapshot *moment = NULL;
	struct tt_pinned pin;
	int r = 0;

	if (!ro.snapshot && !ro.as_of) {
		r = tt_snapshot_new(c->db, &moment);
		ro.snapshot = moment;
	}
	for (size_t i = 0; i < n && r == 0; i++) {
		r = get_verified(c->db, &ro, copies[i].from, &pin);
		if (r != 0)
			break;
		r = copy_bytes(c, copies[i].to, pin.value);
		tt_unpin(&pin);
	}
	if (moment)
		tt_snapshot_free(c->db, moment);
	return r;
}

static void count(const struct copying *c)
{
	db_count(c->db, STAT_VALUE_SHARES, c->done.n_shared);
	db_count(c->db, STAT_VALUE_SHARE_BYTES, c->done.shared_bytes);
}

int tt_write_copies(struct tt *db, const struct tt_write_options *wo,
		    const struct tt_batch *batch,
		    const struct tt_read_options *ro,
		    const struct tt_copy *copies, size_t n,
		    struct tt_copied *out, int64_t *out_ts)
{
	struct copying c = { .db = db, .ro = ro };
	int r = 0;

	batch_init(&c.all);
	if (batch)
		r = tt_batch_append(&c.all, batch);
	if (r == 0)
		r = ro && ro->verify ? copy_verified(&c, copies, n)
				     : copy_all(&c, copies, n);
	/* They hide as much as values that are written, and tables weigh as
	 * much with them: so they wait for as much. */
	if (r == 0 && c.all.separated_bytes)
		r = separate_enter(db, c.all.separated_bytes,
				   wo && wo->no_wait);
	if (r == 0)
		r = tt_write(db, wo, &c.all, out_ts);
	while (c.n_used)
		value_file_unuse(c.used[--c.n_used]);
	free(c.used);
	batch_fini(&c.all);
	if (r != 0)
		return r;
	count(&c);
	if (out)
		*out = c.done;
	return 0;
}
