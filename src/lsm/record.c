/* SPDX-License-Identifier: MIT */
#include "lsm/record.h"

#include "base/buf.h"
#include "base/err.h"
#include "lsm/value_format.h"
#include "ttrunks.h"

_Static_assert(KEY_LARGEST_LEN == TT_KEY_MAX, "the largest key");

const uint8_t key_largest_bytes[TT_KEY_MAX] = { [0 ... TT_KEY_MAX - 1] = 0xff };

int key_successor(struct tt_slice key, struct buf *out)
{
	int r = buf_set(out, key);

	if (r < 0)
		return r;
	if (key.len < TT_KEY_MAX)
		return buf_append_byte(out, 0);
	/* There is no longer one: the next one that does not begin so. */
	while (out->len && out->data[out->len - 1] == 0xff)
		out->len--;
	if (out->len)
		out->data[out->len - 1]++;
	return 0;
}

bool record_range_is_sound(struct tt_slice start, struct tt_slice end)
{
	return start.len && start.len <= TT_KEY_MAX && end.len <= TT_KEY_MAX &&
	       (end.len == 0 || key_cmp(start, end) < 0);
}

int record_check(const struct record *r)
{
	if (!record_kind_is_known(r->kind))
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
	if (r->kind == RECORD_RANGE && !record_range_is_sound(r->key, r->value))
		return err_set(TT_ECORRUPT, "range tombstone without a range");
	return 0;
}
