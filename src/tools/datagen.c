/* SPDX-License-Identifier: MIT */
/*
 * ttrunks-datagen: fills a server with records. Requests are pipelined: a
 * window of them is under way, and each answer that comes makes room for the
 * next. See ttrunks-datagen(1).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mutex.h"
#include "tools/args.h"
#include "tools/client.h"
#include "tools/datagen_records.h"
#include "tools/message.h"
#include "tools/render.h"

/* Requests under way; and their bytes, for big values. */
#define WINDOW 256
#define WINDOW_BYTES ((size_t)4 << 20)
#define PROGRESS_NS 100000000u

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NO_SERVER = 4 };

struct datagen {
	/* options */
	int64_t n, start, seed, timeout_ms;
	uint64_t size;
	const char *connect, *host, *port, *prefix;
	bool out, sync, quiet, help, version;

	struct client *client;
	struct answer answer;
	struct buf key, value;
	int64_t n_asked, n_answered, n_failed;
	uint64_t start_ns, shown_ns;
	bool shows_progress;
	char first_error[200];
};

static const char help[] =
	"Usage: ttrunks-datagen [-n N] [-size BYTES] [OPTION]...\n"
	"Writes N made-up records to a ttrunks server.\n"
	"\n"
	"  -n N                 how many (default 1000)\n"
	"  -size BYTES          bytes of each value (default 128)\n"
	"  -seed N              same seed, same records (default 1)\n"
	"  -start N             number of the first record (default 0)\n"
	"  -prefix TEXT         put before every key, such as demo/\n"
	"  -sync                wait until all is durable against power loss\n"
	"  -out                 write the requests to standard output instead\n"
	"  -connect HOST:PORT   the server (default: TTRUNKSDB_LISTEN of the\n"
	"                       environment or .env, else 127.0.0.1:8080)\n"
	"  -host HOST, -port PORT\n"
	"                       the same in two parts\n"
	"  -timeout DURATION    wait for an answer so long (default 30s)\n"
	"  -quiet               no progress, no summary\n"
	"  -help, -version\n"
	"\n"
	"Options may have two dashes as well. Exit status: 0 all written, 1 some\n"
	"or all failed, 2 wrong usage, 4 cannot connect.\n";

static int parse(struct datagen *d, int argc, char **argv)
{
	const struct arg args[] = {
		{ "n", ARG_INT, &d->n, 0, INT64_MAX },
		{ "size", ARG_SIZE, &d->size, 0, 0 },
		{ "seed", ARG_INT, &d->seed, 0, INT64_MAX },
		{ "start", ARG_INT, &d->start, 0, INT64_MAX / 2 },
		{ "prefix", ARG_TEXT, &d->prefix, 0, 0 },
		{ "sync", ARG_FLAG, &d->sync, 0, 0 },
		{ "out", ARG_FLAG, &d->out, 0, 0 },
		{ "connect", ARG_TEXT, &d->connect, 0, 0 },
		{ "host", ARG_TEXT, &d->host, 0, 0 },
		{ "port", ARG_TEXT, &d->port, 0, 0 },
		{ "timeout", ARG_DURATION, &d->timeout_ms, 0, 0 },
		{ "quiet", ARG_FLAG, &d->quiet, 0, 0 },
		{ "help", ARG_FLAG, &d->help, 0, 0 },
		{ "version", ARG_FLAG, &d->version, 0, 0 },
	};
	int n_pos;
	int r = args_parse(args, ARRAY_LEN(args), true, argc, argv, &n_pos);

	if (r < 0)
		return r;
	if (n_pos > 0)
		return err_set(TT_EOPTION,
			       "unexpected argument \"%s\"; "
			       "--help lists what there is",
			       argv[1]);
	if (d->size > (uint64_t)256 << 20)
		return err_set(TT_EOPTION, "--size: at most 256M");
	return 0;
}

/* ---- progress ---------------------------------------------------------- */

static double seconds(const struct datagen *d)
{
	return (double)(mono_ns() - d->start_ns) / 1e9;
}

static void show_progress(struct datagen *d)
{
	uint64_t now;
	char done[32], of[32];

	if (!d->shows_progress)
		return;
	now = mono_ns();
	if (now - d->shown_ns < PROGRESS_NS)
		return;
	d->shown_ns = now;
	(void)fprintf(stderr, "\r%s of %s records (%d%%) ",
		      render_count((uint64_t)d->n_answered, done),
		      render_count((uint64_t)d->n, of),
		      (int)((double)d->n_answered * 100 / (double)d->n));
}

static void show_summary(const struct datagen *d)
{
	double s = seconds(d);
	char done[32], rate[32];
	int64_t n = d->n_answered - d->n_failed;

	if (d->shows_progress)
		(void)fputs("\r\033[K", stderr);
	if (d->quiet)
		return;
	(void)printf("wrote %s records of %" PRIu64 " bytes in %.2f s "
		     "(%s records/s), %" PRId64 " failed\n",
		     render_count((uint64_t)n, done), d->size, s,
		     render_count((uint64_t)((double)n / (s > 0 ? s : 1)),
				  rate),
		     d->n_failed);
}

