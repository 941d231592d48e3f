/* SPDX-License-Identifier: MIT */
/*
 * Error texts, one per thread, in static thread storage: recording a failure
 * must work when memory is out.
 */
#define ERR_IMPLEMENTATION
#include "base/err.h"

#include <stdio.h>
#include <string.h>

struct err_row {
	int code;
	int errno_class;
	const char *name;
	const char *text;
};

static const struct err_row err_rows[] = {
#define X(name, value, class, text) { value, class, #name, text },
	TT_ERRORS(X)
#undef X
};

static _Thread_local struct err_saved last;

static const struct err_row *err_row_find(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(err_rows); i++)
		if (err_rows[i].code == code)
			return &err_rows[i];
	return NULL;
}

int err_setv(int code, const char *fmt, va_list ap)
{
	/* Formatted aside: the arguments may point into the last text. */
	char text[ERR_TEXT_MAX];
	int saved_errno = errno;

	vsnprintf(text, sizeof(text), fmt, ap);
	memcpy(last.text, text, strnlen(text, sizeof(text) - 1) + 1);
	last.code = code;
	errno = saved_errno;
	return code;
}

int err_set(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_setv(code, fmt, ap);
	va_end(ap);
	return code;
}

int err_errno(int err, const char *fmt, ...)
{
	char what[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(-err, "%s: %s", what, err_describe(-err));
}

int err_nomem(const char *what)
{
	return err_set(-ENOMEM, "%s: out of memory", what);
}

const char *err_text(void)
{
	return last.text;
}

int err_code(void)
{
	return last.code;
}

void err_clear(void)
{
	last.code = 0;
	last.text[0] = 0;
}

int err_to_errno(int code)
{
	const struct err_row *row;

	if (code >= 0)
		return 0;
	row = err_row_find(code);
	if (row)
		return row->errno_class;
	return strerrorname_np(-code) ? -code : EIO;
}

const char *err_name(int code)
{
	const struct err_row *row;
	const char *name;

	if (code == 0)
		return "OK";
	if (code == TT_NOTFOUND)
		return "TT_NOTFOUND";
	if (code == TT_END)
		return "TT_END";
	if (code > 0)
		return "UNKNOWN";
	row = err_row_find(code);
	if (row)
		return row->name;
	name = strerrorname_np(-code);
	return name ? name : "UNKNOWN";
}

const char *err_describe(int code)
{
	const struct err_row *row;
	const char *text;

	if (code >= 0)
		return "no error";
	row = err_row_find(code);
	if (row)
		return row->text;
	text = strerrordesc_np(-code);
	return text ? text : "unknown error";
}

void err_save(struct err_saved *s, int code)
{
	*s = last;
	s->code = code;
	if (code != last.code)
		s->text[0] = 0;
}

int err_restore(const struct err_saved *s)
{
	if (s->text[0])
		last = *s;
	else
		err_set(s->code, "%s", err_describe(s->code));
	return s->code;
}
