/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>
#include <string.h>

#include "base/err.h"
#include "tests/support/check_main.h"

START_TEST(set_returns_the_code_and_keeps_the_text)
{
	ck_assert_int_eq(err_set(TT_ECORRUPT, "%s at %d", "block", 7),
			 TT_ECORRUPT);
	ck_assert_str_eq(err_text(), "block at 7");
	ck_assert_int_eq(err_code(), TT_ECORRUPT);
}
END_TEST

START_TEST(text_may_quote_the_last_text)
{
	err_set(-EIO, "inner");
	err_set(-EIO, "outer: %s", err_text());
	ck_assert_str_eq(err_text(), "outer: inner");
}
END_TEST

START_TEST(long_text_is_cut)
{
	char big[2000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	err_set(-EIO, "%s", big);
	ck_assert_uint_eq(strlen(err_text()), ERR_TEXT_MAX - 1);
}
END_TEST

START_TEST(errno_failure_says_why)
{
	ck_assert_int_eq(err_errno(ENOENT, "%s: cannot open", "x"), -ENOENT);
	ck_assert_str_eq(err_text(),
			 "x: cannot open: No such file or directory");
}
END_TEST

START_TEST(setting_a_text_keeps_errno)
{
	errno = ENOSPC;
	err_set(-EIO, "x");
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

START_TEST(private_codes_have_an_errno_class)
{
	ck_assert_int_eq(err_to_errno(TT_ECORRUPT), EIO);
	ck_assert_int_eq(err_to_errno(TT_ELOCKED), EBUSY);
	ck_assert_int_eq(err_to_errno(-ENOSPC), ENOSPC);
	ck_assert_int_eq(err_to_errno(-99999), EIO);
	ck_assert_int_eq(err_to_errno(0), 0);
	ck_assert_int_eq(err_to_errno(TT_NOTFOUND), 0);
}
END_TEST

START_TEST(names_are_symbolic)
{
	ck_assert_str_eq(err_name(0), "OK");
	ck_assert_str_eq(err_name(TT_ECORRUPT), "TT_ECORRUPT");
	ck_assert_str_eq(err_name(-ENOENT), "ENOENT");
	ck_assert_str_eq(err_name(TT_END), "TT_END");
	ck_assert_str_eq(err_name(-99999), "UNKNOWN");
	ck_assert_str_eq(err_describe(TT_ELOCKED),
			 "store is in use by another process");
}
END_TEST

START_TEST(clear_forgets)
{
	err_set(-EIO, "x");
	err_clear();
	ck_assert_str_eq(err_text(), "");
	ck_assert_int_eq(err_code(), 0);
}
END_TEST

static void *fail_elsewhere(void *arg)
{
	err_save(arg, err_set(TT_ECORRUPT, "other thread"));
	return NULL;
}

START_TEST(failure_travels_between_threads)
{
	struct err_saved s;
	pthread_t th;

	err_set(-EIO, "mine");
	pthread_create(&th, NULL, fail_elsewhere, &s);
	pthread_join(th, NULL);
	ck_assert_str_eq(err_text(), "mine");
	ck_assert_int_eq(err_restore(&s), TT_ECORRUPT);
	ck_assert_str_eq(err_text(), "other thread");
}
END_TEST

static Suite *err_suite(void)
{
	Suite *s = suite_create("err");
	TCase *t = tcase_create("err");

	tcase_add_test(t, set_returns_the_code_and_keeps_the_text);
	tcase_add_test(t, text_may_quote_the_last_text);
	tcase_add_test(t, long_text_is_cut);
	tcase_add_test(t, errno_failure_says_why);
	tcase_add_test(t, setting_a_text_keeps_errno);
	tcase_add_test(t, private_codes_have_an_errno_class);
	tcase_add_test(t, names_are_symbolic);
	tcase_add_test(t, clear_forgets);
	tcase_add_test(t, failure_travels_between_threads);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(err_suite)