/* ---- writing ----------------------------------------------------------- */

/* Appends the request for the next record to `b`. */
static int ask_record(struct datagen *d, struct buf *b)
{
	struct json_out j = { .buf = b };
	int64_t i = d->start + d->n_asked;
	int r = datagen_record((uint64_t)d->seed, (uint64_t)i, d->size, &d->key,
			       &d->value);

	if (r < 0)
		return r;
	ask_begin(&j, "SET");
	json_lit(&j, ",\"key\":\"");
	json_string_part_lossy(&j, slice_str(d->prefix));
	json_string_part_lossy(&j, buf_slice(&d->key));
	json_lit(&j, "\"");
	ask_bytes(&j, "value", "encoding", buf_slice(&d->value));
	d->n_asked++;
	/* Durability goes in order: the last one's covers all. */
	if (d->sync && d->n_asked == d->n)
		ask_flag(&j, "sync", true);
	ask_end(&j);
	return j.err;
}

static int take_answer(struct datagen *d)
{
	struct tt_slice line;
	int r = client_answer(d->client, &line);

	if (r == 0)
		r = answer_parse(&d->answer, line);
	if (r < 0)
		return r;
	d->n_answered++;
	if (d->answer.success)
		return 0;
	if (d->n_failed++ == 0)
		(void)snprintf(d->first_error, sizeof(d->first_error), "%s: %s",
			       d->answer.code, d->answer.error);
	return 0;
}

static int write_all(struct datagen *d)
{
	struct buf *b = client_requests(d->client);
	int r = 0;

	while (r == 0 && d->n_answered < d->n) {
		while (r == 0 && d->n_asked < d->n && b->len < WINDOW_BYTES &&
		       d->n_asked - d->n_answered < WINDOW)
			r = ask_record(d, b);
		if (r == 0)
			r = client_send(d->client);
		/* Half the window, so that both sides have work. */
		while (r == 0 && d->n_answered < d->n_asked &&
		       (d->n_asked == d->n ||
			d->n_asked - d->n_answered > WINDOW / 2 ||
			d->size > WINDOW_BYTES / WINDOW))
			r = take_answer(d);
		show_progress(d);
	}
	return r;
}

static int print_all(struct datagen *d)
{
	struct buf line = BUF_INIT;
	int r = 0;

	while (r == 0 && d->n_asked < d->n) {
		buf_clear(&line);
		r = ask_record(d, &line);
		if (r == 0 && fwrite(line.data, 1, line.len, stdout) < line.len)
			r = err_errno(errno, "standard output");
	}
	if (r == 0 && fflush(stdout) == EOF)
		r = err_errno(errno, "standard output");
	buf_fini(&line);
	return r;
}

static int complain(int r, int exit)
{
	(void)fprintf(stderr, "ttrunks-datagen: %s\n",
		      err_code() == r && *err_text() ? err_text()
						     : err_describe(r));
	return exit;
}

static int fill_server(struct datagen *d)
{
	char address[160];
	int r;

	r = args_address(d->connect, d->host, d->port, address,
			 sizeof(address));
	if (r < 0)
		return complain(r, EXIT_USAGE);
	r = client_connect(address, d->timeout_ms, &d->client);
	if (r < 0)
		return complain(r, r == -EINVAL ? EXIT_USAGE : EXIT_NO_SERVER);
	d->shows_progress = !d->quiet && isatty(STDERR_FILENO);
	d->start_ns = mono_ns();
	answer_init(&d->answer);
	r = write_all(d);
	answer_fini(&d->answer);
	client_close(d->client);
	show_summary(d);
	if (r < 0)
		return complain(r, EXIT_FAILED);
	if (d->n_failed == 0)
		return EXIT_OK;
	(void)fprintf(stderr,
		      "ttrunks-datagen: %" PRId64 " records failed, "
		      "the first with %s\n",
		      d->n_failed, d->first_error);
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct datagen d = { .n = 1000,
			     .size = 128,
			     .seed = 1,
			     .prefix = "",
			     .timeout_ms = 30000 };
	int r = parse(&d, argc, argv);

	if (r < 0)
		return complain(r, EXIT_USAGE);
	if (d.help || d.version) {
		(void)fputs(d.help ? help
				   : "ttrunks-datagen " PACKAGE_VERSION "\n",
			    stdout);
		return EXIT_OK;
	}
	if (d.out) {
		r = print_all(&d);
		r = r < 0 ? complain(r, EXIT_FAILED) : EXIT_OK;
	} else {
		r = fill_server(&d);
	}
	buf_fini(&d.key);
	buf_fini(&d.value);
	return r;
}
