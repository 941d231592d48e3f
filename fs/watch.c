/* SPDX-License-Identifier: MIT */
#include "fs/watch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mutex.h"
#include "fs/ll.h"
#include "fs/mount_point.h"

#define WAKE_SIGNAL SIGUSR1 /* ends the watch's own wait */
#define KICK_SIGNAL SIGUSR2 /* interrupts the session's loop */
#define KICK_NS 10000000u

struct watch {
	/* set at birth, then constant */
	struct watch_options o;
	pthread_t loop; /* the thread that runs the session's loop */
	pthread_t thread;

	struct mutex mu; /* RANK_OUTER */
	struct cond ended;
	/* guarded by mu */
	bool has_ended; /* the loop has returned */
};

static void on_kick(int signo)
{
	(void)signo;
}

static void watched_signals(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGHUP);
	(void)sigaddset(set, WAKE_SIGNAL);
}

int watch_block_signals(void)
{
	struct sigaction kick = { .sa_handler = on_kick };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;
	int r;

	watched_signals(&set);
	r = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (r)
		return err_errno(r, "cannot block signals");
	/* No SA_RESTART: to interrupt is the purpose. */
	if (sigaction(KICK_SIGNAL, &kick, NULL) < 0 ||
	    sigaction(SIGPIPE, &ignore, NULL) < 0)
		return err_errno(errno, "cannot set up signals");
	return 0;
}

/*
 * libfuse's loop looks at its exit flag and then waits: a signal between the
 * two is lost. So the kick is repeated until the loop has returned.
 */
static void end_loop(struct watch *w)
{
	fuse_session_exit(w->o.session);
	mutex_lock(&w->mu);
	while (!w->has_ended) {
		(void)pthread_kill(w->loop, KICK_SIGNAL);
		(void)cond_wait_until(&w->ended, &w->mu, mono_ns() + KICK_NS);
	}
	mutex_unlock(&w->mu);
}

static bool has_ended(struct watch *w)
{
	bool yes;

	mutex_lock(&w->mu);
	yes = w->has_ended;
	mutex_unlock(&w->mu);
	return yes;
}

/*
 * With the session still served, so that nothing under way fails. When the
 * mount is in use the session just ends, and libfuse detaches the mount.
 */
static void take_down(struct watch *w, int signo)
{
	w->o.stopping(w->o.arg, signo);
	if (mount_point_unmount(w->o.mountpoint) < 0)
		log_warn(LOG_FS,
			 "%s; detaching it: files open there fail from now on",
			 err_text());
	end_loop(w);
}

static void *run(void *arg)
{
	struct watch *w = arg;
	struct stat st;
	sigset_t set;
	int signo;

	/* A request: it is answered when the kernel and we have agreed. */
	if (stat(w->o.mountpoint, &st) == 0)
		w->o.ready(w->o.arg);
	else
		log_error(LOG_FS, "%s: the mount does not answer: %s",
			  w->o.mountpoint, strerror(errno));
	watched_signals(&set);
	do {
		if (sigwait(&set, &signo) != 0)
			continue;
		if (signo != WAKE_SIGNAL)
			take_down(w, signo);
	} while (!has_ended(w));
	return NULL;
}

int watch_start(const struct watch_options *o, struct watch **out)
{
	struct watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_nomem("signal thread");
	w->o = *o;
	w->loop = pthread_self();
	mutex_init(&w->mu, RANK_OUTER);
	cond_init(&w->ended);
	r = pthread_create(&w->thread, NULL, run, w);
	if (r) {
		cond_fini(&w->ended);
		mutex_fini(&w->mu);
		free(w);
		return err_errno(r, "cannot start the signal thread");
	}
	(void)pthread_setname_np(w->thread, "fs-watch");
	*out = w;
	return 0;
}

void watch_stop(struct watch *w)
{
	mutex_lock(&w->mu);
	w->has_ended = true;
	cond_broadcast(&w->ended);
	mutex_unlock(&w->mu);
	(void)pthread_kill(w->thread, WAKE_SIGNAL);
	(void)pthread_join(w->thread, NULL);
	cond_fini(&w->ended);
	mutex_fini(&w->mu);
	free(w);
}
