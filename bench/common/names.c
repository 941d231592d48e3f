/* SPDX-License-Identifier: MIT */
#include "bench/common/names.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define LINE_WIDTH 79

static bool is_word(const char *word, size_t len, const char *name)
{
	return strlen(name) == len && !memcmp(word, name, len);
}

bool list_has(const char *list, const char *name)
{
	for (;;) {
		size_t len = strcspn(list, ",");

		if (is_word(list, len, name))
			return true;
		if (!list[len])
			return false;
		list += len + 1;
	}
}

static bool is_known(const char *word, size_t len,
		     const char *(*name_at)(unsigned i))
{
	if (is_word(word, len, "all"))
		return true;
	for (unsigned i = 0; name_at(i); i++)
		if (is_word(word, len, name_at(i)))
			return true;
	return false;
}

static int unknown_word(const char *option, const char *word, size_t len,
			const char *(*name_at)(unsigned i))
{
	char known[256] = "all";
	size_t at = strlen(known);

	for (unsigned i = 0; name_at(i) && at < sizeof(known); i++)
		at += (size_t)snprintf(known + at, sizeof(known) - at, " %s",
				       name_at(i));
	return err_set(TT_EOPTION, "--%s: no \"%.*s\"; there are: %s", option,
		       (int)len, word, known);
}

int list_check(const char *option, const char *list,
	       const char *(*name_at)(unsigned i))
{
	for (;;) {
		size_t len = strcspn(list, ",");

		if (!is_known(list, len, name_at))
			return unknown_word(option, list, len, name_at);
		if (!list[len])
			return 0;
		list += len + 1;
	}
}

void list_print(const char *what, const char *(*name_at)(unsigned i))
{
	int column = printf("%s:", what);

	for (unsigned i = 0; name_at(i); i++) {
		if (column + 1 + (int)strlen(name_at(i)) > LINE_WIDTH)
			column = printf("\n ") - 1;
		column += printf(" %s", name_at(i));
	}
	putchar('\n');
}
