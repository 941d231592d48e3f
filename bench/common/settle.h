/* SPDX-License-Identifier: MIT */
/* Waiting for background work, which is part of what work costs. */
#ifndef BENCH_SETTLE_H
#define BENCH_SETTLE_H

#include <sys/types.h>

/*
 * Waits until process `pid` (0: this one) has gone quiet: twice in a row a
 * quarter of a second in which it used less than 4 % of a processor and wrote
 * nothing; 90 s at most. Returns how long the work went on, in seconds.
 */
double settle(pid_t pid);

#endif
