/* SPDX-License-Identifier: MIT */
#include "bench/common/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/mutex.h"
#include "bench/common/units.h"

#define EVERY_NS 200000000u

void progress_begin(struct progress *p, const char *subject,
		    const char *workload, bool speaks)
{
	p->subject = subject;
	p->workload = workload;
	p->start_ns = mono_ns();
	p->next_ns = speaks && isatty(STDERR_FILENO) ? p->start_ns + EVERY_NS
						     : UINT64_MAX;
}

void progress_show(struct progress *p, uint64_t now_ns, uint64_t done,
		   uint64_t count, double limit_s)
{
	double s = (double)(now_ns - p->start_ns) / 1e9;
	double part = count ? (double)done / (double)count : 0;
	char rate[UNITS_TEXT];

	part = MAX_OF(part, s / limit_s);
	fprintf(stderr, "\r%-14s %-24s %3.0f %%  %s ops/s \033[K", p->subject,
		p->workload, 100 * MIN_OF(part, 1),
		units_short((double)done / s, rate));
	p->next_ns = now_ns + EVERY_NS;
}

void progress_end(struct progress *p)
{
	if (p->next_ns != UINT64_MAX)
		(void)fputs("\r\033[K", stderr);
}
