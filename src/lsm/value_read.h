/* SPDX-License-Identifier: MIT */
/*
 * Reading separated values through pointers. Every read verifies the value's
 * checksum: TT_ECORRUPT names the file and the offset. Thread-safe; the caller
 * holds what keeps the file (a superversion).
 */
#ifndef LSM_VALUE_READ_H
#define LSM_VALUE_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "lsm/value_format.h"

struct value_file;
struct value_log;

/* Reads the stored value, as it lies in the file, to `dst`. */
int value_read_stored(struct value_file *f, const struct value_ptr *p,
		      void *dst);

/* Reads the value into p->raw_len bytes at `dst`: with one copy, unless it is
 * compressed. On failure `dst` holds anything. */
int value_read(struct value_log *l, const struct value_ptr *p, void *dst);

/* Begins the reading of a value from the disk, for who reads it soon. */
void value_ask(struct value_log *l, const struct value_ptr *p);

/*
 * The value that `stored`, the pointer in a record of `key`, stands for, into
 * `out` (replaced). With `verify` it is read from the disk and verified with
 * its record, whatever the page cache has. This is all that who meets a record of kind
 * RECORD_POINTER needs to know.
 */
int value_resolve(struct value_log *l, struct tt_slice key,
		  struct tt_slice stored, bool verify, struct buf *out);

#endif
