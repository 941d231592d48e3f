/* SPDX-License-Identifier: MIT */
/*
 * The command line. `cfg` is set once, before anything runs, and then
 * constant. Texts are never NULL and live as long as the program.
 */
#ifndef KVBENCH_OPTIONS_H
#define KVBENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define FIELD_COUNT(name) uint64_t name;
#define FIELD_SIZE(name) uint64_t name;
#define FIELD_REAL(name) double name;
#define FIELD_TEXT(name) const char *name;
#define FIELD_FLAG(name) bool name;

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

/* True where the comma-separated `list` has `name`. */
bool list_has(const char *list, const char *name);

/*
 * TT_EOPTION where `list`, given to --option, is empty or names something
 * that name_at(0..) does not have ("all" is always known).
 */
int list_check(const char *option, const char *list,
	       const char *(*name_at)(unsigned i));

#endif
