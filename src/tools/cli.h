/* SPDX-License-Identifier: MIT */
/*
 * The client program: commands in a table (cli_main.c), their handlers in
 * cmd_*.c. A handler returns the exit code of the program.
 */
#ifndef TOOLS_CLI_H
#define TOOLS_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/client.h"
#include "tools/message.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_NOT_FOUND = 3,
	CLI_NO_SERVER = 4,
};

struct cli {
	/* options, the same for every command */
	bool json, raw, keys, reverse, recursive, sync, if_absent;
	int64_t if_version; /* -1: no condition */
	int64_t limit;	    /* 0: none */
	const char *start, *end;

	bool is_terminal; /* standard output */
	struct client *client;
	struct json_out j; /* over the client's requests */
	struct answer answer;

	/* positional arguments, the command aside */
	int n_args;
	char **args;
};

/*
 * Sends the request that is in the buffer and parses its answer. CLI_OK, or
 * the exit code, with the failure reported.
 */
int cli_exchange(struct cli *cli);
/* Reports this thread's failure `code`; returns `exit`. */
int cli_fail(const struct cli *cli, int code, int exit);
/* With --json prints the answer as it came and returns true. */
bool cli_print_json(const struct cli *cli);
/* Shows bytes raw, or escaped where lines or a terminal are at stake. */
bool cli_is_raw(const struct cli *cli);

#define CLI_COMMANDS(X)                                                    \
	X(get, 1, 1, "KEY", "write the value of KEY to standard output")   \
	X(set, 1, 2, "KEY [VALUE|-]",                                      \
	  "set KEY to VALUE, or to what standard input gives")             \
	X(del, 1, 1, "KEY", "delete KEY; --recursive: with all below it")  \
	X(list, 0, 1, "[PREFIX]", "show keys and values as key=value")     \
	X(scan, 0, 1, "[PREFIX]",                                          \
	  "stream keys and values in key order, any number of them")       \
	X(count, 0, 1, "[PREFIX]", "count keys")                           \
	X(stat, 1, 1, "KEY", "show type, size, mode, time and version")    \
	X(exists, 1, 1, "KEY", "say whether KEY exists")                   \
	X(ping, 0, 0, "", "see whether the server answers, and how fast")  \
	X(info, 0, 0, "", "show version, uptime and limits of the server") \
	X(stats, 0, 1, "[PREFIX]", "show the counters of the server")

#define X(name, min, max, usage, help) int cli_##name(struct cli *cli);
CLI_COMMANDS(X)
#undef X

#endif
