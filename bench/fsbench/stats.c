/* SPDX-License-Identifier: MIT */
#include "stats.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

#define PREFIX "\"fuse.requests."

static int dial(unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Reads one line. 0 or negative. */
static int read_line(int fd, struct buf *line)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(line, 65536) < 0)
			return -1;
		n = read(fd, buf_tail(line), 65536);
		if (n <= 0)
			return -1;
		buf_advance(line, (size_t)n);
		if (line->data[line->len - 1] == '\n')
			return buf_append_byte(line, 0);
	}
}

static uint64_t add_up(const char *text)
{
	uint64_t sum = 0;

	while ((text = strstr(text, PREFIX)) != NULL) {
		const char *name = text + strlen(PREFIX);
		const char *value = strstr(name, "\":");

		if (!value)
			break;
		if (strncmp(name, "forget\"", 7) != 0)
			sum += strtoull(value + 2, NULL, 10);
		text = value;
	}
	return sum;
}

uint64_t stats_requests(unsigned port)
{
	static const char ask[] = "{\"operation\":\"STATS\"}\n";
	struct buf line = BUF_INIT;
	uint64_t sum = 0;
	int fd = dial(port);

	if (fd < 0)
		return 0;
	if (write(fd, ask, sizeof(ask) - 1) == (ssize_t)sizeof(ask) - 1 &&
	    read_line(fd, &line) == 0)
		sum = add_up((const char *)line.data);
	(void)close(fd);
	buf_fini(&line);
	return sum;
}
