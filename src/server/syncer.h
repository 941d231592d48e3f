/* SPDX-License-Identifier: MIT */
/*
 * Syncs of the store, or something else that takes its time, off the loop's
 * thread and shared.
 *
 * The loop asks for a ticket; a thread of the syncer's own syncs
 * for all tickets given out before it began, and then wakes the loop. While
 * one sync runs the tickets of the next gather, so a thousand writers cost as
 * many syncs as one.
 *
 * syncer_ticket(), syncer_go() and syncer_state() belong to one thread, the
 * loop's.
 */
#ifndef SERVER_SYNCER_H
#define SERVER_SYNCER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "server/service.h"

struct syncer;

/*
 * `service` is kept. `sync` is what a round does, tree_sync() or something
 * like it; `wake` is called in the syncer's thread after each.
 */
int syncer_new(struct service *service, int (*sync)(struct service *service),
	       void (*wake)(void *arg), void *arg, struct syncer **out);
/* Finishes what was asked for, joins and frees. NULL does nothing. */
void syncer_free(struct syncer *s);

/* The number of a sync that begins later than now. Nothing starts before
 * syncer_go(), so that all requests of one turn of the loop share it. */
uint64_t syncer_ticket(struct syncer *s);
void syncer_go(struct syncer *s);

/*
 * Tickets up to *done are over. Those from *failed on did not become durable,
 * for the reason in *why: after a failed sync the store refuses writes until
 * it is opened anew, so there is no later success.
 */
void syncer_state(struct syncer *s, uint64_t *done, uint64_t *failed,
		  struct err_saved *why);

#endif
