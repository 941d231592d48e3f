/* SPDX-License-Identifier: MIT */
/* ttrunks get, set, del, stat, exists. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "tools/cli.h"
#include "tools/render.h"

/* More than any server takes in one line. */
#define VALUE_MAX ((size_t)256 << 20)

static void ask_key(struct cli *cli, const char *operation)
{
	ask_begin(&cli->j, operation);
	ask_bytes(&cli->j, "key", "key_encoding", slice_str(cli->args[0]));
}

static int end_and_exchange(struct cli *cli)
{
	ask_end(&cli->j);
	return cli_exchange(cli);
}

int cli_get(struct cli *cli)
{
	struct tt_slice value;
	int r;

	ask_key(cli, "GET");
	r = end_and_exchange(cli);
	if (r != CLI_OK || cli_print_json(cli))
		return r;
	r = answer_bytes(&cli->answer, cli->answer.root, "data", "encoding",
			 &value);
	if (r < 0)
		return cli_fail(cli, r, CLI_FAILED);
	render_bytes(stdout, value, cli_is_raw(cli), true);
	if (!cli_is_raw(cli) && value.len > 0 &&
	    ((const char *)value.data)[value.len - 1] != '\n')
		(void)fputc('\n', stdout);
	return CLI_OK;
}

static int read_stdin(struct buf *b)
{
	for (;;) {
		ssize_t n;

		if (b->len > VALUE_MAX)
			return err_set(TT_ETOOBIG,
				       "standard input: over %zu bytes",
				       VALUE_MAX);
		if (buf_reserve(b, 65536) < 0)
			return err_nomem("the value");
		n = read(STDIN_FILENO, buf_tail(b), b->cap - b->len);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_errno(errno, "standard input");
		if (n > 0)
			buf_advance(b, (size_t)n);
	}
}

static void ask_conditions(struct cli *cli)
{
	if (cli->sync)
		ask_flag(&cli->j, "sync", true);
	if (cli->if_absent)
		ask_flag(&cli->j, "if_absent", true);
	if (cli->if_version >= 0)
		ask_int(&cli->j, "if_version", cli->if_version);
}

int cli_set(struct cli *cli)
{
	struct buf input = BUF_INIT;
	struct tt_slice value;
	int r;

	if (cli->n_args < 2 || !strcmp(cli->args[1], "-")) {
		r = read_stdin(&input);
		value = buf_slice(&input);
	} else {
		r = 0;
		value = slice_str(cli->args[1]);
	}
	if (r < 0) {
		buf_fini(&input);
		return cli_fail(cli, r, CLI_FAILED);
	}
	ask_key(cli, "SET");
	ask_bytes(&cli->j, "value", "encoding", value);
	ask_conditions(cli);
	r = end_and_exchange(cli);
	buf_fini(&input);
	if (r == CLI_OK)
		(void)cli_print_json(cli);
	return r;
}

int cli_del(struct cli *cli)
{
	int r;

	ask_key(cli, "DELETE");
	if (cli->recursive)
		ask_flag(&cli->j, "recursive", true);
	ask_conditions(cli);
	r = end_and_exchange(cli);
	if (r == CLI_OK)
		(void)cli_print_json(cli);
	return r;
}

/* 2026-01-31T12:00:00.123456Z */
static void print_time(const char *name, int64_t us)
{
	time_t s = (time_t)(us / 1000000);
	struct tm tm;
	char text[32];

	if (!gmtime_r(&s, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return;
	(void)printf("%s: %s.%06dZ\n", name, text, (int)(us % 1000000));
}

static void print_text(const struct cli *cli, const char *name)
{
	const cJSON *i = answer_item(cli->answer.root, name);

	if (cJSON_IsString(i))
		(void)printf("%s: %s\n", name, i->valuestring);
}

int cli_stat(struct cli *cli)
{
	const cJSON *root;
	int r;

	ask_key(cli, "STAT");
	r = end_and_exchange(cli);
	if (r != CLI_OK || cli_print_json(cli))
		return r;
	root = cli->answer.root;
	(void)fputs("key: ", stdout);
	render_bytes(stdout, slice_str(cli->args[0]), cli->raw, false);
	(void)fputc('\n', stdout);
	print_text(cli, "type");
	(void)printf("size: %" PRId64 "\n", answer_int(root, "size", 0));
	print_text(cli, "mode");
	print_time("mtime", answer_int(root, "mtime", 0));
	(void)printf("version: %" PRId64 "\n", answer_int(root, "version", 0));
	return CLI_OK;
}

int cli_exists(struct cli *cli)
{
	bool yes;
	int r;

	ask_key(cli, "EXISTS");
	r = end_and_exchange(cli);
	if (r != CLI_OK)
		return r;
	yes = cJSON_IsTrue(answer_item(cli->answer.root, "exists"));
	if (!cli_print_json(cli))
		(void)puts(yes ? "yes" : "no");
	return yes ? CLI_OK : CLI_NOT_FOUND;
}
