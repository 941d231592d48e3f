/* SPDX-License-Identifier: MIT */
/*
 * Showing a store's files to people and to programs: one line per thing,
 * either words ("record key=... ts=...") or a JSON object. Constant memory.
 * One thread.
 *
 * Every dumper writes what it can read, reports damage through
 * dump_damage(), and goes on where that makes sense.
 */
#ifndef TOOLS_DUMP_H
#define TOOLS_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct dump {
	/* set by the user */
	bool json;
	bool keys_only; /* no values */
	uint64_t limit; /* records to show */

	/* kept by the functions below */
	struct buf line;
	bool is_open;	  /* a line has been begun */
	uint64_t n_shown; /* records */
	uint64_t n_damaged;
};

void dump_fini(struct dump *d);

/* ---- lines ------------------------------------------------------------ */

/* A line of facts about one `type` of thing, of fields, to dump_end(). */
void dump_begin(struct dump *d, const char *type);
void dump_uint(struct dump *d, const char *name, uint64_t v);
void dump_int(struct dump *d, const char *name, int64_t v);
void dump_bool(struct dump *d, const char *name, bool v);
/* Bytes that need not be text: escaped, or base64 in JSON with a field
 * NAME_encoding beside it. */
void dump_bytes(struct dump *d, const char *name, struct tt_slice s);
/* 0, or -EIO when standard output is gone. */
int dump_end(struct dump *d);

/* One record of a kind of record.h, of a table or of the log. TT_END when the limit is reached. */
int dump_record(struct dump *d, struct tt_slice key, struct tt_slice value,
		int64_t ts, uint8_t kind);

/* Damage: a line on standard error (words) or output (JSON). */
void dump_damage(struct dump *d, const char *text);

/* ---- files ------------------------------------------------------------ */

/*
 * Each shows one file: 0, TT_NOTFOUND when it is no such file (nothing was
 * shown), or negative. Damage within is counted in d->n_damaged.
 */
int dump_table(struct dump *d, const char *path);
int dump_wal(struct dump *d, const char *path);
int dump_manifest(struct dump *d, const char *path);
int dump_values(struct dump *d, const char *path);
int dump_current(struct dump *d, const char *path);
int dump_old_table(struct dump *d, const char *path);

/* Whichever of these it is, recognised by contents. TT_EFOREIGN if none. */
int dump_file(struct dump *d, const char *path);

#endif
