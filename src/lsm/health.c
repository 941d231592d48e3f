/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a store, for whoever asks, and taking up work again.
 */
#include <string.h>

#include "lsm/db.h"
#include "lsm/room.h"
#include "lsm/schedule.h"
#include "lsm/value_log.h"

_Static_assert(sizeof(((struct tt_background_error *)0)->text) >= ERR_TEXT_MAX,
	       "any error text fits");

/* 0, or TT_EPOISONED when a write was lost between log and memtable, or the
 * log or a value file could not be synced. */
static int check_poison(struct tt *db)
{
	int r = write_queue_check(db->queue);

	if (r == 0)
		r = wal_check(db->wal);
	return r < 0 ? r : value_log_check(db->values);
}

/* The failure of background work, if any. */
static enum tt_background state_of_work(struct tt *db, struct err_saved *why)
{
	enum tt_background state = TT_BACKGROUND_WELL;

	mutex_lock(&db->mu);
	if (db->err.code) {
		*why = db->err;
		state = db->is_short_of_space ? TT_BACKGROUND_NO_SPACE
					      : TT_BACKGROUND_STOPPED;
	} else if (db->compaction_err.code) {
		*why = db->compaction_err;
		state = TT_BACKGROUND_NO_COMPACTION;
	}
	mutex_unlock(&db->mu);
	return state;
}

int tt_background_error(struct tt *db, struct tt_background_error *out)
{
	struct err_saved why = { .code = check_poison(db) };
	enum tt_background state = TT_BACKGROUND_POISONED;

	if (why.code)
		err_save(&why, why.code);
	else
		state = state_of_work(db, &why);
	if (out) {
		out->state = state;
		out->code = why.code;
		memcpy(out->text, why.text, sizeof(why.text));
	}
	return (int)state;
}

int tt_resume(struct tt *db)
{
	int r = check_poison(db);

	/* Before work begins that will want to write to it. */
	if (r == 0)
		r = version_set_resume(&db->vs);
	if (r < 0)
		return r;
	value_log_resume(db->values);
	mutex_lock(&db->mu);
	db->n_resumes++;
	if (db->err.code || db->compaction_err.code)
		log_info(LOG_DB, "%s: background work is resumed after: %s",
			 db->dir,
			 db->err.code ? db->err.text : db->compaction_err.text);
	db->err.code = 0;
	db->is_short_of_space = false;
	db->compaction_err.code = 0;
	room_update_locked(db);
	schedule_locked(db);
	cond_broadcast(&db->changed); /* a retry that rests, too */
	mutex_unlock(&db->mu);
	return 0;
}
