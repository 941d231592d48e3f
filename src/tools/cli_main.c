/* SPDX-License-Identifier: MIT */
/*
 * ttrunks: one command to a running server. See ttrunks(1).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "tools/args.h"
#include "tools/cli.h"
#include "tools/render.h"

#define TIMEOUT_MS 30000

struct command {
	const char *name;
	int (*run)(struct cli *cli);
	int min_args, max_args;
	const char *usage;
	const char *help;
};

static const struct command commands[] = {
#define X(name, min, max, usage, help) \
	{ #name, cli_##name, min, max, usage, help },
	CLI_COMMANDS(X)
#undef X
};

static const char options_help[] =
	"\n"
	"Options:\n"
	"  --connect=HOST:PORT  the server (default: TTRUNKSDB_LISTEN of the\n"
	"                       environment or .env, else 127.0.0.1:8080)\n"
	"  --host=HOST, --port=PORT\n"
	"                       the same in two parts\n"
	"  --timeout=DURATION   wait for an answer so long (default 30s, 0: for ever)\n"
	"  --json               show answers, and errors, as JSON\n"
	"  --raw                never escape: bytes as they are\n"
	"  --keys               scan: keys alone\n"
	"  --limit=N            scan, list: at most N keys\n"
	"  --reverse            scan: from the last key to the first\n"
	"  --start=KEY, --end=KEY\n"
	"                       scan, count: from KEY, up to but without KEY\n"
	"  --recursive          del: a directory with all it holds\n"
	"  --sync               set, del: return when durable against power loss\n"
	"  --if-absent          set: only when KEY does not exist\n"
	"  --if-version=N       set, del: only when KEY has this version\n"
	"  --help, --version\n"
	"\n"
	"Behind -- all is taken as it is. Exit status: 0 done, 1 failed, 2 wrong\n"
	"usage, 3 no such key, 4 cannot connect.\n";

static void print_help(void)
{
	(void)printf("Usage: ttrunks [OPTION]... COMMAND [ARGUMENT]...\n"
		     "Talks to a ttrunks server.\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		(void)printf("  %-6s %-14s %s\n", commands[i].name,
			     commands[i].usage, commands[i].help);
	(void)fputs(options_help, stdout);
}

/* ---- for the commands -------------------------------------------------- */

static void report(const struct cli *cli, const char *code, const char *text)
{
	struct buf line = BUF_INIT;
	struct json_out j = { .buf = &line };

	if (!cli->json) {
		(void)fputs("ttrunks: ", stderr);
		render_bytes(stderr, slice_str(text), false, false);
		(void)fputc('\n', stderr);
		return;
	}
	json_lit(&j, "{\"success\":false,\"error\":\"");
	json_string_part_lossy(&j, slice_str(text));
	json_lit(&j, "\",\"code\":");
	json_string(&j, slice_str(code));
	json_lit(&j, "}\n");
	(void)fwrite(line.data, 1, line.len, stderr);
	buf_fini(&line);
}

int cli_fail(const struct cli *cli, int code, int exit)
{
	const char *text = err_code() == code && *err_text()
				   ? err_text()
				   : err_describe(code);

	report(cli, exit == CLI_USAGE ? "USAGE" : err_name(code), text);
	return exit;
}

int cli_exchange(struct cli *cli)
{
	struct tt_slice line;
	const struct answer *a = &cli->answer;
	int r = cli->j.err;

	if (r == 0)
		r = client_answer(cli->client, &line);
	if (r == 0)
		r = answer_parse(&cli->answer, line);
	if (r < 0)
		return cli_fail(cli, r, CLI_FAILED);
	if (a->success)
		return CLI_OK;
	report(cli, a->code, a->error);
	return !strcmp(a->code, "NOT_FOUND") ? CLI_NOT_FOUND : CLI_FAILED;
}

bool cli_print_json(const struct cli *cli)
{
	if (!cli->json)
		return false;
	(void)fwrite(cli->answer.line.data, 1, cli->answer.line.len, stdout);
	(void)fputc('\n', stdout);
	return true;
}

