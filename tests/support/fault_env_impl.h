/* SPDX-License-Identifier: MIT */
/* Inside of the failing environment, shared by fault_env.c and
 * fault_orders.c. */
#ifndef TESTS_SUPPORT_FAULT_ENV_IMPL_H
#define TESTS_SUPPORT_FAULT_ENV_IMPL_H

#include "base/mutex.h"
#include "base/rand.h"
#include "tests/support/fault_env.h"

#define N_KINDS 14

struct fault_env {
	struct env env;
	/* set at birth, then constant */
	struct env *base;
	char *root;
	size_t root_len;

	struct mutex mu; /* RANK_FAULT_ENV; held across base calls */
	/* guarded by mu */
	struct disk *disk;
	struct rng rng;
	uint64_t n_calls[N_KINDS];
	uint64_t n_failed;
	unsigned fail_mask;
	uint64_t fail_after; /* calls of the mask to let through */
	int fail_errno;	     /* 0: no order */
	enum fault_span fail_span;
	const char *fail_part; /* of the path; NULL: any */
	bool tear;
	bool loses_pages;
	uint64_t bytes_left;
	uint64_t capacity;
	uint64_t n_lost;
	int64_t skew_us; /* of both clocks */
	int64_t wall_us; /* of the wall clock besides */
	bool is_off;
	unsigned generation; /* of handles; rises when power comes back */
};

#endif
