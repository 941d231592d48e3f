/* SPDX-License-Identifier: MIT */
#include "server/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"

void session_init(struct session *s, struct service *service)
{
	*s = (struct session){ .service = service };
}

static void drop(struct session *s, struct cursor *c)
{
	tree_scan_free(c->scan);
	c->scan = NULL;
	s->n_cursors--;
	service_count(s->service, SRV_CURSORS_CLOSED, 1);
}

void session_fini(struct session *s)
{
	session_expire(s, UINT64_MAX);
}

/* A free place, made free if need be. */
static struct cursor *find_place(struct session *s)
{
	struct cursor *oldest = &s->cursors[0];

	for (int i = 0; i < SESSION_CURSORS; i++) {
		struct cursor *c = &s->cursors[i];

		if (!c->scan)
			return c;
		if (c->used_us < oldest->used_us)
			oldest = c;
	}
	drop(s, oldest);
	return oldest;
}

uint64_t session_keep(struct session *s, const struct cursor *c)
{
	struct cursor *place = find_place(s);

	*place = *c;
	place->no = ++s->last_no;
	place->used_us = service_now_us();
	s->n_cursors++;
	service_count(s->service, SRV_CURSORS_OPENED, 1);
	return place->no;
}

int session_take(struct session *s, struct tt_slice name, struct cursor *out)
{
	char text[24];

	for (int i = 0; i < SESSION_CURSORS; i++) {
		struct cursor *c = &s->cursors[i];

		if (!c->scan)
			continue;
		(void)snprintf(text, sizeof(text), "c%" PRIu64, c->no);
		if (!slice_eq(slice_str(text), name))
			continue;
		*out = *c;
		c->scan = NULL;
		s->n_cursors--;
		service_count(s->service, SRV_CURSORS_CLOSED, 1);
		return 0;
	}
	return err_set(-ENOENT, "no such cursor: it was used before, is of "
				"another connection, or was left alone too "
				"long; scan again from the last key");
}

void session_expire(struct session *s, uint64_t before_us)
{
	for (int i = 0; i < SESSION_CURSORS && s->n_cursors > 0; i++) {
		struct cursor *c = &s->cursors[i];

		if (c->scan && c->used_us < before_us)
			drop(s, c);
	}
}
