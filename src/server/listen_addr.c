/* SPDX-License-Identifier: MIT */
#include "server/listen_addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static int bad(const char *text)
{
	return err_set(-EINVAL,
		       "listen address \"%s\": want HOST:PORT, such as "
		       "127.0.0.1:8080 or [::1]:8080, with a port from 0 to "
		       "65535",
		       text);
}

static int parse_port(const char *text, uint16_t *out)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (*end || errno || v > 65535)
		return -EINVAL;
	*out = (uint16_t)v;
	return 0;
}

static bool is_v4(const char *host, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, host, &v4.sin_addr) != 1)
		return false;
	v4.sin_port = htons(port);
	memcpy(out, &v4, sizeof(v4));
	return true;
}

static bool is_v6(const char *host, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
		return false;
	v6.sin6_port = htons(port);
	memcpy(out, &v6, sizeof(v6));
	return true;
}

static bool is_loopback(const struct sockaddr_storage *a)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (a->ss_family == AF_INET) {
		memcpy(&v4, a, sizeof(v4));
		return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
	}
	memcpy(&v6, a, sizeof(v6));
	return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

int listen_addr_parse(const char *text, struct sockaddr_storage *out)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_storage a;
	char host[64];
	uint16_t port;
	size_t n;

	if (!colon || parse_port(colon + 1, &port) < 0)
		return bad(text);
	n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(host))
		return bad(text);
	memcpy(host, text, n);
	host[n] = '\0';
	memset(&a, 0, sizeof(a));
	if (!is_v4(!strcmp(host, "localhost") ? "127.0.0.1" : host, port, &a) &&
	    !is_v6(host, port, &a))
		return bad(text);
	if (!is_loopback(&a))
		return err_set(-EACCES,
			       "listen address \"%s\": only loopback "
			       "(127.0.0.1, [::1]) is allowed, the port has "
			       "no authentication",
			       host);
	*out = a;
	return 0;
}

void listen_addr_format(const struct sockaddr_storage *a, char *out, size_t cap)
{
	char host[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (a->ss_family == AF_INET) {
		memcpy(&v4, a, sizeof(v4));
		(void)inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
		(void)snprintf(out, cap, "%s:%u", host, ntohs(v4.sin_port));
		return;
	}
	memcpy(&v6, a, sizeof(v6));
	(void)inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
	(void)snprintf(out, cap, "[%s]:%u", host, ntohs(v6.sin6_port));
}
