/* SPDX-License-Identifier: MIT */
/*
 * Tables of the old Go program: the same two boxes, filled with ASCII, then
 * records. Its timestamp size takes eight bytes, where its own document (and
 * our tables) say four; files of both kinds are read. Such a table has no
 * checksums: what can be told is whether its records fill the file exactly.
 *
 * Constant memory but for one record. One thread.
 */
#ifndef TOOLS_OLD_TABLE_H
#define TOOLS_OLD_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct old_table;

struct old_record {
	struct tt_slice key; /* both valid until the next record */
	struct tt_slice value;
	int64_t ts;
	bool is_tombstone;
	uint64_t offset; /* in the file */
};

struct old_table_info {
	uint64_t file_bytes;
	uint64_t filter_bytes;
	uint64_t index_bytes;
	unsigned ts_size_bytes; /* 8 as written by the Go program, or 4 */
};

/* TT_NOTFOUND when the file is no such table; 0 with *out set; negative. */
int old_table_open(const char *path, struct old_table **out);
void old_table_close(struct old_table *t);
void old_table_info(const struct old_table *t, struct old_table_info *out);

/* The next record, from the first on: 0, TT_END, TT_ECORRUPT with file and
 * offset, or another failure. */
int old_table_next(struct old_table *t, struct old_record *out);

#endif
