/* SPDX-License-Identifier: MIT */
#include "support/noise.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/check_main.h"
#include "support/prng.h"

#define NOISE ((size_t)4 << 20)

static uint8_t *bytes;

void noise_new(void)
{
	struct rng rng;

	bytes = malloc(NOISE);
	ck_assert_ptr_nonnull(bytes);
	rng_init(&rng, 7);
	rng_fill(&rng, bytes, NOISE);
}

void noise_free(void)
{
	free(bytes);
	bytes = NULL;
}

struct tt_slice key_of(char *buf, unsigned i)
{
	return (struct tt_slice){ buf,
				  (size_t)snprintf(buf, 16, "key%06u", i) };
}

struct tt_slice value_of(unsigned i, unsigned v, size_t len)
{
	uint64_t h = (uint64_t)i << 32 | v;

	return (struct tt_slice){ bytes + splitmix64(&h) % (NOISE - len), len };
}
