/* SPDX-License-Identifier: MIT */
/*
 * Errors: a code that travels as the return value, and a text that stays
 * with the thread.
 *
 * A code is negative: -errno, or a private TT_E* from tt_errors.h. The first
 * function to see a failure calls err_set() with a text that says what
 * happened, to what and where; everyone above returns the code untouched.
 * Positive returns (TT_NOTFOUND, TT_END) are answers and have no text.
 *
 * The text belongs to the calling thread and lasts until its next failure:
 * a failure handed to another thread carries its text along (struct
 * err_saved).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "tt_errors.h"

/* Texts are cut at this many bytes, the final zero included. */
#define ERR_TEXT_MAX 512

/* Records the text for `code` (negative) and returns `code`. errno is kept. */
int err_set(int code, const char *fmt, ...) PRINTF_FMT(2, 3) COLD;
int err_setv(int code, const char *fmt, va_list ap) PRINTF_FMT(2, 0) COLD;

/*
 * Records "TEXT: strerror(err)" and returns -err. `err` is a positive errno
 * value, as in err_errno(errno, "%s: cannot open", path).
 */
int err_errno(int err, const char *fmt, ...) PRINTF_FMT(2, 3) COLD;

/* Shorthand for an allocation that failed: -ENOMEM with a text. */
int err_nomem(const char *what) COLD;

/* Tells the static analyser, which sees one file at a time, that these return
 * the failure they are given and never 0. */
#if defined(__clang_analyzer__) && !defined(ERR_IMPLEMENTATION)
#define err_set(code, ...) (err_set(code, __VA_ARGS__), (code))
#define err_setv(code, fmt, ap) (err_setv(code, fmt, ap), (code))
#define err_errno(err, ...) (err_errno(err, __VA_ARGS__), -(err))
#define err_nomem(what) (err_nomem(what), -12)
#endif

/*
 * The text recorded last on this thread; "" when none. Valid until the next
 * err_ call of this thread.
 */
const char *err_text(void);

/* The code recorded last on this thread, 0 when none. */
int err_code(void);

/* Forgets this thread's text and code. */
void err_clear(void);

/*
 * The positive errno value nearest to `code`: the errno itself, or the class
 * that tt_errors.h gives a private code. EIO for a code unknown to both; 0
 * for 0 and for positive answers.
 */
int err_to_errno(int code);

/* True for the codes that say that the disk, or the quota on it, is full. */
static inline bool err_is_no_space(int code)
{
	return code == -ENOSPC || code == -EDQUOT;
}

/*
 * Stable symbolic name: "ENOENT", "TT_ECORRUPT"; "OK" for 0 and "UNKNOWN"
 * for what has none. Never NULL, valid for ever.
 */
const char *err_name(int code);

/* General text of a code (table text, or strerror); valid for ever. */
const char *err_describe(int code);

/* A failure on its way to another thread. Plain data, copy it freely. */
struct err_saved {
	int code;
	char text[ERR_TEXT_MAX];
};

/* Copies this thread's text beside `code`. */
void err_save(struct err_saved *s, int code);

/* Makes the saved failure this thread's own; returns its code. */
int err_restore(const struct err_saved *s);

#endif
