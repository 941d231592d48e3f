/* SPDX-License-Identifier: MIT */
/*
 * Copying files that do not change: in chunks, so that memory is bounded;
 * summed on the way; durable when a call returns (the name when its directory
 * has been synced). Tells the caller of the library how far it is, who may
 * end it. One thread at a time.
 */
#ifndef LSM_COPIER_H
#define LSM_COPIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ttrunks.h"

struct checksum_stream;
struct env;

struct copier {
	struct env *env;
	uint8_t *chunk;
	struct checksum_stream *sum;
	const struct tt_copy_options *opts; /* keeps; NULL: nobody asks */
	struct tt_progress done;
};

/* On failure too, copier_fini() it. */
int copier_init(struct copier *c, struct env *env,
		const struct tt_copy_options *opts);
void copier_fini(struct copier *c);

/* Told of the bytes as they pass; a failure ends the work. */
typedef int (*copier_see_fn)(void *arg, uint64_t off, const void *p, size_t n);

struct copy_job {
	const char *from;
	const char *to;	   /* NULL: nothing is written */
	uint64_t bytes;	   /* how many, from the start */
	bool direct;	   /* past the page cache, where that is possible */
	copier_see_fn see; /* may be NULL */
	void *arg;
};

/*
 * Copies; *out_sum is the XXH3 of the bytes. TT_ECORRUPT when the source ends
 * before, -ECANCELED when the caller of the library has had enough. On failure
 * there is no `to`.
 */
int copier_run(struct copier *c, const struct copy_job *job, uint64_t *out_sum);

/* Counts a file of `bytes` that needed no copying, or one that is finished
 * (0 bytes), and asks whether to go on: 0 or -ECANCELED. */
int copier_count(struct copier *c, uint64_t bytes);

#endif
