/* SPDX-License-Identifier: MIT */
/* What a process has used so far, over all its threads; `pid` 0: this one.
 * Zeros where there is no such process. */
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <stdint.h>
#include <sys/types.h>

/* Processor time, user and system. */
double proc_cpu_s(pid_t pid);

/* Bytes it caused to be written to disk (/proc/PID/io write_bytes). */
uint64_t proc_written_bytes(pid_t pid);

/* Most memory resident at a time since the last reset. */
double proc_peak_rss_mib(pid_t pid);
void proc_reset_peak_rss(pid_t pid);

#endif
