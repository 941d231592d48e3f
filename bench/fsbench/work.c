/* SPDX-License-Identifier: MIT */
#include "work.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/mutex.h"
#include "bench/common/disk.h"
#include "bench/common/proc.h"
#include "bench/common/progress.h"
#include "bench/common/settle.h"
#include "options.h"
#include "report.h"

/* What had been used when it began. */
struct meter {
	uint64_t start_ns, requests, written;
	double daemon_s, client_s;
};

/* This process and the programs it ran; the daemon does not count, it is not
 * waited for meanwhile. */
static double client_cpu_s(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_CHILDREN, &u);
	return proc_cpu_s(0) + (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double daemon_cpu_s(const struct run *r)
{
	return r->daemon ? proc_cpu_s(r->daemon) : 0;
}

/* By the daemon: the client's bytes are counted again there. */
static uint64_t written_bytes(const struct run *r)
{
	return r->daemon ? proc_written_bytes(r->daemon) : 0;
}

static uint64_t requests(const struct run *r)
{
	return r->subject->requests ? r->subject->requests(r) : 0;
}

static void meter_start(struct meter *m, const struct run *r)
{
	m->requests = requests(r);
	m->written = written_bytes(r);
	m->daemon_s = daemon_cpu_s(r);
	m->client_s = client_cpu_s();
	m->start_ns = mono_ns();
}

/* ---- clients -------------------------------------------------------------- */

static unsigned n_clients(const struct work *w)
{
	return w->clients ? w->clients : 1;
}

static void take_turns(struct client *c, struct progress *p)
{
	const struct work *w = c->work;
	double limit_s = w->limit_s > 0 ? w->limit_s : cfg.max_sec;
	uint64_t then = mono_ns(), now = then;
	uint64_t deadline = then + (uint64_t)(limit_s * 1e9);

	for (uint64_t i = c->index; i < w->count && now < deadline;
	     i += n_clients(w)) {
		if (w->op(c, w->first + i) < 0)
			c->errors++;
		c->done++;
		now = mono_ns();
		latency_add(&c->latency, now - then);
		if (now >= p->next_ns)
			progress_show(p, now, c->done * n_clients(w), w->count,
				      limit_s);
		then = now;
	}
}

static void *client_main(void *arg)
{
	struct client *c = arg;
	struct progress p;

	progress_begin(&p, c->run->subject->name, c->work->name, c->index == 0);
	take_turns(c, &p);
	progress_end(&p);
	return NULL;
}

static struct client *clients_new(struct run *r, const struct work *w)
{
	unsigned n = n_clients(w);
	struct client *clients =
		aligned_alloc(THREAD_ALIGN, n * sizeof(*clients));

	if (!clients)
		run_fail(r, "out of memory");
	memset(clients, 0, n * sizeof(*clients));
	for (unsigned i = 0; i < n; i++) {
		struct client *c = &clients[i];

		c->run = r;
		c->work = w;
		c->index = i;
		c->buf = malloc(BLOCK_BYTES);
		if (!c->buf)
			run_fail(r, "out of memory");
		rng_init(&c->rng, cfg.seed + i);
		rng_fill(&c->rng, c->buf, BLOCK_BYTES);
	}
	return clients;
}

/* The last one works in this thread. */
static void run_clients(struct client *clients, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		if (pthread_create(&clients[i].thread, NULL, client_main,
				   &clients[i]) != 0)
			run_fail(clients[i].run, "cannot start a thread");
	client_main(&clients[0]);
	for (unsigned i = 1; i < n; i++)
		(void)pthread_join(clients[i].thread, NULL); /* started */
}

/* Adds all up in the first; frees the rest. */
static void gather(struct client *clients, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		clients[0].done += clients[i].done;
		clients[0].errors += clients[i].errors;
		latency_merge(&clients[0].latency, &clients[i].latency);
		free(clients[i].buf);
	}
	free(clients[0].buf);
}

uint64_t work_do(struct run *r, struct work w)
{
	unsigned n = n_clients(&w);
	struct client *clients = clients_new(r, &w);
	struct row row = { .name = w.name, .clients = n };
	struct meter m;
	uint64_t done;

	if (r->daemon)
		proc_reset_peak_rss(r->daemon);
	meter_start(&m, r);
	run_clients(clients, n);
	row.elapsed_s = (double)(mono_ns() - m.start_ns) / 1e9;
	row.client_s = client_cpu_s() - m.client_s;
	if (w.settles && r->daemon)
		row.settle_s = settle(r->daemon);
	row.daemon_s = daemon_cpu_s(r) - m.daemon_s;
	row.written = written_bytes(r) - m.written;
	row.requests = requests(r) - m.requests;
	row.peak_rss_mib = r->daemon ? proc_peak_rss_mib(r->daemon) : 0;
	row.has_disk = w.settles; /* a walk would warm what is to be cold */
	row.disk_bytes = w.settles ? disk_bytes(r->back) : 0;
	gather(clients, n);
	done = clients[0].done;
	row.ops = done * (w.weight ? w.weight : 1);
	row.bytes = done * w.bytes;
	row.errors = clients[0].errors;
	row.latency = &clients[0].latency;
	row.has_latency = done > 1;
	report_row(r, &row);
	free(clients);
	return done;
}

/* Steps of a number that shares no factor with n, if one of these does not. */
uint64_t shuffled(uint64_t i, uint64_t n)
{
	static const uint64_t steps[] = { 7919, 104729, 1299709, 1 };
	size_t k = 0;

	while (n % steps[k] == 0 && steps[k] != 1)
		k++;
	return (uint64_t)((__extension__(unsigned __int128) i * steps[k]) % n);
}
