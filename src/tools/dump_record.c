/* SPDX-License-Identifier: MIT */
/* One record of a dump. */
#include "lsm/record_format.h"
#include "tools/dump.h"

/* Where the value lies, for `dump` of that file. */
static void show_pointer(struct dump *d, struct tt_slice key,
			 struct tt_slice stored)
{
	struct value_ptr p;

	if (!value_ptr_is_sound(stored.data, stored.len)) {
		dump_bytes(d, "pointer", stored);
		return;
	}
	value_ptr_decode(stored.data, key.len, &p);
	dump_uint(d, "value_file", p.file_no);
	dump_uint(d, "value_offset", p.offset);
	dump_uint(d, "value_bytes", p.raw_len);
	dump_uint(d, "stored_bytes", p.stored_len);
	dump_bytes(d, "codec", slice_str(codec_name(p.codec)));
	if (p.is_shared)
		dump_uint(d, "shared_key_bytes", p.key_len);
}

int dump_record(struct dump *d, struct tt_slice key, struct tt_slice value,
		int64_t ts, uint8_t kind)
{
	static const char *const kinds[] = {
		[RECORD_VALUE] = "value",
		[RECORD_TOMBSTONE] = "tombstone",
		[RECORD_MERGE] = "merge",
		[RECORD_POINTER] = "pointer",
		[RECORD_RANGE] = "delete_range",
	};
	int r;

	if (d->n_shown >= d->limit)
		return TT_END;
	d->n_shown++;
	dump_begin(d, "record");
	dump_bytes(d, "key", key);
	dump_int(d, "ts", ts);
	dump_bytes(d, "kind", slice_str(kinds[kind]));
	if (kind == RECORD_POINTER)
		show_pointer(d, key, value);
	else if (d->keys_only && kind != RECORD_RANGE)
		dump_uint(d, "value_bytes", value.len);
	else if (kind != RECORD_TOMBSTONE)
		dump_bytes(d, kind == RECORD_RANGE ? "upper" : "value", value);
	r = dump_end(d);
	if (r == 0 && d->n_shown == d->limit)
		return TT_END;
	return r;
}
