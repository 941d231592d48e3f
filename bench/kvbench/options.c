/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <string.h>

#include "base/compiler.h"
#include "base/err.h"

struct options cfg;

static const struct option_row rows[] = {
#define OPT(letter, name, TYPE, ...) \
	{ letter, #name, OPTION_##TYPE, __VA_ARGS__, &cfg.name },
#include "options.def"
#undef OPT
};

/* What must hold between options. */
static int check(void)
{
	if (strcmp(cfg.compression, "none") != 0 &&
	    strcmp(cfg.compression, "lz4") != 0)
		return err_set(TT_EOPTION, "--compression=%s: want none or lz4",
			       cfg.compression);
	if (*cfg.input && !*cfg.plot)
		return err_set(TT_EOPTION, "--input is for --plot");
	return 0;
}

int options_read(int argc, char **argv)
{
	int r = option_table_read(rows, ARRAY_LEN(rows), argc, argv);

	return r == 0 ? check() : r;
}

void options_help(void)
{
	option_table_help(rows, ARRAY_LEN(rows));
}
