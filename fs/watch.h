/* SPDX-License-Identifier: MIT */
/*
 * One thread beside the session: it finds out that the mount answers, and
 * then waits for the signal to end.
 *
 * Signals are taken here and not in handlers, because ending takes calls that
 * a handler may not make and that the session must go on serving: unmounting
 * writes dirty pages back.
 */
#ifndef FS_WATCH_H
#define FS_WATCH_H

#include <stdbool.h>

struct fuse_session;
struct watch;

struct watch_options {
	struct fuse_session *session;
	const char *mountpoint; /* kept */
	/* The mount answers; called once, in the watch's thread. */
	void (*ready)(void *arg);
	/* A signal has come; the mount is about to be taken away. */
	void (*stopping)(void *arg, int signo);
	void *arg;
};

/* Blocks the signals in the calling thread and in all it starts from now on.
 * Before any thread is started. */
int watch_block_signals(void);

/* Starts the thread. The caller then runs the session's loop, and no thread
 * but the caller ends it by watch_stop(). */
int watch_start(const struct watch_options *o, struct watch **out);

/* The session's loop has returned. Joins the thread and frees. */
void watch_stop(struct watch *w);

#endif
