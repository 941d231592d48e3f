/* SPDX-License-Identifier: MIT */
/*
 * Answers on their way out. Usually `out` collects the answers of a turn and
 * one write hands them to the kernel. Three things detain them: a socket that
 * is full (`sending` waits for it while `out` collects on), a sync, and a
 * change that the other face has not heard of yet.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "server/conn.h"

#define KEEP_BYTES 16384

/* Answers that leave together, once the sync of `ticket` is over. */
struct held {
	struct list_node link; /* conn.held */
	uint64_t ticket;       /* 0: waits only for those before it */
	uint64_t told_ticket;  /* the teller's; 0: none */
	struct buf text;
	struct buf id; /* for the error answer instead */
};

static void held_free(struct conn *c, struct held *h)
{
	if (h->told_ticket)
		c->server->service.n_untold--;
	list_remove(&h->link);
	buf_fini(&h->text);
	buf_fini(&h->id);
	free(h);
}

void conn_out_fini(struct conn *c)
{
	while (!list_is_empty(&c->held))
		held_free(c, container_of(list_first(&c->held), struct held,
					  link));
	buf_fini(&c->out);
	buf_fini(&c->sending);
}

size_t conn_pending(const struct conn *c)
{
	return c->out.len + c->sending.len + c->held_bytes;
}

/* ---- waiting for a sync ------------------------------------------------ */

static size_t held_size(const struct held *h)
{
	return sizeof(*h) + h->text.len + h->id.len;
}

static struct held *held_new(uint64_t ticket)
{
	struct held *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->ticket = ticket;
	list_init(&h->link);
	return h;
}

static int hold(struct conn *c, struct tt_slice text, const struct request *rq)
{
	uint64_t ticket = 0;
	struct held *h;
	int r;

	if (rq->wants_sync) {
		ticket = syncer_ticket(c->server->syncer);
		c->server->wants_sync = true;
		service_count(&c->server->service, SRV_SYNC_WAITS, 1);
	}
	h = held_new(ticket);
	if (!h)
		return -ENOMEM;
	if (rq->wants_told) {
		h->told_ticket = syncer_ticket(c->server->teller);
		c->server->wants_told = true;
		c->server->service.n_untold++;
	}
	r = buf_append_slice(&h->text, text);
	if (r == 0 && rq->wants_sync)
		r = buf_append_slice(&h->id, rq->id);
	if (r < 0) {
		held_free(c, h);
		return r;
	}
	c->held_bytes += held_size(h);
	list_push_back(&c->held, &h->link);
	if (!list_is_linked(&c->wait_link))
		list_push_back(&c->server->waiting, &c->wait_link);
	return 0;
}

int conn_answered(struct conn *c, size_t mark, const struct request *rq)
{
	int r;

	if (likely(!rq->wants_sync && !rq->wants_told &&
		   list_is_empty(&c->held)))
		return 0;
	r = hold(c, SLICE(c->out.data + mark, c->out.len - mark), rq);
	if (r == 0)
		buf_truncate(&c->out, mark);
	return r;
}

static int let_go(struct conn *c, const struct held *h, uint64_t failed,
		  const struct err_saved *why)
{
	if (h->ticket < failed)
		return buf_append_slice(&c->out, buf_slice(&h->text));
	return request_refuse(&c->out, buf_slice(&h->id), why->code, why->text);
}

void conn_synced(struct conn *c)
{
	uint64_t done, failed, told, never;
	struct err_saved why, none;

	syncer_state(c->server->teller, &told, &never, &none);
	syncer_state(c->server->syncer, &done, &failed, &why);
	while (!list_is_empty(&c->held)) {
		struct held *h =
			container_of(list_first(&c->held), struct held, link);

		if (h->ticket > done || h->told_ticket > told)
			break;
		if (let_go(c, h, failed, &why) < 0) {
			conn_close(c);
			return;
		}
		c->held_bytes -= held_size(h);
		held_free(c, h);
	}
	if (list_is_empty(&c->held))
		list_remove(&c->wait_link);
	conn_turn(c);
}

/* ---- writing ----------------------------------------------------------- */

static void on_written(uv_write_t *w, int status)
{
	struct conn *c = w->data;

	c->is_writing = false;
	buf_clear(&c->sending);
	buf_shrink(&c->sending, 0);
	if (status < 0)
		conn_close(c);
	else
		conn_turn(c);
}

/* Leaves what the kernel did not take (all but `n` bytes) to libuv. */
static void write_rest(struct conn *c, size_t n)
{
	uv_buf_t b;

	buf_swap(&c->out, &c->sending);
	b = uv_buf_init((char *)c->sending.data + n,
			(unsigned)(c->sending.len - n));
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &b, 1, on_written) < 0)
		conn_close(c);
	else
		c->is_writing = true;
}

void conn_flush(struct conn *c)
{
	uv_buf_t b;
	int n;

	if (c->out.len == 0 || c->is_writing)
		return;
	service_count(&c->server->service, SRV_BYTES_OUT, c->out.len);
	b = uv_buf_init((char *)c->out.data, (unsigned)c->out.len);
	n = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
	if (n < 0 && n != UV_EAGAIN) {
		conn_close(c);
	} else if (n < 0 || (size_t)n < c->out.len) {
		write_rest(c, n < 0 ? 0 : (size_t)n);
	} else {
		buf_clear(&c->out);
		buf_shrink(&c->out, KEEP_BYTES);
	}
}
