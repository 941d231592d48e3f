/* SPDX-License-Identifier: MIT */
/* Seeds of random tests. */
#include "tests/support/prng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/env.h"

uint64_t test_seed(void)
{
	const char *text = getenv("TT_TEST_SEED");
	uint64_t seed;

	if (text && *text) {
		seed = strtoull(text, NULL, 0);
	} else {
		seed = env_mono_ns(env_posix()) ^ ((uint64_t)getpid() << 40);
		seed = splitmix64(&seed) >> 32;
	}
	printf("# seed %" PRIu64 " (repeat with TT_TEST_SEED=%" PRIu64 ")\n",
	       seed, seed);
	fflush(stdout);
	return seed;
}

void test_rng(struct rng *r)
{
	rng_init(r, test_seed());
}

uint64_t test_scale(uint64_t n)
{
	const char *text = getenv("TT_TEST_SCALE");
	uint64_t scale = text && *text ? strtoull(text, NULL, 10) : 1;

	return n * (scale ? scale : 1);
}
