/* SPDX-License-Identifier: MIT */
/*
 * Start, loop, stop. server_start() binds in the caller's thread, so that a
 * busy port is its error; everything else happens in the loop's thread.
 *
 * Stopping: the listener closes, each connection answers what it has read
 * (requests that have not begun with SHUTTING_DOWN) and closes; after
 * STOP_GRACE_MS those that do not take their answers are dropped.
 */
#include "server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "server/conn.h"
#include "server/listen_addr.h"
#include "server/server_impl.h"
#include "tree/tree.h"

#define BACKLOG 1024
#define TICK_MS 250
#define STOP_GRACE_MS 3000

/* ---- the loop's events ------------------------------------------------- */

static void on_connection(uv_stream_t *listener, int status)
{
	struct server *s = listener->data;

	if (status == 0)
		conn_accept(s);
	if (s->n_conns > 0 && !uv_is_active((uv_handle_t *)&s->tick))
		(void)uv_timer_again(&s->tick); /* it has a repeat: no error */
}

/* Each connection that has work left takes one turn. */
static void on_idle(uv_idle_t *h)
{
	struct server *s = h->data;
	struct list_node turn = LIST_INIT(turn);

	list_splice_back(&turn, &s->ready);
	while (!list_is_empty(&turn))
		conn_turn(container_of(list_pop_front(&turn), struct conn,
				       ready_link));
	if (list_is_empty(&s->ready))
		(void)uv_idle_stop(&s->idle); /* always 0 */
}

void server_has_ready(struct server *s)
{
	(void)uv_idle_start(&s->idle, on_idle); /* fails without a callback */
}

/* Before the loop waits, whatever phase of it the requests ran in. */
static void on_prepare(uv_prepare_t *h)
{
	struct server *s = h->data;

	if (s->wants_sync)
		syncer_go(s->syncer);
	if (s->wants_told)
		syncer_go(s->teller);
	s->wants_sync = s->wants_told = false;
}

static void on_synced(uv_async_t *h)
{
	struct server *s = h->data;
	struct list_node now = LIST_INIT(now);

	list_splice_back(&now, &s->waiting);
	while (!list_is_empty(&now)) {
		struct list_node *n = list_first(&now);

		list_remove(n);
		list_push_back(&s->waiting, n);
		conn_synced(container_of(n, struct conn, wait_link));
	}
}

static int sync_store(struct service *s)
{
	service_count(s, SRV_SYNCS, 1);
	return tree_sync(s->tree);
}

/* Until the other face has heard of the changes. */
static int settle(struct service *s)
{
	tree_settle(s->tree);
	return 0;
}

static void wake_synced(void *arg)
{
	struct server *s = arg;

	(void)uv_async_send(&s->synced); /* fails only on a closed handle */
}

/* ---- time -------------------------------------------------------------- */

static void close_idle(struct server *s)
{
	uint64_t idle_ms = s->service.options.idle_ms;
	uint64_t now = uv_now(&s->loop);

	while (idle_ms > 0 && !list_is_empty(&s->conns)) {
		struct conn *c =
			container_of(list_first(&s->conns), struct conn, link);

		if (now - c->active_ms < idle_ms)
			return;
		if (c->job) {
			c->active_ms = now; /* it waits for us */
			list_remove(&c->link);
			list_push_back(&s->conns, &c->link);
			continue;
		}
		service_count(&s->service, SRV_TIMED_OUT, 1);
		conn_close(c);
	}
}

/* At most `connections` of them, with a few cursors each. */
static void expire_cursors(struct server *s)
{
	uint64_t ttl_us = s->service.options.cursor_ms * 1000;
	uint64_t now = service_now_us();

	if (now < ttl_us)
		return;
	LIST_FOR_SAFE(&s->cursors, n, after) {
		struct conn *c = container_of(n, struct conn, cursor_link);

		session_expire(&c->session, now - ttl_us);
		if (c->session.n_cursors == 0)
			list_remove(n);
	}
}

static void close_all(struct server *s)
{
	while (!list_is_empty(&s->conns))
		conn_close(
			container_of(list_first(&s->conns), struct conn, link));
}

static void on_tick(uv_timer_t *h)
{
	struct server *s = h->data;

	close_idle(s);
	expire_cursors(s);
	if (s->is_stopping && uv_now(&s->loop) - s->stop_ms > STOP_GRACE_MS)
		close_all(s);
	if (s->n_conns == 0)
		(void)uv_timer_stop(&s->tick); /* always 0 */
}

/* ---- stopping ---------------------------------------------------------- */

static void end_loop(struct server *s)
{
	uv_close((uv_handle_t *)&s->stop, NULL);
	uv_close((uv_handle_t *)&s->synced, NULL);
	uv_close((uv_handle_t *)&s->prepare, NULL);
	uv_close((uv_handle_t *)&s->idle, NULL);
	uv_close((uv_handle_t *)&s->tick, NULL);
}

void server_conn_gone(struct server *s)
{
	s->n_conns--;
	if (s->is_stopping && s->n_conns == 0)
		end_loop(s);
}

