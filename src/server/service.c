/* SPDX-License-Identifier: MIT */
#include "server/service.h"

#include <time.h>

#include "server/request.h"

static const struct counter_desc descs[] = { COUNTER_DESCS(SERVER_COUNTERS) };

uint64_t service_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void fill_defaults(struct server_options *o)
{
	if (!o->line_max)
		o->line_max = (size_t)16 << 20;
	if (!o->connections)
		o->connections = 1024;
	if (!o->answer_max)
		o->answer_max = (size_t)16 << 20;
	if (!o->items_max)
		o->items_max = 10000;
	if (!o->cursor_ms)
		o->cursor_ms = 60000;
	if (!o->face)
		o->face = "ttrunks";
}

int service_init(struct service *s, struct tree *t,
		 const struct server_options *o)
{
	*s = (struct service){ .tree = t, .options = *o };
	fill_defaults(&s->options);
	s->start_us = service_now_us();
	return counters_new(N_SERVER_COUNTERS + request_n_commands(),
			    &s->counters);
}

void service_fini(struct service *s)
{
	counters_free(s->counters);
	s->counters = NULL;
}

void service_stats_each(struct service *s,
			void (*fn)(void *arg, const char *name, uint64_t value,
				   const char *help),
			void *arg)
{
	uint64_t open = counter_read(s->counters, SRV_ACCEPTED) -
			counter_read(s->counters, SRV_CLOSED);

	for (unsigned i = 0; i < N_SERVER_COUNTERS; i++)
		fn(arg, descs[i].name, counter_read(s->counters, i),
		   descs[i].help);
	fn(arg, "server.connections", open, "connections open");
	for (unsigned i = 0; i < request_n_commands(); i++)
		fn(arg, request_counter_name(i),
		   counter_read(s->counters, N_SERVER_COUNTERS + i),
		   "requests of this operation");
}
