/* SPDX-License-Identifier: MIT */
/*
 * Becoming a daemon, and telling those who wait for it. The program that was
 * started stays until the mount answers, so that "it returned 0" means "it is
 * mounted", and errors of the start reach the terminal and the exit status.
 * Not thread-safe; one start per process.
 */
#ifndef FS_BACKGROUND_H
#define FS_BACKGROUND_H

#include <stdbool.h>

struct background {
	int pipe; /* to the program that waits; -1: nobody does */
};

/*
 * With `stays_in_foreground` only prepares `b`. Else forks: the child returns
 * 0; the parent waits for it, prints what it says and exits with its status.
 * Before any thread is started.
 */
int background_start(struct background *b, bool stays_in_foreground);

/*
 * The mount answers: prints the line, or has it printed by the parent, which
 * ends with status 0; leaves the terminal; tells systemd (NOTIFY_SOCKET).
 */
void background_ready(struct background *b, const char *line);

/* Tells systemd that the daemon ends now. */
void background_stopping(void);

#endif
