/* SPDX-License-Identifier: MIT */
/* The operations that workloads are made of; see op_fn in job.h. */
#ifndef KVBENCH_OPS_H
#define KVBENCH_OPS_H

#include "job.h"

int op_put(struct worker *w, uint64_t id);
/* Deletes a key, which need not be there. */
int op_delete(struct worker *w, uint64_t id);
/* Reads a key that is there, and checks what comes. */
int op_get(struct worker *w, uint64_t id);
/* Reads a key that may not be there yet. */
int op_get_maybe(struct worker *w, uint64_t id);
/* Reads one that is not. */
int op_get_absent(struct worker *w, uint64_t id);
/* Seeks to a key that is there and reads it and the next nine. */
int op_seek(struct worker *w, uint64_t id);
/* Puts job->batch keys at once, from turn `turn` on. */
int op_batch(struct worker *w, uint64_t turn);

/* Reads up to `n` entries from key `id` on, whatever they are. */
int op_scan(struct worker *w, uint64_t id, uint64_t n);

#endif
