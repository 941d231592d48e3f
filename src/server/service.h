/* SPDX-License-Identifier: MIT */
/*
 * What every request can reach: the tree, the limits, the counters. No
 * sockets and no event loop here, so that requests run, and are tested,
 * without either.
 *
 * Threads: the fields are constant once set, but for the counters and
 * `is_stopping`, which any thread may use.
 */
#ifndef SERVER_SERVICE_H
#define SERVER_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "server/server.h"

/* X(id, name, help) */
#define SERVER_COUNTERS(X)                                                     \
	X(SRV_REQUESTS, "server.requests", "requests answered")                \
	X(SRV_ERRORS, "server.errors", "answers with success false")           \
	X(SRV_BAD_REQUESTS, "server.bad_requests",                             \
	  "lines that were no request")                                        \
	X(SRV_LINES_TOO_LONG, "server.lines_too_long",                         \
	  "lines over the limit, read off")                                    \
	X(SRV_JOBS, "server.jobs", "requests handed to a worker thread")       \
	X(SRV_SYNCS, "server.syncs", "syncs of the store")                     \
	X(SRV_SYNC_WAITS, "server.sync_waits",                                 \
	  "answers that waited for a sync")                                    \
	X(SRV_ACCEPTED, "server.connections.accepted", "connections accepted") \
	X(SRV_CLOSED, "server.connections.closed", "connections closed")       \
	X(SRV_REFUSED, "server.connections.refused",                           \
	  "connections over the limit, told BUSY")                             \
	X(SRV_TIMED_OUT, "server.connections.timed_out",                       \
	  "connections closed for idleness")                                   \
	X(SRV_PAUSES, "server.pauses",                                         \
	  "times a connection was not read because its answers piled up")      \
	X(SRV_BYTES_IN, "server.bytes_in", "bytes received")                   \
	X(SRV_BYTES_OUT, "server.bytes_out", "bytes sent")                     \
	X(SRV_CURSORS_OPENED, "server.cursors.opened", "scans left open")      \
	X(SRV_CURSORS_CLOSED, "server.cursors.closed",                         \
	  "scans ended, forgotten or timed out")

/* One more for each command, "server.requests.get" and so on. */
enum { COUNTER_ENUM(SERVER_COUNTERS) N_SERVER_COUNTERS };

struct service {
	struct tree *tree;
	struct server_options options; /* with the defaults filled in */
	uint16_t port;
	unsigned n_untold; /* answers held until changes are told; the loop's */
	uint64_t start_us; /* CLOCK_MONOTONIC */
	struct counters *counters;
	/* Stored by server_stop(), read by requests, relaxed: a hint to long
	 * ones that nobody waits any more. */
	_Atomic bool is_stopping;
};

/* Fills defaults in; `t` and the strings of `o` are kept. */
int service_init(struct service *s, struct tree *t,
		 const struct server_options *o);
void service_fini(struct service *s);

static inline void service_count(struct service *s, unsigned i, uint64_t n)
{
	counter_add(s->counters, i, n);
}

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t service_now_us(void);

/* The server's own lines of STATS. */
void service_stats_each(struct service *s,
			void (*fn)(void *arg, const char *name, uint64_t value,
				   const char *help),
			void *arg);

#endif
