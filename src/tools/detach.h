/* SPDX-License-Identifier: MIT */
/*
 * Running in the background, and telling whoever waits that a daemon serves:
 * the program that started it, and systemd. Not thread-safe.
 */
#ifndef TOOLS_DETACH_H
#define TOOLS_DETACH_H

/*
 * Forks before any thread exists. Returns 0 in the child, whose *pipe_fd goes
 * to detach_ready(); the parent waits for that, or for the child's end, and
 * exits with 0 or with the child's status.
 */
int detach_start(int *pipe_fd);

/* The daemon serves: lets the parent go and leaves the terminal's streams. */
void detach_ready(int pipe_fd);

/* Sends `state` ("READY=1", "STOPPING=1") to systemd where it listens. */
void detach_notify(const char *state);

#endif