static void on_stop(uv_async_t *h)
{
	struct server *s = h->data;

	if (s->is_stopping)
		return;
	s->is_stopping = true;
	s->stop_ms = uv_now(&s->loop);
	uv_close((uv_handle_t *)&s->listener, NULL);
	if (s->n_conns == 0) {
		end_loop(s);
		return;
	}
	(void)uv_timer_again(&s->tick); /* it has a repeat: no error */
	LIST_FOR_SAFE(&s->conns, n, after)
		conn_drain(container_of(n, struct conn, link));
}

static void *run_loop(void *arg)
{
	struct server *s = arg;

	(void)uv_run(&s->loop, UV_RUN_DEFAULT); /* 0: no handle is left */
	return NULL;
}

void server_stop(struct server *s)
{
	if (!s)
		return;
	atomic_store_explicit(&s->service.is_stopping, true,
			      memory_order_relaxed);
	(void)uv_async_send(&s->stop); /* fails only on a closed handle */
	(void)pthread_join(s->thread, NULL);
	syncer_free(s->syncer);
	syncer_free(s->teller);
	(void)uv_loop_close(&s->loop); /* nothing is left in it */
	request_fini(&s->rq);
	service_fini(&s->service);
	free(s);
}

/* ---- starting ---------------------------------------------------------- */

static int bind_listener(struct server *s)
{
	const char *listen = s->service.options.listen;
	struct sockaddr_storage a;
	int len = sizeof(a);
	char text[80];
	int r = listen_addr_parse(listen, &a);

	if (r < 0)
		return r;
	r = uv_tcp_bind(&s->listener, (struct sockaddr *)&a, 0);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&s->listener, BACKLOG,
			      on_connection);
	if (r < 0)
		return err_errno(-r, "cannot listen on %s", listen);
	r = uv_tcp_getsockname(&s->listener, (struct sockaddr *)&a, &len);
	if (r < 0)
		return err_errno(-r, "%s: cannot tell the port", listen);
	s->service.port = ntohs(a.ss_family == AF_INET6
					? ((struct sockaddr_in6 *)&a)->sin6_port
					: ((struct sockaddr_in *)&a)->sin_port);
	listen_addr_format(&a, text, sizeof(text));
	log_info(LOG_SERVER, "listening on %s", text);
	return 0;
}

/* Handles that need no more than memory; failures are out of that. */
static int init_handles(struct server *s)
{
	int r = uv_loop_init(&s->loop);

	if (r < 0)
		return r;
	/* None of these can fail but the asyncs, which share an eventfd. */
	(void)uv_tcp_init(&s->loop, &s->listener);
	(void)uv_prepare_init(&s->loop, &s->prepare);
	(void)uv_idle_init(&s->loop, &s->idle);
	(void)uv_timer_init(&s->loop, &s->tick);
	r = uv_async_init(&s->loop, &s->stop, on_stop);
	if (r == 0)
		r = uv_async_init(&s->loop, &s->synced, on_synced);
	s->listener.data = s->prepare.data = s->idle.data = s;
	s->tick.data = s->stop.data = s->synced.data = s;
	if (r == 0)
		r = uv_prepare_start(&s->prepare, on_prepare);
	if (r == 0)
		r = uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	return r;
}

/* The loop's thread takes no signals: they are the program's main thread's,
 * and a write to a closed socket is an error here, not a SIGPIPE. */
static int start_thread(struct server *s)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old); /* valid arguments */
	r = syncer_new(&s->service, sync_store, wake_synced, s, &s->syncer);
	if (r == 0)
		r = syncer_new(&s->service, settle, wake_synced, s, &s->teller);
	if (r == 0) {
		r = -pthread_create(&s->thread, NULL, run_loop, s);
		if (r < 0)
			(void)err_errno(-r, "the port's thread");
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL); /* valid arguments */
	return r;
}

static void close_handle(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

/* Undoes what a failed start left. */
static void abandon(struct server *s)
{
	uv_walk(&s->loop, close_handle, NULL);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT); /* lets the handles close */
	syncer_free(s->syncer);
	syncer_free(s->teller);
	(void)uv_loop_close(&s->loop);
	request_fini(&s->rq);
	service_fini(&s->service);
	free(s);
}

int server_start(struct tree *t, const struct server_options *o,
		 struct server **out)
{
	struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem("the port");
	list_init(&s->conns);
	list_init(&s->ready);
	list_init(&s->waiting);
	list_init(&s->cursors);
	request_init(&s->rq, NULL, false);
	r = service_init(&s->service, t, o);
	if (r < 0) {
		free(s);
		return r;
	}
	r = init_handles(s);
	if (r < 0) {
		service_fini(&s->service);
		free(s);
		return err_errno(-r, "the port's event loop");
	}
	r = bind_listener(s);
	if (r == 0)
		r = start_thread(s);
	if (r < 0) {
		abandon(s);
		return r;
	}
	*out = s;
	return 0;
}

uint16_t server_port(const struct server *s)
{
	return s->service.port;
}
