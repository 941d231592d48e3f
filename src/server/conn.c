/* SPDX-License-Identifier: MIT */
#include "server/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "server/reply.h"

static void update_reading(struct conn *c);

/* ---- life -------------------------------------------------------------- */

void conn_free(struct conn *c)
{
	struct server *s = c->server;

	session_fini(&c->session);
	buf_fini(&c->in);
	conn_out_fini(c);
	free(c);
	server_conn_gone(s);
}

static void on_closed(uv_handle_t *h)
{
	struct conn *c = h->data;

	c->is_closed = true;
	if (!c->job)
		conn_free(c);
}

void conn_close(struct conn *c)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	service_count(&c->server->service, SRV_CLOSED, 1);
	list_remove(&c->link);
	list_remove(&c->ready_link);
	list_remove(&c->wait_link);
	list_remove(&c->cursor_link);
	uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void touch(struct conn *c)
{
	uint64_t now = uv_now(&c->server->loop);

	if (c->active_ms == now)
		return;
	c->active_ms = now;
	list_remove(&c->link);
	list_push_back(&c->server->conns, &c->link);
}

/* ---- lines ------------------------------------------------------------- */

static bool is_blocked(const struct conn *c)
{
	return c->job || c->is_closing || c->hangs_up ||
	       conn_pending(c) > OUT_HIGH;
}

/*
 * A web page can make a browser send a request whose body is ours to run.
 * What begins like HTTP is answered once and hung up on.
 */
static bool is_http(const char *line, size_t len)
{
	static const char *const methods[] = { "GET ",	 "POST ",    "PUT ",
					       "HEAD ",	 "OPTIONS ", "DELETE ",
					       "PATCH ", "CONNECT " };

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (slice_has_prefix(SLICE(line, len), slice_str(methods[i])))
			return memmem(line, len, " HTTP/", 6) != NULL;
	return false;
}

static int refuse(struct conn *c, int code, const char *text)
{
	struct request plain = { .wants_sync = false };
	size_t mark = c->out.len;
	int r = request_refuse(&c->out, SLICE_EMPTY, code, text);

	service_count(&c->server->service, SRV_REQUESTS, 1);
	service_count(&c->server->service, SRV_ERRORS, 1);
	return r < 0 ? r : conn_answered(c, mark, &plain);
}

static int refuse_long(struct conn *c)
{
	c->is_discarding = false;
	service_count(&c->server->service, SRV_LINES_TOO_LONG, 1);
	(void)err_set(TT_ETOOBIG, "the line is over %zu bytes",
		      c->server->service.options.line_max);
	return refuse(c, TT_ETOOBIG, NULL);
}

static int run_line(struct conn *c, const char *line, size_t len)
{
	struct request *rq = &c->server->rq;
	size_t mark = c->out.len;
	int r;

	c->budget--;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (c->is_discarding || len > c->server->service.options.line_max)
		return refuse_long(c);
	if (len > 0 && line[0] != '{' && is_http(line, len)) {
		c->hangs_up = true;
		return refuse(c, -EBADMSG,
			      "this port speaks JSON lines, not HTTP");
	}
	rq->session = &c->session;
	r = request_run(rq, line, len, &c->out);
	if (r == REQUEST_WORKER)
		return conn_start_job(c, line, len);
	return r < 0 ? r : conn_answered(c, mark, rq);
}

/*
 * Runs whole lines of the `n` bytes at `p` while the turn lasts; returns how
 * many bytes are done with. p is `in` from in_at on, or the slab when `in` is
 * empty.
 */
static size_t run_lines(struct conn *c, const char *p, size_t n)
{
	size_t at = 0, len;
	const char *nl;

	while (at < n && c->budget > 0 && !is_blocked(c)) {
		nl = memchr(p + at + c->searched, '\n', n - at - c->searched);
		if (!nl) {
			c->searched = n - at;
			if (c->is_discarding ||
			    c->searched >
				    c->server->service.options.line_max + 1) {
				c->is_discarding = true;
				c->searched = 0;
				at = n;
			}
			break;
		}
		len = (size_t)(nl - (p + at));
		c->searched = 0;
		if (run_line(c, p + at, len) < 0) {
			conn_close(c); /* no memory for an answer */
			return n;
		}
		at += len + 1;
	}
	return at;
}

/* Forgets the first `n` bytes of `in`. */
static void drop_in(struct conn *c, size_t n)
{
	size_t rest;

	c->in_at += n;
	rest = c->in.len - c->in_at;
	if (rest > 0 && rest > c->in_at)
		return; /* moving it would cost more than it frees */
	if (rest > 0)
		memmove(c->in.data, c->in.data + c->in_at, rest);
	c->in.len = rest;
	c->in_at = 0;
	if (rest == 0)
		buf_shrink(&c->in, 0);
}

static void run_in(struct conn *c)
{
	const uint8_t *p = c->in.data;
	size_t used;

	used = run_lines(c, (const char *)p + c->in_at, c->in.len - c->in_at);
	if (c->in.data == p) /* else a job has taken it */
		drop_in(c, used);
}

/* Behind the last newline at the end of input there may be one more line. */
static void run_tail(struct conn *c)
{
	size_t n = c->in.len - c->in_at;
	const uint8_t *p = c->in.data;

	if (n == 0 && !c->is_discarding)
		return;
	if (c->server->is_stopping) { /* it will not get its rest */
		c->is_discarding = false;
		drop_in(c, n);
		return;
	}
	if (run_line(c, n ? (const char *)p + c->in_at : "", n) < 0)
		conn_close(c);
	else if (c->in.data == p)
		drop_in(c, n);
}

