/* SPDX-License-Identifier: MIT */
/*
 * Assertions about our own code. assert() stays on in release builds: a
 * broken invariant stops the process before it reaches the disk. What comes
 * from disk or from a peer is never asserted, it is checked and answered.
 *
 * slow_assert() is for checks too dear for production: TT_DEBUG builds only.
 * Its expression must still compile everywhere.
 *
 * Include this file, not <assert.h>; NDEBUG has no meaning here.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include "base/compiler.h"

/* Prints "file:line: function: assertion failed: expr" on stderr and aborts. */
NORETURN COLD void assert_failed(const char *file, int line, const char *func,
				 const char *expr);

#undef assert
#define assert(expr)            \
	(likely(expr) ? (void)0 \
		      : assert_failed(__FILE__, __LINE__, __func__, #expr))

#if TT_DEBUG
#define slow_assert(expr) assert(expr)
#else
#define slow_assert(expr) ((void)sizeof((expr) ? 1 : 0))
#endif

#endif
