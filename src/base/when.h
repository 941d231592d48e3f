/* SPDX-License-Identifier: MIT */
/*
 * Moments as people write them, for reads of the past. Thread-safe.
 */
#ifndef BASE_WHEN_H
#define BASE_WHEN_H

#include <stdint.h>

/*
 * Understands, as microseconds since the epoch:
 *	2026-11-26, 2026-11-26 08:30, 2026-11-26T08:30:15.5	local time
 *	2026-11-26T08:30:15Z, 2026-11-26 08:30+01:00		of that zone
 *	@1795680000, @1795680000.25				seconds
 *	90s, 5m, 2h, 1d		that long before `now_us`
 *	1795680000123456	a timestamp of the store, as the port shows it
 * -EINVAL for anything else and for what is not after the epoch.
 */
int when_parse(const char *text, int64_t now_us, int64_t *out_us);

#endif
