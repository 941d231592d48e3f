/* SPDX-License-Identifier: MIT */
#include "lsm/residency.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/env.h"

uint64_t residency_note(struct residency *r, struct env_file *f, uint64_t bytes)
{
	uint64_t n = (bytes + ENV_CACHE_PAGE - 1) / ENV_CACHE_PAGE;
	uint64_t n_there = 0;

	residency_fini(r);
	r->bytes = bytes;
	r->was = malloc((size_t)n + 1);
	if (!r->was || env_cached(f, bytes, r->was) < 0) {
		residency_fini(r);
		return bytes;
	}
	for (uint64_t i = 0; i < n; i++)
		n_there += r->was[i];
	if (n_there == n) { /* nothing will have to be dropped */
		residency_fini(r);
		return bytes;
	}
	return n_there * ENV_CACHE_PAGE;
}

void residency_drop_to(struct residency *r, struct env_file *f, uint64_t off)
{
	uint64_t page = r->done / ENV_CACHE_PAGE;
	uint64_t end = MIN_OF(off, r->bytes) / ENV_CACHE_PAGE;

	if (!r->was)
		return;
	while (page < end) {
		uint64_t from = page;

		while (page < end && r->was[page] == r->was[from])
			page++;
		if (!r->was[from]) /* a hint: failures change nothing */
			(void)env_advise(f, from * ENV_CACHE_PAGE,
					 (page - from) * ENV_CACHE_PAGE,
					 ENV_ADVICE_DONTNEED);
	}
	r->done = MAX_OF(r->done, end * ENV_CACHE_PAGE);
}

void residency_fini(struct residency *r)
{
	free(r->was);
	*r = RESIDENCY_INIT;
}
