/* SPDX-License-Identifier: MIT */
/*
 * The event loop's side of the server, shared by server.c and conn*.c.
 *
 * All fields belong to the loop's thread, but for `service` (see there), the
 * two async handles, and what is constant once server_start() returned.
 */
#ifndef SERVER_SERVER_IMPL_H
#define SERVER_SERVER_IMPL_H

#include <pthread.h>
#include <uv.h>

#include "base/list.h"
#include "server/request.h"
#include "server/service.h"
#include "server/syncer.h"

#define SLAB_BYTES 65536

struct server {
	struct service service;
	uv_loop_t loop;
	pthread_t thread;
	struct syncer *syncer;
	struct syncer *teller; /* its syncs wait for the other face */

	uv_tcp_t listener;
	uv_async_t stop;      /* sent by server_stop() */
	uv_async_t synced;    /* sent by the syncer */
	uv_prepare_t prepare; /* starts the sync that requests asked for */
	uv_idle_t idle;	      /* runs while `ready` has connections */
	uv_timer_t tick;      /* runs while there are connections */

	struct list_node conns;	  /* by last activity, the oldest first */
	struct list_node ready;	  /* have input left from their last turn */
	struct list_node waiting; /* have answers that wait for a sync */
	struct list_node cursors; /* have scans open */
	unsigned n_conns;
	bool is_stopping;
	bool wants_sync, wants_told;
	uint64_t stop_ms; /* when stopping began */

	struct request rq; /* runs what is quick */
	/* Where sockets are read to while a connection has nothing pending:
	 * an idle connection then needs no buffer. */
	char slab[SLAB_BYTES];
};

/* A connection is gone; may end the loop. */
void server_conn_gone(struct server *s);
/* A connection came into `ready`. */
void server_has_ready(struct server *s);

#endif
