/* SPDX-License-Identifier: MIT */
#include "lsm/file_name.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int finish(struct buf *out, int r)
{
	if (r < 0)
		return r;
	return buf_cstr(out) ? 0 : -ENOMEM;
}

int path_join(struct buf *out, const char *dir, const char *name)
{
	buf_clear(out);
	return finish(out, buf_printf(out, "%s/%s", dir, name));
}

int path_manifest(struct buf *out, const char *dir, uint64_t file_no)
{
	buf_clear(out);
	return finish(out,
		      buf_printf(out, "%s/" FILE_MANIFEST_PREFIX "%06" PRIu64,
				 dir, file_no));
}

int path_table(struct buf *out, const char *dir, uint64_t file_no)
{
	buf_clear(out);
	return finish(out,
		      buf_printf(out,
				 "%s/" DIR_TABLES "/%06" PRIu64 TABLE_SUFFIX,
				 dir, file_no));
}

int path_segment(struct buf *out, const char *dir, uint64_t no)
{
	buf_clear(out);
	return finish(out, buf_printf(out, "%s/" DIR_WAL "/%06" PRIu64 ".wal",
				      dir, no));
}

int path_table_tmp(struct buf *out, const char *dir, uint64_t file_no)
{
	buf_clear(out);
	return finish(out, buf_printf(out,
				      "%s/" DIR_TABLES
				      "/%06" PRIu64 TABLE_SUFFIX TMP_SUFFIX,
				      dir, file_no));
}

int path_values(struct buf *out, const char *dir, uint64_t file_no)
{
	buf_clear(out);
	return finish(out,
		      buf_printf(out,
				 "%s/" DIR_VALUES "/%06" PRIu64 VALUE_SUFFIX,
				 dir, file_no));
}

/* Reads six digits or more; *end is behind them. 0 when there are none. */
static uint64_t number(const char *s, const char **end)
{
	uint64_t v = 0;
	int n = 0;

	for (; *s >= '0' && *s <= '9' && n < 18; s++, n++)
		v = v * 10 + (uint64_t)(*s - '0');
	*end = s;
	return n >= 6 ? v : 0;
}

uint64_t manifest_no_of_name(const char *name)
{
	const size_t n = sizeof(FILE_MANIFEST_PREFIX) - 1;
	const char *end;
	uint64_t no;

	if (strncmp(name, FILE_MANIFEST_PREFIX, n) != 0)
		return 0;
	no = number(name + n, &end);
	return *end == '\0' ? no : 0;
}

uint64_t table_no_of_name(const char *name)
{
	const char *end;
	uint64_t no = number(name, &end);

	return strcmp(end, TABLE_SUFFIX) == 0 ? no : 0;
}

uint64_t value_no_of_name(const char *name)
{
	const char *end;
	uint64_t no = number(name, &end);

	return strcmp(end, VALUE_SUFFIX) == 0 ? no : 0;
}

bool name_is_table_tmp(const char *name)
{
	const char *end;

	return number(name, &end) != 0 &&
	       strcmp(end, TABLE_SUFFIX TMP_SUFFIX) == 0;
}

bool name_belongs_to_store(const char *name)
{
	static const char *const names[] = {
		FILE_LOCK,    FILE_CURRENT,
		FILE_LOG,     FILE_CURRENT TMP_SUFFIX,
		FILE_OPTIONS, FILE_OPTIONS TMP_SUFFIX,
		DIR_TABLES,   DIR_VALUES,
		DIR_WAL,      "ttrunks.conf",
		"lost+found",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return manifest_no_of_name(name) != 0 ||
	       strncmp(name, FILE_LOG ".", sizeof(FILE_LOG)) == 0;
}
