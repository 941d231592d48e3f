/* SPDX-License-Identifier: MIT */
#include "lsm/record.h"

#include "base/err.h"
#include "lsm/value_format.h"
#include "ttrunks.h"

int record_check(const struct record *r)
{
	if (r->kind >= N_RECORD_KINDS)
		return err_set(TT_ECORRUPT, "record of unknown kind %u",
			       r->kind);
	if (r->key.len == 0 || r->key.len > TT_KEY_MAX)
		return err_set(TT_ECORRUPT, "record with a key of %zu bytes",
			       r->key.len);
	if (r->value.len > TT_VALUE_MAX)
		return err_set(TT_ECORRUPT, "record with a value of %zu bytes",
			       r->value.len);
	if (r->kind == RECORD_TOMBSTONE && r->value.len)
		return err_set(TT_ECORRUPT, "tombstone with a value");
	if (r->kind == RECORD_POINTER &&
	    !value_ptr_is_sound(r->value.data, r->value.len))
		return err_set(TT_ECORRUPT, "impossible pointer to a value");
	return 0;
}
