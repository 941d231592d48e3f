/* SPDX-License-Identifier: MIT */
/* What a ttrunksfs tells on its port. */
#ifndef FSBENCH_STATS_H
#define FSBENCH_STATS_H

#include <stdint.h>

/* Requests of the kernel that the daemon on 127.0.0.1:PORT has seen, but for
 * those that give lookups back; 0 where it does not answer. */
uint64_t stats_requests(unsigned port);

#endif
