/* SPDX-License-Identifier: MIT */
#include "base/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/opt.h"

#define US_PER_S 1000000ll

/* Whole seconds up to here do not overflow as microseconds. */
#define SECONDS_MAX (INT64_MAX / US_PER_S - 1)

/* Digits of a fraction of a second, behind its dot; none are 0. */
static const char *take_fraction(const char *s, int64_t *us)
{
	int64_t unit = US_PER_S / 10;

	*us = 0;
	if (*s != '.' || !isdigit((unsigned char)s[1]))
		return s;
	for (s++; isdigit((unsigned char)*s); s++, unit /= 10)
		*us += (*s - '0') * unit;
	return s;
}

static const char *take_number(const char *s, int64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)*s))
		return NULL;
	errno = 0;
	*out = strtoll(s, &end, 10);
	return errno ? NULL : end;
}

/* "Z", "+01:00", "-0330": seconds east; NULL when it is none of these. */
static const char *take_zone(const char *s, int64_t *east)
{
	int sign = *s == '-' ? -1 : 1;
	unsigned d[4];

	*east = 0;
	if (*s == 'Z' || *s == 'z')
		return s + 1;
	if (*s != '+' && *s != '-')
		return NULL;
	s++;
	for (unsigned i = 0; i < 4; i++, s++) {
		if (i == 2 && *s == ':')
			s++;
		if (!isdigit((unsigned char)*s))
			return NULL;
		d[i] = (unsigned)(*s - '0');
	}
	*east = sign *
		(int64_t)((d[0] * 10 + d[1]) * 3600 + (d[2] * 10 + d[3]) * 60);
	return s;
}

static const char *take_clock(const char *s, struct tm *tm, int64_t *us)
{
	const char *seconds;

	*us = 0;
	if (*s != ' ' && *s != 'T' && *s != 't')
		return s;
	s = strptime(s + 1, "%H:%M", tm);
	seconds = s ? strptime(s, ":%S", tm) : NULL;
	return seconds ? take_fraction(seconds, us) : s;
}

static int parse_date(const char *text, int64_t *out_us)
{
	struct tm tm = { .tm_isdst = -1 };
	const char *s = strptime(text, "%Y-%m-%d", &tm);
	int64_t us = 0, east = 0, seconds;

	if (s)
		s = take_clock(s, &tm, &us);
	if (!s)
		return -EINVAL;
	if (*s) {
		s = take_zone(s, &east);
		if (!s || *s)
			return -EINVAL;
		seconds = (int64_t)timegm(&tm) - east;
	} else {
		seconds = (int64_t)mktime(&tm);
	}
	if (seconds < 0 || seconds > SECONDS_MAX)
		return -EINVAL;
	*out_us = seconds * US_PER_S + us;
	return 0;
}

static int parse_epoch(const char *text, int64_t *out_us)
{
	int64_t seconds, us;
	const char *s = take_number(text, &seconds);

	if (!s || seconds > SECONDS_MAX)
		return -EINVAL;
	s = take_fraction(s, &us);
	if (*s)
		return -EINVAL;
	*out_us = seconds * US_PER_S + us;
	return 0;
}

static int parse_ago(const char *text, int64_t now_us, int64_t *out_us)
{
	int64_t ms;

	if (opt_parse_duration(text, &ms) < 0 || ms > now_us / 1000)
		return -EINVAL;
	*out_us = now_us - ms * 1000;
	return 0;
}

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

int when_parse(const char *text, int64_t now_us, int64_t *out_us)
{
	int64_t us;
	int r;

	if (text[0] == '@')
		r = parse_epoch(text + 1, &us);
	else if (is_number(text))
		r = take_number(text, &us) ? 0 : -EINVAL;
	else if (strchr(text, '-'))
		r = parse_date(text, &us);
	else
		r = parse_ago(text, now_us, &us);
	if (r < 0 || us <= 0)
		return -EINVAL;
	*out_us = us;
	return 0;
}
