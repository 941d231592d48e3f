/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "base/compiler.h"
#include "base/err.h"

struct options cfg;

static const struct option_row rows[] = {
#define OPT(letter, name, TYPE, ...) \
	{ letter, #name, OPTION_##TYPE, __VA_ARGS__, &cfg.name },
#include "options.def"
#undef OPT
};

int options_read(int argc, char **argv)
{
	int r = option_table_read(rows, ARRAY_LEN(rows), argc, argv);

	if (r == 0 && *cfg.input && !*cfg.plot)
		r = err_set(TT_EOPTION, "--input is for --plot");
	return r;
}

void options_help(void)
{
	option_table_help(rows, ARRAY_LEN(rows));
}
