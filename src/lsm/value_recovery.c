/* SPDX-License-Identifier: MIT */
#include "lsm/value_recovery.h"

#include "lsm/batch.h"
#include "lsm/db.h"
#include "lsm/value_log.h"
#include "lsm/wal_reader.h"

static int accept(void *arg, uint64_t lsn, int64_t ts, struct tt_slice payload)
{
	(void)arg;
	(void)lsn;
	(void)ts;
	(void)payload;
	return 0;
}

int value_recovery_begin(struct value_recovery *v, struct tt *db,
			 const char *wal_dir)
{
	struct wal_tail tail;
	int r = value_log_recover(db->values);

	*v = (struct value_recovery){
		.db = db,
		.disk = { .env = db->env, .dir = db->dir },
	};
	if (r < 0 || !value_log_has_unsealed(db->values))
		return r;
	r = wal_replay(db->env, wal_dir, db->vs.replay_from, accept, NULL,
		       &tail);
	if (r < 0)
		return r;
	v->verifies = true;
	v->durable = tail.durable;
	return 0;
}

void value_recovery_end(struct value_recovery *v)
{
	value_disk_fini(&v->disk);
}

/* 0 when the value is there, TT_ECORRUPT when not. */
static int check_value(struct value_recovery *v, const struct batch_op *op)
{
	struct value_ptr p;

	value_ptr_decode(op->value.data, op->key.len, &p);
	if (!value_log_is_unsealed(v->db->values, p.file_no))
		return 0; /* durable, or damaged, which a read will tell */
	v->n_verified++;
	return value_disk_verify(&v->disk, &p, op->key);
}

int value_recovery_check(struct value_recovery *v, uint64_t lsn,
			 struct tt_slice payload)
{
	struct batch_reader reader;
	struct batch_op op;
	int r;

	if (!v->verifies || lsn < v->durable)
		return 0;
	if (batch_reader_init(&reader, payload) < 0)
		return 0; /* the replay will say so */
	while ((r = batch_reader_next(&reader, &op)) == 0) {
		if (op.kind != RECORD_POINTER)
			continue;
		r = check_value(v, &op);
		if (r == TT_ECORRUPT)
			return TT_END;
		if (r < 0)
			return r;
	}
	return 0;
}
