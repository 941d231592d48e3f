/* SPDX-License-Identifier: MIT */
/*
 * What is stored: numbered keys, values that name their key, and orders to
 * visit them in. Everything follows from numbers, so nothing need be
 * remembered to check an answer. Threads may share all of it.
 */
#ifndef KVBENCH_KEYS_H
#define KVBENCH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rand.h"

#define KEY_MAX 255

/* Makes the pool that values are cut from. Once, before all else. */
void keys_init(void);

/*
 * Writes key number `id`, cfg.key_size bytes: the number, big-endian, so that
 * keys sort as numbers do, and '0's after it.
 */
void key_make(uint8_t *key, uint64_t id);
/* A key that is nowhere, next to number `id`. */
void key_make_absent(uint8_t *key, uint64_t id);

/*
 * Writes a value for key `id`: the number, then text of which half repeats,
 * so that a codec halves it. Of a value over 4 KiB only the number changes
 * from call to call; value_init() writes the rest.
 */
void value_init(uint8_t *value, size_t len);
void value_make(uint8_t *value, size_t len, uint64_t id, struct rng *rng);
/* True for a value that value_make() made for this key. */
bool value_is_of(const uint8_t *value, size_t len, uint64_t id);

/* A well mixed number of another. */
uint64_t mix_number(uint64_t x);
/* Where a permutation of 0 to n - 1, one for each seed, takes `i`. */
uint64_t permute(uint64_t i, uint64_t n, uint64_t seed);

/*
 * YCSB's Zipfian numbers, theta 0.99: 0 is the most frequent. (Gray et al.,
 * Quickly Generating Billion-Record Synthetic Databases, 1994.)
 */
struct zipf {
	uint64_t n;
	double zeta, alpha, eta, second;
};

void zipf_init(struct zipf *z, uint64_t n);
uint64_t zipf_next(const struct zipf *z, struct rng *rng);

#endif
