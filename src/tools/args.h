/* SPDX-License-Identifier: MIT */
/*
 * Command lines of the client programs: long options anywhere, the rest in
 * order. Not opt.h: these options are no settings, and a value such as "-5"
 * or "-" must stay a value.
 */
#ifndef TOOLS_ARGS_H
#define TOOLS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arg_kind { ARG_FLAG, ARG_TEXT, ARG_INT, ARG_SIZE, ARG_DURATION };

struct arg {
	const char *name;
	enum arg_kind kind;
	/* bool, const char *, int64_t (number, milliseconds) or uint64_t */
	void *to;
	int64_t min, max; /* ARG_INT */
};

/*
 * Parses argv[1..]: --name, --name=value, --name value, and -h for --help;
 * with `single_dash` -name as well (numbers stay values). The others, and all
 * behind "--", move to argv[1..*n_pos]. TT_EOPTION with a text.
 */
int args_parse(const struct arg *args, size_t n_args, bool single_dash,
	       int argc, char **argv, int *n_pos);

/*
 * Where the server is: what the options say, else TTRUNKSDB_LISTEN of the
 * environment or of .env, else 127.0.0.1:8080. Any argument may be NULL.
 */
int args_address(const char *connect, const char *host, const char *port,
		 char *out, size_t cap);

#endif
