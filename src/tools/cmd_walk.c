/* SPDX-License-Identifier: MIT */
/*
 * ttrunks list, scan, count. A scan is fetched page by page, and the next
 * page is asked for before the present one is printed, so that memory stays
 * one page whatever the number of keys.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "tools/cli.h"
#include "tools/render.h"

#define PAGE 1000

static int ask_range(struct cli *cli)
{
	struct json_out *j = &cli->j;

	if (cli->n_args > 0 && (cli->start || cli->end))
		return err_set(TT_EOPTION,
			       "a PREFIX goes without --start and --end");
	if (cli->n_args > 0)
		ask_bytes(j, "prefix", "key_encoding", slice_str(cli->args[0]));
	if (cli->start)
		ask_bytes(j, "start", "key_encoding", slice_str(cli->start));
	if (cli->end)
		ask_bytes(j, "end", "key_encoding", slice_str(cli->end));
	return 0;
}

int cli_list(struct cli *cli)
{
	struct tt_slice data;
	int r;

	ask_begin(&cli->j, "LIST");
	if (cli->n_args > 0)
		ask_bytes(&cli->j, "prefix", "key_encoding",
			  slice_str(cli->args[0]));
	if (cli->limit)
		ask_int(&cli->j, "limit", cli->limit);
	ask_end(&cli->j);
	r = cli_exchange(cli);
	if (r != CLI_OK || cli_print_json(cli))
		return r;
	r = answer_bytes(&cli->answer, cli->answer.root, "data", "encoding",
			 &data);
	if (r < 0)
		return cli_fail(cli, r, CLI_FAILED);
	render_bytes(stdout, data, cli_is_raw(cli), true);
	if (data.len > 0)
		(void)fputc('\n', stdout);
	if (cJSON_IsTrue(answer_item(cli->answer.root, "truncated")))
		(void)fputs("ttrunks: there is more; use scan\n", stderr);
	return CLI_OK;
}

/* ---- scan -------------------------------------------------------------- */

/* The item's own text within the answer cannot be found again: it is written
 * anew, the same way the server writes it. */
static int print_item_json(struct answer *a, cJSON *item, bool keys)
{
	struct buf line = BUF_INIT;
	struct json_out j = { .buf = &line };
	struct tt_slice key, value;
	int r = answer_bytes(a, item, "key", "key_encoding", &key);

	if (r < 0)
		return r;
	json_lit(&j, "{\"version\":");
	json_int(&j, answer_int(item, "version", 0));
	ask_bytes(&j, "key", "key_encoding", key);
	if (!keys && answer_item(item, "value")) {
		r = answer_bytes(a, item, "value", "encoding", &value);
		if (r == 0)
			ask_bytes(&j, "value", "encoding", value);
	}
	ask_end(&j);
	(void)fwrite(line.data, 1, line.len, stdout);
	buf_fini(&line);
	return r < 0 ? r : j.err;
}

static int print_item(struct cli *cli, cJSON *item)
{
	struct answer *a = &cli->answer;
	struct tt_slice key, value;
	int r;

	if (cli->json)
		return print_item_json(a, item, cli->keys);
	r = answer_bytes(a, item, "key", "key_encoding", &key);
	if (r < 0)
		return r;
	render_bytes(stdout, key, cli->raw, false);
	if (!cli->keys) {
		(void)fputc('\t', stdout);
		if (!answer_item(item, "value"))
			return err_set(TT_ETOOBIG,
				       "a value is too large for the port");
		r = answer_bytes(a, item, "value", "encoding", &value);
		if (r < 0)
			return r;
		render_bytes(stdout, value, cli->raw, false);
	}
	(void)fputc('\n', stdout);
	return 0;
}

static void ask_page(struct cli *cli, int64_t left, const char *cursor)
{
	struct json_out *j = &cli->j;

	if (left > 0 && left < PAGE)
		ask_int(j, "limit", left);
	else
		ask_int(j, "limit", PAGE);
	if (cursor)
		ask_bytes(j, "cursor", "cursor_encoding", slice_str(cursor));
	ask_end(j);
}

/* Prints the page that has come, having asked for the next one if there is
 * one and it is wanted. *more tells. */
static int print_page(struct cli *cli, int64_t *left, bool *more)
{
	cJSON *root = cli->answer.root;
	cJSON *items = answer_item(root, "items");
	cJSON *cursor = answer_item(root, "cursor");
	int n, r;

	if (!cJSON_IsArray(items))
		return err_set(-EBADMSG, "the answer has no \"items\"");
	n = cJSON_GetArraySize(items);
	*more = cJSON_IsString(cursor) && (*left == 0 || *left > n);
	if (*left > 0)
		*left -= n;
	if (*more) {
		ask_begin(&cli->j, "SCAN");
		ask_page(cli, *left, cursor->valuestring);
		r = client_send(cli->client);
		if (r < 0)
			return r;
	}
	for (cJSON *i = items->child; i; i = i->next) {
		r = print_item(cli, i);
		if (r < 0)
			return r;
	}
	return 0;
}

int cli_scan(struct cli *cli)
{
	int64_t left = cli->limit;
	bool more = true;
	int r;

	ask_begin(&cli->j, "SCAN");
	r = ask_range(cli);
	if (r < 0)
		return cli_fail(cli, r, CLI_USAGE);
	if (cli->reverse)
		ask_flag(&cli->j, "reverse", true);
	if (cli->keys)
		ask_flag(&cli->j, "keys_only", true);
	ask_page(cli, left, NULL);
	while (more) {
		r = cli_exchange(cli);
		if (r != CLI_OK)
			return r;
		r = print_page(cli, &left, &more);
		if (r < 0)
			return cli_fail(cli, r, CLI_FAILED);
		if (ferror(stdout))
			return CLI_FAILED; /* main() says why */
	}
	return CLI_OK;
}

int cli_count(struct cli *cli)
{
	int r;

	ask_begin(&cli->j, "COUNT");
	r = ask_range(cli);
	if (r < 0)
		return cli_fail(cli, r, CLI_USAGE);
	ask_end(&cli->j);
	r = cli_exchange(cli);
	if (r == CLI_OK && !cli_print_json(cli))
		(void)printf("%" PRId64 "\n",
			     answer_int(cli->answer.root, "count", 0));
	return r;
}
