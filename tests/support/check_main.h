/* SPDX-License-Identifier: MIT */
/*
 * The main() of a libcheck test. Put
 *
 *	TEST_MAIN(buf_suite)
 *
 * at the end of a test file, where buf_suite() makes and returns the Suite.
 * Results go to standard output in TAP; the status is 1 when anything
 * failed. CK_FORK=no (for a debugger), CK_RUN_CASE and CK_DEFAULT_TIMEOUT
 * mean what libcheck says; the time limit is 300 s when not given.
 */
#ifndef TESTS_SUPPORT_CHECK_MAIN_H
#define TESTS_SUPPORT_CHECK_MAIN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tt_errors.h"

/* Of base/err.h, which tests/api must not include. They may use all of this
 * file but ck_ok() and ck_err(). */
const char *err_name(int code);
const char *err_text(void);

/* A call that must return 0; shows the error text when it does not. */
#define ck_ok(call)                                                      \
	do {                                                             \
		int ck_ok_r_ = (call);                                   \
		ck_assert_msg(ck_ok_r_ == 0, "%s: %s (%d): %s", #call,   \
			      err_name(ck_ok_r_), ck_ok_r_, err_text()); \
	} while (0)

/* A call that must return exactly `code`. */
#define ck_err(call, code)                                                    \
	do {                                                                  \
		int ck_err_r_ = (call);                                       \
		ck_assert_msg(ck_err_r_ == (code),                            \
			      "%s: %s (%d), expected %s: %s", #call,          \
			      err_name(ck_err_r_), ck_err_r_, err_name(code), \
			      err_text());                                    \
	} while (0)

static inline int check_main(Suite *(*make)(void))
{
	SRunner *runner;
	int n_failed;

	/* The limit is read when a case is made; lines must not be in the
	 * buffer when a case forks. */
	setenv("CK_DEFAULT_TIMEOUT", "300", 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	runner = srunner_create(make());
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define TEST_MAIN(suite_fn)                  \
	int main(void)                       \
	{                                    \
		return check_main(suite_fn); \
	}

#endif
