/* SPDX-License-Identifier: MIT */
/*
 * What one connection keeps between its requests: the scans it left open.
 *
 * A cursor's name means something on its own connection only, so nobody can
 * guess another's. A connection keeps at most SESSION_CURSORS of them; one
 * more forgets the one that was left alone longest.
 *
 * Used by one thread at a time: the loop's, or the worker that runs the
 * connection's request meanwhile.
 */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "server/service.h"
#include "tree/tree.h"

#define SESSION_CURSORS 8

/* An unfinished SCAN. */
struct cursor {
	struct tree_scan *scan;	     /* owned; NULL: a free place */
	struct tree_scan_item ahead; /* read from it, and not shown yet */
	bool keys_only;
	uint64_t no; /* its name is "c" and this number */
	uint64_t used_us;
};

struct session {
	struct service *service;
	uint64_t last_no;
	unsigned n_cursors;
	struct cursor cursors[SESSION_CURSORS];
};

void session_init(struct session *s, struct service *service);
/* Frees the scans. */
void session_fini(struct session *s);

/* Keeps `c`, whose scan is taken, under a new name; returns its number. */
uint64_t session_keep(struct session *s, const struct cursor *c);

/*
 * Takes the scan of the cursor named `name` out of the session: the caller
 * owns out->scan then, and keeps it again or frees it. -ENOENT.
 */
int session_take(struct session *s, struct tt_slice name, struct cursor *out);

/* Forgets what has been left alone since before `before_us`. */
void session_expire(struct session *s, uint64_t before_us);

#endif
