/* SPDX-License-Identifier: MIT */
/*
 * "HOST:PORT" as the setting `listen` has it: an IPv4 address, an IPv6
 * address in brackets, or "localhost". Thread-safe.
 */
#ifndef SERVER_LISTEN_ADDR_H
#define SERVER_LISTEN_ADDR_H

#include <stddef.h>
#include <sys/socket.h>

/*
 * Parses `text`; only loopback is taken, while the port has no
 * authentication. -EINVAL and -EACCES name what is wrong.
 */
int listen_addr_parse(const char *text, struct sockaddr_storage *out);

/* "127.0.0.1:8080" of a bound address. */
void listen_addr_format(const struct sockaddr_storage *a, char *out,
			size_t cap);

#endif
