/* SPDX-License-Identifier: MIT */
/* From text to value and back, for every type of setting. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/opt_row.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Digits, an optional fraction is not accepted: sizes are exact. */
static int parse_number(const char *text, const char **end, uint64_t *out)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	for (; isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return -ERANGE;
	*end = text;
	*out = v;
	return 0;
}

static int parse_with_unit(const char *text, const struct unit *units, size_t n,
			   uint64_t *out)
{
	const char *unit;
	uint64_t v;
	int r = parse_number(text, &unit, &v);

	if (r < 0)
		return r;
	while (*unit == ' ')
		unit++;
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(unit, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(v, units[i].factor, out))
			return -ERANGE;
		return 0;
	}
	return -EINVAL;
}

int opt_parse_size(const char *text, uint64_t *out)
{
	/* clang-format off */
	static const struct unit units[] = {
		{"", 1},	    {"b", 1},
		{"k", 1u << 10},    {"kb", 1u << 10},	 {"kib", 1u << 10},
		{"m", 1u << 20},    {"mb", 1u << 20},	 {"mib", 1u << 20},
		{"g", 1u << 30},    {"gb", 1u << 30},	 {"gib", 1u << 30},
		{"t", 1ull << 40},  {"tb", 1ull << 40},	 {"tib", 1ull << 40},
		{"p", 1ull << 50},  {"pib", 1ull << 50},
	};
	/* clang-format on */

	return parse_with_unit(text, units, ARRAY_LEN(units), out);
}

int opt_parse_duration(const char *text, int64_t *out_ms)
{
	static const struct unit units[] = {
		{ "", 1 },	  { "ms", 1 },	     { "s", 1000 },
		{ "sec", 1000 },  { "m", 60000 },    { "min", 60000 },
		{ "h", 3600000 }, { "d", 86400000 },
	};
	uint64_t v;
	int r = parse_with_unit(text, units, ARRAY_LEN(units), &v);

	if (r < 0)
		return r;
	if (v > INT64_MAX)
		return -ERANGE;
	*out_ms = (int64_t)v;
	return 0;
}

int opt_parse_bool(const char *text, bool *out)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0) {
			*out = true;
			return 0;
		}
		if (strcasecmp(text, no[i]) == 0) {
			*out = false;
			return 0;
		}
	}
	return -EINVAL;
}

int opt_parse_int(const char *text, int64_t *out)
{
	bool is_negative = *text == '-';
	const char *end;
	uint64_t v;
	int r = parse_number(text + is_negative, &end, &v);

	if (r < 0)
		return r;
	if (*end)
		return -EINVAL;
	if (v > (uint64_t)INT64_MAX + is_negative)
		return -ERANGE;
	*out = is_negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

struct tt_slice opt_row_choice(const struct opt_row *row, int i)
{
	const char *p = row->choices;

	for (; i > 0 && *p; i--) {
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	return SLICE(p, strcspn(p, " "));
}

static int parse_choice(const struct opt_row *row, const char *text, int *out)
{
	struct tt_slice s = slice_str(text), c;

	for (int i = 0; (c = opt_row_choice(row, i)).len; i++) {
		if (s.len == c.len && !strncasecmp(text, c.data, c.len)) {
			*out = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int check_bounds(const struct opt_row *row, int64_t v)
{
	return v < row->min || v > row->max ? -ERANGE : 0;
}

int opt_row_parse(const struct opt_row *row, const char *text,
		  union opt_value *out)
{
	int r = 0;

	switch (row->type) {
	case OPT_BOOL:
		return opt_parse_bool(*text ? text : "yes", &out->b);
	case OPT_INT:
		r = opt_parse_int(text, &out->i);
		return r < 0 ? r : check_bounds(row, out->i);
	case OPT_DURATION:
		r = opt_parse_duration(text, &out->i);
		return r < 0 ? r : check_bounds(row, out->i);
	case OPT_SIZE:
		r = opt_parse_size(text, &out->size);
		if (r == 0 && out->size > INT64_MAX)
			r = -ERANGE;
		return r < 0 ? r : check_bounds(row, (int64_t)out->size);
	case OPT_STRING:
		out->s = text;
		return 0;
	case OPT_ENUM:
		return parse_choice(row, text, &out->choice);
	}
	assert(!"setting of unknown type");
	return -EINVAL;
}

int opt_format_size(uint64_t bytes, struct buf *out)
{
	static const char letters[] = "KMGTP";
	int i = -1;

	while (bytes && bytes % 1024 == 0 && i < 4) {
		bytes /= 1024;
		i++;
	}
	if (i < 0)
		return buf_printf(out, "%" PRIu64, bytes);
	return buf_printf(out, "%" PRIu64 "%c", bytes, letters[i]);
}

int opt_format_duration(int64_t ms, struct buf *out)
{
	if (ms == 0)
		return buf_append_str(out, "0");
	if (ms % 3600000 == 0)
		return buf_printf(out, "%" PRId64 "h", ms / 3600000);
	if (ms % 60000 == 0)
		return buf_printf(out, "%" PRId64 "m", ms / 60000);
	if (ms % 1000 == 0)
		return buf_printf(out, "%" PRId64 "s", ms / 1000);
	return buf_printf(out, "%" PRId64 "ms", ms);
}
