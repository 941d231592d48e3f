/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "bench/common/latency.h"
#include "run.h"

#define MIB 1048576.0
#define CELL 32

static const char header[] =
	"fs\tworkload\tclients\tops\tops_s\tus_op\tp50_us\tp99_us\tmax_us\t"
	"daemon_us_op\tclient_us_op\trequests_op\twrite_amp\tdisk_MiB\t"
	"daemon_MiB\tsettle_s\terrors\n";

/* Children write at its end too: O_APPEND, and every line is flushed. */
static FILE *rows;

static void print(FILE *f, const char *line)
{
	if (fputs(line, f) == EOF || fflush(f) == EOF) {
		fprintf(stderr, "fsbench: cannot write results: %s\n",
			strerror(errno));
		_exit(1);
	}
}

int report_init(void)
{
	rows = tmpfile();
	if (!rows || fcntl(fileno(rows), F_SETFL, O_APPEND) < 0)
		return err_errno(errno, "temporary file");
	print(stdout, header);
	print(rows, header);
	return 0;
}

/* A figure, or "-" where there is none to tell. */
static const char *cell(char out[CELL], bool is_known, int digits, double v)
{
	if (!is_known)
		return "-";
	snprintf(out, CELL, "%.*f", digits, v);
	return out;
}

void report_row(struct run *r, const struct row *row)
{
	double ops = (double)(row->ops ? row->ops : 1);
	const struct latency *l = row->latency;
	bool has_daemon = r->daemon != 0;
	char c[8][CELL], line[1024];

	snprintf(line, sizeof(line),
		 "%s\t%s\t%u\t%" PRIu64 "\t%.0f\t%.2f\t%s\t%s\t%s\t%s\t%.2f\t"
		 "%s\t%s\t%s\t%s\t%.2f\t%" PRIu64 "\n",
		 r->subject->name, row->name, row->clients, row->ops,
		 row->elapsed_s > 0 ? (double)row->ops / row->elapsed_s : 0,
		 row->elapsed_s * 1e6 / ops,
		 cell(c[0], row->has_latency, 1, latency_us(l, 50)),
		 cell(c[1], row->has_latency, 1, latency_us(l, 99)),
		 cell(c[2], row->has_latency, 0, (double)l->max_ns / 1000),
		 cell(c[3], has_daemon, 2, row->daemon_s * 1e6 / ops),
		 row->client_s * 1e6 / ops,
		 cell(c[4], r->subject->requests != NULL, 2,
		      (double)row->requests / ops),
		 cell(c[5], row->bytes > 0 && r->subject->says_ready, 2,
		      (double)row->written / (double)MAX_OF(row->bytes, 1)),
		 cell(c[7], row->has_disk && !r->subject->forgets, 1,
		      (double)row->disk_bytes / MIB),
		 cell(c[6], has_daemon, 0, row->peak_rss_mib), row->settle_s,
		 row->errors);
	print(stdout, line);
	print(rows, line);
	r->n_errors += row->errors;
}

FILE *report_rows(void)
{
	rewind(rows);
	return rows;
}
