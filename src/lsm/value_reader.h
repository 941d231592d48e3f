/* SPDX-License-Identifier: MIT */
/*
 * Reading a value file by itself, past the page cache: the dumper, the checker,
 * tests. Nothing on disk is trusted and nothing is changed. One thread at a time uses a scan.
 */
#ifndef LSM_VALUE_READER_H
#define LSM_VALUE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/direct.h"
#include "base/slice.h"
#include "lsm/value_disk.h"
#include "lsm/value_format.h"
#include "lsm/value_refs.h"

struct env;
struct env_file;
struct rec_iter;
struct sst_reader;
struct wal_tail;

/* 0 when the file begins as value file `no` does (0: as any does); TT_ECORRUPT
 * or TT_EVERSION naming it. */
int value_check_header(struct env_file *file, uint64_t no);
/* The same, of a header that was read already. */
int value_header_check(const char *path, const struct value_file_header *h,
		       uint64_t no);

/* Inflates a stored value into `raw_len` bytes, whose checksum was right. */
int value_inflate(const char *path, const struct value_ptr *p,
		  struct tt_slice stored, void *dst);

/* ---- what a table points to ------------------------------------------- */

typedef void (*value_report_fn)(void *arg, const char *text);

struct value_check {
	/* set by the user, all else zero */
	struct value_disk disk;
	value_report_fn report;
	void *arg;

	uint64_t n_values, n_bytes; /* verified */
};

/*
 * Verifies every value that the table points to, and that it points to as
 * many bytes of each value file as `refs` (rising, as the manifest has them)
 * say. What is wrong is reported; 0 then, too. Negative for failures that end
 * the work.
 */
int value_check_table(struct value_check *c, struct sst_reader *table,
		      const struct value_ref *refs, size_t n_refs);
/* The same of those values that lie in file `no`, but not the sums. */
int value_check_file(struct value_check *c, struct sst_reader *table,
		     uint64_t no);
/* Verifies the values that the records of a memtable's cursor point to. */
int value_check_memtable(struct value_check *c, struct rec_iter *it);
/*
 * Reads the log in `wal_dir` from LSN `from` on as a start does, and verifies
 * the values that it points to. Those that may not have reached the disk when
 * the power went end the log, as they do for a start; others are reported, and
 * so are batches that do not decode. `files` are the value files as the
 * manifest has them (rising; 0 bytes: not sealed). *tail as wal_replay(), whose
 * failures are returned.
 */
int value_check_log(struct value_check *c, const char *wal_dir, uint64_t from,
		    const struct value_ref *files, size_t n_files,
		    struct wal_tail *tail);
void value_check_fini(struct value_check *c);

/* ---- a whole file ----------------------------------------------------- */

/* A record, or bytes that are none. */
struct value_found {
	uint64_t offset;
	uint64_t space;	     /* bytes up to the next */
	bool is_record;	     /* header and key are sound */
	bool is_sound;	     /* and so is the value */
	int64_t ts;	     /* 0: not known */
	struct tt_slice key; /* valid until the next one is read */
	struct value_ptr ptr;
};

struct value_scan {
	struct env_file *file;
	uint64_t no;
	uint64_t file_bytes;
	uint64_t at;
	struct direct_window heads, bodies;
};

/* Reads the header and key at `head`, which lies at `off` of a value file:
 * true when they are sound; all but is_sound of *out then. */
bool value_head_read(const uint8_t *head, uint64_t len, uint64_t file_no,
		     uint64_t off, struct value_found *out);

/* TT_ECORRUPT when it is no value file. On failure too, value_scan_fini(). */
int value_scan_open(struct value_scan *s, struct env *env, const char *path);
void value_scan_fini(struct value_scan *s);

/*
 * The next record or run of other bytes: 0 or TT_END. What is between records
 * is normal: values whose writing failed or was given up.
 */
int value_scan_next(struct value_scan *s, struct value_found *out);

/* Reads the raw value of a record found; `out` is replaced. */
int value_scan_value(struct value_scan *s, const struct value_found *rec,
		     struct buf *out);

#endif
