/* SPDX-License-Identifier: MIT */
/*
 * Large values on their way in. Until the pointer stands in a memtable (or
 * has failed to), the writer itself uses the value file, so that it cannot be
 * dropped meanwhile.
 *
 * A store that refuses writes is not given their values: nobody would collect
 * them there, and whoever asks again and again would fill the disk. Where a
 * write fails all the same, its values are taken back, unless their pointers
 * may have been logged; then they stay, and without those they are garbage like
 * any other.
 */
#include "lsm/separate.h"

#include <stdlib.h>

#include "lsm/batch.h"
#include "lsm/room.h"
#include "lsm/schedule.h"
#include "lsm/version_edit.h"

int separate_enter(struct tt *db, uint64_t bytes, bool no_wait)
{
	int r = write_queue_check(db->queue);

	if (r == 0)
		r = wal_check(db->wal);
	return r < 0 ? r : room_enter(db, bytes, no_wait);
}

static int write_value(struct tt *db, struct tt_slice key,
		       struct tt_slice value, bool no_wait,
		       struct value_ptr *out, struct value_file **file)
{
	int r = separate_enter(db, value.len, no_wait);

	if (r < 0)
		return r;
	return no_wait ? value_log_put_now(db->values, key, value, out, file)
		       : value_log_put(db->values, VALUE_STREAM_USER, key, 0,
				       value, out, file);
}

/* The log may point to values of which no memtable knows; the next start, which
 * replays it, must find them. Such a store takes no more writes. */
static COLD void keep_values(struct tt *db)
{
	version_set_hold_values(&db->vs);
}

/* ---- one value -------------------------------------------------------- */

int separate_put(struct tt *db, struct tt_slice key, struct tt_slice value,
		 const struct tt_write_options *wo, int64_t *out_ts)
{
	struct value_ptr_stored stored;
	struct value_file *file;
	struct value_ptr ptr;
	bool is_logged;
	int r = batch_check_op(key, value.len);

	if (r == 0)
		r = write_value(db, key, value, wo && wo->no_wait, &ptr, &file);
	if (r < 0)
		return r;
	value_ptr_encode(&ptr, &stored);
	r = write_commit_pointer(db->queue, key, SLICE(&stored, sizeof(stored)),
				 wo, out_ts, &is_logged);
	if (unlikely(r < 0 && !is_logged))
		value_log_take_back(db->values, file, &ptr);
	else if (unlikely(r < 0))
		keep_values(db);
	value_file_unuse(file);
	return r;
}

/* ---- batches ---------------------------------------------------------- */

/* A value of the batch that has been written. */
struct written {
	struct value_file *file; /* a use */
	struct value_ptr ptr;
};

struct transformation {
	struct tt *db;
	bool no_wait;
	struct tt_batch out;
	struct written *written;
	size_t n, cap;
};

static int note_written(struct transformation *t, const struct written *w)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 8;
		struct written *p = realloc(t->written, cap * sizeof(*p));

		if (!p)
			return err_nomem("batch");
		t->written = p;
		t->cap = cap;
	}
	t->written[t->n++] = *w;
	return 0;
}

static int take_value(struct transformation *t, const struct batch_op *op)
{
	struct value_ptr_stored stored;
	struct written w;
	int r = write_value(t->db, op->key, op->value, t->no_wait, &w.ptr,
			    &w.file);

	if (r < 0)
		return r;
	r = note_written(t, &w);
	if (r < 0) {
		value_file_unuse(w.file);
		return r;
	}
	value_ptr_encode(&w.ptr, &stored);
	return batch_add(&t->out, RECORD_POINTER, op->key,
			 SLICE(&stored, sizeof(stored)));
}

/* The batch again, with pointers for its large values. */
static int transform(struct transformation *t, const struct tt_batch *batch)
{
	struct batch_reader rd;
	struct batch_op op;
	int r = batch_reader_init(&rd, batch_encoded(batch));

	while (r == 0 && (r = batch_reader_next(&rd, &op)) == 0) {
		if (op.kind == RECORD_VALUE &&
		    op.value.len >= t->db->cfg.separate_bytes)
			r = take_value(t, &op);
		else
			r = batch_add(&t->out, op.kind, op.key, op.value);
	}
	return r == TT_END ? 0 : r;
}

int separate_write(struct tt *db, const struct tt_batch *batch,
		   const struct tt_write_options *wo, int64_t *out_ts)
{
	struct transformation t = { .db = db, .no_wait = wo && wo->no_wait };
	bool is_logged = false;
	int r;

	batch_init(&t.out);
	r = transform(&t, batch);
	if (r == 0)
		r = write_commit_pointers(db->queue, &t.out, wo, out_ts,
					  &is_logged);
	if (r < 0 && is_logged)
		keep_values(db);
	/* The last one first: so they all may go. */
	while (t.n) {
		struct written *w = &t.written[--t.n];

		if (!is_logged)
			value_log_take_back(db->values, w->file, &w->ptr);
		value_file_unuse(w->file);
	}
	free(t.written);
	batch_fini(&t.out);
	return r;
}

/* ---- what the log of values needs ------------------------------------- */

static uint64_t new_file_no(void *arg)
{
	struct tt *db = arg;

	return version_set_new_file_no(&db->vs);
}

static int name_file(void *arg, const struct value_name *name, bool *is_refused)
{
	struct version_edit edit;
	int r;

	version_edit_init(&edit);
	r = version_edit_name_values(&edit, name);
	if (r == 0)
		r = schedule_apply(arg, &edit);
	else
		edit.is_refused = true;
	*is_refused = edit.is_refused;
	version_edit_fini(&edit);
	return r;
}

void separate_options(struct tt *db, struct value_log_options *out)
{
	*out = (struct value_log_options){
		.env = db->env,
		.dir = db->dir,
		.file_bytes = db->cfg.value_file_bytes,
		.max_open = db->cfg.max_open_values,
		.codec = db->cfg.codec,
		.hooks = { .arg = db,
			   .new_file_no = new_file_no,
			   .name_file = name_file,
			   .wake = schedule_gc },
	};
}
