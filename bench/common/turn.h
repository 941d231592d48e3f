/* SPDX-License-Identifier: MIT */
/* Runs that share a machine take turns. */
#ifndef BENCH_TURN_H
#define BENCH_TURN_H

/* Waits for a lock on `file`; "": nothing to wait for. What fails is told on
 * standard error, as `program`, and the turn is taken without. Returns what
 * turn_end() takes. */
int turn_begin(const char *program, const char *file);
void turn_end(int turn);

#endif
