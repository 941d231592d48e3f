/* SPDX-License-Identifier: MIT */
/*
 * Seeds of random tests. A seed is told in the test's output, so that a
 * failure can be repeated with TT_TEST_SEED=N.
 */
#ifndef TESTS_SUPPORT_PRNG_H
#define TESTS_SUPPORT_PRNG_H

#include <stdint.h>

#include "base/rand.h"

/* TT_TEST_SEED, or a new seed; prints "# seed N". */
uint64_t test_seed(void);

/* rng_init() from test_seed(). */
void test_rng(struct rng *r);

/* TT_TEST_SCALE (default 1) times n: how long random tests run. */
uint64_t test_scale(uint64_t n);

#endif
