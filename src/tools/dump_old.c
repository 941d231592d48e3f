/* SPDX-License-Identifier: MIT */
/* Tables of the old Go program. */
#include "base/err.h"
#include "lsm/record_format.h"
#include "tools/dump.h"
#include "tools/old_table.h"

int dump_old_table(struct dump *d, const char *path)
{
	struct old_table_info info;
	struct old_record rec;
	struct old_table *t;
	int r = old_table_open(path, &t);

	if (r != 0)
		return r;
	old_table_info(t, &info);
	dump_begin(d, "old_table");
	dump_bytes(d, "path", slice_str(path));
	dump_uint(d, "file_bytes", info.file_bytes);
	dump_uint(d, "filter_bytes", info.filter_bytes);
	dump_uint(d, "index_bytes", info.index_bytes);
	dump_uint(d, "timestamp_size_bytes", info.ts_size_bytes);
	r = dump_end(d);
	while (r == 0) {
		r = old_table_next(t, &rec);
		if (r == 0)
			r = dump_record(d, rec.key, rec.value, rec.ts,
					rec.is_tombstone ? RECORD_TOMBSTONE
							 : RECORD_VALUE);
	}
	if (r == TT_ECORRUPT)
		dump_damage(d, err_text());
	old_table_close(t);
	return r == TT_END || r == TT_ECORRUPT ? 0 : r;
}
