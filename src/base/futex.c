/* SPDX-License-Identifier: MIT */
#include "base/futex.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* No call can fail with anything but "do look again". */

void futex_sleep(_Atomic uint32_t *word, uint32_t seen)
{
	(void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

void futex_sleep_until(_Atomic uint32_t *word, uint32_t seen,
		       uint64_t deadline_ns)
{
	/* Unlike FUTEX_WAIT it takes a point in time. */
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / 1000000000u),
		.tv_nsec = (long)(deadline_ns % 1000000000u),
	};

	(void)syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, seen, &until,
		      NULL, FUTEX_BITSET_MATCH_ANY);
}

void futex_wake(_Atomic uint32_t *word, int32_t n)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}
