/* SPDX-License-Identifier: MIT */
#include "keys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "options.h"

/* Values begin anywhere in the first part of the pool and are as long as its
 * second at most. */
#define POOL_STARTS ((size_t)1 << 20)
#define POOL_BYTES (POOL_STARTS + ((size_t)1 << 20))
/* Random bytes, and as many again that repeat them. */
#define POOL_RUN 50
/* Copying more than this would be what is measured. */
#define COPIED_VALUE_MAX 4096

static uint8_t pool[POOL_BYTES];

void keys_init(void)
{
	struct rng rng;

	rng_init(&rng, 42);
	for (size_t i = 0; i < POOL_BYTES; i++) {
		bool repeats = (i / POOL_RUN) % 2 == 1;

		pool[i] = repeats ? pool[i - POOL_RUN]
				  : (uint8_t)rng_range(&rng, ' ', '~');
	}
}

static void make(uint8_t *key, uint64_t id, uint8_t last)
{
	be64_store(key, id);
	memset(key + 8, '0', cfg.key_size - 8);
	key[cfg.key_size - 1] = last;
}

void key_make(uint8_t *key, uint64_t id)
{
	make(key, id, '0');
}

void key_make_absent(uint8_t *key, uint64_t id)
{
	make(key, id, '.');
}

void value_init(uint8_t *value, size_t len)
{
	memcpy(value, pool, len);
}

void value_make(uint8_t *value, size_t len, uint64_t id, struct rng *rng)
{
	if (len <= COPIED_VALUE_MAX)
		memcpy(value, pool + rng_below(rng, POOL_STARTS), len);
	le64_store(value, id);
}

bool value_is_of(const uint8_t *value, size_t len, uint64_t id)
{
	return len >= 8 && le64_load(value) == id;
}

uint64_t mix_number(uint64_t x)
{
	return splitmix64(&x);
}

/*
 * A Feistel network over the next power of four; where that leads out of
 * range, it is walked on until it comes back.
 */
uint64_t permute(uint64_t i, uint64_t n, uint64_t seed)
{
	unsigned half = 1;
	uint64_t mask;

	while (half < 31 && (1ull << (2 * half)) < n)
		half++;
	mask = (1ull << half) - 1;
	do {
		uint64_t left = i >> half, right = i & mask;

		for (uint64_t round = 0; round < 4; round++) {
			uint64_t key = right ^ (seed << 40) ^ (round << 36);
			uint64_t next = left ^ (mix_number(key) & mask);

			left = right;
			right = next;
		}
		i = left << half | right;
	} while (i >= n);
	return i;
}

void zipf_init(struct zipf *z, uint64_t n)
{
	const double theta = 0.99;
	double zeta = 0;

	for (uint64_t i = 1; i <= n; i++)
		zeta += pow((double)i, -theta);
	z->n = n;
	z->zeta = zeta;
	z->alpha = 1 / (1 - theta);
	z->second = 1 + pow(0.5, theta);
	z->eta = (1 - pow(2.0 / (double)n, 1 - theta)) / (1 - z->second / zeta);
}

uint64_t zipf_next(const struct zipf *z, struct rng *rng)
{
	double u = rng_double(rng);
	uint64_t v;

	if (u * z->zeta < 1)
		return 0;
	if (u * z->zeta < z->second)
		return 1;
	v = (uint64_t)((double)z->n * pow(z->eta * u - z->eta + 1, z->alpha));
	return v < z->n ? v : z->n - 1;
}
