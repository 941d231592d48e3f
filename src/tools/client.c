/* SPDX-License-Identifier: MIT */
#include "tools/client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

#define READ_BYTES 65536

struct client {
	int fd;
	int timeout_ms; /* -1: none */
	char address[128];
	struct buf out;
	size_t sent; /* of `out` */
	struct buf in;
	size_t in_at;	 /* start of the next answer */
	size_t searched; /* bytes of it without a newline */
};

/* ---- connecting -------------------------------------------------------- */

/* getaddrinfo() takes any number, and what is left of it in 16 bits. */
static bool is_port(const char *text)
{
	size_t n = strspn(text, "0123456789");
	long v = strtol(text, NULL, 10);

	return n > 0 && n < 6 && !text[n] && v > 0 && v <= 65535;
}

static int split(const char *address, char *host, size_t cap, const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;

	if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
		address++;
		n -= 2;
	}
	if (n == 0 || n >= cap || !is_port(colon + 1))
		return err_set(-EINVAL,
			       "\"%s\": want HOST:PORT, with a port from 1 to "
			       "65535",
			       address);
	memcpy(host, address, n);
	host[n] = '\0';
	*port = colon + 1;
	return 0;
}

static int wait_for(struct client *c, short events)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	int n;

	do {
		n = poll(&p, 1, c->timeout_ms);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(errno, "%s: poll", c->address);
	if (n == 0)
		return err_set(-ETIMEDOUT, "%s: no answer within %d ms",
			       c->address, c->timeout_ms);
	return 0;
}

static int finish_connect(struct client *c)
{
	socklen_t len = sizeof(int);
	int e = 0;
	int r = wait_for(c, POLLOUT);

	if (r < 0)
		return r;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
		e = errno;
	return e ? err_errno(e, "cannot connect to %s", c->address) : 0;
}

static int try_address(struct client *c, const struct addrinfo *a)
{
	int one = 1, r = 0;

	c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0);
	if (c->fd < 0)
		return err_errno(errno, "cannot connect to %s", c->address);
	if (connect(c->fd, a->ai_addr, a->ai_addrlen) < 0)
		r = errno == EINPROGRESS
			    ? finish_connect(c)
			    : err_errno(errno, "cannot connect to %s",
					c->address);
	if (r < 0) {
		(void)close(c->fd); /* nothing was written to it */
		c->fd = -1;
		return r;
	}
	/* Slower without, not wrong. */
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return 0;
}

static int connect_any(struct client *c, const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_family = AF_UNSPEC };
	struct addrinfo *list;
	int r = getaddrinfo(host, port, &hints, &list);

	if (r != 0)
		return err_set(-EHOSTUNREACH, "cannot connect to %s: %s",
			       c->address, gai_strerror(r));
	r = -EHOSTUNREACH;
	for (struct addrinfo *a = list; a && r < 0; a = a->ai_next)
		r = try_address(c, a);
	freeaddrinfo(list);
	return r;
}

int client_connect(const char *address, int64_t timeout_ms, struct client **out)
{
	struct client *c;
	const char *port = NULL;
	char host[104];
	int r;

	r = split(address, host, sizeof(host), &port);
	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_nomem("a connection");
	c->fd = -1;
	c->timeout_ms = timeout_ms > 0 ? (int)MIN_OF(timeout_ms, 86400000) : -1;
	(void)snprintf(c->address, sizeof(c->address), "%s", address);
	r = connect_any(c, host, port);
	if (r < 0) {
		client_close(c);
		return r;
	}
	*out = c;
	return 0;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		(void)close(c->fd); /* a socket: nothing to lose */
	buf_fini(&c->out);
	buf_fini(&c->in);
	free(c);
}

/* ---- moving bytes ------------------------------------------------------ */

struct buf *client_requests(struct client *c)
{
	return &c->out;
}

/* Reads what there is: 1 when something came, 0 when nothing is there. */
static int read_some(struct client *c)
{
	ssize_t n;

	if (c->in_at > 0 && c->in_at * 2 >= c->in.len) {
		memmove(c->in.data, c->in.data + c->in_at,
			c->in.len - c->in_at);
		c->in.len -= c->in_at;
		c->in_at = 0;
	}
	if (buf_reserve(&c->in, READ_BYTES) < 0)
		return err_nomem("an answer");
	n = recv(c->fd, buf_tail(&c->in), c->in.cap - c->in.len, 0);
	if (n > 0) {
		buf_advance(&c->in, (size_t)n);
		return 1;
	}
	if (n == 0)
		return err_set(-EPIPE, "%s: the server closed the connection",
			       c->address);
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return err_errno(errno, "%s: cannot read", c->address);
}

static int write_some(struct client *c)
{
	ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent,
			 MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return err_errno(errno, "%s: cannot send", c->address);
	if (n > 0)
		c->sent += (size_t)n;
	return n > 0;
}

int client_send(struct client *c)
{
	int r;

	while (c->sent < c->out.len) {
		r = write_some(c);
		if (r > 0)
			continue;
		/* An answer may be on its way that says why. */
		if (r < 0)
			return read_some(c) > 0 ? 0 : r;
		r = wait_for(c, POLLIN | POLLOUT);
		if (r == 0)
			r = read_some(c);
		if (r < 0)
			return r;
	}
	c->sent = 0;
	buf_clear(&c->out);
	return 0;
}

static bool next_line(struct client *c, struct tt_slice *line)
{
	const char *p = (const char *)c->in.data + c->in_at;
	size_t n = c->in.len - c->in_at;
	const char *nl;

	if (n == c->searched)
		return false;
	nl = memchr(p + c->searched, '\n', n - c->searched);
	if (!nl) {
		c->searched = n;
		return false;
	}
	*line = SLICE(p, (size_t)(nl - p));
	c->in_at += line->len + 1;
	c->searched = 0;
	return true;
}

int client_answer(struct client *c, struct tt_slice *line)
{
	int r = client_send(c);

	if (r < 0)
		return r;
	while (!next_line(c, line)) {
		r = wait_for(c, POLLIN);
		if (r == 0)
			r = read_some(c);
		if (r < 0)
			return r;
	}
	return 0;
}
