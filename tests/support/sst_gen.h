/* SPDX-License-Identifier: MIT */
/*
 * Random sorted records and tables of them, for tests of what is made of
 * tables. Functions abort the test on failure.
 */
#ifndef TESTS_SUPPORT_SST_GEN_H
#define TESTS_SUPPORT_SST_GEN_H

#include <stddef.h>

#include "base/arena.h"
#include "base/rand.h"
#include "lsm/record.h"
#include "lsm/sst_writer.h"

struct sst_gen {
	struct record *recs; /* strictly ascending in internal order */
	size_t n;
	struct arena arena; /* the bytes */
};

struct sst_gen_shape {
	size_t n_keys;	   /* about; equal ones are made once */
	size_t versions;   /* at most this many a key */
	size_t key_len;	   /* at most */
	size_t value_len;  /* at most */
	size_t one_in_big; /* every so many values have 20,000 bytes; 0: none */
};

void sst_gen_make(struct sst_gen *g, struct rng *rng,
		  const struct sst_gen_shape *shape);
void sst_gen_free(struct sst_gen *g);

/* The position of the first record >= (key, ts), g->n when none. */
size_t sst_gen_seek(const struct sst_gen *g, struct tt_slice key, int64_t ts);

/* A key that may or may not be among them. */
struct tt_slice sst_gen_probe(const struct sst_gen *g, struct rng *rng,
			      uint8_t *space, size_t cap);

/* Writes all records as the table `path`. */
void sst_gen_write(const struct sst_gen *g, const struct sst_writer_options *o,
		   const char *path, struct sst_meta *meta);

#endif
