/* SPDX-License-Identifier: MIT */
/*
 * One connection: lines in, answers out, in order.
 *
 *	read ──▶ in ──▶ line ──▶ request ──▶ out ──▶ socket
 *	                            │  └▶ held ──▲  (until the store is synced)
 *	                            └▶ job ──────┘  (a worker runs it)
 *
 * 1. A request runs only when the one before it has run; while a job is
 *    under way, later lines wait in `in`.
 * 2. Answers leave in the order of their requests: once one is held, those
 *    behind it are held too.
 * 3. What waits is bounded. Over OUT_HIGH bytes of answers nothing more is
 *    run, and over IN_HIGH bytes of unread requests the socket is not read:
 *    the client's own sends block then.
 * 4. In one turn of the loop a connection runs at most TURN_REQUESTS; the
 *    rest waits for its next turn, behind the other connections.
 *
 * Everything here runs in the loop's thread.
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include "base/list.h"
#include "server/server_impl.h"
#include "server/session.h"

#define OUT_HIGH ((size_t)1 << 20)
#define IN_HIGH ((size_t)SLAB_BYTES)
#define TURN_REQUESTS 64

struct job;

struct conn {
	uv_tcp_t tcp;
	struct server *server;
	struct session session;
	struct list_node link;	      /* server.conns */
	struct list_node ready_link;  /* server.ready */
	struct list_node wait_link;   /* server.waiting */
	struct list_node cursor_link; /* server.cursors */
	uint64_t active_ms;

	/* requests: in.data + in_at is the start of a line */
	struct buf in;
	size_t in_at;
	size_t searched;    /* bytes of that line known to have no newline */
	unsigned budget;    /* requests left in this turn */
	bool is_discarding; /* in the rest of a line over the limit */

	/* answers */
	struct buf out;	    /* for the next write */
	struct buf sending; /* being written */
	uv_write_t write;
	struct list_node held;
	size_t held_bytes;
	bool is_writing;

	struct job *job; /* NULL: none under way */
	bool is_reading;
	bool is_paused; /* not read, since too much waits */
	bool has_eof;
	bool hangs_up; /* to be closed once all answers have left */
	bool is_closing;
	bool is_closed; /* only a job keeps it in memory */
};

/* Accepts one connection, or tells it BUSY. */
void conn_accept(struct server *s);
/* Takes its turn: runs what has been read, writes what can be written. */
void conn_turn(struct conn *c);
/* Drops it now; answers that have not left are lost. */
void conn_close(struct conn *c);
/* The server is stopping: no more reading; closes once all is answered. */
void conn_drain(struct conn *c);

/* ---- conn_out.c -------------------------------------------------------- */

/* Answer bytes that have not been handed to the kernel. */
size_t conn_pending(const struct conn *c);
/*
 * The bytes of `out` from `mark` on are a request's answer. Holds them back
 * when it wants a sync, or when one before it does. 0 or -ENOMEM.
 */
int conn_answered(struct conn *c, size_t mark, const struct request *rq);
/* Lets go what waited for syncs that are done. */
void conn_synced(struct conn *c);
/* Hands `out` to the kernel. */
void conn_flush(struct conn *c);
/* Frees answers. */
void conn_out_fini(struct conn *c);

/* ---- conn_job.c -------------------------------------------------------- */

/*
 * Runs the request in `line`, the line at in_at or one in the slab, in a
 * worker thread. When it is all that `in` holds, its memory is taken from
 * there instead of copied. 0 or -ENOMEM.
 */
int conn_start_job(struct conn *c, const char *line, size_t len);
/* For freeing a connection whose job has ended. */
void conn_free(struct conn *c);

#endif
