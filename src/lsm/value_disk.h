/* SPDX-License-Identifier: MIT */
/*
 * Values read from the disk, past the page cache: for who verifies them.
 * Files are opened by themselves, a few at a time, and nothing that is in
 * memory is believed. One thread at a time uses a struct value_disk.
 */
#ifndef LSM_VALUE_DISK_H
#define LSM_VALUE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/direct.h"
#include "base/slice.h"
#include "lsm/value_format.h"

struct env;
struct env_file;

#define VALUE_DISK_FILES 16

struct value_disk {
	/* set by the user, all else zero */
	struct env *env;
	const char *dir; /* the store; kept */

	bool is_missing_any; /* a value file was not there */
	/* kept by the functions below */
	struct env_file *files[VALUE_DISK_FILES];
	uint64_t nos[VALUE_DISK_FILES];
	struct direct_window window;
	uint64_t window_no; /* of the file that it is of */
};

void value_disk_fini(struct value_disk *d);

/* value_verify_record() in its file; TT_ECORRUPT too when that is missing. */
int value_disk_verify(struct value_disk *d, const struct value_ptr *p,
		      struct tt_slice key);

/* The same, and brings the value into `out` (replaced). */
int value_disk_read(struct value_disk *d, const struct value_ptr *p,
		    struct tt_slice key, struct buf *out);

/*
 * Verifies a record against what points to it: that the header is sound and
 * is of this key (unless the value is shared) and value, and that the value
 * has its checksum. TT_ECORRUPT
 * with file and offset when not. The stored value goes to `dst`, unless that
 * is NULL. `w` is of this file, or empty.
 */
int value_verify_record(struct env_file *file, struct direct_window *w,
			const struct value_ptr *p, struct tt_slice key,
			uint8_t *dst);

/*
 * The checksum of `len` bytes at `off` of a file, which go to `dst`, unless
 * that is NULL. TT_ECORRUPT when the file ends before.
 */
int value_disk_sum(struct env_file *file, struct direct_window *w, uint64_t off,
		   uint64_t len, uint8_t *dst, uint64_t *out_sum);

#endif
