/* SPDX-License-Identifier: MIT */
/* The command line. `cfg` is set once, before anything runs, and then
 * constant. Texts are never NULL and live as long as the program. */
#ifndef FSBENCH_OPTIONS_H
#define FSBENCH_OPTIONS_H

#include "bench/common/option_table.h"

struct options {
#define OPT(letter, name, TYPE, ...) FIELD_##TYPE(name)
#include "options.def"
#undef OPT
};

extern struct options cfg;

/* Sets `cfg`. 0, or TT_EOPTION with a text (err_text()). */
int options_read(int argc, char **argv);

/* Prints what --help says of each option. */
void options_help(void);

#endif
