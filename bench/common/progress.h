/* SPDX-License-Identifier: MIT */
/*
 * One line on the terminal that says what goes on. Nothing where stderr is
 * none. Belongs to one thread.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *subject, *workload;
	uint64_t start_ns;
	/* When progress_show() has something new to say; never, if it is not
	 * to speak. */
	uint64_t next_ns;
};

void progress_begin(struct progress *p, const char *subject,
		    const char *workload, bool speaks);
/* So far `done` of `count`; a workload ends early when `limit_s` is over. */
void progress_show(struct progress *p, uint64_t now_ns, uint64_t done,
		   uint64_t count, double limit_s);
/* Clears the line. */
void progress_end(struct progress *p);

#endif
