/* SPDX-License-Identifier: MIT */
#include "lsm/value_mover.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "lsm/value_log.h"
#include "lsm/value_read.h"
#include "lsm/version_values.h"

void value_mover_init(struct value_mover *m, struct value_log *log,
		      size_t separate_bytes,
		      const struct version_values *values)
{
	*m = (struct value_mover){
		.log = log,
		.separate_bytes = separate_bytes,
		.values = values,
	};
}

void value_mover_fini(struct value_mover *m)
{
	while (m->n_used)
		value_file_unuse(m->used[--m->n_used]);
	free(m->used);
	buf_fini(&m->value);
	value_mover_init(m, m->log, m->separate_bytes, m->values);
}

/* Takes over the caller's use of a file. */
static int keep_use(struct value_mover *m, struct value_file *f)
{
	if (m->n_used && m->used[m->n_used - 1] == f) {
		value_file_unuse(f);
		return 0;
	}
	if (m->n_used == m->cap_used) {
		size_t cap = m->cap_used ? 2 * m->cap_used : 4;
		struct value_file **used =
			realloc(m->used, cap * sizeof(struct value_file *));

		if (!used) {
			value_file_unuse(f);
			return err_nomem("moved values");
		}
		m->used = used;
		m->cap_used = cap;
	}
	m->used[m->n_used++] = f;
	return 0;
}

/* The record points to a value just written; takes the use of its file. */
static int lead_to(struct value_mover *m, struct value_file *file,
		   const struct value_ptr *to, struct record *rec)
{
	int r = keep_use(m, file);

	if (r < 0)
		return r;
	value_ptr_encode(to, &m->pointer);
	rec->kind = RECORD_POINTER;
	rec->value = SLICE(&m->pointer, sizeof(m->pointer));
	return 0;
}

static void give_up(struct value_file *f)
{
	log_error(LOG_COMPACT,
		  "value file %06" PRIu64 " cannot be emptied and stays: %s",
		  f->no, err_text());
	atomic_store_explicit(&f->is_unreadable, true, memory_order_relaxed);
	atomic_store_explicit(&f->is_victim, false, memory_order_relaxed);
}

static int move(struct value_mover *m, struct value_file *from,
		const struct value_ptr *p, struct record *rec)
{
	struct value_ptr to;
	struct value_file *file;
	int r;

	buf_clear(&m->value);
	r = buf_reserve(&m->value, p->stored_len);
	if (r < 0)
		return r;
	r = value_read_stored(from, p, m->value.data);
	if (r == TT_ECORRUPT || r == -EIO) {
		give_up(from);
		return 0;
	}
	if (r < 0)
		return r;
	r = value_log_move(m->log, rec->key, rec->ts,
			   SLICE(m->value.data, p->stored_len), p, &to, &file);
	return r < 0 ? r : lead_to(m, file, &to, rec);
}

/* Separates a value. */
static int separate(struct value_mover *m, struct record *rec)
{
	struct value_ptr to;
	struct value_file *file;
	int r = value_log_put(m->log, VALUE_STREAM_MOVED, rec->key, rec->ts,
			      rec->value, &to, &file);

	return r < 0 ? r : lead_to(m, file, &to, rec);
}

int value_mover_take(struct value_mover *m, struct record *rec)
{
	const struct version_value *v;
	struct value_ptr p;

	if (rec->kind == RECORD_VALUE)
		return separate(m, rec);
	value_ptr_decode(rec->value.data, rec->key.len, &p);
	v = version_values_find(m->values, p.file_no);
	if (!v || !v->file ||
	    !atomic_load_explicit(&v->file->is_victim, memory_order_relaxed))
		return 0;
	return move(m, v->file, &p, rec);
}

int value_mover_sync(struct value_mover *m)
{
	int r = 0;

	for (size_t i = 0; i < m->n_used && r == 0; i++)
		r = value_log_sync_file(m->used[i]);
	return r;
}
