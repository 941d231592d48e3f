/* SPDX-License-Identifier: MIT */
/* The errors of ttrunks.h over those of base, and the library's version. */
#include "base/err.h"
#include "ttrunks.h"

const char *tt_error_text(int code)
{
	const char *text = err_text();

	return err_code() == code && *text ? text : err_describe(code);
}

const char *tt_error_name(int code)
{
	return err_name(code);
}

int tt_error_errno(int code)
{
	return err_to_errno(code);
}

const char *tt_version(void)
{
	return "ttrunks " PACKAGE_VERSION;
}
