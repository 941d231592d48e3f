/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "base/pages.h"
#include "support/check_main.h"

static struct pages get(size_t n)
{
	struct pages p;

	ck_ok(pages_new(&p, n));
	ck_assert_ptr_nonnull(p.data);
	ck_assert_uint_ge(p.bytes, n);
	ck_assert_uint_eq((uintptr_t)p.data % 4096, 0);
	memset(p.data, 0xa5, p.bytes);
	return p;
}

START_TEST(sizes_are_rounded_to_pages)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 3 << 20 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct pages p = get(sizes[i]);

		ck_assert_uint_eq(p.bytes % 4096, 0);
		pages_free(&p);
		ck_assert_ptr_null(p.data);
		pages_free(&p); /* does nothing */
	}
}
END_TEST

/* Whatever is in use at a time lies apart, over many that come and go. */
START_TEST(nobody_gets_what_another_has)
{
	struct pages live[16];

	for (unsigned i = 0; i < ARRAY_LEN(live); i++)
		live[i] = get(4096 * (i + 1));
	for (unsigned round = 0; round < 200; round++) {
		unsigned i = round * 7 % ARRAY_LEN(live);

		pages_free(&live[i]);
		live[i] = get(4096 * (1 + round * 5 % 40));
		memset(live[i].data, (int)i, live[i].bytes);
		for (unsigned k = 0; k < ARRAY_LEN(live); k++)
			ck_assert(k == i ||
				  live[k].data + live[k].bytes <=
					  live[i].data ||
				  live[i].data + live[i].bytes <= live[k].data);
	}
	for (unsigned i = 0; i < ARRAY_LEN(live); i++)
		pages_free(&live[i]);
}
END_TEST

/* No small need takes what is much larger and was kept. */
START_TEST(what_was_kept_fits)
{
	struct pages large = get(400 << 10), small;

	pages_free(&large);
	small = get(8192);
	ck_assert_uint_lt(small.bytes, 20000);
	pages_free(&small);
}
END_TEST

static Suite *pages_suite(void)
{
	Suite *s = suite_create("pages");
	TCase *t = tcase_create("pages");

	tcase_add_test(t, sizes_are_rounded_to_pages);
	tcase_add_test(t, nobody_gets_what_another_has);
	tcase_add_test(t, what_was_kept_fits);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(pages_suite)
