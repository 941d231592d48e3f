/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <stdlib.h>

#include "base/mutex.h"
#include "bench/common/proc.h"
#include "report.h"

void meter_start(struct meter *m)
{
	proc_reset_peak_rss(0);
	m->written_bytes = proc_written_bytes(0);
	m->cpu_s = proc_cpu_s(0);
	m->start_ns = mono_ns();
}

double meter_elapsed_s(const struct meter *m)
{
	return (double)(mono_ns() - m->start_ns) / 1e9;
}

double meter_cpu_s(const struct meter *m)
{
	return proc_cpu_s(0) - m->cpu_s;
}

int64_t meter_written_bytes(const struct meter *m)
{
	return (int64_t)(proc_written_bytes(0) - m->written_bytes);
}

static struct result *result_new(const struct run *r)
{
	struct result *res = calloc(1, sizeof(*res));

	if (!res)
		run_fail(r, "out of memory");
	return res;
}

uint64_t measure(struct run *r, struct job job)
{
	struct result *res = result_new(r);
	struct row row = { .name = job.name, .result = res };
	struct meter m;
	uint64_t done;

	row.threads = job.threads ? job.threads : 1;
	meter_start(&m);
	job_join(job_start(r, &job), res);
	row.elapsed_s = meter_elapsed_s(&m);
	row.peak_rss_mib = proc_peak_rss_mib(0);
	if (job.settles)
		row.settle_s = run_settle(r, true);
	row.cpu_s = meter_cpu_s(&m);
	row.written_bytes = meter_written_bytes(&m);
	report_row(r, &row);
	done = res->done;
	free(res);
	return done;
}

void measure_pair(struct run *r, struct job reader, struct job writer)
{
	struct result *read = result_new(r), *written = result_new(r);
	struct row row = { .threads = 2, .result = read };
	struct worker *reading, *writing;
	struct meter m;

	meter_start(&m);
	reading = job_start(r, &reader);
	writing = job_start(r, &writer);
	job_join(reading, read);
	job_join(writing, written);
	row.peak_rss_mib = proc_peak_rss_mib(0);
	row.settle_s = run_settle(r, true);
	row.cpu_s = meter_cpu_s(&m);
	row.name = reader.name;
	row.elapsed_s = read->elapsed_s;
	row.written_bytes = -1;
	report_row(r, &row);
	row.name = writer.name;
	row.result = written;
	row.elapsed_s = written->elapsed_s;
	row.written_bytes = meter_written_bytes(&m);
	report_row(r, &row);
	free(read);
	free(written);
}
