/* SPDX-License-Identifier: MIT */
/*
 * Merge records as users write them: tt_patch(), tt_merge(), and the function
 * behind the latter.
 */
#include <stdlib.h>
#include <string.h>

#include "lsm/db.h"
#include "lsm/operand.h"

int tt_merge_emit(struct tt_merge_result *result, struct tt_slice bytes)
{
	return buf_append_slice(&result->value, bytes);
}

int tt_options_set_merge(struct tt_options *opts, const char *name,
			 tt_merge_fn fn, void *arg)
{
	size_t len = strlen(name);

	if (len == 0 || len > MERGE_NAME_MAX)
		return err_set(TT_EOPTION,
			       "merge function name of %zu bytes: 1 to %u", len,
			       MERGE_NAME_MAX);
	memcpy(opts->merge_name.text, name, len + 1);
	opts->merge = (struct merge_function){ fn, arg };
	return 0;
}

/* Commits a merge record of one operand. */
static int commit(struct tt *db, const struct tt_write_options *wo,
		  struct tt_slice key, const struct operand *op,
		  int64_t *out_ts)
{
	struct buf value = BUF_INIT;
	int r = operand_append(&value, op);

	if (r == 0)
		r = write_commit_one(db->queue, RECORD_MERGE, key,
				     buf_slice(&value), wo, out_ts);
	buf_fini(&value);
	return r;
}

int tt_patch(struct tt *db, const struct tt_write_options *wo,
	     struct tt_slice key, size_t offset, struct tt_slice bytes,
	     int64_t *out_ts)
{
	struct operand op;
	int r = operand_patch(&op, offset, bytes);

	return r < 0 ? r : commit(db, wo, key, &op, out_ts);
}

int tt_merge(struct tt *db, const struct tt_write_options *wo,
	     struct tt_slice key, struct tt_slice operand, int64_t *out_ts)
{
	const struct operand op = { OPERAND_MERGE, 0, operand };

	if (!db->cfg.merge.fn)
		return err_set(TT_EMERGE, "%s: no merge function is registered",
			       db->dir);
	return commit(db, wo, key, &op, out_ts);
}
