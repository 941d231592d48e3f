/* SPDX-License-Identifier: MIT */
/* Filters: no false negatives ever, few false positives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lsm/filter.h"
#include "lsm/key_hash.h"
#include "lsm/sst_format.h"
#include "support/check_main.h"
#include "ttrunks.h"

static uint64_t hash_of(const char *prefix, unsigned i)
{
	char key[32];
	int n = snprintf(key, sizeof(key), "%s%08u", prefix, i);

	return key_hash(SLICE(key, (size_t)n));
}

/* Percent of absent keys that pass a filter of `n` keys. */
static double false_positives(unsigned n, unsigned bits)
{
	uint64_t *hashes = malloc(n * sizeof(*hashes));
	struct buf box = BUF_INIT;
	unsigned n_passed = 0, n_asked = 200000;
	struct filter f;

	for (unsigned i = 0; i < n; i++)
		hashes[i] = hash_of("key", i);
	ck_ok(filter_build(hashes, n, bits, &box));
	ck_assert_uint_eq(box.len, filter_box_len(n, bits));
	ck_ok(filter_open(box.data, box.len, &f));
	for (unsigned i = 0; i < n; i++)
		ck_assert(filter_may_have(&f, hashes[i]));
	for (unsigned i = 0; i < n_asked; i++)
		n_passed += filter_may_have(&f, hash_of("no", i));
	free(hashes);
	buf_fini(&box);
	return 100.0 * n_passed / n_asked;
}

START_TEST(at_most_one_percent_of_absent_keys_pass_at_ten_bits)
{
	static const unsigned sizes[] = { 1, 50, 1000, 20000, 300000 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		double fp = false_positives(sizes[i], 10);

		printf("# %u keys: %.3f %% false positives\n", sizes[i], fp);
		ck_assert_double_le(fp, 1.0);
	}
}
END_TEST

START_TEST(more_bits_let_fewer_pass)
{
	double last = 100;

	for (unsigned bits = 2; bits <= 20; bits += 3) {
		double fp = false_positives(20000, bits);

		ck_assert_double_lt(fp, last);
		last = fp;
	}
}
END_TEST

START_TEST(no_bits_pass_everything)
{
	ck_assert_double_eq(false_positives(100, 0), 100.0);
}
END_TEST

START_TEST(a_box_that_contradicts_itself_is_refused)
{
	uint64_t hashes[] = { 1, 2, 3 };
	struct buf box = BUF_INIT;
	struct filter f;

	ck_ok(filter_build(hashes, 3, 10, &box));
	ck_err(filter_open(box.data, 7, &f), TT_ECORRUPT);
	ck_err(filter_open(box.data, box.len - 1, &f), TT_ECORRUPT);
	box.data[0] = 9;
	ck_err(filter_open(box.data, box.len, &f), TT_EVERSION);
	box.data[0] = FILTER_NONE;
	ck_err(filter_open(box.data, box.len, &f), TT_ECORRUPT);
	box.data[0] = FILTER_BLOCKED_BLOOM;
	box.data[1] = FILTER_PROBES_MAX + 1;
	ck_err(filter_open(box.data, box.len, &f), TT_ECORRUPT);
	box.data[1] = 0;
	ck_err(filter_open(box.data, box.len, &f), TT_ECORRUPT);
	box.data[1] = 6;
	ck_ok(filter_open(box.data, box.len, &f));
	buf_fini(&box);
}
END_TEST

static Suite *bloom_suite(void)
{
	Suite *s = suite_create("bloom");
	TCase *tc = tcase_create("bloom");

	tcase_add_test(tc, at_most_one_percent_of_absent_keys_pass_at_ten_bits);
	tcase_add_test(tc, more_bits_let_fewer_pass);
	tcase_add_test(tc, no_bits_pass_everything);
	tcase_add_test(tc, a_box_that_contradicts_itself_is_refused);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(bloom_suite)
