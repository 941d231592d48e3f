/* SPDX-License-Identifier: MIT */
/* What this process has used so far, over all its threads. */
#ifndef KVBENCH_PROC_H
#define KVBENCH_PROC_H

#include <stdint.h>

/* Processor time, user and system. */
double proc_cpu_s(void);

/* Bytes it caused to be written to disk (/proc/self/io write_bytes). */
uint64_t proc_written_bytes(void);

/* Most memory resident at a time since the last reset. */
double proc_peak_rss_mib(void);
void proc_reset_peak_rss(void);

#endif