bool cli_is_raw(const struct cli *cli)
{
	return cli->raw || !cli->is_terminal;
}

/* ---- main -------------------------------------------------------------- */

struct start {
	const char *connect, *host, *port;
	int64_t timeout_ms;
	bool help, version;
};

static int parse(struct cli *cli, struct start *o, int argc, char **argv,
		 int *n_pos)
{
	const struct arg args[] = {
		{ "connect", ARG_TEXT, &o->connect, 0, 0 },
		{ "host", ARG_TEXT, &o->host, 0, 0 },
		{ "port", ARG_TEXT, &o->port, 0, 0 },
		{ "timeout", ARG_DURATION, &o->timeout_ms, 0, 0 },
		{ "json", ARG_FLAG, &cli->json, 0, 0 },
		{ "raw", ARG_FLAG, &cli->raw, 0, 0 },
		{ "keys", ARG_FLAG, &cli->keys, 0, 0 },
		{ "limit", ARG_INT, &cli->limit, 1, INT64_MAX },
		{ "reverse", ARG_FLAG, &cli->reverse, 0, 0 },
		{ "start", ARG_TEXT, &cli->start, 0, 0 },
		{ "end", ARG_TEXT, &cli->end, 0, 0 },
		{ "recursive", ARG_FLAG, &cli->recursive, 0, 0 },
		{ "sync", ARG_FLAG, &cli->sync, 0, 0 },
		{ "if-absent", ARG_FLAG, &cli->if_absent, 0, 0 },
		{ "if-version", ARG_INT, &cli->if_version, 0, INT64_MAX },
		{ "help", ARG_FLAG, &o->help, 0, 0 },
		{ "version", ARG_FLAG, &o->version, 0, 0 },
	};

	return args_parse(args, ARRAY_LEN(args), false, argc, argv, n_pos);
}

static int find_command(const struct cli *cli, const char *name,
			const struct command **out)
{
	if (!name)
		return err_set(TT_EOPTION, "no command; --help lists them");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->name, name) != 0)
			continue;
		if (cli->n_args < c->min_args || cli->n_args > c->max_args)
			return err_set(TT_EOPTION, "usage: ttrunks %s %s", name,
				       c->usage);
		*out = c;
		return 0;
	}
	return err_set(TT_EOPTION, "unknown command \"%s\"; --help lists them",
		       name);
}

static int run(struct cli *cli, const struct start *o, const struct command *c)
{
	char address[160];
	int r;

	r = args_address(o->connect, o->host, o->port, address,
			 sizeof(address));
	if (r < 0)
		return cli_fail(cli, r, CLI_USAGE);
	r = client_connect(address, o->timeout_ms, &cli->client);
	if (r == -EINVAL)
		return cli_fail(cli, r, CLI_USAGE);
	if (r < 0)
		return cli_fail(cli, r, CLI_NO_SERVER);
	answer_init(&cli->answer);
	cli->j = (struct json_out){ .buf = client_requests(cli->client) };
	r = c->run(cli);
	answer_fini(&cli->answer);
	client_close(cli->client);
	return r;
}

int main(int argc, char **argv)
{
	struct cli cli = { .if_version = -1,
			   .is_terminal = isatty(STDOUT_FILENO) };
	struct start o = { .timeout_ms = TIMEOUT_MS };
	const struct command *c = NULL;
	int n_pos = 0, r;

	r = parse(&cli, &o, argc, argv, &n_pos);
	if (r == 0 && o.help) {
		print_help();
	} else if (r == 0 && o.version) {
		(void)printf("ttrunks %s\n", PACKAGE_VERSION);
	} else {
		cli.n_args = n_pos - 1;
		cli.args = argv + 2;
		if (r == 0)
			r = find_command(&cli, n_pos ? argv[1] : NULL, &c);
		r = r < 0 ? cli_fail(&cli, r, CLI_USAGE) : run(&cli, &o, c);
	}
	if (fflush(stdout) == EOF || ferror(stdout)) {
		(void)err_errno(errno, "standard output");
		return cli_fail(&cli, err_code(), CLI_FAILED);
	}
	return r;
}
