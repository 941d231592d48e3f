/* SPDX-License-Identifier: MIT */
/*
 * The port: newline-delimited JSON over TCP, served by one libuv thread over a
 * tree. See the protocol page (ttrunks-protocol(7)) for what it speaks.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree;
struct server;

struct server_options {
	const char *listen;   /* "HOST:PORT"; port 0: any free one */
	size_t line_max;      /* bytes of one request; 0: 16 MiB */
	unsigned connections; /* at once; 0: 1,024 */
	uint64_t idle_ms;     /* close a connection idle this long; 0: never */
	/* Adds lines to STATS ("fuse.requests.lookup", …); may be NULL. */
	void (*extra_stats)(void *arg,
			    void (*fn)(void *fn_arg, const char *name,
				       uint64_t value, const char *help),
			    void *fn_arg);
	void *extra_arg;
	const char *face;   /* what INFO calls the program: "ttrunksfs", … */
	const char *store;  /* the store's directory, for INFO; may be NULL */
	size_t answer_max;  /* bytes of one answer's values; 0: 16 MiB */
	unsigned items_max; /* items of one answer; 0: 10,000 */
	uint64_t cursor_ms; /* forget a scan left alone this long; 0: 60 s */
};

/*
 * Binds, then serves in a thread of its own until server_stop(). `t` is kept.
 * -EADDRINUSE names the address; a host other than loopback is refused with
 * -EACCES until authentication exists.
 */
int server_start(struct tree *t, const struct server_options *o,
		 struct server **out);

/* The port that was bound. */
uint16_t server_port(const struct server *s);

/*
 * Stops accepting, answers what has been read (SHUTTING_DOWN to the rest),
 * closes and joins the thread. Every acknowledged write is in the tree.
 */
void server_stop(struct server *s);

#endif
