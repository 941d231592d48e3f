/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "bench/common/disk.h"
#include "options.h"
#include "series.h"

#define MIB 1048576.0

static const char rows_header[] =
	"engine\tworkload\tthreads\tops\tops_s\tp50_us\tp99_us\tp999_us\t"
	"max_us\tdisk_MiB\twrite_amp\tpeak_rss_MiB\tsettle_s\terrors\tfound\t"
	"cpu_us_op\n";
static const char seconds_header[] =
	"engine\tworkload\tsecond\tops\tops_s\tp50_us\tp99_us\tmax_us\n";

/*
 * Children write at the end of the same open file: O_APPEND, and every line
 * is flushed before the next begins.
 */
static FILE *rows, *seconds;

static FILE *open_copy(FILE *f)
{
	if (f && fcntl(fileno(f), F_SETFL, O_APPEND) < 0) {
		(void)fclose(f);
		return NULL;
	}
	return f;
}

static void print(FILE *f, const char *line)
{
	if (fputs(line, f) == EOF || fflush(f) == EOF) {
		fprintf(stderr, "kvbench: cannot write results: %s\n",
			strerror(errno));
		_exit(1);
	}
}

int report_init(void)
{
	rows = open_copy(tmpfile());
	if (!rows)
		return err_errno(errno, "temporary file");
	seconds = open_copy(*cfg.series ? fopen(cfg.series, "w+e") : tmpfile());
	if (!seconds)
		return err_errno(errno, "%s",
				 *cfg.series ? cfg.series : "temporary file");
	print(stdout, rows_header);
	print(rows, rows_header);
	print(seconds, seconds_header);
	return 0;
}

static double per_second(uint64_t n, double s)
{
	return s > 0 ? (double)n / s : 0;
}

/* "2.07", or "-" where nothing was written. */
static const char *amplification(const struct row *row, char out[32])
{
	uint64_t given = row->result->user_bytes;

	if (row->written_bytes < 0 || given == 0)
		return "-";
	snprintf(out, 32, "%.2f", (double)row->written_bytes / (double)given);
	return out;
}

void report_row(struct run *r, const struct row *row)
{
	const struct result *res = row->result;
	const struct latency *l = &res->latency;
	char line[1024], amp[32];

	snprintf(line, sizeof(line),
		 "%s\t%s\t%u\t%" PRIu64 "\t%.0f\t%.2f\t%.2f\t%.2f\t%.0f\t"
		 "%.1f\t%s\t%.0f\t%.2f\t%" PRIu64 "\t%" PRIu64 "\t%.3f\n",
		 r->engine->name, row->name, row->threads, res->done,
		 per_second(res->done, row->elapsed_s), latency_us(l, 50),
		 latency_us(l, 99), latency_us(l, 99.9),
		 (double)l->max_ns / 1000, (double)disk_bytes(r->dir) / MIB,
		 amplification(row, amp), row->peak_rss_mib, row->settle_s,
		 res->errors, res->found,
		 res->done ? row->cpu_s * 1e6 / (double)res->done : 0);
	print(stdout, line);
	print(rows, line);
	r->n_errors += res->errors;
}

void report_second(const struct series *s, double took_s)
{
	const struct latency *l = &s->latency;
	char line[512];

	snprintf(line, sizeof(line),
		 "%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%.0f\t%.2f\t%.2f\t%.0f\n",
		 s->engine, s->workload, s->second, l->count,
		 per_second(l->count, took_s), latency_us(l, 50),
		 latency_us(l, 99), (double)l->max_ns / 1000);
	print(seconds, line);
}

FILE *report_rows(void)
{
	rewind(rows);
	return rows;
}

FILE *report_seconds(void)
{
	rewind(seconds);
	return seconds;
}
