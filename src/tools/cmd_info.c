/* SPDX-License-Identifier: MIT */
/* ttrunks ping, info, stats. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mutex.h"
#include "tools/cli.h"
#include "tools/render.h"

int cli_ping(struct cli *cli)
{
	uint64_t start = mono_ns();
	int r;

	ask_begin(&cli->j, "PING");
	ask_end(&cli->j);
	r = cli_exchange(cli);
	if (r == CLI_OK && !cli_print_json(cli))
		(void)printf("PONG (%.3f ms)\n",
			     (double)(mono_ns() - start) / 1e6);
	return r;
}

/* "name: value" for each number and text of an object. */
static void print_members(const struct cli *cli, const cJSON *object,
			  const char *prefix)
{
	for (const cJSON *i = object->child; i; i = i->next) {
		int64_t v;

		if (strncmp(i->string, prefix, strlen(prefix)) != 0)
			continue;
		if (json_integer(i, &v) == 0) {
			(void)printf("%s: %" PRId64 "\n", i->string, v);
		} else if (cJSON_IsString(i)) {
			(void)printf("%s: ", i->string);
			render_bytes(stdout, slice_str(i->valuestring),
				     cli->raw, false);
			(void)fputc('\n', stdout);
		}
	}
}

int cli_info(struct cli *cli)
{
	int r;

	ask_begin(&cli->j, "INFO");
	ask_end(&cli->j);
	r = cli_exchange(cli);
	if (r != CLI_OK || cli_print_json(cli))
		return r;
	print_members(cli, cli->answer.root, "");
	return CLI_OK;
}

int cli_stats(struct cli *cli)
{
	const cJSON *stats;
	int r;

	ask_begin(&cli->j, "STATS");
	ask_end(&cli->j);
	r = cli_exchange(cli);
	if (r != CLI_OK || cli_print_json(cli))
		return r;
	stats = answer_item(cli->answer.root, "stats");
	if (stats)
		print_members(cli, stats, cli->n_args > 0 ? cli->args[0] : "");
	return CLI_OK;
}
