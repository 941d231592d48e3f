/* SPDX-License-Identifier: MIT */
/*
 * The write path of large values: they are written to a value file by the
 * caller's thread, and what enters the write queue instead is a pointer. Also
 * what the log of values needs from the database. Any thread.
 */
#ifndef LSM_SEPARATE_H
#define LSM_SEPARATE_H

#include <stdbool.h>

#include "lsm/db.h"
#include "lsm/value_log.h"

/* As tt_put(), for a value of db->cfg.separate_bytes or more. */
int separate_put(struct tt *db, struct tt_slice key, struct tt_slice value,
		 const struct tt_write_options *wo, int64_t *out_ts);

/* As tt_write(), for a batch that has such a value, or pointers: to values in
 * files of which the caller holds a use. */
int separate_write(struct tt *db, const struct tt_batch *batch,
		   const struct tt_write_options *wo, int64_t *out_ts);

/* Whether so many bytes of values, written or shared, will be taken; waits for
 * their turn. */
int separate_enter(struct tt *db, uint64_t bytes, bool no_wait);

/* How this store keeps values. */
void separate_options(struct tt *db, struct value_log_options *out);

#endif