/* ---- turns ------------------------------------------------------------- */

static bool is_finished(const struct conn *c)
{
	if (c->job || conn_pending(c) > 0)
		return false;
	if (c->hangs_up)
		return true;
	return c->has_eof && c->in.len == c->in_at && !c->is_discarding;
}

/* What follows once lines have run. */
static void end_turn(struct conn *c)
{
	struct server *s = c->server;
	bool was_blocked, has_more;

	if (!is_blocked(c) && c->has_eof && c->budget > 0)
		run_tail(c);
	was_blocked = is_blocked(c);
	if (!c->is_closing)
		conn_flush(c);
	if (c->is_closing)
		return;
	if (is_finished(c)) {
		conn_close(c);
		return;
	}
	list_remove(&c->ready_link);
	/* Lines may be left by the end of the turn, or because answers had
	 * piled up that the kernel has just taken. */
	has_more = (c->budget == 0 || was_blocked) &&
		   (c->in.len > c->in_at || c->has_eof);
	if (has_more && !is_blocked(c)) {
		list_push_back(&s->ready, &c->ready_link);
		server_has_ready(s);
	}
	list_remove(&c->cursor_link);
	if (!c->job && c->session.n_cursors > 0)
		list_push_back(&s->cursors, &c->cursor_link);
	update_reading(c);
}

void conn_turn(struct conn *c)
{
	if (c->is_closing)
		return;
	c->budget = TURN_REQUESTS;
	run_in(c);
	end_turn(c);
}

void conn_drain(struct conn *c)
{
	c->has_eof = true;
	conn_turn(c);
}

/* ---- reading ----------------------------------------------------------- */

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
	struct conn *c = h->data;
	size_t pending = c->in.len - c->in_at;
	size_t want = MIN_OF(MAX_OF(pending, IN_HIGH), (size_t)1 << 20);

	(void)suggested;
	if (pending == 0) {
		*out = uv_buf_init(c->server->slab, SLAB_BYTES);
	} else if (buf_reserve(&c->in, want) < 0) {
		*out = uv_buf_init(NULL, 0); /* read as UV_ENOBUFS */
	} else {
		/* No more than a slab, however much room there is: libuv reads
		 * again while reads are full, others wait meanwhile. */
		*out = uv_buf_init((char *)buf_tail(&c->in), SLAB_BYTES);
	}
}

static void take_slab(struct conn *c, size_t n)
{
	const char *p = c->server->slab;
	size_t used = run_lines(c, p, n);

	c->in.len = c->in_at = 0;
	if (used < n && !c->is_closing &&
	    buf_append(&c->in, p + used, n - used) < 0)
		conn_close(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
	struct conn *c = stream->data;

	if (n == 0)
		return;
	touch(c);
	c->budget = TURN_REQUESTS;
	if (n == UV_EOF) {
		c->has_eof = true;
		run_in(c);
	} else if (n < 0) {
		conn_close(c);
		return;
	} else {
		service_count(&c->server->service, SRV_BYTES_IN, (uint64_t)n);
		if (b->base == c->server->slab) {
			take_slab(c, (size_t)n);
		} else {
			buf_advance(&c->in, (size_t)n);
			run_in(c);
		}
	}
	end_turn(c);
}

static void update_reading(struct conn *c)
{
	bool waits = is_blocked(c) || list_is_linked(&c->ready_link);
	bool too_much = conn_pending(c) > OUT_HIGH ||
			(waits && c->in.len - c->in_at >= IN_HIGH);
	bool wants = !too_much && !c->has_eof && !c->hangs_up;

	if (too_much && !c->is_paused)
		service_count(&c->server->service, SRV_PAUSES, 1);
	c->is_paused = too_much;
	if (wants == c->is_reading)
		return;
	c->is_reading = wants;
	if (!wants)
		(void)uv_read_stop((uv_stream_t *)&c->tcp); /* always 0 */
	else if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0)
		conn_close(c);
}

/* ---- accepting --------------------------------------------------------- */

static void refuse_conn(struct conn *c)
{
	struct buf line = BUF_INIT;
	uv_buf_t b;

	service_count(&c->server->service, SRV_REFUSED, 1);
	if (request_refuse(&line, SLICE_EMPTY, -EBUSY,
			   "too many connections; try again later") == 0) {
		b = uv_buf_init((char *)line.data, (unsigned)line.len);
		/* A fresh socket has room for a line. */
		(void)uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
	}
	buf_fini(&line);
	conn_close(c);
}

void conn_accept(struct server *s)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c || uv_tcp_init(&s->loop, &c->tcp) < 0) {
		log_warn(LOG_SERVER, "no memory for a connection");
		free(c);
		return;
	}
	c->server = s;
	c->tcp.data = c;
	c->write.data = c;
	session_init(&c->session, &s->service);
	list_init(&c->link);
	list_init(&c->ready_link);
	list_init(&c->wait_link);
	list_init(&c->cursor_link);
	list_init(&c->held);
	s->n_conns++;
	service_count(&s->service, SRV_ACCEPTED, 1);
	if (uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)&c->tcp) <
	    0) {
		conn_close(c);
		return;
	}
	(void)uv_tcp_nodelay(&c->tcp, 1);	/* slower without, not wrong */
	(void)uv_tcp_keepalive(&c->tcp, 1, 60); /* the same */
	if (s->n_conns > s->service.options.connections) {
		refuse_conn(c);
		return;
	}
	touch(c);
	update_reading(c);
}
