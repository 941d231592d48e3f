/* SPDX-License-Identifier: MIT */
/* Numbers for people. */
#ifndef BENCH_UNITS_H
#define BENCH_UNITS_H

#define UNITS_TEXT 24

/* "0.083", "4.25", "81.3k", "12.4M": three digits at most. Returns `out`. */
const char *units_short(double v, char out[UNITS_TEXT]);

#endif
