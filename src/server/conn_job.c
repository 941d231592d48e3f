/* SPDX-License-Identifier: MIT */
/*
 * Requests that a worker thread runs, so that the loop goes on meanwhile. The
 * connection waits: it has at most one job. A long request comes back after
 * each slice and queues again, behind other connections' jobs.
 */
#include <errno.h>
#include <stdlib.h>

#include "server/conn.h"

struct job {
	uv_work_t work;
	struct conn *conn;
	struct buf line;
	size_t line_at, line_len; /* the request within `line` */
	struct buf out;
	struct request rq;
	int result;
};

static void on_job_done(uv_work_t *work, int status);

static void job_free(struct job *j)
{
	request_fini(&j->rq);
	buf_fini(&j->line);
	buf_fini(&j->out);
	free(j);
}

/* In a worker thread. */
static void on_job(uv_work_t *work)
{
	struct job *j = work->data;

	if (j->result == REQUEST_MORE)
		j->result = request_continue(&j->rq);
	else
		j->result =
			request_run(&j->rq, (char *)j->line.data + j->line_at,
				    j->line_len, &j->out);
}

static int queue_job(struct job *j)
{
	return uv_queue_work(&j->conn->server->loop, &j->work, on_job,
			     on_job_done) < 0
		       ? -ENOMEM
		       : 0;
}

/* Moves the answer over: by exchange where that saves a copy. */
static int take_answer(struct conn *c, struct job *j)
{
	size_t mark = c->out.len;
	int r = 0;

	if (mark == 0)
		buf_swap(&c->out, &j->out);
	else
		r = buf_append_slice(&c->out, buf_slice(&j->out));
	return r < 0 ? r : conn_answered(c, mark, &j->rq);
}

static void on_job_done(uv_work_t *work, int status)
{
	struct job *j = work->data;
	struct conn *c = j->conn;
	int r = status < 0 ? -ECANCELED : j->result;

	if (r == REQUEST_MORE && !c->is_closing && queue_job(j) == 0)
		return;
	c->job = NULL;
	if (!c->is_closing && (r != REQUEST_DONE || take_answer(c, j) < 0))
		conn_close(c);
	job_free(j);
	if (c->is_closed)
		conn_free(c);
	else
		conn_turn(c);
}

/* Is `line` all that `in` holds, its end of line aside? */
static bool is_all_of_in(const struct conn *c, const char *line, size_t len)
{
	size_t rest = c->in.len - c->in_at;

	if (rest == 0 || line != (const char *)c->in.data + c->in_at)
		return false;
	return rest - len <= 1 || (rest - len == 2 && line[len] == '\r');
}

/* A big line is not copied if that can be helped: the loop would stand. */
static int take_line(struct conn *c, struct job *j, const char *line,
		     size_t len)
{
	j->line_len = len;
	if (!is_all_of_in(c, line, len))
		return buf_append(&j->line, line, len);
	buf_swap(&j->line, &c->in);
	j->line_at = c->in_at;
	c->in_at = 0;
	return 0;
}

int conn_start_job(struct conn *c, const char *line, size_t len)
{
	struct job *j = malloc(sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	j->work.data = j;
	j->conn = c;
	j->result = REQUEST_WORKER;
	j->line_at = 0;
	buf_init(&j->line);
	buf_init(&j->out);
	request_init(&j->rq, &c->session, true);
	r = take_line(c, j, line, len);
	if (r == 0)
		r = queue_job(j);
	if (r < 0) {
		job_free(j);
		return r;
	}
	c->job = j;
	list_remove(&c->cursor_link); /* the session is the worker's now */
	service_count(&c->server->service, SRV_JOBS, 1);
	return 0;
}
