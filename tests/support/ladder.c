/* SPDX-License-Identifier: MIT */
#include "tests/support/ladder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 600

struct rung {
	char key[32];
	char value[VALUE_MAX];
	size_t len;
};

/* Lengths vary, so that places in files do. */
static void make_rung(struct rung *r, unsigned no, uint64_t i)
{
	(void)snprintf(r->key, sizeof(r->key), "ladder%02u/%04u", no,
		       (unsigned)(i % LADDER_KEYS));
	r->len = 20 + (size_t)(i * 7919 % (VALUE_MAX - 20));
	memset(r->value, 'a' + (int)(i % 26), r->len);
	(void)snprintf(r->value, 20, "%018llu", (unsigned long long)i);
}

static void make_top(char *key, size_t cap, unsigned no)
{
	(void)snprintf(key, cap, "ladder%02u/top", no);
}

int ladder_step(struct tt *db, unsigned no, uint64_t i, bool sync)
{
	struct tt_write_options wo = { .sync = sync };
	struct tt_batch *b = tt_batch_new();
	struct rung rung;
	char key[32];
	int r;

	ck_assert_ptr_nonnull(b);
	make_rung(&rung, no, i);
	make_top(key, sizeof(key), no);
	r = tt_batch_put(b, tt_str(rung.key),
			 (struct tt_slice){ rung.value, rung.len });
	if (r == 0)
		r = tt_batch_put(b, tt_str(key),
				 (struct tt_slice){ &i, sizeof(i) });
	if (r == 0)
		r = tt_write(db, &wo, b, NULL);
	tt_batch_free(b);
	return r;
}

static void check_rung(struct tt *db, unsigned no, uint64_t i)
{
	char got[VALUE_MAX];
	struct rung rung;
	size_t n = 0;
	int r;

	make_rung(&rung, no, i);
	r = tt_get(db, NULL, tt_str(rung.key), got, sizeof(got), &n, NULL);
	ck_assert_msg(r == 0, "%s: %s", rung.key, tt_error_text(r));
	ck_assert_msg(n == rung.len && memcmp(got, rung.value, n) == 0,
		      "%s: %.18s, not %.18s", rung.key, got, rung.value);
}

uint64_t ladder_check(struct tt *db, unsigned no)
{
	uint64_t top = 0;
	struct rung rung;
	char key[32];
	int r;

	make_top(key, sizeof(key), no);
	r = tt_get(db, NULL, tt_str(key), &top, sizeof(top), NULL, NULL);
	ck_assert_msg(r == 0 || r == TT_NOTFOUND, "%s: %s", key,
		      tt_error_text(r));
	for (uint64_t k = 1; k <= LADDER_KEYS; k++) {
		uint64_t i = top + k;

		if (i > LADDER_KEYS) {
			check_rung(db, no, i - LADDER_KEYS);
			continue;
		}
		make_rung(&rung, no, i);
		r = tt_get(db, NULL, tt_str(rung.key), NULL, 0, NULL, NULL);
		ck_assert_msg(r == TT_NOTFOUND, "%s: not written yet",
			      rung.key);
	}
	return top;
}
