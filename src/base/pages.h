/* SPDX-License-Identifier: MIT */
/*
 * Memory by the page, for what is large and comes and goes: freed, it is the
 * system's again at once. malloc() raises its limit for mappings of its own
 * with what is freed, up to 32 MiB, and keeps what lies between smaller things
 * in each thread's arena: of the headers of tables that readers opened and
 * dropped it kept half as much again as the whole budget for memory.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>
#include <stdint.h>

struct pages {
	uint8_t *data; /* begins a page */
	size_t bytes;  /* whole pages */
};

#define PAGES_INIT ((struct pages){ NULL, 0 })

/* At least `n` bytes, n > 0. 0 or -ENOMEM, then *p is as PAGES_INIT. */
int pages_new(struct pages *p, size_t n);

/* Leaves PAGES_INIT; of that it does nothing. */
void pages_free(struct pages *p);

#endif
