/* SPDX-License-Identifier: MIT */
/* Work in a process of its own, so that what it leaves in memory, and how it
 * ends, is its own affair. */
#ifndef BENCH_APART_H
#define BENCH_APART_H

/*
 * Calls `fn` in a child, which ends with what it returns as exit status, or
 * with its parent. Returns that status; -ECHILD when a signal ended the child,
 * another negative code when there was none: both with a word on standard
 * error, where `program` is at work on `what`.
 */
int apart(int (*fn)(void *arg), void *arg, const char *program,
	  const char *what);

#endif
