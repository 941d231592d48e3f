/* SPDX-License-Identifier: MIT */
/*
 * How soon a store answers whose process was killed: a child fills it and is
 * killed as soon as its last write returned; then it is opened and read.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/mutex.h"
#include "bench/common/proc.h"
#include "groups.h"
#include "measure.h"
#include "ops.h"
#include "options.h"
#include "report.h"

/* Keys that are looked for afterwards: a returned write survives SIGKILL. */
#define N_CHECKED 1000

static _Noreturn void fill_and_wait(struct run *r, int tell)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	run_open(r);
	load(r, 0);
	if (write(tell, r->n_errors ? "e" : "k", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* True where the child filled the store; it is dead then. */
static bool fill_in_killed_child(struct run *r)
{
	int fds[2], status;
	char told = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(fds) < 0)
		run_fail(r, "no pipe");
	pid = fork();
	if (pid < 0)
		run_fail(r, "cannot fork");
	if (pid == 0) {
		(void)close(fds[0]);
		fill_and_wait(r, fds[1]);
	}
	(void)close(fds[1]);
	n = read(fds[0], &told, 1);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	(void)close(fds[0]);
	return n == 1 && told == 'k';
}

/* From the call of open to the first value. Its keys are everywhere. */
static void open_and_get(struct run *r, struct result *res)
{
	struct row row = { .name = "open(killed)",
			   .threads = 1,
			   .result = res,
			   .written_bytes = -1 };
	uint64_t ns, was_errors = r->n_errors;
	struct meter m;

	meter_start(&m);
	run_open(r);
	job_run_quietly(r, (struct job){
				   .name = row.name,
				   .op = op_get,
				   .order = ORDER_RANDOM,
				   .count = 1,
				   .seed = 71,
			   });
	ns = mono_ns() - m.start_ns;
	row.cpu_s = meter_cpu_s(&m);
	row.elapsed_s = (double)ns / 1e9;
	row.peak_rss_mib = proc_peak_rss_mib(0);
	latency_add(&res->latency, ns);
	res->done = 1;
	res->errors = r->n_errors - was_errors;
	res->found = res->errors == 0;
	r->n_errors = was_errors; /* the row adds them */
	report_row(r, &row);
}

void group_open(struct run *r)
{
	struct result *res = calloc(1, sizeof(*res));
	double bytes = cfg.open_gib * (double)(1 << 30);

	if (!res)
		run_fail(r, "out of memory");
	r->n = 1 + (uint64_t)bytes / (cfg.key_size + r->value_bytes);
	if (!fill_in_killed_child(r))
		run_fail(r, "could not fill the store");
	open_and_get(r, res);
	measure(r, (struct job){
			   .name = "open(check)",
			   .op = op_get,
			   .order = ORDER_RANDOM,
			   .count = N_CHECKED,
			   .seed = 72,
		   });
	free(res);
}
