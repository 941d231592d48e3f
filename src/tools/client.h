/* SPDX-License-Identifier: MIT */
/*
 * A connection to the port, for programs: requests go into a buffer, answers
 * come out line by line, any number of them under way. Sending reads what
 * comes back meanwhile, so pipelining cannot lock up the two ends.
 *
 * Failures have a text naming the address. One user at a time.
 */
#ifndef TOOLS_CLIENT_H
#define TOOLS_CLIENT_H

#include <stdint.h>

#include "base/buf.h"

struct client;

/*
 * Connects to "HOST:PORT" (a name, an address, an IPv6 address in brackets).
 * Every wait for the other end is limited to `timeout_ms` (0: not at all).
 */
int client_connect(const char *address, int64_t timeout_ms,
		   struct client **out);
void client_close(struct client *c);

/* Where the next requests go: whole lines. Sent by the functions below. */
struct buf *client_requests(struct client *c);

/* Sends what is in the buffer. -ETIMEDOUT, -ECONNRESET, … */
int client_send(struct client *c);

/*
 * Sends, then waits for the next answer. *line is without its newline and
 * valid until the next call. -EPIPE when the other end has hung up.
 */
int client_answer(struct client *c, struct tt_slice *line);

#endif
