/* SPDX-License-Identifier: MIT */
/*
 * About the server itself: PING, INFO, STATS.
 */
#include <unistd.h>

#include "server/reply.h"
#include "server/request.h"
#include "tree/tree.h"

int cmd_ping(struct request *rq)
{
	reply_begin(&rq->j, rq->id);
	json_lit(&rq->j, ",\"data\":\"PONG\"");
	reply_end(&rq->j);
	return 0;
}

static void put_text(struct json_out *j, const char *name, const char *text)
{
	json_lit(j, ",\"");
	json_put(j, slice_str(name));
	json_lit(j, "\":\"");
	json_string_part_lossy(j, slice_str(text));
	json_lit(j, "\"");
}

static void put_number(struct json_out *j, const char *name, uint64_t v)
{
	json_lit(j, ",\"");
	json_put(j, slice_str(name));
	json_lit(j, "\":");
	json_uint(j, v);
}

int cmd_info(struct request *rq)
{
	const struct service *s = rq->session->service;
	const struct server_options *o = &s->options;
	struct json_out *j = &rq->j;

	reply_begin(j, rq->id);
	put_text(j, "data", tt_version());
	put_text(j, "version", tt_version());
	put_number(j, "protocol", 1);
	put_text(j, "face", o->face);
	if (o->store)
		put_text(j, "store", o->store);
	put_number(j, "pid", (uint64_t)getpid());
	put_number(j, "port", s->port);
	put_number(j, "uptime_s", (service_now_us() - s->start_us) / 1000000);
	put_number(j, "connections",
		   counter_read(s->counters, SRV_ACCEPTED) -
			   counter_read(s->counters, SRV_CLOSED));
	put_number(j, "connections_max", o->connections);
	put_number(j, "line_max", o->line_max);
	put_number(j, "answer_max", o->answer_max);
	put_number(j, "items_max", o->items_max);
	put_number(j, "depth_max", JSON_DEPTH_MAX);
	reply_end(j);
	return 0;
}

struct stats_out {
	struct json_out *j;
	bool has_one;
};

static void put_stat(void *arg, const char *name, uint64_t value,
		     const char *help)
{
	struct stats_out *s = arg;

	(void)help; /* the metrics page shows it */
	if (s->has_one)
		json_lit(s->j, ",");
	s->has_one = true;
	json_string(s->j, slice_str(name));
	json_lit(s->j, ":");
	json_uint(s->j, value);
}

int cmd_stats(struct request *rq)
{
	struct service *s = rq->session->service;
	struct stats_out out = { .j = &rq->j };

	reply_begin(&rq->j, rq->id);
	json_lit(&rq->j, ",\"stats\":{");
	tt_stats_each(tree_db(s->tree), put_stat, &out);
	tree_stats_each(s->tree, put_stat, &out);
	service_stats_each(s, put_stat, &out);
	if (s->options.extra_stats)
		s->options.extra_stats(s->options.extra_arg, put_stat, &out);
	json_lit(&rq->j, "}");
	reply_end(&rq->j);
	return 0;
}
