/* SPDX-License-Identifier: MIT */
/*
 * Checking a value file while its bytes pass by, front to back, on their way
 * to somewhere else. What is no sound record is counted, not judged: values
 * whose writing failed, or was going on, leave such places in a sound file.
 * Only who knows the pointers can tell. One thread at a time.
 */
#ifndef LSM_VALUE_PASS_H
#define LSM_VALUE_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct checksum_stream;

struct value_pass {
	const char *path; /* for messages; kept */
	uint64_t no;
	uint64_t n_odd; /* bytes of the file that are no sound record */

	struct buf queue; /* bytes that came and are not used up */
	size_t used;	  /* of them, from the start */
	uint64_t pos;	  /* of the first that is not */
	uint64_t next;	  /* where the next record begins, or is looked for */
	struct checksum_stream *sum;
	uint64_t body_left; /* of the value that is being summed */
	uint64_t want;	    /* what it sums up to */
	uint64_t space;	    /* of its record */
};

/* Of file `no`. On failure too, value_pass_fini() it. */
int value_pass_init(struct value_pass *s, const char *path, uint64_t no);
void value_pass_fini(struct value_pass *s);

/* The next `n` bytes, those at offset `off`; `arg` is the check (a
 * copier_see_fn). TT_ECORRUPT when it does not begin as that value file. */
int value_pass_add(void *arg, uint64_t off, const void *p, size_t n);

/* No more bytes come: what is cut short is odd. */
void value_pass_end(struct value_pass *s);

#endif
