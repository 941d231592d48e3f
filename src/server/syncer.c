/* SPDX-License-Identifier: MIT */
#include "server/syncer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mutex.h"
#include "tree/tree.h"

struct syncer {
	/* set at birth, then constant */
	struct service *service;
	int (*sync)(struct service *service);
	void (*wake)(void *arg);
	void *arg;
	pthread_t thread;

	/* the loop's own */
	uint64_t asked; /* the newest ticket given out */

	struct mutex mu; /* RANK_SERVER; nothing is called under it */
	struct cond cond;
	/* guarded by mu */
	uint64_t wanted;  /* tickets up to here are to be done */
	uint64_t started; /* … are running or done */
	uint64_t done;
	uint64_t failed; /* the first ticket that failed; UINT64_MAX: none */
	struct err_saved why;
	bool is_ending;
};

/* Waits for work: false when there is none and none will come. */
static bool next_round(struct syncer *s, uint64_t *out)
{
	bool found;

	mutex_lock(&s->mu);
	while (s->wanted == s->done && !s->is_ending)
		cond_wait(&s->cond, &s->mu);
	found = s->wanted != s->done;
	*out = s->started = s->wanted;
	mutex_unlock(&s->mu);
	return found;
}

static void end_round(struct syncer *s, uint64_t ticket, int r)
{
	mutex_lock(&s->mu);
	if (r < 0 && s->failed == UINT64_MAX) {
		s->failed = s->done + 1;
		err_save(&s->why, r);
	}
	s->done = ticket;
	mutex_unlock(&s->mu);
}

static void *run(void *arg)
{
	struct syncer *s = arg;
	uint64_t ticket;

	while (next_round(s, &ticket)) {
		end_round(s, ticket, s->sync(s->service));
		s->wake(s->arg);
	}
	return NULL;
}

int syncer_new(struct service *service, int (*sync)(struct service *service),
	       void (*wake)(void *arg), void *arg, struct syncer **out)
{
	struct syncer *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem("the port's sync thread");
	s->service = service;
	s->sync = sync;
	s->wake = wake;
	s->arg = arg;
	s->failed = UINT64_MAX;
	mutex_init(&s->mu, RANK_SERVER);
	cond_init(&s->cond);
	r = pthread_create(&s->thread, NULL, run, s);
	if (r != 0) {
		free(s);
		return err_errno(r, "the port's sync thread");
	}
	*out = s;
	return 0;
}

void syncer_free(struct syncer *s)
{
	if (!s)
		return;
	mutex_lock(&s->mu);
	s->is_ending = true;
	cond_signal(&s->cond);
	mutex_unlock(&s->mu);
	(void)pthread_join(s->thread, NULL);
	cond_fini(&s->cond);
	mutex_fini(&s->mu);
	free(s);
}

uint64_t syncer_ticket(struct syncer *s)
{
	uint64_t started;

	mutex_lock(&s->mu);
	started = s->started;
	mutex_unlock(&s->mu);
	/* A ticket given out before and not started yet will do. */
	if (s->asked <= started)
		s->asked = started + 1;
	return s->asked;
}

void syncer_go(struct syncer *s)
{
	mutex_lock(&s->mu);
	if (s->wanted < s->asked) {
		s->wanted = s->asked;
		cond_signal(&s->cond);
	}
	mutex_unlock(&s->mu);
}

void syncer_state(struct syncer *s, uint64_t *done, uint64_t *failed,
		  struct err_saved *why)
{
	mutex_lock(&s->mu);
	*done = s->done;
	*failed = s->failed;
	if (s->failed != UINT64_MAX)
		*why = s->why;
	mutex_unlock(&s->mu);
}
