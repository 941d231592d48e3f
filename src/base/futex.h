/* SPDX-License-Identifier: MIT */
/*
 * Sleeping on a word of memory, futex(2), where a condition variable would
 * have all that it wakes meet again at its mutex. Whoever changes what others
 * wait for changes the word and then wakes; who reads the word, finds nothing
 * to do and then sleeps on what it read misses nothing.
 *
 * The word orders no other memory: what it announces is stored with release
 * and loaded with acquire by itself. Words are of this process alone.
 */
#ifndef BASE_FUTEX_H
#define BASE_FUTEX_H

#include <stdint.h>

#define FUTEX_ALL INT32_MAX

/* Sleeps until somebody wakes `word`; not at all when it is no longer `seen`.
 * Comes back spuriously. */
void futex_sleep(_Atomic uint32_t *word, uint32_t seen);

/* The same until `deadline_ns` of mono_ns(), as a rule some 50 us longer. */
void futex_sleep_until(_Atomic uint32_t *word, uint32_t seen,
		       uint64_t deadline_ns);

/* Wakes up to `n` threads that sleep on `word`. Any lock may be held; better
 * none that they will want. */
void futex_wake(_Atomic uint32_t *word, int32_t n);

#endif
